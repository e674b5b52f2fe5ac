//! Information in histograms.

use crate::error::{Result, same_length};
use num_traits::Float;

/// Shannon entropy of a histogram in bits per symbol: `-Σ p log₂ p` with `p = count / total`; NaN if it counts nothing.
///
/// No code that gives each symbol a code word of its own is shorter on average.
///
/// ```
/// assert_eq!(fewbits::entropy(&[2, 1, 1, 0]), 1.5);
/// ```
pub fn entropy(counts: &[u64]) -> f64 {
    let total = total(counts);
    if total == 0.0 {
        return f64::NAN;
    }
    // Σ p log₂(1 / p), in which no term is negative.
    terms(counts).map(|count| count / total * Float::log2(total / count)).sum()
}

/// Kullback-Leibler divergence of two histograms in bits per symbol: `Σ p log₂(p / q)`, what coding symbols of `p` with
/// code words made for `q` costs more than needed. Infinite if `q` lacks a symbol that `p` has; NaN if one counts
/// nothing.
///
/// scipy's `entropy(p, q)` is in nats, which are 1.44 bits.
///
/// ```
/// assert_eq!(fewbits::kl_divergence(&[1, 1, 0], &[2, 1, 1])?, 0.5);
/// assert_eq!(fewbits::kl_divergence(&[1, 1], &[1, 0])?, f64::INFINITY);
/// # Ok::<(), fewbits::Error>(())
/// ```
pub fn kl_divergence(p: &[u64], q: &[u64]) -> Result<f64> {
    same_length("q", p.len(), q.len())?;
    let (p_total, q_total) = (total(p), total(q));
    if p_total == 0.0 || q_total == 0.0 {
        return Ok(f64::NAN);
    }
    let terms = p.iter().zip(q).filter(|&(&p, _)| p > 0).map(|(&p, &q)| {
        let (p, q) = (p as f64 / p_total, q as f64 / q_total);
        p * Float::log2(p / q)
    });
    // Terms of either sign may cancel to a hair below zero.
    Ok(terms.sum::<f64>().max(0.0))
}

fn total(counts: &[u64]) -> f64 {
    terms(counts).sum()
}

fn terms(counts: &[u64]) -> impl Iterator<Item = f64> {
    counts.iter().filter(|&&count| count > 0).map(|&count| count as f64)
}
