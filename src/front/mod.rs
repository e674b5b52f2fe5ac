//! The front door: one call from values to bytes, and one back.

mod allocate;
mod chosen;
mod codecs;
mod compressor;
mod effort;
mod estimate;
mod exact;
mod fixed;
mod plan;
mod ranking;
mod report;
mod sample;
mod search;
mod spikes;
mod step;
mod weighed;
mod weighing;

pub use allocate::allocate;
pub use compressor::{Compressed, Compressor, compress};
pub use effort::Effort;
pub use report::{Report, RunnerUp};

use crate::{
    element::Element,
    error::Result,
    frame::{Frame, Limits},
};
use alloc::vec::Vec;
use core::ops::Range;

/// Values of a frame of built-in stages, with default [`Limits`].
///
/// `T` is the element that was encoded; [`Frame::dtype`] tells it, and [`decompress_as`] converts. Other pipelines,
/// buffers and limits: see [`Frame::parse`] and [`FrameDecoder`](crate::FrameDecoder).
///
/// ```
/// use fewbits::{Coded, Frame, Uniform};
///
/// let quantizer = Uniform::new(8).fit_range(-1.0, 1.0)?;
/// let bytes = Frame::encode(&Coded::packed(quantizer), &[0.0_f32, 0.5])?;
/// let values: Vec<f32> = fewbits::decompress(&bytes)?;
/// assert!(values[0] == 0.0 && (values[1] - 0.5).abs() < 0.004);
/// # Ok::<(), fewbits::Error>(())
/// ```
pub fn decompress<T: Element>(bytes: &[u8]) -> Result<Vec<T>> {
    decompress_within(bytes, Limits::default())
}

/// As [`decompress`], within the caller's limits.
pub fn decompress_within<T: Element>(bytes: &[u8], limits: Limits) -> Result<Vec<T>> {
    Frame::parse(bytes)?.decode_within(limits)
}

/// As [`decompress`], into the caller's buffer, which needs no limits.
///
/// ```
/// use fewbits::Target;
///
/// let bytes = fewbits::compress(&[1.0_f32, 2.0, 3.0], Target::MaxError(0.1))?.into_bytes();
/// let mut values = [0.0_f32; 3];
/// fewbits::decompress_into(&bytes, &mut values)?;
/// assert!((values[2] - 3.0).abs() <= 0.1);
/// # Ok::<(), fewbits::Error>(())
/// ```
pub fn decompress_into<T: Element>(bytes: &[u8], values: &mut [T]) -> Result<()> {
    Frame::parse(bytes)?.decoder()?.decode_into(values)
}

/// Some values of a frame of built-in stages, with default [`Limits`], which are about these values alone.
///
/// Reads the header and the chunks that the range touches, and decodes these, or at a fixed rate the blocks alone. For
/// many ranges of one frame keep a [`FrameDecoder`](crate::FrameDecoder), which has read the header.
///
/// ```
/// use fewbits::{Coded, FrameWriter, Uniform};
///
/// let values: Vec<f32> = (0..10_000).map(|i| (i as f32 * 0.1).sin()).collect();
/// let pipeline = Coded::packed(Uniform::new(8).fit_range(-1.0, 1.0)?);
/// let bytes = FrameWriter::new(&pipeline).chunk_len(1000).encode(&values)?;
/// let part: Vec<f32> = fewbits::decode_range(&bytes, 4200..4300)?; // reads one chunk
/// assert!(values[4200..4300].iter().zip(&part).all(|(v, p)| (v - p).abs() < 0.004));
/// # Ok::<(), fewbits::Error>(())
/// ```
pub fn decode_range<T: Element>(bytes: &[u8], range: Range<usize>) -> Result<Vec<T>> {
    Frame::parse(bytes)?.decoder()?.decode_range(range)
}

/// As [`decode_range`], into the caller's buffer, which has room for the range and needs no limits.
///
/// ```
/// use fewbits::Target;
///
/// let bytes = fewbits::compress(&[1.0_f32, 2.0, 3.0], Target::Lossless)?.into_bytes();
/// let mut part = [0.0_f32; 2];
/// fewbits::decode_range_into(&bytes, 1..3, &mut part)?;
/// assert_eq!(part, [2.0, 3.0]);
/// # Ok::<(), fewbits::Error>(())
/// ```
pub fn decode_range_into<T: Element>(bytes: &[u8], range: Range<usize>, values: &mut [T]) -> Result<()> {
    Frame::parse(bytes)?.decoder()?.decode_range_into(range, values)
}

/// Values of a frame of built-in stages as another element than the one that was encoded, with default [`Limits`].
///
/// | stored | asked for | values |
/// | --- | --- | --- |
/// | `T` | `T` | as [`decompress`] gives them |
/// | f16, bf16 | f32 | the same numbers: nothing is lost |
/// | f32, f16, bf16 | f16, bf16 | rounded to nearest, ties to even |
///
/// A value that would round to an infinity is an error ([`Error::Overflow`](crate::Error::Overflow)) with its position;
/// infinities and NaN that were kept stay what they are. Frames that promise every bit or a bound on every error are not
/// rounded ([`Error::Promise`](crate::Error::Promise)): decompress them as they are stored, and round the values yourself
/// if that is what you want.
///
/// Cost beside [`decompress`]: memory for 4,096 values as stored at a fixed rate, or for those of a chunk.
///
/// ```
/// use fewbits::{Blocks, Frame, bf16};
///
/// let weights: Vec<bf16> = (0..1000).map(|i| bf16::from_f32((i as f32 * 0.1).sin())).collect();
/// let bytes = Frame::encode(&Blocks::uniform(8, 32)?, &weights)?;
/// let stored: Vec<bf16> = fewbits::decompress(&bytes)?;
/// let wide: Vec<f32> = fewbits::decompress_as(&bytes)?;
/// assert!(stored.iter().zip(&wide).all(|(s, w)| s.to_f32() == *w));
/// # Ok::<(), fewbits::Error>(())
/// ```
pub fn decompress_as<T: Element>(bytes: &[u8]) -> Result<Vec<T>> {
    Frame::parse(bytes)?.decoder()?.decode_as()
}

/// As [`decompress_as`], into the caller's buffer, which has room for all values.
///
/// ```
/// use fewbits::{Blocks, Frame, f16};
///
/// let bytes = Frame::encode(&Blocks::uniform(8, 32)?, &[0.5_f32, 0.1])?;
/// let mut values = [f16::ZERO; 2];
/// fewbits::decompress_as_into(&bytes, &mut values)?;
/// assert!((values[1].to_f32() - 0.1).abs() < 0.003);
/// # Ok::<(), fewbits::Error>(())
/// ```
pub fn decompress_as_into<T: Element>(bytes: &[u8], values: &mut [T]) -> Result<()> {
    Frame::parse(bytes)?.decoder()?.decode_as_into(values)
}
