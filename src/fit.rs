//! Settings + data -> a fitted stage.

use crate::{error::Result, non_finite::NonFinite};

/// Settings that become a stage once they have seen data: values of any element, or [`Histogram`](crate::Histogram)s of
/// them, one for each group (`fit(&[all])`, or `fit(core::slice::from_ref(&all))` to keep it).
///
/// What a user asks for and what the data made of it are two types. Fitting looks at the data and allocates what the
/// stage has to remember; everything the stage does afterwards is a pure function.
///
/// *Calibrated* stages, fitted per tensor or per index of an axis, apply to any values of the fitted row shape. Stages
/// fitted per block belong to the very array they were fitted to and refuse others.
///
/// ```
/// use fewbits::{Fit, QuantizerExt, Uniform};
///
/// let quantizer = Uniform::new(4).fit(&[-1.0_f32, 0.5, 0.25, 1.0])?;
/// assert_eq!(quantizer.scales(), [1.0 / 7.0]);
/// assert_eq!(quantizer.quantize(&[1.0_f32, -1.0, 0.1])?, [14, 0, 8]);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be fitted to `{T}` data")]
pub trait Fit<T> {
    /// What fitting yields.
    type Fitted;
    /// Chooses parameters from `data`.
    fn fit(&self, data: &[T]) -> Result<Self::Fitted>;

    /// Of codecs: likewise for codes below `level_count`, also those that are not among `data`, as other chunks have them.
    fn fit_below(&self, data: &[T], _level_count: u32) -> Result<Self::Fitted> {
        self.fit(data)
    }

    /// What the settings do with values that are not finite or stand for missing ones. [`Then`](crate::Then) asks, because
    /// a policy is about values and not about coefficients; settings that have no policy refuse such values.
    fn policy(&self) -> NonFinite {
        NonFinite::refuse()
    }
}
