//! f32 to f16 or bf16 and back, by slices of the same length.
//!
//! To the nearest, and of two as near to the even one; NaN stays NaN, quiet, with what there is room for of its payload. As
//! the `half` crate does value by value.

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512;
mod portable;

use super::level::dispatch;
use half::{bf16, f16, slice::HalfFloatSliceExt};

pub(crate) fn narrow_f16(values: &[f32], out: &mut [f16]) {
    dispatch!(narrow_f16(values, out.reinterpret_cast_mut()): avx512 avx2);
}

pub(crate) fn widen_f16(values: &[f16], out: &mut [f32]) {
    dispatch!(widen_f16(values.reinterpret_cast(), out): avx512 avx2);
}

pub(crate) fn narrow_bf16(values: &[f32], out: &mut [bf16]) {
    dispatch!(narrow_bf16(values, out.reinterpret_cast_mut()): avx512 avx2);
}

pub(crate) fn widen_bf16(values: &[bf16], out: &mut [f32]) {
    dispatch!(widen_bf16(values.reinterpret_cast(), out): avx512 avx2);
}

#[cfg(test)]
mod tests;
