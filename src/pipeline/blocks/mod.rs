//! Blocks that carry their scale: nothing is fitted, nothing is remembered.

mod decode;
mod encode;

use super::Pipeline;
use crate::{
    code::Code,
    description::{Describe, Description, Restore, Stages},
    element::{PIECE, Values, ValuesMut, each_element},
    error::{Error, Result},
    kernel::scale,
    quantizer::{Grid, Levels, ScaleType, Scaled},
};

/// Self-scaled blocks: each block of values has a scale of its own, the smallest that brings its values within the
/// levels, and the scale travels in front of its codes. Dynamic quantization, for caches and streams whose values are
/// not known beforehand. Zero stays zero: there are no offsets, and levels on one side of zero clip what lies on the
/// other.
///
/// There is no fit, no state and no allocation, and the rate is fixed: a block takes the bytes of its scale and
/// `ceil(block * width / 8)` bytes of codes, least significant bit first, where `width` is what the levels need. Any
/// block can be written, overwritten and read alone. The last block of an array may be shorter.
///
/// The error of a value is at most `scale * radius` of the levels, half a scale for a uniform grid, plus roundings.
/// Cost per value: two passes to encode (the extremes, then a division and a rounding), one to decode.
///
/// A block whose scale cannot be stored is an error ([`Error::ScaleOutOfRange`]) with the number of the block. With
/// bf16 scales, as by default, that is one of subnormal values that needs a scale below half the smallest bf16, 4.6e-41:
/// at 4 bits one whose values all stay below 3.2e-40 and are not all zeros. f32 [scales](Self::scale_type) hold whatever
/// values need.
///
/// # One head of a key-value cache
///
/// ```
/// use fewbits::{Blocks, Pipeline, PipelineExt, bf16};
///
/// const HEAD: usize = 128;
/// let format = Blocks::uniform(4, 64)?; // two scales a head
/// let page = format.encoded_len(HEAD).unwrap_or_default();
/// assert_eq!(page, 2 * (2 + 32)); // bytes: a bf16 scale and 64 codes of 4 bits, twice
///
/// let keys: Vec<bf16> = (0..HEAD).map(|i| bf16::from_f32((i as f32 * 0.3).sin())).collect();
/// let mut cache = vec![0; 1000 * page];
/// let slot = 17;
/// format.encode_into(&keys, &mut cache[slot * page..][..page])?;
/// let mut restored = [bf16::ZERO; HEAD];
/// format.decode_into(&cache[slot * page..][..page], &mut restored)?;
/// assert!(keys.iter().zip(restored).all(|(k, r)| (k.to_f32() - r.to_f32()).abs() < 0.08));
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks<L> {
    levels: L,
    block: usize,
    scale_type: ScaleType,
}

/// Codes of a block are at most 16 bits wide.
type BlockCode = u16;

/// Blocks whose scales are found or read at once.
const BLOCKS: usize = 128;
/// Values of a piece, where there are few.
const SHORT: usize = 1024;
/// Bytes of packed codes that are gathered from several blocks.
const GATHERED: usize = 1024;

impl Blocks<Grid> {
    /// Symmetric uniform levels of `bits` bits, 2 to 16, or the two levels of a mid-rise grid at 1 bit; bf16 scales.
    pub const fn uniform(bits: u32, block: usize) -> Result<Self> {
        let grid = match bits {
            1 => Grid::mid_rise(-1, 0),
            2..=16 => Grid::new(1 - (1 << (bits - 1)), (1 << (bits - 1)) - 1),
            _ => Err(Error::Setting { name: "bits", value: bits as f64, allowed: "1 to 16 bits" }),
        };
        // Grids need no check; other levels cannot be asked at compile time.
        match (grid, check_block(block)) {
            (Ok(levels), Ok(())) => Ok(Self { levels, block, scale_type: ScaleType::Bf16 }),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }
}

const fn check_block(block: usize) -> Result<()> {
    if 1 <= block && block <= PIECE {
        Ok(())
    } else {
        Err(Error::Setting { name: "block", value: block as f64, allowed: "1 to 4096 values" })
    }
}

impl<L> Blocks<L> {
    pub(crate) const TAG: u8 = 0x10;

    /// How scales are stored.
    #[must_use]
    pub const fn scale_type(mut self, scale_type: ScaleType) -> Self {
        self.scale_type = scale_type;
        self
    }

    /// Where the levels lie, in units of a scale.
    pub const fn levels(&self) -> &L {
        &self.levels
    }
}

impl<L: Levels> Blocks<L> {
    /// Blocks of `block` values, 1 to 4096, at levels of your own; bf16 scales.
    pub fn new(levels: L, block: usize) -> Result<Self> {
        check_block(block)?;
        Scaled::<L, BlockCode>::check_levels(&levels)?;
        Ok(Self { levels, block, scale_type: ScaleType::Bf16 })
    }

    /// Bits of a code.
    fn width(&self) -> u32 {
        (u32::BITS - self.levels.level_count().saturating_sub(1).leading_zeros()).clamp(1, BlockCode::BITS)
    }

    /// Bytes of so many codes.
    fn packed_len(&self, codes: usize) -> usize {
        (codes * self.width() as usize).div_ceil(8)
    }

    /// Bytes of a block of `values` values.
    fn block_len(&self, values: usize) -> usize {
        self.scale_type.size() + self.packed_len(values)
    }

    /// Values of a call take short buffers: buffers are filled with zeros first, which a few values should not pay for.
    const fn is_short(&self, values: usize) -> bool {
        self.block <= SHORT && values <= PIECE
    }

    /// Values of as many blocks as are taken at once, with buffers for `room` values.
    fn step(&self, room: usize) -> usize {
        self.block * (room / self.block).clamp(1, BLOCKS)
    }

    /// Blocks whose codes are packed at once, for a call for each takes longer than a copy: if they end where bytes do.
    fn gathered(&self) -> usize {
        let len = self.packed_len(self.block);
        let is_whole = (self.block * self.width() as usize).is_multiple_of(8);
        if is_whole && len <= GATHERED { GATHERED / len } else { 1 }
    }

    fn bytes_of(&self, values: usize) -> usize {
        let rest = values % self.block;
        let rest = if rest == 0 { 0 } else { self.block_len(rest) };
        (values / self.block).saturating_mul(self.block_len(self.block)).saturating_add(rest)
    }

    /// The lowest and the highest level.
    fn ends(&self) -> (f32, f32) {
        (self.levels.level(0), self.levels.level(self.levels.level_count().saturating_sub(1)))
    }

    /// Some level or the distance of two exceeds `f32::MAX`.
    fn is_wide(&self, scale: f32) -> bool {
        let (lowest, highest) = self.ends();
        [lowest * scale, highest * scale, (highest - lowest) * scale].iter().any(|level| !level.is_finite())
    }

    /// Values of a block of this scale to codes.
    fn quantize<C: Code>(&self, scale: f32, values: &[f32], codes: &mut [C]) {
        let nearest = |x| self.levels.nearest(x);
        if self.is_wide(scale) {
            scale::quantize_run_wide(scale, 0.0, values, codes, nearest);
        } else {
            scale::quantize_run(scale, 0.0, values, codes, nearest);
        }
    }

    /// The way back.
    fn dequantize<C: Code>(&self, scale: f32, codes: &[C], values: &mut [f32]) {
        let level = |code| self.levels.level(code);
        if self.is_wide(scale) {
            scale::dequantize_run_wide(scale, 0.0, codes, values, level);
        } else {
            scale::dequantize_run(scale, 0.0, codes, values, level);
        }
    }

    /// Scales in two levels need more than a block to share something.
    fn check_scale_type(&self) -> Result<()> {
        if self.scale_type.sharing().is_none() {
            return Ok(());
        }
        let remedy = "a block has no other scales to share anything with; choose f32, f16, bf16 or E8M0";
        Err(Error::Unsuited { setting: "a scale in two levels", remedy })
    }
}

impl<L: Levels> Pipeline for Blocks<L> {
    fn max_encoded_len(&self, values: usize) -> usize {
        self.bytes_of(values)
    }

    fn encoded_len(&self, values: usize) -> Option<usize> {
        Some(self.bytes_of(values))
    }

    fn block(&self) -> usize {
        self.block
    }

    /// Any number; but behind a mask that leaves nothing, no block would say that scales cannot be stored.
    fn check_len(&self, _values: usize) -> Result<()> {
        self.check_scale_type()
    }

    fn encode_at(&self, start: usize, values: Values<'_>, bytes: &mut [u8]) -> Result<usize> {
        each_element!(Values, values => self.encode_values(start, values, bytes))
    }

    fn decode_at(&self, start: usize, bytes: &[u8], values: ValuesMut<'_>) -> Result<usize> {
        each_element!(ValuesMut, values => self.decode_values(start, bytes, values))
    }
}

impl<L: Levels> Describe for Blocks<L> {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            out.u8(self.scale_type.to_byte());
            out.varint(self.block as u64);
        });
        self.levels.describe(out);
    }
}

impl<L: Levels + Restore> Restore for Blocks<L> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let (scale_type, block) = stages
            .stage(Self::TAG, "self-scaled blocks", |bytes| Ok((ScaleType::from_byte(bytes.u8()?)?, bytes.size()?)))?;
        check_block(block).map_err(|_| Error::Corrupt { what: "block length", found: block as u64 })?;
        let blocks = Self { scale_type, ..Self::new(L::restore(stages)?, block)? };
        let corrupt = Error::Corrupt { what: "scale type of blocks", found: scale_type.to_byte().into() };
        blocks.check_scale_type().map(|()| blocks).map_err(|_| corrupt)
    }
}
