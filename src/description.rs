//! How stages describe themselves, and are rebuilt. Below every stage, so that none knows the frame.

use crate::{
    error::{Error, Result},
    wire::{FORMAT_VERSION, Reader, Writer, check_checksum, check_version, checksum, put_varint},
};
use alloc::vec::Vec;

/// Tags from here to 255 belong to stages of other crates.
pub const FOREIGN_TAGS: u8 = 0xc0;

/// More stages than this do not nest.
const MAX_STAGES: usize = 16;

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
