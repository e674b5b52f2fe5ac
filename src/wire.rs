//! Little-endian bytes: writing, and reading what cannot be trusted.

use crate::error::{Error, Result};
use alloc::vec::Vec;

/// The version of everything this library writes: parameters and frames. Independent of the crate's version.
pub const FORMAT_VERSION: u8 = 0;

/// Appends the little-endian parameters of one stage.
#[derive(Debug)]
pub struct Writer<'a> {
    pub(crate) bytes: &'a mut Vec<u8>,
}

impl Writer<'_> {
    /// One byte.
    pub fn u8(&mut self, x: u8) {
        self.bytes.push(x);
    }

    /// Seven bits a byte, low bits first, the top bit set on all bytes but the last; 1 to 10 bytes.
    pub fn varint(&mut self, x: u64) {
        put_varint(self.bytes, x);
    }

    /// Four bytes.
    pub fn f32(&mut self, x: f32) {
        self.bytes.extend_from_slice(&x.to_le_bytes());
    }

    pub(crate) fn f64(&mut self, x: f64) {
        self.bytes.extend_from_slice(&x.to_le_bytes());
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut x: u64) {
    while x >= 0x80 {
        out.push(x as u8 | 0x80);
        x >>= 7;
    }
    out.push(x as u8);
}

/// A signed integer as an unsigned one: 0, -1, 1, -2, 2 ... become 0, 1, 2, 3, 4 ...
pub(crate) const fn zigzag(x: i64) -> u64 {
    (x.cast_unsigned() << 1) ^ (x >> 63).cast_unsigned()
}

/// The way back from [`zigzag`].
pub(crate) const fn unzigzag(x: u64) -> i64 {
    (x >> 1).cast_signed() ^ -((x & 1).cast_signed())
}

/// Reads untrusted little-endian bytes; every method fails when they end early.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes that are left.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// `n` bytes, borrowed.
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8]> {
        let truncated = Error::Truncated { needed: n, actual: self.rest.len() };
        let (bytes, rest) = self.rest.split_at_checked(n).ok_or(truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let truncated = Error::Truncated { needed: N, actual: self.rest.len() };
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// See [`Writer::varint`]; longer forms than needed are refused.
    pub fn varint(&mut self) -> Result<u64> {
        let mut x = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let low = u64::from(byte & 0x7f);
            x |= low << shift;
            if byte < 0x80 {
                let overlong = byte == 0 && shift > 0;
                if overlong || (low << shift) >> shift != low {
                    return Err(Error::Corrupt { what: "variable-length number", found: x });
                }
                return Ok(x);
            }
        }
        Err(Error::Corrupt { what: "variable-length number", found: x })
    }

    /// A varint that counts something in memory.
    pub fn size(&mut self) -> Result<usize> {
        let x = self.varint()?;
        usize::try_from(x).map_err(|_| Error::Corrupt { what: "count", found: x })
    }

    /// Four bytes, which hold a finite number.
    pub fn f32(&mut self) -> Result<f32> {
        let bits = self.u32()?;
        let x = f32::from_bits(bits);
        if x.is_finite() { Ok(x) } else { Err(Error::Corrupt { what: "parameter is not finite", found: bits.into() }) }
    }

    /// Eight bytes, which hold a finite number that is not negative.
    pub(crate) fn magnitude(&mut self) -> Result<f64> {
        let bits = self.u64()?;
        let x = f64::from_bits(bits);
        if x.is_finite() && x.is_sign_positive() {
            return Ok(x);
        }
        Err(Error::Corrupt { what: "parameter is no magnitude", found: bits })
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Everything has been read.
    pub fn finish(self) -> Result<()> {
        match self.rest.len() {
            0 => Ok(()),
            n => Err(Error::Corrupt { what: "bytes left over", found: n as u64 }),
        }
    }
}

/// CRC-32 as in zip and PNG: a single flipped bit never goes unnoticed.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

pub(crate) fn check_checksum(what: &'static str, bytes: &[u8], expected: u32) -> Result<()> {
    let actual = checksum(bytes);
    if actual == expected { Ok(()) } else { Err(Error::Checksum { what, expected, actual }) }
}

pub(crate) fn check_version(found: u8) -> Result<()> {
    if found == FORMAT_VERSION { Ok(()) } else { Err(Error::Version { found, supported: FORMAT_VERSION }) }
}
