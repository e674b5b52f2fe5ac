//! Sums over finite pairs of an original and a restored value. The terms of pair `i` go to lane `i % 8`; lanes are added
//! pairwise.

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512;
mod portable;

use super::{level::dispatch, sums::total};

/// What one pass over pairs `x` and `y` tells, with `d = y - x`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Errors {
    /// Sums of d, |d| and d².
    pub(crate) sums: [f64; 3],
    /// The sum of x; that of y is as much more as that of d says.
    pub(crate) total: f64,
    /// Sums of x², y² and xy, all of which are exact.
    pub(crate) products: [f64; 3],
    /// The smallest and the largest x, infinite without any; of two zeros either.
    pub(crate) low: f32,
    pub(crate) high: f32,
    /// The largest |d|.
    pub(crate) largest: f64,
    /// Zeros of x that are none of y.
    pub(crate) zeros_changed: u64,
    /// Whether any |d| / |x| may be larger than a given one.
    pub(crate) may_exceed: bool,
}

/// Of pairs as many as there are; `ratio` is the given |d| / |x|.
pub(crate) fn errors(x: &[f32], y: &[f32], ratio: f64) -> Errors {
    // A product of |x| and this, rounded, is below the product of |x| and `ratio`, so no quotient that is larger is missed.
    // With few bits products are exact: a ratio of 1, that of all values that became 0, is not looked at again and again.
    let few = ratio.to_bits().trailing_zeros() >= f32::MANTISSA_DIGITS;
    let below = if few { ratio } else { ratio * (1.0 - 4.0 * f64::EPSILON) };
    dispatch!(errors(x, y, below): avx512 avx2)
}

/// The first pair, sums of what x and y are more, and of the squares of these differences and their products: for values far from
/// zero.
pub(crate) fn about_first(x: &[f32], y: &[f32]) -> ([f64; 2], [f64; 2], [f64; 3]) {
    portable::about_first(x, y)
}

/// The sum of d², and the largest |d|, where d is rounded to f32, which halves the conversions. The square of pair `i` goes to
/// lane `i % 16`, and lanes are added pairwise. The sum is finite if all d are, which are not if values are not.
pub(crate) fn squares(x: &[f32], y: &[f32]) -> (f64, f32) {
    dispatch!(squares(x, y): avx512 avx2)
}

/// Lanes of [`squares`].
const SQUARES: usize = 16;

/// The first half of the lanes and the second.
#[inline(always)]
fn total_of_squares(lanes: [f64; SQUARES]) -> f64 {
    total(core::array::from_fn(|lane| lanes[lane] + lanes[lane + SQUARES / 2]))
}

/// The largest |d| / |x| of those x that are not zero, 0 at least.
pub(crate) fn largest_ratio(x: &[f32], y: &[f32]) -> f64 {
    dispatch!(largest_ratio(x, y): avx512 avx2)
}

/// `d`, exact unless the two are of very different size.
#[inline(always)]
pub(crate) fn error(x: f32, y: f32) -> f64 {
    f64::from(y) - f64::from(x)
}

/// Squares and the product, exact.
#[inline(always)]
fn products(x: f32, y: f32) -> [f64; 3] {
    let (x, y) = (f64::from(x), f64::from(y));
    [x * x, y * y, x * y]
}
