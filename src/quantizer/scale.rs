//! Settings of scaled levels.

use super::{
    Levels, Scaled,
    scaling::{Scaling, scaling_settings},
};
use crate::{calibrate::Histogram, code::Code, element::Element, error::Result, fit::Fit, non_finite::NonFinite};
use core::marker::PhantomData;

/// Settings: levels of your own, at scales fitted to each group of values, by default to its extremes.
///
/// Codes are `u8` unless [`codes`](Self::codes) says otherwise. Fitting to the extremes takes one pass over the values
/// and allocates two numbers per group while it looks, and what the result holds; see [`Range`](super::Range) for the others.
///
/// ```
/// use fewbits::{Fit, Grid, QuantizerExt, Scale};
///
/// // Only positive values matter: 16 levels from zero up, without an offset.
/// let quantizer = Scale::new(Grid::new(0, 15)?).per_block(4).fit(&[0.3_f32, 0.0, 1.5, -0.1, 30.0])?;
/// assert_eq!(quantizer.scales(), [0.1, 2.0]);
/// assert_eq!(quantizer.quantize(&[0.3_f32, 0.0, 1.5, -0.1, 30.0])?, [3, 0, 15, 0, 15]);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "raw::Scale<L>", into = "raw::Scale<L>"))]
#[cfg_attr(
    feature = "serde",
    serde(bound(serialize = "L: Clone + serde::Serialize, C: Clone", deserialize = "L: serde::Deserialize<'de>"))
)]
pub struct Scale<L, C = u8> {
    levels: L,
    scaling: Scaling,
    code: PhantomData<C>,
}

impl<L: Levels> Scale<L> {
    /// One f32 scale for all values, no offset, `u8` codes.
    pub fn new(levels: L) -> Self {
        Self { levels, scaling: Scaling::default(), code: PhantomData }
    }
}

impl<L: Levels + Clone, C: Code> Scale<L, C> {
    scaling_settings!();

    /// Offsets as well: the extremes of each group become the ends of the levels' range.
    #[must_use]
    pub fn with_offsets(mut self) -> Self {
        self.scaling.offsets = true;
        self
    }

    /// The type of the codes in memory; `u8` by default. It changes no byte of an encoded array.
    #[must_use]
    pub fn codes<D: Code>(self) -> Scale<L, D> {
        Scale { levels: self.levels, scaling: self.scaling, code: PhantomData }
    }

    /// A quantizer for values in `low..=high`, without looking at data, whatever [`range`](Self::range) says; values
    /// beyond saturate.
    pub fn fit_range(&self, low: f32, high: f32) -> Result<Scaled<L, C>> {
        self.scaling.fit_range(self.levels.clone(), low, high)
    }
}

impl<T: Element, L: Levels + Clone, C: Code> Fit<T> for Scale<L, C> {
    type Fitted = Scaled<L, C>;

    fn fit(&self, data: &[T]) -> Result<Self::Fitted> {
        self.scaling.fit(self.levels.clone(), data)
    }

    fn policy(&self) -> NonFinite {
        self.scaling.calibration.non_finite
    }
}

/// One histogram for each group.
impl<L: Levels + Clone, C: Code> Fit<Histogram> for Scale<L, C> {
    type Fitted = Scaled<L, C>;

    fn fit(&self, data: &[Histogram]) -> Result<Self::Fitted> {
        self.scaling.fit_histograms(self.levels.clone(), data)
    }
}

/// What serde sees.
#[cfg(feature = "serde")]
mod raw {
    use super::{PhantomData, Scaling};

    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Scale<L> {
        levels: L,
        #[serde(default)]
        offsets: bool,
        #[serde(default)]
        scaling: Scaling,
    }

    impl<L, C> From<super::Scale<L, C>> for Scale<L> {
        fn from(scale: super::Scale<L, C>) -> Self {
            Self { levels: scale.levels, offsets: scale.scaling.offsets, scaling: scale.scaling }
        }
    }

    impl<L, C> From<Scale<L>> for super::Scale<L, C> {
        fn from(Scale { levels, offsets, scaling }: Scale<L>) -> Self {
            Self { levels, scaling: Scaling { offsets, ..scaling }, code: PhantomData }
        }
    }
}
