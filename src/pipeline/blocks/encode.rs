//! Values to blocks: the extremes of many, their scales, then codes.

use super::{BLOCKS, BlockCode, Blocks, GATHERED, SHORT};
use crate::{
    element::{Element, PIECE, check_finite},
    error::{Error, Result, check_piece},
    kernel::{
        bits,
        blocks::{self, Layout},
        extrema,
    },
    quantizer::{Levels, Nearest, Scaling, are_within},
};

impl<L: Levels> Blocks<L> {
    pub(super) fn encode_values<T: Element>(&self, start: usize, values: &[T], bytes: &mut [u8]) -> Result<usize> {
        self.check_scale_type()?;
        check_piece(start, values.len(), self.block)?;
        let (needed, actual) = (self.bytes_of(values.len()), bytes.len());
        let bytes = bytes.get_mut(..needed).ok_or(Error::Length { what: "bytes", expected: needed, actual })?;
        match Nearest::of(&self.levels) {
            Some(law) if self.is_short(values.len()) => self.encode_pieces::<T, SHORT>(start, values, bytes, law),
            Some(law) => self.encode_pieces::<T, PIECE>(start, values, bytes, law),
            None => self.encode_one_by_one(start, values, bytes),
        }?;
        Ok(needed)
    }

    fn encode_pieces<T: Element, const LEN: usize>(
        &self,
        start: usize,
        values: &[T],
        bytes: &mut [u8],
        law: Nearest,
    ) -> Result<()> {
        let step = self.step(LEN);
        let bytes = bytes.chunks_mut(self.bytes_of(step));
        let mut codes = [0; LEN];
        if let Some(values) = T::as_f32(values) {
            for (i, (values, bytes)) in values.chunks(step).zip(bytes).enumerate() {
                self.encode_piece(start + i * step, values, &mut codes, bytes, law)?;
            }
            return Ok(());
        }
        let mut wide = [0.0; LEN];
        for (i, (values, bytes)) in values.chunks(step).zip(bytes).enumerate() {
            let wide = &mut wide[..values.len()];
            T::widen_into(values, wide)?;
            self.encode_piece(start + i * step, wide, &mut codes, bytes, law)?;
        }
        Ok(())
    }

    /// At most [`BLOCKS`] blocks, the first of which is at `at`.
    fn encode_piece(&self, at: usize, values: &[f32], codes: &mut [u8], bytes: &mut [u8], law: Nearest) -> Result<()> {
        let (mut largest, mut scales) = ([0; BLOCKS], [0.0; BLOCKS]);
        let count = values.len().div_ceil(self.block);
        let (largest, scales) = (&mut largest[..count], &mut scales[..count]);
        blocks::largest(self.block, values, largest);
        if largest.iter().fold(0, |most, &bits| most.max(bits.cast_signed())) >= f32::INFINITY.to_bits().cast_signed() {
            check_finite(values, at)?;
        }
        let (usable, within) = self.find_scales(at, values, largest, scales)?;
        let (head, stride) = (self.scale_type.size(), self.block_len(self.block));
        self.scale_type.write_strided(scales, stride, bytes);
        // Codes lie behind the first scale, and from there on as far apart as blocks are.
        let (bytes, width) = (&mut bytes[head..], self.width());
        if usable && (width == u8::BITS || width == 4) {
            let layout = Layout { block: self.block, stride, nibbles: width == 4 };
            law.quantize(within, layout, scales, values, bytes);
            return Ok(());
        }
        let codes = &mut codes[..values.len()];
        if usable {
            law.quantize(within, Layout::dense(self.block), scales, values, codes);
        } else {
            let blocks = values.chunks(self.block).zip(codes.chunks_mut(self.block));
            for (&scale, (values, codes)) in scales.iter().zip(blocks) {
                self.quantize(scale, values, codes);
            }
        }
        self.pack(codes, bytes);
        Ok(())
    }

    /// Codes of blocks to the bytes behind their scales.
    fn pack(&self, codes: &[u8], bytes: &mut [u8]) {
        let (width, stride) = (self.width(), self.block_len(self.block));
        let (len, blocks) = (self.packed_len(self.block), self.gathered());
        let mut gathered = [0; GATHERED];
        for (codes, bytes) in codes.chunks(blocks * self.block).zip(bytes.chunks_mut(blocks * stride)) {
            let packed_len = self.packed_len(codes.len());
            if blocks == 1 {
                bits::pack(width, codes, &mut bytes[..packed_len]);
                continue;
            }
            let gathered = &mut gathered[..packed_len];
            bits::pack(width, codes, gathered);
            for (packed, bytes) in gathered.chunks(len).zip(bytes.chunks_mut(stride)) {
                bytes[..packed.len()].copy_from_slice(packed);
            }
        }
    }

    /// The scale of each block; returns whether kernels can work with all of them, and whether it is known that levels reach all
    /// values.
    fn find_scales(&self, at: usize, values: &[f32], largest: &[u32], scales: &mut [f32]) -> Result<(bool, bool)> {
        let (first, last) = self.levels.range();
        let plain = if first == -last && last > 0.0 { self.scale_type.plain() } else { None };
        if let Some((mask, range)) = &plain
            && are_within(range, blocks::outward(last, *mask, largest, scales))
        {
            // Full integers have half a step of range that is nearest to no level but the last, and ties to the next one.
            let reached = self.levels.level(self.levels.level_count() - 1) >= last;
            return Ok((true, reached));
        }
        let mut usable = true;
        for (i, (scale, values)) in scales.iter_mut().zip(values.chunks(self.block)).enumerate() {
            if !plain.as_ref().is_some_and(|(_, range)| range.contains(&scale.to_bits())) {
                *scale = self.scale_of(at / self.block + i, values)?;
                usable &= blocks::USABLE.contains(&scale.to_bits());
            }
        }
        Ok((usable, false))
    }

    /// The scale of a block of finite values.
    fn scale_of(&self, block: usize, values: &[f32]) -> Result<f32> {
        let (mut low, mut high) = (0.0, 0.0);
        extrema::enclose(values, &mut low, &mut high);
        let scaling = Scaling { scale_type: self.scale_type, ..Scaling::default() };
        scaling.scale(&self.levels, block, low.into(), high.into()).map(|(scale, _)| scale)
    }

    /// For levels that no kernel knows, or that are many.
    fn encode_one_by_one<T: Element>(&self, start: usize, values: &[T], bytes: &mut [u8]) -> Result<()> {
        let (mut buffer, mut codes) = ([0.0; PIECE], [0; PIECE]);
        let blocks = values.chunks(self.block).zip(bytes.chunks_mut(self.block_len(self.block)));
        for (i, (values, bytes)) in blocks.enumerate() {
            let (at, codes) = (start + i * self.block, &mut codes[..values.len()]);
            if let Some(values) = T::as_f32(values) {
                self.encode_block(at, values, codes, bytes)?;
            } else {
                let wide = &mut buffer[..values.len()];
                T::widen_into(values, wide)?;
                self.encode_block(at, wide, codes, bytes)?;
            }
        }
        Ok(())
    }

    fn encode_block(&self, at: usize, values: &[f32], codes: &mut [BlockCode], bytes: &mut [u8]) -> Result<()> {
        check_finite(values, at)?;
        let scale = self.scale_of(at / self.block, values)?;
        self.quantize(scale, values, codes);
        let (head, packed) = bytes.split_at_mut(self.scale_type.size());
        head.copy_from_slice(&self.scale_type.encode(scale)[..self.scale_type.size()]);
        bits::pack(self.width(), codes, packed);
        Ok(())
    }
}
