//! How much memory a frame may ask for.

use crate::error::{Error, Result};

/// What decoding into vectors may allocate for values. Decoding into the caller's buffer needs no limit.
///
/// By default 64 times the bytes of the frame, and 64 MiB at least. Whatever the limit, memory grows one chunk ahead of
/// those that have decoded, and stages take at most six times the bytes that describe them, each cosine transform 90 KB, and each
/// table of an entropy coder 300 KB.
///
/// ```
/// use fewbits::{Coded, Error, Frame, Limits, Uniform};
///
/// let quantizer = Uniform::new(2).fit_range(-1.0, 1.0)?;
/// let bytes = Frame::encode(&Coded::packed(quantizer), &[0.0_f32; 1000])?;
/// let decoder = Frame::parse(&bytes)?.decoder()?;
/// assert_eq!(decoder.decode_within::<f32>(Limits::bytes(2000)), Err(Error::Limit { needed: 4000, limit: 2000 }));
/// assert_eq!(decoder.decode_within::<f32>(Limits::bytes(4000))?.len(), 1000);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Limits {
    bytes: Option<u64>,
}

impl Limits {
    /// At most this many bytes of values.
    pub const fn bytes(bytes: u64) -> Self {
        Self { bytes: Some(bytes) }
    }

    /// As much as the frame asks for: only for frames from a source you trust.
    pub const fn none() -> Self {
        Self::bytes(u64::MAX)
    }

    pub(crate) fn check(self, values: usize, size: usize, frame_len: usize) -> Result<()> {
        const ALWAYS: u64 = 64 << 20;
        let needed = (values as u64).saturating_mul(size as u64);
        let limit = self.bytes.unwrap_or((frame_len as u64).saturating_mul(64).max(ALWAYS));
        if needed <= limit { Ok(()) } else { Err(Error::Limit { needed, limit }) }
    }
}
