//! The two figures that a search looks at.

use super::error_stats::{BLOCK, widen};
use crate::{
    element::{Element, check_finite},
    error::{Result, same_length},
    kernel::pairs::{errors, squares},
};

/// The sum of squared errors `Σ(y - x)²` and the largest absolute error `max |y - x|` of restored values against the
/// original, where [`ErrorStats`](crate::ErrorStats) has more figures and takes four to eight times as long: for searches that
/// compare many candidates.
///
/// Differences are rounded to f32, by at most one part in 2^24 of each; none is where one value is at most twice the other, or
/// is 0. So the sum is right to one part in 2^23, and a bound is better checked with `ErrorStats`, which rounds no difference of
/// f32 that f64 can hold. Squares are exact, and sums f64 in a fixed order: of every 1024 pairs, pair `i` goes to lane `i % 16`;
/// lanes are added pairwise, and these blocks in order. So both figures are the same on any machine. They are 0 for empty
/// slices, which have one length and are finite. Cost: two slices read, 4 operations per value; nothing is allocated.
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
        let (mut of_block, largest_of_block) = squares(x, y);
        let mut largest_of_block = f64::from(largest_of_block);
        if !of_block.is_finite() {
            check_finite(x, i * BLOCK)?;
            check_finite(y, i * BLOCK)?;
            // Differences beyond f32 are far from the ends of f64, and so are their squares.
            let errors = errors(x, y, f64::INFINITY);
            (of_block, largest_of_block) = (errors.sums[2], errors.largest);
        }
        sum += of_block;
        largest = largest.max(largest_of_block);
    }
    Ok((sum, largest))
}
