//! Companding: a curve that is steep near zero, so that equal steps behind it are fine there and coarse far out.

use super::{Guarantee, Transform, check_call};
use crate::{
    description::{Describe, Description, Restore, Stages},
    element::{Element, check_finite, for_each_piece},
    error::{Error, Result},
    fit::Fit,
    kernel::{
        exp::{exp, ln},
        extrema,
        sums::sums,
    },
    wire::Reader,
};
use num_traits::Float;

/// Settings of a companding transform: its curve, free of units; data gives the unit.
///
/// Curves are odd and grow with the value; `u` is its magnitude.
///
/// | setting | coefficient | unit | choose it for |
/// | --- | --- | --- | --- |
/// | `MuLaw(mu)` | `ln(1 + mu u / p) / ln(1 + mu)`, -1 to 1 | `p`, the largest magnitude | sound, as ITU-T G.711 has it with a `mu` of 255 |
/// | `Asinh(knee)` | `asinh(u / s)` | `s`, `knee` root mean squares | values of many decades, such as gradients: steps are even below the knee and relative above |
/// | `Power(p)` | `u^p` | none | heavy tails; 1/3 to 3/4 |
///
/// A uniform quantizer behind the curve has steps of `d / c'(u)` where those of the coefficients are `d`. No error bound of
/// coefficients is one of values, and levels placed by the data ([`KMeans`](crate::KMeans)) have the smaller squared error
/// at few bits; companding needs no table, goes on beyond the data it has seen, and works with as many levels as there
/// are.
///
/// `mu` is 2^-10 to 2^20, `knee` 2^-20 to 2^20, and `p` 1/16 to 1. Cost per value: one logarithm, and for the inverse one
/// exponential function, of our own, so that bytes are the same on every machine.
///
/// ```
/// use fewbits::{Compand, ErrorStats, Fit, QuantizerExt, Then, Uniform};
///
/// // Gradients of four decades.
/// let values: Vec<f32> = (0..4096).map(|i| 10_f32.powf(i as f32 / 1024.0 - 4.0) * (i as f32).sin()).collect();
/// let quantizer = Then::new(Compand::Asinh(0.01), Uniform::new(6)).fit(&values)?;
/// let alone = Uniform::new(6).fit(&values)?;
/// let small = |restored: &[f32]| ErrorStats::measure(&values[..2048], &restored[..2048]).map(|stats| stats.sqnr_db());
/// assert!(small(&quantizer.fake_quantize(&values)?)? > small(&alone.fake_quantize(&values)?)? + 10.0);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Compand {
    /// `ln(1 + mu u / p) / ln(1 + mu)`.
    MuLaw(f64),
    /// `asinh(u / s)`, with `s` as a multiple of the root mean square.
    Asinh(f64),
    /// `u^p`.
    Power(f64),
}

/// A fitted companding transform, made by [`Compand`] or for a known unit.
///
/// The inverse of a coefficient `c` comes back to the value that it was made of within
///
/// | curve | ulps |
/// | --- | --- |
/// | mu-law | `2 + abs(c) ln(1 + mu)` |
/// | asinh | `2 + abs(c)` |
/// | power | `1 + 1 / p` |
///
/// as long as neither is subnormal: half an ulp for the value, and what the curve makes of half an ulp of the coefficient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompandTransform {
    curve: Curve,
    /// `mu`, 1 or `p`.
    shape: f64,
    /// `p`, `s` or 1.
    unit: f32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Curve {
    Mu,
    Asinh,
    Power,
}

/// Where the first terms of a series are better than a difference.
const SMALL: f64 = 1.0 / 1024.0;

impl CompandTransform {
    pub(crate) const TAG: u8 = 0x24;

    /// `ln(1 + mu u / peak) / ln(1 + mu)`; values beyond the peak have coefficients beyond 1.
    pub fn mu_law(mu: f64, peak: f32) -> Result<Self> {
        Self::new(Curve::Mu, mu, peak)
    }

    /// `asinh(u / scale)`.
    pub fn asinh(scale: f32) -> Result<Self> {
        Self::new(Curve::Asinh, 1.0, scale)
    }

    /// `u^exponent`.
    pub fn power(exponent: f64) -> Result<Self> {
        Self::new(Curve::Power, exponent, 1.0)
    }

    fn new(curve: Curve, shape: f64, unit: f32) -> Result<Self> {
        let (name, (least, most), allowed) = match curve {
            Curve::Mu => ("mu", (1.0 / 1024.0, 1_048_576.0), "2^-10 to 2^20"),
            Curve::Asinh => ("shape", (1.0, 1.0), "1"),
            Curve::Power => ("exponent", (0.0625, 1.0), "1/16 to 1"),
        };
        if !(least <= shape && shape <= most) {
            return Err(Error::Setting { name, value: shape, allowed });
        }
        if !(unit > 0.0 && unit.is_finite()) {
            return Err(Error::Setting { name: "unit", value: unit.into(), allowed: "positive, finite numbers" });
        }
        Ok(Self { curve, shape, unit })
    }

    /// The peak of a mu-law, the scale of asinh; 1 for powers.
    pub const fn unit(&self) -> f32 {
        self.unit
    }

    /// Applies a curve of magnitudes to values of either sign, within f32.
    #[inline(always)]
    fn each(from: &[f32], to: &mut [f32], curve: impl Fn(f64) -> f64) {
        for (to, &x) in to.iter_mut().zip(from) {
            *to = (curve(f64::from(x.abs())) as f32).copysign(x);
        }
    }
}

// Both sides of each choice are computed, so that loops have no branches.

/// `e^x - 1` for `x` from 0 up; what is beyond f32 stays beyond it.
#[inline(always)]
fn exp_less_one(x: f64) -> f64 {
    let series = x * (1.0 + x / 2.0 * (1.0 + x / 3.0));
    let difference = exp(if x < 700.0 { x } else { 700.0 }) - 1.0;
    if x < SMALL { series } else { difference }
}

/// `ln(1 + x)` for `x` from 0 up.
#[inline(always)]
fn ln_one_more(x: f64) -> f64 {
    let series = x * (1.0 - x * (1.0 / 2.0 - x * (1.0 / 3.0 - x / 4.0)));
    let logarithm = ln(1.0 + x);
    if x < SMALL { series } else { logarithm }
}

#[inline(always)]
fn sinh(x: f64) -> f64 {
    let series = x * (1.0 + x * x / 6.0);
    let power = exp(if x < 700.0 { x } else { 700.0 });
    let difference = (power - 1.0 / power) / 2.0;
    if x < SMALL { series } else { difference }
}

#[inline(always)]
fn asinh(x: f64) -> f64 {
    let series = x * (1.0 - x * x / 6.0);
    let logarithm = ln(x + Float::sqrt(x * x + 1.0));
    if x < SMALL { series } else { logarithm }
}

/// `x^p` for `x` from 0 up.
#[inline(always)]
fn power(x: f64, p: f64) -> f64 {
    // 0, whose logarithm there is none, stays what it is.
    let logarithm = ln(if x > 0.0 { x } else { 1.0 }) * p;
    let least = if logarithm > -700.0 { logarithm } else { -700.0 };
    let power = exp(if least < 700.0 { least } else { 700.0 });
    if x > 0.0 { power } else { 0.0 }
}

impl Transform for CompandTransform {
    fn forward_at(&self, start: usize, values: &[f32], coefficients: &mut [f32]) -> Result<()> {
        check_call(start, values.len(), coefficients.len(), 1)?;
        let (shape, unit) = (self.shape, f64::from(self.unit));
        match self.curve {
            Curve::Mu => {
                let whole = ln(1.0 + shape);
                Self::each(values, coefficients, |u| ln_one_more(shape * (u / unit)) / whole);
            }
            Curve::Asinh => Self::each(values, coefficients, |u| asinh(u / unit)),
            Curve::Power => Self::each(values, coefficients, |u| power(u, shape)),
        }
        Ok(())
    }

    fn inverse_at(&self, start: usize, coefficients: &[f32], values: &mut [f32]) -> Result<()> {
        check_call(start, values.len(), coefficients.len(), 1)?;
        let (shape, unit) = (self.shape, f64::from(self.unit));
        match self.curve {
            Curve::Mu => {
                let whole = ln(1.0 + shape);
                Self::each(coefficients, values, |c| exp_less_one(c * whole) / shape * unit);
            }
            Curve::Asinh => Self::each(coefficients, values, |c| sinh(c) * unit),
            Curve::Power => Self::each(coefficients, values, |c| power(c, 1.0 / shape)),
        }
        Ok(())
    }

    fn slopes_at(&self, start: usize, values: &[f32], slopes: &mut [f32]) -> Result<()> {
        check_call(start, values.len(), slopes.len(), 1)?;
        let (shape, unit) = (self.shape, f64::from(self.unit));
        for (slope, &x) in slopes.iter_mut().zip(values) {
            let u = f64::from(x.abs()) / unit;
            *slope = match self.curve {
                Curve::Mu => shape / unit / ((1.0 + shape * u) * ln(1.0 + shape)),
                Curve::Asinh => 1.0 / (unit * Float::sqrt(1.0 + u * u)),
                Curve::Power => shape * power(u, shape) / u,
            } as f32;
        }
        Ok(())
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Elementwise
    }
}

impl<T: Element> Fit<T> for Compand {
    type Fitted = CompandTransform;

    /// Data that is zero throughout has the unit 1.
    fn fit(&self, data: &[T]) -> Result<CompandTransform> {
        let (mut low, mut high, mut energy) = (0.0_f32, 0.0_f32, 0.0);
        for_each_piece(data, |start, values| {
            check_finite(values, start)?;
            extrema::enclose(values, &mut low, &mut high);
            energy += sums(values, values, |x, _| [f64::from(x) * f64::from(x)])[0];
            Ok(())
        })?;
        let mut peak = high.max(-low);
        let mut rms = Float::sqrt(energy / data.len() as f64);
        if peak == 0.0 {
            (peak, rms) = (1.0, 1.0);
        }
        match *self {
            Self::MuLaw(mu) => CompandTransform::mu_law(mu, peak),
            Self::Asinh(knee) => {
                const LEAST: f64 = 1.0 / 1_048_576.0;
                if !(LEAST..=1.0 / LEAST).contains(&knee) {
                    return Err(Error::Setting { name: "knee", value: knee, allowed: "2^-20 to 2^20" });
                }
                CompandTransform::asinh(((knee * rms) as f32).clamp(f32::from_bits(1), f32::MAX))
            }
            Self::Power(exponent) => CompandTransform::power(exponent),
        }
    }
}

/// There is nothing left to fit.
impl<T> Fit<T> for CompandTransform {
    type Fitted = Self;

    fn fit(&self, _data: &[T]) -> Result<Self> {
        Ok(*self)
    }
}

impl Describe for CompandTransform {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            out.u8(self.curve as u8);
            match self.curve {
                Curve::Mu => {
                    out.f64(self.shape);
                    out.f32(self.unit);
                }
                Curve::Asinh => out.f32(self.unit),
                Curve::Power => out.f64(self.shape),
            }
        });
    }
}

impl Restore for CompandTransform {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        stages.stage(Self::TAG, "a companding transform", |bytes| {
            let kind = bytes.u8()?;
            let restored = match kind {
                0 => Self::mu_law(bytes.magnitude()?, Reader::f32(bytes)?),
                1 => Self::asinh(bytes.f32()?),
                2 => Self::power(bytes.magnitude()?),
                _ => return Err(Error::Corrupt { what: "kind of a curve", found: kind.into() }),
            };
            restored.map_err(|_| Error::Corrupt { what: "parameters of a curve", found: kind.into() })
        })
    }
}
