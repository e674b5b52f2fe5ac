//! Bytes that describe themselves.
//!
//! `docs/format.md` shows the layout byte by byte. In short: magic, version, flags (element; one chunk, several, or
//! streamed), count, stages, side information, chunk table, payload, checksum. Parsing borrows and allocates nothing.

mod chunks;
mod convert;
mod decode;
mod limits;
#[cfg(feature = "rayon")]
mod parallel;
mod records;
mod stages;
mod stream;
mod stream_decoder;
mod write;

pub use decode::FrameDecoder;
pub use limits::Limits;
pub use stream::FrameStream;
pub use stream_decoder::FrameStreamDecoder;
pub use write::FrameWriter;

use crate::{
    description::{Description, Restore, Stages},
    dtype::DType,
    element::Element,
    error::{Error, Result},
    pipeline::Pipeline,
    wire::{Reader, check_checksum, check_version},
};
use alloc::{boxed::Box, vec::Vec};
use chunks::{Chunks, Walk};
use flags::Layout;
use records::Records;

pub(crate) const MAGIC: [u8; 4] = *b"fewb";
/// Bytes of a checksum.
pub(crate) const CHECKSUM: usize = 4;

/// The second byte after the magic.
pub(crate) mod flags {
    use super::{DType, Error, Result};

    /// How the payload is cut.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Layout {
        Whole,
        Chunked,
        Streamed,
    }

    const CHUNKED: u8 = 1 << 2;
    const STREAMED: u8 = 1 << 3;

    pub(crate) const fn write(dtype: DType, layout: Layout) -> u8 {
        let layout = match layout {
            Layout::Whole => 0,
            Layout::Chunked => CHUNKED,
            Layout::Streamed => STREAMED,
        };
        dtype.to_byte() | layout
    }

    pub(crate) fn read(flags: u8) -> Result<(DType, Layout)> {
        let corrupt = Error::Corrupt { what: "flags", found: flags.into() };
        let layout = match flags & (CHUNKED | STREAMED) {
            0 => Layout::Whole,
            CHUNKED => Layout::Chunked,
            STREAMED => Layout::Streamed,
            _ => return Err(corrupt),
        };
        match DType::from_byte(flags & !(CHUNKED | STREAMED)) {
            Some(dtype) => Ok((dtype, layout)),
            None => Err(corrupt),
        }
    }
}

/// A parsed frame; borrows its bytes.
///
/// Parsing checks the structure and the checksum of the header, or of the whole frame where it is a single chunk.
/// Nothing is decoded until a [decoder](Self::decoder) is asked, which checks the rest.
///
/// ```
/// use fewbits::{Coded, DType, Fit, Frame, Uniform};
///
/// let values = [0.5_f32, -1.0, 0.25, 0.75, -0.125];
/// let quantizer = Uniform::new(8).fit(&values)?;
/// let pipeline = Coded::packed(quantizer);
/// let bytes = Frame::encode(&pipeline, &values)?;
///
/// let frame = Frame::parse(&bytes)?; // anywhere, any time later
/// assert_eq!((frame.len(), frame.dtype()), (5, DType::F32));
/// let restored: Vec<f32> = frame.decode()?;
/// assert!(values.iter().zip(&restored).all(|(v, r)| (v - r).abs() < 0.004));
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Frame<'a> {
    byte_len: usize,
    dtype: DType,
    len: usize,
    stages: Stages<'a>,
    chunks: Chunks<'a>,
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Values to a frame, in chunks of the default size. See [`FrameWriter`] for other sizes and for caller's buffers.
    pub fn encode<T: Element, P: Pipeline + ?Sized>(pipeline: &P, values: &[T]) -> Result<Vec<u8>> {
        FrameWriter::new(pipeline).encode(values)
    }

    /// Reads the header, and of a streamed frame where its chunks are. `bytes` is one whole frame and nothing else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        if reader.bytes(MAGIC.len()).map_err(|_| Error::NotAFrame)? != MAGIC {
            return Err(Error::NotAFrame);
        }
        let (dtype, layout) = read_layout(&mut reader)?;
        if layout == Layout::Streamed {
            return Self::parse_streamed(bytes, reader, dtype);
        }
        let chunked = layout == Layout::Chunked;
        let len = reader.size()?;
        let stages = Stages::read(&mut reader)?;
        let chunks = if chunked { Self::read_chunks(&mut reader, len)? } else { Chunks::One };
        let payload_len = reader.size()?;
        let header = &bytes[..bytes.len() - reader.remaining()];
        if chunked {
            check_checksum("the header", header, reader.u32()?)?;
        }
        let payload = reader.bytes(payload_len)?;
        if !chunked {
            check_checksum("the frame", &bytes[..header.len() + payload_len], reader.u32()?)?;
        }
        reader.finish()?;
        let frame = Self { byte_len: bytes.len(), dtype, len, stages, chunks, payload };
        frame.check_chunks()?;
        Ok(frame)
    }

    /// Goes over the records once: how many values there are is known at their end.
    fn parse_streamed(bytes: &'a [u8], mut reader: Reader<'a>, dtype: DType) -> Result<Self> {
        let (stages, records) = read_streamed(bytes, &mut reader)?;
        let chunks = Chunks::Streamed(records.clone());
        let (payload, mut walk) = (reader.rest, records);
        while walk.next(&mut reader)?.is_some() {}
        let payload = &payload[..payload.len() - reader.remaining()];
        reader.finish()?;
        Ok(Self { byte_len: bytes.len(), dtype, len: walk.count, stages, chunks, payload })
    }

    fn read_chunks(reader: &mut Reader<'a>, values: usize) -> Result<Chunks<'a>> {
        let table_len = reader.size()?;
        let mut table = Reader::new(reader.bytes(table_len)?);
        let len = table.size()?;
        if len == 0 || len >= values {
            return Err(Error::Corrupt { what: "chunk length", found: len as u64 });
        }
        Ok(Chunks::Many { len, table })
    }

    /// The chunk table describes exactly as many chunks as the values need, and they fill the payload.
    fn check_chunks(&self) -> Result<()> {
        let Chunks::Many { len, table } = &self.chunks else {
            return Ok(());
        };
        let mut table = table.clone();
        let mut total = 0_usize;
        for _ in 0..self.len.div_ceil(*len) {
            total = total.saturating_add(table.size()?).saturating_add(CHECKSUM);
        }
        table.finish()?;
        if total == self.payload.len() {
            Ok(())
        } else {
            Err(Error::Corrupt { what: "chunk lengths do not fill the payload", found: total as u64 })
        }
    }

    /// Chunks start where the stages' blocks do.
    fn check_block(&self, block: usize) -> Result<()> {
        match self.chunks {
            Chunks::One => Ok(()),
            Chunks::Many { len, .. } => check_chunk_len(len, block),
            Chunks::Streamed(ref records) => check_chunk_len(records.chunk_len(), block),
        }
    }

    /// From chunk to chunk.
    fn walk(&self) -> Walk<'a> {
        Walk::new(self.chunks.clone(), self.payload, self.len)
    }

    /// Values in the frame.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The element the frame was made from, and decodes to.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Values that are decoded together: all of them, or the length of a chunk.
    pub fn chunk_len(&self) -> usize {
        match self.chunks {
            Chunks::One => self.len,
            Chunks::Many { len, .. } => len,
            Chunks::Streamed(ref records) => records.chunk_len(),
        }
    }

    /// The stages, for readers of their own.
    pub fn stages(&self) -> Stages<'a> {
        self.stages.clone()
    }

    /// Bytes of side information, such as scales.
    pub fn side_len(&self) -> usize {
        self.stages.side_len()
    }

    /// Bytes of the payload: the streams of all chunks, with their checksums where there is more than one; of a streamed
    /// frame all that follows the header.
    pub fn payload_len(&self) -> usize {
        self.payload.len()
    }

    /// A decoder of built-in stages. Allocates what the stages hold; decoding then allocates nothing of its own.
    pub fn decoder(&self) -> Result<FrameDecoder<'a, Box<dyn Pipeline>>> {
        self.decoder_of()
    }

    /// A decoder of stages known by type, built-in or of other crates.
    pub fn decoder_of<P: Pipeline + Restore>(&self) -> Result<FrameDecoder<'a, P>> {
        let mut stages = self.stages();
        let pipeline = P::restore(&mut stages)?;
        stages.finish()?;
        FrameDecoder::new(self.clone(), pipeline)
    }

    /// A decoder that uses `pipeline`, which must describe itself as the one that wrote the frame did.
    pub fn decoder_with<P: Pipeline>(&self, pipeline: P) -> Result<FrameDecoder<'a, P>> {
        if !self.stages.matches(&Description::of(&pipeline)) {
            return Err(Error::OtherPipeline);
        }
        FrameDecoder::new(self.clone(), pipeline)
    }

    /// All values, with built-in stages and default [`Limits`].
    pub fn decode<T: Element>(&self) -> Result<Vec<T>> {
        self.decoder()?.decode()
    }

    /// As [`decode`](Self::decode), within the caller's limits.
    pub fn decode_within<T: Element>(&self, limits: Limits) -> Result<Vec<T>> {
        self.decoder()?.decode_within(limits)
    }
}

/// Version and flags, behind the magic.
fn read_layout(reader: &mut Reader<'_>) -> Result<(DType, Layout)> {
    check_version(reader.u8()?)?;
    flags::read(reader.u8()?)
}

/// The rest of the header of a streamed frame, whose first byte is that of `bytes`.
fn read_streamed<'a>(bytes: &[u8], reader: &mut Reader<'a>) -> Result<(Stages<'a>, Records)> {
    let stages = Stages::read(reader)?;
    let chunk_len = reader.size()?;
    let header = &bytes[..bytes.len() - reader.remaining()];
    let stored = reader.u32()?;
    check_checksum("the header", header, stored)?;
    if chunk_len == 0 {
        return Err(Error::Corrupt { what: "chunk length", found: 0 });
    }
    Ok((stages, Records::new(chunk_len, stored)))
}

fn check_chunk_len(len: usize, block: usize) -> Result<()> {
    if len.is_multiple_of(block) {
        return Ok(());
    }
    Err(Error::Corrupt { what: "chunks are no multiple of the stages' block", found: len as u64 })
}
