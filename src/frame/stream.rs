//! Values to a frame whose end is not known yet.

use super::{
    CHECKSUM, FrameWriter, MAGIC,
    flags::{self, Layout},
    records::{MAX_HEAD, Records},
    write::VARINT,
};
use crate::{
    element::Element,
    error::{Error, Result},
    pipeline::Pipeline,
    wire::{FORMAT_VERSION, checksum, put_varint},
};
use alloc::{vec, vec::Vec};
use core::marker::PhantomData;

/// Writes a frame piece by piece: for values that are not all there yet, or that no memory holds.
///
/// Each push gives bytes to append to those before; what [`finish`](Self::finish) gives is the end, without which the
/// bytes are no frame. All together they are read as any frame is ([`Frame::parse`](crate::Frame::parse), ranges
/// included), or chunk by chunk as they arrive ([`FrameStreamDecoder`](crate::FrameStreamDecoder)). No I/O is done here.
///
/// The pipeline is fitted before the first push: to a sample, to a [`Histogram`](crate::Histogram), or not at all, as
/// [`Blocks`](crate::Blocks). One that is fitted to a certain number of values, such as one with a scale per block,
/// takes exactly so many, which is checked at the end.
///
/// Cost: that of the pipeline. Each chunk takes 6 to 9 bytes beside its stream, as a rule, and the end at most 15. Where
/// all values are there, [`FrameWriter::encode`] writes a table instead, in which readers find a chunk without going
/// over those before it.
///
/// An error leaves the stream as it was before the call.
///
/// ```
/// use fewbits::{Blocks, Frame, FrameWriter};
///
/// let blocks = Blocks::uniform(8, 64)?;
/// let mut stream = FrameWriter::new(&blocks).chunk_len(512).stream::<f32>();
/// let mut bytes = Vec::new(); // a file, or a socket
/// for second in 0..3 {
///     let samples: Vec<f32> = (0..1024).map(|i| ((1024 * second + i) as f32 * 0.01).sin()).collect();
///     bytes.extend(stream.push(&samples)?);
/// }
/// bytes.extend(stream.push(&[0.5; 100])?); // the last values
/// bytes.extend(stream.finish()?);
///
/// let frame = Frame::parse(&bytes)?;
/// assert_eq!((frame.len(), frame.chunk_len()), (3 * 1024 + 100, 512));
/// let restored: Vec<f32> = fewbits::decompress(&bytes)?;
/// assert!((restored[3100] - 0.5).abs() < 0.01);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FrameStream<'a, T, P: ?Sized> {
    writer: FrameWriter<'a, P>,
    /// Magic to chunk length, with their checksum.
    header: Vec<u8>,
    header_is_out: bool,
    has_ended: bool,
    records: Records,
    element: PhantomData<T>,
}

impl<'a, T: Element, P: Pipeline + ?Sized> FrameStream<'a, T, P> {
    pub(super) fn new(writer: FrameWriter<'a, P>) -> Self {
        let mut header = MAGIC.to_vec();
        header.extend([FORMAT_VERSION, flags::write(T::DTYPE, Layout::Streamed)]);
        header.extend_from_slice(&writer.sections);
        put_varint(&mut header, writer.chunk_len as u64);
        let checksum = checksum(&header);
        header.extend_from_slice(&checksum.to_le_bytes());
        let records = Records::new(writer.chunk_len, checksum);
        Self { writer, header, header_is_out: false, has_ended: false, records, element: PhantomData }
    }

    /// Values of a chunk.
    pub const fn chunk_len(&self) -> usize {
        self.records.chunk_len()
    }

    /// Values pushed so far.
    pub const fn len(&self) -> usize {
        self.records.count
    }

    /// Whether none was pushed.
    pub const fn is_empty(&self) -> bool {
        self.records.count == 0
    }

    /// Bytes that suffice for any push of `values` values, and with 0 for the end.
    pub fn max_encoded_len(&self, values: usize) -> usize {
        let (whole, rest) = (values / self.chunk_len(), values % self.chunk_len());
        let record = |values| self.writer.pipeline.max_encoded_len(values).saturating_add(MAX_HEAD + CHECKSUM);
        let records = whole.saturating_mul(record(self.chunk_len())).saturating_add(record(rest));
        records.saturating_add(self.header.len() + 1 + VARINT + CHECKSUM)
    }

    /// Some chunks of values to bytes that follow those before; returns how many were written. The number of values is a
    /// multiple of the [length of a chunk](Self::chunk_len), except in the last push. `bytes` has room for
    /// [`max_encoded_len`](Self::max_encoded_len).
    pub fn push_into(&mut self, values: &[T], bytes: &mut [u8]) -> Result<usize> {
        self.check(bytes, values.len())?;
        if self.records.is_last && !values.is_empty() {
            return Err(Error::Unsuited {
                setting: "a chunk behind a shorter one",
                remedy: "only the last one may be short; push multiples of the length of a chunk before",
            });
        }
        let mut written = self.write_header(bytes);
        let mut records = self.records.clone();
        for chunk in values.chunks(self.chunk_len()) {
            let stream = written + MAX_HEAD;
            let len = self.writer.pipeline.encode_at(records.count, T::erase(chunk), &mut bytes[stream..])?;
            let mut head = Vec::with_capacity(MAX_HEAD);
            put_varint(&mut head, chunk.len() as u64);
            put_varint(&mut head, len as u64);
            // The head is as long as it is once the stream is there, so the stream moves up to it.
            bytes[written..written + head.len()].copy_from_slice(&head);
            bytes.copy_within(stream..stream + len, written + head.len());
            let end = written + head.len() + len;
            let checksum = checksum(&bytes[written..end]);
            bytes[end..end + CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
            records.pass(chunk.len(), checksum);
            written = end + CHECKSUM;
        }
        self.records = records;
        self.header_is_out = true;
        Ok(written)
    }

    /// As [`push_into`](Self::push_into), to a vector of bytes.
    pub fn push(&mut self, values: &[T]) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.max_encoded_len(values.len())];
        let len = self.push_into(values, &mut bytes)?;
        bytes.truncate(len);
        Ok(bytes)
    }

    /// The end of the frame; returns how many bytes were written. `bytes` has room for
    /// [`max_encoded_len`](Self::max_encoded_len) of 0. Nothing can be pushed afterwards.
    pub fn finish_into(&mut self, bytes: &mut [u8]) -> Result<usize> {
        self.check(bytes, 0)?;
        self.writer.pipeline.check_len(self.records.count)?;
        let at = self.write_header(bytes);
        let end = self.records.end();
        bytes[at..at + end.len()].copy_from_slice(&end);
        (self.header_is_out, self.has_ended) = (true, true);
        Ok(at + end.len())
    }

    /// As [`finish_into`](Self::finish_into), to a vector of bytes.
    pub fn finish(&mut self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.max_encoded_len(0)];
        let len = self.finish_into(&mut bytes)?;
        bytes.truncate(len);
        Ok(bytes)
    }

    fn check(&self, bytes: &[u8], values: usize) -> Result<()> {
        self.writer.readable.clone()?;
        if self.has_ended {
            return Err(Error::Unsuited { setting: "more of a frame", remedy: "it has ended; begin another stream" });
        }
        let expected = self.max_encoded_len(values);
        if bytes.len() < expected {
            return Err(Error::Length { what: "bytes", expected, actual: bytes.len() });
        }
        Ok(())
    }

    /// The header, unless it is out; returns how long it is.
    fn write_header(&self, bytes: &mut [u8]) -> usize {
        if self.header_is_out {
            return 0;
        }
        bytes[..self.header.len()].copy_from_slice(&self.header);
        self.header.len()
    }
}
