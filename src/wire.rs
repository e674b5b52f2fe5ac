//! Little-endian bytes and how stages describe themselves. Below every stage, so that none knows the frame.

use crate::error::{Error, Result};
use alloc::vec::Vec;

/// The version of everything this library writes: parameters and frames. Independent of the crate's version.
pub const FORMAT_VERSION: u8 = 0;

/// Tags from here to 255 belong to stages of other crates.
pub const FOREIGN_TAGS: u8 = 0xc0;

/// More stages than this do not nest.
const MAX_STAGES: usize = 16;

/// Appends the little-endian parameters of one stage.
#[derive(Debug)]
pub struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
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
pub(crate) const fn zigzag(x: i32) -> u32 {
    (x.cast_unsigned() << 1) ^ (x >> 31).cast_unsigned()
}

/// The way back from [`zigzag`].
pub(crate) const fn unzigzag(x: u32) -> i32 {
    (x >> 1).cast_signed() ^ -((x & 1).cast_signed())
}

/// Reads untrusted little-endian bytes; every method fails when they end early.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
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

/// What a decoder needs to rebuild the stages of a pipeline, in the order in which values meet them.
///
/// Two sections: *stages* holds a tag, a length and a few parameters each; *side information* holds the long lists that
/// stages made of their data, such as scales.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    stages: Vec<u8>,
    side: Vec<u8>,
}

impl Description {
    /// Appends a built-in stage: tag, length, parameters.
    pub(crate) fn stage(&mut self, tag: u8, parameters: impl FnOnce(&mut Writer<'_>)) {
        self.stages.push(tag);
        let start = self.stages.len();
        parameters(&mut Writer { bytes: &mut self.stages });
        // The length is known last and stands first: append it, then rotate it to the front.
        let len = self.stages.len() - start;
        put_varint(&mut self.stages, len as u64);
        let prefix = self.stages.len() - start - len;
        self.stages[start..].rotate_right(prefix);
    }

    /// Appends a stage of another crate. `tag` is one of [`FOREIGN_TAGS`]`..=255`; the two top bits are set for you.
    pub fn foreign(&mut self, tag: u8, parameters: impl FnOnce(&mut Writer<'_>)) {
        self.stage(tag | FOREIGN_TAGS, parameters);
    }

    /// Where side information goes. A stage reads back what it wrote with [`Stages::side`], so it has to know how much.
    pub fn side(&mut self) -> Writer<'_> {
        Writer { bytes: &mut self.side }
    }

    /// Appends both sections, each with its length in front.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for section in [&self.stages, &self.side] {
            put_varint(out, section.len() as u64);
            out.extend_from_slice(section);
        }
    }
}

/// The described stages, one after the other, and their side information.
#[derive(Debug, Clone)]
pub struct Stages<'a> {
    stages: Reader<'a>,
    side: Reader<'a>,
}

impl<'a> Stages<'a> {
    /// Reads what [`Description::write`] wrote. Tags and lengths must fill their section exactly.
    pub(crate) fn read(bytes: &mut Reader<'a>) -> Result<Self> {
        let len = bytes.size()?;
        let stages = Reader::new(bytes.bytes(len)?);
        let len = bytes.size()?;
        let side = Reader::new(bytes.bytes(len)?);
        let described = Self { stages, side };
        let mut walk = described.clone();
        let mut count = 0;
        while walk.stages.remaining() > 0 {
            walk.next()?;
            count += 1;
            if count > MAX_STAGES {
                return Err(Error::Corrupt { what: "too many stages", found: count as u64 });
            }
        }
        Ok(described)
    }

    /// Whether this is what a pipeline says of itself.
    pub(crate) fn matches(&self, description: &Description) -> bool {
        self.stages.rest == description.stages && self.side.rest == description.side
    }

    /// The tag of the next stage.
    pub fn peek(&self) -> Option<u8> {
        self.stages.rest.first().copied()
    }

    /// The tag and the parameters of the next stage.
    #[expect(clippy::should_implement_trait, reason = "it fails, and an iterator of results would be asked twice")]
    pub fn next(&mut self) -> Result<(u8, Reader<'a>)> {
        let tag = self.stages.u8()?;
        let len = self.stages.size()?;
        Ok((tag, Reader::new(self.stages.bytes(len)?)))
    }

    /// The parameters of the next stage, which must be `tag`; `what` names it in the error.
    pub fn expect(&mut self, tag: u8, what: &'static str) -> Result<Reader<'a>> {
        match self.next()? {
            (found, parameters) if found == tag => Ok(parameters),
            (found, _) => Err(Error::WrongStage { what, found }),
        }
    }

    /// The next `len` bytes of side information.
    pub fn side(&mut self, len: usize) -> Result<Reader<'a>> {
        self.side.bytes(len).map(Reader::new)
    }

    /// Bytes of side information that have not been read.
    pub const fn side_len(&self) -> usize {
        self.side.remaining()
    }

    /// Every stage and all side information has been used.
    pub(crate) fn finish(self) -> Result<()> {
        match self.peek() {
            None => self.side.finish(),
            Some(found) => Err(Error::WrongStage { what: "the end of the pipeline", found }),
        }
    }
}

/// A stage or pipeline that can be rebuilt from its description.
///
/// Built-in stages implement it, and so do `Box<dyn Quantizer>`, `Box<dyn Codec>` and `Box<dyn Pipeline>`, which stand
/// for whichever built-in stage the bytes name. A stage of another crate implements it to be decodable by type.
pub trait Restore: Sized {
    /// Takes the stages it consists of from `stages`, and checks every parameter.
    fn restore(stages: &mut Stages<'_>) -> Result<Self>;

    /// Rebuilds from the bytes of `to_bytes`.
    ///
    /// ```
    /// use fewbits::{Fit, QuantizerExt, Restore, Uniform, UniformQuantizer};
    ///
    /// let quantizer = Uniform::new(8).fit(&[0.5_f32, -2.0])?;
    /// assert_eq!(UniformQuantizer::<u8>::from_bytes(&quantizer.to_bytes())?, quantizer);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        check_version(reader.u8()?)?;
        let mut stages = Stages::read(&mut reader)?;
        let checked = &bytes[..bytes.len() - reader.remaining()];
        check_checksum("parameters", checked, reader.u32()?)?;
        reader.finish()?;
        let restored = Self::restore(&mut stages)?;
        stages.finish()?;
        Ok(restored)
    }
}

/// Parameters alone: version, stages, side information, checksum. What `to_bytes` writes and [`Restore`] reads.
pub(crate) fn parameter_bytes(describe: impl FnOnce(&mut Description)) -> Vec<u8> {
    let mut description = Description::default();
    describe(&mut description);
    let mut bytes = alloc::vec![FORMAT_VERSION];
    description.write(&mut bytes);
    let checksum = checksum(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
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
