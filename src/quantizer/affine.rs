//! How ONNX and torch choose scales and zero points.

use super::{
    AffineQuantizer, Grid, Levels, ScaleType, Scales,
    calibration::{Calibration, calibration_settings},
    range::{Range, Sample},
};
use crate::{
    calibrate::Histogram,
    code::Code,
    element::Element,
    error::{Error, Result},
    fit::Fit,
    groups::Groups,
    non_finite::NonFinite,
};
use alloc::vec::Vec;
use core::marker::PhantomData;

/// Whose rule it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Rule {
    Onnx,
    Torch,
    TorchSymmetric,
}

/// Settings of an [`AffineQuantizer`], by the rules of other libraries, all in f32 arithmetic. `lo` and `hi` are the
/// extremes of a group, or 0 where all values are on one side of it.
///
/// | constructor | scale | zero point |
/// | --- | --- | --- |
/// | [`dynamic_quantize_linear`](Self::dynamic_quantize_linear) | `(hi - lo) / 255`; `1 / 255` if all are 0 | `round(clamp(0 - lo / scale))` |
/// | [`torch`](Self::torch) | `max((hi - lo) / (qmax - qmin), 2^-23)` | `clamp(qmin - round(lo / scale))` |
/// | [`torch_symmetric`](Self::torch_symmetric) | `max(max abs / ((qmax - qmin) / 2), 2^-23)` | `int((qmax + qmin + 1) / 2)` |
///
/// Rounding is to nearest, ties to even. The error of a fitted value is at most half a scale and roundings, for the
/// zero point moves the range by at most half a step. The least scale of torch's rules turns values below 6e-8 into
/// zero. Symmetric int8 divides by 127.5, so that the largest value may be clipped by half a step. A range
/// that spans more than `f32::MAX`, or so little that the scale would be zero, has no such scale, and is an error; a scale
/// below 1e-36 is so coarsely rounded that the largest values may be clipped.
///
/// [`range`](Self::range) takes percentiles and deviations as well, but not the search for the least error. Cost: one
/// pass over the values.
///
/// Use them where another runtime reads the integers. Else [`Uniform`](super::Uniform) is more exact: its
/// scales are rounded outward, and its offsets lose nothing far from zero.
///
/// ```
/// use fewbits::{Affine, Fit, Grid, QuantizerExt};
///
/// let activations = [-1.0_f32, 0.0, 0.5, 4.1];
/// let onnx = Affine::dynamic_quantize_linear().fit(&activations)?;
/// assert_eq!((onnx.scales(), onnx.zero_points()), (&[0.02][..], &[50][..]));
/// assert_eq!(onnx.quantize(&activations)?, [0, 50, 75, 255]);
///
/// let weights = [-2.0_f32, 1.0, 0.25, -0.5];
/// let torch = Affine::torch_symmetric(Grid::I8).per_axis(&[2, 2], 0).fit(&weights)?;
/// assert_eq!((torch.scales(), torch.zero_points()), (&[2.0 / 127.5, 0.5 / 127.5][..], &[0, 0][..]));
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, bound = ""))]
#[doc(alias = "zero_point")]
pub struct Affine<C = u8> {
    grid: Grid,
    rule: Rule,
    #[cfg_attr(feature = "serde", serde(default))]
    calibration: Calibration,
    #[cfg_attr(feature = "serde", serde(skip))]
    code: PhantomData<C>,
}

impl Affine<u8> {
    /// `DynamicQuantizeLinear` of ONNX: integers 0 to 255.
    #[doc(alias = "DynamicQuantizeLinear")]
    pub fn dynamic_quantize_linear() -> Self {
        Self::of(Grid::U8, Rule::Onnx)
    }

    /// The affine rule of `torch.ao.quantization`'s observers, `per_tensor_affine` or `per_channel_affine`, for the
    /// integers `quant_min..=quant_max` of `grid`.
    pub fn torch(grid: Grid) -> Self {
        Self::of(grid, Rule::Torch)
    }

    /// The symmetric rule of torch and torchao, the zero point in the middle of the integers: 0 for [`Grid::I8`], which
    /// is torchao's symmetric int8.
    #[doc(alias = "torchao")]
    pub fn torch_symmetric(grid: Grid) -> Self {
        Self::of(grid, Rule::TorchSymmetric)
    }

    fn of(grid: Grid, rule: Rule) -> Self {
        Self { grid, rule, calibration: Calibration::default(), code: PhantomData }
    }
}

impl<C: Code> Affine<C> {
    calibration_settings!(calibration);

    /// The type of the codes in memory; `u8` by default. It changes no byte of an encoded array.
    #[must_use]
    pub fn codes<D: Code>(self) -> Affine<D> {
        Affine { grid: self.grid, rule: self.rule, calibration: self.calibration, code: PhantomData }
    }

    /// A quantizer for values in `low..=high`, such as an observer of another library has seen; values beyond saturate.
    pub fn fit_range(&self, low: f32, high: f32) -> Result<AffineQuantizer<C>> {
        self.quantizer(self.calibration.fit_range(low, high, |group, (low, high)| self.parameters(group, low, high))?)
    }

    /// Scale and zero point of a group.
    fn sampled(&self, group: usize, (low, high): (f32, f32), sample: Option<Sample<'_>>) -> Result<(f32, i32)> {
        if self.calibration.range == Range::Mse {
            let remedy = "the libraries whose rules these are have none; `Uniform` searches for it";
            return Err(Error::Unsuited { setting: "range with least error", remedy });
        }
        let offsets = self.rule != Rule::TorchSymmetric;
        let (low, high) = self.calibration.range.ends(sample, low, high, offsets)?;
        self.parameters(group, low, high)
    }

    fn quantizer(&self, (groups, fitted): (Groups, Vec<(f32, i32)>)) -> Result<AffineQuantizer<C>> {
        let (scales, zero_points) = fitted.into_iter().unzip();
        AffineQuantizer::new(self.grid, groups, Scales::new(ScaleType::F32, scales)?, zero_points)
    }

    /// Scale and zero point of a group, in the arithmetic of the libraries.
    fn parameters(&self, group: usize, low: f32, high: f32) -> Result<(f32, i32)> {
        let (lo, hi) = (low.min(0.0), high.max(0.0));
        let (qmin, qmax) = (self.grid.min(), self.grid.max());
        let span = (qmax - qmin) as f32;
        let scale = match self.rule {
            Rule::Onnx => (if lo == hi { 1.0 } else { hi - lo }) / span,
            Rule::Torch => ((hi - lo) / span).max(f32::EPSILON),
            Rule::TorchSymmetric => (hi.max(-lo) / (span / 2.0)).max(f32::EPSILON),
        };
        if !(scale > 0.0 && scale.is_finite()) {
            let exact = (f64::from(hi) - f64::from(lo)) / f64::from(span);
            return Err(Error::ScaleOutOfRange { group, scale: exact, stored_as: ScaleType::F32.name() });
        }
        if self.rule == Rule::TorchSymmetric {
            // Towards zero, as Python's `int`.
            return Ok((scale, (qmax + qmin + 1) / 2));
        }
        // What `clamp(qmin - lo / scale)` rounds to is the integer nearest to it as seen from 0, plus `qmin`: which is
        // a code of the integers from 0 up.
        let code = self.grid.seen_from(qmin).nearest(-lo / scale);
        Ok((scale, code.cast_signed() + qmin))
    }
}

impl<T: Element, C: Code> Fit<T> for Affine<C> {
    type Fitted = AffineQuantizer<C>;

    fn fit(&self, data: &[T]) -> Result<Self::Fitted> {
        self.quantizer(self.calibration.fit(data, |group, ends, sample| self.sampled(group, ends, sample))?)
    }

    fn policy(&self) -> NonFinite {
        self.calibration.non_finite
    }
}

/// One histogram for each group.
impl<C: Code> Fit<Histogram> for Affine<C> {
    type Fitted = AffineQuantizer<C>;

    fn fit(&self, data: &[Histogram]) -> Result<Self::Fitted> {
        self.quantizer(self.calibration.fit_histograms(data, |group, ends, sample| self.sampled(group, ends, sample))?)
    }
}
