//! The front door: one call from values to bytes, and one back.

mod compressor;
mod plan;
mod search;
mod weighed;

pub use compressor::{Compressed, Compressor, Effort, Report, compress};

use crate::{
    element::Element,
    error::Result,
    frame::{Frame, Limits},
};
use alloc::vec::Vec;

/// Values of a frame of built-in stages, with default [`Limits`].
///
/// `T` is the element that was encoded; [`Frame::dtype`] tells it. Other pipelines, ranges, buffers and limits: see
/// [`Frame::parse`] and [`FrameDecoder`](crate::FrameDecoder).
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
