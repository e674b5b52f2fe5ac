//! What becomes of NaN, infinities and missing values: decided here, before anything else sees them.

use crate::{
    element::{Element, for_each_piece},
    error::{Error, Result},
};
use alloc::{borrow::Cow, vec::Vec};

/// What becomes of values that are not finite, and of a fill value that stands for missing ones.
///
/// Quantizers and other pipelines take finite values only and refuse others, which is the right answer where they are a
/// mistake. Where they belong to the data, give the settings what [`finite`](Self::finite) makes of it, and wrap the
/// pipeline in [`Masked`](super::Masked), so that its bytes hold them.
///
/// | policy | NaN | infinities |
/// | --- | --- | --- |
/// | [`refuse`](Self::refuse) (default) | error with its position | error with its position |
/// | [`saturate`](Self::saturate) | error with its position | become the largest finite value of the element, with their sign |
/// | [`keep`](Self::keep) | returned bit for bit, payload included | returned |
///
/// ```
/// use fewbits::{Coded, Fit, Frame, Masked, NonFinite, Uniform};
///
/// let field = [271.3_f32, f32::NAN, 1e20, 274.9, f32::INFINITY, 280.0];
/// let policy = NonFinite::keep().missing(1e20); // a fill value: it must not widen the range
/// let quantizer = Uniform::new(8).asymmetric().fit(&policy.finite(&field)?)?;
/// assert_eq!(quantizer.offsets(), [271.3]);
///
/// let bytes = Frame::encode(&Masked::new(policy, Coded::packed(quantizer)), &field)?;
/// let restored: Vec<f32> = fewbits::decompress(&bytes)?;
/// assert_eq!(restored[1].to_bits(), f32::NAN.to_bits());
/// assert_eq!((restored[2], restored[4]), (1e20, f32::INFINITY));
/// assert!((restored[3] - 274.9).abs() < 0.02);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NonFinite {
    policy: Policy,
    missing: Option<f32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Policy {
    #[default]
    Refuse,
    Saturate,
    Keep,
}

/// What becomes of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes through the pipeline.
    Pass,
    /// It goes through the pipeline as the largest value with its sign.
    Saturate,
    /// It stays out of the pipeline, and its bits are stored.
    Mask,
    Refuse,
}

impl NonFinite {
    /// NaN and infinities are errors.
    pub const fn refuse() -> Self {
        Self { policy: Policy::Refuse, missing: None }
    }

    /// Infinities become the largest finite value; NaN is an error.
    pub const fn saturate() -> Self {
        Self { policy: Policy::Saturate, missing: None }
    }

    /// NaN and infinities come back bit for bit.
    pub const fn keep() -> Self {
        Self { policy: Policy::Keep, missing: None }
    }

    /// A value that stands for missing ones, such as 1e20 or -9999: it comes back bit for bit too, and no range or
    /// distribution is fitted to it. A NaN stands for every NaN.
    #[must_use]
    pub const fn missing(self, value: f32) -> Self {
        Self { missing: Some(value), ..self }
    }

    /// The values with nothing in them that the policy takes out: what settings are fitted to. Each value that is taken
    /// out is replaced by the last one before it that is not, or by the first one after it, so that the range stays the
    /// same; by zeros where nothing is left. Borrowed where nothing is replaced.
    ///
    /// Neighbours of long gaps count more often so. Where a distribution is fitted rather than a range, give the settings
    /// a [`Histogram`](crate::Histogram) of the values that are there.
    pub fn finite<'a, T: Element>(&self, values: &'a [T]) -> Result<Cow<'a, [T]>> {
        Ok(match self.replaced(0, values)? {
            Some((replaced, _)) => Cow::Owned(replaced),
            None => Cow::Borrowed(values),
        })
    }

    /// Whether some values stay out of the pipeline.
    pub(super) const fn masks(&self) -> bool {
        matches!(self.policy, Policy::Keep) || self.missing.is_some()
    }

    pub(super) fn fate(&self, x: f32) -> Fate {
        let is_missing = |missing: f32| x == missing || x.is_nan() && missing.is_nan();
        match self.policy {
            _ if self.missing.is_some_and(is_missing) => Fate::Mask,
            _ if x.is_finite() => Fate::Pass,
            Policy::Keep => Fate::Mask,
            Policy::Saturate if !x.is_nan() => Fate::Saturate,
            _ => Fate::Refuse,
        }
    }

    /// The values with others in place of those that do not pass, and how many are masked; none if all pass. The first
    /// value is at `start`.
    pub(super) fn replaced<T: Element>(&self, start: usize, values: &[T]) -> Result<Option<(Vec<T>, usize)>> {
        let mut first = None;
        let mut masked = 0;
        let mut saturated = 0;
        for_each_piece(values, |at, values| {
            for (i, &x) in values.iter().enumerate() {
                match self.fate(x) {
                    Fate::Pass => first = first.or(Some(at + i)),
                    Fate::Mask => masked += 1,
                    Fate::Saturate => saturated += 1,
                    Fate::Refuse => return Err(Error::NonFinite { index: start.saturating_add(at + i) }),
                }
            }
            Ok(())
        })?;
        if masked + saturated == 0 {
            return Ok(None);
        }
        let mut ends = [T::default(); 2];
        T::narrow_into(&[-T::MAX, T::MAX], &mut ends)?;
        let mut replaced = values.to_vec();
        let mut last = first.map_or(T::default(), |first| values[first]);
        for_each_piece(values, |at, values| {
            for (&x, out) in values.iter().zip(&mut replaced[at..]) {
                match self.fate(x) {
                    Fate::Mask => *out = last,
                    Fate::Saturate => *out = ends[usize::from(x > 0.0)],
                    Fate::Pass | Fate::Refuse => last = *out,
                }
            }
            Ok(())
        })?;
        Ok(Some((replaced, masked)))
    }
}
