//! Values <-> codes under a scale and an offset: x = scale * level + offset.
//!
//! `nearest` and `level` are the law of one value in units of the scale. Division, not multiplication by a reciprocal:
//! it is correctly rounded, and the reciprocal of a subnormal scale is infinite.

use crate::code::Code;

/// One scale for all `values`.
#[inline(always)]
pub(crate) fn quantize_run<C: Code>(
    scale: f32,
    offset: f32,
    values: &[f32],
    codes: &mut [C],
    nearest: impl Fn(f32) -> u32,
) {
    for (code, x) in codes.iter_mut().zip(values) {
        *code = C::from_u32(nearest((x - offset) / scale));
    }
}

/// One scale for all `codes`.
#[inline(always)]
pub(crate) fn dequantize_run<C: Code>(
    scale: f32,
    offset: f32,
    codes: &[C],
    values: &mut [f32],
    level: impl Fn(u32) -> f32,
) {
    for (x, code) in values.iter_mut().zip(codes) {
        *x = level(code.to_u32()) * scale + offset;
    }
}

/// A scale and an offset for each value.
#[inline(always)]
pub(crate) fn quantize_each<'a, C: Code>(
    scales: &[f32],
    offsets: impl Iterator<Item = &'a f32>,
    values: &[f32],
    codes: &mut [C],
    nearest: impl Fn(f32) -> u32,
) {
    for (((code, x), scale), offset) in codes.iter_mut().zip(values).zip(scales).zip(offsets) {
        *code = C::from_u32(nearest((x - offset) / scale));
    }
}

/// A scale and an offset for each code.
#[inline(always)]
pub(crate) fn dequantize_each<'a, C: Code>(
    scales: &[f32],
    offsets: impl Iterator<Item = &'a f32>,
    codes: &[C],
    values: &mut [f32],
    level: impl Fn(u32) -> f32,
) {
    for (((x, code), scale), offset) in values.iter_mut().zip(codes).zip(scales).zip(offsets) {
        *x = level(code.to_u32()) * scale + offset;
    }
}

/// As [`quantize_run`] where a difference of values may exceed `f32::MAX`.
pub(crate) fn quantize_run_wide<C: Code>(
    scale: f32,
    offset: f32,
    values: &[f32],
    codes: &mut [C],
    nearest: impl Fn(f32) -> u32,
) {
    for (code, &x) in codes.iter_mut().zip(values) {
        *code = C::from_u32(nearest(((f64::from(x) - f64::from(offset)) / f64::from(scale)) as f32));
    }
}

/// As [`dequantize_run`] where a level may exceed `f32::MAX`: such a level is `f32::MAX`.
pub(crate) fn dequantize_run_wide<C: Code>(
    scale: f32,
    offset: f32,
    codes: &[C],
    values: &mut [f32],
    level: impl Fn(u32) -> f32,
) {
    for (x, code) in values.iter_mut().zip(codes) {
        let wide = f64::from(level(code.to_u32())) * f64::from(scale) + f64::from(offset);
        *x = wide.clamp(-f64::from(f32::MAX), f64::from(f32::MAX)) as f32;
    }
}

/// As [`quantize_run_wide`], for a law that depends on the position of a value; the first one is at `start`.
pub(crate) fn quantize_run_at<C: Code>(
    (scale, offset): (f32, f32),
    start: usize,
    values: &[f32],
    codes: &mut [C],
    choose: impl Fn(usize, f64) -> u32,
) {
    for (i, (code, &x)) in codes.iter_mut().zip(values).enumerate() {
        *code = C::from_u32(choose(start + i, (f64::from(x) - f64::from(offset)) / f64::from(scale)));
    }
}

/// As [`dequantize_run_wide`], for levels that depend on the position of a code; the first one is at `start`.
pub(crate) fn dequantize_run_at<C: Code>(
    (scale, offset): (f32, f32),
    start: usize,
    codes: &[C],
    values: &mut [f32],
    level: impl Fn(usize, u32) -> f64,
) {
    for (i, (x, code)) in values.iter_mut().zip(codes).enumerate() {
        let wide = level(start + i, code.to_u32()) * f64::from(scale) + f64::from(offset);
        *x = wide.clamp(-f64::from(f32::MAX), f64::from(f32::MAX)) as f32;
    }
}
