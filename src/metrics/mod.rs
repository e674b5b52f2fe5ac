//! What a lossy step cost: errors, ratios and bits, measured on what decodes.

mod sums;

use crate::{
    element::{Element, check_finite},
    error::{Result, same_length},
    kernel::extrema,
};
use num_traits::Float;
use sums::Sums;

/// Values that are summed in lanes of their own before the sums are added up.
const BLOCK: usize = 1024;

/// Statistics of restored values against the original, gathered in one pass and mergeable.
///
/// With `x` an original value, `y` its restored value and `d = y - x`, all sums are f64 over the `n` pairs in which both
/// are finite; other pairs are counted and left out. The order of additions is fixed: value `i` of a call goes to lane
/// `i % 8` of block `i / 1024`, lanes are added pairwise, blocks in order. So the same slices give the same bits on any
/// machine, whatever their element. [`merge`](Self::merge) adds up parts, with the rounding of one more addition.
///
/// Nothing here fails on degenerate data. A figure that has no value, such as any figure of no pairs, is NaN; ratios to
/// an error of zero are infinite.
///
/// Cost: two slices read, about ten operations per value; nothing is allocated.
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
pub struct ErrorStats {
    len: u64,
    non_finite: u64,
    non_finite_changed: u64,
    sums: Sums,
    /// Extremes of the original.
    low: f64,
    high: f64,
    max_abs: f64,
    max_abs_index: u64,
}

impl Default for ErrorStats {
    /// Statistics of no values, the start of a merge.
    fn default() -> Self {
        Self {
            len: 0,
            non_finite: 0,
            non_finite_changed: 0,
            sums: Sums::default(),
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            max_abs: 0.0,
            max_abs_index: u64::MAX,
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
        if check_finite(x, 0).and(check_finite(y, 0)).is_err() {
            return self.add_finite_pairs_of(x, y);
        }
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        extrema::enclose(x, &mut low, &mut high);
        (self.low, self.high) = (self.low.min(low.into()), self.high.max(high.into()));
        let (sums, largest) = Sums::of(x, y);
        self.sums.add(sums);
        if largest > self.max_abs || self.len == 0 {
            let error = |(x, y): (&f32, &f32)| (f64::from(*y) - f64::from(*x)).abs();
            let index = x.iter().zip(y).position(|pair| error(pair) == largest).unwrap_or(0);
            (self.max_abs, self.max_abs_index) = (largest, self.position() + index as u64);
        }
        self.len += x.len() as u64;
    }

    /// Leaves out the pairs in which a value is not finite.
    fn add_finite_pairs_of(&mut self, x: &[f32], y: &[f32]) {
        // They become (0, 0), which adds nothing to a sum, so that the others keep their lanes.
        let (mut kept_x, mut kept_y) = ([0.0; BLOCK], [0.0; BLOCK]);
        let start = self.position();
        for (i, (&x, &y)) in x.iter().zip(y).enumerate() {
            if !(x.is_finite() && y.is_finite()) {
                self.non_finite += 1;
                self.non_finite_changed += u64::from(x != y && !(x.is_nan() && y.is_nan()));
                continue;
            }
            (kept_x[i], kept_y[i]) = (x, y);
            let (x, y) = (f64::from(x), f64::from(y));
            (self.low, self.high) = (self.low.min(x), self.high.max(x));
            if (y - x).abs() > self.max_abs || self.len == 0 {
                (self.max_abs, self.max_abs_index) = ((y - x).abs(), start + i as u64);
            }
            self.len += 1;
        }
        self.sums.add(Sums::of(&kept_x[..x.len()], &kept_y[..y.len()]).0);
    }

    /// Pairs so far, left out or not.
    fn position(&self) -> u64 {
        self.len + self.non_finite
    }

    /// Appends the statistics of values that follow these.
    #[must_use]
    pub fn merge(mut self, next: &Self) -> Self {
        let before = self.position();
        if next.len > 0 && (next.max_abs > self.max_abs || self.len == 0) {
            (self.max_abs, self.max_abs_index) = (next.max_abs, before + next.max_abs_index);
        }
        (self.low, self.high) = (self.low.min(next.low), self.high.max(next.high));
        self.len += next.len;
        self.non_finite += next.non_finite;
        self.non_finite_changed += next.non_finite_changed;
        self.sums.add(next.sums);
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

    /// Mean squared error: `Σd² / n`. As in zfp, SZ3 and numpy.
    pub fn mse(&self) -> f64 {
        self.if_any(self.sums.error / self.len as f64)
    }

    /// Root mean squared error: `√(Σd² / n)`. ggml's `array_rmse` is `√(Σd²) / n` instead.
    pub fn rmse(&self) -> f64 {
        Float::sqrt(self.mse())
    }

    /// Largest absolute error: `max |d|`.
    pub fn max_abs_error(&self) -> f64 {
        self.if_any(self.max_abs)
    }

    /// Position of the first value with the largest absolute error; none if there are no finite pairs.
    pub fn max_abs_index(&self) -> Option<u64> {
        (self.len > 0).then_some(self.max_abs_index)
    }

    /// Range of the original values: `max x - min x`.
    pub fn range(&self) -> f64 {
        self.if_any(self.high - self.low)
    }

    /// Signal-to-quantization-noise ratio in dB: `10 log₁₀(Σx² / Σd²)`, by energy as in ONNX Runtime and torchao.
    /// Z-checker's SNR divides the variance of x instead. Infinite without error, `-inf` if only x is zero throughout.
    pub fn sqnr_db(&self) -> f64 {
        self.if_any(decibels(self.sums.original, self.sums.error))
    }

    /// Peak signal-to-noise ratio in dB: `20 log₁₀(range) - 10 log₁₀(Σd² / n)` with the range of the original, as in
    /// SZ3, Z-checker and libpressio. zfp's tool halves the range, which is 6.02 dB less; image tools put 255 for it.
    pub fn psnr_db(&self) -> f64 {
        self.if_any(decibels(self.range() * self.range(), self.mse()))
    }

    /// Cosine similarity: `Σxy / √(Σx² Σy²)`; 1 if both are zero throughout, 0 if one is.
    pub fn cosine(&self) -> f64 {
        let Sums { original, restored, product, .. } = self.sums;
        let cosine = if original == 0.0 && restored == 0.0 {
            1.0
        } else if original == 0.0 || restored == 0.0 {
            0.0
        } else {
            // Squares of f32 are far from the ends of f64, and so is their product. Rounding must not lead beyond parallel.
            (product / Float::sqrt(original * restored)).clamp(-1.0, 1.0)
        };
        self.if_any(cosine)
    }
}

/// A block of f32, borrowed where the values are f32 already.
fn widen<'a, T: Element>(values: &'a [T], buffer: &'a mut [f32; BLOCK]) -> Result<&'a [f32]> {
    if let Some(values) = T::as_f32(values) {
        return Ok(values);
    }
    let wide = &mut buffer[..values.len()];
    T::widen_into(values, wide)?;
    Ok(wide)
}

fn decibels(signal: f64, noise: f64) -> f64 {
    if noise == 0.0 { f64::INFINITY } else { 10.0 * Float::log10(signal / noise) }
}

/// Bits per value: `8 * bytes / values`. Count everything a decoder needs, side information included. NaN for no values.
///
/// ```
/// assert_eq!(fewbits::bits_per_value(192, 384), 4.0);
/// ```
pub fn bits_per_value(bytes: usize, values: usize) -> f64 {
    if values == 0 { f64::NAN } else { 8.0 * bytes as f64 / values as f64 }
}

/// Compression ratio: bytes of the values as they are, over bytes now. NaN for no bytes.
///
/// ```
/// assert_eq!(fewbits::compression_ratio::<f32>(192, 384), 8.0);
/// ```
pub fn compression_ratio<T: Element>(bytes: usize, values: usize) -> f64 {
    if bytes == 0 { f64::NAN } else { (values as f64 * size_of::<T>() as f64) / bytes as f64 }
}
