//! A streamed frame to values, chunk by chunk as they arrive.

use super::{
    Limits, MAGIC, check_chunk_len,
    decode::{check_count, check_rate, decode_stream},
    flags::Layout,
    read_layout, read_streamed,
    records::Records,
};
use crate::{
    description::Restore,
    dtype::DType,
    element::Element,
    error::{Error, Result},
    memory::filled,
    pipeline::Pipeline,
    wire::Reader,
};
use alloc::{boxed::Box, vec::Vec};

/// Decodes what a [`FrameStream`](crate::FrameStream) writes, before its end is there.
///
/// Give it the bytes that have arrived and not been used. It says how many it used; [`Error::Truncated`] says that more
/// are needed to go on, and leaves it as it was. Each chunk has been checked when its values are returned, so they can be
/// used at once; that no chunk is missing is known when [`is_finished`](Self::is_finished). Bytes that end before that
/// were cut off.
///
/// It holds what the stages hold. How many bytes to keep while waiting for a chunk is up to the caller: its length is
/// what the bytes claim. Choose [`Frame::parse`](crate::Frame::parse) where all bytes are there, and for ranges.
///
/// ```
/// use fewbits::{Blocks, Error, FrameStreamDecoder, FrameWriter};
///
/// let blocks = Blocks::uniform(8, 64)?;
/// let mut stream = FrameWriter::new(&blocks).chunk_len(64).stream::<f32>();
/// let mut sent = stream.push(&[0.25; 200])?;
/// sent.extend(stream.finish()?);
///
/// let (mut decoder, mut arrived) = (None, Vec::new());
/// let mut values = Vec::new();
/// for packet in sent.chunks(10) {
///     arrived.extend_from_slice(packet);
///     loop {
///         let used = match &mut decoder {
///             None => FrameStreamDecoder::open(&arrived).map(|(opened, used)| {
///                 decoder = Some(opened);
///                 used
///             }),
///             Some(decoder) if decoder.is_finished() => break,
///             Some(decoder) => decoder.next_chunk::<f32>(&arrived).map(|(used, chunk)| {
///                 values.extend(chunk);
///                 used
///             }),
///         };
///         match used {
///             Ok(used) => drop(arrived.drain(..used)),
///             Err(Error::Truncated { .. }) => break, // wait for more
///             Err(error) => return Err(error),
///         }
///     }
/// }
/// assert!(decoder.is_some_and(|decoder| decoder.is_finished()));
/// assert_eq!(values.len(), 200);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FrameStreamDecoder<P = Box<dyn Pipeline>> {
    dtype: DType,
    pipeline: P,
    records: Records,
    is_finished: bool,
}

impl FrameStreamDecoder {
    /// Reads the header of a frame of built-in stages; returns how many bytes it takes.
    pub fn open(bytes: &[u8]) -> Result<(Self, usize)> {
        Self::open_of(bytes)
    }
}

impl<P: Pipeline + Restore> FrameStreamDecoder<P> {
    /// Reads the header of a frame of stages known by type; returns how many bytes it takes.
    pub fn open_of(bytes: &[u8]) -> Result<(Self, usize)> {
        if !bytes.iter().zip(&MAGIC).all(|(a, b)| a == b) {
            return Err(Error::NotAFrame);
        }
        let mut reader = Reader::new(bytes);
        reader.bytes(MAGIC.len())?;
        let (dtype, layout) = read_layout(&mut reader)?;
        if layout != Layout::Streamed {
            let remedy = "the frame was not streamed; parse it when it is whole";
            return Err(Error::Unsuited { setting: "one chunk after another", remedy });
        }
        let (mut stages, records) = read_streamed(bytes, &mut reader)?;
        let pipeline = P::restore(&mut stages)?;
        stages.finish()?;
        check_chunk_len(records.chunk_len(), pipeline.block().max(1))?;
        Ok((Self { dtype, pipeline, records, is_finished: false }, bytes.len() - reader.remaining()))
    }
}

impl<P: Pipeline> FrameStreamDecoder<P> {
    /// The element the frame was made from, and decodes to.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Values of every chunk but the last, which may be shorter.
    pub fn chunk_len(&self) -> usize {
        self.records.chunk_len()
    }

    /// Values so far.
    pub fn len(&self) -> usize {
        self.records.count
    }

    /// Whether there was none so far.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the end was there.
    pub fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// The pipeline.
    pub fn pipeline(&self) -> &P {
        &self.pipeline
    }

    /// The next chunk, within default [`Limits`]; returns how many bytes it takes, and its values. At the end there are
    /// none, and after the end neither bytes nor values.
    pub fn next_chunk<T: Element>(&mut self, bytes: &[u8]) -> Result<(usize, Vec<T>)> {
        self.next_chunk_within(bytes, Limits::default())
    }

    /// As [`next_chunk`](Self::next_chunk), within the caller's limits, which are about the chunk alone.
    pub fn next_chunk_within<T: Element>(&mut self, bytes: &[u8], limits: Limits) -> Result<(usize, Vec<T>)> {
        let mut values = Vec::new();
        let (used, _) = self.next(bytes, |count, used| {
            limits.check(count, size_of::<T>(), used)?;
            values = filled(count)?;
            Ok(&mut values[..])
        })?;
        Ok((used, values))
    }

    /// As [`next_chunk`](Self::next_chunk), into the front of a buffer that has room for
    /// [`chunk_len`](Self::chunk_len) values; returns how many bytes it takes, and how many values there are.
    pub fn next_chunk_into<T: Element>(&mut self, bytes: &[u8], values: &mut [T]) -> Result<(usize, usize)> {
        let actual = values.len();
        self.next(bytes, move |expected, _| {
            values.get_mut(..expected).ok_or(Error::Length { what: "values", expected, actual })
        })
    }

    /// The next record, into the values that `room(how many, bytes of the record)` gives.
    fn next<'v, T: Element>(
        &mut self,
        bytes: &[u8],
        room: impl FnOnce(usize, usize) -> Result<&'v mut [T]>,
    ) -> Result<(usize, usize)> {
        if self.dtype != T::DTYPE {
            return Err(Error::WrongElement { stored: self.dtype, requested: T::DTYPE });
        }
        if self.is_finished {
            return Ok((0, 0));
        }
        let (mut records, mut reader) = (self.records.clone(), Reader::new(bytes));
        let chunk = records.next(&mut reader)?;
        let used = bytes.len() - reader.remaining();
        let Some(chunk) = chunk else {
            check_count(&self.pipeline, self.records.count)?;
            self.is_finished = true;
            return Ok((used, 0));
        };
        chunk.check()?;
        check_rate(&self.pipeline, &chunk)?;
        let values = room(chunk.values.len(), used)?;
        decode_stream(&self.pipeline, chunk.values.start, chunk.stream, values)?;
        self.records = records;
        Ok((used, chunk.values.len()))
    }
}
