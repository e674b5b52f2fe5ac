//! Codes <-> bytes, reversibly.

mod bitpack;
mod difference;
mod map;
pub(crate) mod rans;
mod shuffle;
mod then;
mod zigzag;

pub use bitpack::BitPack;
pub use difference::Difference;
pub use map::{CodeMap, CodeMapExt};
pub use rans::{ContextRans, ContextRansCodec, Rans, RansCodec};
pub use shuffle::ByteShuffle;
pub use zigzag::ZigZag;

use crate::{
    code::Code,
    description::Describe,
    error::{Error, Result, check_piece, same_length},
    memory::filled,
    rates::Rates,
};
use alloc::{boxed::Box, vec, vec::Vec};
use core::fmt::Debug;

/// A fitted codec: codes to bytes and back, bit for bit.
///
/// One call writes one stream that decodes alone. `start` says where its codes lie in the whole array, for codecs to
/// which that matters. Call it through [`CodecExt`], which checks its arguments.
pub trait Codec: Describe + Debug + Send + Sync {
    /// What it codes.
    type Code: Code;

    /// Bytes that suffice for any `count` codes.
    fn max_encoded_len(&self, count: usize) -> usize;

    /// Bytes of `count` codes, if that doesn't depend on the codes: a *fixed rate*.
    fn encoded_len(&self, _count: usize) -> Option<usize> {
        None
    }

    /// Pieces of a stream that [`decode_pieces`](Self::decode_pieces) hands out are multiples of this many codes, but
    /// for the last. Where the rate is fixed, streams that start at such multiples can be concatenated, and the result
    /// is the stream of the whole. At least 1.
    fn block(&self) -> usize {
        1
    }

    /// Codes to bytes; returns how many bytes were written. `bytes` has room for
    /// [`max_encoded_len`](Self::max_encoded_len).
    fn encode_at(&self, start: usize, codes: &[Self::Code], bytes: &mut [u8]) -> Result<usize>;

    /// Fills `codes` from the front of `bytes`; returns how many bytes were read. Bytes come from anywhere.
    fn decode_at(&self, start: usize, bytes: &[u8], codes: &mut [Self::Code]) -> Result<usize>;

    /// Decodes `count` codes through `piece`: fills it, hands it to `sink`, which may change it, and so on; every
    /// piece but the last is full. Returns how many bytes were read.
    ///
    /// This is how pipelines decode without memory for all codes. By default a fixed rate is decoded piece by piece, if
    /// the length of `piece` is a multiple of [`block`](Self::block); a codec with a variable rate should override it,
    /// for otherwise it allocates whatever does not fit `piece`.
    fn decode_pieces(
        &self,
        start: usize,
        bytes: &[u8],
        count: usize,
        piece: &mut [Self::Code],
        sink: &mut dyn FnMut(&mut [Self::Code]) -> Result<()>,
    ) -> Result<usize> {
        check_piece(start, count, 1)?;
        if let Some(needed) = self.encoded_len(count) {
            take(bytes, needed)?;
        }
        if count <= piece.len() {
            let codes = &mut piece[..count];
            let read = self.decode_at(start, bytes, codes)?;
            sink(codes)?;
            return Ok(read);
        }
        let splits = !piece.is_empty() && piece.len().is_multiple_of(self.block().max(1));
        if self.encoded_len(count).is_none() || !splits {
            let mut codes = filled(count)?;
            let read = self.decode_at(start, bytes, &mut codes)?;
            codes.chunks_mut(piece.len().max(1)).try_for_each(sink)?;
            return Ok(read);
        }
        let (mut done, mut read) = (0, 0);
        while done < count {
            let len = piece.len().min(count - done);
            let codes = &mut piece[..len];
            let rest = bytes.get(read..).unwrap_or_default();
            read += self.decode_at(start + done, rest, codes)?;
            sink(codes)?;
            done += len;
        }
        Ok(read)
    }

    /// What each code costs, for quantizers that weigh errors against bits; none if it depends on more than its place and
    /// the automaton.
    fn rates(&self) -> Option<Rates> {
        None
    }
}

/// What every [`Codec`] can do, `dyn` ones included.
pub trait CodecExt: Codec {
    /// Codes to bytes; returns how many bytes were written. Ask [`max_encoded_len`](Codec::max_encoded_len) first.
    fn encode_into(&self, codes: &[Self::Code], bytes: &mut [u8]) -> Result<usize> {
        let (expected, actual) = (self.max_encoded_len(codes.len()), bytes.len());
        if actual < expected {
            return Err(Error::Length { what: "bytes", expected, actual });
        }
        self.encode_at(0, codes, bytes)
    }

    /// Codes to a vector of bytes.
    fn encode(&self, codes: &[Self::Code]) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.max_encoded_len(codes.len())];
        let written = self.encode_into(codes, &mut bytes)?;
        bytes.truncate(written);
        Ok(bytes)
    }

    /// All of `bytes` to codes, which they fill exactly.
    fn decode_into(&self, bytes: &[u8], codes: &mut [Self::Code]) -> Result<()> {
        let read = self.decode_at(0, bytes, codes)?;
        all_read(read, bytes)
    }

    /// All of `bytes` to a vector of `count` codes. Nothing is allocated for a count that a fixed rate rules out.
    fn decode(&self, bytes: &[u8], count: usize) -> Result<Vec<Self::Code>> {
        if let Some(expected) = self.encoded_len(count) {
            same_length("bytes", expected, bytes.len())?;
        }
        let mut codes = filled(count)?;
        self.decode_into(bytes, &mut codes)?;
        Ok(codes)
    }
}

impl<K: Codec + ?Sized> CodecExt for K {}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<K: Codec + ?Sized> Codec for $pointer {
            type Code = K::Code;
            fn max_encoded_len(&self, count: usize) -> usize {
                (**self).max_encoded_len(count)
            }
            fn encoded_len(&self, count: usize) -> Option<usize> {
                (**self).encoded_len(count)
            }
            fn block(&self) -> usize {
                (**self).block()
            }
            fn encode_at(&self, start: usize, codes: &[K::Code], bytes: &mut [u8]) -> Result<usize> {
                (**self).encode_at(start, codes, bytes)
            }
            fn decode_at(&self, start: usize, bytes: &[u8], codes: &mut [K::Code]) -> Result<usize> {
                (**self).decode_at(start, bytes, codes)
            }
            fn decode_pieces(
                &self,
                start: usize,
                bytes: &[u8],
                count: usize,
                piece: &mut [K::Code],
                sink: &mut dyn FnMut(&mut [K::Code]) -> Result<()>,
            ) -> Result<usize> {
                (**self).decode_pieces(start, bytes, count, piece, sink)
            }
            fn rates(&self) -> Option<Rates> {
                (**self).rates()
            }
        }
    )*};
}
forward!(&K, Box<K>);

/// The first `needed` of `bytes`.
pub(crate) fn take(bytes: &[u8], needed: usize) -> Result<&[u8]> {
    bytes.get(..needed).ok_or(Error::Truncated { needed, actual: bytes.len() })
}

/// A stream has been read to its end.
pub(crate) fn all_read(read: usize, bytes: &[u8]) -> Result<()> {
    match bytes.len().saturating_sub(read) {
        0 => Ok(()),
        rest => Err(Error::Corrupt { what: "bytes left over", found: rest as u64 }),
    }
}
