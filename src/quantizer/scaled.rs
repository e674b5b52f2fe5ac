//! Scalar levels at many scales: the quantizer behind uniform, and behind every table of levels.

use super::{
    Levels, Nearest, Quantizer, Restored, Rounding, ScaleType, Scales, check_codes, pass_between, rounding::dither,
};
use crate::{
    code::Code,
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result, check_piece, same_length},
    groups::Groups,
    kernel::{
        blocks::{Layout, USABLE},
        scale,
    },
    seed::Seed,
};
use alloc::vec::Vec;
use bytemuck::{try_cast_slice, try_cast_slice_mut};
use core::{iter, marker::PhantomData};

/// Levels at one scale per group of values: `x = scale * level + offset`.
///
/// Value `i` is in group `(i / run) % count` of its [`Groups`]. The nearest level is taken, ties as the law has them,
/// or what another [`Rounding`] says; values beyond the outermost levels saturate. Rounding to nearest is in f32,
/// except where some group spans more than `f32::MAX`: there it is in f64 for all groups, as other roundings are for
/// all values. A level beyond `f32::MAX` is `f32::MAX`.
///
/// Cost: one division, one rounding and two comparisons per value to quantize; one multiplication and one addition to
/// restore. Runs of one value (the last axis of a shape) read a scale per value.
///
/// Parameters are public both ways: [`stored_scales`](Self::stored_scales), [`offsets`](Self::offsets) and
/// [`unit`](Self::unit) give what inference on codes needs, and [`new`](Self::new) takes them back, validated.
///
/// ```
/// use fewbits::{Grid, Groups, QuantizerExt, ScaleType, Scaled, Scales};
///
/// // Two rows of three values each, one scale per row.
/// let groups = Groups::axis(&[2, 3], 0)?;
/// let scales = Scales::new(ScaleType::F32, vec![0.5, 2.0])?;
/// let quantizer = Scaled::<Grid, u8>::new(Grid::new(-7, 7)?, groups, scales, vec![])?;
/// let codes = quantizer.quantize(&[0.9_f32, -3.5, 0.0, 9.0, 4.1, -20.0])?;
/// let signed: Vec<i32> = codes.iter().map(|&c| i32::from(c) + quantizer.unit().min()).collect();
/// assert_eq!(signed, [2, -7, 0, 4, 2, -7]);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Scaled<L, C = u8> {
    unit: L,
    groups: Groups,
    scales: Scales,
    /// One per group, or none at all.
    offsets: Vec<f32>,
    /// The lowest and the highest level of the unit, and its radius.
    ends: (f32, f32),
    radius: f32,
    /// Some difference or level exceeds `f32::MAX`.
    wide: bool,
    /// There are no offsets, and kernels can work with all scales.
    plain: bool,
    rounding: Rounding,
    code: PhantomData<C>,
}

impl<L: Levels, C: Code> Scaled<L, C> {
    /// From stored parameters: a scale for each group, and a finite offset for each group or none at all. Rounds to the
    /// [nearest](Rounding::Nearest) level; [`with_rounding`](Self::with_rounding) changes that.
    pub fn new(unit: L, groups: Groups, scales: Scales, offsets: Vec<f32>) -> Result<Self> {
        let (ends, radius) = Self::check_levels(&unit)?;
        same_length("scales", groups.count(), scales.values().len())?;
        if !offsets.is_empty() {
            same_length("offsets", groups.count(), offsets.len())?;
        }
        if let Some(index) = offsets.iter().position(|offset| !offset.is_finite()) {
            return Err(Error::Parameter {
                what: "offsets",
                index,
                value: offsets[index].into(),
                allowed: "finite offsets",
            });
        }
        let (rounding, code) = (Rounding::Nearest, PhantomData);
        let plain = offsets.is_empty() && scales.values().iter().all(|scale| USABLE.contains(&scale.to_bits()));
        let mut scaled = Self { unit, groups, scales, offsets, ends, radius, wide: false, plain, rounding, code };
        scaled.wide = (0..groups.count()).any(|group| {
            let (scale, offset) = scaled.group(group);
            let levels = [ends.0 * scale + offset, ends.1 * scale + offset, (ends.1 - ends.0) * scale];
            levels.iter().any(|level| !level.is_finite())
        });
        Ok(scaled)
    }

    /// The lowest and the highest level of a law that a quantizer can have, and its radius.
    pub(crate) fn check_levels(unit: &L) -> Result<((f32, f32), f32)> {
        let level_count = unit.level_count();
        if !(1..=1 << 16).contains(&level_count) {
            return Err(Error::Setting { name: "levels", value: level_count.into(), allowed: "1 to 65536 levels" });
        }
        if u64::from(level_count) > 1 << C::BITS {
            return Err(Error::CodeWidth { level_count: level_count.into(), code_bits: C::BITS });
        }
        let (lowest, highest, radius) = (unit.level(0), unit.level(level_count - 1), unit.radius());
        match [lowest, highest, radius].iter().find(|value| !value.is_finite()) {
            Some(&value) => {
                Err(Error::Parameter { what: "levels", index: 0, value: value.into(), allowed: "finite levels" })
            }
            None => Ok(((lowest, highest), radius)),
        }
    }

    /// The same scales and roundings under other levels.
    pub(crate) fn with_unit<M: Levels>(self, unit: M) -> Result<Scaled<M, C>> {
        Scaled::new(unit, self.groups, self.scales, self.offsets)?.with_rounding(self.rounding)
    }

    /// The same quantizer with another rounding, such as a seed for the next round.
    pub fn with_rounding(mut self, rounding: Rounding) -> Result<Self> {
        if matches!(rounding, Rounding::Dither(_)) && !self.unit.has_unit_steps() {
            let value = self.unit.level_count().into();
            return Err(Error::Setting {
                name: "levels under dither",
                value,
                allowed: "levels in steps of 1, as a `Grid`",
            });
        }
        self.rounding = rounding;
        Ok(self)
    }
}

impl<L, C> Scaled<L, C> {
    pub(crate) const TAG: u8 = 0x01;

    /// Where the levels lie, in units of a scale.
    pub fn unit(&self) -> &L {
        &self.unit
    }

    /// Which values share a scale.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The scales with how they are stored: as bytes for other formats, or to build a quantizer from again.
    pub fn stored_scales(&self) -> &Scales {
        &self.scales
    }

    /// How scales are stored.
    pub fn scale_type(&self) -> ScaleType {
        self.scales.scale_type()
    }

    /// One positive scale per group, as stored.
    pub fn scales(&self) -> &[f32] {
        self.scales.values()
    }

    /// One offset per group, added after scaling; or empty.
    pub fn offsets(&self) -> &[f32] {
        &self.offsets
    }

    /// How values become levels.
    pub fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// Scale and offset of a group.
    #[inline(always)]
    fn group(&self, group: usize) -> (f32, f32) {
        (self.scales.values()[group], self.offsets.get(group).copied().unwrap_or(0.0))
    }

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

/// Bits of the flags; the low four hold the type of the scales, the others are reserved.
const OFFSETS: u8 = 1 << 4;
const DITHER: u8 = 1 << 5;

impl<L: Levels, C: Code> Describe for Scaled<L, C> {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            let offsets = if self.offsets.is_empty() { 0 } else { OFFSETS };
            // Other roundings are a matter of the encoder alone.
            let Rounding::Dither(seed) = self.rounding else {
                out.u8(self.scale_type().to_byte() | offsets);
                return self.groups.write(out);
            };
            out.u8(self.scale_type().to_byte() | offsets | DITHER);
            self.groups.write(out);
            out.bytes(&seed.get().to_le_bytes());
        });
        self.scales.write(&mut out.side());
        self.offsets.iter().for_each(|&offset| out.side().f32(offset));
        self.unit.describe(out);
    }
}

impl<L: Levels + Restore, C: Code> Restore for Scaled<L, C> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let (flags, groups, rounding) = stages.stage(Self::TAG, "a scale", |bytes| {
            let (flags, groups) = (bytes.u8()?, Groups::read(bytes)?);
            let rounding = match flags & DITHER {
                0 => Rounding::Nearest,
                _ => Rounding::Dither(Seed::new(bytes.u64()?)),
            };
            Ok((flags, groups, rounding))
        })?;
        let scale_type = ScaleType::from_byte(flags & !(OFFSETS | DITHER))?;
        let offset_count = if flags & OFFSETS == 0 { 0 } else { groups.count() };
        let offset_len = offset_count.saturating_mul(size_of::<f32>());
        // Nothing is allocated for a count that the bytes at hand do not fill.
        let mut side = stages.side(scale_type.side_len(groups.count()).saturating_add(offset_len))?;
        let scales = Scales::read(scale_type, groups.count(), &mut side)?;
        let mut offsets = Vec::with_capacity(offset_count);
        for _ in 0..offset_count {
            offsets.push(side.f32()?);
        }
        let scaled = Self::new(L::restore(stages)?, groups, scales, offsets)?;
        let undithered = Error::Corrupt { what: "dither of levels without steps", found: flags.into() };
        scaled.with_rounding(rounding).map_err(|_| undithered)
    }
}
