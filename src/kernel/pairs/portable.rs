//! Few sums in each pass, so that they stay in registers; the pairs are few enough for the first-level cache.

use super::{Errors, SQUARES, error, products, total_of_squares};
use crate::kernel::{
    extrema::enclose,
    sums::{largest, sums},
};

#[inline(always)]
pub(super) fn errors(x: &[f32], y: &[f32], below: f64) -> Errors {
    let exceeds = |x: f32, y: f32| (x != 0.0) & (error(x, y).abs() > below * f64::from(x).abs());
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    enclose(x, &mut low, &mut high);
    let [total] = sums(x, y, |x, _| [x.into()]);
    Errors {
        low,
        high,
        sums: sums(x, y, |x, y| [error(x, y), error(x, y).abs(), error(x, y) * error(x, y)]),
        total,
        products: sums(x, y, products),
        largest: largest(x, y, |x, y| error(x, y).abs()),
        zeros_changed: x.iter().zip(y).map(|(&x, &y)| u32::from(x == 0.0 && y != 0.0)).sum::<u32>().into(),
        may_exceed: x.iter().zip(y).fold(false, |any, (&x, &y)| any | exceeds(x, y)),
    }
}

/// Of what no vector is left for, which is nothing most of the time.
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
#[inline(always)]
pub(super) fn rest(x: &[f32], y: &[f32], below: f64) -> Errors {
    if x.is_empty() {
        return Errors {
            sums: [0.0; 3],
            total: 0.0,
            products: [0.0; 3],
            low: f32::INFINITY,
            high: f32::NEG_INFINITY,
            largest: 0.0,
            zeros_changed: 0,
            may_exceed: false,
        };
    }
    errors(x, y, below)
}

pub(super) fn about_first(x: &[f32], y: &[f32]) -> ([f64; 2], [f64; 2], [f64; 3]) {
    let first @ [first_x, first_y] = [x, y].map(|values| values.first().map_or(0.0, |&first| f64::from(first)));
    let more = |x: f32, y: f32| [f64::from(x) - first_x, f64::from(y) - first_y];
    let totals = sums(x, y, more);
    let products = sums(x, y, |x, y| {
        let [x, y] = more(x, y);
        [x * x, y * y, x * y]
    });
    (first, totals, products)
}

pub(super) fn squares(x: &[f32], y: &[f32]) -> (f64, f32) {
    let (mut sums, mut most) = ([0.0; SQUARES], [0.0_f32; SQUARES]);
    let (xs, x_rest) = x.as_chunks::<SQUARES>();
    let (ys, y_rest) = y.as_chunks::<SQUARES>();
    for (x, y) in xs.iter().zip(ys) {
        for lane in 0..SQUARES {
            add_square(y[lane] - x[lane], &mut sums[lane], &mut most[lane]);
        }
    }
    add_squares(x_rest, y_rest, &mut sums, &mut most);
    (total_of_squares(sums), most.into_iter().fold(0.0, f32::max))
}

/// Of a few pairs, from the first lane on.
pub(super) fn add_squares(x: &[f32], y: &[f32], sums: &mut [f64; SQUARES], most: &mut [f32; SQUARES]) {
    for ((sum, most), (x, y)) in sums.iter_mut().zip(most).zip(x.iter().zip(y)) {
        add_square(y - x, sum, most);
    }
}

#[inline(always)]
fn add_square(d: f32, sum: &mut f64, most: &mut f32) {
    // Squares of f32 are exact.
    *sum += f64::from(d) * f64::from(d);
    let size = d.abs();
    *most = if size > *most { size } else { *most };
}

#[inline(always)]
pub(super) fn largest_ratio(x: &[f32], y: &[f32]) -> f64 {
    // 0 / 0 is NaN, which is larger than nothing.
    largest(x, y, |x, y| (if x == 0.0 { 0.0 } else { error(x, y) } / f64::from(x)).abs())
}
