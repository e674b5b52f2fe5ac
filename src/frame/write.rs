//! Values to a frame.

use super::{
    CHECKSUM, MAGIC,
    flags::{self, Layout},
    stream::FrameStream,
};
use crate::{
    description::Description,
    element::Element,
    error::{Error, Result},
    pipeline::Pipeline,
    wire::{FORMAT_VERSION, checksum, put_varint},
};
use alloc::{vec, vec::Vec};

/// Bytes of the longest variable-length number.
pub(super) const VARINT: usize = 10;

/// Writes frames with a pipeline.
///
/// It holds the parameters and side information of the pipeline; encoding allocates the rest of the header.
///
/// ```
/// use fewbits::{Coded, Frame, FrameWriter, Uniform};
///
/// let quantizer = Uniform::new(4).fit_range(-1.0, 1.0)?;
/// let pipeline = Coded::packed(quantizer);
/// let values: Vec<f32> = (0..10_000).map(|i| (i as f32).sin()).collect();
///
/// let writer = FrameWriter::new(&pipeline).chunk_len(4096);
/// let mut bytes = vec![0; writer.max_encoded_len(values.len())];
/// let len = writer.encode_into(&values, &mut bytes)?;
///
/// let mut middle = [0.0_f32; 100];
/// Frame::parse(&bytes[..len])?.decoder()?.decode_range_into(5000..5100, &mut middle)?; // reads one chunk
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FrameWriter<'a, P: ?Sized> {
    pub(super) pipeline: &'a P,
    /// Stages and side information, as they stand in the header.
    pub(super) sections: Vec<u8>,
    /// Whether a reader would take the stages.
    pub(super) readable: Result<()>,
    pub(super) chunk_len: usize,
}

/// What a header says of the streams behind it.
#[derive(Debug, Default, PartialEq)]
struct Streams {
    /// The length of a chunk in values and those of the streams in bytes, if there are several.
    table: Option<Vec<u8>>,
    /// Bytes of all of them, with their checksums if there are several.
    len: usize,
}

impl<'a, P: Pipeline + ?Sized> FrameWriter<'a, P> {
    /// Chunks of 2^18 values.
    pub fn new(pipeline: &'a P) -> Self {
        let mut sections = Vec::new();
        let description = Description::of(pipeline);
        description.write(&mut sections);
        Self { pipeline, sections, readable: description.check(), chunk_len: 1 }.chunk_len(1 << 18)
    }

    /// Chunks of `values` values, which decode alone; rounded up to a multiple of the pipeline's
    /// [`block`](Pipeline::block). Each costs 4 bytes of checksum and a few of table. One chunk costs none of that.
    #[must_use]
    pub fn chunk_len(self, values: usize) -> Self {
        let block = self.pipeline.block().max(1);
        let chunk_len = values.max(1).checked_next_multiple_of(block).unwrap_or(usize::MAX / block * block);
        Self { chunk_len, ..self }
    }

    /// A frame whose values come one after another, and whose bytes leave before the last ones are known.
    pub fn stream<T: Element>(self) -> FrameStream<'a, T, P> {
        FrameStream::new(self)
    }

    /// Bytes that suffice for a frame of any `values` values.
    pub fn max_encoded_len(&self, values: usize) -> usize {
        self.max_header_len(values).saturating_add(self.max_payload_len(values))
    }

    /// Magic, version, flags, count, sections, table, payload length, checksum of the header.
    fn max_header_len(&self, values: usize) -> usize {
        let table = values.div_ceil(self.chunk_len).saturating_add(2).saturating_mul(VARINT);
        (MAGIC.len() + 2 + 2 * VARINT + CHECKSUM).saturating_add(self.sections.len()).saturating_add(table)
    }

    fn max_payload_len(&self, values: usize) -> usize {
        let (whole, rest) = (values / self.chunk_len, values % self.chunk_len);
        let chunk = |values| self.pipeline.max_encoded_len(values).saturating_add(CHECKSUM);
        whole.saturating_mul(chunk(self.chunk_len)).saturating_add(chunk(rest))
    }

    /// Values to a vector of bytes.
    pub fn encode<T: Element>(&self, values: &[T]) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.max_encoded_len(values.len())];
        let len = self.encode_into(values, &mut bytes)?;
        bytes.truncate(len);
        bytes.shrink_to_fit();
        Ok(bytes)
    }

    /// Values to bytes; returns how many were written. `bytes` has room for
    /// [`max_encoded_len`](Self::max_encoded_len).
    pub fn encode_into<T: Element>(&self, values: &[T], bytes: &mut [u8]) -> Result<usize> {
        self.encode_by(values, bytes, Self::encode_chunks)
    }

    /// The same with a way to encode chunks: it is given the values, room for their streams and a table for the lengths of these,
    /// and returns the length of all.
    pub(super) fn encode_by<T: Element>(
        &self,
        values: &[T],
        bytes: &mut [u8],
        encode_chunks: impl FnOnce(&Self, &[T], &mut [u8], &mut Vec<u8>) -> Result<usize>,
    ) -> Result<usize> {
        self.readable.clone()?;
        self.pipeline.check_len(values.len())?;
        let expected = self.max_encoded_len(values.len());
        if bytes.len() < expected {
            return Err(Error::Length { what: "bytes", expected, actual: bytes.len() });
        }

        // The header holds the lengths of the chunks, so the payload is written first, behind room for any header, or for the
        // one that a fixed rate tells.
        let chunked = values.len() > self.chunk_len;
        let told = self.fixed_streams(values.len());
        let told = told.map(|streams| (self.header::<T>(values.len(), &streams), streams));
        let reserved = told.as_ref().map_or_else(|| self.max_header_len(values.len()), |(header, _)| header.len());
        let payload = &mut bytes[reserved..];
        let mut streams = Streams::default();
        if chunked {
            let mut table = Vec::new();
            put_varint(&mut table, self.chunk_len as u64);
            streams.len = encode_chunks(self, values, payload, &mut table)?;
            streams.table = Some(table);
        } else {
            streams.len = self.pipeline.encode_at(0, T::erase(values), payload)?;
        }

        let payload_len = streams.len;
        let header = match told {
            Some((header, told)) if told == streams => header,
            _ => self.header::<T>(values.len(), &streams),
        };
        if header.len() != reserved {
            bytes.copy_within(reserved..reserved + payload_len, header.len());
        }
        bytes[..header.len()].copy_from_slice(&header);
        let len = header.len() + payload_len;
        if chunked {
            return Ok(len);
        }
        let checksum = checksum(&bytes[..len]);
        bytes[len..len + CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        Ok(len + CHECKSUM)
    }

    /// All that stands before the payload.
    fn header<T: Element>(&self, values: usize, streams: &Streams) -> Vec<u8> {
        let Streams { table, len } = streams;
        let layout = if table.is_some() { Layout::Chunked } else { Layout::Whole };
        let mut header = MAGIC.to_vec();
        header.extend([FORMAT_VERSION, flags::write(T::DTYPE, layout)]);
        put_varint(&mut header, values as u64);
        header.extend_from_slice(&self.sections);
        if let Some(table) = table {
            put_varint(&mut header, table.len() as u64);
            header.extend_from_slice(table);
        }
        put_varint(&mut header, *len as u64);
        if table.is_some() {
            header.extend_from_slice(&checksum(&header).to_le_bytes());
        }
        header
    }

    /// What a fixed rate tells before anything is encoded.
    fn fixed_streams(&self, values: usize) -> Option<Streams> {
        let bytes_of = |values| self.pipeline.encoded_len(values);
        if values <= self.chunk_len {
            return Some(Streams { table: None, len: bytes_of(values)? });
        }
        let (whole, rest) = (bytes_of(self.chunk_len)?, values % self.chunk_len);
        let mut table = Vec::new();
        put_varint(&mut table, self.chunk_len as u64);
        for _ in 0..values / self.chunk_len {
            put_varint(&mut table, whole as u64);
        }
        let mut len = (values / self.chunk_len).checked_mul(whole.checked_add(CHECKSUM)?)?;
        if rest > 0 {
            let rest = bytes_of(rest)?;
            put_varint(&mut table, rest as u64);
            len = len.checked_add(rest)?.checked_add(CHECKSUM)?;
        }
        Some(Streams { table: Some(table), len })
    }

    fn encode_chunks<T: Element>(&self, values: &[T], payload: &mut [u8], table: &mut Vec<u8>) -> Result<usize> {
        let mut at = 0;
        for (i, chunk) in values.chunks(self.chunk_len).enumerate() {
            let len = self.encode_chunk(i * self.chunk_len, chunk, &mut payload[at..])?;
            put_varint(table, (len - CHECKSUM) as u64);
            at += len;
        }
        Ok(at)
    }

    /// The stream of a chunk and its checksum.
    pub(super) fn encode_chunk<T: Element>(&self, start: usize, chunk: &[T], stream: &mut [u8]) -> Result<usize> {
        let len = self.pipeline.encode_at(start, T::erase(chunk), stream)?;
        let checksum = checksum(&stream[..len]);
        stream[len..len + CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        Ok(len + CHECKSUM)
    }
}
