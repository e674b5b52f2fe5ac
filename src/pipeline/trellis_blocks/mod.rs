//! The most accurate fixed rate: blocks in two levels of scales, and levels chosen along a trellis.

mod decode;
mod fit;
mod layout;
mod search;

pub use fit::TrellisBlocks;

use super::Pipeline;
use crate::{
    description::{Describe, Description, Restore, Stages},
    element::{Element, Values, ValuesMut, check_finite, each_element},
    error::{Error, Result, check_piece},
    quantizer::narrow,
};
use decode::Decoder;
use layout::{Layout, Levels, MOST_BITS, SUPERBLOCK, Side};
use search::Search;

/// A fitted [`TrellisBlocks`]: it knows how large values are, and what is subtracted from them.
///
/// Superblocks of 256 values are written and read alone, in any order; their bytes depend on nothing but their values. Values
/// of more than four times the magnitude that it was fitted to are clipped. Restoring allocates nothing; encoding takes 35 KiB to 105 KiB of memory, by the
/// number of states.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrellisBlocksPipeline {
    bits: u32,
    states: u16,
    side: Side,
    /// What scales are parts of, negative where values are at most the offset. 0 if there is nothing to scale.
    base: f32,
    offset: f32,
}

impl TrellisBlocksPipeline {
    pub(crate) const TAG: u8 = 0x13;

    /// Bits of a symbol.
    pub const fn bits(&self) -> u32 {
        self.bits
    }

    /// What is subtracted from values before they are scaled.
    pub const fn offset(&self) -> f32 {
        self.offset
    }

    fn bytes_of(&self, values: usize) -> usize {
        let rest = values % SUPERBLOCK;
        let rest = if rest == 0 { 0 } else { Layout::new(self.bits, rest).len() };
        let whole = Layout::new(self.bits, SUPERBLOCK).len();
        (values / SUPERBLOCK).saturating_mul(whole).saturating_add(rest)
    }

    fn encode_values<T: Element>(&self, start: usize, values: &[T], bytes: &mut [u8]) -> Result<usize> {
        check_piece(start, values.len(), SUPERBLOCK)?;
        let (needed, actual) = (self.bytes_of(values.len()), bytes.len());
        let bytes = bytes.get_mut(..needed).ok_or(Error::Length { what: "bytes", expected: needed, actual })?;
        match self.states {
            8 => self.encode_by(Search::<8>::new(self.bits, self.side), start, values, bytes)?,
            64 => self.encode_by(Search::<64>::new(self.bits, self.side), start, values, bytes)?,
            _ => self.encode_by(Search::<256>::new(self.bits, self.side), start, values, bytes)?,
        }
        Ok(needed)
    }

    fn encode_by<T: Element, const STATES: usize>(
        &self,
        mut search: Search<STATES>,
        start: usize,
        values: &[T],
        bytes: &mut [u8],
    ) -> Result<()> {
        let whole = Layout::new(self.bits, SUPERBLOCK).len();
        let mut buffer = [0.0; SUPERBLOCK];
        for (i, (values, bytes)) in values.chunks(SUPERBLOCK).zip(bytes.chunks_mut(whole)).enumerate() {
            let parts = &mut buffer[..values.len()];
            T::widen_into(values, parts)?;
            check_finite(parts, start + i * SUPERBLOCK)?;
            for x in &mut *parts {
                // Where values end there may be a hair more than the base; what is far beyond is clipped.
                *x = if self.base == 0.0 { 0.0 } else { ((*x - self.offset) / self.base).clamp(-2.0, 2.0) };
            }
            search.encode(parts, bytes);
        }
        Ok(())
    }

    fn decode_values<T: Element>(&self, start: usize, bytes: &[u8], values: &mut [T]) -> Result<usize> {
        check_piece(start, values.len(), SUPERBLOCK)?;
        let (needed, actual) = (self.bytes_of(values.len()), bytes.len());
        let bytes = bytes.get(..needed).ok_or(Error::Truncated { needed, actual })?;
        let &Self { bits, states, base, offset, side } = self;
        let decoder = Decoder { bits, states, base, offset, levels: Levels::new(bits, side) };
        let mut buffer = [0.0; SUPERBLOCK];
        let whole = Layout::new(bits, SUPERBLOCK).len();
        for (i, (values, bytes)) in values.chunks_mut(SUPERBLOCK).zip(bytes.chunks(whole)).enumerate() {
            if let Some(values) = T::as_f32_mut(values) {
                decoder.decode(bytes, values)?;
                continue;
            }
            let wide = &mut buffer[..values.len()];
            decoder.decode(bytes, wide)?;
            // Levels are chosen together, so whatever lies beyond an element becomes its end.
            narrow(start + i * SUPERBLOCK, wide, values, |_| f64::INFINITY)?;
        }
        Ok(needed)
    }
}

impl Pipeline for TrellisBlocksPipeline {
    fn max_encoded_len(&self, values: usize) -> usize {
        self.bytes_of(values)
    }

    fn encoded_len(&self, values: usize) -> Option<usize> {
        Some(self.bytes_of(values))
    }

    fn block(&self) -> usize {
        SUPERBLOCK
    }

    fn encode_at(&self, start: usize, values: Values<'_>, bytes: &mut [u8]) -> Result<usize> {
        each_element!(Values, values => self.encode_values(start, values, bytes))
    }

    fn decode_at(&self, start: usize, bytes: &[u8], values: ValuesMut<'_>) -> Result<usize> {
        each_element!(ValuesMut, values => self.decode_values(start, bytes, values))
    }
}

impl Describe for TrellisBlocksPipeline {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            let one = u8::from(self.side == Side::One);
            // 8, 64 and 256 states are 3, 6 and 8.
            out.u8((self.bits - 1) as u8 | one << 3 | (self.states.ilog2() as u8) << 4);
            out.f32(self.base);
            out.f32(self.offset);
        });
    }
}

impl Restore for TrellisBlocksPipeline {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        stages.stage(Self::TAG, "trellis-coded blocks", |bytes| {
            let kind = bytes.u8()?;
            let side = if kind & 8 == 0 { Side::Both } else { Side::One };
            let states = 1 << (kind >> 4);
            if !STATES.contains(&states) {
                return Err(Error::Corrupt { what: "kind of trellis-coded blocks", found: kind.into() });
            }
            let (base, offset) = (bytes.f32()?, bytes.f32()?);
            // Levels on both sides need no sign, and 0 has none.
            if base.is_sign_negative() && (side == Side::Both || base == 0.0) {
                return Err(Error::Corrupt { what: "base of trellis-coded blocks", found: base.to_bits().into() });
            }
            Ok(Self { bits: u32::from(kind & 7) + 1, states, side, base, offset })
        })
    }
}

/// Numbers of states.
const STATES: [u16; 3] = [8, 64, 256];
const _: () = assert!(MOST_BITS == 8, "three bits say how many");
