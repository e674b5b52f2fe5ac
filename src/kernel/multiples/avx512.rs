//! Vectors of 16.

use crate::{
    code::Code,
    kernel::x86::{load_codes, store_f32x16},
};
use core::arch::x86_64::*;

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn multiples<C: Code>(first: i32, step: f32, codes: &[C], values: &mut [f32]) -> u32 {
    let (firsts, steps) = (_mm512_set1_epi32(first), _mm512_set1_ps(step));
    let (least, most) = (_mm512_set1_ps(f32::MIN), _mm512_set1_ps(f32::MAX));
    let mut largest = _mm512_setzero_si512();
    let (rows, tail) = codes.as_chunks();
    let (levels, rest) = values.as_chunks_mut();
    for (codes, levels) in rows.iter().zip(levels) {
        let codes = load_codes(codes);
        largest = _mm512_max_epu32(largest, codes);
        let level = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(firsts, codes)), steps);
        store_f32x16(levels, _mm512_min_ps(most, _mm512_max_ps(least, level)));
    }
    _mm512_reduce_max_epu32(largest).max(super::portable::multiples(first, step, tail, rest))
}
