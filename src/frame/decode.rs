//! A frame to values: all of them, or a range.

use super::{CHECKSUM, Chunks, Frame, Limits};
use crate::{
    code::Code,
    codec::{Codec, all_read},
    element::Element,
    error::{Error, Result, damaged, same_length},
    memory::{filled, resize},
    pipeline::{Coded, Pipeline, PipelineExt},
    quantizer::Quantizer,
    wire::check_checksum,
};
use alloc::vec::Vec;
use core::ops::Range;

/// Values of one block are decoded on the stack up to this many.
const EDGE: usize = 256;

/// A frame and the pipeline that decodes it.
///
/// Ranges read only their chunks. Decoding into a buffer allocates nothing, except
///
/// - for a range that cuts through a chunk of a variable rate, or through a block of more than 256 values: memory for the
///   chunk or the block, within default [`Limits`];
/// - for transforms whose blocks are longer than 4,096 values, as along a far axis: memory for a block;
/// - for maps of codes that remember more than 4,096: a code for each value of a chunk, two for shuffled ones.
#[derive(Debug, Clone)]
pub struct FrameDecoder<'a, P> {
    frame: Frame<'a>,
    pipeline: P,
}

impl<'a, P: Pipeline> FrameDecoder<'a, P> {
    /// Checks that the pipeline and the frame can belong together, before anything is decoded.
    pub(super) fn new(frame: Frame<'a>, pipeline: P) -> Result<Self> {
        if pipeline.check_len(frame.len).is_err() {
            return Err(Error::Corrupt {
                what: "stages were fitted to another number of values",
                found: frame.len as u64,
            });
        }
        if let Chunks::Many { len, .. } = frame.chunks
            && !len.is_multiple_of(pipeline.block().max(1))
        {
            return Err(Error::Corrupt { what: "chunks are no multiple of the stages' block", found: len as u64 });
        }
        Ok(Self { frame, pipeline })
    }

    /// The frame.
    pub fn frame(&self) -> &Frame<'a> {
        &self.frame
    }

    /// The pipeline.
    pub fn pipeline(&self) -> &P {
        &self.pipeline
    }

    /// All values, within default [`Limits`].
    pub fn decode<T: Element>(&self) -> Result<Vec<T>> {
        self.decode_within(Limits::default())
    }

    /// All values, into a vector that grows one chunk ahead of those that have decoded.
    pub fn decode_within<T: Element>(&self, limits: Limits) -> Result<Vec<T>> {
        limits.check(self.frame.len, size_of::<T>(), self.frame.byte_len)?;
        self.check_element::<T>()?;
        let mut values = Vec::new();
        self.for_each_chunk(0..self.frame.len, |at, stream, range| {
            // A fixed rate rules a false count out before memory is taken for it.
            self.check_rate(stream, range.len())?;
            resize(&mut values, at + range.len())?;
            self.decode_stream(at, stream, &mut values[at..])
        })?;
        Ok(values)
    }

    /// All values, into a buffer of their number.
    pub fn decode_into<T: Element>(&self, values: &mut [T]) -> Result<()> {
        self.decode_range_into(0..self.frame.len, values)
    }

    /// The values of `range`, into a buffer of their number.
    pub fn decode_range_into<T: Element>(&self, range: Range<usize>, values: &mut [T]) -> Result<()> {
        self.check_element::<T>()?;
        if range.start > range.end || range.end > self.frame.len {
            let worst = range.start.max(range.end);
            return Err(Error::Setting { name: "range", value: worst as f64, allowed: "a range within the frame" });
        }
        same_length("values", range.len(), values.len())?;
        self.for_each_chunk(range.clone(), |at, stream, chunk| {
            let wanted = chunk.start.max(range.start)..chunk.end.min(range.end);
            let out = &mut values[wanted.start - range.start..wanted.end - range.start];
            self.check_rate(stream, chunk.len())?;
            if wanted == chunk {
                return self.decode_stream(at, stream, out);
            }
            self.decode_part(stream, &chunk, wanted, out)
        })
    }

    /// All of a stream. The element is the one that was encoded, so there is no wider one to ask for: what does not fit
    /// it says that the bytes are wrong, as a code beyond the levels does.
    fn decode_stream<T: Element>(&self, at: usize, stream: &[u8], values: &mut [T]) -> Result<()> {
        self.pipeline.decode_piece_into(at, stream, values).map_err(|error| match error {
            Error::Overflow { index, .. } => {
                Error::Corrupt { what: "a level beyond the frame's element, at value", found: index as u64 }
            }
            other => damaged(other),
        })
    }

    /// Some values of a chunk.
    fn decode_part<T: Element>(
        &self,
        stream: &[u8],
        chunk: &Range<usize>,
        wanted: Range<usize>,
        out: &mut [T],
    ) -> Result<()> {
        let block = self.pipeline.block().max(1);
        let offset = |values: usize| self.pipeline.encoded_len(values - chunk.start);
        if offset(chunk.end).is_none() {
            // A few bytes may stand for any number of values.
            Limits::default().check(chunk.len(), size_of::<T>(), self.frame.byte_len)?;
            let mut all = filled::<T>(chunk.len())?;
            self.decode_stream(chunk.start, stream, &mut all)?;
            out.copy_from_slice(&all[wanted.start - chunk.start..wanted.end - chunk.start]);
            return Ok(());
        }
        // Whole blocks go straight into the buffer; a block that the range cuts goes through the stack, if it fits.
        let mut at = wanted.start;
        while at < wanted.end {
            let first = at - (at - chunk.start) % block;
            let whole = (wanted.end - first) / block * block;
            let last = if at == first && whole > 0 { first + whole } else { chunk.end.min(first + block) };
            let bytes = offset(first).zip(offset(last)).and_then(|(from, to)| stream.get(from..to));
            let bytes = bytes.ok_or(Error::Corrupt { what: "length of a chunk", found: stream.len() as u64 })?;
            let to = last.min(wanted.end);
            let part = &mut out[at - wanted.start..to - wanted.start];
            if part.len() == last - first {
                self.decode_stream(first, bytes, part)?;
            } else {
                let (mut stack, mut heap) = ([T::default(); EDGE], Vec::new());
                let edge = if last - first <= EDGE {
                    &mut stack[..last - first]
                } else {
                    // Codes can be far fewer than values.
                    Limits::default().check(last - first, size_of::<T>(), self.frame.byte_len)?;
                    resize(&mut heap, last - first)?;
                    &mut heap[..]
                };
                self.decode_stream(first, bytes, edge)?;
                part.copy_from_slice(&edge[at - first..to - first]);
            }
            at = to;
        }
        Ok(())
    }

    fn check_element<T: Element>(&self) -> Result<()> {
        let stored = self.frame.dtype;
        if stored == T::DTYPE { Ok(()) } else { Err(Error::WrongElement { stored, requested: T::DTYPE }) }
    }

    fn check_rate(&self, stream: &[u8], values: usize) -> Result<()> {
        match self.pipeline.encoded_len(values) {
            Some(expected) if expected != stream.len() => {
                Err(Error::Corrupt { what: "length of a chunk", found: stream.len() as u64 })
            }
            _ => Ok(()),
        }
    }

    /// Calls `each(first value, stream, values)` for every chunk that holds a part of `range`, checksums verified.
    fn for_each_chunk(
        &self,
        range: Range<usize>,
        mut each: impl FnMut(usize, &[u8], Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let all = self.frame.len;
        let Chunks::Many { len, table } = &self.frame.chunks else {
            return each(0, self.frame.payload, 0..all);
        };
        let mut table = table.clone();
        let mut payload = self.frame.payload;
        for from in (0..range.end).step_by(*len) {
            let damaged = Error::Corrupt { what: "chunk table", found: from as u64 };
            let stream_len = table.size()?;
            let (stream, rest) = payload.split_at_checked(stream_len).ok_or(damaged.clone())?;
            let (stored, rest) = rest.split_first_chunk::<CHECKSUM>().ok_or(damaged)?;
            payload = rest;
            let to = all.min(from.saturating_add(*len));
            if range.start < to {
                check_checksum("a chunk", stream, u32::from_le_bytes(*stored))?;
                each(from, stream, from..to)?;
            }
        }
        Ok(())
    }
}

impl<Q: Quantizer, K: Codec<Code = Q::Code>> FrameDecoder<'_, Coded<Q, K>> {
    /// All codes, into a buffer of [`code_len`](Quantizer::code_len) of the frame's values: for work on codes and
    /// scales without restoring the values.
    ///
    /// ```
    /// use fewbits::{BitPack, Coded, Fit, Frame, Uniform, UniformQuantizer};
    ///
    /// let pipeline = Coded::packed(Uniform::new(4).fit(&[0.7_f32, -0.1, 0.2])?);
    /// let bytes = Frame::encode(&pipeline, &[0.7_f32, -0.1, 0.2])?;
    ///
    /// let decoder = Frame::parse(&bytes)?.decoder_of::<Coded<UniformQuantizer, BitPack<u8>>>()?;
    /// let mut codes = [0; 3];
    /// decoder.decode_codes_into(&mut codes)?;
    /// let quantizer = &decoder.pipeline().quantizer;
    /// assert_eq!(codes.map(|code| i32::from(code) + quantizer.unit().min()), [7, -1, 2]);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn decode_codes_into(&self, codes: &mut [Q::Code]) -> Result<()> {
        let Coded { quantizer, codec } = &self.pipeline;
        same_length("codes", quantizer.code_len(self.frame.len), codes.len())?;
        self.for_each_chunk(0..self.frame.len, |at, stream, range| {
            let (from, to) = (quantizer.code_len(at), quantizer.code_len(range.end));
            let codes = codes.get_mut(from..to).unwrap_or_default();
            let read = codec.decode_at(from, stream, codes)?;
            all_read(read, stream)?;
            match codes.iter().map(|code| code.to_u32()).find(|&code| code >= quantizer.level_count()) {
                Some(code) => Err(Error::Corrupt { what: "code", found: code.into() }),
                None => Ok(()),
            }
        })
    }
}
