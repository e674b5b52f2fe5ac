//! What becomes of NaN, infinities and missing values.

use crate::{
    element::{Element, check_finite, for_each_piece},
    error::{Error, Result},
    wire::{Reader, Writer},
};
use alloc::{borrow::Cow, vec::Vec};

/// What becomes of values that are not finite, and of a fill value that stands for missing ones.
///
/// Quantizers and other pipelines take finite values only and refuse others, which is the right answer where they are a
/// mistake. Where they belong to the data, give the same policy to the settings, which then look at the other values
/// alone, and to [`Masked`](crate::Masked), whose bytes hold what is kept.
///
/// | policy | NaN | infinities |
/// | --- | --- | --- |
/// | [`refuse`](Self::refuse) (default) | error with its position | error with its position |
/// | [`saturate`](Self::saturate) | error with its position | not looked at by fits; become the largest finite value of the element, with their sign, and then the outermost level |
/// | [`keep`](Self::keep) | returned bit for bit, payload included | returned |
///
/// ```
/// use fewbits::{Coded, Fit, Frame, Masked, NonFinite, Uniform};
///
/// let field = [271.3_f32, f32::NAN, 1e20, 274.9, f32::INFINITY, 280.0];
/// let policy = NonFinite::keep().missing(1e20); // a fill value: it must not widen the range
/// let quantizer = Uniform::new(8).asymmetric().non_finite(policy).fit(&field)?;
/// assert_eq!(quantizer.offsets(), [271.3]);
///
/// let bytes = Frame::encode(&Masked::new(policy, Coded::packed(quantizer)), &field)?;
/// let restored: Vec<f32> = fewbits::decompress(&bytes)?;
/// assert_eq!(restored[1].to_bits(), f32::NAN.to_bits());
/// assert_eq!((restored[2], restored[4]), (1e20, f32::INFINITY));
/// assert!((restored[3] - 274.9).abs() < 0.02);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "raw::NonFinite", into = "raw::NonFinite"))]
pub struct NonFinite {
    policy: Policy,
    missing: Option<f32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Policy {
    #[default]
    Refuse,
    Saturate,
    Keep,
}

/// What becomes of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
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

    /// Infinities become the largest finite value; NaN is an error. For quantizers that clip: an
    /// [`ErrorBound`](crate::ErrorBound) has no level for what is outside of its range, and the scale of a self-scaled
    /// block ([`Blocks`](crate::Blocks)) would be that of the infinity.
    pub const fn saturate() -> Self {
        Self { policy: Policy::Saturate, missing: None }
    }

    /// NaN and infinities come back bit for bit.
    pub const fn keep() -> Self {
        Self { policy: Policy::Keep, missing: None }
    }

    /// A value that stands for missing ones, such as 1e20 or -9999, as the element stores it: it comes back bit for bit
    /// too, whatever the policy, and nothing is fitted to it. A NaN stands for every NaN.
    #[must_use]
    #[doc(alias = "fill_value")]
    pub const fn missing(self, value: f32) -> Self {
        Self { missing: Some(value), ..self }
    }

    /// The values that fits look at: all but those that are kept or saturated. Borrowed where that is all of them.
    pub fn present<'a, T: Element>(&self, values: &'a [T]) -> Result<Cow<'a, [T]>> {
        if self.is_strict() {
            for_each_piece(values, |start, values| check_finite(values, start))?;
            return Ok(Cow::Borrowed(values));
        }
        let policy = self.narrowed::<T>();
        let mut absent = 0;
        policy.for_each(0, values, |_, _, fate| absent += usize::from(fate != Fate::Pass))?;
        if absent == 0 {
            return Ok(Cow::Borrowed(values));
        }
        let mut present = Vec::with_capacity(values.len() - absent);
        policy.for_each(0, values, |i, _, fate| {
            if fate == Fate::Pass {
                present.push(values[i]);
            }
        })?;
        Ok(Cow::Owned(present))
    }

    /// Whether some values stay out of a pipeline.
    pub(crate) const fn masks(&self) -> bool {
        matches!(self.policy, Policy::Keep) || self.missing.is_some()
    }

    /// Whether every value that is not finite is refused, and every other passes.
    pub(crate) const fn is_strict(&self) -> bool {
        matches!(self.policy, Policy::Refuse) && self.missing.is_none()
    }

    /// The same policy, with the missing value as the element stores it.
    pub(crate) fn narrowed<T: Element>(self) -> Self {
        let stored = |missing: f32| {
            let (mut narrow, mut wide) = ([T::default()], [0.0]);
            let converted = T::narrow_into(&[missing], &mut narrow).and_then(|()| T::widen_into(&narrow, &mut wide));
            converted.map_or(missing, |()| wide[0])
        };
        Self { missing: self.missing.map(stored), ..self }
    }

    pub(crate) fn fate(&self, x: f32) -> Fate {
        let is_missing = |missing: f32| x == missing || x.is_nan() && missing.is_nan();
        match self.policy {
            _ if self.missing.is_some_and(is_missing) => Fate::Mask,
            _ if x.is_finite() => Fate::Pass,
            Policy::Keep => Fate::Mask,
            Policy::Saturate if !x.is_nan() => Fate::Saturate,
            _ => Fate::Refuse,
        }
    }

    /// Calls `each(index, value, fate)` for all values, none of which is refused; the first one is at `start`. The policy
    /// is that of the element.
    pub(crate) fn for_each<T: Element>(
        &self,
        start: usize,
        values: &[T],
        mut each: impl FnMut(usize, f32, Fate),
    ) -> Result<()> {
        for_each_piece(values, |at, values| {
            for (i, &x) in values.iter().enumerate() {
                match self.fate(x) {
                    Fate::Refuse => return Err(Error::NonFinite { index: start.saturating_add(at + i) }),
                    fate => each(at + i, x, fate),
                }
            }
            Ok(())
        })
    }

    const REFUSE: u8 = 0;
    const SATURATE: u8 = 1;
    const KEEP: u8 = 2;
    const MISSING: u8 = 1 << 2;

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        let policy = match self.policy {
            Policy::Refuse => Self::REFUSE,
            Policy::Saturate => Self::SATURATE,
            Policy::Keep => Self::KEEP,
        };
        out.u8(policy | if self.missing.is_some() { Self::MISSING } else { 0 });
        if let Some(missing) = self.missing {
            out.f32(missing);
        }
    }

    pub(crate) fn read(bytes: &mut Reader<'_>) -> Result<Self> {
        let flags = bytes.u8()?;
        let policy = match flags & !Self::MISSING {
            Self::REFUSE => Policy::Refuse,
            Self::SATURATE => Policy::Saturate,
            Self::KEEP => Policy::Keep,
            _ => return Err(Error::Corrupt { what: "policy", found: flags.into() }),
        };
        let missing = if flags & Self::MISSING == 0 { None } else { Some(f32::from_bits(bytes.u32()?)) };
        Ok(Self { policy, missing })
    }
}

/// Missing values are compared by their bits, so that NaN is the same as itself.
impl PartialEq for NonFinite {
    fn eq(&self, other: &Self) -> bool {
        self.policy == other.policy && self.missing.map(f32::to_bits) == other.missing.map(f32::to_bits)
    }
}

/// What serde sees.
#[cfg(feature = "serde")]
mod raw {
    use super::Policy;

    #[derive(Default, serde::Serialize, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub(super) struct NonFinite {
        policy: Policy,
        #[serde(skip_serializing_if = "Option::is_none")]
        missing: Option<Missing>,
    }

    /// Text formats have no NaN, and none has its payload.
    #[derive(serde::Serialize, serde::Deserialize)]
    enum Missing {
        Value(f32),
        Bits(u32),
    }

    impl From<super::NonFinite> for NonFinite {
        fn from(super::NonFinite { policy, missing }: super::NonFinite) -> Self {
            let seen = |x: f32| if x.is_finite() { Missing::Value(x) } else { Missing::Bits(x.to_bits()) };
            Self { policy, missing: missing.map(seen) }
        }
    }

    impl From<NonFinite> for super::NonFinite {
        fn from(NonFinite { policy, missing }: NonFinite) -> Self {
            let missing = missing.map(|missing| match missing {
                Missing::Value(x) => x,
                Missing::Bits(bits) => f32::from_bits(bits),
            });
            Self { policy, missing }
        }
    }
}
