//! Statistics of restored values against the original.

use super::moments::Moments;
use crate::{
    element::Element,
    error::{Result, same_length},
    kernel::pairs::{self, Errors, error},
};
use num_traits::Float;

/// Values that are summed in lanes of their own before the sums are added up.
pub(super) const BLOCK: usize = 1024;

/// Statistics of restored values against the original, gathered in one pass and mergeable.
///
/// With `x` an original value, `y` its restored value and `d = y - x`, all sums are f64 over the `n` pairs in which
/// both are finite; other pairs are counted and left out. The order of additions is fixed: of every 1024 pairs, finite
/// pair `i` goes to lane `i % 8`; lanes are added pairwise, and these blocks in order. Moments are summed about zero, or
/// about the first pair of a block whose values, original or restored, deviate too little from their mean for that: by
/// less than 1/256 of the root mean square. So the same slices give the same bits on any machine, whatever their element.
/// [`merge`](Self::merge) adds up parts, with the rounding of one more addition.
///
/// Nothing here fails on degenerate data. A figure that has no value, such as any figure of no pairs, is NaN; ratios to
/// an error of zero are infinite.
///
/// Cost: two slices read, about 30 operations per value; nothing is allocated.
///
/// ```
/// use fewbits::ErrorStats;
///
/// let stats = ErrorStats::measure(&[1.0_f32, -2.0, 3.0, 0.0], &[1.5_f32, -2.0, 3.0, 0.0])?;
/// assert_eq!(stats.mse(), 0.0625);
/// assert_eq!(stats.max_abs_error(), 0.5);
/// assert_eq!(stats.max_abs_index(), Some(0));
/// assert_eq!(stats.sqnr_db(), 10.0 * (14.0_f64 / 0.25).log10());
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "raw::ErrorStats", into = "raw::ErrorStats"))]
pub struct ErrorStats {
    len: u64,
    non_finite: u64,
    non_finite_changed: u64,
    /// Zeros of the original that were not restored as zeros.
    zeros_changed: u64,
    /// Sums of d, |d| and d².
    sums: [f64; 3],
    moments: Moments,
    /// Extremes of the original.
    low: f64,
    high: f64,
    max_abs: f64,
    max_abs_index: u64,
    max_relative: f64,
}

impl Default for ErrorStats {
    /// Statistics of no values, the start of a merge.
    fn default() -> Self {
        Self {
            len: 0,
            non_finite: 0,
            non_finite_changed: 0,
            zeros_changed: 0,
            sums: [0.0; 3],
            moments: Moments::default(),
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            max_abs: 0.0,
            max_abs_index: u64::MAX,
            max_relative: 0.0,
        }
    }
}

impl ErrorStats {
    /// Compares two slices of the same length; their elements may differ.
    pub fn measure<T: Element, U: Element>(original: &[T], restored: &[U]) -> Result<Self> {
        same_length("restored", original.len(), restored.len())?;
        let mut stats = Self::default();
        let (mut x, mut y) = ([0.0; BLOCK], [0.0; BLOCK]);
        for (original, restored) in original.chunks(BLOCK).zip(restored.chunks(BLOCK)) {
            stats.add_block(widen(original, &mut x)?, widen(restored, &mut y)?);
        }
        Ok(stats)
    }

    /// At most [`BLOCK`] pairs.
    fn add_block(&mut self, x: &[f32], y: &[f32]) {
        let errors = pairs::errors(x, y, self.max_relative);
        // Sums of f32 in f64 are finite if all terms are.
        if errors.sums[0].is_finite() {
            *self = self.merge(&self.next_finite(x, y, errors));
            return;
        }
        let (mut kept_x, mut kept_y, mut places) = ([0.0; BLOCK], [0.0; BLOCK], [0; BLOCK]);
        let (count, mut kept, mut changed) = (x.len(), 0, 0);
        for (place, (&x, &y)) in x.iter().zip(y).enumerate() {
            if x.is_finite() && y.is_finite() {
                (kept_x[kept], kept_y[kept], places[kept]) = (x, y, place as u64);
                kept += 1;
            } else {
                changed += u64::from(x != y && !(x.is_nan() && y.is_nan()));
            }
        }
        let (x, y) = (&kept_x[..kept], &kept_y[..kept]);
        let mut block = self.next_finite(x, y, pairs::errors(x, y, self.max_relative));
        block.non_finite = (count - kept) as u64;
        block.non_finite_changed = changed;
        if let Some(&place) = places.get(block.max_abs_index as usize) {
            block.max_abs_index = place;
        }
        *self = self.merge(&block);
    }

    /// Statistics of at most [`BLOCK`] pairs, all finite, that follow these. The position of the largest error and the
    /// largest quotient, which takes divisions, are looked for only if they are larger than those before.
    fn next_finite(&self, x: &[f32], y: &[f32], errors: Errors) -> Self {
        let mut block = Self { len: x.len() as u64, ..Self::default() };
        if x.is_empty() {
            return block;
        }
        (block.sums, block.max_abs, block.zeros_changed) = (errors.sums, errors.largest, errors.zeros_changed);
        // Plus zero, which makes all zeros the same.
        (block.low, block.high) = (f64::from(errors.low) + 0.0, f64::from(errors.high) + 0.0);
        block.moments = Moments::of(x, y, &errors);
        if errors.may_exceed {
            block.max_relative = pairs::largest_ratio(x, y);
        }
        if self.len == 0 || block.max_abs > self.max_abs {
            let is_largest = |(&x, &y): (&f32, &f32)| error(x, y).abs() == block.max_abs;
            block.max_abs_index = x.iter().zip(y).position(is_largest).unwrap_or(0) as u64;
        }
        block
    }

    /// Appends the statistics of values that follow these.
    #[must_use]
    pub fn merge(mut self, next: &Self) -> Self {
        if next.len > 0 && (next.max_abs > self.max_abs || self.len == 0) {
            let before = self.len.saturating_add(self.non_finite);
            (self.max_abs, self.max_abs_index) = (next.max_abs, before.saturating_add(next.max_abs_index));
        }
        // Counts that were deserialized are whatever somebody wrote.
        self.len = self.len.saturating_add(next.len);
        self.non_finite = self.non_finite.saturating_add(next.non_finite);
        self.non_finite_changed = self.non_finite_changed.saturating_add(next.non_finite_changed);
        self.zeros_changed = self.zeros_changed.saturating_add(next.zeros_changed);
        self.sums.iter_mut().zip(next.sums).for_each(|(sum, next)| *sum += next);
        self.moments = self.moments.merge(next.moments);
        (self.low, self.high) = (self.low.min(next.low), self.high.max(next.high));
        self.max_relative = self.max_relative.max(next.max_relative);
        self
    }

    /// Pairs of finite values, which is what the figures are about.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no such pairs.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Pairs left out because a value is NaN or infinite.
    pub fn non_finite(&self) -> u64 {
        self.non_finite
    }

    /// Those of them that were not restored: neither the same infinity nor both NaN.
    pub fn non_finite_changed(&self) -> u64 {
        self.non_finite_changed
    }

    fn if_any(&self, figure: f64) -> f64 {
        if self.len == 0 { f64::NAN } else { figure }
    }

    /// Mean of one of the sums.
    fn mean(&self, sum: f64) -> f64 {
        self.if_any(sum / self.len as f64)
    }

    /// Mean error: `Σd / n`, above zero if restored values are too large. As in Z-checker.
    pub fn bias(&self) -> f64 {
        self.mean(self.sums[0])
    }

    /// Mean absolute error: `Σ|d| / n`. As in Z-checker and scikit-learn.
    pub fn mae(&self) -> f64 {
        self.mean(self.sums[1])
    }

    /// Mean squared error: `Σd² / n`. As in zfp, SZ3 and numpy.
    pub fn mse(&self) -> f64 {
        self.mean(self.sums[2])
    }

    /// Root mean squared error: `√(Σd² / n)`. ggml's `array_rmse` is `√(Σd²) / n` instead.
    pub fn rmse(&self) -> f64 {
        Float::sqrt(self.mse())
    }

    /// Root mean squared error over the range of the original: `√(Σd² / n) / (max x - min x)`, as in SZ3 and Z-checker;
    /// others divide by the mean or the standard deviation. Without a range infinite, or 0 without error.
    pub fn nrmse(&self) -> f64 {
        ratio(self.rmse(), self.range())
    }

    /// Largest absolute error: `max |d|`. The same everywhere.
    pub fn max_abs_error(&self) -> f64 {
        self.if_any(self.max_abs)
    }

    /// Position of the first value with the largest absolute error; none if there are no finite pairs.
    pub fn max_abs_index(&self) -> Option<u64> {
        (self.len > 0).then_some(self.max_abs_index)
    }

    /// Largest error over the range of the original: `max |d| / (max x - min x)`, which SZ3, Z-checker and libpressio
    /// call the relative error. Without a range infinite, or 0 without error.
    pub fn max_error_of_range(&self) -> f64 {
        ratio(self.max_abs_error(), self.range())
    }

    /// Largest point-wise relative error: `max |d| / |x|` over the x that are not zero, as in SZ3 and Z-checker; 0 if
    /// all are zero. See [`zeros_changed`](Self::zeros_changed) for the others.
    pub fn max_relative_error(&self) -> f64 {
        self.if_any(self.max_relative)
    }

    /// Zeros of the original that were not restored as zeros, of either sign.
    pub fn zeros_changed(&self) -> u64 {
        self.zeros_changed
    }

    /// Range of the original values: `max x - min x`.
    pub fn range(&self) -> f64 {
        self.if_any(self.high - self.low)
    }

    /// Signal-to-quantization-noise ratio in dB: `10 log₁₀(Σx² / Σd²)`, by energy as in ONNX Runtime and torchao.
    /// Infinite without error, `-inf` if only x is zero throughout.
    pub fn sqnr_db(&self) -> f64 {
        self.if_any(decibels(self.moments.about_zero()[0], self.sums[2]))
    }

    /// Signal-to-noise ratio in dB: `10 log₁₀(var x / mse)` with the variance `Σ(x - mean x)² / n`, as in Z-checker.
    /// [`sqnr_db`](Self::sqnr_db) counts the mean of x as signal too. Infinite without error, `-inf` if x is constant.
    pub fn snr_db(&self) -> f64 {
        self.if_any(decibels(self.moments.xx, self.sums[2]))
    }

    /// Peak signal-to-noise ratio in dB: `20 log₁₀(range) - 10 log₁₀(Σd² / n)` with the range of the original, as in
    /// SZ3, Z-checker and libpressio. zfp's tool halves the range, which is 6.02 dB less; image tools put 255 for it.
    /// Infinite without error, `-inf` if x is constant.
    pub fn psnr_db(&self) -> f64 {
        self.if_any(decibels(self.range() * self.range(), self.mse()))
    }

    /// Cosine similarity: `Σxy / √(Σx² Σy²)`, as everywhere; 1 if both are zero throughout, 0 if one is (scikit-learn
    /// has 0 for both).
    pub fn cosine(&self) -> f64 {
        let [xx, yy, xy] = self.moments.about_zero();
        self.if_any(correlation(xx, yy, xy))
    }

    /// Pearson correlation: `Σ(x - mean x)(y - mean y) / √(Σ(x - mean x)² Σ(y - mean y)²)`; 1 if both are constant, 0
    /// if one is (Z-checker has 0 for both).
    pub fn pearson(&self) -> f64 {
        let Moments { xx, yy, xy, .. } = self.moments;
        self.if_any(correlation(xx, yy, xy))
    }
}

/// A block of f32, borrowed where the values are f32 already.
pub(super) fn widen<'a, T: Element>(values: &'a [T], buffer: &'a mut [f32; BLOCK]) -> Result<&'a [f32]> {
    if let Some(values) = T::as_f32(values) {
        return Ok(values);
    }
    let wide = &mut buffer[..values.len()];
    T::widen_into(values, wide)?;
    Ok(wide)
}

/// `xy / √(xx yy)`.
fn correlation(xx: f64, yy: f64, xy: f64) -> f64 {
    if xx == 0.0 && yy == 0.0 {
        1.0
    } else if xx == 0.0 || yy == 0.0 {
        0.0
    } else {
        // Sums of squares of f32 are far from the ends of f64, and so is their product. Rounding must not lead beyond
        // 1.
        (xy / Float::sqrt(xx * yy)).clamp(-1.0, 1.0)
    }
}

/// An error over a range, which may be zero.
fn ratio(error: f64, range: f64) -> f64 {
    if error == 0.0 { 0.0 } else { error / range }
}

fn decibels(signal: f64, noise: f64) -> f64 {
    if noise == 0.0 { f64::INFINITY } else { 10.0 * Float::log10(signal / noise) }
}

/// What serde sees.
#[cfg(feature = "serde")]
mod raw {
    use super::Moments;
    use crate::error::{Error, Result};

    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct ErrorStats {
        len: u64,
        non_finite: u64,
        non_finite_changed: u64,
        zeros_changed: u64,
        sums: [f64; 3],
        moments: Moments,
        /// None without values: text formats have no infinities.
        range: Option<[f64; 2]>,
        max_abs: f64,
        max_abs_index: u64,
        max_relative: f64,
    }

    impl From<super::ErrorStats> for ErrorStats {
        fn from(stats: super::ErrorStats) -> Self {
            let super::ErrorStats { len, non_finite, non_finite_changed, zeros_changed, sums, moments, .. } = stats;
            let super::ErrorStats { low, high, max_abs, max_abs_index, max_relative, .. } = stats;
            let range = (len > 0).then_some([low, high]);
            Self {
                len,
                non_finite,
                non_finite_changed,
                zeros_changed,
                sums,
                moments,
                range,
                max_abs,
                max_abs_index,
                max_relative,
            }
        }
    }

    impl TryFrom<ErrorStats> for super::ErrorStats {
        type Error = Error;

        fn try_from(raw: ErrorStats) -> Result<Self> {
            let none = Self::default();
            let ErrorStats { len, non_finite, non_finite_changed, zeros_changed, sums, moments, .. } = raw;
            let ErrorStats { range, max_abs, max_abs_index, max_relative, .. } = raw;
            if (len > 0) != range.is_some() {
                let remedy = "statistics of some values have one, those of none have not";
                return Err(Error::Unsuited { setting: "range", remedy });
            }
            let [low, high] = range.unwrap_or([none.low, none.high]);
            Ok(Self {
                len,
                non_finite,
                non_finite_changed,
                zeros_changed,
                sums,
                moments,
                low,
                high,
                max_abs,
                max_abs_index,
                max_relative,
            })
        }
    }
}
