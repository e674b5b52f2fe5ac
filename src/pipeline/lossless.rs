//! Every bit comes back: values as bytes of equal significance, those that are predictable entropy coded.

use super::Pipeline;
use crate::{
    codec::{Codec, RansCodec, rans::Table, take},
    description::{Describe, Description, Restore, Stages},
    dtype::DType,
    element::{Element, PIECE, Values, ValuesMut, each_element},
    error::{Error, Result, check_piece},
    fit::Fit,
    kernel::exp::information,
    memory::filled,
};
use alloc::vec::Vec;
use bytemuck::Pod;
use num_traits::{AsPrimitive, PrimInt};

/// Settings of a lossless pipeline; there are none.
///
/// The exponents of real data are few, so that an entropy coder takes them in 2 or 3 bits; mantissas are mostly noise. Sign
/// and mantissa aside, weights as bf16 take two thirds of their bytes so, as f32 five sixths. NaN of any payload, infinities
/// and zeros of either sign come back as they were. Choose it where nothing may be lost; data that were rounded to a grid
/// before have [`ErrorBound`](crate::ErrorBound) with a bound of 0, and [`Difference`](crate::Difference).
/// Frames of more than 64 MiB of values that are nearly all alike need [`decompress_within`](crate::decompress_within) and
/// other limits.
///
/// ```
/// use fewbits::{Fit, Frame, Lossless, bf16};
///
/// let weights: Vec<bf16> = (0..50_000).map(|i| bf16::from_f32((i as f32 * 0.7).sin() * 0.02)).collect();
/// let bytes = Frame::encode(&Lossless.fit(&weights)?, &weights)?;
/// assert!(bytes.len() < 75_000);
/// assert!(fewbits::decompress::<bf16>(&bytes)? == weights);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Lossless;

/// A fitted [`Lossless`]: for one element, with a table for each byte of a value that pays for one.
///
/// Bits are rotated by one, so that the sign is the lowest and the exponent, or most of it, the highest byte. Byte by byte,
/// all values of a stream are entropy coded, or are there as they are. Encoding takes a byte of memory for each value;
/// decoding takes none. Cost: an entropy coder for one byte of each value, or two.
#[derive(Debug, Clone, PartialEq)]
pub struct LosslessPipeline {
    dtype: DType,
    /// From the lowest byte to the highest.
    planes: Vec<Option<RansCodec<u8>>>,
}

impl LosslessPipeline {
    pub(crate) const TAG: u8 = 0x12;

    /// The element it is for.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    fn check<T: Element>(&self, start: usize, len: usize) -> Result<()> {
        check_piece(start, len, 1)?;
        if T::DTYPE == self.dtype {
            Ok(())
        } else {
            Err(Error::WrongElement { stored: self.dtype, requested: T::DTYPE })
        }
    }

    fn encode_values<T: Element>(&self, start: usize, values: &[T], bytes: &mut [u8]) -> Result<usize> {
        self.check::<T>(start, values.len())?;
        let (expected, actual) = (self.max_encoded_len(values.len()), bytes.len());
        if actual < expected {
            return Err(Error::Length { what: "bytes", expected, actual });
        }
        let mut plane = filled(values.len())?;
        let mut written = 0;
        for (place, codec) in self.planes.iter().enumerate() {
            let out = &mut bytes[written..];
            match codec {
                None => {
                    gather(values, place, &mut out[..values.len()]);
                    written += values.len();
                }
                Some(codec) => {
                    gather(values, place, &mut plane);
                    written += codec.encode_at(start, &plane, out)?;
                }
            }
        }
        Ok(written)
    }

    fn decode_values<T: Element>(&self, start: usize, bytes: &[u8], values: &mut [T]) -> Result<usize> {
        self.check::<T>(start, values.len())?;
        // Values are aligned as their bits are.
        match T::DTYPE.size() {
            2 => self.decode_words::<u16>(start, bytes, bytemuck::cast_slice_mut(T::as_bytes_mut(values))),
            _ => self.decode_words::<u32>(start, bytes, bytemuck::cast_slice_mut(T::as_bytes_mut(values))),
        }
    }

    fn decode_words<W: Word>(&self, start: usize, bytes: &[u8], words: &mut [W]) -> Result<usize> {
        let count = words.len();
        words.fill(W::zero());
        let mut read = 0;
        for (place, codec) in self.planes.iter().enumerate() {
            let rest = &bytes[read..];
            let mut left = &mut *words;
            let mut put = |plane: &[u8]| {
                let (these, later) = core::mem::take(&mut left).split_at_mut(plane.len());
                left = later;
                for (word, &byte) in these.iter_mut().zip(plane) {
                    *word = *word | <W as From<u8>>::from(byte) << (8 * place);
                }
            };
            match codec {
                None => {
                    put(take(rest, count)?);
                    read += count;
                }
                Some(codec) => {
                    let mut piece = [0; PIECE];
                    read += codec.decode_pieces(start, rest, count, &mut piece, &mut |plane| {
                        put(plane);
                        Ok(())
                    })?;
                }
            }
        }
        for word in words {
            *word = word.rotate_right(1);
        }
        Ok(read)
    }
}

/// The bits of a value.
trait Word: PrimInt + AsPrimitive<u8> + From<u8> + Pod {}

impl Word for u16 {}
impl Word for u32 {}

/// One byte of each value, its bits rotated to the left by one.
fn gather<T: Element>(values: &[T], place: usize, plane: &mut [u8]) {
    match T::DTYPE.size() {
        2 => gather_words::<u16>(bytemuck::cast_slice(T::as_bytes(values)), place, plane),
        _ => gather_words::<u32>(bytemuck::cast_slice(T::as_bytes(values)), place, plane),
    }
}

fn gather_words<W: Word>(words: &[W], place: usize, plane: &mut [u8]) {
    for (byte, word) in plane.iter_mut().zip(words) {
        *byte = (word.rotate_left(1) >> (8 * place)).as_();
    }
}

impl Pipeline for LosslessPipeline {
    fn max_encoded_len(&self, values: usize) -> usize {
        let coded = self.planes.iter().flatten().count();
        values.saturating_mul(self.dtype.size()).saturating_add(coded)
    }

    fn encode_at(&self, start: usize, values: Values<'_>, bytes: &mut [u8]) -> Result<usize> {
        each_element!(Values, values => self.encode_values(start, values, bytes))
    }

    fn decode_at(&self, start: usize, bytes: &[u8], values: ValuesMut<'_>) -> Result<usize> {
        each_element!(ValuesMut, values => self.decode_values(start, bytes, values))
    }
}

/// How often each byte occurs, for each byte of a value.
pub(crate) struct Planes {
    dtype: DType,
    len: usize,
    counts: Vec<[u64; 256]>,
}

impl Planes {
    /// From the lowest byte to the highest; those left out that follow when these take more than `most` bytes.
    pub(crate) fn of<T: Element>(data: &[T], most: f64) -> Self {
        let mut planes = Self { dtype: T::DTYPE, len: data.len(), counts: Vec::new() };
        let mut plane = [0; PIECE];
        for place in 0..T::DTYPE.size() {
            let mut counts = [0; 256];
            for values in data.chunks(PIECE) {
                let plane = &mut plane[..values.len()];
                gather(values, place, plane);
                for &byte in &*plane {
                    counts[usize::from(byte)] += 1;
                }
            }
            planes.counts.push(counts);
            if planes.least_len() > most {
                break;
            }
        }
        planes
    }

    /// Bytes that no frame of these has less of.
    pub(crate) fn least_len(&self) -> f64 {
        self.counts.iter().map(coded_len).sum()
    }

    /// A table for each byte of a value that pays for one; no byte was left out.
    pub(crate) fn fit(&self) -> Result<LosslessPipeline> {
        debug_assert_eq!(self.counts.len(), self.dtype.size(), "planes were left out");
        // Less than a byte in 128 is not worth the time, or the few bytes that chunks may cost.
        let most = (self.len - self.len / 128).saturating_sub(64);
        let plane = |counts: &[u64; 256]| {
            if coded_len(counts) >= most as f64 {
                return Ok(None);
            }
            let codec = RansCodec::<u8>::new(Table::from_counts(counts, 8)?)?;
            let coded = codec.table().mean_bits() / 8.0 * self.len as f64;
            Ok(Some(codec).filter(|codec| coded as usize + codec.to_bytes().len() < most))
        };
        let planes = self.counts.iter().map(plane).collect::<Result<_>>()?;
        Ok(LosslessPipeline { dtype: self.dtype, planes })
    }
}

/// Bytes that codes take at least which are so frequent.
fn coded_len(counts: &[u64; 256]) -> f64 {
    information(counts.iter().copied()) / 8.0
}

impl<T: Element> Fit<T> for Lossless {
    type Fitted = LosslessPipeline;

    fn fit(&self, data: &[T]) -> Result<LosslessPipeline> {
        Planes::of(data, f64::INFINITY).fit()
    }
}

impl Describe for LosslessPipeline {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            let coded = self.planes.iter().enumerate().filter(|(_, plane)| plane.is_some());
            out.u8(self.dtype.to_byte() | coded.fold(0, |flags, (place, _)| flags | 1 << (2 + place)));
            for codec in self.planes.iter().flatten() {
                codec.table().write(out);
            }
        });
    }
}

impl Restore for LosslessPipeline {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        stages.stage(Self::TAG, "a lossless pipeline", |bytes| {
            let flags = bytes.u8()?;
            let corrupt = Error::Corrupt { what: "planes", found: flags.into() };
            let Some(dtype) = DType::from_byte(flags & 3).filter(|dtype| flags >> (2 + dtype.size()) == 0) else {
                return Err(corrupt);
            };
            let mut planes = Vec::with_capacity(dtype.size());
            for place in 0..dtype.size() {
                let coded = flags >> (2 + place) & 1 == 1;
                planes.push(if coded {
                    Some(RansCodec::new(Table::read(bytes)?).map_err(|_| corrupt.clone())?)
                } else {
                    None
                });
            }
            Ok(Self { dtype, planes })
        })
    }
}
