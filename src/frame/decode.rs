//! A frame to values: all of them, or a range.

use super::{Frame, Limits, chunks::Chunk};
use crate::{
    code::Code,
    codec::{Codec, all_read},
    element::Element,
    error::{Error, Result, damaged, same_length},
    memory::{filled, resize},
    pipeline::{Coded, Pipeline, PipelineExt},
    quantizer::Quantizer,
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
        check_count(&pipeline, frame.len)?;
        frame.check_block(pipeline.block().max(1))?;
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
        self.decode_range_within(0..self.frame.len, limits)
    }

    /// The values of `range`, within default [`Limits`].
    pub fn decode_range<T: Element>(&self, range: Range<usize>) -> Result<Vec<T>> {
        self.decode_range_within(range, Limits::default())
    }

    /// As [`decode_range`](Self::decode_range), within the caller's limits, which are about the values of the range alone.
    pub fn decode_range_within<T: Element>(&self, range: Range<usize>, limits: Limits) -> Result<Vec<T>> {
        self.check_range(&range)?;
        limits.check(range.len(), size_of::<T>(), self.frame.byte_len)?;
        self.check_element::<T>()?;
        let mut values = Vec::new();
        self.for_each_chunk(range.clone(), |chunk| {
            // A fixed rate rules a false count out before memory is taken for it.
            check_rate(&self.pipeline, chunk)?;
            let (done, wanted) = (values.len(), chunk.part(&range));
            resize(&mut values, done + wanted.len())?;
            self.decode_wanted(chunk, wanted, &mut values[done..])
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
        self.check_range(&range)?;
        same_length("values", range.len(), values.len())?;
        self.for_each_chunk(range.clone(), |chunk| {
            let wanted = chunk.part(&range);
            let out = &mut values[wanted.start - range.start..wanted.end - range.start];
            check_rate(&self.pipeline, chunk)?;
            self.decode_wanted(chunk, wanted, out)
        })
    }

    /// All of a chunk, or some.
    pub(super) fn decode_wanted<T: Element>(
        &self,
        chunk: &Chunk<'_>,
        wanted: Range<usize>,
        out: &mut [T],
    ) -> Result<()> {
        if wanted == chunk.values {
            return decode_stream(&self.pipeline, wanted.start, chunk.stream, out);
        }
        self.decode_part(chunk, wanted, out)
    }

    /// Some values of a chunk.
    fn decode_part<T: Element>(&self, chunk: &Chunk<'_>, wanted: Range<usize>, out: &mut [T]) -> Result<()> {
        if wanted.is_empty() {
            return Ok(());
        }
        let Chunk { stream, values: chunk, .. } = chunk;
        let block = self.pipeline.block().max(1);
        let offset = |values: usize| self.pipeline.encoded_len(values - chunk.start);
        if offset(chunk.end).is_none() {
            // A few bytes may stand for any number of values.
            Limits::default().check(chunk.len(), size_of::<T>(), self.frame.byte_len)?;
            let mut all = filled::<T>(chunk.len())?;
            decode_stream(&self.pipeline, chunk.start, stream, &mut all)?;
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
                decode_stream(&self.pipeline, first, bytes, part)?;
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
                decode_stream(&self.pipeline, first, bytes, edge)?;
                part.copy_from_slice(&edge[at - first..to - first]);
            }
            at = to;
        }
        Ok(())
    }

    pub(super) fn check_element<T: Element>(&self) -> Result<()> {
        let stored = self.frame.dtype;
        if stored == T::DTYPE { Ok(()) } else { Err(Error::WrongElement { stored, requested: T::DTYPE }) }
    }

    fn check_range(&self, range: &Range<usize>) -> Result<()> {
        if range.start <= range.end && range.end <= self.frame.len {
            return Ok(());
        }
        let worst = range.start.max(range.end);
        Err(Error::Setting { name: "range", value: worst as f64, allowed: "a range within the frame" })
    }

    /// Calls `each` for every chunk that holds a part of `range`, checksums verified.
    pub(super) fn for_each_chunk(
        &self,
        range: Range<usize>,
        mut each: impl FnMut(&Chunk<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut walk = self.frame.walk();
        while let Some(chunk) = walk.next_before(range.end)? {
            if range.start < chunk.values.end || chunk.checked.is_none() {
                chunk.check()?;
                each(&chunk)?;
            }
        }
        Ok(())
    }
}

/// The stages are for so many values.
pub(super) fn check_count<P: Pipeline>(pipeline: &P, values: usize) -> Result<()> {
    pipeline
        .check_len(values)
        .map_err(|_| Error::Corrupt { what: "stages were fitted to another number of values", found: values as u64 })
}

/// A chunk has the bytes that a fixed rate gives its values.
pub(super) fn check_rate<P: Pipeline>(pipeline: &P, chunk: &Chunk<'_>) -> Result<()> {
    match pipeline.encoded_len(chunk.values.len()) {
        Some(expected) if expected != chunk.stream.len() => {
            Err(Error::Corrupt { what: "length of a chunk", found: chunk.stream.len() as u64 })
        }
        _ => Ok(()),
    }
}

/// All of a stream. The element is the one that was encoded, so there is no wider one to ask for: what does not fit it
/// says that the bytes are wrong, as a code beyond the levels does.
pub(super) fn decode_stream<T: Element, P: Pipeline>(
    pipeline: &P,
    at: usize,
    stream: &[u8],
    values: &mut [T],
) -> Result<()> {
    pipeline.decode_piece_into(at, stream, values).map_err(|error| match error {
        Error::Overflow { index, .. } => {
            Error::Corrupt { what: "a level beyond the frame's element, at value", found: index as u64 }
        }
        other => damaged(other),
    })
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
        self.for_each_chunk(0..self.frame.len, |Chunk { stream, values, .. }| {
            let (from, to) = (quantizer.code_len(values.start), quantizer.code_len(values.end));
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
