//! How stages describe themselves, and are rebuilt. Below every stage, so that none knows the frame.

use crate::{
    error::{Error, Result},
    wire::{FORMAT_VERSION, Reader, Writer, check_checksum, check_version, checksum, put_varint},
};
use alloc::{vec, vec::Vec};

/// Tags from here to 255 never belong to a built-in stage.
pub(crate) const FOREIGN_TAGS: u8 = 0xc0;

/// The tag of stages of other crates, which are told apart by name.
const FOREIGN: u8 = 0xff;

/// More stages than this do not nest.
const MAX_STAGES: usize = 64;

/// What a decoder needs to rebuild the stages of a pipeline, in the order in which values meet them.
///
/// Two sections: *stages* holds a tag, a length and a few parameters each; *side information* holds the long lists that
/// stages made of their data, such as scales.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    stages: Vec<u8>,
    side: Vec<u8>,
    /// How many stages there are.
    count: usize,
}

impl Description {
    /// What a stage or pipeline says of itself.
    pub(crate) fn of<D: Describe + ?Sized>(described: &D) -> Self {
        let mut description = Self::default();
        described.describe(&mut description);
        description
    }

    /// Appends a built-in stage: tag, length, parameters.
    pub(crate) fn stage(&mut self, tag: u8, parameters: impl FnOnce(&mut Writer<'_>)) {
        self.count += 1;
        self.stages.push(tag);
        let start = self.stages.len();
        parameters(&mut Writer { bytes: &mut self.stages });
        // The length is known last and stands first: append it, then rotate it to the front.
        let len = self.stages.len() - start;
        put_varint(&mut self.stages, len as u64);
        let prefix = self.stages.len() - start - len;
        self.stages[start..].rotate_right(prefix);
    }

    /// Appends a stage of another crate: a name that no other crate would choose, and its parameters.
    pub fn foreign(&mut self, name: &str, parameters: impl FnOnce(&mut Writer<'_>)) {
        self.stage(FOREIGN, |out| {
            out.varint(name.len() as u64);
            out.bytes(name.as_bytes());
            parameters(out);
        });
    }

    /// Where side information goes. A stage reads back what it wrote with [`Stages::side`], so it has to know how much.
    pub fn side(&mut self) -> Writer<'_> {
        Writer { bytes: &mut self.side }
    }

    /// Whether a reader would take so many stages.
    pub(crate) fn check(&self) -> Result<()> {
        if self.count <= MAX_STAGES {
            return Ok(());
        }
        Err(Error::Setting { name: "stages", value: self.count as f64, allowed: "64 stages or fewer" })
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

    /// What `read` makes of all parameters of the next stage, which must be `tag`; `what` names it in the error.
    pub(crate) fn stage<R>(
        &mut self,
        tag: u8,
        what: &'static str,
        read: impl FnOnce(&mut Reader<'a>) -> Result<R>,
    ) -> Result<R> {
        let (found, mut parameters) = self.next()?;
        if found != tag {
            return Err(Error::WrongStage { what, found });
        }
        let stage = read(&mut parameters)?;
        parameters.finish()?;
        Ok(stage)
    }

    /// What `read` makes of all parameters of the next stage, which must be one of another crate with this name.
    pub fn foreign<R>(&mut self, name: &'static str, read: impl FnOnce(&mut Reader<'a>) -> Result<R>) -> Result<R> {
        self.stage(FOREIGN, name, |parameters| {
            let len = parameters.size()?;
            if parameters.bytes(len)? != name.as_bytes() {
                return Err(Error::WrongStage { what: name, found: FOREIGN });
            }
            read(parameters)
        })
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

/// A stage or pipeline that can say what a decoder needs to rebuild it.
pub trait Describe {
    /// Appends its stages: a built-in stage its tag and parameters, one of another crate a name
    /// ([`Description::foreign`]). Whatever changes a decoded value must be in there.
    fn describe(&self, out: &mut Description);

    /// The parameters alone, to be stored once beside many payloads; [`Restore`] reads them.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT_VERSION];
        Description::of(self).write(&mut bytes);
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

/// A stage or pipeline that can be rebuilt from its description.
///
/// Built-in stages implement it, and so do `Box<dyn Quantizer<Code = C>>`, `Box<dyn Codec<Code = C>>` and
/// `Box<dyn Pipeline>`, which stand for whichever built-in stages the bytes name. A stage of another crate implements
/// it to be decodable by type.
pub trait Restore: Sized {
    /// Takes the stages it consists of from `stages`, and checks every parameter.
    fn restore(stages: &mut Stages<'_>) -> Result<Self>;

    /// Rebuilds from the bytes of [`to_bytes`](Describe::to_bytes).
    ///
    /// ```
    /// use fewbits::{Describe, Fit, Quantizer, Restore, Uniform, UniformQuantizer};
    ///
    /// let quantizer = Uniform::new(8).fit(&[0.5_f32, -2.0])?;
    /// let bytes = quantizer.to_bytes();
    /// assert_eq!(UniformQuantizer::<u8>::from_bytes(&bytes)?, quantizer);
    /// assert_eq!(Box::<dyn Quantizer<Code = u8>>::from_bytes(&bytes)?.level_count(), 255);
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

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<D: Describe + ?Sized> Describe for $pointer {
            fn describe(&self, out: &mut Description) {
                (**self).describe(out);
            }
        }
    )*};
}
forward!(&D, alloc::boxed::Box<D>);
