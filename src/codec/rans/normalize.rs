//! From counts to frequencies that sum to a power of two.

use crate::kernel::exp::ln;
use alloc::{collections::BinaryHeap, vec::Vec};
use core::{cmp::Reverse, f64::consts::LN_2};

/// Bits of a symbol that has `frequency` of `2^bits`.
pub(super) fn price(frequency: u32, bits: u32) -> f64 {
    f64::from(bits) - ln(frequency.max(1).into()) / LN_2
}

/// Frequencies of at least 1 that sum to `2^bits`, near the shares of the counts; there are at most `2^bits` of them.
///
/// Rounded first; then, one by one, whichever step costs the least, or saves the most, until the sum is right. A step down
/// from `f` costs `count log2(f / (f - 1))` bits.
pub(super) fn normalize(counts: &[u64], bits: u32) -> Vec<u32> {
    let total: f64 = counts.iter().map(|&count| count as f64).sum();
    let whole = 1_i64 << bits;
    let rounded = |&count: &u64| ((count as f64 / total * whole as f64 + 0.5) as u32).clamp(1, 1 << bits);
    let mut frequencies: Vec<u32> = counts.iter().map(rounded).collect();
    let mut excess = frequencies.iter().map(|&f| i64::from(f)).sum::<i64>() - whole;
    let down = excess > 0;
    // Bits that the next step of a symbol costs, or saves; positive numbers are in the order of their bits.
    let step = |index: usize, f: u32| {
        let (low, high) = if down { (f - 1, f) } else { (f, f + 1) };
        let gain = counts[index] as f64 * (ln(high.into()) - ln(low.into()));
        (if down { u64::MAX - gain.to_bits() } else { gain.to_bits() }, Reverse(index))
    };
    let can = |f: u32| !down || f > 1;
    let mut heap: BinaryHeap<(u64, Reverse<usize>)> = if excess == 0 {
        BinaryHeap::new()
    } else {
        frequencies.iter().enumerate().filter(|&(_, &f)| can(f)).map(|(index, &f)| step(index, f)).collect()
    };
    while excess != 0 {
        let Some((_, Reverse(index))) = heap.pop() else { break };
        let f = &mut frequencies[index];
        if down {
            (*f, excess) = (*f - 1, excess - 1);
        } else {
            (*f, excess) = (*f + 1, excess + 1);
        }
        if can(*f) {
            heap.push(step(index, *f));
        }
    }
    frequencies
}
