//! Standardizing: means removed, standard deviations divided by.

use super::{Guarantee, Transform, check_call};
use crate::{
    description::{Describe, Description, Restore, Stages},
    dtype::DType,
    element::{Element, check_finite, for_each_piece},
    error::{Error, Result, same_length},
    fit::Fit,
    groups::{Granularity, Groups},
    kernel::sums::sums,
};
use alloc::{vec, vec::Vec};
use num_traits::Float;

/// Settings of `c = (x - m) / s`, with the mean `m` and the standard deviation `s` of all values, of each block or of each
/// index of an axis.
///
/// Choose it where groups are far from zero or of different sizes and what comes next has one scale or one table of levels
/// for all: channels of activations, columns of measurements, vectors of an index. In front of levels for a Gaussian
/// distribution it is the first half of what embeddings are often coded with; the second is [`Hadamard`](super::Hadamard).
/// A quantizer with scales of its own per group has no need of it.
///
/// Errors of coefficients are multiplied by `s`; where only means are removed, they stay what they are. Parameters are used
/// as they are stored: `s` is the root mean square about the stored mean. Storing them in 2 bytes costs little where means
/// are not far from zero, measured in deviations; where `s` would be more than twice the deviation it is an error. Where all
/// values of a group equal its stored mean, `s` is 1. Cost: a subtraction and a division per value, in f64.
///
/// ```
/// use fewbits::{Fit, QuantizerExt, Standardize, Then, Uniform};
///
/// // Three columns: a temperature in kelvin, a ratio, a pressure in pascal.
/// let table = [[293.1_f32, 0.41, 101_325.0], [294.7, 0.44, 101_410.0], [296.0, 0.39, 101_280.0]].concat();
/// let quantizer = Then::new(Standardize::new().per_axis(&[3, 3], 1), Uniform::new(8)).fit(&table)?;
/// let restored = quantizer.fake_quantize(&table)?;
/// assert!((restored[0] - 293.1).abs() < 0.01 && (restored[4] - 0.44).abs() < 2e-4 && (restored[8] - 101_280.0).abs() < 0.5);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Standardize {
    granularity: Granularity,
    means: bool,
    scales: bool,
    stored_as: DType,
}

impl Default for Standardize {
    fn default() -> Self {
        Self::new()
    }
}

impl Standardize {
    /// Means and standard deviations of all values, stored as f32.
    pub const fn new() -> Self {
        Self { granularity: Granularity::Tensor, means: true, scales: true, stored_as: DType::F32 }
    }

    /// Means are removed, and nothing is divided.
    #[must_use]
    pub fn means_only(self) -> Self {
        Self { means: true, scales: false, ..self }
    }

    /// Values are divided by their root mean square, and no mean is removed.
    #[must_use]
    pub fn scales_only(self) -> Self {
        Self { means: false, scales: true, ..self }
    }

    /// Parameters for every `n` neighbours; the last block may be shorter. They belong to the fitted array.
    #[must_use]
    pub fn per_block(self, n: usize) -> Self {
        self.granularity(Granularity::Block(n))
    }

    /// Parameters for every index along `axis` of a row-major `shape`.
    #[must_use]
    pub fn per_axis(self, shape: &[usize], axis: usize) -> Self {
        self.granularity(Granularity::Axis { shape: shape.to_vec(), axis })
    }

    /// Which values share parameters.
    #[must_use]
    pub fn granularity(self, granularity: Granularity) -> Self {
        Self { granularity, ..self }
    }

    /// A parameter of a group as it will be stored.
    fn stored(&self, what: &'static str, index: usize, value: f64) -> Result<f64> {
        let stored = self.stored_as.round(value);
        let allowed = "numbers within the type that they are stored as, or another type";
        if stored.is_finite() { Ok(stored) } else { Err(Error::Parameter { what, index, value, allowed }) }
    }

    /// How parameters are stored: 4 bytes each, or 2. A mean or deviation that the type has no room or too little precision
    /// for is an error.
    #[must_use]
    pub fn stored_as(self, dtype: DType) -> Self {
        Self { stored_as: dtype, ..self }
    }
}

/// A fitted [`Standardize`]: `c = (x - m) / s` and `x = c s + m`, in f64, rounded to f32.
#[derive(Debug, Clone, PartialEq)]
pub struct StandardizeTransform {
    groups: Groups,
    stored_as: DType,
    /// One for each group, or none.
    means: Vec<f32>,
    scales: Vec<f32>,
}

impl StandardizeTransform {
    pub(crate) const TAG: u8 = 0x23;

    /// From a mean and a positive scale for each group, stored as f32; an empty list stands for means of 0, or scales of 1,
    /// and one of both is not empty.
    ///
    /// ```
    /// use fewbits::{Groups, StandardizeTransform, TransformExt};
    ///
    /// let pixels = StandardizeTransform::new(Groups::tensor(), vec![127.5], vec![127.5])?;
    /// assert_eq!(pixels.forward(&[0.0, 255.0])?, [-1.0, 1.0]);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn new(groups: Groups, means: Vec<f32>, scales: Vec<f32>) -> Result<Self> {
        Self::stored(groups, DType::F32, means, scales)
    }

    pub(crate) fn stored(groups: Groups, stored_as: DType, means: Vec<f32>, scales: Vec<f32>) -> Result<Self> {
        if means.is_empty() && scales.is_empty() && groups.count() > 0 {
            let remedy = "values would stay what they are; pass means, scales or both";
            return Err(Error::Unsuited { setting: "a standardizing transform without means and scales", remedy });
        }
        for (what, list) in [("means", &means), ("scales", &scales)] {
            if !list.is_empty() {
                same_length(what, groups.count(), list.len())?;
            }
            let positive = what == "scales";
            let holds = |&x: &f32| x.is_finite() && (!positive || x > 0.0);
            if let Some(index) = list.iter().position(|x| !holds(x)) {
                let allowed = if positive { "positive, finite numbers" } else { "finite numbers" };
                return Err(Error::Parameter { what, index, value: list[index].into(), allowed });
            }
        }
        Ok(Self { groups, stored_as, means, scales })
    }

    /// Which values share parameters.
    pub const fn groups(&self) -> Groups {
        self.groups
    }

    /// The means, one for each group, or none.
    pub fn means(&self) -> &[f32] {
        &self.means
    }

    /// What is divided by, one for each group, or none.
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// `map(x, mean, scale)` for every value.
    fn each(&self, start: usize, from: &[f32], to: &mut [f32], map: impl Fn(f64, f64, f64) -> f64) -> Result<()> {
        check_call(start, from.len(), to.len(), 1)?;
        self.groups.check(start, from.len())?;
        let or = |list: &[f32], group: usize, other: f64| list.get(group).map_or(other, |&x| x.into());
        let mean = |group| or(&self.means, group, 0.0);
        let scale = |group| or(&self.scales, group, 1.0);
        if self.groups.run() == 1 {
            self.groups.for_each_row(start, from.len(), |group, begin, end| {
                for (i, (to, &x)) in to[begin..end].iter_mut().zip(&from[begin..end]).enumerate() {
                    *to = map(x.into(), mean(group + i), scale(group + i)) as f32;
                }
            });
            return Ok(());
        }
        self.groups.for_each_run(start, from.len(), |group, begin, end| {
            let (mean, scale) = (mean(group), scale(group));
            for (to, &x) in to[begin..end].iter_mut().zip(&from[begin..end]) {
                *to = map(x.into(), mean, scale) as f32;
            }
        });
        Ok(())
    }
}

impl Transform for StandardizeTransform {
    fn forward_at(&self, start: usize, values: &[f32], coefficients: &mut [f32]) -> Result<()> {
        self.each(start, values, coefficients, |x, mean, scale| (x - mean) / scale)
    }

    fn inverse_at(&self, start: usize, coefficients: &[f32], values: &mut [f32]) -> Result<()> {
        self.each(start, coefficients, values, |c, mean, scale| c * scale + mean)
    }

    fn slopes_at(&self, start: usize, values: &[f32], slopes: &mut [f32]) -> Result<()> {
        self.each(start, values, slopes, |_, _, scale| 1.0 / scale)
    }

    fn check_len(&self, values: usize) -> Result<()> {
        self.groups.check_len(values)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Elementwise
    }
}

/// Adds `term(x, group)` of every value to the total of its group.
fn add<T: Element>(groups: Groups, data: &[T], totals: &mut [f64], term: impl Fn(f64, usize) -> f64) -> Result<()> {
    for_each_piece(data, |start, values| {
        check_finite(values, start)?;
        if groups.run() == 1 {
            groups.for_each_row(start, values.len(), |first, from, to| {
                for (i, (total, &x)) in totals[first..].iter_mut().zip(&values[from..to]).enumerate() {
                    *total += term(x.into(), first + i);
                }
            });
        } else {
            groups.for_each_run(start, values.len(), |group, from, to| {
                totals[group] += sums(&values[from..to], &values[from..to], |x, _| [term(x.into(), group)])[0];
            });
        }
        Ok(())
    })
}

impl<T: Element> Fit<T> for Standardize {
    type Fitted = StandardizeTransform;

    fn fit(&self, data: &[T]) -> Result<StandardizeTransform> {
        let groups = self.granularity.groups(data.len())?;
        let zeros = || vec![0.0; groups.count()];
        let (mut counts, mut sums, mut squares) = (zeros(), zeros(), zeros());
        add(groups, data, &mut counts, |_, _| 1.0)?;
        // Means as they will be stored, and how far from it they are.
        let (mut means, mut offs) = (zeros(), zeros());
        if self.means {
            add(groups, data, &mut sums, |x, _| x)?;
            for (group, (sum, count)) in sums.iter().zip(&counts).enumerate() {
                let mean = sum / count.max(1.0);
                means[group] = self.stored("means", group, mean)?;
                offs[group] = means[group] - mean;
            }
        }
        let mut scales = Vec::new();
        if self.scales {
            add(groups, data, &mut squares, |x, group| (x - means[group]) * (x - means[group]))?;
            // Values that are not those of a group of equal ones.
            let mut others = zeros();
            let rounded = |group: usize| f64::from((means[group] - offs[group]) as f32);
            add(groups, data, &mut others, |x, group| f64::from(u8::from(x != rounded(group))))?;
            for (group, (square, count)) in squares.iter().zip(&counts).enumerate() {
                let variance =
                    if others[group] > 0.0 { square / count.max(1.0) - offs[group] * offs[group] } else { 0.0 };
                scales.push(self.scale(group, square / count.max(1.0), variance)? as f32);
            }
        }
        let means = if self.means { means.iter().map(|&mean| mean as f32).collect() } else { Vec::new() };
        StandardizeTransform::stored(groups, self.stored_as, means, scales)
    }
}

impl Standardize {
    /// What values are divided by: the root of their mean square about the stored mean. Not much more than the deviation,
    /// which would be lost behind it.
    fn scale(&self, group: usize, square: f64, variance: f64) -> Result<f64> {
        if square == 0.0 {
            return Ok(1.0);
        }
        let stored = self.stored("scales", group, Float::sqrt(square))?.max(self.stored_as.smallest());
        // Of equal values any scale will do.
        if variance == 0.0 || stored * stored <= 4.0 * variance.max(0.0) {
            return Ok(stored);
        }
        let (scale, stored_as) = (Float::sqrt(variance.max(0.0)), self.stored_as.name());
        Err(Error::ScaleOutOfRange { group, scale, stored_as })
    }
}

/// There is nothing left to fit.
impl<T> Fit<T> for StandardizeTransform {
    type Fitted = Self;

    fn fit(&self, _data: &[T]) -> Result<Self> {
        Ok(self.clone())
    }
}

const MEANS: u8 = 1 << 2;
const SCALES: u8 = 1 << 3;

impl Describe for StandardizeTransform {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            let flag = |list: &[f32], flag| if list.is_empty() { 0 } else { flag };
            out.u8(self.stored_as.to_byte() | flag(&self.means, MEANS) | flag(&self.scales, SCALES));
            self.groups.write(out);
        });
        for &x in self.means.iter().chain(&self.scales) {
            self.stored_as.write(x, &mut out.side());
        }
    }
}

impl Restore for StandardizeTransform {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let (flags, groups) =
            stages.stage(Self::TAG, "a standardizing transform", |bytes| Ok((bytes.u8()?, Groups::read(bytes)?)))?;
        let corrupt = || Error::Corrupt { what: "parameters of a transform", found: flags.into() };
        let stored_as = DType::from_byte(flags & !(MEANS | SCALES)).ok_or_else(corrupt)?;
        let mut list = |flag| -> Result<Vec<f32>> {
            if flags & flag == 0 {
                return Ok(Vec::new());
            }
            let mut side = stages.side(groups.count().saturating_mul(stored_as.size()))?;
            let mut numbers = Vec::with_capacity(groups.count());
            for _ in 0..groups.count() {
                numbers.push(stored_as.read(&mut side)?);
            }
            Ok(numbers)
        };
        let (means, scales) = (list(MEANS)?, list(SCALES)?);
        // Flags for lists of no groups would be a second spelling of none.
        if groups.count() == 0 && flags & (MEANS | SCALES) != 0 {
            return Err(corrupt());
        }
        Self::stored(groups, stored_as, means, scales).map_err(|_| corrupt())
    }
}
