//! Values <-> bytes: any way there and back.

mod blocks;
mod coded;
mod lossless;
mod masked;
mod trellis_blocks;

pub use blocks::Blocks;
pub use coded::Coded;
pub(crate) use lossless::Planes;
pub use lossless::{Lossless, LosslessPipeline};
pub use masked::Masked;
pub(crate) use masked::{saturated, seen};
pub use trellis_blocks::{TrellisBlocks, TrellisBlocksPipeline};

use crate::{
    codec::all_read,
    description::Describe,
    element::{Element, Values, ValuesMut},
    error::{Error, Result, check_piece, same_length},
    memory::filled,
};
use alloc::{boxed::Box, vec, vec::Vec};
use core::{fmt::Debug, ops::Range};

/// A way from values to bytes and back. A quantizer and a codec make one ([`Coded`]), and so can anything else.
///
/// One call writes one stream that decodes alone, given the parameters of the pipeline: the *embedded* form. A
/// [`Frame`](crate::Frame) puts parameters and streams into bytes that describe themselves.
///
/// Call it through [`PipelineExt`], which takes slices of any element.
pub trait Pipeline: Describe + Debug + Send + Sync {
    /// Bytes that suffice for any `values` values.
    fn max_encoded_len(&self, values: usize) -> usize;

    /// Bytes of `values` values, if that doesn't depend on the values: a *fixed rate*.
    fn encoded_len(&self, _values: usize) -> Option<usize> {
        None
    }

    /// Streams start at multiples of this many values. At least 1. Where the rate is fixed, streams of consecutive
    /// pieces can be concatenated, and the result is the stream of the whole.
    fn block(&self) -> usize {
        1
    }

    /// Whether `values` values are a whole number of what the parameters were made for, such as rows or one array.
    fn check_len(&self, _values: usize) -> Result<()> {
        Ok(())
    }

    /// The values of an array from `start` on to bytes; returns how many were written. `start` is a multiple of
    /// [`block`](Self::block), and `bytes` has room for [`max_encoded_len`](Self::max_encoded_len).
    fn encode_at(&self, start: usize, values: Values<'_>, bytes: &mut [u8]) -> Result<usize>;

    /// Fills `values` from the front of `bytes`; returns how many bytes were read. Bytes come from anywhere.
    fn decode_at(&self, start: usize, bytes: &[u8], values: ValuesMut<'_>) -> Result<usize>;
}

/// What every [`Pipeline`] can do, `dyn` ones included, with slices of any [`Element`].
///
/// ```
/// use fewbits::{Coded, Describe, Pipeline, PipelineExt, Restore, Uniform};
///
/// // Trained once, stored once ...
/// let quantizer = Uniform::new(4).asymmetric().fit_range(-1.0, 1.0)?;
/// let pipeline = Coded::packed(quantizer);
/// let parameters = pipeline.to_bytes();
///
/// // ... then every vector of 384 values costs 192 bytes.
/// let vector: Vec<f32> = (0..384).map(|i| (i as f32 / 20.0).sin()).collect();
/// let payload = pipeline.encode(&vector)?;
/// assert_eq!(payload.len(), 192);
///
/// let again = Box::<dyn Pipeline>::from_bytes(&parameters)?;
/// let restored: Vec<f32> = again.decode(&payload, 384)?;
/// assert!(vector.iter().zip(&restored).all(|(v, r)| (v - r).abs() < 0.067));
/// # Ok::<(), fewbits::Error>(())
/// ```
pub trait PipelineExt: Pipeline {
    /// Values to bytes; returns how many bytes were written. Ask [`max_encoded_len`](Pipeline::max_encoded_len) first.
    fn encode_into<T: Element>(&self, values: &[T], bytes: &mut [u8]) -> Result<usize> {
        self.check_len(values.len())?;
        self.encode_piece_into(0, values, bytes)
    }

    /// Values to a vector of bytes.
    fn encode<T: Element>(&self, values: &[T]) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.max_encoded_len(values.len())];
        let written = self.encode_into(values, &mut bytes)?;
        bytes.truncate(written);
        Ok(bytes)
    }

    /// All of `bytes` to values, which they fill exactly.
    fn decode_into<T: Element>(&self, bytes: &[u8], values: &mut [T]) -> Result<()> {
        self.check_len(values.len())?;
        self.decode_piece_into(0, bytes, values)
    }

    /// All of `bytes` to a vector of `count` values. Nothing is allocated for a count that a fixed rate rules out.
    fn decode<T: Element>(&self, bytes: &[u8], count: usize) -> Result<Vec<T>> {
        self.check_len(count)?;
        if let Some(expected) = self.encoded_len(count) {
            same_length("bytes", expected, bytes.len())?;
        }
        let mut values = filled(count)?;
        self.decode_into(bytes, &mut values)?;
        Ok(values)
    }

    /// As [`encode_into`](Self::encode_into) for the piece of an array that begins at value `start`, a multiple of
    /// [`block`](Pipeline::block).
    fn encode_piece_into<T: Element>(&self, start: usize, values: &[T], bytes: &mut [u8]) -> Result<usize> {
        check_piece(start, values.len(), self.block().max(1))?;
        let (expected, actual) = (self.max_encoded_len(values.len()), bytes.len());
        if actual < expected {
            return Err(Error::Length { what: "bytes", expected, actual });
        }
        self.encode_at(start, T::erase(values), bytes)
    }

    /// As [`decode_into`](Self::decode_into) for the piece of an array that begins at value `start`, a multiple of
    /// [`block`](Pipeline::block).
    fn decode_piece_into<T: Element>(&self, start: usize, bytes: &[u8], values: &mut [T]) -> Result<()> {
        check_piece(start, values.len(), self.block().max(1))?;
        let read = self.decode_at(start, bytes, T::erase_mut(values))?;
        all_read(read, bytes)
    }

    /// Where the bytes of some values lie in the stream of the whole, if the rate is fixed. Both ends are multiples of
    /// [`block`](Pipeline::block), or the second is the end of the array.
    fn byte_range(&self, values: Range<usize>) -> Result<Option<Range<usize>>> {
        if values.start > values.end {
            return Err(Error::Setting {
                name: "start",
                value: values.start as f64,
                allowed: "a position before the end",
            });
        }
        check_piece(values.start, values.len(), self.block().max(1))?;
        let (from, to) = (self.encoded_len(values.start), self.encoded_len(values.end));
        // Lengths saturate: there is no such position in any memory.
        if to == Some(usize::MAX) {
            let (value, allowed) = (values.end as f64, "a position whose bytes can be counted");
            return Err(Error::Setting { name: "end", value, allowed });
        }
        Ok(from.zip(to).map(|(from, to)| from..to))
    }
}

impl<P: Pipeline + ?Sized> PipelineExt for P {}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<P: Pipeline + ?Sized> Pipeline for $pointer {
            fn max_encoded_len(&self, values: usize) -> usize {
                (**self).max_encoded_len(values)
            }
            fn encoded_len(&self, values: usize) -> Option<usize> {
                (**self).encoded_len(values)
            }
            fn block(&self) -> usize {
                (**self).block()
            }
            fn check_len(&self, values: usize) -> Result<()> {
                (**self).check_len(values)
            }
            fn encode_at(&self, start: usize, values: Values<'_>, bytes: &mut [u8]) -> Result<usize> {
                (**self).encode_at(start, values, bytes)
            }
            fn decode_at(&self, start: usize, bytes: &[u8], values: ValuesMut<'_>) -> Result<usize> {
                (**self).decode_at(start, bytes, values)
            }
        }
    )*};
}
forward!(&P, Box<P>);
