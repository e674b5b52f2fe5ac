//! From a target to a step, and from a step to a frame.

use super::compressor::{Compressed, Compressor};
use crate::{
    element::Element,
    error::{Error, Result},
    fit::Fit,
    groups::Groups,
    kernel::exp::{exp, ln},
    metrics::{ErrorStats, bits_per_value},
    quantizer::{BoundedQuantizer, ErrorBound},
    target::Target,
    then::Then,
    transform::{Standardize, StandardizeTransform, TransformExt},
};
use alloc::{vec, vec::Vec};
use core::f64::consts::{LN_2, LN_10};

/// The codes that everything here works with; they cost memory, not bytes.
type Steps = BoundedQuantizer<u32>;

impl Compressor {
    /// The mean of values that are far from zero, and their deviations from it: levels are best where values are. Bounds on
    /// single values are those of values as they are.
    pub(super) fn mean<T: Element>(&self, present: &[T]) -> Result<Option<(StandardizeTransform, Vec<f32>)>> {
        let bounded = matches!(
            self.target,
            Target::MaxError(_) | Target::MaxErrorOfRange(_) | Target::PointwiseRelative(_) | Target::Lossless
        );
        if bounded {
            return Ok(None);
        }
        // Deviations may be too small to be numbers, or too large.
        let Some(both) = in_range(Standardize::new().fit(present))? else { return Ok(None) };
        let (mean, deviation) = (both.means()[0], both.scales()[0]);
        if mean.abs() <= deviation {
            return Ok(None);
        }
        let mean = StandardizeTransform::new(Groups::tensor(), vec![mean], Vec::new())?;
        let mut wide = vec![0.0; present.len()];
        T::widen_into(present, &mut wide)?;
        Ok(in_range(mean.forward(&wide))?.map(|deviations| (mean, deviations)))
    }

    /// The step follows from the error.
    pub(super) fn bound<T: Element>(&self, present: &[T]) -> Result<ErrorBound> {
        Ok(match self.target {
            Target::Sqnr(decibels) => {
                // Beyond 6,000 dB there is nothing.
                let part = exp(-decibels.clamp(-6000.0, 6000.0) / 20.0 * LN_10);
                ErrorBound::rmse((sizes(present)?.rms * part).min(f64::MAX))
            }
            Target::Psnr(decibels) => ErrorBound::psnr_db(decibels.clamp(-1000.0, 1000.0)),
            Target::Rms(most) => ErrorBound::rmse(most),
            Target::MaxErrorOfRange(most) => ErrorBound::max_error_of_range(most),
            // No larger part bounds anything that this one does not.
            Target::PointwiseRelative(most) => ErrorBound::max_relative_error(most.min(1.0 - f64::EPSILON)),
            Target::MaxError(most) => ErrorBound::max_abs_error(most),
            Target::BitsPerValue(_) | Target::Bytes(_) | Target::Lossless => ErrorBound::max_abs_error(0.0),
        })
    }

    /// The finest step whose frame is small enough.
    pub(super) fn rate<T: Element>(&self, data: &Data<'_, T>) -> Result<Compressed> {
        const ROUNDS: usize = 30;
        let wanted = match self.target {
            Target::Bytes(most) => bits_per_value(most, data.values.len()),
            Target::BitsPerValue(bits) => bits,
            _ => return Err(Error::Unsuited { setting: "target", remedy: "pass a size" }),
        };
        let sizes = data.mean.as_ref().map_or_else(|| sizes(data.present), |(_, deviations)| sizes(deviations));
        let Sizes { rms, range, largest } = sizes?;
        // Bounds as logarithms: from finer than needed to one level, which is zero.
        let log2 = |x: f64| ln(x.max(f64::MIN_POSITIVE)) / LN_2;
        let within = |log: f64| ErrorBound::max_abs_error(exp(log.clamp(-1000.0, 1000.0) * LN_2));
        let one_level = log2(range.max(largest)) + 1.0;
        let (mut fine, mut coarse) = (one_level - 40.0, one_level);
        let mut best = self.frame(data, &within(coarse))?;
        if !best.report.cost.meets_target {
            return Ok(best);
        }
        // Of Gaussian values, by the entropy of equal steps.
        let mut at = log2(rms) + 1.05 - wanted;
        for round in 0..ROUNDS {
            // Every third time, and where the rule of thumb below leads out of what is known, halfway.
            let inside = fine < at && at < coarse && round % 3 < 2;
            at = if inside { at } else { 0.5 * (fine + coarse) };
            let found = self.frame(data, &within(at))?;
            let bits = found.report.cost.bits_per_value();
            if found.report.cost.meets_target {
                coarse = at;
                // Where levels are few, finer steps may be worse.
                best = if found.report.cost.stats.mse() < best.report.cost.stats.mse() { found } else { best };
                if bits > 0.994 * wanted {
                    break;
                }
            } else {
                fine = at;
            }
            if coarse - fine < 1.0 / 4096.0 {
                // The size jumps here.
                break;
            }
            // A bit more for half the step, and a hair below what is wanted.
            at += bits - 0.998 * wanted;
        }
        Ok(best)
    }

    /// A frame of equal steps, predicted where that is smaller.
    pub(super) fn frame<T: Element>(&self, data: &Data<'_, T>, bound: &ErrorBound) -> Result<Compressed> {
        match &data.mean {
            None => self.coded::<T, Steps>(data, bound.fit(data.present)?, "equal steps"),
            Some((mean, deviations)) => self.coded(
                data,
                Then::new(mean.clone(), bound.fit(deviations)?),
                "deviations from the mean, equal steps",
            ),
        }
    }
}

/// None where numbers on the way would be too large or too small.
pub(super) fn in_range<F>(found: Result<F>) -> Result<Option<F>> {
    match found {
        Err(Error::CoefficientOverflow { .. } | Error::ScaleOutOfRange { .. }) => Ok(None),
        found => found.map(Some),
    }
}

/// What is compressed, in the forms that are needed.
pub(super) struct Data<'a, T> {
    pub(super) values: &'a [T],
    /// Those that are not masked.
    pub(super) present: &'a [T],
    /// With others in place of those that are.
    pub(super) finite: &'a [T],
    pub(super) mean: Option<(StandardizeTransform, Vec<f32>)>,
}

/// How large values are.
pub(super) struct Sizes {
    pub(super) rms: f64,
    pub(super) range: f64,
    largest: f64,
}

pub(super) fn sizes<T: Element>(values: &[T]) -> Result<Sizes> {
    let stats = ErrorStats::measure(values, &vec![T::default(); values.len()])?;
    Ok(Sizes { rms: stats.rmse(), range: stats.range(), largest: stats.max_abs_error() })
}
