//! Few sums in each pass, so that they stay in registers; the pairs are few enough for the first-level cache.

use super::{Errors, error, more};
use crate::kernel::{
    extrema::enclose,
    sums::{largest, sums},
};

#[inline(always)]
pub(super) fn errors(x: &[f32], y: &[f32], first: [f64; 2], below: f64) -> Errors {
    let exceeds = |x: f32, y: f32| (x != 0.0) & (error(x, y).abs() > below * f64::from(x).abs());
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    enclose(x, &mut low, &mut high);
    Errors {
        low,
        high,
        sums: sums(x, y, |x, y| [error(x, y), error(x, y).abs(), error(x, y) * error(x, y)]),
        totals: sums(x, y, |x, y| more(x, y, first)),
        products: sums(x, y, |x, y| {
            let [x, y] = more(x, y, first);
            [x * x, y * y, x * y]
        }),
        largest: largest(x, y, |x, y| error(x, y).abs()),
        zeros_changed: x.iter().zip(y).map(|(&x, &y)| u32::from(x == 0.0 && y != 0.0)).sum::<u32>().into(),
        may_exceed: x.iter().zip(y).fold(false, |any, (&x, &y)| any | exceeds(x, y)),
    }
}

#[inline(always)]
pub(super) fn squares(x: &[f32], y: &[f32]) -> (f64, f64) {
    let [sum] = sums(x, y, |x, y| [error(x, y) * error(x, y)]);
    (sum, largest(x, y, |x, y| error(x, y).abs()))
}

#[inline(always)]
pub(super) fn largest_ratio(x: &[f32], y: &[f32]) -> f64 {
    // 0 / 0 is NaN, which is larger than nothing.
    largest(x, y, |x, y| (if x == 0.0 { 0.0 } else { error(x, y) } / f64::from(x)).abs())
}
