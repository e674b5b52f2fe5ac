//! All stages within 256 values in registers, and up to four of the others in one pass.

use super::{factor, portable};
use crate::{
    kernel::{
        level::twins,
        x86::{load_f32x16, store_f32x16},
    },
    seed::Seed,
};
use core::arch::x86_64::*;

const LANES: usize = 16;

/// A vector as it is in memory.
type Row = [f32; LANES];

// There are products of 64 bits.
twins! {"avx512f,avx512dq,avx512vl":
    fn fill(signs: &mut [u64], seed: Seed, start: usize);
}

#[target_feature(enable = "avx512f")]
pub(super) fn forward(block: usize, signs: &[u64], values: &[f32], coefficients: &mut [f32]) {
    _ = transform::<true>(block, signs, values, coefficients);
}

#[target_feature(enable = "avx512f")]
pub(super) fn checked_forward(block: usize, signs: &[u64], values: &[f32], coefficients: &mut [f32]) -> bool {
    transform::<true>(block, signs, values, coefficients)
}

#[target_feature(enable = "avx512f")]
pub(super) fn inverse(block: usize, signs: &[u64], coefficients: &[f32], values: &mut [f32]) {
    _ = transform::<false>(block, signs, coefficients, values);
}

/// Signs are changed by the first pass forward, and by the last one back. Whether all coefficients are finite, if it is forward.
#[target_feature(enable = "avx512f")]
#[inline]
fn transform<const FORWARD: bool>(block: usize, signs: &[u64], from: &[f32], to: &mut [f32]) -> bool {
    let signs: &[__mmask16] = bytemuck::cast_slice(signs);
    let (from, to) = (from.as_chunks().0, to.as_chunks_mut().0);
    let factor = factor(block);
    let mut sums = Sums([_mm512_setzero_ps(); 4]);
    match block {
        2 => within::<1, 1, FORWARD>(factor, true, signs, from, to, &mut sums),
        4 => within::<1, 2, FORWARD>(factor, true, signs, from, to, &mut sums),
        8 => within::<1, 3, FORWARD>(factor, true, signs, from, to, &mut sums),
        16 => within::<1, 4, FORWARD>(factor, true, signs, from, to, &mut sums),
        32 => within::<2, 4, FORWARD>(factor, true, signs, from, to, &mut sums),
        64 => within::<4, 4, FORWARD>(factor, true, signs, from, to, &mut sums),
        128 => within::<8, 4, FORWARD>(factor, true, signs, from, to, &mut sums),
        256 => within::<16, 4, FORWARD>(factor, true, signs, from, to, &mut sums),
        _ => {
            let rows = block / LANES;
            let blocks = from.chunks_exact(rows).zip(to.chunks_exact_mut(rows)).zip(signs.chunks_exact(rows));
            for ((from, to), signs) in blocks {
                within::<16, 4, FORWARD>(factor, false, signs, from, to, &mut sums);
                match rows {
                    32 => across::<2, FORWARD>(signs, to, &mut sums),
                    64 => across::<4, FORWARD>(signs, to, &mut sums),
                    128 => across::<8, FORWARD>(signs, to, &mut sums),
                    _ => across::<16, FORWARD>(signs, to, &mut sums),
                }
            }
        }
    }
    sums.are_finite()
}

/// Products with zero, which is what they add up to unless there was one that is not finite.
struct Sums([__m512; 4]);

impl Sums {
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn add<const ROWS: usize>(&mut self, x: &[__m512; ROWS]) {
        for (row, &x) in x.iter().enumerate() {
            let sum = &mut self.0[row % 4];
            *sum = _mm512_fmadd_ps(x, _mm512_setzero_ps(), *sum);
        }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn are_finite(&self) -> bool {
        self.0.iter().all(|&sum| _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(sum, sum) == 0)
    }
}

/// Scales, and does as many stages as there are within `ROWS` rows, or within parts of one row: the `last` ones, or not.
#[target_feature(enable = "avx512f")]
#[inline]
fn within<const ROWS: usize, const STAGES: usize, const FORWARD: bool>(
    factor: f32,
    last: bool,
    signs: &[__mmask16],
    from: &[Row],
    to: &mut [Row],
    sums: &mut Sums,
) {
    let ones = _mm512_set1_ps(1.0);
    // Minus one where the lane is the second of its pair, at distances 1, 2, 4 and 8.
    let pairs_of =
        [0xaaaa, 0xcccc, 0xf0f0, 0xff00].map(|second| _mm512_mask_sub_ps(ones, second, _mm512_setzero_ps(), ones));
    let factors = [_mm512_set1_ps(factor), _mm512_set1_ps(if FORWARD { -factor } else { factor })];
    let blocks = from.as_chunks::<ROWS>().0.iter().zip(to.as_chunks_mut::<ROWS>().0).zip(signs.as_chunks::<ROWS>().0);
    for ((from, to), signs) in blocks {
        let mut x = [_mm512_setzero_ps(); ROWS];
        for row in 0..ROWS {
            let mut v =
                _mm512_mul_ps(load_f32x16(&from[row]), _mm512_mask_blend_ps(signs[row], factors[0], factors[1]));
            // The partner, plus or minus the value itself: products with one are exact.
            v = _mm512_fmadd_ps(v, pairs_of[0], _mm512_permute_ps::<0b10_11_00_01>(v));
            if STAGES > 1 {
                v = _mm512_fmadd_ps(v, pairs_of[1], _mm512_permute_ps::<0b01_00_11_10>(v));
            }
            if STAGES > 2 {
                v = _mm512_fmadd_ps(v, pairs_of[2], _mm512_shuffle_f32x4::<0b10_11_00_01>(v, v));
            }
            if STAGES > 3 {
                v = _mm512_fmadd_ps(v, pairs_of[3], _mm512_shuffle_f32x4::<0b01_00_11_10>(v, v));
            }
            x[row] = v;
        }
        stages(&mut x);
        if last && FORWARD {
            sums.add(&x);
        }
        for row in 0..ROWS {
            store_f32x16(&mut to[row], if last && !FORWARD { change(x[row], signs[row]) } else { x[row] });
        }
    }
}

/// The last stages of a block, of which there are as many as make `RADIX`.
#[target_feature(enable = "avx512f")]
#[inline]
fn across<const RADIX: usize, const FORWARD: bool>(signs: &[__mmask16], rows: &mut [Row], sums: &mut Sums) {
    let apart = rows.len() / RADIX;
    for i in 0..apart {
        let mut x = [_mm512_setzero_ps(); RADIX];
        for j in 0..RADIX {
            x[j] = load_f32x16(&rows[i + j * apart]);
        }
        stages(&mut x);
        if FORWARD {
            sums.add(&x);
        }
        for j in 0..RADIX {
            let v = if FORWARD { x[j] } else { change(x[j], signs[i + j * apart]) };
            store_f32x16(&mut rows[i + j * apart], v);
        }
    }
}

/// Changes the signs of some lanes.
#[target_feature(enable = "avx512f")]
#[inline]
fn change(x: __m512, signs: __mmask16) -> __m512 {
    let bits = _mm512_castps_si512(x);
    _mm512_castsi512_ps(_mm512_mask_xor_epi32(bits, signs, bits, _mm512_set1_epi32(i32::MIN)))
}

/// Sums and differences of vectors, over all stages.
#[target_feature(enable = "avx512f")]
#[inline]
fn stages<const N: usize>(x: &mut [__m512; N]) {
    let mut distance = 1;
    while distance < N {
        for first in 0..N {
            if first & distance == 0 {
                let (a, b) = (x[first], x[first + distance]);
                (x[first], x[first + distance]) = (_mm512_add_ps(a, b), _mm512_sub_ps(a, b));
            }
        }
        distance *= 2;
    }
}
