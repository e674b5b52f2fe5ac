//! How a value between two levels becomes one of them.

use super::Levels;
use crate::seed::Seed;

/// How a value between two levels becomes one of them.
///
/// Random numbers are a function of a [`Seed`] and of the position of the value in the whole array, so that chunks,
/// ranges and threads change nothing. Use a seed of its own for each round, worker and tensor ([`Seed::derive`]): with
/// the same seed, every round would round the same way, and the mean of the rounds would be no better than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Rounding {
    /// To the nearest level; between two, as the levels have it: a uniform grid takes the even integer. The smallest
    /// error.
    #[default]
    Nearest,
    /// To the nearest level; between two of a uniform grid, away from the zero of the grid, as C's `roundf`. With an
    /// offset that is the offset itself, not the value zero. Other levels have no rule of their own for it and do as
    /// [`Nearest`](Self::Nearest).
    HalfAway,
    /// Up with a probability that grows from 0 at the level below to 1 at the level above. The mean of many rounds is
    /// the value itself, but not where it is clipped: values beyond the outermost levels stay biased, so fit the whole
    /// range. Twice the squared error of rounding to nearest, on evenly spread values. For gradients.
    Stochastic(Seed),
    /// Subtractive dither: a random part of a step, between -1/2 and 1/2, is added before rounding to the nearest
    /// level, and subtracted again from the level. The error is evenly spread over a step whatever the value, and
    /// independent of it, except within half a step of the ends of the range, where it can reach a whole step. Needs
    /// levels in steps of 1. The seed is part of what a decoder needs and travels with the parameters.
    ///
    /// Choose it in the settings: groups of equal values are fitted otherwise under dither, which setting it on a
    /// fitted quantizer cannot make up for.
    Dither(Seed),
}

impl Rounding {
    /// The code of `x`, in units of the scale, at position `index`.
    #[inline(always)]
    pub(crate) fn choose<L: Levels>(self, unit: &L, index: usize, x: f64) -> u32 {
        match self {
            Self::Nearest => unit.nearest(x as f32),
            Self::HalfAway => unit.nearest_half_away(x as f32),
            Self::Stochastic(seed) => up_or_down(unit, x, seed.uniform(index as u64)),
            Self::Dither(seed) => unit.nearest((x + dither(seed, index)) as f32),
        }
    }

    /// How far a value in range can be from its level, in parts of the radius of the levels.
    pub(crate) const fn reach(self) -> f64 {
        match self {
            Self::Nearest | Self::HalfAway => 1.0,
            Self::Stochastic(_) | Self::Dither(_) => 2.0,
        }
    }
}

/// The random part of a step at a position.
#[inline(always)]
pub(crate) fn dither(seed: Seed, index: usize) -> f64 {
    f64::from(seed.uniform(index as u64)) - 0.5
}

/// The level below or the one above, by a chance in 0..1.
fn up_or_down<L: Levels>(unit: &L, x: f64, chance: f32) -> u32 {
    let nearest = unit.nearest(x as f32);
    let last = unit.level_count() - 1;
    let is_below = f64::from(unit.level(nearest)) <= x;
    let (low, high) = if is_below { (nearest, last.min(nearest + 1)) } else { (nearest.saturating_sub(1), nearest) };
    let (below, above) = (f64::from(unit.level(low)), f64::from(unit.level(high)));
    // Beyond the outermost levels the part is infinite or below zero, between equal ones NaN.
    if f64::from(chance) < (x - below) / (above - below) { high } else { low }
}
