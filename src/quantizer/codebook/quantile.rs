//! Levels by the distribution of the data: from equal mass to least squares.

use super::{
    CodebookQuantizer,
    placed::{Placed, dedup},
    points::Points,
};
use crate::{
    calibrate::Histogram,
    code::Code,
    element::Element,
    error::{Error, Result},
    fit::Fit,
    non_finite::NonFinite,
    quantizer::scaling::{Scaling, scaling_settings},
};
use alloc::vec::Vec;
use core::marker::PhantomData;
use num_traits::Float;

/// What stands for the values of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Representative {
    /// Their mean: the smallest squared error.
    #[default]
    Mean,
    /// Their median: the smallest absolute error.
    Median,
}

/// Settings of levels that lie where the data is.
///
/// The range of the values is cut into intervals in which `∫ p(x)^gamma dx` is the same, where `p` is their density;
/// each becomes a level, the mean or the median of its values.
///
/// | gamma | intervals | choose it for |
/// | --- | --- | --- |
/// | 1, [`equal_mass`](Self::equal_mass) | equally many values in each: levels are quantiles | codes that are used equally often; a poor squared error: 16.9 dB on Gaussian values at 4 bits, where 1/3 has 20.1 |
/// | 1/3, [`new`](Self::new) | Panter and Dite, "Quantization Distortion in Pulse-Count Modulation", 1951: nearly the least squared error with many levels | most data, without iterations |
/// | 0 | equally wide | comparison: levels are uniform |
///
/// A gap in the data counts as an interval of low density, so that for data in clusters levels are lost there; such data
/// wants [`KMeans`](super::KMeans), which finds the least squared error itself. With [`at`](Self::at), levels are the quantiles of
/// probabilities of your own; with `equal_mass`, the edges between intervals are quantiles, and levels if the median
/// represents them.
///
/// Levels are values, under the scale 1, or with [`per_block`](Self::per_block) and [`per_axis`](Self::per_axis) parts of
/// the largest magnitude of a group. Levels that coincide become one, so that a quantizer may have fewer than were asked
/// for: [`level_count`](crate::Quantizer::level_count) tells.
///
/// Cost of a fit: values are copied and sorted, 4 bytes each, with up to 48 bytes for each distinct one.
///
/// ```
/// use fewbits::{ErrorStats, Fit, Quantile, QuantizerExt};
///
/// // Five levels at the quantiles 0.1, 0.3, 0.5, 0.7 and 0.9, as `numpy.quantile` has them.
/// let values: Vec<f32> = (0..=20).map(|i| (i * i) as f32).collect();
/// let quantizer = Quantile::at(&[0.1, 0.3, 0.5, 0.7, 0.9]).fit(&values)?;
/// assert_eq!(quantizer.unit().values(), [4.0, 36.0, 100.0, 196.0, 324.0]);
/// assert_eq!(quantizer.quantize(&[0.0_f32, 50.0, 150.0, 400.0])?, [0, 1, 3, 4]);
///
/// // The same number of levels for a smaller error.
/// let error = |quantizer: &fewbits::CodebookQuantizer| {
///     ErrorStats::measure(&values, &quantizer.fake_quantize(&values)?).map(|stats| stats.rmse())
/// };
/// assert!(error(&Quantile::new(5).fit(&values)?)? < 0.8 * error(&quantizer)?);
///
/// // Mostly zeros: eight levels collapse to three.
/// use fewbits::Quantizer;
/// let sparse = [0.0_f32, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0];
/// assert_eq!(Quantile::equal_mass(8).fit(&sparse)?.level_count(), 3);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, bound = ""))]
pub struct Quantile<C = u8> {
    placement: Placement,
    #[cfg_attr(feature = "serde", serde(default))]
    representative: Representative,
    #[cfg_attr(feature = "serde", serde(default))]
    scaling: Scaling,
    #[cfg_attr(feature = "serde", serde(skip))]
    code: PhantomData<C>,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Placement {
    Gamma {
        levels: usize,
        gamma: f64,
    },
    /// The second says that a setting was asked for that chosen probabilities do not have.
    Probabilities(Vec<f64>, bool),
}

impl Quantile<u8> {
    /// So many levels, 1 to 65,536, with the gamma 1/3; codes of more than 256 levels need a wider type.
    pub fn new(levels: usize) -> Self {
        Self::of(Placement::Gamma { levels, gamma: 1.0 / 3.0 })
    }

    /// So many levels, each for as many values: with [`Representative::Median`] the quantiles `(i + 1/2) / levels`.
    pub fn equal_mass(levels: usize) -> Self {
        Self::of(Placement::Gamma { levels, gamma: 1.0 })
    }

    /// Levels at the quantiles of these probabilities, 0 to 1.
    pub fn at(probabilities: &[f64]) -> Self {
        Self::of(Placement::Probabilities(probabilities.into(), false))
    }

    fn of(placement: Placement) -> Self {
        Self { placement, representative: Representative::Mean, scaling: Scaling::default(), code: PhantomData }
    }
}

impl<C: Code> Quantile<C> {
    scaling_settings!();

    /// How much the density counts, from 0, not at all, to 1, alone.
    #[must_use]
    pub fn gamma(mut self, gamma: f64) -> Self {
        match &mut self.placement {
            Placement::Gamma { gamma: old, .. } => *old = gamma,
            Placement::Probabilities(_, unsuited) => *unsuited = true,
        }
        self
    }

    /// What stands for the values of an interval; their mean by default.
    #[must_use]
    pub fn representative(mut self, representative: Representative) -> Self {
        self.representative = representative;
        if let Placement::Probabilities(_, unsuited) = &mut self.placement {
            *unsuited = true;
        }
        self
    }

    /// The type of the codes in memory; `u8` by default. It changes no byte of an encoded array.
    #[must_use]
    pub fn codes<D: Code>(self) -> Quantile<D> {
        Quantile {
            placement: self.placement,
            representative: self.representative,
            scaling: self.scaling,
            code: PhantomData,
        }
    }

    fn place(&self, points: &Points) -> Result<Vec<f64>> {
        match &self.placement {
            Placement::Probabilities(_, true) => Err(Error::Unsuited {
                setting: "gamma or representative",
                remedy: "levels at probabilities of your own are those quantiles",
            }),
            Placement::Probabilities(probabilities, false) => {
                let mut probabilities = probabilities.clone();
                if let Some(&value) = probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
                    return Err(Error::Setting { name: "probability", value, allowed: "0 to 1" });
                }
                probabilities.sort_unstable_by(f64::total_cmp);
                Ok(probabilities.into_iter().map(|p| points.quantile(p, 0, points.len())).collect())
            }
            &Placement::Gamma { gamma, .. } if !(0.0..=1.0).contains(&gamma) => {
                Err(Error::Setting { name: "gamma", value: gamma, allowed: "0 to 1" })
            }
            &Placement::Gamma { levels, gamma } => Ok(by_density(points, levels, gamma, self.representative)),
        }
    }

    fn placed(&self) -> Placed<'_> {
        let levels = match &self.placement {
            Placement::Gamma { levels, .. } => *levels,
            Placement::Probabilities(probabilities, _) => probabilities.len(),
        };
        Placed { scaling: &self.scaling, levels }
    }
}

impl<T: Element, C: Code> Fit<T> for Quantile<C> {
    type Fitted = CodebookQuantizer<C>;

    fn fit(&self, data: &[T]) -> Result<Self::Fitted> {
        self.placed().fit(data, |points| self.place(points))
    }

    fn policy(&self) -> NonFinite {
        self.scaling.calibration.non_finite
    }
}

/// One histogram of all values.
impl<C: Code> Fit<Histogram> for Quantile<C> {
    type Fitted = CodebookQuantizer<C>;

    fn fit(&self, data: &[Histogram]) -> Result<Self::Fitted> {
        self.placed().fit_histogram(data, |points| self.place(points))
    }
}

/// Levels for intervals of equal `∫ p(x)^gamma dx`.
pub(super) fn by_density(points: &Points, levels: usize, gamma: f64, representative: Representative) -> Vec<f64> {
    let count = points.len();
    if gamma == 1.0 && representative == Representative::Median {
        // The quantiles in the middle of equal masses, to the last bit.
        return (0..levels).map(|i| points.quantile((i as f64 + 0.5) / levels as f64, 0, count)).collect();
    }
    let edges = edges(points, levels, gamma);
    let mut from = 0;
    let mut placed = Vec::with_capacity(levels);
    for edge in edges.into_iter().chain([f64::INFINITY]) {
        let to = points.first_above(edge);
        // An interval without values has no level: nothing would become it.
        if to > from {
            placed.push(match representative {
                Representative::Median => points.quantile(0.5, from, to),
                _ => points.mean(from, to),
            });
            from = to;
        }
    }
    dedup(placed)
}

/// Where intervals of equal `∫ p(x)^gamma dx` meet, one fewer than intervals.
fn edges(points: &Points, levels: usize, gamma: f64) -> Vec<f64> {
    // Densities need few points.
    let most = levels.saturating_mul(16).max(1 << 12);
    let merged = (points.len() > most).then(|| points.merged(most));
    let points = merged.as_ref().unwrap_or(points);
    let count = points.len();
    // Each point has the interval between the middles to its neighbours; the outermost ones end at the points.
    let middle = |i: usize| f64::midpoint(points.values[i - 1], points.values[i]);
    let low = |i: usize| if i == 0 { points.values[0] } else { middle(i) };
    let high = |i: usize| if i + 1 == count { points.values[i] } else { middle(i + 1) };
    let mut sum = 0.0;
    let sums: Vec<f64> = (0..count)
        .map(|i| {
            let (mass, width) = (points.weight(i, i + 1), high(i) - low(i));
            sum += power(mass, gamma) * power(width, 1.0 - gamma);
            sum
        })
        .collect();
    let edge = |i: usize| {
        let target = i as f64 / levels as f64 * sum;
        let at = sums.partition_point(|&sum| sum < target).min(count - 1);
        let before = if at == 0 { 0.0 } else { sums[at - 1] };
        let inside = if sums[at] > before { (target - before) / (sums[at] - before) } else { 0.0 };
        low(at) + (high(at) - low(at)) * inside
    };
    (1..levels).map(edge).collect()
}

/// `x^exponent` for `x >= 0` and an exponent of 0 to 1, of exactly rounded operations: binary digits of the exponent are
/// square roots, so that levels are the same everywhere.
fn power(x: f64, exponent: f64) -> f64 {
    if exponent == 1.0 {
        return x;
    }
    let (mut root, mut rest, mut power) = (x, exponent, 1.0);
    for _ in 0..40 {
        root = Float::sqrt(root);
        rest *= 2.0;
        if rest >= 1.0 {
            rest -= 1.0;
            power *= root;
        }
    }
    power
}
