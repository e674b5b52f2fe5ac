//! Values: integers by a product, levels of a table byte by byte.

use super::{BYTES, LANES};
use crate::kernel::{
    blocks::{Layout, TABLE, by_block, each_block, portable},
    x86::*,
};
use core::arch::x86_64::*;

#[target_feature(enable = "avx2")]
pub(in crate::kernel::blocks) fn dequantize_integers(
    first: i32,
    layout: Layout,
    scales: &[f32],
    codes: &[u8],
    values: &mut [f32],
) -> u8 {
    by_block!(values, layout, integers_of(first, layout, scales, codes, values))
}

#[target_feature(enable = "avx2")]
fn integers_of<const BLOCK: usize>(first: i32, layout: Layout, scales: &[f32], codes: &[u8], values: &mut [f32]) -> u8 {
    let (mut most, mut most_rest) = (_mm_setzero_si128(), 0);
    let from = _mm256_set1_epi32(first);
    each_block!(layout, scales, |scale, codes / 1, values| {
        let (rows, rest) = values.as_chunks_mut::<LANES>();
        let (code_rows, rest_codes) = codes.as_chunks::<LANES>();
        let factor = _mm256_set1_ps(scale);
        for (row, codes) in rows.iter_mut().zip(code_rows) {
            let codes = load_u8x8(codes);
            most = _mm_max_epu8(most, codes);
            let integers = _mm256_add_epi32(_mm256_cvtepu8_epi32(codes), from);
            store_f32x8(row, _mm256_mul_ps(_mm256_cvtepi32_ps(integers), factor));
        }
        most_rest = most_rest.max(portable::integers_of(first, scale, rest_codes, rest));
    });
    largest_byte(most).max(most_rest)
}

#[target_feature(enable = "avx2")]
pub(in crate::kernel::blocks) fn dequantize_table(
    table: &[f32; TABLE],
    layout: Layout,
    scales: &[f32],
    codes: &[u8],
    values: &mut [f32],
) -> u8 {
    if layout.nibbles {
        by_block!(values, layout, nibble_levels(table, layout, scales, codes, values))
    } else {
        by_block!(values, layout, byte_levels(table, layout, scales, codes, values))
    }
}

/// The bytes of a table's levels: the lowest of all of them, and so on, twice.
#[target_feature(enable = "avx2")]
#[inline]
fn planes(table: &[f32; TABLE]) -> [__m256i; 4] {
    let mut planes = [_mm256_setzero_si256(); 4];
    for (i, plane) in planes.iter_mut().enumerate() {
        let mut bytes = [0; TABLE];
        for (byte, level) in bytes.iter_mut().zip(table) {
            *byte = level.to_le_bytes()[i];
        }
        *plane = _mm256_broadcastsi128_si256(load_u8x16(&bytes));
    }
    planes
}

/// The levels of 32 codes below 16: byte by byte, and put together. In each half, codes are of four values, of the four
/// after the next four, and so on: then levels are in order.
#[target_feature(enable = "avx2")]
#[inline]
fn look_up(planes: &[__m256i; 4], codes: __m256i, scale: __m256, values: &mut [f32; BYTES]) {
    let [a, b, c, d] = [
        _mm256_shuffle_epi8(planes[0], codes),
        _mm256_shuffle_epi8(planes[1], codes),
        _mm256_shuffle_epi8(planes[2], codes),
        _mm256_shuffle_epi8(planes[3], codes),
    ];
    let (low, low_upper) = (_mm256_unpacklo_epi8(a, b), _mm256_unpacklo_epi8(c, d));
    let (high, high_upper) = (_mm256_unpackhi_epi8(a, b), _mm256_unpackhi_epi8(c, d));
    let levels = [
        _mm256_unpacklo_epi16(low, low_upper),
        _mm256_unpackhi_epi16(low, low_upper),
        _mm256_unpacklo_epi16(high, high_upper),
        _mm256_unpackhi_epi16(high, high_upper),
    ];
    for (row, levels) in values.as_chunks_mut::<LANES>().0.iter_mut().zip(levels) {
        store_f32x8(row, _mm256_mul_ps(_mm256_castsi256_ps(levels), scale));
    }
}

#[target_feature(enable = "avx2")]
fn byte_levels<const BLOCK: usize>(
    table: &[f32; TABLE],
    layout: Layout,
    scales: &[f32],
    codes: &[u8],
    values: &mut [f32],
) -> u8 {
    let (mut most, mut most_rest) = (_mm256_setzero_si256(), 0);
    let planes = planes(table);
    let order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
    each_block!(layout, scales, |scale, codes / 1, values| {
        let (rows, rest) = values.as_chunks_mut::<BYTES>();
        let (code_rows, rest_codes) = codes.as_chunks::<BYTES>();
        for (row, codes) in rows.iter_mut().zip(code_rows) {
            let codes = load_u8x32(codes);
            most = _mm256_max_epu8(most, codes);
            let codes = _mm256_and_si256(_mm256_permutevar8x32_epi32(codes, order), _mm256_set1_epi8(15));
            look_up(&planes, codes, _mm256_set1_ps(scale), row);
        }
        most_rest = most_rest.max(portable::levels_of(table, false, scale, rest_codes, rest));
    });
    let half = _mm_max_epu8(_mm256_castsi256_si128(most), _mm256_extracti128_si256::<1>(most));
    largest_byte(half).max(most_rest)
}

#[target_feature(enable = "avx2")]
fn nibble_levels<const BLOCK: usize>(
    table: &[f32; TABLE],
    layout: Layout,
    scales: &[f32],
    codes: &[u8],
    values: &mut [f32],
) -> u8 {
    let (mut low, mut high, mut most_rest) = (_mm_setzero_si128(), _mm_setzero_si128(), 0);
    let planes = planes(table);
    // Pairs of bytes: the even ones, then the odd ones.
    let order = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
    let mask = _mm_set1_epi8(15);
    each_block!(layout, scales, |scale, codes / 2, values| {
        let (rows, rest) = values.as_chunks_mut::<BYTES>();
        let (byte_rows, rest_bytes) = codes.as_chunks::<{ BYTES / 2 }>();
        for (row, bytes) in rows.iter_mut().zip(byte_rows) {
            let bytes = _mm_shuffle_epi8(load_u8x16(bytes), order);
            let (lower, upper) = (_mm_and_si128(bytes, mask), _mm_and_si128(_mm_srli_epi16::<4>(bytes), mask));
            (low, high) = (_mm_max_epu8(low, lower), _mm_max_epu8(high, upper));
            let (even, odd) = (_mm_unpacklo_epi8(lower, upper), _mm_unpackhi_epi8(lower, upper));
            look_up(&planes, _mm256_set_m128i(odd, even), _mm256_set1_ps(scale), row);
        }
        most_rest = most_rest.max(portable::levels_of(table, true, scale, rest_bytes, rest));
    });
    largest_byte(_mm_max_epu8(low, high)).max(most_rest)
}
