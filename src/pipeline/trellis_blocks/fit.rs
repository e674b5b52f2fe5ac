//! What all superblocks of an array share: how large values are, and what they lie about.

use super::{
    STATES, TrellisBlocksPipeline,
    layout::{MOST_BITS, SUPERBLOCK, Side},
};
use crate::{
    element::{Element, check_finite, for_each_piece},
    error::{Error, Result},
    fit::Fit,
    pipeline::PipelineExt,
};
use alloc::{vec, vec::Vec};

/// Settings of blocks whose levels are chosen together, at a fixed rate: the least error that bits can buy where any 256 values
/// are to be read alone.
///
/// Each superblock of 256 values has 8 bits for its scale, 4 bits for the scale of every 16 values below that, and a symbol
/// of `bits` bits for each value: `bits + 9/32` bits a value, 4.28 for 4. Levels are `(u + u^3) / 2` for `2^(bits + 1)` equal
/// steps `u` from -1 to 1, denser near zero. There are twice as many as symbols: which half a symbol is about says the state of
/// an [`Automaton`](crate::Automaton), which the lowest bits of the symbols before it decide, and at first the scale. All scales
/// and symbols of a superblock are searched together, with Viterbi's algorithm. Marcellin and Fischer, "Trellis coded
/// quantization of memoryless and Gauss-Markov sources", 1990.
///
/// On Gaussian values at 4 bits that is 23.8 dB, and 24.1 dB with 64 [`states`](Self::states); 16 levels under the same
/// scales have 22.2. Values that are not spread about zero are coded about their mean, or with levels on one side, if that
/// is better on a sample.
///
/// Choose it for weights and embeddings at 2 to 6 bits of which some are read at a time.
/// [`compress`](crate::compress) has 1.8 dB less error at this size, but reads chunks as a whole;
/// [`Blocks`](crate::Blocks) need no fit, and bound the error of each value, which is not done here.
///
/// Cost per value: to encode about 80 ns (8 states); to restore a look-up and a product.
///
/// ```
/// use fewbits::{Fit, Frame, Pipeline, TrellisBlocks};
///
/// let weights: Vec<f32> = (0..5000_u32).map(|i| (i.wrapping_mul(2654435761) >> 8) as f32 / 2_f32.powi(23) - 1.0).collect();
/// let pipeline = TrellisBlocks::new(4).fit(&weights)?;
/// assert_eq!(pipeline.encoded_len(256), Some(1 + 8 + 128));
///
/// let bytes = Frame::encode(&pipeline, &weights)?;
/// let some: Vec<f32> = fewbits::decode_range(&bytes, 1024..1280)?; // reads one superblock
/// assert!(weights[1024..1280].iter().zip(&some).all(|(w, r)| (w - r).abs() < 0.15));
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TrellisBlocks {
    bits: u32,
    states: u16,
}

impl TrellisBlocks {
    /// Symbols of `bits` bits, 1 to 8, and 8 states.
    pub const fn new(bits: u32) -> Self {
        Self { bits, states: 8 }
    }

    /// With 8, 64 or 256 states: 64 gain 0.27 dB, and take 4 times as long to encode. As fast to restore.
    #[must_use]
    pub const fn states(self, states: u16) -> Self {
        Self { states, ..self }
    }

    /// For values of magnitudes up to `largest`, without looking at data: for values that come later, such as pages of a
    /// cache. Those more than four times as large are clipped; superblocks of values 2^30 times as small have nothing left.
    ///
    /// ```
    /// use fewbits::{PipelineExt, TrellisBlocks};
    ///
    /// let pipeline = TrellisBlocks::new(6).fit_magnitude(100.0)?;
    /// let restored: Vec<f32> = pipeline.decode(&pipeline.encode(&[0.5_f32, -0.25, 0.0])?, 3)?;
    /// assert!((restored[0] - 0.5).abs() < 0.02);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn fit_magnitude(&self, largest: f32) -> Result<TrellisBlocksPipeline> {
        if !(largest >= 0.0 && largest.is_finite()) {
            let allowed = "0 or more, and finite";
            return Err(Error::Setting { name: "largest magnitude", value: largest.into(), allowed });
        }
        self.with(Side::Both, 0.0, largest)
    }

    fn with(self, side: Side, offset: f32, farthest: f32) -> Result<TrellisBlocksPipeline> {
        let Self { bits, states } = self;
        if !(1..=MOST_BITS).contains(&bits) {
            return Err(Error::Setting { name: "bits", value: bits.into(), allowed: "1 to 8 bits" });
        }
        if !STATES.contains(&states) {
            return Err(Error::Setting { name: "states", value: states.into(), allowed: "8, 64 or 256" });
        }
        // Scales may be a little larger than values need, and are told by up to seven larger ones. 0 has no sign.
        let base = if farthest == 0.0 { 0.0 } else { (farthest * (1.3 * 3.5)).clamp(-f32::MAX, f32::MAX) };
        Ok(TrellisBlocksPipeline { bits, states, side, base, offset })
    }

    /// The one with the least error on a sample.
    fn best(self, sample: &[f32], ways: &[(Side, f32, f32)]) -> Result<TrellisBlocksPipeline> {
        let mut best = None;
        for &(side, offset, farthest) in ways {
            let pipeline = self.with(side, offset, farthest)?;
            if ways.len() == 1 {
                return Ok(pipeline);
            }
            let restored: Vec<f32> = pipeline.decode(&pipeline.encode(sample)?, sample.len())?;
            let error = sample.iter().zip(&restored).map(|(x, y)| f64::from(*x) - f64::from(*y));
            let error: f64 = error.map(|d| d * d).sum();
            if best.is_none_or(|(least, _)| error < least) {
                best = Some((error, pipeline));
            }
        }
        best.map_or_else(|| self.with(Side::Both, 0.0, 0.0), |(_, pipeline)| Ok(pipeline))
    }
}

/// Superblocks of a sample.
const SAMPLE: usize = 32;

impl<T: Element> Fit<T> for TrellisBlocks {
    type Fitted = TrellisBlocksPipeline;

    fn fit(&self, data: &[T]) -> Result<TrellisBlocksPipeline> {
        let (mut low, mut high, mut sum, mut squares) = (f32::MAX, f32::MIN, 0.0, 0.0);
        for_each_piece(data, |start, values| {
            check_finite(values, start)?;
            for &x in values {
                (low, high) = (low.min(x), high.max(x));
                sum += f64::from(x);
                squares += f64::from(x) * f64::from(x);
            }
            Ok(())
        })?;
        if data.is_empty() {
            return self.with(Side::Both, 0.0, 0.0);
        }
        let largest = high.max(-low);
        let mut ways = vec![(Side::Both, 0.0, largest)];
        if low >= 0.0 || high <= 0.0 {
            ways.push((Side::One, 0.0, if low >= 0.0 { high } else { low }));
        }
        // A mean of a quarter of what values are large costs as much as levels on one side could gain.
        let count = data.len() as f64;
        let mean = (sum / count) as f32;
        let farthest = (high - mean).max(mean - low);
        if f64::from(mean) * f64::from(mean) * 16.0 > squares / count && farthest.is_finite() {
            ways.push((Side::Both, mean, farthest));
        }
        let superblocks = data.len().div_ceil(SUPERBLOCK);
        let every = superblocks.div_ceil(SAMPLE).max(1);
        let mut sample = Vec::new();
        if ways.len() > 1 {
            for values in data.chunks(SUPERBLOCK).step_by(every) {
                let from = sample.len();
                sample.resize(from + values.len(), 0.0);
                T::widen_into(values, &mut sample[from..])?;
            }
        }
        self.best(&sample, &ways)
    }
}
