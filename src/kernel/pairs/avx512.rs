//! A lane of its own for each of 8 sums, so that all fit registers at once.

use super::{Errors, SQUARES, error, portable, products, total_of_squares};
use crate::kernel::{
    sums::total,
    x86::{load_f32x8, load_f32x16, store_f32x16, store_f64x8},
};
use core::arch::x86_64::*;

const LANES: usize = 8;

#[target_feature(enable = "avx512f,avx512dq,popcnt")]
pub(super) fn errors(x: &[f32], y: &[f32], below: f64) -> Errors {
    let (xs, x_rest) = x.as_chunks::<{ 2 * LANES }>();
    let (ys, y_rest) = y.as_chunks::<{ 2 * LANES }>();
    let (zero, one) = (_mm512_setzero_ps(), opaque_one());
    let factor = _mm512_set1_pd(below);
    let (mut sums, mut total) = ([_mm512_setzero_pd(); 3], _mm512_setzero_pd());
    let (mut products_of, mut largest) = ([_mm512_setzero_pd(); 3], _mm512_setzero_pd());
    let (mut zeros_changed, mut exceeding) = (0, 0);
    let (mut low, mut high) = (_mm512_set1_ps(f32::INFINITY), _mm512_set1_ps(f32::NEG_INFINITY));
    for (x, y) in xs.iter().zip(ys) {
        let (x, y) = (load_f32x16(x), load_f32x16(y));
        low = _mm512_min_ps(x, low);
        high = _mm512_max_ps(x, high);
        let changed = _mm512_mask_cmp_ps_mask::<_CMP_NEQ_UQ>(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(x, zero), y, zero);
        zeros_changed += u64::from(changed.count_ones());
        let mut half = |x: __m256, y: __m256| {
            let (x, y) = (_mm512_cvtps_pd(x), _mm512_cvtps_pd(y));
            let d = _mm512_sub_pd(y, x);
            let size = _mm512_abs_pd(d);
            sums[0] = _mm512_add_pd(sums[0], d);
            sums[1] = _mm512_add_pd(sums[1], size);
            // Rounded before it is added, as without fused operations; the other products are exact.
            sums[2] = _mm512_add_pd(sums[2], _mm512_mul_pd(d, d));
            // Half of the machine multiplies and the other half does not.
            total = _mm512_fmadd_pd(x, one, total);
            products_of[0] = _mm512_fmadd_pd(x, x, products_of[0]);
            products_of[1] = _mm512_fmadd_pd(y, y, products_of[1]);
            products_of[2] = _mm512_fmadd_pd(x, y, products_of[2]);
            largest = _mm512_max_pd(size, largest);
            _mm512_cmp_pd_mask::<_CMP_GT_OQ>(size, _mm512_mul_pd(_mm512_abs_pd(x), factor))
        };
        let first = half(_mm512_castps512_ps256(x), _mm512_castps512_ps256(y));
        let second = half(_mm512_extractf32x8_ps::<1>(x), _mm512_extractf32x8_ps::<1>(y));
        // Where x is zero any error exceeds, and that is not what is asked.
        exceeding |= (u16::from(first) | u16::from(second) << LANES) & !changed;
    }
    let rest = portable::rest(x_rest, y_rest, below);
    let [total] = finish([total], x_rest, y_rest, |x, _| [x.into()]);
    Errors {
        low: _mm512_reduce_min_ps(low).min(rest.low),
        high: _mm512_reduce_max_ps(high).max(rest.high),
        sums: finish(sums, x_rest, y_rest, |x, y| [error(x, y), error(x, y).abs(), error(x, y) * error(x, y)]),
        total,
        products: finish(products_of, x_rest, y_rest, products),
        largest: in_memory(largest).into_iter().fold(rest.largest, f64::max),
        zeros_changed: zeros_changed + rest.zeros_changed,
        may_exceed: exceeding != 0 || rest.may_exceed,
    }
}

#[target_feature(enable = "avx512f,avx512dq,popcnt")]
pub(super) fn squares(x: &[f32], y: &[f32]) -> (f64, f32) {
    let (xs, x_rest) = x.as_chunks::<SQUARES>();
    let (ys, y_rest) = y.as_chunks::<SQUARES>();
    let (mut front, mut back, mut most) = (_mm512_setzero_pd(), _mm512_setzero_pd(), _mm512_setzero_ps());
    for (x, y) in xs.iter().zip(ys) {
        let d = _mm512_sub_ps(load_f32x16(y), load_f32x16(x));
        most = _mm512_max_ps(_mm512_abs_ps(d), most);
        let (low, high) = (_mm512_cvtps_pd(_mm512_castps512_ps256(d)), _mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(d)));
        // Squares of f32 are exact.
        front = _mm512_fmadd_pd(low, low, front);
        back = _mm512_fmadd_pd(high, high, back);
    }
    let (mut lanes, mut largest) = ([0.0; SQUARES], [0.0; SQUARES]);
    lanes.as_chunks_mut().0.iter_mut().zip([front, back]).for_each(|(lanes, sum)| store_f64x8(lanes, sum));
    store_f32x16(&mut largest, most);
    portable::add_squares(x_rest, y_rest, &mut lanes, &mut largest);
    (total_of_squares(lanes), largest.into_iter().fold(0.0, f32::max))
}

#[target_feature(enable = "avx512f,avx512dq,popcnt")]
pub(super) fn largest_ratio(x: &[f32], y: &[f32]) -> f64 {
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    let mut largest = _mm512_setzero_pd();
    for (x, y) in xs.iter().zip(ys) {
        let (x, y) = (_mm512_cvtps_pd(load_f32x8(x)), _mm512_cvtps_pd(load_f32x8(y)));
        let nonzero = _mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(x, _mm512_setzero_pd());
        let ratio = _mm512_abs_pd(_mm512_maskz_div_pd(nonzero, _mm512_sub_pd(y, x), x));
        largest = _mm512_max_pd(ratio, largest);
    }
    in_memory(largest).into_iter().fold(portable::largest_ratio(x_rest, y_rest), f64::max)
}

/// Adds what is left of the pairs, of which the first belongs to lane 0, and all lanes.
#[target_feature(enable = "avx512f,avx512dq,popcnt")]
#[inline]
fn finish<const N: usize>(lanes: [__m512d; N], x: &[f32], y: &[f32], terms: impl Fn(f32, f32) -> [f64; N]) -> [f64; N] {
    let mut lanes = lanes.map(|lane| in_memory(lane));
    for (i, (&x, &y)) in x.iter().zip(y).enumerate() {
        for (lanes, term) in lanes.iter_mut().zip(terms(x, y)) {
            lanes[i % LANES] += term;
        }
    }
    lanes.map(total)
}

#[target_feature(enable = "avx512f,avx512dq,popcnt")]
#[inline]
fn in_memory(lanes: __m512d) -> [f64; LANES] {
    let mut memory = [0.0; LANES];
    store_f64x8(&mut memory, lanes);
    memory
}

/// One. Products with it are exact, and where additions are all that is to be done, half of the machine would wait; so it must
/// not be known that it is one.
#[target_feature(enable = "avx512f")]
#[inline]
fn opaque_one() -> __m512d {
    _mm512_set1_pd(core::hint::black_box(1.0))
}
