//! Eight values at a time, thirty-two where they become bytes; what is left of a block goes one by one.

mod decode;
mod encode;

pub(super) use decode::{dequantize_integers, dequantize_table};
pub(super) use encode::{quantize_integers, quantize_table};

use super::{Ends, Half, portable};
use crate::kernel::x86::*;
use core::arch::x86_64::*;

/// Values of a vector.
const LANES: usize = 8;
/// Values whose codes fill a vector.
const BYTES: usize = 32;

#[target_feature(enable = "avx2")]
pub(super) fn largest(block: usize, values: &[f32], largest: &mut [u32]) {
    if block != 4 * LANES {
        for (values, largest) in values.chunks(block).zip(largest) {
            let (rows, rest) = values.as_chunks::<LANES>();
            let most = rows.iter().fold(_mm256_setzero_si256(), |most, row| _mm256_max_epu32(most, magnitudes(row)));
            let half = _mm_max_epu32(_mm256_castsi256_si128(most), _mm256_extracti128_si256::<1>(most));
            let half = _mm_max_epu32(half, _mm_shuffle_epi32::<0b01_00_11_10>(half));
            let half = _mm_max_epu32(half, _mm_shuffle_epi32::<0b10_11_00_01>(half));
            *largest = _mm_cvtsi128_si32(half).cast_unsigned().max(portable::largest_of(rest));
        }
        return;
    }
    // The block of most formats: eight of them are reduced together, half of the vectors at each step.
    let (groups, rest) = values.as_chunks::<{ 4 * LANES * LANES }>();
    let (largest, rest_largest) = largest.split_at_mut(groups.len() * LANES);
    for (group, largest) in groups.iter().zip(largest.as_chunks_mut::<LANES>().0) {
        let mut most = [_mm256_setzero_si256(); LANES];
        for (most, rows) in most.iter_mut().zip(group.as_chunks::<LANES>().0.as_chunks::<4>().0) {
            let (a, b) = (magnitudes(&rows[0]), magnitudes(&rows[1]));
            let (c, d) = (magnitudes(&rows[2]), magnitudes(&rows[3]));
            *most = _mm256_max_epu32(_mm256_max_epu32(a, b), _mm256_max_epu32(c, d));
        }
        for i in 0..4 {
            let (a, b) = (most[2 * i], most[2 * i + 1]);
            most[i] = _mm256_max_epu32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
        }
        for i in 0..2 {
            let (a, b) = (most[2 * i], most[2 * i + 1]);
            most[i] = _mm256_max_epu32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
        }
        let (a, b) = (most[0], most[1]);
        let (even, odd) = (_mm256_permute2x128_si256::<0x20>(a, b), _mm256_permute2x128_si256::<0x31>(a, b));
        store_u32x8(largest, _mm256_max_epu32(even, odd));
    }
    portable::largest(block, rest, rest_largest);
}

#[target_feature(enable = "avx2")]
#[inline]
fn magnitudes(row: &[f32; LANES]) -> __m256i {
    _mm256_and_si256(_mm256_castps_si256(load_f32x8(row)), _mm256_set1_epi32(i32::MAX))
}

#[target_feature(enable = "avx2")]
pub(super) fn outward(reach: f32, mask: u32, extents: &[u32], scales: &mut [f32]) -> Ends {
    portable::outward(reach, mask, extents, scales)
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn read_halves(half: Half, stride: usize, bytes: &[u8], numbers: &mut [f32]) -> Ends {
    let (mut least, mut most) = (_mm256_set1_epi32(i32::MAX), _mm256_set1_epi32(i32::MIN));
    let (mut rest, mut done) = (bytes, 0);
    for eight in numbers.as_chunks_mut::<LANES>().0 {
        let Some(halves) = load_strided_u16x8(rest, stride) else { break };
        let x = match half {
            Half::F16 => {
                let x = _mm256_castps_si256(_mm256_cvtph_ps(halves));
                // Neither infinity nor NaN is kept: negative.
                let special = _mm256_cmpgt_epi32(x, _mm256_set1_epi32(f32::MAX.to_bits().cast_signed()));
                _mm256_or_si256(x, _mm256_slli_epi32::<31>(special))
            }
            Half::Bf16 => _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(halves)),
        };
        (least, most) = (_mm256_min_epi32(least, x), _mm256_max_epi32(most, x));
        store_f32x8(eight, _mm256_castsi256_ps(x));
        rest = rest.get(LANES * stride..).unwrap_or_default();
        done += LANES;
    }
    let rest = match &mut numbers[done..] {
        [] => (i32::MAX, i32::MIN),
        numbers => portable::read_halves(half, stride, rest, numbers),
    };
    let (mut lows, mut highs) = ([0; LANES], [0; LANES]);
    store_i32x8(&mut lows, least);
    store_i32x8(&mut highs, most);
    (lows.into_iter().fold(rest.0, i32::min), highs.into_iter().fold(rest.1, i32::max))
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn write_halves(half: Half, stride: usize, numbers: &[f32], bytes: &mut [u8]) {
    let (mut numbers, mut bytes) = (numbers, bytes);
    while let Some((eight, next)) = numbers.split_first_chunk::<LANES>() {
        let x = load_f32x8(eight);
        let halves = match half {
            Half::F16 => _mm256_cvtps_ph::<{ _MM_FROUND_TO_NEAREST_INT }>(x),
            Half::Bf16 => {
                let upper = _mm256_srli_epi32::<16>(_mm256_castps_si256(x));
                _mm_packus_epi32(_mm256_castsi256_si128(upper), _mm256_extracti128_si256::<1>(upper))
            }
        };
        if !store_strided_u16x8(bytes, stride, halves) {
            break;
        }
        bytes = core::mem::take(&mut bytes).get_mut(LANES * stride..).unwrap_or_default();
        numbers = next;
    }
    portable::write_halves(half, stride, numbers, bytes);
}
