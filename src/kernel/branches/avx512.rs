//! Sixteen values at a time: rows are fetched one by one and turned in registers.

#![allow(unsafe_code)]

use super::{Numbers, ROUNDER, portable};
use crate::kernel::{
    level::twins,
    x86::{load_f32x16, load_u8x16, store_f32x16, store_u32x16},
};
use core::arch::x86_64::*;

const WIDTH: usize = 16;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn costs<const N: usize>(values: &[f32], classes: &[u8], numbers: &Numbers, cost: &mut [[f32; N]; 4]) {
    let (sixteens, rest) = values.as_chunks::<WIDTH>();
    for (i, sixteen) in sixteens.iter().enumerate() {
        let classes = classes.get(i * WIDTH..).and_then(|classes| classes.first_chunk());
        of_sixteen(sixteen, classes, numbers, cost, i * WIDTH);
    }
    if !rest.is_empty() {
        let at = sixteens.len() * WIDTH;
        let (mut sixteen, mut last, mut classed) = ([0.0; WIDTH], [[0.0; WIDTH]; 4], [0; WIDTH]);
        sixteen[..rest.len()].copy_from_slice(rest);
        let classes = classes.get(at..at + rest.len()).map(|classes| {
            classed[..classes.len()].copy_from_slice(classes);
            &classed
        });
        of_sixteen(&sixteen, classes, numbers, &mut last, 0);
        for (cost, last) in cost.iter_mut().zip(last) {
            cost[at..at + rest.len()].copy_from_slice(&last[..rest.len()]);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn of_sixteen<const N: usize>(
    values: &[f32; WIDTH],
    classes: Option<&[u8; WIDTH]>,
    numbers: &Numbers,
    cost: &mut [[f32; N]; 4],
    at: usize,
) {
    let w = _mm512_mul_ps(load_f32x16(values), _mm512_set1_ps(numbers.inverse));
    let w = _mm512_min_ps(_mm512_max_ps(w, _mm512_set1_ps(numbers.low)), _mm512_set1_ps(numbers.high));
    let rows = rows(w, classes, numbers);
    let rounder = _mm512_set1_ps(ROUNDER);
    for (class, (cost, row)) in cost.iter_mut().zip(rows).enumerate() {
        let far = _mm512_sub_ps(w, _mm512_set1_ps(class as f32 * 0.25));
        let rest = _mm512_sub_ps(far, _mm512_sub_ps(_mm512_add_ps(far, rounder), rounder));
        let sum = _mm512_add_ps(_mm512_mul_ps(rest, rest), row);
        store_f32x16(&mut cost[at..].as_chunks_mut().0[0], sum);
    }
}

/// What the neighbours of each value cost, by class of the neighbour.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn rows(w: __m512, classes: Option<&[u8; WIDTH]>, numbers: &Numbers) -> [__m512; 4] {
    if let &[row] = &numbers.rows[..] {
        return [_mm512_set1_ps(row[0]), _mm512_set1_ps(row[1]), _mm512_set1_ps(row[2]), _mm512_set1_ps(row[3])];
    }
    let [origin, per_unit, last, before] = if let Some(classes) = classes {
        fetched(&numbers.places, _mm512_cvtepu8_epi32(load_u8x16(classes)))
    } else {
        let [origin, per_unit, last, before] = numbers.places[0];
        [_mm512_set1_ps(origin), _mm512_set1_ps(per_unit), _mm512_set1_ps(last), _mm512_set1_ps(before)]
    };
    let t = _mm512_sub_ps(_mm512_mul_ps(_mm512_sub_ps(w, origin), per_unit), _mm512_set1_ps(0.5));
    let t = _mm512_min_ps(_mm512_max_ps(t, _mm512_setzero_ps()), last);
    // 2^23 leaves the nearest integer in the lowest bits.
    let bits = _mm512_castps_si512(_mm512_add_ps(_mm512_add_ps(t, before), _mm512_set1_ps(8_388_608.0)));
    fetched(&numbers.rows, _mm512_and_si512(bits, _mm512_set1_epi32(0x7f_ffff)))
}

/// Rows of a table, the last one for indices beyond it, by column.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn fetched(table: &[[f32; 4]], index: __m512i) -> [__m512; 4] {
    assert!(!table.is_empty(), "there is a row for each class");
    let mut at = [0_u32; WIDTH];
    store_u32x16(&mut at, _mm512_min_epu32(index, _mm512_set1_epi32((table.len() - 1) as i32)));
    let row = |lane: usize| {
        // SAFETY: there is a row at least, and indices are at most that of the last one.
        unsafe { _mm_loadu_ps(table.get_unchecked(at[lane] as usize).as_ptr()) }
    };
    // Values 0, 4, 8 and 12, and so on.
    let mut fours = [_mm512_setzero_ps(); 4];
    for (lane, four) in fours.iter_mut().enumerate() {
        *four = _mm512_broadcast_f32x4(row(lane));
        *four = _mm512_mask_broadcast_f32x4(*four, 0x00f0, row(lane + 4));
        *four = _mm512_mask_broadcast_f32x4(*four, 0x0f00, row(lane + 8));
        *four = _mm512_mask_broadcast_f32x4(*four, 0xf000, row(lane + 12));
    }
    let low = _mm512_castps_pd(_mm512_unpacklo_ps(fours[0], fours[1]));
    let high = _mm512_castps_pd(_mm512_unpackhi_ps(fours[0], fours[1]));
    let low_after = _mm512_castps_pd(_mm512_unpacklo_ps(fours[2], fours[3]));
    let high_after = _mm512_castps_pd(_mm512_unpackhi_ps(fours[2], fours[3]));
    [
        _mm512_castpd_ps(_mm512_unpacklo_pd(low, low_after)),
        _mm512_castpd_ps(_mm512_unpackhi_pd(low, low_after)),
        _mm512_castpd_ps(_mm512_unpacklo_pd(high, high_after)),
        _mm512_castpd_ps(_mm512_unpackhi_pd(high, high_after)),
    ]
}

// One value after another, which compilers vectorise well.
twins! {"avx512f,avx512bw,avx512dq,avx512vl":
    fn nearest(values: &[f32], classes: &[u8], numbers: &Numbers, codes: &mut [u32]);
}
