//! Sixteen lanes in a vector; comparisons are decisions already.

use super::{Branches, Paths, before, is_first, partner};
use crate::kernel::x86::{load_f32x16, store_f32x16, store_u8x16};
use core::arch::x86_64::*;

const WIDTH: usize = 16;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) fn advance<const STATES: usize, const G: usize, const N: usize>(
    paths: &mut Paths<STATES, G>,
    branches: &Branches<N>,
    at: (usize, usize, usize),
    decisions: &mut [u8],
    apart: usize,
) {
    let (rows, _) = paths.as_flattened_mut().as_chunks_mut::<WIDTH>();
    match <&mut [[f32; WIDTH]; STATES]>::try_from(rows) {
        Ok(paths) if STATES == 8 => eight(paths, branches, at, decisions, apart),
        Ok(paths) => many(paths, branches, at, decisions, apart),
        Err(_) => super::avx2::advance(paths, branches, at, decisions, apart),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn eight<const STATES: usize, const N: usize>(
    paths: &mut [[f32; WIDTH]; STATES],
    branches: &Branches<N>,
    (first, lanes, rounds): (usize, usize, usize),
    decisions: &mut [u8],
    apart: usize,
) {
    let mut path = [_mm512_setzero_ps(); 8];
    for (path, row) in path.iter_mut().zip(paths.iter()) {
        *path = load_f32x16(row);
    }
    for (round, decisions) in decisions.chunks_mut(apart).take(rounds).enumerate() {
        let at = first + round * lanes;
        let cost = costs(branches, at);
        let mut after = path;
        let mut bits = _mm_setzero_si128();
        // The first of each pair.
        for t in [0, 1, 4, 5] {
            let (even, odd) = (cost[t / 4], cost[t / 4 + 2]);
            let (x, y) = (path[usize::from(before::<8>(t as u8, 0))], path[usize::from(before::<8>(t as u8, 1))]);
            let decided;
            (after[t], decided) = cheaper::<_CMP_LT_OQ>(x, y, even, odd);
            bits = with_bit(bits, decided, t);
            let decided;
            (after[partner::<8>(t)], decided) = cheaper::<_CMP_LE_OQ>(y, x, even, odd);
            bits = with_bit(bits, decided, partner::<8>(t));
        }
        if let Some(idle) = &branches.idle {
            let (still, cost) = still(idle, at);
            for (after, path) in after.iter_mut().zip(path) {
                *after = _mm512_mask_add_ps(*after, still, path, cost);
            }
        }
        path = after;
        store_u8x16(&mut decisions.as_chunks_mut().0[0], bits);
    }
    for (path, row) in path.into_iter().zip(paths) {
        store_f32x16(row, path);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn many<const STATES: usize, const N: usize>(
    paths: &mut [[f32; WIDTH]; STATES],
    branches: &Branches<N>,
    (first, lanes, rounds): (usize, usize, usize),
    decisions: &mut [u8],
    apart: usize,
) {
    let mut other = [[0.0; WIDTH]; STATES];
    let (mut from, mut to) = (paths, &mut other);
    for (round, decisions) in decisions.chunks_mut(apart).take(rounds).enumerate() {
        let at = first + round * lanes;
        let cost = costs(branches, at);
        let bytes = decisions.as_chunks_mut::<WIDTH>().0;
        for eight in (0..STATES / 8).filter(|&eight| is_first::<STATES>(eight)) {
            let (base, side) = (8 * eight, usize::from(8 * eight >= STATES / 2));
            let (even, odd) = (cost[side], cost[side + 2]);
            let mut bits = [_mm_setzero_si128(); 2];
            for k in 0..8 {
                let t = base + k;
                let u = partner::<STATES>(t);
                let x = load_f32x16(&from[usize::from(before::<STATES>(t as u8, 0)) % STATES]);
                let y = load_f32x16(&from[usize::from(before::<STATES>(t as u8, 1)) % STATES]);
                let (least, decided) = cheaper::<_CMP_LT_OQ>(x, y, even, odd);
                store_f32x16(&mut to[t % STATES], least);
                bits[0] = with_bit(bits[0], decided, k);
                let (least, decided) = cheaper::<_CMP_LE_OQ>(y, x, even, odd);
                store_f32x16(&mut to[u % STATES], least);
                bits[1] = with_bit(bits[1], decided, u % 8);
            }
            store_u8x16(&mut bytes[eight], bits[0]);
            store_u8x16(&mut bytes[partner::<STATES>(base) / 8], bits[1]);
        }
        if let Some(idle) = &branches.idle {
            let (still, cost) = still(idle, at);
            for (to, from) in to.iter_mut().zip(from.iter()) {
                store_f32x16(to, _mm512_mask_add_ps(load_f32x16(to), still, load_f32x16(from), cost));
            }
        }
        core::mem::swap(&mut from, &mut to);
    }
    if rounds % 2 == 1 {
        // The last ones are in the other array, which `from` is now.
        *to = *from;
    }
}

/// The least of `x + even` and `y + odd`, and where it is the latter; where both are the same, says `IS`: of paths that cost the
/// same, that from the lower state is taken, which is `x` for the first of a pair and `y` for the other.
#[target_feature(enable = "avx512f")]
#[inline]
fn cheaper<const IS: i32>(x: __m512, y: __m512, even: __m512, odd: __m512) -> (__m512, __mmask16) {
    let (a, b) = (_mm512_add_ps(x, even), _mm512_add_ps(y, odd));
    (_mm512_min_ps(b, a), _mm512_cmp_ps_mask::<IS>(b, a))
}

#[target_feature(enable = "avx512bw,avx512vl")]
#[inline]
fn with_bit(bits: __m128i, decided: __mmask16, bit: usize) -> __m128i {
    _mm_or_si128(bits, _mm_maskz_set1_epi8(decided, (1_u8 << bit).cast_signed()))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn costs<const N: usize>(branches: &Branches<N>, at: usize) -> [__m512; 4] {
    let mut cost = [_mm512_setzero_ps(); 4];
    for (cost, from) in cost.iter_mut().zip(&branches.cost) {
        *cost = load_f32x16(&from[at..].as_chunks().0[0]);
    }
    cost
}

/// Lanes that are idle, and what that costs.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
#[inline]
fn still<const N: usize>((idle, cost): &([u8; N], [f32; N]), at: usize) -> (__mmask16, __m512) {
    let bytes = crate::kernel::x86::load_u8x16(&idle[at..].as_chunks().0[0]);
    (_mm_test_epi8_mask(bytes, bytes), load_f32x16(&cost[at..].as_chunks().0[0]))
}
