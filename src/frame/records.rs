//! What follows the header of a streamed frame: a record for each chunk, then the end.

use super::chunks::Chunk;
use crate::{
    error::{Error, Result},
    wire::{Reader, put_varint},
};
use alloc::vec::Vec;
use crc32fast::Hasher;

/// Bytes of the longest head of a record: two variable-length numbers.
pub(super) const MAX_HEAD: usize = 20;

/// Where a stream of records is, for its writer and its readers.
#[derive(Debug, Clone)]
pub(super) struct Records {
    /// Values of every chunk but the last.
    chunk_len: usize,
    /// Values so far.
    pub(super) count: usize,
    /// A chunk has been shorter than the others, which only the last one may be.
    pub(super) is_last: bool,
    /// Of the checksums so far, so that the end belongs to this header and to these chunks in this order.
    checksums: Hasher,
}

impl Records {
    pub(super) fn new(chunk_len: usize, header_checksum: u32) -> Self {
        let mut checksums = Hasher::new();
        checksums.update(&header_checksum.to_le_bytes());
        Self { chunk_len, count: 0, is_last: false, checksums }
    }

    pub(super) const fn chunk_len(&self) -> usize {
        self.chunk_len
    }

    /// The next chunk; none at the end, whose checksum is then right. An error leaves it where it was.
    pub(super) fn next<'a>(&mut self, bytes: &mut Reader<'a>) -> Result<Option<Chunk<'a>>> {
        let (mut reader, all) = (bytes.clone(), bytes.rest);
        let values = reader.size()?;
        if values == 0 {
            let count = reader.size()?;
            let actual = self.end_checksum(&all[..all.len() - reader.remaining()]);
            let expected = reader.u32()?;
            if actual != expected {
                return Err(Error::Checksum { what: "the end", expected, actual });
            }
            if count != self.count {
                return Err(Error::Corrupt { what: "count of a streamed frame", found: count as u64 });
            }
            *bytes = reader;
            return Ok(None);
        }
        let end = self.count.checked_add(values).filter(|_| values <= self.chunk_len && !self.is_last);
        let end = end.ok_or(Error::Corrupt { what: "values of a chunk", found: values as u64 })?;
        let stream_len = reader.size()?;
        let stream = reader.bytes(stream_len)?;
        let checked = &all[..all.len() - reader.remaining()];
        let checksum = reader.u32()?;
        let chunk = Chunk { values: self.count..end, stream, checked: Some((checked, checksum)) };
        self.pass(values, checksum);
        *bytes = reader;
        Ok(Some(chunk))
    }

    /// A chunk of so many values, with this checksum, is behind.
    pub(super) fn pass(&mut self, values: usize, checksum: u32) {
        self.count += values;
        self.is_last = values < self.chunk_len;
        self.checksums.update(&checksum.to_le_bytes());
    }

    /// The record that ends the stream here.
    pub(super) fn end(&self) -> Vec<u8> {
        let mut end = [0].to_vec();
        put_varint(&mut end, self.count as u64);
        let checksum = self.end_checksum(&end);
        end.extend_from_slice(&checksum.to_le_bytes());
        end
    }

    fn end_checksum(&self, end: &[u8]) -> u32 {
        let mut checksums = self.checksums.clone();
        checksums.update(end);
        checksums.finalize()
    }
}
