//! Codes: integers by a division that a reciprocal and its remainder stand for, levels of a table by a search in registers.

use super::{BYTES, LANES};
use crate::kernel::{
    blocks::{Integers, Layout, THRESHOLDS, by_block, by_ends, each_block, portable},
    x86::*,
};
use core::arch::x86_64::*;

/// A block's scale, its reciprocal, and the values beyond which nothing but the first or the last integer is near.
struct Division {
    by: __m256,
    reciprocal: __m256,
    low: __m256,
    high: __m256,
}

impl Division {
    #[target_feature(enable = "avx")]
    #[inline]
    fn new(scale: f32, ends: Integers) -> Self {
        Self {
            by: _mm256_set1_ps(scale),
            reciprocal: _mm256_set1_ps(1.0 / scale),
            low: _mm256_mul_ps(_mm256_set1_ps(scale), _mm256_set1_ps(ends.first as f32)),
            high: _mm256_mul_ps(_mm256_set1_ps(scale), _mm256_set1_ps(ends.last as f32)),
        }
    }

    /// As the one of AVX-512, where the reasons are.
    #[target_feature(enable = "avx,fma")]
    #[inline]
    fn divide<const SHORT: bool, const WITHIN: bool>(&self, x: __m256) -> __m256 {
        let x = if WITHIN { x } else { _mm256_min_ps(_mm256_max_ps(x, self.low), self.high) };
        let guess = _mm256_mul_ps(x, self.reciprocal);
        let near = _mm256_fmadd_ps(_mm256_fnmadd_ps(guess, self.by, x), self.reciprocal, guess);
        if SHORT { near } else { _mm256_fmadd_ps(_mm256_fnmadd_ps(near, self.by, x), self.reciprocal, near) }
    }
}

#[target_feature(enable = "avx2,fma")]
pub(in crate::kernel::blocks) fn quantize_integers(
    ends: Integers,
    layout: Layout,
    scales: &[f32],
    values: &[f32],
    codes: &mut [u8],
) {
    by_ends!(ends, layout, scales, values, codes);
}

#[target_feature(enable = "avx2,fma")]
fn integers<const BLOCK: usize, const SHORT: bool, const WITHIN: bool, const NIBBLES: bool>(
    ends: Integers,
    layout: Layout,
    scales: &[f32],
    values: &[f32],
    codes: &mut [u8],
) {
    let first = _mm256_set1_epi32(ends.first);
    each_block!(layout, scales, |scale, values, codes| {
        let law = Division::new(scale, ends);
        let code = |x| _mm256_sub_epi32(_mm256_cvtps_epi32(law.divide::<SHORT, WITHIN>(x)), first);
        let (rows, rest) = values.as_chunks::<BYTES>();
        let width = if NIBBLES { BYTES / 2 } else { BYTES };
        let (bytes, rest_codes) = codes.split_at_mut(rows.len() * width);
        for (row, bytes) in rows.iter().zip(bytes.chunks_exact_mut(width)) {
            let [a, b, c, d] = quarters(row);
            let codes = bytes_of([code(a), code(b), code(c), code(d)]);
            if NIBBLES {
                if let Some(bytes) = bytes.first_chunk_mut() {
                    store_u8x16(bytes, nibbles(codes));
                }
            } else if let Some(bytes) = bytes.first_chunk_mut() {
                store_u8x32(bytes, codes);
            }
        }
        portable::integer_codes(ends, NIBBLES, scale, rest, rest_codes);
    });
}

#[target_feature(enable = "avx")]
#[inline]
fn quarters(row: &[f32; BYTES]) -> [__m256; 4] {
    let mut quarters = [_mm256_setzero_ps(); 4];
    for (quarter, row) in quarters.iter_mut().zip(row.as_chunks::<LANES>().0) {
        *quarter = load_f32x8(row);
    }
    quarters
}

/// Integers below 256, in order.
#[target_feature(enable = "avx2")]
#[inline]
fn bytes_of([a, b, c, d]: [__m256i; 4]) -> __m256i {
    let bytes = _mm256_packus_epi16(_mm256_packus_epi32(a, b), _mm256_packus_epi32(c, d));
    _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
}

/// Bytes below 16, two to a byte: pairs are added with weights of 1 and 16.
#[target_feature(enable = "avx2")]
#[inline]
fn nibbles(codes: __m256i) -> __m128i {
    let pairs = _mm256_maddubs_epi16(codes, _mm256_set1_epi16(0x1001));
    _mm_packus_epi16(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256::<1>(pairs))
}

#[target_feature(enable = "avx2,fma")]
pub(in crate::kernel::blocks) fn quantize_table(
    thresholds: &[f32; THRESHOLDS],
    layout: Layout,
    scales: &[f32],
    values: &[f32],
    codes: &mut [u8],
) {
    if layout.nibbles {
        by_block!(values, layout, table::<true>(thresholds, layout, scales, values, codes));
    } else {
        by_block!(values, layout, table::<false>(thresholds, layout, scales, values, codes));
    }
}

#[target_feature(enable = "avx2,fma")]
fn table<const BLOCK: usize, const NIBBLES: bool>(
    thresholds: &[f32; THRESHOLDS],
    layout: Layout,
    scales: &[f32],
    values: &[f32],
    codes: &mut [u8],
) {
    // A step of the search looks at the threshold in the middle of those that are left: one of 1, 2, 4 and 8.
    let t = thresholds;
    let quarter = _mm256_setr_ps(t[3], t[11], t[3], t[11], t[3], t[11], t[3], t[11]);
    let eighth = _mm256_setr_ps(t[1], t[5], t[9], t[13], t[1], t[5], t[9], t[13]);
    let sixteenth = _mm256_setr_ps(t[0], t[2], t[4], t[6], t[8], t[10], t[12], t[14]);
    let middle = _mm256_set1_ps(t[7]);
    each_block!(layout, scales, |scale, values, codes| {
        let divisor = _mm256_set1_ps(scale);
        let code = |x| {
            let x = _mm256_div_ps(x, divisor);
            let below = _mm256_srli_epi32::<31>(_mm256_castps_si256(_mm256_cmp_ps::<_CMP_GT_OQ>(x, middle)));
            searched(x, sixteenth, searched(x, eighth, searched(x, quarter, below)))
        };
        let (rows, rest) = values.as_chunks::<BYTES>();
        let width = if NIBBLES { BYTES / 2 } else { BYTES };
        let (bytes, rest_codes) = codes.split_at_mut(rows.len() * width);
        for (row, bytes) in rows.iter().zip(bytes.chunks_exact_mut(width)) {
            let [a, b, c, d] = quarters(row);
            let codes = bytes_of([code(a), code(b), code(c), code(d)]);
            if NIBBLES {
                if let Some(bytes) = bytes.first_chunk_mut() {
                    store_u8x16(bytes, nibbles(codes));
                }
            } else if let Some(bytes) = bytes.first_chunk_mut() {
                store_u8x32(bytes, codes);
            }
        }
        portable::table_codes(thresholds, NIBBLES, scale, rest, rest_codes);
    });
}

/// Twice as much, and one more where the value is above what the step looks at.
#[target_feature(enable = "avx2")]
#[inline]
fn searched(x: __m256, step: __m256, below: __m256i) -> __m256i {
    // Minus one where it is.
    let above = _mm256_cmp_ps::<_CMP_GT_OQ>(x, _mm256_permutevar8x32_ps(step, below));
    _mm256_sub_epi32(_mm256_add_epi32(below, below), _mm256_castps_si256(above))
}
