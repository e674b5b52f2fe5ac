//! Scalar levels at many scales: the quantizer behind uniform, and behind every table of levels.

use super::{Levels, Rounding, ScaleType, Scales};
use crate::{
    code::Code,
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result, same_length},
    groups::Groups,
    kernel::blocks::USABLE,
    seed::Seed,
};
use alloc::vec::Vec;
use core::marker::PhantomData;

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
    pub(super) unit: L,
    pub(super) groups: Groups,
    pub(super) scales: Scales,
    /// One per group, or none at all.
    pub(super) offsets: Vec<f32>,
    /// The lowest and the highest level of the unit, and its radius.
    pub(super) ends: (f32, f32),
    pub(super) radius: f32,
    /// Some difference or level exceeds `f32::MAX`.
    pub(super) wide: bool,
    /// There are no offsets, and kernels can work with all scales.
    pub(super) plain: bool,
    pub(super) rounding: Rounding,
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
    pub(super) fn group(&self, group: usize) -> (f32, f32) {
        (self.scales.values()[group], self.offsets.get(group).copied().unwrap_or(0.0))
    }
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
