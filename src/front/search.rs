//! From a target to a step, and from a step to a frame.

use super::compressor::{Compressed, Compressor};
use crate::{
    automaton::Automaton,
    calibrate,
    codec::{Codec, ContextRans, ContextRansCodec, Difference, Rans, RansCodec},
    element::Element,
    error::{Error, Result},
    fit::Fit,
    groups::Groups,
    kernel::exp::{exp, ln},
    metrics::{ErrorStats, bits_per_value},
    pipeline::Coded,
    quantizer::{BoundedQuantizer, ErrorBound, Quantizer, QuantizerExt},
    target::Target,
    then::Then,
    transform::{Standardize, StandardizeTransform, TransformExt},
};
use alloc::{boxed::Box, format, vec, vec::Vec};
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

    /// A frame of a quantizer whose levels are near each other where codes are, with whichever codec is smallest.
    pub(super) fn coded<T: Element, Q>(&self, data: &Data<'_, T>, quantizer: Q, steps: &str) -> Result<Compressed>
    where
        Q: Quantizer<Code = u32>,
    {
        let codes = quantizer.quantize(data.finite)?;
        let level_count = quantizer.level_count();
        // Chunks of masked values may have other codes.
        let plain: RansCodec<u32> = Rans::new().fit_below(&codes, level_count)?;
        let mut best: (usize, &str, Box<dyn Codec<Code = u32>>) = (stretch_len(&codes, &plain)?, "", Box::new(plain));
        for (method, map) in self.predictors(&quantizer)? {
            let codec = Then::new(map, Rans::new()).fit(&codes)?;
            let bytes = stretch_len(&codes, &codec)?;
            if bytes < best.0 {
                best = (bytes, method, Box::new(codec));
            }
        }
        for (method, codec) in self.contexts(&codes, level_count)? {
            // Levels of rows count for as many codes as are looked at.
            let side = codec.side_bytes() as f64 * codes.len().min(STRETCH) as f64 / codes.len().max(1) as f64;
            let bytes = stretch_len(&codes, &codec)? + side as usize;
            if bytes < best.0 {
                best = (bytes, method, Box::new(codec));
            }
        }
        let (_, method, codec) = best;
        self.masked(data.values, Coded::new(quantizer, codec), &format!("{steps}{method}, entropy coded"))
    }

    /// A frame of exact values of 16 bits, whose first bits depend on how large others of their row are; none for other values.
    pub(super) fn exact_rows<T: Element>(&self, data: &Data<'_, T>) -> Result<Option<Compressed>> {
        let shape: Vec<usize> = self.shape.iter().copied().filter(|&n| n > 1).collect();
        let columns: usize = shape.iter().skip(1).product();
        if size_of::<T>() != 2 || data.finite.len() < 256 {
            return Ok(None);
        }
        let quantizer: BoundedQuantizer<u32> = ErrorBound::max_abs_error(0.0).fit(data.present)?;
        let codes = quantizer.quantize(data.finite)?;
        let mut groupings = vec![Vec::new()];
        if shape.len() > 1 {
            let (row, column) = (Groups::blocks(columns, codes.len())?, Groups::axis(&[1, columns], 1)?);
            groupings.extend([vec![row], vec![column], vec![row, column]]);
        }
        let mut wide = vec![0.0; codes.len()];
        T::widen_into(data.finite, &mut wide)?;
        let mut best = None;
        let mut least = f64::INFINITY;
        for groupings in groupings {
            let classes = calibrate::classes(&groupings, &wide)?;
            let settings = ContextRans::new(Automaton::memoryless().lanes(8)?).classes(classes).written();
            let fit = settings.fit_codes(&codes, quantizer.level_count())?;
            let bits = fit.bits + 8.0 * fit.codec.side_bytes() as f64;
            if bits < least {
                (least, best) = (bits, Some(fit.codec));
            }
        }
        let plain: RansCodec<u32> = Rans::new().fit_below(&codes, quantizer.level_count())?;
        let plain = self.masked(data.values, Coded::new(&quantizer, plain), "lossless, entropy coded")?;
        let Some(codec) = best else { return Ok(Some(plain)) };
        let contexts = self.masked(data.values, Coded::new(&quantizer, codec), "lossless, contexts")?;
        Ok(Some(if contexts.as_bytes().len() < plain.as_bytes().len() { contexts } else { plain }))
    }

    /// Coders that tell rows and columns apart, where that may pay.
    fn contexts(&self, codes: &[u32], level_count: u32) -> Result<Vec<(&'static str, ContextRansCodec<u32>)>> {
        let shape: Vec<usize> = self.shape.iter().copied().filter(|&n| n > 1).collect();
        let columns: usize = shape.iter().skip(1).product();
        if shape.len() < 2 || codes.len() < 256 {
            return Ok(Vec::new());
        }
        let (row, column) = (Groups::blocks(columns, codes.len())?, Groups::axis(&[1, columns], 1)?);
        let settings = ContextRans::new(Automaton::memoryless().lanes(8)?).written();
        let ways = [
            (", contexts by row", settings.clone().by(row)),
            (", contexts by column", settings.clone().by(column)),
            (", contexts by row and column", settings.by(row).by(column)),
        ];
        // Codes of 2^24 symbols are too many for tables of contexts.
        let fitted = ways.into_iter().filter_map(|(name, way)| Some((name, way.fit_below(codes, level_count).ok()?)));
        Ok(fitted.collect())
    }

    fn predictors<Q: Quantizer<Code = u32>>(&self, quantizer: &Q) -> Result<Vec<(&'static str, Difference<u32>)>> {
        let line = Difference::of(quantizer)?;
        let mut predictors =
            vec![(", differences", line.clone()), (", differences of differences", line.clone().order(2)?)];
        let axes: Vec<usize> = (0..self.shape.len()).filter(|&axis| self.shape[axis] > 1).collect();
        if axes.len() > 1 && !self.shape.contains(&0) {
            // The nearest axes, as many as can be.
            let near = axes.iter().rev().take(4);
            let field = near.into_iter().try_fold(line, |map, &axis| map.along(&self.shape, axis))?;
            let again = field.clone().order(2)?;
            predictors.push((", differences along all axes", field));
            predictors.push((", differences of differences along all axes", again));
        }
        Ok(predictors)
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

/// Codes whose bytes are counted to compare codecs.
const STRETCH: usize = 1 << 17;

/// Bytes of a stretch of codes from the middle.
fn stretch_len<K: Codec<Code = u32>>(codes: &[u32], codec: &K) -> Result<usize> {
    let len = codes.len().min(STRETCH);
    let start = (codes.len() - len) / 2;
    let mut bytes = vec![0; codec.max_encoded_len(len)];
    codec.encode_at(start, &codes[start..start + len], &mut bytes)
}
