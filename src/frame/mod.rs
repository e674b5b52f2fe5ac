//! Bytes that describe themselves.
//!
//! `docs/format.md` shows the layout byte by byte. In short: magic, version, flags (element, chunked or not), count,
//! stages, side information, chunk table, payload, checksum. Parsing borrows and allocates nothing.

mod decode;
mod limits;
mod stages;
mod write;

pub use decode::FrameDecoder;
pub use limits::Limits;
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

pub(crate) const MAGIC: [u8; 4] = *b"fewb";
/// Bytes of a checksum.
pub(crate) const CHECKSUM: usize = 4;

/// The second byte after the magic.
pub(crate) mod flags {
    use super::{DType, Error, Result};

    const CHUNKED: u8 = 1 << 2;

    pub(crate) const fn write(dtype: DType, chunked: bool) -> u8 {
        dtype.to_byte() | if chunked { CHUNKED } else { 0 }
    }

    pub(crate) fn read(flags: u8) -> Result<(DType, bool)> {
        let corrupt = Error::Corrupt { what: "flags", found: flags.into() };
        match DType::from_byte(flags & !CHUNKED) {
            Some(dtype) => Ok((dtype, flags & CHUNKED != 0)),
            None => Err(corrupt),
        }
    }
}

/// How the payload is cut.
#[derive(Debug, Clone)]
enum Chunks<'a> {
    /// One stream, covered by the checksum of the whole frame.
    One,
    /// A stream for every `len` values, each followed by its checksum; `table` holds their lengths in bytes.
    Many { len: usize, table: Reader<'a> },
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

    /// Reads the header. `bytes` is one whole frame and nothing else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        if reader.bytes(MAGIC.len()).map_err(|_| Error::NotAFrame)? != MAGIC {
            return Err(Error::NotAFrame);
        }
        check_version(reader.u8()?)?;
        let (dtype, chunked) = flags::read(reader.u8()?)?;
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

    /// Bytes of the payload: the streams of all chunks, with their checksums where there is more than one.
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
