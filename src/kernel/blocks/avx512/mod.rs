//! Sixteen values at a time; what is left of a block goes one by one.

mod decode;
mod encode;

pub(super) use decode::{dequantize_integers, dequantize_table, look_up};
pub(super) use encode::{quantize_integers, quantize_table};

use super::{Ends, portable};
use crate::kernel::x86::*;
use core::arch::x86_64::*;

/// Values of a vector.
const LANES: usize = 16;

#[target_feature(enable = "avx512f")]
pub(super) fn largest(block: usize, values: &[f32], largest: &mut [u32]) {
    if block != 2 * LANES {
        for (values, largest) in values.chunks(block).zip(largest) {
            let (rows, rest) = values.as_chunks::<LANES>();
            let most = rows.iter().fold(_mm512_setzero_si512(), |most, row| _mm512_max_epu32(most, magnitudes(row)));
            *largest = _mm512_reduce_max_epu32(most).max(portable::largest_of(rest));
        }
        return;
    }
    // The block of most formats: sixteen of them are reduced together, half of the vectors at each step.
    let (groups, rest) = values.as_chunks::<{ 2 * LANES * LANES }>();
    let (largest, rest_largest) = largest.split_at_mut(groups.len() * LANES);
    for (group, largest) in groups.iter().zip(largest.as_chunks_mut::<LANES>().0) {
        let rows = group.as_chunks::<LANES>().0;
        let mut most = [_mm512_setzero_si512(); LANES];
        for (most, rows) in most.iter_mut().zip(rows.as_chunks::<2>().0) {
            *most = _mm512_max_epu32(magnitudes(&rows[0]), magnitudes(&rows[1]));
        }
        for i in 0..8 {
            let (a, b) = (most[2 * i], most[2 * i + 1]);
            most[i] = _mm512_max_epu32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        }
        for i in 0..4 {
            let (a, b) = (most[2 * i], most[2 * i + 1]);
            most[i] = _mm512_max_epu32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
        }
        for i in 0..2 {
            let (a, b) = (most[2 * i], most[2 * i + 1]);
            let (even, odd) =
                (_mm512_shuffle_i32x4::<0b10_00_10_00>(a, b), _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b));
            most[i] = _mm512_max_epu32(even, odd);
        }
        let (a, b) = (most[0], most[1]);
        let (even, odd) = (_mm512_shuffle_i32x4::<0b10_00_10_00>(a, b), _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b));
        store_u32x16(largest, _mm512_max_epu32(even, odd));
    }
    portable::largest(block, rest, rest_largest);
}

#[target_feature(enable = "avx512f")]
#[inline]
fn magnitudes(row: &[f32; LANES]) -> __m512i {
    _mm512_and_si512(_mm512_castps_si512(load_f32x16(row)), _mm512_set1_epi32(i32::MAX))
}

#[target_feature(enable = "avx512f")]
pub(super) fn outward(reach: f32, mask: u32, extents: &[u32], scales: &mut [f32]) -> Ends {
    // Under usable scales, what is missing of a product with less could be too little for an f32.
    if reach < 0.125 {
        return portable::outward(reach, mask, extents, scales);
    }
    let (extents, rest_extents) = extents.as_chunks::<LANES>();
    let (rows, rest) = scales.as_chunks_mut::<LANES>();
    let (reach_of_all, mask_of_all) = (_mm512_set1_ps(reach), _mm512_set1_epi32(mask.cast_signed()));
    let (mut least, mut most) = (_mm512_set1_epi32(i32::MAX), _mm512_set1_epi32(i32::MIN));
    for (extents, row) in extents.iter().zip(rows) {
        let extents = _mm512_castsi512_ps(load_u32x16(extents));
        let nearest = _mm512_div_ps(extents, reach_of_all);
        // What is missing has its sign, however little it is.
        let missing = _mm512_fnmadd_ps(nearest, reach_of_all, extents);
        let short = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(missing, _mm512_setzero_ps());
        let nearest = _mm512_castps_si512(nearest);
        let nearest = _mm512_mask_add_epi32(nearest, short, nearest, _mm512_set1_epi32(1));
        let bits = _mm512_andnot_si512(mask_of_all, _mm512_add_epi32(nearest, mask_of_all));
        (least, most) = (_mm512_min_epi32(least, bits), _mm512_max_epi32(most, bits));
        store_f32x16(row, _mm512_castsi512_ps(bits));
    }
    let ends = portable::outward(reach, mask, rest_extents, rest);
    (ends.0.min(_mm512_reduce_min_epi32(least)), ends.1.max(_mm512_reduce_max_epi32(most)))
}
