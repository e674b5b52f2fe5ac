//! The plain loop, for vectors of 8.

use super::portable;
use crate::{code::Code, kernel::level::twins};

twins! {"avx2":
    fn multiples<C: Code>(first: i32, step: f32, codes: &[C], values: &mut [f32]) -> u32;
}
