//! Steps that grow with the value, as wide as a bound on the relative error of each value allows.

use super::spacing::{Spacing, power_of_two, round};
use num_traits::Float;

/// Levels at equal steps of a smooth logarithm, on both sides of zero, and zero itself.
///
/// Numbered from zero outward, a magnitude below `least` has its multiple of the smallest distance of the element as its
/// number, if magnitudes are so small that nothing but exact values keeps the bound. From `least` on, numbers count
/// steps of the logarithm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ratios {
    /// Of the logarithm.
    pub(super) step: f64,
    /// The smallest magnitude at which the logarithm is used.
    pub(super) least: f64,
    /// The number of `least`: 1 if nothing but zero is smaller.
    pub(super) exact: u32,
    pub(super) first: i64,
    pub(super) level_count: u32,
}

impl Ratios {
    /// Steps that never move a value in `low..=high`, none of which is nearer to zero than `nearest` but zero itself, by
    /// more than `ratio` of itself. None if exact values are as good.
    pub(super) fn within(ratio: f64, low: f64, high: f64, nearest: f64, spacing: &Spacing) -> Option<Self> {
        let roundoff = spacing.unit_roundoff() * (1.0 + power_of_two(-9));
        // Below that, a step is hardly wider than the spacing.
        if ratio < 2.25 * roundoff {
            return None;
        }
        // A level that is off by `radius` of a value is rounded to the element, which moves it by half a unit more: by
        // `roundoff` of itself where all bits are significant.
        let mut radius = (ratio - roundoff) / (1.0 + roundoff);
        let (mut least, mut exact) = (nearest, 1);
        if nearest < spacing.normal {
            // From 8 / ratio units on, half a unit is a sixteenth of the bound.
            let mut units = 1.0;
            while units * ratio < 8.0 && units * spacing.least < spacing.normal {
                units *= 2.0;
            }
            least = units * spacing.least;
            exact = units as u32;
            if least < spacing.normal {
                radius = radius.min(ratio * (15.0 / 16.0 - power_of_two(-12)));
            }
        }
        // A step of the logarithm changes a value by a factor of at most e^(3/4 step): see `logarithm`. So half a step
        // may be 4/3 ln(1 + radius), which is more than 4/3 * 2 radius / (2 + radius).
        let step = 8.0 / 3.0 * (2.0 * radius / (2.0 + radius)) * (1.0 - power_of_two(-16));
        let mut ratios = Self { step, least, exact, first: 0, level_count: 0 };
        ratios.first = ratios.number(low);
        ratios.level_count = u32::try_from(ratios.number(high) - ratios.first + 1).ok()?;
        Some(ratios)
    }

    /// The number of the level nearest to `x`, counted from zero outward.
    #[inline(always)]
    fn number(&self, x: f64) -> i64 {
        let magnitude = x.abs();
        let number = if magnitude < self.least && self.exact > 1 {
            // A multiple of the smallest distance, so that the quotient is exact.
            round(magnitude / (self.least / f64::from(self.exact)))
        } else if magnitude == 0.0 {
            0.0
        } else {
            let steps = round((logarithm(magnitude) - logarithm(self.least)) / self.step);
            // What is too small to be moved to `least` has no level.
            if steps < 0.0 { NOWHERE } else { (steps + f64::from(self.exact)).min(NOWHERE) }
        };
        if x < 0.0 { -number as i64 } else { number as i64 }
    }

    /// The number of the level nearest to `x`, counted from 0; a number that is not of the range says that `x` is not.
    #[inline(always)]
    pub(super) fn nearest(&self, x: f32) -> i64 {
        self.number(x.into()) - self.first
    }

    /// A level before it is rounded to the element.
    #[inline(always)]
    pub(super) fn level(&self, code: u32) -> f64 {
        let number = self.first + i64::from(code);
        let (magnitude, exact) = (number.unsigned_abs() as f64, f64::from(self.exact));
        let level = if magnitude < exact {
            if self.exact > 1 { magnitude * (self.least / exact) } else { 0.0 }
        } else {
            inverse(logarithm(self.least) + (magnitude - exact) * self.step)
        };
        if number < 0 { -level } else { level }
    }
}

/// A number beyond those of all levels.
const NOWHERE: f64 = power_of_two(50);

/// A smooth, increasing function of positive numbers that doubles of numbers exceed by one: `e + f (4 - f) / 3` for
/// `2^e (1 + f)`. Nearly the logarithm to base 2, but made of exactly rounded operations, so that it is the same
/// everywhere. Relative to the value it grows by at least 4/3 (at powers of two) and at most 3/2 (between them).
#[inline(always)]
fn logarithm(x: f64) -> f64 {
    let bits = x.to_bits();
    let fraction = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000) - 1.0;
    ((bits >> 52) as i64 - 1023) as f64 + fraction * (4.0 - fraction) / 3.0
}

/// The way back, for logarithms of at least -1022; 2^128 for those of larger numbers.
#[inline(always)]
fn inverse(logarithm: f64) -> f64 {
    if logarithm >= 128.0 {
        return power_of_two(128);
    }
    // The integer below; for an integer perhaps the one before, which leads to the same power of two.
    let exponent = round(logarithm - 0.5);
    let fraction = 2.0 - Float::sqrt(4.0 - 3.0 * (logarithm - exponent));
    (1.0 + fraction) * power_of_two(exponent as i32)
}
