//! Bytes of elements into planes.

use super::{
    CodeMap,
    map::{last_code, read_last},
};
use crate::{
    code::Code,
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result, check_piece, same_length},
    memory::filled,
    quantizer::{Quantizer, check_codes},
};
use alloc::vec::Vec;
use core::marker::PhantomData;

/// Codes at the same place of their element, together: all first bytes of 4-byte numbers, then all second ones, and so on.
///
/// Elements have `size` codes each, which are bytes as a rule; the code at position `i` of the array is at place `i mod size`.
/// A stream holds the codes of place 0 in their order, then those of place 1, up to `size - 1`. Positions are those of the
/// array, so that streams may begin and end within an element.
///
/// Choose it in front of a compressor that looks at neighbours or at long runs, or where the map behind it does
/// ([`Difference`](crate::Difference)): high bytes of numbers vary little, low ones are noise. Wider codes are regrouped in the
/// same way, such as interleaved channels. A table of [`Rans`](crate::Rans) alone is about all codes and gains nothing.
///
/// A stream is decoded as a whole: both ways take memory for a copy of its codes, and decoding through pieces for the codes
/// themselves. Cost: a move per code.
///
/// Alted, "Why modern CPUs are starving and what can be done about it", 2010: the shuffle of Blosc.
///
/// ```
/// use fewbits::{ByteShuffle, CodeMapExt, CodecExt, Difference, Fit, Rans, Then};
///
/// let map = ByteShuffle::<u8>::new(256, 2)?;
/// assert_eq!(map.forward(&[1, 20, 2, 21, 3, 22])?, [1, 2, 3, 20, 21, 22]);
///
/// // Numbers of 4 bytes that grow slowly: the upper ones hardly change.
/// let bytes: Vec<u8> = (0..4000_u32).flat_map(|i| (1_000_000 + 37 * i).to_le_bytes()).collect();
/// let codec = Then::new(ByteShuffle::new(256, 4)?, Then::new(Difference::new(256)?, Rans::new())).fit(&bytes)?;
/// let packed = codec.encode(&bytes)?;
/// assert!(packed.len() < bytes.len() / 5);
/// assert_eq!(codec.decode(&packed, bytes.len())?, bytes);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteShuffle<C = u8> {
    /// The largest code.
    last: u32,
    size: u16,
    code: PhantomData<C>,
}

impl<C: Code> ByteShuffle<C> {
    pub(crate) const TAG: u8 = 0x33;

    /// Codes below `level_count`, which are 256 for bytes; elements of `size` codes, 2 to 256.
    pub fn new(level_count: u32, size: usize) -> Result<Self> {
        let last = last_code::<C>(level_count)?;
        if (2..=256).contains(&size) {
            return Ok(Self { last, size: size as u16, code: PhantomData });
        }
        Err(Error::Setting { name: "size", value: size as f64, allowed: "2 to 256 codes" })
    }

    /// A quantizer's codes, of values that come in groups of `size`.
    pub fn of<Q: Quantizer<Code = C> + ?Sized>(quantizer: &Q, size: usize) -> Result<Self> {
        Self::new(quantizer.level_count(), size)
    }

    /// Calls `each(position in the stream of planes, position in the array's piece)` for all codes.
    fn for_each(self, start: usize, len: usize, mut each: impl FnMut(usize, usize)) {
        let size = usize::from(self.size);
        let mut planed = 0;
        for place in 0..size {
            for at in ((place + size - start % size) % size..len).step_by(size) {
                each(planed, at);
                planed += 1;
            }
        }
    }

    /// A copy of codes that are no larger than they can be.
    fn checked_copy(self, start: usize, codes: &[C]) -> Result<Vec<C>> {
        check_piece(start, codes.len(), 1)?;
        check_codes(start, codes, self.level_count())?;
        let mut copy = filled(codes.len())?;
        copy.copy_from_slice(codes);
        Ok(copy)
    }
}

impl<C: Code> CodeMap for ByteShuffle<C> {
    type Code = C;

    fn forward_at(&self, start: usize, codes: &mut [C]) -> Result<()> {
        let copy = self.checked_copy(start, codes)?;
        self.for_each(start, codes.len(), |planed, at| codes[planed] = copy[at]);
        Ok(())
    }

    fn inverse_at(&self, start: usize, codes: &mut [C], history: &mut [C]) -> Result<()> {
        if !history.is_empty() {
            same_length("history", self.history_len(), history.len())?;
        }
        let copy = self.checked_copy(start, codes)?;
        self.for_each(start, codes.len(), |planed, at| codes[at] = copy[planed]);
        Ok(())
    }

    fn level_count(&self) -> u32 {
        self.last + 1
    }

    /// More than anything holds: only whole streams can be undone.
    fn history_len(&self) -> usize {
        usize::MAX
    }
}

impl<C: Code> Describe for ByteShuffle<C> {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            out.varint(self.last.into());
            out.varint(self.size.into());
        });
    }
}

impl<C: Code> Restore for ByteShuffle<C> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        stages.stage(Self::TAG, "shuffled codes", |bytes| {
            let (level_count, size) = (read_last(bytes)?, bytes.size()?);
            Self::new(level_count, size).map_err(|error| match error {
                Error::Setting { .. } => Error::Corrupt { what: "size of shuffled elements", found: size as u64 },
                // Widths are told apart from damage, so that a reader can try wider codes.
                other => other,
            })
        })
    }
}
