//! Equal steps that are chosen together: what is asked for.

use super::trellis_quantizer::{FARTHEST, LAMBDA, TrellisQuantizer};
use crate::{
    automaton::Automaton,
    element::{Element, check_finite, for_each_piece},
    error::{Error, Result},
    fit::Fit,
    kernel::extrema::enclose,
    spikes::Spikes,
};

/// Settings of a quantizer that weighs errors against bits, and chooses levels together: for entropy coding.
///
/// Levels are multiples of a step. With an [`Automaton`] of one state, each value gets the level with the least
/// `(error / width)^2 + lambda * bits`, where `width` is the step: rate-distortion-optimised rounding. With more states, only
/// half of the levels can follow each other, so that a step is worth twice its width in bits, and the cheapest path is found
/// with Viterbi's algorithm (`width` is two steps): trellis-coded quantization.
///
/// Bits are those of the codec behind it ([`Rates`](crate::Rates)), if it tells; [`Coded`](crate::Coded) asks it. 8 states are within 0.08
/// bit per value of what is possible at all, 64 within 0.05; equal steps by themselves are within 0.25.
///
/// Cost per value: to quantize about 3 additions and comparisons for each state, and memory for a bit of each; to restore
/// one product.
///
/// ```
/// use fewbits::{Automaton, Coded, ContextRans, Fit, Frame, Rans, Trellis, Uniform};
///
/// let weights: Vec<f32> = (0..50_000_u32).map(|i| ((i.wrapping_mul(2654435761) >> 8) as f32 / 2_f32.powi(23) - 1.0)).collect();
/// let automaton = Automaton::trellis(8)?;
/// let settings = Coded::new(Trellis::new(1.0 / 15.0).automaton(automaton), ContextRans::new(automaton));
/// let bytes = Frame::encode(&settings.fit(&weights)?, &weights)?;
/// let restored: Vec<f32> = fewbits::decompress(&bytes)?;
///
/// let uniform = Coded::new(Uniform::new(4).asymmetric(), Rans::new()).fit(&weights)?; // about as large
/// let plain: Vec<f32> = fewbits::decompress(&Frame::encode(&uniform, &weights)?)?;
/// let mse = |x: &[f32]| weights.iter().zip(x).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
/// assert!(mse(&restored) < 0.85 * mse(&plain));
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Trellis {
    step: f32,
    automaton: Automaton,
    lambda: f32,
    #[cfg_attr(feature = "serde", serde(default))]
    spikes: Spikes,
}

impl Trellis {
    /// Levels at multiples of `step`, and one state.
    pub const fn new(step: f32) -> Self {
        Self { step, automaton: Automaton::memoryless(), lambda: LAMBDA, spikes: Spikes::none() }
    }

    /// With another automaton: the one that the codec has.
    #[must_use]
    pub const fn automaton(self, automaton: Automaton) -> Self {
        Self { automaton, ..self }
    }

    /// How much a bit weighs: 0 is the nearest path, and 0.09 unless told otherwise, which is the slope of the least error at
    /// a given size.
    #[must_use]
    pub const fn lambda(self, lambda: f32) -> Self {
        Self { lambda, ..self }
    }

    /// With up to 4 spikes: values that occur so often that each has a code of its own, behind those of the levels. They are
    /// restored as they are, and the automaton stands still for them. The codec has to know of them too
    /// ([`ContextRans::spikes`](crate::ContextRans::spikes)), and then has bits for where they are instead of bits for each.
    ///
    /// ```
    /// use fewbits::{Automaton, Coded, ContextRans, Fit, Frame, Trellis};
    ///
    /// // 40 rows of 100 values, half of them 0.
    /// let map: Vec<f32> = (0..4000).map(|i| (i as f32 * 0.1).sin().max(0.0) * (i as f32 * 1.7).cos().abs()).collect();
    /// let automaton = Automaton::trellis(8)?.lanes(4)?;
    /// let plain = Coded::new(Trellis::new(0.001).automaton(automaton), ContextRans::new(automaton));
    /// let spiked = Coded::new(
    ///     Trellis::new(0.001).automaton(automaton).spikes(&[0.0])?,
    ///     ContextRans::new(automaton).spikes(1, 100)?,
    /// );
    /// let [plain, spiked] = [Frame::encode(&plain.fit(&map)?, &map)?, Frame::encode(&spiked.fit(&map)?, &map)?];
    /// let restored: Vec<f32> = fewbits::decompress(&spiked)?;
    /// assert!(map.iter().zip(&restored).all(|(x, y)| *x != 0.0 || *y == 0.0));
    /// assert!(spiked.len() * 10 < plain.len() * 9);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn spikes(self, values: &[f32]) -> Result<Self> {
        Ok(Self { spikes: Spikes::new(values)?, ..self })
    }
}

impl Trellis {
    fn check(&self) -> Result<()> {
        let (step, lambda) = (self.step, self.lambda);
        if !(step.is_finite() && step >= f32::MIN_POSITIVE) {
            let allowed = "a positive number from 1.2e-38 on";
            return Err(Error::Setting { name: "step", value: step.into(), allowed });
        }
        // Costs of whole paths are far below those of states that cannot be.
        if !(0.0..=1e6).contains(&lambda) {
            return Err(Error::Setting { name: "lambda", value: lambda.into(), allowed: "0 to 10^6" });
        }
        Ok(())
    }

    /// For finite values from the lowest to the highest.
    pub(crate) fn fit_between(&self, (low, high): (f32, f32)) -> Result<TrellisQuantizer<u32>> {
        self.check()?;
        let step = self.step;
        let far = low.abs().max(high.abs());
        if far / step > (FARTHEST - 16) as f32 {
            let allowed = "one of at least 2^-23 of the largest value";
            return Err(Error::Setting { name: "step", value: f64::from(step / far), allowed });
        }
        let (first, last) = (floor(low / step) - 4, floor(high / step) + 5);
        // A multiple of 4, so that sides and symbols are those of the numbers.
        let first = first.div_euclid(4) * 4;
        let level_count = (last - first + 1 + 1) / 2 * 2;
        let quantizer = TrellisQuantizer::new(step, first, level_count as u32, self.automaton, self.spikes)?;
        Ok(quantizer.with_lambda(self.lambda))
    }
}

impl<T: Element> Fit<T> for Trellis {
    type Fitted = TrellisQuantizer<u32>;

    fn fit(&self, data: &[T]) -> Result<TrellisQuantizer<u32>> {
        if data.is_empty() {
            self.check()?;
            return Err(Error::Empty);
        }
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        for_each_piece(data, |start, values| {
            check_finite(values, start)?;
            enclose(values, &mut low, &mut high);
            Ok(())
        })?;
        self.fit_between((low, high))
    }
}

/// Of numbers that are far from the ends of i64.
fn floor(x: f32) -> i64 {
    let cut = x as i64;
    cut - i64::from((cut as f32) > x)
}
