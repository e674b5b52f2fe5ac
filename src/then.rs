//! One word for putting stages in front of others.

use crate::{
    description::{Describe, Description, Restore, Stages},
    error::Result,
};

/// One stage in front of another, to any depth.
///
/// | first | second | both together |
/// | --- | --- | --- |
/// | settings of a transform | settings of a quantizer | settings |
/// | [`Transform`](crate::Transform) | [`Quantizer`](crate::Quantizer) | a quantizer |
/// | [`CodeMap`](crate::CodeMap) | [`Codec`](crate::Codec) | a codec |
///
/// Frames decode without naming the type up to 4 transforms and 4 maps in a row.
///
/// **Behind a transform.** Fitting transforms all values, which takes 8 bytes each, and fits the quantizer to the coefficients: its scales,
/// levels and bounds are theirs. So shapes and blocks of the quantizer count coefficients.
///
/// Values go through windows of at most 4,096 values on the stack: nothing is allocated as long as a block of the
/// transform and one of the quantizer fit in. Restored values beyond the largest of their element become it.
///
/// A policy for values that are not finite belongs to [`Masked`](crate::Masked) alone, for behind a transform there are no
/// values but coefficients: fit to what [`NonFinite::present`](crate::NonFinite::present) leaves.
///
/// The straight-through gradient is a product of matrices, not a mask of values: through an orthonormal transform `X` it
/// is `X⁻¹ (mask * X g)`, with the mask of the quantizer and without the constant that `X` may add; through an
/// elementwise one whose derivative is `s` it is that of what is behind, `s * (.. (g / s))`, so the mask itself unless more
/// is mixed there. A gradient that is not finite spreads over its block.
///
/// ```
/// use fewbits::{Coded, Fit, Frame, Hadamard, Quantizer, Seed, Then, Uniform};
///
/// let weights: Vec<f32> = (0..1000).map(|i| (i as f32 * 0.37).sin()).collect();
/// let settings = Then::new(Hadamard::new(128, Seed::new(9))?, Uniform::new(4).per_block(64));
/// let quantizer = settings.fit(&weights)?;
/// assert_eq!(quantizer.block(), 128);
/// let frame = Frame::encode(&Coded::packed(quantizer), &weights)?; // holds both stages
/// let restored: Vec<f32> = fewbits::decompress(&frame)?;
/// assert!(weights.iter().zip(&restored).all(|(w, r)| (w - r).abs() < 0.4));
/// # Ok::<(), fewbits::Error>(())
/// ```
///
/// **Behind a map of codes** a codec sees codes that are easier to code; nothing is lost.
///
/// ```
/// use fewbits::{BitPack, CodecExt, Difference, Then};
///
/// let codec = Then::new(Difference::new(1000)?, BitPack::<u16>::new(3)?); // steps of -4 to 3
/// let codes = [2, 5, 8, 9, 9, 6, 3, 0];
/// assert_eq!(codec.encode(&codes)?.len(), 3);
/// assert_eq!(codec.decode(&codec.encode(&codes)?, 8)?, codes);
/// # Ok::<(), fewbits::Error>(())
/// ```
///
/// What stands in front of a quantizer has to be a transform:
///
/// ```compile_fail
/// use fewbits::{Fit, Hadamard, Seed, Then, Uniform};
///
/// Then::new(Uniform::new(4), Hadamard::new(128, Seed::new(9))?).fit(&[1.0_f32])?;
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Then<X, Q> {
    /// What values or codes meet first when encoding.
    pub first: X,
    /// What is behind it.
    pub second: Q,
}

impl<X, Q> Then<X, Q> {
    /// From settings, or from fitted stages.
    pub const fn new(first: X, second: Q) -> Self {
        Self { first, second }
    }
}

impl<X: Describe, Q: Describe> Describe for Then<X, Q> {
    fn describe(&self, out: &mut Description) {
        self.first.describe(out);
        self.second.describe(out);
    }
}

impl<X: Restore, Q: Restore> Restore for Then<X, Q> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        Ok(Self { first: X::restore(stages)?, second: Q::restore(stages)? })
    }
}
