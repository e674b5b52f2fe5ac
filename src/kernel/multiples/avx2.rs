//! The plain loop, for vectors of 8.

use crate::code::Code;

#[target_feature(enable = "avx2")]
pub(super) fn multiples<C: Code>(first: i32, step: f32, codes: &[C], values: &mut [f32]) -> u32 {
    super::portable::multiples(first, step, codes, values)
}
