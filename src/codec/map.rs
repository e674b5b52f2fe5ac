//! Codes <-> codes: a reversible map in front of a codec.

use crate::{
    code::Code,
    description::Describe,
    error::{Error, Result, same_length},
    wire::Reader,
};
use alloc::{boxed::Box, vec::Vec};
use core::fmt::Debug;

/// A fitted, reversible map of codes to as many codes.
///
/// [`Then`](crate::Then) puts it in front of a codec, which makes a codec; what that cannot hold is an error that names the
/// code as it is behind the map. Nothing is lost, so whatever bound a quantizer
/// keeps, it keeps. Call it through [`CodeMapExt`].
pub trait CodeMap: Describe + Debug + Send + Sync {
    /// What it maps.
    type Code: Code;

    /// Codes of an array from `start` on to those of a stream, in place. Streams can be mapped back alone.
    fn forward_at(&self, start: usize, codes: &mut [Self::Code]) -> Result<()>;

    /// Codes of a stream, or of the piece of one that begins at `start`, back to those of the array, in place.
    ///
    /// `history` has [`history_len`](Self::history_len) codes: zero at the beginning of a stream, and for the next piece
    /// as the call for the one before it left them. It may be empty if the piece is a whole stream. Codes come from
    /// anywhere.
    fn inverse_at(&self, start: usize, codes: &mut [Self::Code], history: &mut [Self::Code]) -> Result<()>;

    /// Codes are below this, in both directions.
    fn level_count(&self) -> u32;

    /// What has to be remembered from one piece of a stream to the next; 0 if codes do not depend on others, `usize::MAX`
    /// if a stream has to be whole.
    fn history_len(&self) -> usize;
}

/// What every [`CodeMap`] can do, `dyn` ones included.
pub trait CodeMapExt: CodeMap {
    /// Codes to as many others.
    fn forward_into(&self, codes: &[Self::Code], mapped: &mut [Self::Code]) -> Result<()> {
        same_length("mapped", codes.len(), mapped.len())?;
        mapped.copy_from_slice(codes);
        self.forward_at(0, mapped)
    }

    /// Codes to a vector of others.
    fn forward(&self, codes: &[Self::Code]) -> Result<Vec<Self::Code>> {
        let mut mapped = codes.to_vec();
        self.forward_at(0, &mut mapped)?;
        Ok(mapped)
    }

    /// The way back.
    fn inverse_into(&self, mapped: &[Self::Code], codes: &mut [Self::Code]) -> Result<()> {
        same_length("codes", mapped.len(), codes.len())?;
        codes.copy_from_slice(mapped);
        self.inverse_at(0, codes, &mut [])
    }

    /// The way back, to a vector.
    fn inverse(&self, mapped: &[Self::Code]) -> Result<Vec<Self::Code>> {
        let mut codes = mapped.to_vec();
        self.inverse_at(0, &mut codes, &mut [])?;
        Ok(codes)
    }
}

impl<M: CodeMap + ?Sized> CodeMapExt for M {}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<M: CodeMap + ?Sized> CodeMap for $pointer {
            type Code = M::Code;
            fn forward_at(&self, start: usize, codes: &mut [M::Code]) -> Result<()> {
                (**self).forward_at(start, codes)
            }
            fn inverse_at(&self, start: usize, codes: &mut [M::Code], history: &mut [M::Code]) -> Result<()> {
                (**self).inverse_at(start, codes, history)
            }
            fn level_count(&self) -> u32 {
                (**self).level_count()
            }
            fn history_len(&self) -> usize {
                (**self).history_len()
            }
        }
    )*};
}
forward!(&M, Box<M>);

/// The largest of `level_count` codes, which `C` has to hold.
pub(super) fn last_code<C: Code>(level_count: u32) -> Result<u32> {
    match level_count.checked_sub(1) {
        Some(last) if u64::from(last) >> C::BITS == 0 => Ok(last),
        Some(_) => Err(Error::CodeWidth { level_count: level_count.into(), code_bits: C::BITS }),
        None => Err(Error::Setting { name: "level_count", value: 0.0, allowed: "1 level or more" }),
    }
}

/// The number of codes, of which the largest was stored.
pub(super) fn read_last(bytes: &mut Reader<'_>) -> Result<u32> {
    let last = bytes.varint()?;
    let level_count = u32::try_from(last).ok().and_then(|last| last.checked_add(1));
    level_count.ok_or(Error::Corrupt { what: "largest code", found: last })
}
