//! Codes: integers by a division that a reciprocal and its remainder stand for, levels of a table by a search in registers.

use super::LANES;
use crate::kernel::{
    blocks::{Integers, Layout, THRESHOLDS, by_block, by_ends, each_block, portable},
    x86::*,
};
use core::arch::x86_64::*;

/// A block's scale, its reciprocal, and the values beyond which nothing but the first or the last integer is near.
struct Division {
    by: __m512,
    reciprocal: __m512,
    low: __m512,
    high: __m512,
}

impl Division {
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn new(scale: f32, reciprocal: f32, ends: Integers) -> Self {
        Self {
            by: _mm512_set1_ps(scale),
            reciprocal: _mm512_set1_ps(reciprocal),
            low: _mm512_mul_ps(_mm512_set1_ps(scale), _mm512_set1_ps(ends.first as f32)),
            high: _mm512_mul_ps(_mm512_set1_ps(scale), _mm512_set1_ps(ends.last as f32)),
        }
    }

    /// `x / scale`, from `x` times the reciprocal: the remainder of a guess says how far it is off. One such step gives what
    /// the division rounds to if the scale has no more than 12 bits, for then no quotient is so close to where rounding
    /// changes; two steps do always (Markstein 1990).
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn divide<const SHORT: bool, const WITHIN: bool>(&self, x: __m512) -> __m512 {
        let x = if WITHIN { x } else { _mm512_min_ps(_mm512_max_ps(x, self.low), self.high) };
        let guess = _mm512_mul_ps(x, self.reciprocal);
        let near = _mm512_fmadd_ps(_mm512_fnmadd_ps(guess, self.by, x), self.reciprocal, guess);
        if SHORT { near } else { _mm512_fmadd_ps(_mm512_fnmadd_ps(near, self.by, x), self.reciprocal, near) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
pub(in crate::kernel::blocks) fn quantize_integers(
    ends: Integers,
    layout: Layout,
    scales: &[f32],
    values: &[f32],
    codes: &mut [u8],
) {
    by_ends!(ends, layout, scales, values, codes);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn integers<const BLOCK: usize, const SHORT: bool, const WITHIN: bool, const NIBBLES: bool>(
    ends: Integers,
    layout: Layout,
    scales: &[f32],
    values: &[f32],
    codes: &mut [u8],
) {
    if BLOCK == 2 * LANES {
        return integers_of_32::<SHORT, WITHIN, NIBBLES>(ends, layout, scales, values, codes);
    }
    let first = _mm512_set1_epi32(ends.first);
    each_block!(layout, scales, |scale, values, codes| {
        let law = Division::new(scale, 1.0 / scale, ends);
        let code = |row| _mm512_sub_epi32(_mm512_cvtps_epi32(law.divide::<SHORT, WITHIN>(load_f32x16(row))), first);
        let (rows, rest) = values.as_chunks::<LANES>();
        let (pairs, odd) = rows.as_chunks::<2>();
        let width = if NIBBLES { LANES / 2 } else { LANES };
        let (bytes, rest_codes) = codes.split_at_mut(rows.len() * width);
        let (bytes, odd_bytes) = bytes.split_at_mut(pairs.len() * 2 * width);
        for ([a, b], bytes) in pairs.iter().zip(bytes.chunks_exact_mut(2 * width)) {
            store_codes::<NIBBLES>(code(a), code(b), bytes);
        }
        for row in odd {
            store_half::<NIBBLES>(code(row), odd_bytes);
        }
        portable::integer_codes(ends, NIBBLES, scale, rest, rest_codes);
    });
}

/// A vector in one cache line, from which its lanes are read again at once.
#[repr(align(64))]
struct Line([f32; LANES]);

/// Likewise for whole blocks of 32 values: sixteen reciprocals at a time, and integers are counted from the first as bytes.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn integers_of_32<const SHORT: bool, const WITHIN: bool, const NIBBLES: bool>(
    ends: Integers,
    layout: Layout,
    scales: &[f32],
    values: &[f32],
    codes: &mut [u8],
) {
    let (first, fourths) = (_mm256_set1_epi8(ends.first as i8), load_u8x64(&FOURTHS));
    let pairs = _mm256_set1_epi16(0x1001);
    let mut codes = codes;
    for (scales, values) in scales.chunks(LANES).zip(values.chunks(2 * LANES * LANES)) {
        let mut reciprocals = Line([1.0; LANES]);
        reciprocals.0[..scales.len()].copy_from_slice(scales);
        let divided = _mm512_div_ps(_mm512_set1_ps(1.0), load_f32x16(&reciprocals.0));
        store_f32x16(&mut reciprocals.0, divided);
        let blocks = scales.iter().zip(&reciprocals.0).zip(values.as_chunks::<{ 2 * LANES }>().0);
        for ((&scale, &reciprocal), values) in blocks {
            let (front, next) = codes.split_at_mut(layout.stride.min(codes.len()));
            codes = next;
            let law = Division::new(scale, reciprocal, ends);
            let integer = |row| _mm512_cvtps_epi32(law.divide::<SHORT, WITHIN>(load_f32x16(row)));
            let [a, b] = values.as_chunks::<LANES>().0 else { return };
            let bytes = _mm512_permutex2var_epi8(integer(a), fourths, integer(b));
            let bytes = _mm256_sub_epi8(_mm512_castsi512_si256(bytes), first);
            if NIBBLES {
                if let Some(front) = front.first_chunk_mut() {
                    store_u8x16(front, _mm256_cvtepi16_epi8(_mm256_maddubs_epi16(bytes, pairs)));
                }
            } else if let Some(front) = front.first_chunk_mut() {
                store_u8x32(front, bytes);
            }
        }
    }
}

/// Thirty-two integers below 256 (16, two to a byte) to the front of `bytes`.
#[target_feature(enable = "avx512f,avx512vbmi")]
#[inline]
fn store_codes<const NIBBLES: bool>(a: __m512i, b: __m512i, bytes: &mut [u8]) {
    if NIBBLES {
        let bytes_of = _mm512_permutex2var_epi8(paired(a), load_u8x64(&EIGHTHS), paired(b));
        if let Some(bytes) = bytes.first_chunk_mut() {
            store_u8x16(bytes, _mm512_castsi512_si128(bytes_of));
        }
    } else {
        let bytes_of = _mm512_permutex2var_epi8(a, load_u8x64(&FOURTHS), b);
        if let Some(bytes) = bytes.first_chunk_mut() {
            store_u8x32(bytes, _mm512_castsi512_si256(bytes_of));
        }
    }
}

/// Sixteen integers likewise.
#[target_feature(enable = "avx512f")]
#[inline]
fn store_half<const NIBBLES: bool>(codes: __m512i, bytes: &mut [u8]) {
    if NIBBLES {
        if let Some(bytes) = bytes.first_chunk_mut() {
            store_u8x8(bytes, _mm512_cvtepi64_epi8(paired(codes)));
        }
    } else if let Some(bytes) = bytes.first_chunk_mut() {
        store_u8x16(bytes, _mm512_cvtepi32_epi8(codes));
    }
}

/// Pairs of integers below 16 in the lowest byte of each 64 bits.
#[target_feature(enable = "avx512f")]
#[inline]
fn paired(codes: __m512i) -> __m512i {
    _mm512_or_si512(codes, _mm512_srli_epi64::<28>(codes))
}

/// Every fourth byte of two vectors, and every eighth.
const FOURTHS: [u8; 64] = every(4);
const EIGHTHS: [u8; 64] = every(8);

const fn every(n: u8) -> [u8; 64] {
    let mut bytes = [0; 64];
    let mut i = 0;
    while i < 128 / n {
        bytes[i as usize] = i * n;
        i += 1;
    }
    bytes
}

/// What a step of a search looks at, by the number of thresholds that are known to be below.
fn step(thresholds: &[f32; THRESHOLDS], half: usize) -> [f32; LANES] {
    let mut middle = [f32::INFINITY; LANES];
    for (middle, &threshold) in middle.iter_mut().zip(&thresholds[half - 1..]) {
        *middle = threshold;
    }
    middle
}

/// Adds `HALF` where the value is above what the step looks at.
#[target_feature(enable = "avx512f")]
#[inline]
fn searched<const HALF: i32>(x: __m512, step: __m512, below: __m512i) -> __m512i {
    let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, _mm512_permutexvar_ps(below, step));
    _mm512_mask_add_epi32(below, above, below, _mm512_set1_epi32(HALF))
}

#[target_feature(enable = "avx512f,avx512vbmi")]
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

#[target_feature(enable = "avx512f,avx512vbmi")]
fn table<const BLOCK: usize, const NIBBLES: bool>(
    thresholds: &[f32; THRESHOLDS],
    layout: Layout,
    scales: &[f32],
    values: &[f32],
    codes: &mut [u8],
) {
    // A step of the search looks at the threshold in the middle of those that are left.
    let (fourth, second, first) = (step(thresholds, 4), step(thresholds, 2), step(thresholds, 1));
    let (fourth, second, first) = (load_f32x16(&fourth), load_f32x16(&second), load_f32x16(&first));
    let middle = _mm512_set1_ps(thresholds[THRESHOLDS / 2]);
    each_block!(layout, scales, |scale, values, codes| {
        let divisor = _mm512_set1_ps(scale);
        let code = |row| {
            let x = _mm512_div_ps(load_f32x16(row), divisor);
            let below = _mm512_maskz_set1_epi32(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, middle), 8);
            let below = searched::<4>(x, fourth, below);
            searched::<1>(x, first, searched::<2>(x, second, below))
        };
        let (rows, rest) = values.as_chunks::<LANES>();
        let (pairs, odd) = rows.as_chunks::<2>();
        let width = if NIBBLES { LANES / 2 } else { LANES };
        let (bytes, rest_codes) = codes.split_at_mut(rows.len() * width);
        let (bytes, odd_bytes) = bytes.split_at_mut(pairs.len() * 2 * width);
        for ([a, b], bytes) in pairs.iter().zip(bytes.chunks_exact_mut(2 * width)) {
            store_codes::<NIBBLES>(code(a), code(b), bytes);
        }
        for row in odd {
            store_half::<NIBBLES>(code(row), odd_bytes);
        }
        portable::table_codes(thresholds, NIBBLES, scale, rest, rest_codes);
    });
}
