//! All stages within 128 values in registers, and three or two of the others in one pass.

use crate::kernel::x86::{load_f32x16, store_f32x16};
use core::arch::x86_64::*;

const LANES: usize = 16;

/// A vector as it is in memory.
type Row = [f32; LANES];

#[target_feature(enable = "avx512f")]
pub(super) fn butterflies(values: &mut [f32]) {
    let len = values.len();
    let (rows, rest) = values.as_chunks_mut::<LANES>();
    let mut half = match rows.len() {
        0 => return super::portable::butterflies(rest),
        1 => within::<1>(rows),
        2 => within::<2>(rows),
        4 => within::<4>(rows),
        _ => within::<8>(rows),
    };
    while half < len {
        half = if 8 * half <= len {
            across::<8>(rows, half)
        } else if 4 * half <= len {
            across::<4>(rows, half)
        } else {
            across::<2>(rows, half)
        };
    }
}

/// The stages at all distances within `ROWS` rows; returns the next distance.
#[target_feature(enable = "avx512f")]
#[inline]
fn within<const ROWS: usize>(rows: &mut [Row]) -> usize {
    let sign = |distance: u32| -> __m512 {
        // Minus one where the lane is the second of its pair.
        _mm512_mask_blend_ps(SECOND[distance.trailing_zeros() as usize], _mm512_set1_ps(1.0), _mm512_set1_ps(-1.0))
    };
    let signs = [sign(1), sign(2), sign(4), sign(8)];
    for rows in rows.as_chunks_mut::<ROWS>().0 {
        let mut x = [_mm512_setzero_ps(); ROWS];
        for (x, row) in x.iter_mut().zip(rows.iter()) {
            // The partner, plus or minus the value itself: products with one are exact.
            let mut v = load_f32x16(row);
            v = _mm512_fmadd_ps(v, signs[0], _mm512_permute_ps::<0b10_11_00_01>(v));
            v = _mm512_fmadd_ps(v, signs[1], _mm512_permute_ps::<0b01_00_11_10>(v));
            v = _mm512_fmadd_ps(v, signs[2], _mm512_shuffle_f32x4::<0b10_11_00_01>(v, v));
            *x = _mm512_fmadd_ps(v, signs[3], _mm512_shuffle_f32x4::<0b01_00_11_10>(v, v));
        }
        let mut distance = 1;
        while distance < ROWS {
            pairs(&mut x, distance);
            distance *= 2;
        }
        for (x, row) in x.into_iter().zip(rows) {
            store_f32x16(row, x);
        }
    }
    ROWS * LANES
}

/// Lanes that are the second of their pair, at distances 1, 2, 4 and 8.
const SECOND: [u16; 4] = [0xaaaa, 0xcccc, 0xf0f0, 0xff00];

/// The stages at distances `half`, `2 * half` and so on, as many as make `RADIX`; returns the next distance.
#[target_feature(enable = "avx512f")]
#[inline]
fn across<const RADIX: usize>(rows: &mut [Row], half: usize) -> usize {
    let apart = half / LANES;
    for group in rows.chunks_exact_mut(RADIX * apart) {
        for i in 0..apart {
            let mut x = [_mm512_setzero_ps(); RADIX];
            for (j, x) in x.iter_mut().enumerate() {
                *x = load_f32x16(&group[i + j * apart]);
            }
            let mut distance = 1;
            while distance < RADIX {
                pairs(&mut x, distance);
                distance *= 2;
            }
            for (j, x) in x.into_iter().enumerate() {
                store_f32x16(&mut group[i + j * apart], x);
            }
        }
    }
    RADIX * half
}

/// Sums and differences of vectors that are `distance` apart.
#[target_feature(enable = "avx512f")]
#[inline]
fn pairs<const N: usize>(x: &mut [__m512; N], distance: usize) {
    for first in 0..N {
        if first & distance == 0 {
            let (a, b) = (x[first], x[first + distance]);
            (x[first], x[first + distance]) = (_mm512_add_ps(a, b), _mm512_sub_ps(a, b));
        }
    }
}
