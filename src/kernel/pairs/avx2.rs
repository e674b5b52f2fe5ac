//! Two vectors for the 8 lanes of each sum, and two passes, so that sums stay in registers.

use super::{Errors, SQUARES, error, portable, products, total_of_squares};
use crate::kernel::{
    extrema::enclose,
    sums::total,
    x86::{load_f32x8, store_f32x8, store_f64x4},
};
use core::arch::x86_64::*;

const LANES: usize = 8;

/// One sum in all lanes.
type Lanes = [__m256d; 2];

#[target_feature(enable = "avx2,fma,popcnt")]
pub(super) fn errors(x: &[f32], y: &[f32], below: f64) -> Errors {
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    let (zero, factor) = (_mm256_setzero_ps(), _mm256_set1_pd(below));
    let mut sums = [[_mm256_setzero_pd(); 2]; 3];
    let mut largest = [_mm256_setzero_pd(); 2];
    let (mut zeros_changed, mut exceeding) = (0, _mm256_setzero_pd());
    for (x, y) in xs.iter().zip(ys) {
        let (x, y) = (load_f32x8(x), load_f32x8(y));
        let changed = _mm256_and_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(x, zero), _mm256_cmp_ps::<_CMP_NEQ_UQ>(y, zero));
        zeros_changed += u64::from(_mm256_movemask_ps(changed).count_ones());
        let (x, y) = (widened(x), widened(y));
        for half in 0..2 {
            let d = _mm256_sub_pd(y[half], x[half]);
            let size = magnitude(d);
            sums[0][half] = _mm256_add_pd(sums[0][half], d);
            sums[1][half] = _mm256_add_pd(sums[1][half], size);
            // Rounded before it is added, as without fused operations.
            sums[2][half] = _mm256_add_pd(sums[2][half], _mm256_mul_pd(d, d));
            largest[half] = _mm256_max_pd(size, largest[half]);
            let exceeds = _mm256_cmp_pd::<_CMP_GT_OQ>(size, _mm256_mul_pd(magnitude(x[half]), factor));
            exceeding = _mm256_or_pd(exceeding, _mm256_and_pd(exceeds, nonzero(x[half])));
        }
    }
    let rest = portable::rest(x_rest, y_rest, below);
    let Figures { low, high, total, products } = figures(x, y);
    Errors {
        low,
        high,
        sums: finish(sums, x_rest, y_rest, |x, y| [error(x, y), error(x, y).abs(), error(x, y) * error(x, y)]),
        total,
        products,
        largest: in_memory(largest).into_iter().fold(rest.largest, f64::max),
        zeros_changed: zeros_changed + rest.zeros_changed,
        may_exceed: _mm256_movemask_pd(exceeding) != 0 || rest.may_exceed,
    }
}

/// What there is to know without differences.
struct Figures {
    low: f32,
    high: f32,
    total: f64,
    products: [f64; 3],
}

/// A function of its own, for all registers.
#[target_feature(enable = "avx2,fma")]
#[inline(never)]
fn figures(x: &[f32], y: &[f32]) -> Figures {
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    let (mut total, mut products_of) = ([_mm256_setzero_pd(); 2], [[_mm256_setzero_pd(); 2]; 3]);
    let (mut low, mut high) = (_mm256_set1_ps(f32::INFINITY), _mm256_set1_ps(f32::NEG_INFINITY));
    for (x, y) in xs.iter().zip(ys) {
        let (x, y) = (load_f32x8(x), load_f32x8(y));
        low = _mm256_min_ps(x, low);
        high = _mm256_max_ps(x, high);
        let (x, y) = (widened(x), widened(y));
        for half in 0..2 {
            let (x, y) = (x[half], y[half]);
            total[half] = _mm256_add_pd(total[half], x);
            // Products are exact.
            products_of[0][half] = _mm256_fmadd_pd(x, x, products_of[0][half]);
            products_of[1][half] = _mm256_fmadd_pd(y, y, products_of[1][half]);
            products_of[2][half] = _mm256_fmadd_pd(x, y, products_of[2][half]);
        }
    }
    let (mut lows, mut highs) = ([0.0; LANES], [0.0; LANES]);
    store_f32x8(&mut lows, low);
    store_f32x8(&mut highs, high);
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    enclose(x_rest, &mut low, &mut high);
    let [total] = finish([total], x_rest, y_rest, |x, _| [x.into()]);
    Figures {
        low: lows.into_iter().fold(low, f32::min),
        high: highs.into_iter().fold(high, f32::max),
        total,
        products: finish(products_of, x_rest, y_rest, products),
    }
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn squares(x: &[f32], y: &[f32]) -> (f64, f32) {
    let (xs, x_rest) = x.as_chunks::<SQUARES>();
    let (ys, y_rest) = y.as_chunks::<SQUARES>();
    let (mut sums, mut most) = ([_mm256_setzero_pd(); 4], [_mm256_setzero_ps(); 2]);
    for (x, y) in xs.iter().zip(ys) {
        let halves = x.as_chunks::<LANES>().0.iter().zip(y.as_chunks::<LANES>().0);
        for (half, (x, y)) in halves.enumerate() {
            let d = _mm256_sub_ps(load_f32x8(y), load_f32x8(x));
            most[half] = _mm256_max_ps(_mm256_andnot_ps(_mm256_set1_ps(-0.0), d), most[half]);
            for (quarter, d) in widened(d).into_iter().enumerate() {
                // Squares of f32 are exact.
                sums[2 * half + quarter] = _mm256_fmadd_pd(d, d, sums[2 * half + quarter]);
            }
        }
    }
    let (mut lanes, mut largest) = ([0.0; SQUARES], [0.0; SQUARES]);
    lanes.as_chunks_mut().0.iter_mut().zip(sums).for_each(|(lanes, sum)| store_f64x4(lanes, sum));
    largest.as_chunks_mut().0.iter_mut().zip(most).for_each(|(largest, most)| store_f32x8(largest, most));
    portable::add_squares(x_rest, y_rest, &mut lanes, &mut largest);
    (total_of_squares(lanes), largest.into_iter().fold(0.0, f32::max))
}

#[target_feature(enable = "avx2")]
pub(super) fn largest_ratio(x: &[f32], y: &[f32]) -> f64 {
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    let mut largest = [_mm256_setzero_pd(); 2];
    for (x, y) in xs.iter().zip(ys) {
        let (x, y) = (widened(load_f32x8(x)), widened(load_f32x8(y)));
        for half in 0..2 {
            let ratio = magnitude(_mm256_div_pd(_mm256_sub_pd(y[half], x[half]), x[half]));
            largest[half] = _mm256_max_pd(_mm256_and_pd(ratio, nonzero(x[half])), largest[half]);
        }
    }
    in_memory(largest).into_iter().fold(portable::largest_ratio(x_rest, y_rest), f64::max)
}

#[target_feature(enable = "avx2")]
#[inline]
fn widened(x: __m256) -> Lanes {
    [_mm256_cvtps_pd(_mm256_castps256_ps128(x)), _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(x))]
}

#[target_feature(enable = "avx2")]
#[inline]
fn magnitude(x: __m256d) -> __m256d {
    _mm256_andnot_pd(_mm256_set1_pd(-0.0), x)
}

#[target_feature(enable = "avx2")]
#[inline]
fn nonzero(x: __m256d) -> __m256d {
    _mm256_cmp_pd::<_CMP_NEQ_UQ>(x, _mm256_setzero_pd())
}

/// Adds what is left of the pairs, of which the first belongs to lane 0, and all lanes.
#[target_feature(enable = "avx2")]
#[inline]
fn finish<const N: usize>(sums: [Lanes; N], x: &[f32], y: &[f32], terms: impl Fn(f32, f32) -> [f64; N]) -> [f64; N] {
    let mut sums = sums.map(|lanes| in_memory(lanes));
    for (i, (&x, &y)) in x.iter().zip(y).enumerate() {
        for (lanes, term) in sums.iter_mut().zip(terms(x, y)) {
            lanes[i % LANES] += term;
        }
    }
    sums.map(total)
}

#[target_feature(enable = "avx2")]
#[inline]
fn in_memory(lanes: Lanes) -> [f64; LANES] {
    let mut memory = [0.0; LANES];
    for (to, lanes) in memory.as_chunks_mut().0.iter_mut().zip(lanes) {
        store_f64x4(to, lanes);
    }
    memory
}
