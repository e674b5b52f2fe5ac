//! Equal steps, as wide as a bound on the error of each value allows.

use super::spacing::{Spacing, power_of_two, round};

/// Levels at all multiples of a step, rounded to the element: `q * step` for the integers from `first` on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Steps {
    pub(super) step: f64,
    pub(super) first: i64,
    pub(super) level_count: u32,
}

/// Multiples of a step stay below this, so that quotients and products are exact enough in f64: see `radius`.
pub(super) const FARTHEST: i64 = 1 << 33;

/// Wider than twice any value, so that a wider step would make no difference.
pub(super) const WIDEST: f64 = power_of_two(200);

impl Steps {
    /// Steps that never move a value in `low..=high` by more than `bound`; none if that takes too many.
    pub(super) fn within(bound: f64, low: f64, high: f64, spacing: &Spacing) -> Option<Self> {
        Self::new(2.0 * radius(bound, low, high, spacing), low, high)
    }

    /// Steps of at most this width that reach all values in `low..=high`.
    pub(super) fn new(step: f64, low: f64, high: f64) -> Option<Self> {
        // Twenty significant bits: products with integers of 33 bits are exact.
        let step = step.min(WIDEST);
        let step = f64::from_bits(step.to_bits() >> 33 << 33);
        let (first, last) = (low / step, high / step);
        let farthest = FARTHEST as f64 - 1.0;
        // A step of zero makes these infinite or NaN, and one that is subnormal is no step to store.
        if step < f64::MIN_POSITIVE || !(first.abs() < farthest && last.abs() < farthest) {
            return None;
        }
        let (first, last) = (round(first) as i64, round(last) as i64);
        Some(Self { step, first, level_count: u32::try_from(last - first + 1).ok()? })
    }

    /// The number of the level nearest to `x`, counted from 0; a number that is not of the range says that `x` is not.
    #[inline(always)]
    pub(super) fn nearest(&self, x: f32) -> i64 {
        // Values far outside are cut to something that is outside too.
        let farthest = 2.0 * FARTHEST as f64;
        round((f64::from(x) / self.step).clamp(-farthest, farthest)) as i64 - self.first
    }

    /// A level before it is rounded to the element.
    #[inline(always)]
    pub(super) fn level(&self, code: u32) -> f64 {
        (self.first + i64::from(code)) as f64 * self.step
    }
}

/// How far from a value a level may lie before it is rounded to the element, so that it is at most `bound` away after.
///
/// Not simply `bound`: values and rounded levels are on the grid of the element, so that an error of a bit more than
/// `bound` may become one of a whole unit more. Let `x` be a value, `e` the value of the element farthest up with
/// `e - x <= bound`, and `u` the distance from `e` to the next. What is nearer to `x` than the middle between the two,
/// `e - x + u / 2`, does not round to more than `e`. The smallest of these, for all `x` and both directions, is wanted.
///
/// 1. Where the element is not coarser at `e` than at `x`, `x` is a multiple of `u`: `e - x` is the largest multiple of
///    `u` within the bound, `n * u`, and the middle is `(n + 1/2) * u` away.
/// 2. Where it is coarser by one power of two, values there are `2 * u` apart and `x` is a multiple of `u`, or an odd
///    number of `u` away. Then, with `n` units in the bound, the middle is `n * u` away or more, if `n >= 2`; otherwise
///    `e` is where the powers of two meet, and the middle is farther away than the bound.
/// 3. Where it is coarser by more, or on the other side of zero, the power of two at `e` is less than twice the bound. So
///    half a unit is less than `2^(1 - bits)` of the bound, and what is nearer than the rest of it does not move beyond.
///
/// Levels are at most half a step away from values, so values are quantized that lie as far outside of `low..=high`;
/// rounded levels lie no farther outside. Both are kept in view here.
fn radius(bound: f64, low: f64, high: f64, spacing: &Spacing) -> f64 {
    let far = low.abs().max(high.abs());
    let near = if low <= 0.0 && high >= 0.0 { 0.0 } else { low.abs().min(high.abs()) };
    let coarsest = spacing.at(far + 3.0 * bound);
    let finest = spacing.at((near - 3.0 * bound).max(0.0));
    // Levels become f16 or bf16 by way of f32, which moves a middle by up to 2^-12 of a unit.
    let slack = if spacing.bits == 24 { 0.0 } else { power_of_two(-10) };

    let mut radius = bound;
    if finest < coarsest {
        radius *= 1.0 - 2.0 * spacing.unit_roundoff() * (1.0 + power_of_two(-8));
    }
    let mut unit = coarsest;
    while unit >= finest && unit > bound * power_of_two(-40) {
        let steps = (bound / unit) as u64 as f64;
        radius = radius.min((steps + 0.5 - slack) * unit);
        if unit < coarsest && steps >= 2.0 {
            radius = radius.min((steps - slack) * unit);
        }
        unit /= 2.0;
    }
    // Quotients are off by 2^-53 of less than 2^33 steps.
    radius * (1.0 - power_of_two(-18))
}
