//! Levels at multiples of a step.

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512;
mod portable;

use super::level::dispatch;
use crate::code::Code;

/// Code `c` becomes `(first + c) * step`, or the end of f32 that it is beyond. Returns the largest code, which tells whether
/// that made sense. There are as many values as codes.
pub(crate) fn multiples<C: Code>(first: i32, step: f32, codes: &[C], values: &mut [f32]) -> u32 {
    dispatch!(multiples(first, step, codes, values): avx512 avx2)
}
