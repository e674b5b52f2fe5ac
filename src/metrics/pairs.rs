//! Figures of pairs of values that are not sums.

use crate::{
    calibrate::{NanPolicy, Quantiles},
    element::{Element, check_finite, for_each_piece},
    error::{Error, Result, same_length},
};
use alloc::{vec, vec::Vec};

/// Exact quantiles of the absolute error `|y - x|`, rounded to f32 and at most `f32::MAX`: `result[i]` is the one of `probabilities[i]`.
///
/// Both slices are finite and not empty. `settings` says which definition of a quantile; see [`Quantiles`] for cost and
/// memory, to which 4 bytes a value are added. libpressio calls the count `k` of values below one "kth error".
///
/// ```
/// use fewbits::{Quantiles, abs_error_quantiles};
///
/// let (original, restored) = ([1.0_f32, 2.0, 3.0, 4.0, 5.0], [1.0_f32, 2.5, 3.0, 3.0, 5.25]);
/// assert_eq!(abs_error_quantiles(Quantiles::new(), &original, &restored, &[0.5, 1.0])?, [0.25, 1.0]);
/// # Ok::<(), fewbits::Error>(())
/// ```
pub fn abs_error_quantiles<T: Element, U: Element>(
    settings: Quantiles,
    original: &[T],
    restored: &[U],
    probabilities: &[f64],
) -> Result<Vec<f64>> {
    same_length("restored", original.len(), restored.len())?;
    let mut errors = vec![0.0; original.len()];
    T::widen_into(original, &mut errors)?;
    check_finite(&errors, 0)?;
    for_each_piece(restored, |start, restored| {
        check_finite(restored, start)?;
        for (x, &y) in errors[start..].iter_mut().zip(restored) {
            *x = ((f64::from(y) - f64::from(*x)).abs() as f32).min(f32::MAX);
        }
        Ok(())
    })?;
    settings.nan(NanPolicy::Refuse).of(&errors, probabilities)
}

/// The largest distance of a pair in units in the last place: how many values of the element lie between, one of the
/// two counted. Zeros of either sign are one value; infinities lie beyond the largest values. A pair with a NaN is an
/// error, unless both are NaN, which are no distance apart. 0 for empty slices.
///
/// ```
/// use fewbits::max_ulp_distance;
///
/// assert_eq!(max_ulp_distance(&[1.0_f32, -0.0], &[1.0_f32.next_up().next_up(), 0.0])?, 2);
/// # Ok::<(), fewbits::Error>(())
/// ```
pub fn max_ulp_distance<T: Element>(original: &[T], restored: &[T]) -> Result<u32> {
    same_length("restored", original.len(), restored.len())?;
    let mut largest = 0;
    for (index, (x, y)) in original.iter().zip(restored).enumerate() {
        match (x.to_ordered(), y.to_ordered()) {
            (Some(x), Some(y)) => largest = largest.max(x.abs_diff(y)),
            (None, None) => {}
            _ => return Err(Error::NonFinite { index }),
        }
    }
    Ok(largest)
}
