//! Which table is cheapest: how many bits, which codes it is about, and which are escaped.

use super::{
    normalize::{normalize, price},
    table::{MOST_LOW, MOST_SPAN, MOST_SYMBOLS},
};
use alloc::vec::Vec;
use core::cmp::Reverse;

/// With more symbols, tables without low bits are tried.
const FEW_SYMBOLS: usize = 24;
/// With more symbols, tables take too long to try.
const MANY_SYMBOLS: usize = 4096;

/// About what an entry of the table takes, in bits.
const ENTRY: f64 = 12.0;

/// A table that could be made, and what it would cost.
pub(super) struct Plan {
    /// In bits, for the codes and the table.
    cost: f64,
    pub(super) bits: u32,
    pub(super) low: u32,
    pub(super) symbols: Vec<(u32, u32)>,
}

impl Plan {
    /// The cheapest one for pairs of codes in ascending order and counts above 0.
    pub(super) fn cheapest(pairs: &[(u32, u64)], width: u32) -> Self {
        Self::cheapest_of(pairs, width, &[12, 14])
    }

    /// The cheapest one with frequencies of one of these numbers of bits.
    pub(super) fn cheapest_of(pairs: &[(u32, u64)], width: u32, sizes: &[u32]) -> Self {
        // Sums stay exact in f64.
        let whole: u128 = pairs.iter().map(|&(_, count)| u128::from(count)).sum();
        let excess = (u128::BITS - whole.leading_zeros()).saturating_sub(f64::MANTISSA_DIGITS);
        let pairs: Vec<_> = pairs.iter().map(|&(code, count)| (code, (count >> excess.min(63)).max(1))).collect();
        let total = pairs.iter().map(|(_, count)| count).sum();
        let mut best = Self { cost: f64::INFINITY, bits: sizes[0], low: 0, symbols: Vec::new() };
        best = best.or_cheaper(&pairs, width, 0, total, sizes);
        let mut high = pairs;
        for low in 1..=MOST_LOW.min(width - 1) {
            if high.len() <= FEW_SYMBOLS {
                break;
            }
            high = without_lowest_bit(&high);
            if high.len() <= MANY_SYMBOLS {
                best = best.or_cheaper(&high, width, low, total, sizes);
            }
        }
        best
    }

    /// This one, or one for codes without `low` bits if that is cheaper: of any of the sizes, and without rare codes.
    fn or_cheaper(mut self, pairs: &[(u32, u64)], width: u32, low: u32, total: u64, sizes: &[u32]) -> Self {
        let kept = likeliest_span(pairs);
        for &bits in sizes {
            let mut before = usize::MAX;
            // Codes rarer than these shares of a slot are escaped.
            for rarer in [0.0, 0.25, 0.5, 1.0, 2.0] {
                let least = rarer * total as f64 / f64::from(1_u32 << bits);
                let mut symbols: Vec<_> = kept.iter().copied().filter(|&(_, count)| count as f64 >= least).collect();
                if symbols.len() == before {
                    // The same ones.
                    continue;
                }
                before = symbols.len();
                if symbols.len() >= MOST_SYMBOLS {
                    symbols.sort_unstable_by_key(|&(code, count)| (Reverse(count), code));
                    symbols.truncate(MOST_SYMBOLS - 1);
                    symbols.sort_unstable();
                }
                let plan = Self::new(bits, width, low, &symbols, total);
                self = if plan.cost < self.cost { plan } else { self };
            }
        }
        self
    }

    /// For codes that occur so often, of `total`; all others are escaped.
    fn new(bits: u32, width: u32, low: u32, symbols: &[(u32, u64)], total: u64) -> Self {
        let escaped = total - symbols.iter().map(|(_, count)| count).sum::<u64>();
        let counts: Vec<u64> = symbols.iter().map(|&(_, count)| count).chain([escaped.max(1)]).collect();
        let frequencies = normalize(&counts, bits);
        let codes: f64 = counts.iter().zip(&frequencies).map(|(&count, &f)| count as f64 * price(f, bits)).sum();
        let raw = escaped as f64 * f64::from(width) + (total - escaped) as f64 * f64::from(low);
        let cost = codes + raw + ENTRY * symbols.len() as f64;
        // The larger table has to pay for being slower.
        let cost = if bits == 14 { 1.001 * cost } else { cost };
        let symbols = symbols.iter().zip(frequencies).map(|(&(code, _), f)| (code, f)).collect();
        Self { cost, bits, low, symbols }
    }
}

/// Codes that differ in the lowest bit alone become one.
fn without_lowest_bit(pairs: &[(u32, u64)]) -> Vec<(u32, u64)> {
    let mut halved: Vec<(u32, u64)> = Vec::with_capacity(pairs.len());
    for &(code, count) in pairs {
        match halved.last_mut() {
            Some((last, sum)) if *last == code >> 1 => *sum += count,
            _ => halved.push((code >> 1, count)),
        }
    }
    halved
}

/// The neighbours within the longest span that occur most often together.
fn likeliest_span(pairs: &[(u32, u64)]) -> &[(u32, u64)] {
    let (mut best, mut best_sum) = (0..0, 0);
    let (mut from, mut sum) = (0, 0_u64);
    for (to, &(code, count)) in pairs.iter().enumerate() {
        sum += count;
        while code - pairs[from].0 >= MOST_SPAN {
            sum -= pairs[from].1;
            from += 1;
        }
        if sum > best_sum {
            (best, best_sum) = (from..to + 1, sum);
        }
    }
    &pairs[best]
}
