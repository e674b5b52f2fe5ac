//! Equal steps: consecutive integers, or the half-integers between them.

use super::levels::Levels;
use crate::{
    code::Code,
    description::{Description, Restore, Stages},
    error::{Error, Result},
    wire::{unzigzag, zigzag},
};
use core::marker::PhantomData;

/// Adding it to a smaller number rounds that to an integer, ties to even: the spacing of f32 there is 1.
const ROUNDER: f32 = 12_582_912.0; // 1.5 * 2^23

/// Equally spaced levels: code `c` stands for `c + min`, or for `c + min + 1/2` where the grid is *mid-rise*.
///
/// A mid-tread grid (not mid-rise) has a level at zero if `min <= 0`. A grid that starts at zero can have an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid<C> {
    min: i32,
    max: i32,
    mid_rise: bool,
    code: PhantomData<C>,
}

impl<C: Code> Grid<C> {
    pub(crate) const TAG: u8 = 0x02;

    /// The integers `min..=max`: at most 2^16 of them, and as many as `C` can index, within -2^20..=2^20.
    pub fn new(min: i32, max: i32) -> Result<Self> {
        Self::checked(min, max, false)
    }

    /// The half-integers `min + 1/2 ..= max + 1/2`, with the same limits.
    pub fn mid_rise(min: i32, max: i32) -> Result<Self> {
        Self::checked(min, max, true)
    }

    fn checked(min: i32, max: i32, mid_rise: bool) -> Result<Self> {
        const FARTHEST: i32 = 1 << 20;
        for end in [min, max] {
            if !(-FARTHEST..=FARTHEST).contains(&end) {
                return Err(Error::Setting { name: "grid end", value: end.into(), allowed: "-2^20 to 2^20" });
            }
        }
        let level_count = i64::from(max) - i64::from(min) + 1;
        if !(1..=1 << 16).contains(&level_count) {
            return Err(Error::Setting { name: "levels", value: level_count as f64, allowed: "1 to 65536 levels" });
        }
        if level_count > 1 << C::BITS {
            return Err(Error::CodeWidth { level_count: level_count.cast_unsigned(), code_bits: C::BITS });
        }
        Ok(Self { min, max, mid_rise, code: PhantomData })
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

    #[inline(always)]
    fn shift(&self) -> f32 {
        if self.mid_rise { 0.5 } else { 0.0 }
    }
}

impl<C: Code> Levels for Grid<C> {
    type Code = C;

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
        let x = (x - self.shift()).max(self.min as f32).min(self.max as f32);
        (x + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits().wrapping_add_signed(self.min))
    }

    fn reach(&self) -> f32 {
        let last = (self.max - self.min) as f32;
        if self.has_offset() { last } else { last / 2.0 + self.shift() }
    }

    fn has_offset(&self) -> bool {
        self.min == 0 && !self.mid_rise
    }

    fn radius(&self) -> f32 {
        0.5
    }

    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            out.u8(self.mid_rise.into());
            out.varint(zigzag(self.min).into());
            out.varint(self.level_count().into());
        });
    }
}

impl<C: Code> Restore for Grid<C> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let mut bytes = stages.expect(Self::TAG, "a uniform grid")?;
        let mid_rise = match bytes.u8()? {
            flag @ (0 | 1) => flag == 1,
            flag => return Err(Error::Corrupt { what: "grid flag", found: flag.into() }),
        };
        let (min, level_count) = (bytes.varint()?, bytes.varint()?);
        bytes.finish()?;
        let corrupt = Error::Corrupt { what: "grid", found: level_count };
        let min = u32::try_from(min).map(unzigzag).map_err(|_| corrupt.clone())?;
        let max = i64::try_from(level_count).ok().and_then(|count| (i64::from(min) - 1).checked_add(count));
        let max = max.and_then(|max| i32::try_from(max).ok()).ok_or(corrupt)?;
        Self::checked(min, max, mid_rise)
    }
}
