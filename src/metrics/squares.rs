//! The two figures that a search looks at.

use super::error_stats::{BLOCK, widen};
use crate::{
    element::{Element, check_finite},
    error::{Result, same_length},
    kernel::pairs::squares,
};

/// The sum of squared errors `Σ(y - x)²` and the largest absolute error `max |y - x|` of restored values against the
/// original, where [`ErrorStats`](crate::ErrorStats) has more figures and takes three to six times as long: for searches that
/// compare many candidates.
///
/// Both slices have one length and are finite. Sums are f64, added in the order of `ErrorStats`, so that they are the same on
/// any machine: `sum / n` is its `mse`. Both figures are 0 for empty slices. Cost: two slices read, 5 operations per value;
/// nothing is allocated.
///
/// ```
/// use fewbits::squared_and_largest_error;
///
/// let (sum, largest) = squared_and_largest_error(&[1.0_f32, -2.0, 3.0], &[1.5_f32, -2.0, 3.25])?;
/// assert_eq!((sum, largest), (0.3125, 0.5));
/// # Ok::<(), fewbits::Error>(())
/// ```
pub fn squared_and_largest_error<T: Element, U: Element>(original: &[T], restored: &[U]) -> Result<(f64, f64)> {
    same_length("restored", original.len(), restored.len())?;
    let (mut x, mut y) = ([0.0; BLOCK], [0.0; BLOCK]);
    let (mut sum, mut largest) = (0.0, 0.0_f64);
    for (i, (original, restored)) in original.chunks(BLOCK).zip(restored.chunks(BLOCK)).enumerate() {
        let (x, y) = (widen(original, &mut x)?, widen(restored, &mut y)?);
        let block = squares(x, y);
        // Differences of f32 are far from the ends of f64, and so are their squares.
        if !block.0.is_finite() {
            check_finite(x, i * BLOCK)?;
            check_finite(y, i * BLOCK)?;
        }
        sum += block.0;
        largest = largest.max(block.1);
    }
    Ok((sum, largest))
}
