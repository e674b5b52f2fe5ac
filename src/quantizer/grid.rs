//! Equal steps: consecutive integers, or the half-integers between them.

use super::{law::Law, levels::Levels};
use crate::{
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result},
    wire::{unzigzag, zigzag},
};

/// Adding it to a smaller number rounds that to an integer, ties to even: the spacing of f32 there is 1.
const ROUNDER: f32 = 12_582_912.0; // 1.5 * 2^23

/// Equally spaced levels: code `c` stands for `c + min`, or for `c + min + 1/2` where the grid is *mid-rise*.
///
/// A mid-tread grid (not mid-rise) has a level at zero. A grid whose levels reach as far to either side, or a mid-tread
/// one that reaches one step further down, is scaled as symmetric: values go into an interval around zero as wide as
/// its levels (mid-tread) or its cells (mid-rise). Into other grids they go from the first level to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "raw::Grid", into = "raw::Grid"))]
pub struct Grid {
    min: i32,
    max: i32,
    mid_rise: bool,
}

impl Grid {
    pub(crate) const TAG: u8 = 0x02;

    /// `min..=max`, which are known to be right.
    pub(super) const fn integers(min: i32, max: i32) -> Self {
        Self { min, max, mid_rise: false }
    }

    /// The integers `min..=max`, zero among them: at most 2^16, and none beyond 2^20 on either side.
    pub const fn new(min: i32, max: i32) -> Result<Self> {
        Self::checked(min, max, false)
    }

    /// The half-integers `min + 1/2 ..= max + 1/2`, with the same limits.
    pub const fn mid_rise(min: i32, max: i32) -> Result<Self> {
        Self::checked(min, max, true)
    }

    const fn checked(min: i32, max: i32, mid_rise: bool) -> Result<Self> {
        const FARTHEST: i32 = 1 << 20;
        if min < -FARTHEST || min > 0 {
            return Err(Error::Setting { name: "min", value: min as f64, allowed: "-2^20 to 0" });
        }
        if max < 0 || max > FARTHEST {
            return Err(Error::Setting { name: "max", value: max as f64, allowed: "0 to 2^20" });
        }
        let level_count = max as i64 - min as i64 + 1;
        if level_count > 1 << 16 {
            return Err(Error::Setting { name: "levels", value: level_count as f64, allowed: "1 to 65536 levels" });
        }
        Ok(Self { min, max, mid_rise })
    }

    /// The integer that code 0 stands for: `code + min` is the signed view of a code.
    pub const fn min(&self) -> i32 {
        self.min
    }

    /// The integer that the last code stands for.
    pub const fn max(&self) -> i32 {
        self.max
    }

    /// Whether levels lie halfway between integers.
    pub const fn is_mid_rise(&self) -> bool {
        self.mid_rise
    }

    /// Its integers, counted from one of them instead of from zero.
    #[inline(always)]
    pub(crate) const fn seen_from(self, integer: i32) -> Self {
        Self { min: self.min - integer, max: self.max - integer, mid_rise: self.mid_rise }
    }

    #[inline(always)]
    fn shift(self) -> f32 {
        if self.mid_rise { 0.5 } else { 0.0 }
    }
}

impl Levels for Grid {
    fn level_count(&self) -> u32 {
        (self.max - self.min + 1).cast_unsigned()
    }

    #[inline(always)]
    fn level(&self, code: u32) -> f32 {
        code.cast_signed().wrapping_add(self.min) as f32 + self.shift()
    }

    #[inline(always)]
    fn nearest(&self, x: f32) -> u32 {
        // Clamped first, so that the integer lands in the low bits of the sum whatever x is.
        let shifted = x - self.shift();
        // Below zero is nearer to -1/2, however close to zero: `x - 1/2` would be rounded to the tie.
        let shifted = if self.mid_rise && x < 0.0 { shifted.min((-0.5_f32).next_down()) } else { shifted };
        let x = shifted.max(self.min as f32).min(self.max as f32);
        (x + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits().wrapping_add_signed(self.min))
    }

    fn nearest_half_away(&self, x: f32) -> u32 {
        let code = self.nearest(x);
        // Half a step away from a level that is nearer to zero: the next one, if there is one.
        let rest = x - self.level(code);
        match (rest == 0.5 && x > 0.0, rest == -0.5 && x < 0.0) {
            (true, _) => (code + 1).min(self.level_count() - 1),
            (_, true) => code.saturating_sub(1),
            _ => code,
        }
    }

    fn has_unit_steps(&self) -> bool {
        true
    }

    fn law(&self) -> Law<'_> {
        if self.mid_rise { Law::Any } else { Law::Integers { min: self.min, max: self.max } }
    }

    fn range(&self) -> (f32, f32) {
        let (first, last) = (self.min as f32 + self.shift(), self.max as f32 + self.shift());
        let is_symmetric = self.min < 0 && (self.max + self.min == -1 || self.max + self.min == 0 && !self.mid_rise);
        if !is_symmetric {
            return (first, last);
        }
        let half = (last - first) / 2.0 + self.shift();
        (-half, half)
    }

    /// One half, also where a level is missing at one end to be as far out as the other.
    fn radius(&self) -> f32 {
        0.5
    }
}

impl Describe for Grid {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            out.u8(self.mid_rise.into());
            out.varint(zigzag(self.min.into()));
            out.varint(self.level_count().into());
        });
    }
}

impl Restore for Grid {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let (mid_rise, min, level_count) = stages.stage(Self::TAG, "a uniform grid", |bytes| {
            let mid_rise = match bytes.u8()? {
                flag @ (0 | 1) => flag == 1,
                flag => return Err(Error::Corrupt { what: "grid flag", found: flag.into() }),
            };
            Ok((mid_rise, bytes.varint()?, bytes.varint()?))
        })?;
        let min = i32::try_from(unzigzag(min)).ok();
        let last = i32::try_from(level_count).ok().and_then(|count| count.checked_sub(1));
        let grid = min.zip(last).and_then(|(min, last)| Self::checked(min, min.checked_add(last)?, mid_rise).ok());
        grid.ok_or(Error::Corrupt { what: "grid", found: level_count })
    }
}

/// What serde sees.
#[cfg(feature = "serde")]
mod raw {
    use crate::error::{Error, Result};

    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Grid {
        min: i32,
        max: i32,
        #[serde(default)]
        mid_rise: bool,
    }

    impl From<super::Grid> for Grid {
        fn from(grid: super::Grid) -> Self {
            let super::Grid { min, max, mid_rise } = grid;
            Self { min, max, mid_rise }
        }
    }

    impl TryFrom<Grid> for super::Grid {
        type Error = Error;

        fn try_from(Grid { min, max, mid_rise }: Grid) -> Result<Self> {
            Self::checked(min, max, mid_rise)
        }
    }
}
