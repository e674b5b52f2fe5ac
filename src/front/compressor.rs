//! One call from values to bytes: what is asked for decides how.

use crate::{
    candidates::{Cost, measure},
    codec::{Codec, Difference, Rans, RansCodec},
    element::{Element, check_finite, for_each_piece},
    error::{Error, Result, same_length},
    fit::Fit,
    kernel::exp::{exp, ln},
    metrics::{ErrorStats, bits_per_value},
    non_finite::NonFinite,
    pipeline::{Coded, Lossless, Masked, Pipeline, seen},
    quantizer::{BoundedQuantizer, ErrorBound, Quantizer, QuantizerExt},
    target::Target,
    then::Then,
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
/// Values get equal steps, one width for all; codes are differences of neighbours where that is smaller, and entropy
/// coded. A target that is an error decides the step; for one that is a size, the finest step is sought that is small
/// enough: 3 to 30 rounds of encoding, mostly below 10. Where the lossless frame is no larger, or small enough, it is taken. Frames are cut
/// into chunks of 2^18 values, which decode alone.
///
/// Memory beside input and output: about 16 bytes a value. A size that cannot be reached is an error
/// ([`Error::OutOfReach`]) that says what can. Errors are always within the target, sizes at or below it.
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
            same_length("values", product.unwrap_or(usize::MAX), values.len())?;
        }
        let finite = if self.policy.is_strict() {
            for_each_piece(values, |start, values| check_finite(values, start))?;
            Cow::Borrowed(values)
        } else {
            Cow::Owned(seen(self.policy, values, 1)?)
        };
        // What is saturated is so before anything is measured; what is masked comes back.
        let values = if self.policy.masks() { values } else { &finite };
        let exact = self.finish(values, Lossless.fit(values)?, "lossless")?;
        // Nothing to lose, or a size that takes all.
        let whole = values.is_empty() || self.target == Target::Lossless;
        if whole || (self.target.is_rate() && exact.report.cost.meets_target) {
            return self.checked(exact);
        }
        if self.target.is_rate() {
            return self.checked(self.rate(values, &finite)?);
        }
        let found = self.distortion(values, &finite)?;
        self.checked(if exact.bytes.len() <= found.bytes.len() { exact } else { found })
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

    /// The step follows from the error.
    fn distortion<T: Element>(&self, values: &[T], finite: &[T]) -> Result<Compressed> {
        let bound = match self.target {
            Target::Sqnr(decibels) => {
                // Beyond 6,000 dB there is nothing.
                let part = exp(-decibels.clamp(-6000.0, 6000.0) / 20.0 * LN_10);
                ErrorBound::rmse((size_of_values(finite)?.0 * part).min(f64::MAX))
            }
            Target::Psnr(decibels) => ErrorBound::psnr_db(decibels),
            Target::Rms(most) => ErrorBound::rmse(most),
            Target::MaxErrorOfRange(most) => ErrorBound::max_error_of_range(most),
            Target::PointwiseRelative(most) => ErrorBound::max_relative_error(most),
            Target::MaxError(most) => ErrorBound::max_abs_error(most),
            Target::BitsPerValue(_) | Target::Bytes(_) | Target::Lossless => ErrorBound::max_abs_error(0.0),
        };
        self.frame(values, finite, &bound)
    }

    /// The finest step whose frame is small enough.
    fn rate<T: Element>(&self, values: &[T], finite: &[T]) -> Result<Compressed> {
        const ROUNDS: usize = 30;
        let wanted = match self.target {
            Target::Bytes(most) => bits_per_value(most, values.len()),
            Target::BitsPerValue(bits) => bits,
            _ => return Err(Error::Unsuited { setting: "target", remedy: "pass a size" }),
        };
        let (rms, range) = size_of_values(finite)?;
        // Bounds as logarithms: from finer than needed to one level.
        let log2 = |x: f64| ln(x.max(f64::MIN_POSITIVE)) / LN_2;
        let within = |log: f64| ErrorBound::max_abs_error(exp(log.clamp(-1000.0, 1000.0) * LN_2));
        let one_level = log2(range) + 1.0;
        let (mut fine, mut coarse) = (one_level - 40.0, one_level);
        let mut best = self.frame(values, finite, &within(coarse))?;
        if !best.report.cost.meets_target {
            return Ok(best);
        }
        // Of Gaussian values, by the entropy of equal steps.
        let mut at = log2(rms) + 1.05 - wanted;
        for round in 0..ROUNDS {
            // Every third time, and where the rule of thumb below leads out of what is known, halfway.
            let inside = fine < at && at < coarse && round % 3 < 2;
            at = if inside { at } else { 0.5 * (fine + coarse) };
            let found = self.frame(values, finite, &within(at))?;
            let bits = found.report.cost.bits_per_value();
            if found.report.cost.meets_target {
                (coarse, best) = (at, found);
                if bits > 0.994 * wanted {
                    break;
                }
            } else {
                fine = at;
            }
            // A bit more for half the step, and a hair below what is wanted.
            at += bits - 0.998 * wanted;
        }
        Ok(best)
    }

    /// A frame of equal steps, predicted where that is smaller.
    fn frame<T: Element>(&self, values: &[T], finite: &[T], bound: &ErrorBound) -> Result<Compressed> {
        let quantizer: Steps = bound.fit(finite)?;
        let codes = quantizer.quantize(finite)?;
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
            None => self.finish(values, Coded::new(quantizer, plain), "equal steps, entropy coded"),
            Some((method, codec)) => self.finish(values, Coded::new(quantizer, codec), method),
        }
    }

    fn predictors(&self, quantizer: &Steps) -> Result<Vec<(&'static str, Difference<u32>)>> {
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
        let (bytes, cost) = measure(&pipeline, values, self.target)?;
        Ok(Compressed { bytes, report: Report { cost, method } })
    }
}

/// The root mean square and the range of values.
fn size_of_values<T: Element>(finite: &[T]) -> Result<(f64, f64)> {
    let stats = ErrorStats::measure(finite, &vec![T::default(); finite.len()])?;
    Ok((stats.rmse(), stats.range()))
}

/// Bytes of a stretch of codes from the middle.
fn stretch_len<K: Codec<Code = u32>>(codes: &[u32], codec: &K) -> Result<usize> {
    const STRETCH: usize = 1 << 17;
    let len = codes.len().min(STRETCH);
    let start = (codes.len() - len) / 2;
    let mut bytes = vec![0; codec.max_encoded_len(len)];
    codec.encode_at(start, &codes[start..start + len], &mut bytes)
}
