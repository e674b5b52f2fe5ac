//! One call from values to bytes: what is asked for decides how.

use crate::{
    candidates::Cost,
    codec::{Codec, Difference, Rans, RansCodec},
    element::{Element, check_finite, for_each_piece},
    error::{Error, Result, same_length},
    fit::Fit,
    frame::{Frame, Limits},
    groups::Groups,
    kernel::exp::{exp, ln},
    metrics::{ErrorStats, bits_per_value},
    non_finite::{Fate, NonFinite},
    pipeline::{Coded, Lossless, Masked, Pipeline, saturated, seen},
    quantizer::{BoundedQuantizer, ErrorBound, Quantizer, QuantizerExt},
    target::Target,
    then::Then,
    transform::{Standardize, StandardizeTransform, TransformExt},
};
use alloc::{borrow::Cow, boxed::Box, vec, vec::Vec};
use core::f64::consts::{LN_2, LN_10};

/// The codes that everything here works with; they cost memory, not bytes.
type Steps = BoundedQuantizer<u32>;

/// How values are compressed, and what the frame costs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Bytes and errors, measured on what decodes.
    pub cost: Cost,
    /// How, in a few words.
    pub method: &'static str,
}

/// A frame that describes itself, and what was measured on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Compressed {
    bytes: Vec<u8>,
    report: Report,
}

impl Compressed {
    /// The frame: what [`decompress`](crate::decompress) reads.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The frame.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What it costs, measured on what decodes.
    pub const fn report(&self) -> &Report {
        &self.report
    }
}

/// Values to bytes that keep to a target: see [`Compressor`], of which this has no settings.
///
/// ```
/// use fewbits::Target;
///
/// let weights: Vec<f32> = (0..100_000).map(|i| (i as f32 * 0.7).sin().powi(5) * 0.1).collect();
/// let compressed = fewbits::compress(&weights, Target::BitsPerValue(4.5))?;
/// assert!(compressed.as_bytes().len() * 8 <= 450_000);
/// assert!(compressed.report().cost.stats.sqnr_db() > 25.0); // measured on what decodes
/// let restored: Vec<f32> = fewbits::decompress(compressed.as_bytes())?;
///
/// let compressed = fewbits::compress(&weights, Target::MaxError(1e-4))?;
/// let restored: Vec<f32> = fewbits::decompress(compressed.as_bytes())?;
/// assert!(weights.iter().zip(&restored).all(|(w, r)| (w - r).abs() <= 1e-4));
/// # Ok::<(), fewbits::Error>(())
/// ```
pub fn compress<T: Element>(values: &[T], target: Target) -> Result<Compressed> {
    Compressor::new(target).compress(values)
}

/// Settings of [`compress`].
///
/// Values get equal steps, one width for all, about their mean where that is far from zero; codes are differences of neighbours where that is smaller, and entropy
/// coded. A target that is an error decides the step; for one that is a size, the finest step is sought that is small
/// enough: 3 to 30 rounds of encoding, mostly below 10. Where the lossless frame is no larger, or small enough, it is taken. Frames are cut
/// into chunks of 2^18 values, which decode alone.
///
/// Memory beside input and output: 16 to 60 bytes a value, more the finer the steps. A size that cannot be reached is an
/// error ([`Error::OutOfReach`]) that says what can. Errors are always within the target, sizes at or below it; what a policy
/// masks comes back, and counts for no error. Few bytes may stand for many values: beyond 64 MiB of values decode with
/// [`decompress_within`](crate::decompress_within).
#[derive(Debug, Clone, PartialEq)]
pub struct Compressor {
    target: Target,
    policy: NonFinite,
    shape: Vec<usize>,
}

impl Compressor {
    /// For a target. NaN and infinities are refused.
    pub const fn new(target: Target) -> Self {
        Self { target, policy: NonFinite::refuse(), shape: Vec::new() }
    }

    /// What becomes of values that are not finite, or stand for missing ones.
    ///
    /// ```
    /// use fewbits::{Compressor, NonFinite, Target};
    ///
    /// let field = [1.0_f32, 1.5, f32::NAN, 2.5, -9999.0, 3.5];
    /// let policy = NonFinite::keep().missing(-9999.0);
    /// let compressed = Compressor::new(Target::MaxError(0.1)).non_finite(policy).compress(&field)?;
    /// let restored: Vec<f32> = fewbits::decompress(compressed.as_bytes())?;
    /// assert!(restored[2].is_nan() && restored[4] == -9999.0 && (restored[5] - 3.5).abs() <= 0.1);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    #[must_use]
    pub const fn non_finite(mut self, policy: NonFinite) -> Self {
        self.policy = policy;
        self
    }

    /// The row-major shape of the values, whose axes may predict each other. Without one they are a line.
    #[must_use]
    pub fn shape(mut self, shape: &[usize]) -> Self {
        self.shape = shape.to_vec();
        self
    }

    /// Values to a frame.
    pub fn compress<T: Element>(&self, values: &[T]) -> Result<Compressed> {
        self.target.check()?;
        if !self.shape.is_empty() {
            let product = self.shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
            let product = if self.shape.contains(&0) { 0 } else { product.unwrap_or(usize::MAX) };
            same_length("values", product, values.len())?;
        }
        // What is saturated is so before anything is measured.
        let values = if self.policy.is_strict() {
            for_each_piece(values, |start, values| check_finite(values, start))?;
            Cow::Borrowed(values)
        } else {
            Cow::Owned(saturated(self.policy, values)?)
        };
        let present = self.policy.present(&values)?;
        let exact = self.finish(&values, Lossless.fit(&values)?, "lossless")?;
        // Nothing to lose, or a size that takes all.
        let whole = present.is_empty() || self.target == Target::Lossless;
        if whole || (self.target.is_rate() && exact.report.cost.meets_target) {
            return self.checked(exact);
        }
        let finite = if self.policy.masks() { Cow::Owned(seen(self.policy, &values, 1)?) } else { values.clone() };
        let mut data = Data { values: &values, present: &present, finite: &finite, mean: self.mean(&present)? };
        if self.target.is_rate() {
            return self.checked(self.rate(&data)?);
        }
        let bound = self.bound(&present)?;
        let mut found = self.frame(&data, &bound)?;
        if !found.report.cost.meets_target && data.mean.is_some() {
            // Adding the mean may round a hair too much.
            data.mean = None;
            found = self.frame(&data, &bound)?;
        }
        let lossy = found.report.cost.meets_target && found.bytes.len() < exact.bytes.len();
        self.checked(if lossy { found } else { exact })
    }

    /// The target is met.
    fn checked(&self, found: Compressed) -> Result<Compressed> {
        let cost = &found.report.cost;
        if cost.meets_target {
            return Ok(found);
        }
        let (what, wanted, reached) = match self.target {
            Target::BitsPerValue(bits) => ("bits per value", bits, cost.bits_per_value()),
            Target::Bytes(bytes) => ("bytes", bytes as f64, cost.bytes as f64),
            Target::Sqnr(decibels) => ("decibels", decibels, cost.stats.sqnr_db()),
            Target::Psnr(decibels) => ("decibels", decibels, cost.stats.psnr_db()),
            Target::Rms(most) => ("of root mean squared error", most, cost.stats.rmse()),
            Target::MaxErrorOfRange(most) => ("of error of the range", most, cost.stats.max_error_of_range()),
            Target::PointwiseRelative(most) => ("of relative error", most, cost.stats.max_relative_error()),
            Target::MaxError(most) => ("of largest error", most, cost.stats.max_abs_error()),
            Target::Lossless => ("of largest error", 0.0, cost.stats.max_abs_error()),
        };
        Err(Error::OutOfReach { what, wanted, reached })
    }

    /// The mean of values that are far from zero, and their deviations from it: levels are best where values are. Bounds on
    /// single values are those of values as they are.
    fn mean<T: Element>(&self, present: &[T]) -> Result<Option<(StandardizeTransform, Vec<f32>)>> {
        let bounded = matches!(
            self.target,
            Target::MaxError(_) | Target::MaxErrorOfRange(_) | Target::PointwiseRelative(_) | Target::Lossless
        );
        let both = Standardize::new().fit(present)?;
        let (mean, deviation) = (both.means()[0], both.scales()[0]);
        if bounded || mean.abs() <= deviation {
            return Ok(None);
        }
        let mean = StandardizeTransform::new(Groups::tensor(), vec![mean], Vec::new())?;
        let mut wide = vec![0.0; present.len()];
        T::widen_into(present, &mut wide)?;
        let deviations = mean.forward(&wide)?;
        Ok(Some((mean, deviations)))
    }

    /// The step follows from the error.
    fn bound<T: Element>(&self, present: &[T]) -> Result<ErrorBound> {
        Ok(match self.target {
            Target::Sqnr(decibels) => {
                // Beyond 6,000 dB there is nothing.
                let part = exp(-decibels.clamp(-6000.0, 6000.0) / 20.0 * LN_10);
                ErrorBound::rmse((sizes(present)?.rms * part).min(f64::MAX))
            }
            Target::Psnr(decibels) => ErrorBound::psnr_db(decibels.clamp(-1000.0, 1000.0)),
            Target::Rms(most) => ErrorBound::rmse(most),
            Target::MaxErrorOfRange(most) => ErrorBound::max_error_of_range(most),
            // Twice the value is all that there is to lose, and signs are kept.
            Target::PointwiseRelative(most) => ErrorBound::max_relative_error(most.min(1.0 - f64::EPSILON)),
            Target::MaxError(most) => ErrorBound::max_abs_error(most),
            Target::BitsPerValue(_) | Target::Bytes(_) | Target::Lossless => ErrorBound::max_abs_error(0.0),
        })
    }

    /// The finest step whose frame is small enough.
    fn rate<T: Element>(&self, data: &Data<'_, T>) -> Result<Compressed> {
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
    fn frame<T: Element>(&self, data: &Data<'_, T>, bound: &ErrorBound) -> Result<Compressed> {
        match &data.mean {
            None => self.coded::<T, Steps>(data, bound.fit(data.present)?),
            Some((mean, deviations)) => self.coded(data, Then::new(mean.clone(), bound.fit(deviations)?)),
        }
    }

    fn coded<T: Element, Q>(&self, data: &Data<'_, T>, quantizer: Q) -> Result<Compressed>
    where
        Q: Quantizer<Code = u32> + 'static,
    {
        let codes = quantizer.quantize(data.finite)?;
        // Chunks of masked values may have other codes.
        let plain: RansCodec<u32> = Rans::new().fit_below(&codes, quantizer.level_count())?;
        let mut best = (stretch_len(&codes, &plain)?, None);
        for (method, map) in self.predictors(&quantizer)? {
            let codec = Then::new(map, Rans::new()).fit(&codes)?;
            let bytes = stretch_len(&codes, &codec)?;
            if bytes < best.0 {
                best = (bytes, Some((method, codec)));
            }
        }
        match best.1 {
            None => self.finish(data.values, Coded::new(quantizer, plain), "equal steps, entropy coded"),
            Some((method, codec)) => self.finish(data.values, Coded::new(quantizer, codec), method),
        }
    }

    fn predictors<Q: Quantizer<Code = u32>>(&self, quantizer: &Q) -> Result<Vec<(&'static str, Difference<u32>)>> {
        let line = Difference::of(quantizer)?;
        let mut predictors = vec![
            ("equal steps, differences, entropy coded", line.clone()),
            ("equal steps, differences of differences, entropy coded", line.clone().order(2)?),
        ];
        let axes: Vec<usize> = (0..self.shape.len()).filter(|&axis| self.shape[axis] > 1).collect();
        if axes.len() > 1 && !self.shape.contains(&0) {
            // The nearest axes, as many as can be.
            let near = axes.iter().rev().take(4);
            let field = near.into_iter().try_fold(line, |map, &axis| map.along(&self.shape, axis))?;
            let again = field.clone().order(2)?;
            predictors.push(("equal steps, differences along all axes, entropy coded", field));
            predictors.push(("equal steps, differences of differences along all axes, entropy coded", again));
        }
        Ok(predictors)
    }

    /// A frame of a pipeline, measured.
    fn finish<T: Element, P: Pipeline + 'static>(
        &self,
        values: &[T],
        pipeline: P,
        method: &'static str,
    ) -> Result<Compressed> {
        // Lossless bytes hold what a mask would.
        let pipeline: Box<dyn Pipeline> = if self.policy.masks() && method != "lossless" {
            Box::new(Masked::new(self.policy, pipeline))
        } else {
            Box::new(pipeline)
        };
        let bytes = Frame::encode(&pipeline, values)?;
        // As a receiver decodes it.
        let restored: Vec<T> = Frame::parse(&bytes)?.decode_within(Limits::none())?;
        let exact = T::as_bytes(values) == T::as_bytes(&restored);
        let stats = if self.policy.masks() {
            // What is masked comes back and counts for nothing.
            let mut pairs = (Vec::new(), Vec::new());
            self.policy.narrowed::<T>().for_each(0, values, |i, _, fate| {
                if fate == Fate::Pass {
                    pairs.0.push(values[i]);
                    pairs.1.push(restored[i]);
                }
            })?;
            ErrorStats::measure(&pairs.0, &pairs.1)?
        } else {
            ErrorStats::measure(values, &restored)?
        };
        let meets_target = self.target.is_met(bytes.len(), values.len(), &stats, exact);
        let cost = Cost { bytes: bytes.len(), values: values.len(), stats, meets_target };
        Ok(Compressed { bytes, report: Report { cost, method } })
    }
}

/// What is compressed, in the forms that are needed.
struct Data<'a, T> {
    values: &'a [T],
    /// Those that are not masked.
    present: &'a [T],
    /// With others in place of those that are.
    finite: &'a [T],
    mean: Option<(StandardizeTransform, Vec<f32>)>,
}

/// How large values are.
struct Sizes {
    rms: f64,
    range: f64,
    largest: f64,
}

fn sizes<T: Element>(values: &[T]) -> Result<Sizes> {
    let stats = ErrorStats::measure(values, &vec![T::default(); values.len()])?;
    Ok(Sizes { rms: stats.rmse(), range: stats.range(), largest: stats.max_abs_error() })
}

/// Bytes of a stretch of codes from the middle.
fn stretch_len<K: Codec<Code = u32>>(codes: &[u32], codec: &K) -> Result<usize> {
    const STRETCH: usize = 1 << 17;
    let len = codes.len().min(STRETCH);
    let start = (codes.len() - len) / 2;
    let mut bytes = vec![0; codec.max_encoded_len(len)];
    codec.encode_at(start, &codes[start..start + len], &mut bytes)
}
