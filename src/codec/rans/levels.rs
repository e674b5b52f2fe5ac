//! Levels of groups as side information.

use super::{PACKED, Table, bits_of, split};
use crate::{
    codec::{BitPack, Codec, CodecExt},
    error::{Error, Result},
    wire::{Reader, Writer},
};
use alloc::{vec, vec::Vec};

/// The most levels that a byte may stand for.
const LEVELS_PER_BYTE: usize = 64;

/// Bytes of side information that classes take.
pub(crate) fn side_bytes(levels: &[u8]) -> usize {
    packed_levels(levels).len()
}

/// Levels are entropy coded themselves: a table and a stream; or packed, if they would be fewer than a byte stands for.
pub(super) fn packed_levels(levels: &[u8]) -> Vec<u8> {
    let width = bits_of(levels.iter().fold(0, |used, &level| used | u32::from(level)));
    let mut packed = vec![PACKED | width as u8];
    if let Ok(packing) = BitPack::<u8>::new(width) {
        let mut bytes = vec![0; packing.max_encoded_len(levels.len())];
        if packing.encode_at(0, levels, &mut bytes).is_ok() {
            packed.append(&mut bytes);
        }
    }
    let mut counts = [0; 1 << 8];
    for &level in levels {
        counts[usize::from(level)] += 1;
    }
    let coded = Table::from_counts(&counts, 8).and_then(|table| {
        let mut bytes = vec![0];
        table.write(&mut Writer { bytes: &mut bytes });
        bytes.append(&mut table.encode(levels, 1)?);
        Ok(bytes)
    });
    match coded {
        Ok(coded) if coded.len() < packed.len() && levels.len() / LEVELS_PER_BYTE <= coded.len() => coded,
        _ => packed,
    }
}

pub(super) fn unpacked_levels(bytes: &[u8], count: usize) -> Result<Vec<u8>> {
    // Before memory is taken for them.
    if count / LEVELS_PER_BYTE > bytes.len() {
        return Err(Error::Corrupt { what: "groups of an entropy coder", found: count as u64 });
    }
    let (mode, rest) = split(bytes)?;
    if mode & PACKED != 0 {
        let packing = BitPack::<u8>::new((mode & !PACKED).into());
        let packing = packing.map_err(|_| Error::Corrupt { what: "width of packed levels", found: mode.into() })?;
        if rest.len() != packing.max_encoded_len(count) {
            return Err(Error::Corrupt { what: "bytes of packed levels", found: rest.len() as u64 });
        }
        return packing.decode(rest, count);
    }
    if mode != 0 {
        return Err(Error::Corrupt { what: "kind of levels", found: mode.into() });
    }
    let mut reader = Reader::new(rest);
    let table = Table::read(&mut reader)?;
    if table.width() > 8 {
        return Err(Error::Corrupt { what: "width of a table", found: table.width().into() });
    }
    table.decode(reader.rest, count, 1)
}
