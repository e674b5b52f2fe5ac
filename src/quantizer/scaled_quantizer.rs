//! Values to codes at many scales, and back.

use super::{Levels, Nearest, Quantizer, Restored, Rounding, Scaled, check_codes, pass_between, rounding::dither};
use crate::{
    code::Code,
    error::{Result, check_piece, same_length},
    kernel::{blocks::Layout, scale},
};
use bytemuck::{try_cast_slice, try_cast_slice_mut};
use core::iter;

impl<L, C> Scaled<L, C> {
    /// Groups of single values, which change from value to value.
    fn is_interleaved(&self) -> bool {
        self.groups.run() == 1 && !self.wide
    }

    /// Codes are bytes, and runs long enough for vectors.
    fn takes_kernels(&self) -> bool {
        const SHORTEST_RUN: usize = 16;
        self.plain && size_of::<C>() == 1 && self.groups.run() >= SHORTEST_RUN
    }

    fn check(&self, start: usize, values: usize, codes: usize) -> Result<()> {
        same_length("codes", values, codes)?;
        check_piece(start, values, 1)?;
        self.groups.check(start, values)
    }
}

impl<L: Levels, C: Code> Scaled<L, C> {
    /// The values that the codes of a group decode to, in the order of the codes; none for a group beyond the last.
    /// Under dither they are what the random part is subtracted from.
    pub fn levels(&self, group: usize) -> impl Iterator<Item = f32> {
        let count = if group < self.groups.count() { self.unit.level_count() } else { 0 };
        (0..count).map(move |code| {
            let mut level = [0.0];
            self.dequantize_group(group, &[C::from_u32(code)], &mut level);
            level[0]
        })
    }

    #[inline(always)]
    fn quantize_group(&self, group: usize, values: &[f32], codes: &mut [C]) {
        let (scale, offset) = self.group(group);
        let nearest = |x| self.unit.nearest(x);
        if self.wide {
            scale::quantize_run_wide(scale, offset, values, codes, nearest);
        } else {
            scale::quantize_run(scale, offset, values, codes, nearest);
        }
    }

    #[inline(always)]
    fn dequantize_group(&self, group: usize, codes: &[C], values: &mut [f32]) {
        let (scale, offset) = self.group(group);
        let level = |code| self.unit.level(code);
        if self.wide {
            scale::dequantize_run_wide(scale, offset, codes, values, level);
        } else {
            scale::dequantize_run(scale, offset, codes, values, level);
        }
    }

    /// The largest error of a value that was rounded in this way.
    fn bound(&self, index: usize, rounding: Rounding) -> Option<f64> {
        if self.groups.check(index, 1).is_err() {
            return None;
        }
        let group = self.groups.group_of(index);
        let (scale, offset) = self.group(group);
        let bound = rounding_bound(scale, rounding.reach() * f64::from(self.radius), self.ends);
        let end = |level: f32| (f64::from(level) * f64::from(scale) + f64::from(offset)).abs();
        let largest = end(self.ends.0).max(end(self.ends.1));
        Some(if self.offsets.is_empty() { bound } else { bound + largest * ROUNDING / 2.0 })
    }
}

impl<L: Levels, C: Code> Quantizer for Scaled<L, C> {
    type Code = C;

    fn level_count(&self) -> u32 {
        self.unit.level_count()
    }

    fn quantize_at(&self, start: usize, values: &[f32], codes: &mut [C]) -> Result<()> {
        self.check(start, values.len(), codes.len())?;
        if self.rounding != Rounding::Nearest {
            self.groups.for_each_run(start, values.len(), |group, from, to| {
                let (values, codes) = (&values[from..to], &mut codes[from..to]);
                let choose = |index, x| self.rounding.choose(&self.unit, index, x);
                scale::quantize_run_at(self.group(group), start + from, values, codes, choose);
            });
            return Ok(());
        }
        if self.takes_kernels()
            && let (Some(law), Ok(codes)) = (Nearest::of(&self.unit), try_cast_slice_mut(codes))
        {
            self.groups.for_each_stretch(start, values.len(), |groups, from, to, run| {
                law.quantize(
                    false,
                    Layout::dense(run),
                    &self.scales()[groups],
                    &values[from..to],
                    &mut codes[from..to],
                );
            });
            return Ok(());
        }
        if !self.is_interleaved() {
            self.groups.for_each_run(start, values.len(), |group, from, to| {
                self.quantize_group(group, &values[from..to], &mut codes[from..to]);
            });
            return Ok(());
        }
        self.groups.for_each_row(start, values.len(), |group, from, to| {
            let (scales, values, codes) = (&self.scales()[group..], &values[from..to], &mut codes[from..to]);
            let nearest = |x| self.unit.nearest(x);
            match self.offsets.get(group..) {
                Some(offsets) if !offsets.is_empty() => {
                    scale::quantize_each(scales, offsets.iter(), values, codes, nearest);
                }
                _ => scale::quantize_each(scales, iter::repeat(&0.0), values, codes, nearest),
            }
        });
        Ok(())
    }

    fn dequantize_at(&self, start: usize, codes: &[C], values: &mut [f32]) -> Result<()> {
        self.check(start, values.len(), codes.len())?;
        let is_dithered = matches!(self.rounding, Rounding::Dither(_));
        if !is_dithered
            && self.takes_kernels()
            && let (Some(law), Ok(codes)) = (Restored::of(&self.unit), try_cast_slice(codes))
        {
            let mut most = 0;
            self.groups.for_each_stretch(start, codes.len(), |groups, from, to, run| {
                let (codes, values) = (&codes[from..to], &mut values[from..to]);
                most = most.max(law.dequantize(Layout::dense(run), &self.scales()[groups], codes, values));
            });
            return if u32::from(most) < self.unit.level_count() {
                Ok(())
            } else {
                check_codes(start, codes, self.unit.level_count())
            };
        }
        check_codes(start, codes, self.unit.level_count())?;
        if let Rounding::Dither(seed) = self.rounding {
            self.groups.for_each_run(start, values.len(), |group, from, to| {
                let (codes, values) = (&codes[from..to], &mut values[from..to]);
                let level = |index, code| f64::from(self.unit.level(code)) - dither(seed, index);
                scale::dequantize_run_at(self.group(group), start + from, codes, values, level);
            });
            return Ok(());
        }
        if !self.is_interleaved() {
            self.groups.for_each_run(start, values.len(), |group, from, to| {
                self.dequantize_group(group, &codes[from..to], &mut values[from..to]);
            });
            return Ok(());
        }
        self.groups.for_each_row(start, values.len(), |group, from, to| {
            let (scales, codes, values) = (&self.scales()[group..], &codes[from..to], &mut values[from..to]);
            let level = |code| self.unit.level(code);
            match self.offsets.get(group..) {
                Some(offsets) if !offsets.is_empty() => {
                    scale::dequantize_each(scales, offsets.iter(), codes, values, level);
                }
                _ => scale::dequantize_each(scales, iter::repeat(&0.0), codes, values, level),
            }
        });
        Ok(())
    }

    fn check_len(&self, values: usize) -> Result<()> {
        self.groups.check_len(values)
    }

    /// Twice what [`error_bound`](Self::error_bound) would be if chance had not rounded: a decoder is not told of it, and
    /// a level that chance chose is within that.
    fn narrowing_bound(&self, index: usize) -> f64 {
        let told = if let Rounding::Dither(_) = self.rounding { self.rounding } else { Rounding::Nearest };
        2.0 * self.bound(index, told).unwrap_or(0.0)
    }

    /// `scale * (radius + 2^-22 * largest |level|)`, for the roundings of f32 along the way, plus with offsets 2^-23 of
    /// the largest magnitude of the group, plus the smallest f32. The radius of a uniform grid is one half;
    /// stochastic rounding and dither double it. It holds for values up to a radius beyond the outermost levels: others
    /// are clipped, where the range or the rule of the scales leaves some out.
    fn error_bound(&self, index: usize) -> Option<f64> {
        self.bound(index, self.rounding)
    }

    fn straight_through_at(&self, start: usize, values: &[f32], gradient: &mut [f32]) -> Result<()> {
        self.check(start, values.len(), gradient.len())?;
        let (lowest, highest) = (f64::from(self.ends.0 - self.radius), f64::from(self.ends.1 + self.radius));
        self.groups.for_each_run(start, values.len(), |group, from, to| {
            let (scale, offset) = self.group(group);
            let (low, high) =
                (lowest * f64::from(scale) + f64::from(offset), highest * f64::from(scale) + f64::from(offset));
            pass_between(low, high, &values[from..to], &mut gradient[from..to]);
        });
        Ok(())
    }
}

/// What an f32 operation or two can add to an error, in parts of the result.
const ROUNDING: f64 = 1.0 / (1 << 22) as f64;

/// How far a value can be from the level it was rounded to, `radius` units of the scale and what f32 adds. `ends` are
/// the outermost levels.
pub(crate) fn rounding_bound(scale: f32, radius: f64, ends: (f32, f32)) -> f64 {
    let largest_level = f64::from(ends.0.abs().max(ends.1.abs()));
    f64::from(scale) * (radius + largest_level * ROUNDING) + f64::from(f32::from_bits(1))
}
