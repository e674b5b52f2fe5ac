//! The Walsh-Hadamard transform of blocks with random signs.
//!
//! Stages are done in the order of their distances, and each is a sum or a difference per value: however many of them are
//! fused, the bits are the same.

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512;
mod portable;

use super::level::dispatch;
use crate::seed::Seed;

/// Values whose signs are computed at once, and the longest block.
const WINDOW: usize = 4096;

/// Values whose signs are one number.
const WORD: usize = u64::BITS as usize;

/// Of each block, a power of two up to 4096: `H D x / sqrt(block)`, with the signs `D` of the position. Scaled first, so that
/// sums stay as small as they can. Natural (Hadamard) order; the slices are whole blocks, and as long as each other.
pub(crate) fn forward(seed: Seed, start: usize, block: usize, values: &[f32], coefficients: &mut [f32]) {
    for_each_window(seed, start, block, values, coefficients, forward_window, portable::forward);
}

/// Likewise; whether all coefficients are finite.
pub(crate) fn checked_forward(
    seed: Seed,
    start: usize,
    block: usize,
    values: &[f32],
    coefficients: &mut [f32],
) -> bool {
    let (mut finite, mut rest_finite) = (true, true);
    let window = |block, signs: &[u64], values: &[f32], coefficients: &mut [f32]| {
        finite &= checked_window(block, signs, values, coefficients);
    };
    let rest = |block, signs: &[u64], values: &[f32], coefficients: &mut [f32]| {
        rest_finite &= portable::checked_forward(block, signs, values, coefficients);
    };
    for_each_window(seed, start, block, values, coefficients, window, rest);
    finite && rest_finite
}

/// The way back: `D H c / sqrt(block)`.
pub(crate) fn inverse(seed: Seed, start: usize, block: usize, coefficients: &[f32], values: &mut [f32]) {
    for_each_window(seed, start, block, coefficients, values, inverse_window, portable::inverse);
}

/// Calls `window` for multiples of 64 values, and `rest` for what is left, which are blocks of less.
#[inline(always)]
fn for_each_window(
    seed: Seed,
    start: usize,
    block: usize,
    from: &[f32],
    to: &mut [f32],
    mut window: impl FnMut(usize, &[u64], &[f32], &mut [f32]),
    mut rest: impl FnMut(usize, &[u64], &[f32], &mut [f32]),
) {
    let mut signs = [0; WINDOW / WORD];
    for (i, (from, to)) in from.chunks(WINDOW).zip(to.chunks_mut(WINDOW)).enumerate() {
        fill(&mut signs[..from.len().div_ceil(WORD)], seed, start + i * WINDOW);
        let whole = from.len() / WORD * WORD;
        if whole > 0 {
            window(block, &signs[..whole / WORD], &from[..whole], &mut to[..whole]);
        }
        if whole < from.len() {
            rest(block, &signs[whole / WORD..], &from[whole..], &mut to[whole..]);
        }
    }
}

/// The signs from position `start` on.
fn fill(signs: &mut [u64], seed: Seed, start: usize) {
    dispatch!(fill(signs, seed, start): avx512);
}

fn forward_window(block: usize, signs: &[u64], values: &[f32], coefficients: &mut [f32]) {
    dispatch!(forward(block, signs, values, coefficients): avx512 avx2);
}

fn checked_window(block: usize, signs: &[u64], values: &[f32], coefficients: &mut [f32]) -> bool {
    dispatch!(checked_forward(block, signs, values, coefficients): avx512 avx2)
}

fn inverse_window(block: usize, signs: &[u64], coefficients: &[f32], values: &mut [f32]) {
    dispatch!(inverse(block, signs, coefficients, values): avx512 avx2);
}

/// `1 / sqrt(n)` for a power of two.
fn factor(n: usize) -> f32 {
    let log = n.trailing_zeros();
    let root = if log % 2 == 1 { core::f32::consts::FRAC_1_SQRT_2 } else { 1.0 };
    root / (1_u32 << (log / 2)) as f32
}
