//! All stages within 64 values in registers, and up to three of the others in one pass.

use super::factor;
use crate::kernel::{
    finite::all_finite,
    x86::{load_f32x8, store_f32x8},
};
use core::arch::x86_64::*;

const LANES: usize = 8;

/// A vector as it is in memory.
type Row = [f32; LANES];

#[target_feature(enable = "avx2,fma")]
pub(super) fn forward(block: usize, signs: &[u64], values: &[f32], coefficients: &mut [f32]) {
    transform::<true>(block, signs, values, coefficients);
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn checked_forward(block: usize, signs: &[u64], values: &[f32], coefficients: &mut [f32]) -> bool {
    transform::<true>(block, signs, values, coefficients);
    all_finite(coefficients)
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn inverse(block: usize, signs: &[u64], coefficients: &[f32], values: &mut [f32]) {
    transform::<false>(block, signs, coefficients, values);
}

/// Signs are changed by the first pass forward, and by the last one back.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn transform<const FORWARD: bool>(block: usize, signs: &[u64], from: &[f32], to: &mut [f32]) {
    let signs: &[u8] = bytemuck::cast_slice(signs);
    let (from, to) = (from.as_chunks().0, to.as_chunks_mut().0);
    let factor = factor(block);
    let back = !FORWARD;
    match block {
        2 => within::<1, 1>(factor, FORWARD, back, signs, from, to),
        4 => within::<1, 2>(factor, FORWARD, back, signs, from, to),
        8 => within::<1, 3>(factor, FORWARD, back, signs, from, to),
        16 => within::<2, 3>(factor, FORWARD, back, signs, from, to),
        32 => within::<4, 3>(factor, FORWARD, back, signs, from, to),
        64 => within::<8, 3>(factor, FORWARD, back, signs, from, to),
        _ => {
            let rows = block / LANES;
            let blocks = from.chunks_exact(rows).zip(to.chunks_exact_mut(rows)).zip(signs.chunks_exact(rows));
            for ((from, to), signs) in blocks {
                within::<8, 3>(factor, FORWARD, false, signs, from, to);
                let mut done = 8;
                while done < rows {
                    let radix = (rows / done).min(8);
                    done *= radix;
                    let last = back && done == rows;
                    for (to, signs) in to.chunks_exact_mut(done).zip(signs.chunks_exact(done)) {
                        match radix {
                            2 => across::<2>(last, signs, to),
                            4 => across::<4>(last, signs, to),
                            _ => across::<8>(last, signs, to),
                        }
                    }
                }
            }
        }
    }
}

/// Scales, and does as many stages as there are within `ROWS` rows, or within parts of one row.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn within<const ROWS: usize, const STAGES: usize>(
    factor: f32,
    signs_before: bool,
    signs_after: bool,
    signs: &[u8],
    from: &[Row],
    to: &mut [Row],
) {
    // Minus one where the lane is the second of its pair.
    let pairs_of = [
        _mm256_setr_ps(1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0),
        _mm256_setr_ps(1.0, 1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0),
        _mm256_setr_ps(1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0),
    ];
    let factor = _mm256_set1_ps(factor);
    let blocks = from.as_chunks::<ROWS>().0.iter().zip(to.as_chunks_mut::<ROWS>().0).zip(signs.as_chunks::<ROWS>().0);
    for ((from, to), signs) in blocks {
        let mut x = [_mm256_setzero_ps(); ROWS];
        for row in 0..ROWS {
            let factor = if signs_before { change(factor, signs[row]) } else { factor };
            let mut v = _mm256_mul_ps(load_f32x8(&from[row]), factor);
            // The partner, plus or minus the value itself: products with one are exact.
            v = _mm256_fmadd_ps(v, pairs_of[0], _mm256_permute_ps::<0b10_11_00_01>(v));
            if STAGES > 1 {
                v = _mm256_fmadd_ps(v, pairs_of[1], _mm256_permute_ps::<0b01_00_11_10>(v));
            }
            if STAGES > 2 {
                v = _mm256_fmadd_ps(v, pairs_of[2], _mm256_permute2f128_ps::<1>(v, v));
            }
            x[row] = v;
        }
        stages(&mut x);
        for row in 0..ROWS {
            store_f32x8(&mut to[row], if signs_after { change(x[row], signs[row]) } else { x[row] });
        }
    }
}

/// The stages at the largest distances among these rows, as many as make `RADIX`.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn across<const RADIX: usize>(signs_after: bool, signs: &[u8], rows: &mut [Row]) {
    let apart = rows.len() / RADIX;
    for i in 0..apart {
        let mut x = [_mm256_setzero_ps(); RADIX];
        for j in 0..RADIX {
            x[j] = load_f32x8(&rows[i + j * apart]);
        }
        stages(&mut x);
        for j in 0..RADIX {
            let v = if signs_after { change(x[j], signs[i + j * apart]) } else { x[j] };
            store_f32x8(&mut rows[i + j * apart], v);
        }
    }
}

/// Changes the signs of some lanes.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn change(x: __m256, signs: u8) -> __m256 {
    // The bit of each lane goes to the place of its sign.
    let to_top = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
    let signs = _mm256_sllv_epi32(_mm256_set1_epi32(signs.into()), to_top);
    _mm256_xor_ps(x, _mm256_and_ps(_mm256_castsi256_ps(signs), _mm256_set1_ps(-0.0)))
}

/// Sums and differences of vectors, over all stages.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn stages<const N: usize>(x: &mut [__m256; N]) {
    let mut distance = 1;
    while distance < N {
        for first in 0..N {
            if first & distance == 0 {
                let (a, b) = (x[first], x[first + distance]);
                (x[first], x[first + distance]) = (_mm256_add_ps(a, b), _mm256_sub_ps(a, b));
            }
        }
        distance *= 2;
    }
}
