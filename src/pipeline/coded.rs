//! A quantizer, then a codec.

use super::{Pipeline, masked::seen};
use crate::{
    codec::{BitPack, Codec, take},
    description::{Describe, Description, Restore, Stages},
    element::{Element, PIECE, Values, ValuesMut, each_element, joint_block},
    error::{Error, Result, check_piece, damaged, same_length},
    fit::Fit,
    memory::filled,
    non_finite::NonFinite,
    quantizer::{Quantizer, QuantizerExt, dequantize_range, quantize_range, room},
};
use alloc::borrow::Cow;

/// A fitted quantizer and a fitted codec for its codes; the compiler checks that they match.
///
/// With a fixed-rate codec neither direction allocates. A codec with a variable rate sees all codes of a call at once,
/// so encoding allocates one code per value, and decoding what the codec says.
///
/// ```
/// use fewbits::{Coded, Fit, PipelineExt, Uniform};
///
/// let values = [0.5_f32, -1.0, 0.25, 0.75, -0.125];
/// let pipeline = Coded::packed(Uniform::new(5).fit(&values)?);
/// assert_eq!(pipeline.encode(&values)?.len(), 4); // 25 bits
/// # Ok::<(), fewbits::Error>(())
/// ```
///
/// ```compile_fail
/// use fewbits::{BitPack, Coded, Fit, PipelineExt, Uniform};
///
/// let quantizer = Uniform::new(5).fit(&[0.5_f32])?; // u8 codes
/// Coded::new(quantizer, BitPack::<u16>::new(5)?).encode(&[0.5_f32])?; // a codec for u16 codes
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Coded<Q, K> {
    /// Values to codes.
    pub quantizer: Q,
    /// Codes to bytes.
    pub codec: K,
}

impl<Q: Quantizer> Coded<Q, BitPack<Q::Code>> {
    /// A quantizer and the narrowest [`BitPack`] for its codes: fixed rate, every value in reach.
    pub fn packed(quantizer: Q) -> Self {
        let codec = BitPack::of(&quantizer);
        Self::new(quantizer, codec)
    }
}

impl<Q, K> Coded<Q, K> {
    /// From fitted stages; or from settings, which make settings.
    pub const fn new(quantizer: Q, codec: K) -> Self {
        Self { quantizer, codec }
    }
}

/// Fits the quantizer to values, and the codec to the codes that it makes of them, which takes a code for each. Where the
/// quantizer has a policy for values that are not finite, these are the codes that it makes behind
/// [`Masked`](crate::Masked), which takes a copy of the values. A quantizer that weighs bits is told what codes cost, and both
/// are fitted again, twice.
impl<T: Element, Q, K> Fit<T> for Coded<Q, K>
where
    Q: Fit<T, Fitted: Quantizer>,
    K: Fit<<Q::Fitted as Quantizer>::Code, Fitted: Codec<Code = <Q::Fitted as Quantizer>::Code>>,
{
    type Fitted = Coded<Q::Fitted, K::Fitted>;

    fn fit(&self, data: &[T]) -> Result<Self::Fitted> {
        /// What codes cost changes which ones are chosen, and the other way round; there is hardly anything to gain after
        /// so many rounds.
        const ROUNDS: usize = 2;
        let mut quantizer = self.quantizer.fit(data)?;
        let policy = self.policy();
        let seen = if policy.is_strict() {
            Cow::Borrowed(data)
        } else {
            Cow::Owned(seen(policy, data, quantizer.block().max(1))?)
        };
        let fit = |quantizer: &Q::Fitted| self.codec.fit_below(&quantizer.quantize(&seen)?, quantizer.level_count());
        let mut codec = fit(&quantizer)?;
        for _ in 0..ROUNDS {
            if !codec.rates().is_some_and(|rates| quantizer.set_rates(rates)) {
                break;
            }
            codec = fit(&quantizer)?;
        }
        // What a pipeline knows that is restored from its bytes.
        if let Some(rates) = codec.rates() {
            quantizer.set_rates(rates);
        }
        Ok(Coded::new(quantizer, codec))
    }

    fn policy(&self) -> NonFinite {
        self.quantizer.policy()
    }
}

impl<Q: Quantizer, K: Codec<Code = Q::Code>> Coded<Q, K> {
    /// Values whose codes are whole blocks of the codec: a multiple of the quantizer's block, to quantize or to restore.
    fn joint_block(&self, values: usize) -> usize {
        let values = values.max(1);
        joint_block(values, self.quantizer.code_len(values), self.codec.block())
    }

    /// The longest piece of whole blocks whose values and codes both fit the stack.
    fn piece(&self, block: usize) -> Option<usize> {
        let step = PIECE.checked_div(block)?.checked_mul(block)?;
        (step > 0 && self.quantizer.code_len(step) <= PIECE).then_some(step)
    }

    fn encode_values<T: Element>(&self, start: usize, values: &[T], bytes: &mut [u8]) -> Result<usize> {
        check_piece(start, values.len(), self.block())?;
        let expected = self.encoded_len(values.len());
        if let Some(expected) = expected.filter(|&expected| expected > bytes.len()) {
            return Err(Error::Length { what: "bytes", expected, actual: bytes.len() });
        }
        let Some(step) = self.piece(self.joint_block(self.quantizer.block())).filter(|_| expected.is_some()) else {
            let mut codes = filled(self.quantizer.code_len(values.len()))?;
            quantize_range(&self.quantizer, start, values, &mut codes)?;
            return self.codec.encode_at(self.quantizer.code_len(start), &codes, bytes);
        };
        let mut buffer = [Q::Code::default(); PIECE];
        let mut written = 0;
        for (i, values) in values.chunks(step).enumerate() {
            let at = start + i * step;
            let codes = room(&mut buffer, self.quantizer.code_len(values.len()))?;
            quantize_range(&self.quantizer, at, values, codes)?;
            let free = bytes.get_mut(written..).unwrap_or_default();
            written += self.codec.encode_at(self.quantizer.code_len(at), codes, free)?;
        }
        Ok(written)
    }

    fn decode_values<T: Element>(&self, start: usize, bytes: &[u8], values: &mut [T]) -> Result<usize> {
        check_piece(start, values.len(), self.block())?;
        let (first, count) = (self.quantizer.code_len(start), self.quantizer.code_len(values.len()));
        let Some(step) = self.piece(self.joint_block(self.quantizer.dequantize_block())) else {
            if let Some(needed) = self.codec.encoded_len(count) {
                // Before memory is taken for a count.
                take(bytes, needed)?;
            }
            let mut codes = filled(count)?;
            let read = self.codec.decode_at(first, bytes, &mut codes)?;
            dequantize_range(&self.quantizer, start, &codes, values).map_err(damaged)?;
            return Ok(read);
        };
        let mut buffer = [Q::Code::default(); PIECE];
        let piece = room(&mut buffer, self.quantizer.code_len(step))?;
        let mut done = 0;
        let read = self.codec.decode_pieces(first, bytes, count, piece, &mut |codes| {
            let to = values.len().min(done + step);
            dequantize_range(&self.quantizer, start + done, codes, &mut values[done..to]).map_err(damaged)?;
            done = to;
            Ok(())
        })?;
        same_length("values", values.len(), done)?;
        Ok(read)
    }
}

impl<Q: Quantizer, K: Codec<Code = Q::Code>> Pipeline for Coded<Q, K> {
    fn max_encoded_len(&self, values: usize) -> usize {
        self.codec.max_encoded_len(self.quantizer.code_len(values))
    }

    fn encoded_len(&self, values: usize) -> Option<usize> {
        self.codec.encoded_len(self.quantizer.code_len(values))
    }

    fn block(&self) -> usize {
        // Streams of a variable rate are never joined, so that only the quantizer minds where they start.
        if self.codec.encoded_len(0).is_some() {
            self.joint_block(self.quantizer.block())
        } else {
            self.quantizer.block().max(1)
        }
    }

    fn check_len(&self, values: usize) -> Result<()> {
        self.quantizer.check_len(values)
    }

    fn encode_at(&self, start: usize, values: Values<'_>, bytes: &mut [u8]) -> Result<usize> {
        each_element!(Values, values => self.encode_values(start, values, bytes))
    }

    fn decode_at(&self, start: usize, bytes: &[u8], values: ValuesMut<'_>) -> Result<usize> {
        each_element!(ValuesMut, values => self.decode_values(start, bytes, values))
    }
}

impl<Q: Describe, K: Describe> Describe for Coded<Q, K> {
    fn describe(&self, out: &mut Description) {
        self.quantizer.describe(out);
        self.codec.describe(out);
    }
}

impl<Q: Restore + Quantizer, K: Restore + Codec<Code = Q::Code>> Restore for Coded<Q, K> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let mut quantizer = Q::restore(stages)?;
        let codec = K::restore(stages)?;
        // So that it chooses as the one did that was described.
        if let Some(rates) = codec.rates() {
            quantizer.set_rates(rates);
        }
        Ok(Self { quantizer, codec })
    }
}
