//! What can go wrong: one enum, numbers in the variants, a remedy at the end of each message.

use crate::dtype::DType;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a call was refused.
///
/// Every variant carries the numbers that matter, so that callers and tests can compare errors; [`Error::kind`] sorts
/// them into the four answers a caller usually gives. An error leaves the contents of output buffers unspecified.
///
/// ```
/// use fewbits::{Error, ErrorKind, Fit, Uniform};
///
/// let error = Uniform::new(8).fit(&[1.0_f32, f32::NAN]).unwrap_err();
/// assert_eq!(error, Error::NonFinite { index: 1 });
/// assert_eq!(error.kind(), ErrorKind::Input);
/// assert_eq!(error.to_string(), "value 1 is not finite; replace it, or keep it with `NonFinite`");
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is outside its range.
    #[error("`{name}` cannot be {value}; choose {allowed}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What was asked for.
        value: f64,
        /// What can be asked for.
        allowed: &'static str,
    },
    /// A setting does not go with the others.
    #[error("{setting} cannot be had here: {remedy}")]
    Unsuited {
        /// The setting.
        setting: &'static str,
        /// Why, and what to choose.
        remedy: &'static str,
    },
    /// There are no values to look at.
    #[error("there are no values: the slice, or an axis of its shape, is empty; give at least one")]
    Empty,
    /// A value is NaN or infinite.
    #[error("value {index} is not finite; replace it, or keep it with `NonFinite`")]
    NonFinite {
        /// Its position in the whole array, where the slice is a piece of one.
        index: usize,
    },
    /// A buffer, slice or list has the wrong length.
    #[error("`{what}` has {actual} items where {expected} are needed; ask the size first, then pass that many")]
    Length {
        /// The argument.
        what: &'static str,
        /// Items needed.
        expected: usize,
        /// Items given.
        actual: usize,
    },
    /// A piece starts where no piece may start.
    #[error("position {start} is not a multiple of {block}; split at multiples of the stage's block")]
    Unaligned {
        /// Where the piece starts.
        start: usize,
        /// Pieces start at multiples of this.
        block: usize,
    },
    /// A stage whose parameters belong to one array met a longer one.
    #[error("the stage was fitted to {fitted} values and cannot reach value {end}; fit it to the new values")]
    BeyondFit {
        /// Values the stage was fitted to.
        fitted: usize,
        /// End of the piece that was asked for.
        end: usize,
    },
    /// A value has no level within the bound that the stage promises.
    #[error(
        "value {index} is {value:e}, not of the range and element that the bound was fitted to; fit it to the values"
    )]
    BeyondRange {
        /// Its position.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A coefficient of a transform is beyond the largest f32.
    #[error("coefficient {index} of the transform exceeds the largest f32; divide the values by a power of two first")]
    CoefficientOverflow {
        /// Its position among the coefficients.
        index: usize,
    },
    /// The scale that the data needs cannot be stored.
    #[error(
        "group {group} needs a scale of {scale:.3e}, out of range for {stored_as}; choose a wider scale type, or rescale the values"
    )]
    ScaleOutOfRange {
        /// The group of values that needs the scale.
        group: usize,
        /// The scale.
        scale: f64,
        /// How scales are stored.
        stored_as: &'static str,
    },
    /// What was asked for cannot be reached.
    #[error("{wanted} {what} are out of reach, {reached} can be had; ask for that, or for less")]
    OutOfReach {
        /// What is measured.
        what: &'static str,
        /// As asked for.
        wanted: f64,
        /// The nearest there is.
        reached: f64,
    },
    /// A parameter in a list is not one that the stage can have.
    #[error("`{what}` cannot hold {value:e} at {index}; pass {allowed}")]
    Parameter {
        /// The list.
        what: &'static str,
        /// Position in the list.
        index: usize,
        /// The value.
        value: f64,
        /// What it can hold.
        allowed: &'static str,
    },
    /// A code is not below the number of levels.
    #[error("code {code} at {index} is not below {level_count}; the codes belong to another stage, or are damaged")]
    Code {
        /// Position in the whole array, where the slice is a piece of one.
        index: usize,
        /// The code.
        code: u32,
        /// Codes are below this.
        level_count: u64,
    },
    /// The code type is too narrow for the stage.
    #[error("{level_count} levels do not fit codes of {code_bits} bits; choose a wider code type")]
    CodeWidth {
        /// Levels of the stage.
        level_count: u64,
        /// Bits of the code type.
        code_bits: u32,
    },
    /// A decoded value is too large for the element asked for. A frame decodes to its own element, and reports
    /// [`Corrupt`](Self::Corrupt) instead.
    #[error("value {index} decodes to {value:e}, beyond the largest {requested}; decode to a wider element")]
    Overflow {
        /// Position of the value.
        index: usize,
        /// What it decodes to.
        value: f32,
        /// The element asked for.
        requested: DType,
    },
    /// The frame holds another element than the one asked for.
    #[error("the frame holds {stored} and {requested} was asked for; decode it as {stored}")]
    WrongElement {
        /// Element of the frame.
        stored: DType,
        /// Element asked for.
        requested: DType,
    },
    /// The frame promises what another element cannot keep: every bit, or a bound on every error.
    #[error(
        "the frame holds {stored} with every bit or within a bound, which {requested} would break; decompress it as {stored}, and round that"
    )]
    Promise {
        /// Element of the frame.
        stored: DType,
        /// Element asked for.
        requested: DType,
    },
    /// The bytes do not begin like a frame.
    #[error("these bytes are not a fewbits frame; check that they are whole and were not compressed again")]
    NotAFrame,
    /// The bytes were written by a newer format.
    #[error("format version {found} is not supported, the newest known is {supported}; update fewbits")]
    Version {
        /// Version in the bytes.
        found: u8,
        /// Newest version this library reads.
        supported: u8,
    },
    /// The bytes end early.
    #[error("{needed} bytes are needed where {actual} are left; fetch the bytes again, whole")]
    Truncated {
        /// Bytes needed at that point.
        needed: usize,
        /// Bytes that are left there.
        actual: usize,
    },
    /// The bytes contradict themselves or the format.
    #[error("damaged bytes: {what} ({found}); fetch the bytes again")]
    Corrupt {
        /// What is wrong.
        what: &'static str,
        /// The offending number.
        found: u64,
    },
    /// A checksum does not match.
    #[error("checksum of {what} is {actual:#010x}, stored is {expected:#010x}; fetch the bytes again")]
    Checksum {
        /// Which part.
        what: &'static str,
        /// As stored.
        expected: u32,
        /// As computed.
        actual: u32,
    },
    /// Decoding would take more memory than the caller allows.
    #[error("decoding needs {needed} bytes and {limit} are allowed; raise the limit if you trust the source")]
    Limit {
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// A stage of another crate is needed.
    #[error("stage {tag:#04x} belongs to another crate; decode with the pipeline type that wrote it")]
    ForeignStage {
        /// Its tag.
        tag: u8,
    },
    /// The stage found is not the stage wanted.
    #[error("stage {found:#04x} stands where {what} is needed; decode with the pipeline type that wrote it")]
    WrongStage {
        /// What is needed there.
        what: &'static str,
        /// Tag found.
        found: u8,
    },
    /// The frame was written by a pipeline with other stages or parameters.
    #[error("the frame was written by another pipeline; decode with the one that wrote it, or without naming one")]
    OtherPipeline,
    /// A stage of another crate reports a failure of its own.
    #[error("{stage}: {reason}")]
    Stage {
        /// The stage.
        stage: &'static str,
        /// What went wrong and what to do, in its own words.
        reason: &'static str,
    },
}

/// What a caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Change the arguments or the settings.
    Input,
    /// The bytes are damaged or are not ours: fetch them again.
    Corrupt,
    /// The bytes may be fine, but this library, element or pipeline is not the one they need.
    Unsupported,
    /// The bytes ask for more memory than was allowed.
    Limit,
}

impl Error {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Setting { .. }
            | Self::Unsuited { .. }
            | Self::Empty
            | Self::NonFinite { .. }
            | Self::Length { .. }
            | Self::Unaligned { .. }
            | Self::BeyondFit { .. }
            | Self::BeyondRange { .. }
            | Self::CoefficientOverflow { .. }
            | Self::ScaleOutOfRange { .. }
            | Self::OutOfReach { .. }
            | Self::Parameter { .. }
            | Self::Code { .. }
            | Self::CodeWidth { .. }
            | Self::Overflow { .. }
            | Self::Stage { .. } => ErrorKind::Input,
            Self::NotAFrame | Self::Truncated { .. } | Self::Corrupt { .. } | Self::Checksum { .. } => {
                ErrorKind::Corrupt
            }
            Self::WrongElement { .. }
            | Self::Promise { .. }
            | Self::Version { .. }
            | Self::ForeignStage { .. }
            | Self::WrongStage { .. }
            | Self::OtherPipeline => ErrorKind::Unsupported,
            Self::Limit { .. } => ErrorKind::Limit,
        }
    }
}

/// Both lengths are the same, or an error says which argument has which.
pub(crate) fn same_length(what: &'static str, expected: usize, actual: usize) -> Result<()> {
    if expected == actual { Ok(()) } else { Err(Error::Length { what, expected, actual }) }
}

/// `values` values are whole rows of `row`, 1 at least, or an error says how many would be.
pub(crate) fn whole_rows(values: usize, row: usize) -> Result<()> {
    if values.is_multiple_of(row) {
        return Ok(());
    }
    Err(Error::Length { what: "values", expected: values.checked_next_multiple_of(row).unwrap_or(row), actual: values })
}

/// A piece of `len` items starts at a multiple of `block`, and its end can be counted.
pub(crate) fn check_piece(start: usize, len: usize, block: usize) -> Result<()> {
    if !start.is_multiple_of(block) {
        return Err(Error::Unaligned { start, block });
    }
    match start.checked_add(len) {
        Some(_) => Ok(()),
        None => Err(Error::Setting { name: "start", value: start as f64, allowed: "a position in the array" }),
    }
}

/// Codes that a stage refuses while decoding come from damaged bytes.
pub(crate) fn damaged(error: Error) -> Error {
    match error {
        Error::Code { code, .. } => Error::Corrupt { what: "code", found: code.into() },
        other => other,
    }
}
