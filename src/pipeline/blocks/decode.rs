//! Blocks to values: the scales of many, then levels, straight from the bytes where codes have 4 or 8 bits.

use super::{BLOCKS, BlockCode, Blocks, GATHERED, SHORT};
use crate::{
    code::Code,
    element::{Element, PIECE},
    error::{Error, Result, check_piece},
    kernel::{
        bits,
        blocks::{Layout, stored},
    },
    quantizer::{Levels, Restored, narrow, rounding_bound},
    wire::Reader,
};
use core::cell::OnceCell;

impl<L: Levels> Blocks<L> {
    pub(super) fn decode_values<T: Element>(&self, start: usize, bytes: &[u8], values: &mut [T]) -> Result<usize> {
        self.check_scale_type()?;
        check_piece(start, values.len(), self.block)?;
        let (needed, actual) = (self.bytes_of(values.len()), bytes.len());
        let bytes = bytes.get(..needed).ok_or(Error::Truncated { needed, actual })?;
        match Restored::of(&self.levels) {
            Some(law) if self.is_short(values.len()) => self.decode_pieces::<T, SHORT>(start, bytes, values, law),
            Some(law) => self.decode_pieces::<T, PIECE>(start, bytes, values, law),
            None => self.decode_one_by_one(start, bytes, values),
        }?;
        Ok(needed)
    }

    fn decode_pieces<T: Element, const LEN: usize>(
        &self,
        start: usize,
        bytes: &[u8],
        values: &mut [T],
        law: Restored,
    ) -> Result<()> {
        let step = self.step(LEN);
        if let Some(values) = T::as_f32_mut(values)
            && self.decode_stored(bytes, values, law)
        {
            return Ok(());
        }
        let bytes = bytes.chunks(self.bytes_of(step));
        let mut scales = [0.0; BLOCKS];
        if let Some(values) = T::as_f32_mut(values) {
            for (values, bytes) in values.chunks_mut(step).zip(bytes) {
                self.decode_piece::<LEN>(bytes, &mut scales, values, law)?;
            }
            return Ok(());
        }
        let radius = OnceCell::new();
        let mut wide = [0.0; LEN];
        for (i, (values, bytes)) in values.chunks_mut(step).zip(bytes).enumerate() {
            let (at, wide) = (start + i * step, &mut wide[..values.len()]);
            self.decode_piece::<LEN>(bytes, &mut scales, wide, law)?;
            narrow(at, wide, values, |index| self.narrowing_bound(&radius, scales[(index - at) / self.block]))?;
        }
        Ok(())
    }

    /// All at once, if there are kernels for that and nothing is wrong; returns whether.
    fn decode_stored(&self, bytes: &[u8], values: &mut [f32], law: Restored) -> bool {
        let width = match law {
            Restored::Integers(_) => 8,
            Restored::Table(_) => 4,
        };
        let half = self.scale_type.half().filter(|_| self.width() == width && values.len().is_multiple_of(self.block));
        let most =
            half.and_then(|half| law.dequantize_stored(stored::Blocks { half, block: self.block }, bytes, values));
        most.is_some_and(|most| u32::from(most) < self.levels.level_count())
    }

    /// The radius is asked once, and only if a level is beyond the element.
    fn narrowing_bound(&self, radius: &OnceCell<f32>, scale: f32) -> f64 {
        let radius = *radius.get_or_init(|| self.levels.radius());
        2.0 * rounding_bound(scale, radius.into(), self.ends())
    }

    /// At most [`BLOCKS`] blocks.
    fn decode_piece<const LEN: usize>(
        &self,
        bytes: &[u8],
        scales: &mut [f32; BLOCKS],
        values: &mut [f32],
        law: Restored,
    ) -> Result<()> {
        let (head, stride, width) = (self.scale_type.size(), self.block_len(self.block), self.width());
        let scales = &mut scales[..values.len().div_ceil(self.block)];
        let usable = self.scale_type.read_strided(bytes, stride, scales)?;
        // Codes lie behind the first scale, and from there on as far apart as blocks are.
        let bytes = &bytes[head..];
        let direct = Layout { block: self.block, stride, nibbles: width == 4 };
        let whole_bytes = self.block.is_multiple_of(2) && values.len().is_multiple_of(2);
        let most = match law {
            Restored::Integers(_) if usable && width == u8::BITS => law.dequantize(direct, scales, bytes, values),
            Restored::Table(_) if usable && width == 4 && whole_bytes => law.dequantize(direct, scales, bytes, values),
            _ => {
                let mut codes = [0; LEN];
                let codes = &mut codes[..values.len()];
                self.unpack(bytes, codes)?;
                self.restore(usable, law, scales, codes, values)
            }
        };
        if u32::from(most) < self.levels.level_count() {
            return Ok(());
        }
        Err(Error::Corrupt { what: "code", found: most.into() })
    }

    /// The codes of blocks from the bytes behind their scales.
    fn unpack(&self, bytes: &[u8], codes: &mut [u8]) -> Result<()> {
        let (width, stride) = (self.width(), self.block_len(self.block));
        let (len, blocks) = (self.packed_len(self.block), self.gathered());
        let mut gathered = [0; GATHERED];
        for (codes, bytes) in codes.chunks_mut(blocks * self.block).zip(bytes.chunks(blocks * stride)) {
            let packed_len = self.packed_len(codes.len());
            let pad = if blocks == 1 {
                bits::unpack(width, &bytes[..packed_len], codes)
            } else {
                let gathered = &mut gathered[..packed_len];
                for (packed, bytes) in gathered.chunks_mut(len).zip(bytes.chunks(stride)) {
                    packed.copy_from_slice(&bytes[..packed.len()]);
                }
                bits::unpack(width, gathered, codes)
            };
            if pad != 0 {
                return Err(Error::Corrupt { what: "pad bits", found: pad.into() });
            }
        }
        Ok(())
    }

    /// Returns the largest code.
    fn restore(&self, usable: bool, law: Restored, scales: &[f32], codes: &[u8], values: &mut [f32]) -> u8 {
        if usable {
            return law.dequantize(Layout::dense(self.block), scales, codes, values);
        }
        let blocks = codes.chunks(self.block).zip(values.chunks_mut(self.block));
        for (&scale, (codes, values)) in scales.iter().zip(blocks) {
            self.dequantize(scale, codes, values);
        }
        codes.iter().copied().max().unwrap_or(0)
    }

    /// For levels that no kernel knows, or that are many.
    fn decode_one_by_one<T: Element>(&self, start: usize, bytes: &[u8], values: &mut [T]) -> Result<()> {
        let (mut buffer, mut codes) = ([0.0; PIECE], [0; PIECE]);
        let radius = OnceCell::new();
        let blocks = values.chunks_mut(self.block).zip(bytes.chunks(self.block_len(self.block)));
        for (i, (values, bytes)) in blocks.enumerate() {
            let codes = &mut codes[..values.len()];
            if let Some(values) = T::as_f32_mut(values) {
                self.decode_block(bytes, codes, values)?;
                continue;
            }
            let wide = &mut buffer[..values.len()];
            let scale = self.decode_block(bytes, codes, wide)?;
            narrow(start + i * self.block, wide, values, |_| self.narrowing_bound(&radius, scale))?;
        }
        Ok(())
    }

    /// Fills `values`; returns the scale.
    fn decode_block(&self, bytes: &[u8], codes: &mut [BlockCode], values: &mut [f32]) -> Result<f32> {
        let mut reader = Reader::new(bytes);
        let scale = self.scale_type.read(&mut reader)?;
        let pad = bits::unpack(self.width(), reader.rest, codes);
        if pad != 0 {
            return Err(Error::Corrupt { what: "pad bits", found: pad.into() });
        }
        let largest = codes.iter().copied().max().unwrap_or_default().to_u32();
        if largest >= self.levels.level_count() {
            return Err(Error::Corrupt { what: "code", found: largest.into() });
        }
        self.dequantize(scale, codes, values);
        Ok(scale)
    }
}
