//! Which values scales have to reach: all of them, most of them, or those that make the error small.

use super::{Levels, scaling::Scaling};
use crate::{
    calibrate::{Histogram, Quantiles},
    error::{Error, Result},
    kernel::sums::sums,
};
use alloc::vec::Vec;
use num_traits::Float;

/// Which values of a group its scale has to reach. What lies beyond is clipped to the outermost levels.
///
/// All but [`MinMax`](Self::MinMax) look at the values of each group several times and copy them, 4 bytes a value, or 8
/// for a percentile without offsets.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Range {
    /// From the smallest to the largest: nothing is clipped, unless the levels lie on one side of zero and values on
    /// the other.
    #[default]
    MinMax,
    /// The part `p` of the values, above 0 to 1: without offsets up to the quantile `p` of the magnitudes, with offsets
    /// from the quantile `1 - p` to the quantile `p`, interpolated linearly. For activations with rare outliers, 0.999
    /// to 0.99999. Exact, whatever their number. So with offsets the part `2 p - 1` is reached, and all values where both
    /// quantiles are the same value, as for mostly zeros.
    Percentile(f64),
    /// Up to `k` standard deviations on either side of the mean, but never beyond the extremes.
    MeanStd(f64),
    /// The scale, and the offset where there is one, with the smallest mean squared error that a search finds: narrower
    /// ranges are tried, then scale and offset are fitted to the codes by least squares, as long as that helps. For 2
    /// to 6 bits per tensor or axis. Cost: about 50 passes over the values, or 100 with offsets.
    Mse,
}

impl Range {
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Percentile(p) if !(p > 0.0 && p <= 1.0) => {
                Err(Error::Setting { name: "percentile", value: p, allowed: "a part of the values, above 0 to 1" })
            }
            Self::MeanStd(k) if !(k > 0.0 && k.is_finite()) => Err(Error::Setting {
                name: "deviations",
                value: k,
                allowed: "a positive number of standard deviations",
            }),
            _ => Ok(()),
        }
    }

    /// The ends of the range of a group whose extremes are known; without a sample those.
    pub(crate) fn ends(self, sample: Option<Sample<'_>>, low: f32, high: f32, offsets: bool) -> Result<(f32, f32)> {
        // A group of equal values, or of none at all, has nothing to choose.
        let Some(sample) = sample.filter(|_| low < high) else { return Ok((low, high)) };
        let (from, to) = match self {
            Self::MinMax | Self::Mse => return Ok((low, high)),
            Self::Percentile(p) if offsets => {
                let [from, to] = sample.quantiles([1.0 - p, p])?;
                (from.min(to), from.max(to))
            }
            Self::Percentile(p) => {
                let [reach] = sample.magnitude_quantiles([p])?;
                (-reach, reach)
            }
            Self::MeanStd(k) => {
                let (mean, deviation) = sample.mean_and_deviation();
                (mean - k * deviation, mean + k * deviation)
            }
        };
        let (from, to) = ((from as f32).clamp(low, high), (to as f32).clamp(low, high));
        // Most values are the same, so that this says nothing of how large the others are.
        Ok(if from == to { (low, high) } else { (from, to) })
    }
}

/// What a range is chosen by.
#[derive(Clone, Copy)]
pub(crate) enum Sample<'a> {
    /// The finite values of a group, at least one.
    Values(&'a [f32]),
    /// Their histogram.
    Histogram(&'a Histogram),
}

impl Sample<'_> {
    fn quantiles<const N: usize>(self, probabilities: [f64; N]) -> Result<[f64; N]> {
        let mut out = [0.0; N];
        match self {
            Self::Values(values) => Quantiles::new().of_into(values, &probabilities, &mut out)?,
            Self::Histogram(histogram) => histogram.quantiles_into(&probabilities, &mut out)?,
        }
        Ok(out)
    }

    fn magnitude_quantiles<const N: usize>(self, probabilities: [f64; N]) -> Result<[f64; N]> {
        match self {
            Self::Values(values) => {
                let magnitudes: Vec<f32> = values.iter().map(|x| x.abs()).collect();
                Sample::Values(&magnitudes).quantiles(probabilities)
            }
            Self::Histogram(histogram) => Sample::Histogram(&histogram.magnitudes()).quantiles(probabilities),
        }
    }

    fn mean_and_deviation(self) -> (f64, f64) {
        match self {
            Self::Values(values) => {
                let count = values.len() as f64;
                let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
                let square = |&x: &f32| (f64::from(x) - mean) * (f64::from(x) - mean);
                (mean, Float::sqrt(values.iter().map(square).sum::<f64>() / count))
            }
            Self::Histogram(histogram) => {
                (histogram.mean().unwrap_or(0.0), histogram.standard_deviation().unwrap_or(0.0))
            }
        }
    }
}

/// Narrower ranges that are tried, down to a seventh of the whole.
const STEPS: u32 = 24;
/// How much narrower each is, in parts of the whole.
const STEP: f64 = 1.0 / (STEPS + 4) as f64;
/// Steps between two of them, around the best.
const FINER: i32 = 6;
/// Fits by least squares at most.
const REFITS: usize = 8;

/// The search for the scale and the offset with the smallest squared error over finite values of one group.
pub(crate) struct Search<'a, L, F> {
    pub(crate) unit: &'a L,
    pub(crate) values: &'a [f32],
    /// How often each of them counts; once, if there are none.
    pub(crate) weights: Option<&'a [f32]>,
    pub(crate) scaling: &'a Scaling,
    /// Scale and offset for a range, if there is such a scale.
    pub(crate) fit: F,
}

#[derive(Clone, Copy)]
struct Candidate {
    ends: (f64, f64),
    scale: f32,
    offset: f32,
    /// Sum of squared errors.
    error: f64,
}

impl<L: Levels, F: Fn(f64, f64) -> Option<(f32, f32)>> Search<'_, L, F> {
    /// The best scale and offset for values between `low` and `high`.
    pub(crate) fn run(&self, low: f64, high: f64) -> Option<(f32, f32)> {
        let mut best = self.range((low, high))?;
        let middle = if self.scaling.offsets { low / 2.0 + high / 2.0 } else { 0.0 };
        let parts = || (1..=STEPS).map(|step| 1.0 - f64::from(step) * STEP);
        let at = |end: f64, part: f64| middle + (end - middle) * part;
        for part in parts() {
            best = self.better(best, (at(low, part), at(high, part)));
        }
        let coarse = best.ends;
        for fine in (-FINER + 1..FINER).filter(|&fine| fine != 0) {
            let change = f64::from(fine) * STEP / f64::from(FINER);
            best = self.better(best, (coarse.0 + (low - middle) * change, coarse.1 + (high - middle) * change));
        }
        if self.scaling.offsets {
            // Skewed values want one end nearer than the other.
            for part in parts().chain([1.0]) {
                best = self.better(best, (at(low, part), best.ends.1));
            }
            for part in parts().chain([1.0]) {
                best = self.better(best, (best.ends.0, at(high, part)));
            }
        }
        for _ in 0..REFITS {
            match self.least_squares(best) {
                Some(next) if next.error < best.error => best = next,
                _ => break,
            }
        }
        Some((best.scale, best.offset))
    }

    /// Sums over all values.
    fn sums<const N: usize>(&self, terms: impl Fn(f32) -> [f64; N]) -> [f64; N] {
        match self.weights {
            None => sums(self.values, self.values, |x, _| terms(x)),
            Some(weights) => sums(self.values, weights, |x, weight| terms(x).map(|term| term * f64::from(weight))),
        }
    }

    fn better(&self, best: Candidate, ends: (f64, f64)) -> Candidate {
        match self.range(ends) {
            Some(candidate) if candidate.error < best.error => candidate,
            _ => best,
        }
    }

    fn range(&self, ends: (f64, f64)) -> Option<Candidate> {
        let (scale, offset) = (self.fit)(ends.0, ends.1)?;
        Some(self.candidate(ends, scale, offset))
    }

    fn candidate(&self, ends: (f64, f64), scale: f32, offset: f32) -> Candidate {
        let [error] = self.sums(|x| {
            let restored = self.unit.level(self.unit.nearest((x - offset) / scale)) * scale + offset;
            let error = f64::from(restored) - f64::from(x);
            [error * error]
        });
        Candidate { ends, scale, offset, error }
    }

    /// Scale and offset that suit the codes of a candidate best.
    fn least_squares(&self, from: Candidate) -> Option<Candidate> {
        let [n, x, l, ll, xl] = self.sums(|x| {
            let level = f64::from(self.unit.level(self.unit.nearest((x - from.offset) / from.scale)));
            [1.0, x.into(), level, level * level, f64::from(x) * level]
        });
        let (scale, offset) = if self.scaling.offsets {
            let scale = (n * xl - x * l) / (n * ll - l * l);
            (scale, (x - scale * l) / n)
        } else {
            (xl / ll, 0.0)
        };
        let usable = scale > 0.0 && scale.is_finite() && (offset as f32).is_finite();
        let scale = usable.then(|| self.scaling.rounded(scale, 1.0)).flatten()?;
        Some(self.candidate(from.ends, scale, offset as f32 + 0.0))
    }
}
