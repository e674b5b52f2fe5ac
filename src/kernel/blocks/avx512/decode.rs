//! Values: integers by a product, levels of a table by a look-up in registers.

use super::LANES;
use crate::kernel::{
    blocks::{Layout, TABLE, by_block, each_block, portable},
    x86::*,
};
use core::arch::x86_64::*;

#[target_feature(enable = "avx512f")]
pub(in crate::kernel::blocks) fn dequantize_integers(
    first: i32,
    layout: Layout,
    scales: &[f32],
    codes: &[u8],
    values: &mut [f32],
) -> u8 {
    by_block!(values, layout, integers_of(first, layout, scales, codes, values))
}

#[target_feature(enable = "avx512f")]
fn integers_of<const BLOCK: usize>(first: i32, layout: Layout, scales: &[f32], codes: &[u8], values: &mut [f32]) -> u8 {
    let (mut most, mut most_rest) = (_mm_setzero_si128(), 0);
    let from = _mm512_set1_epi32(first);
    each_block!(layout, scales, |scale, codes / 1, values| {
        let (rows, rest) = values.as_chunks_mut::<LANES>();
        let (code_rows, rest_codes) = codes.as_chunks::<LANES>();
        let factor = _mm512_set1_ps(scale);
        for (row, codes) in rows.iter_mut().zip(code_rows) {
            let codes = load_u8x16(codes);
            most = _mm_max_epu8(most, codes);
            let integers = _mm512_add_epi32(_mm512_cvtepu8_epi32(codes), from);
            store_f32x16(row, _mm512_mul_ps(_mm512_cvtepi32_ps(integers), factor));
        }
        most_rest = most_rest.max(portable::integers_of(first, scale, rest_codes, rest));
    });
    largest_byte(most).max(most_rest)
}

#[target_feature(enable = "avx512f,avx512vbmi")]
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

/// The levels of a table under a scale.
#[target_feature(enable = "avx512f")]
#[inline]
fn levels(table: &[f32; TABLE], scale: f32) -> __m512 {
    _mm512_mul_ps(load_f32x16(table), _mm512_set1_ps(scale))
}

#[target_feature(enable = "avx512f")]
fn byte_levels<const BLOCK: usize>(
    table: &[f32; TABLE],
    layout: Layout,
    scales: &[f32],
    codes: &[u8],
    values: &mut [f32],
) -> u8 {
    let (mut most, mut most_rest) = (_mm_setzero_si128(), 0);
    each_block!(layout, scales, |scale, codes / 1, values| {
        let (rows, rest) = values.as_chunks_mut::<LANES>();
        let (code_rows, rest_codes) = codes.as_chunks::<LANES>();
        let levels = levels(table, scale);
        for (row, codes) in rows.iter_mut().zip(code_rows) {
            let codes = load_u8x16(codes);
            most = _mm_max_epu8(most, codes);
            store_f32x16(row, _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(codes), levels));
        }
        most_rest = most_rest.max(portable::levels_of(table, false, scale, rest_codes, rest));
    });
    largest_byte(most).max(most_rest)
}

#[target_feature(enable = "avx512f,avx512vbmi")]
fn nibble_levels<const BLOCK: usize>(
    table: &[f32; TABLE],
    layout: Layout,
    scales: &[f32],
    codes: &[u8],
    values: &mut [f32],
) -> u8 {
    let (mut low, mut high, mut most_rest) = (_mm_setzero_si128(), _mm_setzero_si128(), 0);
    let mask = _mm_set1_epi8(15);
    each_block!(layout, scales, |scale, codes / 2, values| {
        let (rows, rest) = values.as_chunks_mut::<LANES>();
        let (byte_rows, rest_bytes) = codes.as_chunks::<{ LANES / 2 }>();
        let levels = levels(table, scale);
        for (row, bytes) in rows.iter_mut().zip(byte_rows) {
            store_f32x16(row, look_up(*bytes, levels));
            let bytes = load_u8x8(bytes);
            low = _mm_max_epu8(low, _mm_and_si128(bytes, mask));
            high = _mm_max_epu8(high, bytes);
        }
        most_rest = most_rest.max(portable::levels_of(table, true, scale, rest_bytes, rest));
    });
    largest_byte(low).max(largest_byte(high) / 16).max(most_rest)
}

/// The levels of sixteen codes of half a byte, the lower bits first.
#[target_feature(enable = "avx512f,avx512vbmi")]
#[inline]
pub(in crate::kernel::blocks) fn look_up(codes: [u8; LANES / 2], levels: __m512) -> __m512 {
    // Look-ups ignore what is above four bits.
    let codes = _mm512_set1_epi64(i64::from_le_bytes(codes));
    _mm512_permutexvar_ps(_mm512_multishift_epi64_epi8(load_u8x64(&SPREAD), codes), levels)
}

/// Where four bits are in 64 that go to each 32.
const SPREAD: [u8; 64] = {
    let mut bits = [0; 64];
    let mut lane = 0;
    while lane < LANES {
        bits[4 * lane] = 4 * lane as u8;
        lane += 1;
    }
    bits
};
