//! What an analysis of rows tells: how many components are worth keeping, and whether any.

use super::{PcaTransform, pca::wrong_components};
use crate::{dtype::DType, error::Result};
use alloc::vec::Vec;
use num_traits::Float;

/// The principal components of some rows, by [`Pca::analyse`](crate::Pca::analyse): how many are worth keeping, and
/// whether any.
///
/// ```
/// use fewbits::Pca;
///
/// // 12 columns that follow one number, and a little else.
/// let noise = |i: usize, j: usize| ((i * 37 + j * 101) % 97) as f32 / 97.0;
/// let value = |i: usize, j: usize| noise(i, 5) * (j + 1) as f32 + 0.1 * noise(i, j);
/// let rows: Vec<f32> = (0..500).flat_map(|i| (0..12).map(move |j| value(i, j))).collect();
/// let found = Pca::new(12).analyse(&rows)?;
/// assert!(found.explained(1) > 0.99);
/// assert!(found.saved_bits(30.0) > 1.0); // per value, the bytes of the basis included
/// assert!(Pca::new(12).analyse(&rows[..12 * 10])?.saved_bits(30.0) < 0.5); // they weigh on few rows
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PrincipalComponents {
    pub(super) rows: usize,
    pub(super) mean: Vec<f32>,
    /// Of each column.
    pub(super) variances: Vec<f64>,
    pub(super) eigenvalues: Vec<f64>,
    pub(super) basis: Vec<f32>,
    pub(super) stored_as: DType,
}

impl PrincipalComponents {
    /// The mean of each column, as f32.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The variance along each component, as the values squared: the largest first, and 0 for what came of roundings.
    pub fn eigenvalues(&self) -> &[f64] {
        &self.eigenvalues
    }

    /// The share of the variance that the first `k` components hold, 0 to 1; 1 where nothing varies.
    pub fn explained(&self, k: usize) -> f64 {
        let all = self.discarded(0);
        if all > 0.0 { 1.0 - self.discarded(k) / all } else { 1.0 }
    }

    /// The mean squared error of a row, all its columns together, that keeping the first `k` components causes: the sum
    /// of the other eigenvalues.
    pub fn discarded(&self, k: usize) -> f64 {
        // The small ones first, which are lost beside large ones.
        self.eigenvalues.iter().skip(k).rev().sum()
    }

    /// The fewest components that hold `share` of the variance, 1 at least.
    pub(super) fn components_for(&self, share: f64) -> usize {
        let allowed = (1.0 - share) * self.discarded(0);
        let columns = self.mean.len();
        (1..columns).find(|&k| self.discarded(k) <= allowed).unwrap_or(columns)
    }

    /// The transform to the first `k` components, 1 to as many as there are columns.
    pub fn transform(&self, k: usize) -> Result<PcaTransform> {
        let columns = self.mean.len();
        if !(1..=columns).contains(&k) {
            return Err(wrong_components(k));
        }
        PcaTransform::new(self.mean.clone(), self.basis[..k * columns].to_vec())?.stored_as(self.stored_as)
    }

    /// How many components cost bits at a signal-to-noise ratio of `sqnr_db` decibels, relative to the variance: those
    /// above the level up to which all are given to the error. The number to keep where an entropy coder follows.
    pub fn components_at(&self, sqnr_db: f64) -> usize {
        let level = water_level(&self.eigenvalues, self.distortion(sqnr_db));
        self.eigenvalues.iter().filter(|&&x| x > level).count()
    }

    /// Bits per value that the transform saves at a signal-to-noise ratio of `sqnr_db` decibels, relative to the variance,
    /// net of the bytes of mean and basis, if these rows are all that share them: above 0 it pays.
    ///
    /// Both sides are Gaussian with a step for all and ideal entropy coding of each column or component: a row costs
    /// `Σ max(0, log2(v_j / θ) / 2)` bits, with the variances of columns as they are on one side, eigenvalues on the other,
    /// and on each the level `θ` for which the errors `min(v_j, θ)` sum to what the ratio allows (reverse water-filling,
    /// Cover and Thomas, "Elements of Information Theory", 10.3.3). Scalar quantizers cost up to 0.25 bit more on both.
    /// Components that cost nothing are not stored. Ratios beyond 300 dB count as 300. Codes of a fixed rate, without an entropy coder, may gain more or
    /// less: try them.
    pub fn saved_bits(&self, sqnr_db: f64) -> f64 {
        let (distortion, columns) = (self.distortion(sqnr_db), self.mean.len() as f64);
        let row = rate(&self.variances, distortion) - rate(&self.eigenvalues, distortion);
        let entry = 8 * self.stored_as.size() * self.components_at(sqnr_db);
        row / columns - (f64::from(u32::BITS) + entry as f64) / self.rows as f64
    }

    /// The squared error of a row that a signal-to-noise ratio allows.
    fn distortion(&self, sqnr_db: f64) -> f64 {
        self.discarded(0) / Float::powf(10.0_f64, sqnr_db.min(300.0) / 10.0)
    }
}

/// The level `θ` for which `Σ min(v, θ)` is `distortion`, or the largest of all if they do not reach it.
fn water_level(variances: &[f64], distortion: f64) -> f64 {
    let mut sorted = variances.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (mut below, count) = (0.0, sorted.len());
    for (i, &v) in sorted.iter().enumerate() {
        let level = (distortion - below) / (count - i) as f64;
        if level <= v {
            return level.max(0.0);
        }
        below += v;
    }
    sorted.last().copied().unwrap_or(0.0)
}

/// Bits of a row.
fn rate(variances: &[f64], distortion: f64) -> f64 {
    let level = water_level(variances, distortion);
    variances.iter().filter(|&&v| v > level).map(|v| 0.5 * Float::log2(v / level)).sum()
}
