//! One call from values to bytes: what is asked for, and what was measured.

use super::{
    effort::Effort,
    report::{Report, RunnerUp},
    search::{Data, in_range},
};
use crate::{
    candidates::Cost,
    dtype::DType,
    element::{Element, check_finite, for_each_piece},
    error::{Error, Result, same_length},
    frame::{Frame, FrameWriter, Limits},
    groups::Groups,
    kernel::exp::{exp, ln},
    metrics::ErrorStats,
    non_finite::{Fate, NonFinite},
    pipeline::{Masked, Pipeline, saturated, seen},
    target::Target,
    transform::StandardizeTransform,
};
use alloc::{borrow::Cow, vec::Vec};
use core::{f64::consts::LN_2, num::NonZeroUsize};
use half::bf16;

/// A frame that describes itself, and what was measured on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Compressed {
    bytes: Vec<u8>,
    pub(super) report: Report,
    /// Every bit came back.
    pub(super) exact: bool,
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

    /// With what came second, unless another came nearer.
    pub(super) fn beating(mut self, other: Option<RunnerUp>) -> Self {
        let before = self.report.runner_up.take();
        self.report.runner_up = before.into_iter().chain(other).min_by(|a, b| a.more_bits.total_cmp(&b.more_bits));
        self
    }

    /// This one was chosen after both were measured: half the error is worth half a bit.
    pub(super) fn after(self, other: Self) -> Self {
        let [a, b] = [&other.report.cost, &self.report.cost];
        let more = match (a.stats.mse(), b.stats.mse()) {
            (error, same) if error == same => Some(0.0),
            (error, less) if error > 0.0 && less > 0.0 => Some(0.5 * ln(error / less) / LN_2),
            // No number of bits is worth that.
            _ => None,
        };
        let second =
            more.map(|octaves| RunnerUp::new(other.report.method, a.bits_per_value() - b.bits_per_value() + octaves));
        self.beating(second)
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
/// **A size, or a mean error** (`BitsPerValue`, `Bytes`, `Sqnr`, `Psnr`, `Rms`). All values get one step, whose levels are
/// chosen together, against bits, by a [`Trellis`](crate::Trellis); an entropy coder with tables for rows, columns or other
/// groups of the [shape](Self::shape) ([`ContextRans`](crate::ContextRans)) takes the codes. Where that is estimated to pay, and
/// measured on a sample, a mean is taken away or a cosine transform stands in front. The step is sought on frames: sizes end
/// up to 1 % below what is asked for, errors 0.05 dB. On 2^18 Gaussian values frames of 1.4 to 6.5 bits are within 0.09 bit
/// of the Shannon bound, and within 0.05 with [`Effort::Best`] (`cargo test --test trellis`).
///
/// **A bound on every value** (`MaxError`, `MaxErrorOfRange`, `PointwiseRelative`). The bound gives the step
/// ([`ErrorBound`](crate::ErrorBound)); codes are entropy coded, as they are, as differences of neighbours along one axis or all
/// of them, or with tables for rows and columns, whichever is smallest.
///
/// **Lossless**, and wherever the lossless frame is no larger than what is asked for: bytes of equal significance
/// ([`Lossless`](crate::Lossless)), a table of the values if there are few, or f16 and bf16 with tables for rows and columns.
///
/// Frames are cut into chunks of 2^18 values, which decode alone. Memory beside input and output: 20 to 60 bytes a value.
/// `docs/performance.md` has speeds: tens of millions of values a second where there are many, and tens of times as many are
/// restored. A size that cannot be reached is an error ([`Error::OutOfReach`]) that says what can. Errors are always within the target, sizes
/// at or below it; what a policy masks comes back, and counts for no error. Few bytes may stand for many values: beyond 64 MiB of
/// values decode with [`decompress_within`](crate::decompress_within).
///
/// ```
/// use fewbits::{Compressor, Effort, Target};
///
/// let weights: Vec<f32> = (0..200 * 300).map(|i| (i as f32 * 0.7).sin().powi(3) * (1 + i / 300 % 4) as f32).collect();
/// let compressor = Compressor::new(Target::Sqnr(30.0)).shape(&[200, 300]).effort(Effort::Best);
/// let compressed = compressor.compress(&weights)?;
/// assert!((30.0..30.05).contains(&compressed.report().cost.stats.sqnr_db()));
/// let report = compressed.report();
/// println!("{}, {:?}", report.method, report.runner_up); // what was chosen, and what it beat
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Compressor {
    pub(super) target: Target,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) effort: Effort,
    #[cfg_attr(feature = "serde", serde(default = "NonFinite::refuse"))]
    pub(super) policy: NonFinite,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) shape: Vec<usize>,
    /// The axis that has them, and how much errors of each index weigh.
    #[cfg_attr(feature = "serde", serde(default))]
    weights: Option<(usize, Vec<f32>)>,
    #[cfg_attr(feature = "serde", serde(default))]
    chunk_len: Option<NonZeroUsize>,
}

/// Values of a chunk.
const CHUNK: usize = 1 << 18;

impl Compressor {
    /// For a target. NaN and infinities are refused.
    pub const fn new(target: Target) -> Self {
        Self {
            target,
            effort: Effort::Default,
            policy: NonFinite::refuse(),
            shape: Vec::new(),
            weights: None,
            chunk_len: None,
        }
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

    /// A value that stands for missing ones, which come back bit for bit and count for no error: short for
    /// [`non_finite`](Self::non_finite) with a policy that has one.
    #[must_use]
    pub const fn missing(mut self, value: f32) -> Self {
        self.policy = self.policy.missing(value);
        self
    }

    /// How much squared errors weigh for each index along `axis` of the [shape](Self::shape): positive numbers, such as the mean
    /// square of the inputs that meet a column of weights. Steps follow them, and so errors are smaller where they weigh more.
    /// Targets and reports are about errors as they are; targets that bound single values take no notice.
    ///
    /// ```
    /// use fewbits::{Compressor, Target};
    ///
    /// let weights: Vec<f32> = (0..64 * 100).map(|i| (i as f32 * 0.7).sin()).collect();
    /// let importance: Vec<f32> = (0..100).map(|column| if column < 10 { 100.0 } else { 1.0 }).collect();
    /// let compressor = Compressor::new(Target::BitsPerValue(5.0)).shape(&[64, 100]).weights(1, &importance);
    /// let restored: Vec<f32> = fewbits::decompress(compressor.compress(&weights)?.as_bytes())?;
    /// let error = |column: usize| (0..64).map(|row| (weights[row * 100 + column] - restored[row * 100 + column]).powi(2)).sum::<f32>();
    /// assert!(error(5) * 20.0 < error(50));
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    #[must_use]
    pub fn weights(mut self, axis: usize, weights: &[f32]) -> Self {
        self.weights = Some((axis, weights.to_vec()));
        self
    }

    /// Chunks of about so many values decode alone, instead of 2^18. Each costs about 10 bytes, and up to 128 for the
    /// states of an entropy coder.
    #[must_use]
    pub const fn chunk_len(mut self, values: usize) -> Self {
        self.chunk_len = NonZeroUsize::new(values);
        self
    }

    /// Lengths of the shape's axes, but for those that are no more than 1.
    pub(super) fn axes(&self) -> Vec<usize> {
        self.shape.iter().copied().filter(|&n| n > 1).collect()
    }

    pub(super) fn chunk(&self) -> usize {
        self.chunk_len.map_or(CHUNK, NonZeroUsize::get)
    }

    /// The transform after which errors weigh alike, if they don't.
    pub(super) fn weighting(&self) -> Result<Option<StandardizeTransform>> {
        let Some((axis, weights)) = &self.weights else { return Ok(None) };
        let groups = Groups::axis(&self.shape, *axis)?;
        same_length("weights", groups.count(), weights.len())?;
        let wrong = |&(_, &weight): &(usize, &f32)| !(weight > 1e-30 && weight < 1e30);
        if let Some((index, &weight)) = weights.iter().enumerate().find(wrong) {
            let allowed = "numbers from 1e-30 to 1e30";
            return Err(Error::Parameter { what: "weights", index, value: weight.into(), allowed });
        }
        // Two bytes each are close enough.
        let scale = |&weight: &f32| bf16::from_f64(exp(-0.5 * ln(weight.into()))).to_f32();
        let scales = weights.iter().map(scale).collect();
        Ok(Some(StandardizeTransform::stored(groups, DType::Bf16, Vec::new(), scales)?))
    }

    /// How much time it may take.
    #[must_use]
    pub const fn effort(mut self, effort: Effort) -> Self {
        self.effort = effort;
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
        check_shape(&self.shape, values.len())?;
        // What is saturated is so before anything is measured.
        let values = if self.policy.is_strict() {
            for_each_piece(values, |start, values| check_finite(values, start))?;
            Cow::Borrowed(values)
        } else {
            Cow::Owned(saturated(self.policy, values)?)
        };
        let present = self.policy.present(&values)?;
        // Nothing to lose, or a size that takes all.
        let most = match self.target {
            Target::BitsPerValue(bits) => (bits * values.len() as f64 / 8.0) as usize,
            Target::Bytes(bytes) => bytes,
            _ => 0,
        };
        let whole = present.is_empty() || self.target == Target::Lossless;
        if whole || self.target.is_rate() {
            let exact = self.exact(&values, &present, if whole { usize::MAX } else { most })?;
            if let Some(exact) = exact.filter(|exact| whole || exact.report.cost.meets_target) {
                return self.checked(exact);
            }
        }
        let finite = if self.policy.masks() { Cow::Owned(seen(self.policy, &values, 1)?) } else { values.clone() };
        if self.effort == Effort::Fast
            && let Some(found) = in_range(self.fixed(&values, &finite))?.flatten()
        {
            return self.checked(found);
        }
        let weighed = in_range(self.weighed(&values, &present, &finite))?.flatten();
        // Where hardly anything is left, or sizes and errors jump, predictions may be better.
        let enough = weighed.as_ref().is_some_and(|(found, close)| *close && found.report.cost.bits_per_value() > 1.0);
        let weighed = weighed.map(|(found, _)| found);
        let data = || -> Result<_> {
            Ok(Data { values: &values, present: &present, finite: &finite, mean: self.mean(&present)? })
        };
        if self.target.is_rate() {
            return self.checked(match weighed {
                Some(found) if enough || self.weights.is_some() => found,
                Some(found) => {
                    let other = self.rate(&data()?)?;
                    let mse = |found: &Compressed| found.report.cost.stats.mse();
                    let better = other.report.cost.meets_target && mse(&other) < mse(&found);
                    if better { other } else { found }
                }
                None => self.rate(&data()?)?,
            });
        }
        let smaller = |best: Option<Compressed>, found: Compressed| {
            let size = |best: &Compressed| best.bytes.len();
            let better = found.report.cost.meets_target && best.as_ref().is_none_or(|best| size(&found) < size(best));
            if better { Some(found) } else { best }
        };
        let mut best = weighed.into_iter().fold(None, smaller);
        if !enough || best.is_none() {
            let (bound, mut data) = (self.bound(&present)?, data()?);
            let mut found = self.frame(&data, &bound)?;
            if !found.report.cost.meets_target && data.mean.is_some() {
                // Adding the mean may round a hair too much.
                data.mean = None;
                found = self.frame(&data, &bound)?;
            }
            best = smaller(best, found);
        }
        // The lossless frame keeps to any error.
        let most = best.as_ref().map_or(usize::MAX, |best| best.bytes.len());
        let best = self.exact(&values, &present, most)?.into_iter().fold(best, smaller);
        best.map_or_else(|| Err(Error::Empty), |best| self.checked(best))
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

    /// A frame of a pipeline for the values that no mask keeps out.
    pub(super) fn masked<T: Element, P: Pipeline>(
        &self,
        values: &[T],
        pipeline: P,
        method: &str,
    ) -> Result<Compressed> {
        if self.policy.masks() {
            return self.finish(values, &Masked::new(self.policy, pipeline), method);
        }
        self.finish(values, &pipeline, method)
    }

    /// A frame of a pipeline, measured.
    pub(super) fn finish<T: Element, P: Pipeline>(
        &self,
        values: &[T],
        pipeline: &P,
        method: &str,
    ) -> Result<Compressed> {
        let bytes = FrameWriter::new(pipeline).chunk_len(self.chunk()).encode(values)?;
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
        Ok(Compressed { bytes, report: Report { cost, method: method.into(), runner_up: None }, exact })
    }
}

/// A shape, if there is one, has so many values.
pub(super) fn check_shape(shape: &[usize], values: usize) -> Result<()> {
    if shape.is_empty() {
        return Ok(());
    }
    let product = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
    let product = if shape.contains(&0) { 0 } else { product.unwrap_or(usize::MAX) };
    same_length("values", product, values)
}
