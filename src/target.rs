//! What is asked of compressed values: so few bytes, or so small an error.

use crate::{
    error::{Error, Result},
    metrics::{ErrorStats, bits_per_value},
};

/// What compressed values have to keep to: a size, at which the error is to be small, or an error, at which the size is.
///
/// Bytes are those of whole frames. Values that are not finite count for errors only in so far as they have to come back.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Target {
    /// At most so many bits per value.
    BitsPerValue(f64),
    /// At most so many bytes.
    Bytes(usize),
    /// A signal-to-quantization-noise ratio of at least so many decibels: `10 log₁₀(Σx² / Σd²)`.
    Sqnr(f64),
    /// A peak signal-to-noise ratio of at least so many decibels: `10 log₁₀(range² / mse)`.
    Psnr(f64),
    /// A root mean squared error of at most so much.
    Rms(f64),
    /// No value off by more.
    MaxError(f64),
    /// No value off by more than this part of the range of all.
    MaxErrorOfRange(f64),
    /// No value off by more than this part of itself, zeros not at all.
    PointwiseRelative(f64),
    /// Every bit comes back.
    Lossless,
}

impl Target {
    /// Whether it is a size.
    pub(crate) const fn is_rate(self) -> bool {
        matches!(self, Self::BitsPerValue(_) | Self::Bytes(_))
    }

    /// It is a number that can be asked for.
    pub(crate) fn check(self) -> Result<()> {
        let (name, value) = match self {
            Self::Bytes(_) | Self::Lossless => return Ok(()),
            Self::Sqnr(value) | Self::Psnr(value) if value.is_finite() => return Ok(()),
            Self::BitsPerValue(value) => ("bits per value", value),
            Self::Sqnr(value) => ("SQNR", value),
            Self::Psnr(value) => ("PSNR", value),
            Self::Rms(value) => ("root mean squared error", value),
            Self::MaxError(value) => ("largest error", value),
            Self::MaxErrorOfRange(value) => ("largest error of the range", value),
            Self::PointwiseRelative(value) => ("largest relative error", value),
        };
        if value >= 0.0 && value.is_finite() {
            return Ok(());
        }
        let allowed =
            if matches!(self, Self::Sqnr(_) | Self::Psnr(_)) { "finite decibels" } else { "0 or more, and finite" };
        Err(Error::Setting { name, value, allowed })
    }

    /// Whether a frame of so many bytes for so many values, with these errors, keeps to it; `exact` says that every bit came
    /// back.
    pub(crate) fn is_met(self, bytes: usize, values: usize, stats: &ErrorStats, exact: bool) -> bool {
        let kept = stats.non_finite_changed() == 0;
        match self {
            // No values have no bits per value, and ask for nothing.
            Self::BitsPerValue(most) => values == 0 || bits_per_value(bytes, values) <= most,
            Self::Bytes(most) => bytes <= most,
            _ if exact => true,
            Self::Sqnr(least) => kept && stats.sqnr_db() >= least,
            Self::Psnr(least) => kept && stats.psnr_db() >= least,
            Self::Rms(most) => kept && stats.rmse() <= most,
            Self::MaxError(most) => kept && stats.max_abs_error() <= most,
            Self::MaxErrorOfRange(most) => kept && stats.max_error_of_range() <= most,
            Self::PointwiseRelative(most) => kept && stats.zeros_changed() == 0 && stats.max_relative_error() <= most,
            Self::Lossless => false,
        }
    }
}
