//! Checksums of damaged frames.
#![allow(unreachable_pub, reason = "laws and fuzz targets use it")]

/// Makes the checksums right again, as far as the damaged bytes can still be read as a frame.
///
/// The layout is walked here once more, by hand, so that the library is not asked to help against itself.
pub fn mend(bytes: &mut [u8]) {
    fn varint(bytes: &[u8], at: &mut usize) -> Option<usize> {
        let mut x = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = *bytes.get(*at)?;
            *at += 1;
            x |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return usize::try_from(x).ok();
            }
        }
        None
    }
    fn put(bytes: &mut [u8], from: usize, to: usize) -> Option<()> {
        let checksum = crc32fast::hash(bytes.get(from..to)?);
        bytes.get_mut(to..to.checked_add(4)?)?.copy_from_slice(&checksum.to_le_bytes());
        Some(())
    }
    fn walk_stream(bytes: &mut [u8]) -> Option<()> {
        let mut at = 6;
        for _section in 0..2 {
            let len = varint(bytes, &mut at)?;
            at = at.checked_add(len)?;
        }
        varint(bytes, &mut at)?;
        put(bytes, 0, at)?;
        let mut checksums = bytes[at..at + 4].to_vec();
        at += 4;
        loop {
            let from = at;
            let values = varint(bytes, &mut at)?;
            let len = varint(bytes, &mut at)?;
            if values == 0 {
                checksums.extend_from_slice(bytes.get(from..at)?);
                let checksum = crc32fast::hash(&checksums);
                bytes.get_mut(at..at + 4)?.copy_from_slice(&checksum.to_le_bytes());
                return Some(());
            }
            at = at.checked_add(len)?;
            put(bytes, from, at)?;
            checksums.extend_from_slice(&bytes[at..at + 4]);
            at += 4;
        }
    }
    fn walk(bytes: &mut [u8]) -> Option<()> {
        let chunked = bytes.get(5)? & 0x04 != 0;
        let mut at = 6;
        if bytes[5] & 0x08 != 0 {
            return walk_stream(bytes);
        }
        let count = varint(bytes, &mut at)?;
        for _section in 0..2 {
            let len = varint(bytes, &mut at)?;
            at = at.checked_add(len)?;
        }
        if !chunked {
            let payload = varint(bytes, &mut at)?;
            return put(bytes, 0, at.checked_add(payload)?);
        }
        let table_len = varint(bytes, &mut at)?;
        let (mut table, table_end) = (at, at.checked_add(table_len)?);
        at = table_end;
        varint(bytes, &mut at)?;
        put(bytes, 0, at)?;
        let chunk_len = varint(bytes, &mut table)?.max(1);
        let mut stream = at + 4;
        for _chunk in 0..count.div_ceil(chunk_len) {
            let len = varint(bytes, &mut table)?;
            put(bytes, stream, stream.checked_add(len)?)?;
            stream += len + 4;
        }
        Some(())
    }
    walk(bytes);
}
