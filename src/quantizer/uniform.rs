//! Equal steps: the settings, and the name of what they are fitted to.

use super::{
    Grid, Scaled,
    scaling::{Scaling, scaling_settings},
};
use crate::{
    calibrate::Histogram,
    code::Code,
    element::Element,
    error::{Error, Result},
    fit::Fit,
    non_finite::NonFinite,
};
use core::marker::PhantomData;

/// A fitted uniform quantizer: `x = scale * (code + min) + offset`, or with half a step more where it is mid-rise.
pub type UniformQuantizer<C = u8> = Scaled<Grid, C>;

/// Where the levels of a uniform quantizer lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Kind {
    Symmetric,
    FullRange,
    Asymmetric,
    MidRise,
}

/// Settings of a uniform quantizer: 1 to 16 bits, equally spaced levels.
///
/// | kind | levels, in units of the scale | scale | choose it for |
/// | --- | --- | --- | --- |
/// | [`symmetric`](Self::symmetric) (default) | `-m..=m`, `m = 2^(bits-1) - 1`, 2 bits or more | `max abs / m` | weights: zero is exact, negation is exact |
/// | [`full_range`](Self::full_range) | `-m-1..=m` | `max abs / (m + 1/2)` | one more level; zero is exact |
/// | [`asymmetric`](Self::asymmetric) | `0..2^bits`, from an offset | `(max - min) / (2^bits - 1)` | data on one side, such as activations: the smallest value is exact |
/// | [`mid_rise`](Self::mid_rise) | `-m-1/2..=m+1/2` | `max abs / (m + 1)` | 1 and 2 bits: no level is spent on zero |
///
/// Rounded to nearest, as by default, the error of a value within the fitted range is at most half a scale, plus
/// roundings that [`error_bound`](super::Quantizer::error_bound) states. Fitting to the extremes, as by default, takes
/// one pass.
///
/// Codes are `u8` unless [`codes`](Self::codes) says otherwise; more than 8 bits need `u16`.
///
/// ```
/// use fewbits::{Fit, QuantizerExt, Uniform};
///
/// let weights = [0.02_f32, -0.31, 0.74, 0.18, -0.09, 0.05];
/// let quantizer = Uniform::new(4).per_axis(&[2, 3], 0).fit(&weights)?; // one scale per row
/// let codes = quantizer.quantize(&weights)?;
/// let restored: Vec<f32> = quantizer.dequantize(&codes, 6)?;
/// for (i, (w, r)) in weights.iter().zip(&restored).enumerate() {
///     assert!((w - r).abs() <= 0.5 * quantizer.scales()[i / 3] * 1.000_001);
/// }
///
/// let precise = Uniform::new(12).codes::<u16>().asymmetric().fit(&weights)?;
/// assert_eq!(precise.offsets(), [-0.31]);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "raw::Uniform", bound = ""))]
pub struct Uniform<C = u8> {
    bits: u32,
    kind: Kind,
    scaling: Scaling,
    #[cfg_attr(feature = "serde", serde(skip))]
    code: PhantomData<C>,
}

impl Uniform<u8> {
    /// Symmetric, one f32 scale for all values, `u8` codes.
    pub fn new(bits: u32) -> Self {
        Self { bits, kind: Kind::Symmetric, scaling: Scaling::default(), code: PhantomData }
    }
}

impl<C: Code> Uniform<C> {
    /// Levels at `-m..=m`: as many on either side, zero exact. The default.
    #[must_use]
    pub fn symmetric(self) -> Self {
        self.of_kind(Kind::Symmetric)
    }

    /// Levels at `-m-1..=m`: every code is used, zero exact.
    #[must_use]
    pub fn full_range(self) -> Self {
        self.of_kind(Kind::FullRange)
    }

    /// Levels from the smallest value, which is exact, to the largest.
    #[must_use]
    pub fn asymmetric(self) -> Self {
        self.of_kind(Kind::Asymmetric)
    }

    /// Levels half a step to either side of zero, which is no level itself.
    #[must_use]
    pub fn mid_rise(self) -> Self {
        self.of_kind(Kind::MidRise)
    }

    fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self.scaling.offsets = kind == Kind::Asymmetric;
        self
    }

    scaling_settings!();

    /// The type of the codes in memory; `u8` by default. It changes no byte of an encoded array.
    #[must_use]
    pub fn codes<D: Code>(self) -> Uniform<D> {
        Uniform { bits: self.bits, kind: self.kind, scaling: self.scaling, code: PhantomData }
    }

    /// A quantizer for values in `low..=high`, without looking at data, whatever [`range`](Self::range) says; values
    /// beyond saturate.
    ///
    /// ```
    /// use fewbits::{QuantizerExt, Uniform};
    ///
    /// let quantizer = Uniform::new(8).asymmetric().fit_range(-1.0, 1.0)?;
    /// assert_eq!(quantizer.quantize(&[-1.0_f32, 1.0, 5.0])?, [0, 255, 255]);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn fit_range(&self, low: f32, high: f32) -> Result<UniformQuantizer<C>> {
        self.scaling.fit_range(self.grid()?, low, high)
    }

    fn grid(&self) -> Result<Grid> {
        let fewest = if self.kind == Kind::Symmetric { 2 } else { 1 };
        if !(fewest..=C::BITS.min(16)).contains(&self.bits) {
            let allowed = match (fewest, C::BITS) {
                (2, 8) => "2 to 8 bits, 1 bit with `mid_rise`, more than 8 with `codes::<u16>()`",
                (2, _) => "2 to 16 bits, or 1 bit with `mid_rise`",
                (_, 8) => "1 to 8 bits, or more with `codes::<u16>()`",
                _ => "1 to 16 bits",
            };
            return Err(Error::Setting { name: "bits", value: self.bits.into(), allowed });
        }
        let half = 1 << (self.bits - 1);
        match self.kind {
            Kind::Symmetric => Grid::new(1 - half, half - 1),
            Kind::FullRange => Grid::new(-half, half - 1),
            Kind::Asymmetric => Grid::new(0, 2 * half - 1),
            Kind::MidRise => Grid::mid_rise(-half, half - 1),
        }
    }
}

impl<T: Element, C: Code> Fit<T> for Uniform<C> {
    type Fitted = UniformQuantizer<C>;

    fn fit(&self, data: &[T]) -> Result<Self::Fitted> {
        self.scaling.fit(self.grid()?, data)
    }

    fn policy(&self) -> NonFinite {
        self.scaling.calibration.non_finite
    }
}

/// One histogram for each group.
impl<C: Code> Fit<Histogram> for Uniform<C> {
    type Fitted = UniformQuantizer<C>;

    fn fit(&self, data: &[Histogram]) -> Result<Self::Fitted> {
        self.scaling.fit_histograms(self.grid()?, data)
    }
}

/// What serde sees.
#[cfg(feature = "serde")]
mod raw {
    use super::{Kind, PhantomData, Scaling};

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Uniform {
        bits: u32,
        kind: Kind,
        #[serde(default)]
        scaling: Scaling,
    }

    impl<C> From<Uniform> for super::Uniform<C> {
        fn from(Uniform { bits, kind, scaling }: Uniform) -> Self {
            let scaling = Scaling { offsets: kind == Kind::Asymmetric, ..scaling };
            Self { bits, kind, scaling, code: PhantomData }
        }
    }
}
