//! Stage by stage, for all machines.

use super::{WORD, factor};
use crate::{kernel::finite::all_finite, seed::Seed};

/// Values that the first four stages work on at once.
const FIRST: usize = 16;

#[inline(always)]
pub(super) fn fill(signs: &mut [u64], seed: Seed, start: usize) {
    let (first, shift) = ((start / WORD) as u64, start % WORD);
    if shift == 0 {
        for (signs, word) in signs.iter_mut().zip(first..) {
            *signs = seed.bits(word);
        }
        return;
    }
    let mut bits = seed.bits(first);
    for (signs, word) in signs.iter_mut().zip(first + 1..) {
        let next = seed.bits(word);
        *signs = bits >> shift | next << (WORD - shift);
        bits = next;
    }
}

pub(super) fn checked_forward(block: usize, signs: &[u64], values: &[f32], coefficients: &mut [f32]) -> bool {
    forward(block, signs, values, coefficients);
    all_finite(coefficients)
}

pub(super) fn forward(block: usize, signs: &[u64], values: &[f32], coefficients: &mut [f32]) {
    let factor = factor(block).to_bits();
    for ((&signs, values), coefficients) in signs.iter().zip(values.chunks(WORD)).zip(coefficients.chunks_mut(WORD)) {
        each_with_sign(signs, coefficients, values, |x, sign| x * f32::from_bits(factor ^ sign));
    }
    coefficients.chunks_exact_mut(block).for_each(butterflies);
}

pub(super) fn inverse(block: usize, signs: &[u64], coefficients: &[f32], values: &mut [f32]) {
    let factor = factor(block);
    for (x, c) in values.iter_mut().zip(coefficients) {
        *x = c * factor;
    }
    values.chunks_exact_mut(block).for_each(butterflies);
    for (&signs, values) in signs.iter().zip(values.chunks_mut(WORD)) {
        let mut copy = [0.0; WORD];
        let copy = &mut copy[..values.len()];
        copy.copy_from_slice(values);
        each_with_sign(signs, values, copy, |x, sign| f32::from_bits(x.to_bits() ^ sign));
    }
}

/// Lanes whose signs are looked up at once.
const LANES: usize = 4;

/// Bits that change the signs of four values, for all four bits that say which.
static CHANGES: [[u32; LANES]; 1 << LANES] = {
    let mut changes = [[0; LANES]; 1 << LANES];
    let mut i = 0;
    while i < LANES << LANES {
        changes[i / LANES][i % LANES] = (((i / LANES) >> (i % LANES)) as u32 & 1) << 31;
        i += 1;
    }
    changes
};

/// `to = each(from, change)` of at most 64 values, with the bit to flip if the sign changes.
#[inline(always)]
fn each_with_sign(mut signs: u64, to: &mut [f32], from: &[f32], each: impl Fn(f32, u32) -> f32) {
    let (whole_to, rest_to) = to.as_chunks_mut::<LANES>();
    let (whole_from, rest_from) = from.as_chunks::<LANES>();
    for (to, from) in whole_to.iter_mut().zip(whole_from) {
        let changes = &CHANGES[signs as usize % CHANGES.len()];
        *to = core::array::from_fn(|lane| each(from[lane], changes[lane]));
        signs >>= LANES;
    }
    for ((to, from), change) in rest_to.iter_mut().zip(rest_from).zip(CHANGES[signs as usize % CHANGES.len()]) {
        *to = each(*from, change);
    }
}

/// Sums and differences over all stages of one block.
fn butterflies(values: &mut [f32]) {
    let len = values.len();
    let (groups, rest) = values.as_chunks_mut::<FIRST>();
    groups.iter_mut().for_each(first_stages);
    // Lengths below 16.
    let mut half = 1;
    while half < rest.len() {
        two(rest, half);
        half *= 2;
    }
    let mut half = FIRST;
    while 4 * half <= len {
        four(values, half);
        half *= 4;
    }
    if half < len {
        two(values, half);
    }
}

/// The stages at distances 1, 2, 4 and 8. Never inlined, for compilers would have a vector for values of several groups, and
/// collect them one by one.
#[inline(never)]
fn first_stages(x: &mut [f32; FIRST]) {
    let mut v = *x;
    let mut half = 1;
    while half < FIRST {
        let mut w = [0.0; FIRST];
        for i in 0..FIRST {
            w[i] = if i & half == 0 { v[i] + v[i ^ half] } else { v[i ^ half] - v[i] };
        }
        v = w;
        half *= 2;
    }
    *x = v;
}

/// Sums and differences of values that are `half` apart.
#[inline(always)]
fn two(values: &mut [f32], half: usize) {
    for pair in values.chunks_exact_mut(2 * half) {
        let (low, high) = pair.split_at_mut(half);
        for (a, b) in low.iter_mut().zip(high) {
            (*a, *b) = (*a + *b, *a - *b);
        }
    }
}

/// The stages at `half` and at twice that, in one pass.
#[inline(always)]
fn four(values: &mut [f32], half: usize) {
    for four in values.chunks_exact_mut(4 * half) {
        let (low, high) = four.split_at_mut(2 * half);
        let ((a, b), (c, d)) = (low.split_at_mut(half), high.split_at_mut(half));
        for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
            let (sum, difference) = ([*a + *b, *c + *d], [*a - *b, *c - *d]);
            (*a, *c) = (sum[0] + sum[1], sum[0] - sum[1]);
            (*b, *d) = (difference[0] + difference[1], difference[0] - difference[1]);
        }
    }
}
