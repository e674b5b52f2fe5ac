//! Values <-> coefficients: a map in front of a quantizer, and the way back.

mod blocks;
mod compand;
mod dct;
mod hadamard;
mod pca;
#[cfg(feature = "pca")]
mod principal;
#[cfg(feature = "pca")]
mod principal_components;
mod standardize;

pub use compand::{Compand, CompandTransform};
pub use dct::Dct;
pub use hadamard::Hadamard;
pub use pca::PcaTransform;
#[cfg(feature = "pca")]
pub use principal::Pca;
#[cfg(feature = "pca")]
pub use principal_components::PrincipalComponents;
pub use standardize::{Standardize, StandardizeTransform};

use crate::{
    description::Describe,
    error::{Error, Result, check_piece, same_length},
    kernel::finite::saturate,
};
use alloc::{boxed::Box, vec, vec::Vec};
use core::fmt::Debug;

/// What a transform does to errors of its coefficients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Guarantee {
    /// Linear but for a constant, and back it keeps lengths: an error of the coefficients is one of the values with the
    /// same energy. Where there are fewer coefficients than values, what they leave out comes on top.
    Orthonormal,
    /// Each coefficient depends on one value alone, and grows with it.
    Elementwise,
    /// Neither.
    Other,
}

/// A fitted transform: values to as many coefficients or fewer, and back.
///
/// [`Then`](crate::Then) puts it in front of a quantizer, which makes a quantizer. As everywhere, slices are told where
/// they start: at multiples of [`block`](Self::block).
///
/// Call it through [`TransformExt`], which checks its arguments.
pub trait Transform: Describe + Debug + Send + Sync {
    /// Values to coefficients. Values are finite; `coefficients` has
    /// [`coefficient_len`](Self::coefficient_len)`(values.len())` items.
    fn forward_at(&self, start: usize, values: &[f32], coefficients: &mut [f32]) -> Result<()>;

    /// As [`forward_at`](Self::forward_at), of values that may not be finite: [`Error::NonFinite`] says which is the first, and
    /// [`Error::CoefficientOverflow`] which is the first coefficient, of finite values, that is not. Only worth a method of its own
    /// where both are found on the way.
    fn checked_forward_at(&self, start: usize, values: &[f32], coefficients: &mut [f32]) -> Result<()> {
        crate::element::check_finite(values, start)?;
        self.forward_at(start, values, coefficients)?;
        check_coefficients(coefficients, self.coefficient_len(start))
    }

    /// Coefficients to values, with the same lengths.
    fn inverse_at(&self, start: usize, coefficients: &[f32], values: &mut [f32]) -> Result<()>;

    /// Of orthonormal transforms: as [`forward_at`](Self::forward_at) without the constant, if there is one: what becomes of
    /// differences of values, such as gradients.
    fn forward_linear_at(&self, start: usize, values: &[f32], coefficients: &mut [f32]) -> Result<()> {
        self.forward_at(start, values, coefficients)
    }

    /// Of orthonormal transforms: as [`inverse_at`](Self::inverse_at), likewise.
    fn inverse_linear_at(&self, start: usize, coefficients: &[f32], values: &mut [f32]) -> Result<()> {
        self.inverse_at(start, coefficients, values)
    }

    /// Of elementwise transforms: how fast each coefficient grows with its value, the derivative, for gradients through what
    /// is behind. 1 unless told otherwise; where it is not positive and finite, it counts as 1.
    fn slopes_at(&self, _start: usize, _values: &[f32], slopes: &mut [f32]) -> Result<()> {
        slopes.fill(1.0);
        Ok(())
    }

    /// Slices start at multiples of this many values. At least 1.
    fn block(&self) -> usize {
        1
    }

    /// Coefficients of `values` values: the same number for every block.
    fn coefficient_len(&self, values: usize) -> usize {
        values
    }

    /// Whether `values` values are a whole number of what the parameters were made for.
    fn check_len(&self, _values: usize) -> Result<()> {
        Ok(())
    }

    /// What it does to errors.
    fn guarantee(&self) -> Guarantee;
}

/// What every [`Transform`] can do, `dyn` ones included.
///
/// ```
/// use fewbits::{Hadamard, Seed, TransformExt};
///
/// let rotation = Hadamard::new(4, Seed::new(1))?;
/// let coefficients = rotation.forward(&[4.0, 0.0, 0.0, 0.0])?; // an outlier ...
/// assert!(coefficients.iter().all(|c| c.abs() == 2.0)); // ... is spread over its block
/// assert_eq!(rotation.inverse(&coefficients, 4)?, [4.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), fewbits::Error>(())
/// ```
pub trait TransformExt: Transform {
    /// Values to coefficients, which must be finite too.
    fn forward_into(&self, values: &[f32], coefficients: &mut [f32]) -> Result<()> {
        self.check_len(values.len())?;
        same_length("coefficients", self.coefficient_len(values.len()), coefficients.len())?;
        self.checked_forward_at(0, values, coefficients)
    }

    /// Values to a vector of coefficients.
    fn forward(&self, values: &[f32]) -> Result<Vec<f32>> {
        let mut coefficients = vec![0.0; self.coefficient_len(values.len())];
        self.forward_into(values, &mut coefficients)?;
        Ok(coefficients)
    }

    /// Coefficients to values. What is beyond the largest finite f32 becomes that.
    fn inverse_into(&self, coefficients: &[f32], values: &mut [f32]) -> Result<()> {
        self.check_len(values.len())?;
        same_length("coefficients", self.coefficient_len(values.len()), coefficients.len())?;
        self.inverse_at(0, coefficients, values)?;
        saturate(values);
        Ok(())
    }

    /// Coefficients to a vector of `count` values.
    fn inverse(&self, coefficients: &[f32], count: usize) -> Result<Vec<f32>> {
        same_length("coefficients", self.coefficient_len(count), coefficients.len())?;
        let mut values = vec![0.0; count];
        self.inverse_into(coefficients, &mut values)?;
        Ok(values)
    }
}

impl<X: Transform + ?Sized> TransformExt for X {}

/// Coefficients, the first of which is at `start`, are finite.
pub(crate) fn check_coefficients(coefficients: &[f32], start: usize) -> Result<()> {
    match crate::element::check_finite(coefficients, start) {
        Err(Error::NonFinite { index }) => Err(Error::CoefficientOverflow { index }),
        result => result,
    }
}

/// Lengths and position of a call to a transform that gives as many coefficients as it takes values.
pub(crate) fn check_call(start: usize, values: usize, coefficients: usize, block: usize) -> Result<()> {
    same_length("coefficients", values, coefficients)?;
    check_piece(start, values, block)
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<X: Transform + ?Sized> Transform for $pointer {
            fn forward_at(&self, start: usize, values: &[f32], coefficients: &mut [f32]) -> Result<()> {
                (**self).forward_at(start, values, coefficients)
            }
            fn checked_forward_at(&self, start: usize, values: &[f32], coefficients: &mut [f32]) -> Result<()> {
                (**self).checked_forward_at(start, values, coefficients)
            }
            fn inverse_at(&self, start: usize, coefficients: &[f32], values: &mut [f32]) -> Result<()> {
                (**self).inverse_at(start, coefficients, values)
            }
            fn forward_linear_at(&self, start: usize, values: &[f32], coefficients: &mut [f32]) -> Result<()> {
                (**self).forward_linear_at(start, values, coefficients)
            }
            fn inverse_linear_at(&self, start: usize, coefficients: &[f32], values: &mut [f32]) -> Result<()> {
                (**self).inverse_linear_at(start, coefficients, values)
            }
            fn slopes_at(&self, start: usize, values: &[f32], slopes: &mut [f32]) -> Result<()> {
                (**self).slopes_at(start, values, slopes)
            }
            fn block(&self) -> usize {
                (**self).block()
            }
            fn coefficient_len(&self, values: usize) -> usize {
                (**self).coefficient_len(values)
            }
            fn check_len(&self, values: usize) -> Result<()> {
                (**self).check_len(values)
            }
            fn guarantee(&self) -> Guarantee {
                (**self).guarantee()
            }
        }
    )*};
}
forward!(&X, Box<X>);
