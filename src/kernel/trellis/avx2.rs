//! Eight lanes in a vector; all of eight states in registers.

use super::{Branches, Paths, before, is_first, partner};
use crate::{
    automaton::LANES,
    kernel::x86::{load_f32x8, load_u8x16, load_u8x32, store_f32x8, store_u8x16, store_u8x32},
};
use core::arch::x86_64::*;

const WIDTH: usize = 8;

#[target_feature(enable = "avx2")]
pub(super) fn advance<const STATES: usize, const G: usize, const N: usize>(
    paths: &mut Paths<STATES, G>,
    branches: &Branches<N>,
    (first, lanes, rounds): (usize, usize, usize),
    decisions: &mut [u8],
    apart: usize,
) {
    if STATES == 8 {
        for half in 0..G / WIDTH {
            eight(paths, branches, (first, lanes, rounds), decisions, apart, half);
        }
        return;
    }
    let mut other = [[0.0; G]; STATES];
    for half in 0..G / WIDTH {
        let (mut from, mut to) = (&mut *paths, &mut other);
        for (round, decisions) in decisions.chunks_mut(apart).take(rounds).enumerate() {
            let at = first + round * lanes + half * WIDTH;
            let cost = costs(branches, at);
            let bytes = decisions.as_chunks_mut::<WIDTH>().0;
            for eight in (0..STATES / 8).filter(|&eight| is_first::<STATES>(eight)) {
                let (base, side) = (8 * eight, usize::from(8 * eight >= STATES / 2));
                let (even, odd) = (cost[side], cost[side + 2]);
                let mut bits = [_mm256_setzero_si256(); 2];
                for k in 0..8 {
                    let t = base + k;
                    let u = partner::<STATES>(t);
                    let x = load(from, before::<STATES>(t as u8, 0), half);
                    let y = load(from, before::<STATES>(t as u8, 1), half);
                    let (least, decided) = cheaper::<_CMP_LT_OQ>(x, y, even, odd);
                    store(to, t, half, least);
                    bits[0] = with_bit(bits[0], decided, k);
                    let (least, decided) = cheaper::<_CMP_LE_OQ>(y, x, even, odd);
                    store(to, u, half, least);
                    bits[1] = with_bit(bits[1], decided, u % 8);
                }
                bytes[eight * (G / WIDTH) + half] = packed(bits[0]);
                bytes[partner::<STATES>(base) / 8 * (G / WIDTH) + half] = packed(bits[1]);
            }
            if let Some(idle) = &branches.idle {
                let (still, cost) = still(idle, at);
                for state in 0..STATES {
                    let stays = _mm256_add_ps(load(from, state as u8, half), cost);
                    let moves = load(to, state as u8, half);
                    store(to, state, half, _mm256_blendv_ps(moves, stays, still));
                }
            }
            core::mem::swap(&mut from, &mut to);
        }
        if rounds % 2 == 1 {
            // The last ones are in the other array, which `from` is now.
            for state in 0..STATES {
                store(to, state, half, load(from, state as u8, half));
            }
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn eight<const STATES: usize, const G: usize, const N: usize>(
    paths: &mut Paths<STATES, G>,
    branches: &Branches<N>,
    (first, lanes, rounds): (usize, usize, usize),
    decisions: &mut [u8],
    apart: usize,
    half: usize,
) {
    let mut path = [_mm256_setzero_ps(); 8];
    for (state, path) in path.iter_mut().enumerate() {
        *path = load(paths, state as u8, half);
    }
    for (round, decisions) in decisions.chunks_mut(apart).take(rounds).enumerate() {
        let at = first + round * lanes + half * WIDTH;
        let cost = costs(branches, at);
        let mut after = path;
        let mut bits = _mm256_setzero_si256();
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
                *after = _mm256_blendv_ps(*after, _mm256_add_ps(path, cost), still);
            }
        }
        path = after;
        decisions.as_chunks_mut::<WIDTH>().0[half] = packed(bits);
    }
    for (state, path) in path.into_iter().enumerate() {
        store(paths, state, half, path);
    }
}

/// The least of `x + even` and `y + odd`, and where it is the latter; where both are the same, says `IS`: of paths that cost the
/// same, that from the lower state is taken, which is `x` for the first of a pair and `y` for the other.
#[target_feature(enable = "avx2")]
#[inline]
fn cheaper<const IS: i32>(x: __m256, y: __m256, even: __m256, odd: __m256) -> (__m256, __m256) {
    let (a, b) = (_mm256_add_ps(x, even), _mm256_add_ps(y, odd));
    (_mm256_min_ps(b, a), _mm256_cmp_ps::<IS>(b, a))
}

#[target_feature(enable = "avx2")]
#[inline]
fn with_bit(bits: __m256i, decided: __m256, bit: usize) -> __m256i {
    _mm256_or_si256(bits, _mm256_and_si256(_mm256_castps_si256(decided), _mm256_set1_epi32(1 << bit)))
}

/// The lowest byte of each lane.
#[target_feature(enable = "avx2")]
#[inline]
fn packed(bits: __m256i) -> [u8; WIDTH] {
    let words = _mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256::<1>(bits));
    (_mm_cvtsi128_si64(_mm_packus_epi16(words, words)) as u64).to_le_bytes()
}

#[target_feature(enable = "avx2")]
#[inline]
fn costs<const N: usize>(branches: &Branches<N>, at: usize) -> [__m256; 4] {
    let mut cost = [_mm256_setzero_ps(); 4];
    for (cost, from) in cost.iter_mut().zip(&branches.cost) {
        *cost = load_f32x8(&from[at..].as_chunks().0[0]);
    }
    cost
}

/// Lanes that are idle, and what that costs.
#[target_feature(enable = "avx2")]
#[inline]
fn still<const N: usize>((idle, cost): &([u8; N], [f32; N]), at: usize) -> (__m256, __m256) {
    let bytes = u64::from_le_bytes(idle[at..].as_chunks().0[0]);
    let wide = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bytes as i64));
    let still = _mm256_cmpgt_epi32(wide, _mm256_setzero_si256());
    (_mm256_castsi256_ps(still), load_f32x8(&cost[at..].as_chunks().0[0]))
}

#[target_feature(enable = "avx2")]
#[inline]
fn load<const STATES: usize, const G: usize>(paths: &Paths<STATES, G>, state: u8, half: usize) -> __m256 {
    load_f32x8(&paths[usize::from(state) % STATES].as_chunks().0[half])
}

#[target_feature(enable = "avx2")]
#[inline]
fn store<const STATES: usize, const G: usize>(paths: &mut Paths<STATES, G>, state: usize, half: usize, to: __m256) {
    store_f32x8(&mut paths[state % STATES].as_chunks_mut().0[half], to);
}

/// All lanes at once: what follows from states is looked up.
#[target_feature(enable = "avx2")]
pub(super) fn trace_eight(decisions: &[u8], lanes: usize, states: &mut [u8; LANES], classes: &mut [u8]) {
    let table = |row: &[u8; 16]| _mm256_broadcastsi128_si256(load_u8x16(row));
    let (masks, even, odd) = (table(&MASKS), table(&EVEN), table(&ODD));
    let mut state = load_u8x32(states);
    // Half of the vector is of no lane where there are 16, and goes along.
    let rounds = decisions.chunks_exact(lanes).zip(classes.chunks_exact_mut(lanes));
    for (decisions, classes) in rounds.rev() {
        let decided = match decisions.first_chunk() {
            Some(all) => load_u8x32(all),
            None => table(&decisions.as_chunks().0[0]),
        };
        let mask = _mm256_shuffle_epi8(masks, state);
        let bit = _mm256_cmpeq_epi8(_mm256_and_si256(decided, mask), mask);
        state = _mm256_blendv_epi8(_mm256_shuffle_epi8(even, state), _mm256_shuffle_epi8(odd, state), bit);
        let side = _mm256_and_si256(state, _mm256_set1_epi8(1));
        let class = _mm256_or_si256(_mm256_and_si256(bit, _mm256_set1_epi8(2)), side);
        match classes.first_chunk_mut() {
            Some(all) => store_u8x32(all, class),
            None => store_u8x16(&mut classes.as_chunks_mut().0[0], _mm256_castsi256_si128(class)),
        }
    }
    store_u8x32(states, state);
}

/// The bit of each of eight states, and the states before them by the lowest bit of the symbol.
const MASKS: [u8; 16] = {
    let mut masks = [0; 16];
    let mut state = 0;
    while state < 8 {
        masks[state] = 1 << state;
        state += 1;
    }
    masks
};
const EVEN: [u8; 16] = befores(0);
const ODD: [u8; 16] = befores(1);

const fn befores(bit: u8) -> [u8; 16] {
    let mut states = [0; 16];
    let mut state = 0;
    while state < 8 {
        states[state] = before::<8>(state as u8, bit);
        state += 1;
    }
    states
}
