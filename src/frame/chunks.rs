//! How the payload of a frame is cut, and the walk from chunk to chunk.

use super::{CHECKSUM, records::Records};
use crate::{
    error::{Error, Result},
    wire::{Reader, check_checksum},
};
use core::ops::Range;

/// How the payload is cut.
#[derive(Debug, Clone)]
pub(super) enum Chunks<'a> {
    /// One stream, covered by the checksum of the whole frame.
    One,
    /// A stream for every `len` values, each followed by its checksum; `table` holds their lengths in bytes.
    Many { len: usize, table: Reader<'a> },
    /// Records, each of which says how long it is.
    Streamed(Records),
}

/// A stream that decodes alone.
#[derive(Debug)]
pub(super) struct Chunk<'a> {
    /// Which values it holds.
    pub(super) values: Range<usize>,
    pub(super) stream: &'a [u8],
    /// What its checksum covers, and the checksum, unless that of the frame has been checked.
    pub(super) checked: Option<(&'a [u8], u32)>,
}

impl Chunk<'_> {
    /// The checksum is right.
    pub(super) fn check(&self) -> Result<()> {
        self.checked.map_or(Ok(()), |(bytes, stored)| check_checksum("a chunk", bytes, stored))
    }

    /// The values of `range` that it holds.
    pub(super) fn part(&self, range: &Range<usize>) -> Range<usize> {
        self.values.start.max(range.start)..self.values.end.min(range.end)
    }
}

/// From chunk to chunk.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    chunks: Chunks<'a>,
    payload: Reader<'a>,
    /// Values in all chunks.
    len: usize,
    /// The first value of the next chunk; none after the only one.
    at: Option<usize>,
}

impl<'a> Walk<'a> {
    pub(super) const fn new(chunks: Chunks<'a>, payload: &'a [u8], len: usize) -> Self {
        Self { chunks, payload: Reader::new(payload), len, at: Some(0) }
    }

    /// The next chunk, if it begins before value `end`, or if there is but one.
    pub(super) fn next_before(&mut self, end: usize) -> Result<Option<Chunk<'a>>> {
        let Some(at) = self.at else { return Ok(None) };
        match &mut self.chunks {
            Chunks::One => {
                self.at = None;
                let stream = self.payload.bytes(self.payload.remaining())?;
                Ok(Some(Chunk { values: 0..self.len, stream, checked: None }))
            }
            _ if at >= self.len.min(end) => Ok(None),
            Chunks::Many { len, table } => {
                let values = at..self.len.min(at.saturating_add(*len));
                self.at = Some(values.end);
                let stream_len = table.size()?;
                let damaged = Error::Corrupt { what: "chunk table", found: at as u64 };
                if self.payload.remaining().checked_sub(CHECKSUM).is_none_or(|room| room < stream_len) {
                    return Err(damaged);
                }
                let stream = self.payload.bytes(stream_len)?;
                Ok(Some(Chunk { values, stream, checked: Some((stream, self.payload.u32()?)) }))
            }
            Chunks::Streamed(records) => {
                let chunk = records.next(&mut self.payload)?;
                self.at = chunk.as_ref().map(|chunk| chunk.values.end);
                Ok(chunk)
            }
        }
    }
}
