//! Values <-> codes: the only place where something is lost.
//!
//! Implement two functions on finite f32 slices, the number of levels and a description ([`Quantizer`]); every element,
//! vectors, checks, fake quantization, pipelines and frames come for free ([`QuantizerExt`]).
//!
//! Scalar quantizers need even less: [`Levels`] says where levels lie in units of a scale, and [`Scaled`] does the
//! rest.

mod affine;
mod affine_quantizer;
mod bounded;
mod calibration;
mod codebook;
mod doors;
mod grid;
mod integers;
mod law;
mod levels;
mod minifloat;
mod range;
mod rounding;
mod scale;
mod scaled;
mod scaled_quantizer;
mod scales;
mod scaling;
mod stored_scales;
mod then;
mod trellis;
mod trellis_choice;
mod trellis_quantizer;
mod uniform;

pub use affine::Affine;
pub use affine_quantizer::AffineQuantizer;
pub use bounded::{BoundedQuantizer, ErrorBound};
pub use codebook::{Codebook, CodebookQuantizer, KMeans, Quantile, Representative};
pub use doors::QuantizerExt;
pub(crate) use doors::{dequantize_range, narrow, quantize_range, room};
pub use grid::Grid;
pub(crate) use law::{Nearest, Restored};
pub use levels::Levels;
pub use minifloat::{Minifloat, Overflow};
pub use range::Range;
pub use rounding::Rounding;
pub use scale::Scale;
pub use scaled::Scaled;
pub(crate) use scaled_quantizer::rounding_bound;
pub(crate) use scales::are_within;
pub use scales::{ScaleRule, ScaleType};
pub(crate) use scaling::Scaling;
pub use stored_scales::Scales;
pub use trellis::Trellis;
pub use trellis_quantizer::TrellisQuantizer;
pub use uniform::{Uniform, UniformQuantizer};

use crate::{
    code::Code,
    description::Describe,
    error::{Error, Result},
    rates::Rates,
};
use alloc::boxed::Box;
use core::fmt::Debug;

/// A fitted quantizer: values to codes, and codes to the levels they stand for.
///
/// Each slice is told where it starts in the whole array. That one argument makes chunks, ranges, threads, streams and
/// parameters per channel the same thing: any split at multiples of [`block`](Self::block) gives the same codes. A
/// quantizer without a notion of place ignores it.
///
/// Call it through [`QuantizerExt`], which takes any element and checks its arguments.
pub trait Quantizer: Describe + Debug + Send + Sync {
    /// The integers it emits.
    type Code: Code;

    /// Number of levels; codes are below it.
    fn level_count(&self) -> u32;

    /// Values to codes. `values` are finite, `start` is a multiple of [`block`](Self::block), and `codes` has
    /// [`code_len`](Self::code_len)`(values.len())` items.
    fn quantize_at(&self, start: usize, values: &[f32], codes: &mut [Self::Code]) -> Result<()>;

    /// Codes to finite values, with the same lengths. Codes come from anywhere: one that is not below
    /// [`level_count`](Self::level_count) is an error.
    fn dequantize_at(&self, start: usize, codes: &[Self::Code], values: &mut [f32]) -> Result<()>;

    /// Slices start at multiples of this many values. At least 1.
    fn block(&self) -> usize {
        1
    }

    /// Slices of codes start at multiples of as many values, when they are restored; a quantizer that chooses levels together
    /// can restore them one by one.
    fn dequantize_block(&self) -> usize {
        self.block()
    }

    /// Codes of `values` values: the same number for every block.
    fn code_len(&self, values: usize) -> usize {
        values
    }

    /// Whether `values` values are a whole number of what the parameters were made for, such as rows or one array.
    fn check_len(&self, _values: usize) -> Result<()> {
        Ok(())
    }

    /// The largest error of value `index`, as f32 and in the unit of the values, if the value is within the fitted
    /// range; none if the quantizer states no bound.
    fn error_bound(&self, _index: usize) -> Option<f64> {
        None
    }

    /// How far beyond the largest value of an element level `index` may lie to become that value when it is narrowed.
    /// All decoders have to agree on it, so it follows from the description alone: twice the
    /// [`error_bound`](Self::error_bound) where that does, as by default, but not where it knows more of the encoder
    /// than is described.
    fn narrowing_bound(&self, index: usize) -> f64 {
        2.0 * self.error_bound(index).unwrap_or(0.0)
    }

    /// The straight-through gradient: turns the gradient with respect to the restored values into one with respect to
    /// `values`, in place. By default the gradient passes unchanged; a quantizer that clips stops it where it clips.
    fn straight_through_at(&self, _start: usize, _values: &[f32], _gradient: &mut [f32]) -> Result<()> {
        Ok(())
    }

    /// What codes will cost, for quantizers that weigh errors against bits; others have no use for it. Changes what
    /// [`quantize_at`](Self::quantize_at) chooses, and nothing that is described. Returns whether it is used.
    fn set_rates(&mut self, _rates: Rates) -> bool {
        false
    }
}

macro_rules! forward {
    ($pointer:ty $(| $more:item)?) => {
        impl<Q: Quantizer + ?Sized> Quantizer for $pointer {
            type Code = Q::Code;
            fn level_count(&self) -> u32 {
                (**self).level_count()
            }
            fn quantize_at(&self, start: usize, values: &[f32], codes: &mut [Q::Code]) -> Result<()> {
                (**self).quantize_at(start, values, codes)
            }
            fn dequantize_at(&self, start: usize, codes: &[Q::Code], values: &mut [f32]) -> Result<()> {
                (**self).dequantize_at(start, codes, values)
            }
            fn block(&self) -> usize {
                (**self).block()
            }
            fn dequantize_block(&self) -> usize {
                (**self).dequantize_block()
            }
            fn code_len(&self, values: usize) -> usize {
                (**self).code_len(values)
            }
            fn check_len(&self, values: usize) -> Result<()> {
                (**self).check_len(values)
            }
            fn error_bound(&self, index: usize) -> Option<f64> {
                (**self).error_bound(index)
            }
            fn narrowing_bound(&self, index: usize) -> f64 {
                (**self).narrowing_bound(index)
            }
            fn straight_through_at(&self, start: usize, values: &[f32], gradient: &mut [f32]) -> Result<()> {
                (**self).straight_through_at(start, values, gradient)
            }
            $($more)?
        }
    };
}
forward!(&Q);
forward!(Box<Q> | fn set_rates(&mut self, rates: Rates) -> bool {
    (**self).set_rates(rates)
});

/// All `codes`, the first of which is at `start`, are below `level_count`.
pub(crate) fn check_codes<C: Code>(start: usize, codes: &[C], level_count: u32) -> Result<()> {
    let largest = codes.iter().copied().max().unwrap_or_default();
    if largest.to_u32() < level_count {
        return Ok(());
    }
    let index = codes.iter().position(|code| code.to_u32() >= level_count).unwrap_or(0);
    let code = codes[index].to_u32();
    Err(Error::Code { index: start.saturating_add(index), code, level_count: level_count.into() })
}

/// The gradient passes where a value lies in `low..=high`, and stops where it is clipped.
pub(crate) fn pass_between(low: f64, high: f64, values: &[f32], gradient: &mut [f32]) {
    for (g, &x) in gradient.iter_mut().zip(values) {
        *g = if (low..=high).contains(&f64::from(x)) { *g } else { 0.0 };
    }
}
