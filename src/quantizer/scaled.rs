//! Scalar levels at many scales: the quantizer behind uniform, and behind every table of levels.

use super::{Levels, Quantizer, ScaleType};
use crate::{
    code::Code,
    description::{Description, Restore, Stages},
    error::{Error, Result, same_length},
    groups::Groups,
    kernel::scale,
};
use alloc::{vec, vec::Vec};

/// Levels at one scale per group of values: `x = scale * level + offset`.
///
/// Value `i` is in group `(i / run) % count` of its [`Groups`]. The nearest level is taken, ties to the even code
/// position of the law; values beyond the outermost levels saturate. All arithmetic is f32, except where a group spans
/// more than `f32::MAX`: there it is f64, and a level beyond `f32::MAX` is `f32::MAX`.
///
/// Cost: one division, one rounding and two comparisons per value to quantize; one multiplication and one addition to
/// restore. Runs of one value (the last axis of a shape) read a scale per value.
///
/// Parameters are public both ways: [`scales`](Self::scales), [`offsets`](Self::offsets) and [`unit`](Self::unit) give
/// what inference on codes needs, and [`new`](Self::new) takes them back, validated.
///
/// ```
/// use fewbits::{Grid, Groups, QuantizerExt, ScaleType, Scaled};
///
/// // Two rows of three values each, one scale per row.
/// let groups = Groups::axis(&[2, 3], 0)?;
/// let quantizer = Scaled::new(Grid::<u8>::new(-7, 7)?, groups, ScaleType::F32, vec![0.5, 2.0], vec![])?;
/// let codes = quantizer.quantize(&[0.9_f32, -3.5, 0.0, 9.0, 4.1, -20.0])?;
/// let signed: Vec<i32> = codes.iter().map(|&c| i32::from(c) + quantizer.unit().min()).collect();
/// assert_eq!(signed, [2, -7, 0, 4, 2, -7]);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Scaled<L> {
    unit: L,
    groups: Groups,
    scale_type: ScaleType,
    scales: Vec<f32>,
    /// One per scale, zeros where the law has no offset, so that one loop serves both.
    offsets: Vec<f32>,
    has_offsets: bool,
    /// Some difference or level exceeds `f32::MAX`.
    wide: bool,
}

impl<L: Levels> Scaled<L> {
    pub(crate) const TAG: u8 = 0x01;

    /// From stored parameters: a positive scale for each group that `scale_type` can hold, and a finite offset for each
    /// group or none at all.
    pub fn new(unit: L, groups: Groups, scale_type: ScaleType, scales: Vec<f32>, offsets: Vec<f32>) -> Result<Self> {
        same_length("scales", groups.count(), scales.len())?;
        if let Some(index) = scales.iter().position(|&scale| !scale_type.holds(scale)) {
            return Err(Error::Parameter { what: "scales", index, value: scales[index].into() });
        }
        let has_offsets = !offsets.is_empty();
        if has_offsets {
            same_length("offsets", groups.count(), offsets.len())?;
        }
        if let Some(index) = offsets.iter().position(|offset| !offset.is_finite()) {
            return Err(Error::Parameter { what: "offsets", index, value: offsets[index].into() });
        }
        let offsets = if has_offsets { offsets } else { vec![0.0; scales.len()] };
        let (lowest, highest) = Self::ends(&unit);
        let wide = scales.iter().zip(&offsets).any(|(scale, offset)| {
            let span = (highest - lowest) * scale;
            !(span.is_finite() && (lowest * scale + offset).is_finite() && (highest * scale + offset).is_finite())
        });
        Ok(Self { unit, groups, scale_type, scales, offsets, has_offsets, wide })
    }

    fn ends(unit: &L) -> (f32, f32) {
        (unit.level(0), unit.level(unit.level_count().saturating_sub(1)))
    }

    /// Where the levels lie, in units of a scale.
    pub fn unit(&self) -> &L {
        &self.unit
    }

    /// Which values share a scale.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// How scales are stored.
    pub fn scale_type(&self) -> ScaleType {
        self.scale_type
    }

    /// One positive scale per group, as stored.
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// One offset per group, the value of level 0, or empty where the law has none.
    pub fn offsets(&self) -> &[f32] {
        if self.has_offsets { &self.offsets } else { &[] }
    }

    /// The values that the codes of a group decode to, in the order of the codes; none for a group beyond the last.
    pub fn levels(&self, group: usize) -> impl Iterator<Item = f32> {
        let count = if group < self.scales.len() { self.unit.level_count() } else { 0 };
        (0..count).map(move |code| {
            let mut level = [0.0];
            self.dequantize_group(group, &[L::Code::from_u32(code)], &mut level);
            level[0]
        })
    }

    #[inline(always)]
    fn quantize_group(&self, group: usize, values: &[f32], codes: &mut [L::Code]) {
        let (scale, offset) = (self.scales[group], self.offsets[group]);
        if self.wide {
            scale::quantize_run_wide(scale, offset, values, codes, |x| self.unit.nearest(x));
        } else {
            scale::quantize_run(scale, offset, values, codes, |x| self.unit.nearest(x));
        }
    }

    #[inline(always)]
    fn dequantize_group(&self, group: usize, codes: &[L::Code], values: &mut [f32]) {
        let (scale, offset) = (self.scales[group], self.offsets[group]);
        if self.wide {
            scale::dequantize_run_wide(scale, offset, codes, values, |code| self.unit.level(code));
        } else {
            scale::dequantize_run(scale, offset, codes, values, |code| self.unit.level(code));
        }
    }

    /// Groups of single values, which change from value to value.
    fn is_interleaved(&self) -> bool {
        self.groups.run() == 1 && !self.wide
    }

    fn check(&self, start: usize, values: usize, codes: usize) -> Result<()> {
        same_length("codes", values, codes)?;
        self.groups.check(start, values)
    }

    fn check_codes(&self, codes: &[L::Code]) -> Result<()> {
        let level_count = self.unit.level_count();
        let largest = codes.iter().copied().max().unwrap_or_default();
        if largest.to_u32() < level_count || codes.is_empty() {
            return Ok(());
        }
        let index = codes.iter().position(|code| code.to_u32() >= level_count).unwrap_or(0);
        Err(Error::Code { index, code: codes[index].to_u32(), level_count: level_count.into() })
    }
}

impl<L: Levels> Quantizer for Scaled<L> {
    type Code = L::Code;

    fn level_count(&self) -> u32 {
        self.unit.level_count()
    }

    fn quantize_at(&self, start: usize, values: &[f32], codes: &mut [L::Code]) -> Result<()> {
        self.check(start, values.len(), codes.len())?;
        if self.is_interleaved() {
            self.groups.for_each_row(start, values.len(), |group, from, to| {
                let (scales, offsets) = (&self.scales[group..], &self.offsets[group..]);
                scale::quantize_each(scales, offsets, &values[from..to], &mut codes[from..to], |x| {
                    self.unit.nearest(x)
                });
            });
        } else {
            self.groups.for_each_run(start, values.len(), |group, from, to| {
                self.quantize_group(group, &values[from..to], &mut codes[from..to]);
            });
        }
        Ok(())
    }

    fn dequantize_at(&self, start: usize, codes: &[L::Code], values: &mut [f32]) -> Result<()> {
        self.check(start, values.len(), codes.len())?;
        self.check_codes(codes)?;
        if self.is_interleaved() {
            self.groups.for_each_row(start, values.len(), |group, from, to| {
                let (scales, offsets) = (&self.scales[group..], &self.offsets[group..]);
                scale::dequantize_each(scales, offsets, &codes[from..to], &mut values[from..to], |c| {
                    self.unit.level(c)
                });
            });
        } else {
            self.groups.for_each_run(start, values.len(), |group, from, to| {
                self.dequantize_group(group, &codes[from..to], &mut values[from..to]);
            });
        }
        Ok(())
    }

    fn fitted_len(&self) -> Option<usize> {
        self.groups.fitted_len()
    }

    /// `scale * (radius + 2^-22 * largest level)`, for the roundings of f32 along the way, plus with an offset 2^-23 of
    /// the largest magnitude of the group, plus the smallest f32. The radius of a uniform grid is one half.
    fn error_bound(&self, index: usize) -> Option<f64> {
        const ROUNDING: f64 = 1.0 / (1 << 22) as f64;
        let group = self.groups.group_of(index);
        let (scale, offset) = (f64::from(*self.scales.get(group)?), f64::from(self.offsets[group]));
        let (lowest, highest) = Self::ends(&self.unit);
        let (lowest, highest) = (f64::from(lowest), f64::from(highest));
        let largest_level = lowest.abs().max(highest.abs());
        let bound = scale * (f64::from(self.unit.radius()) + largest_level * ROUNDING) + f64::from(f32::from_bits(1));
        let largest = (lowest * scale + offset).abs().max((highest * scale + offset).abs());
        Some(if self.has_offsets { bound + largest * ROUNDING / 2.0 } else { bound })
    }

    fn straight_through_at(&self, start: usize, values: &[f32], gradient: &mut [f32]) -> Result<()> {
        self.check(start, values.len(), gradient.len())?;
        let (lowest, highest) = Self::ends(&self.unit);
        let (lowest, highest) = (f64::from(lowest - self.unit.radius()), f64::from(highest + self.unit.radius()));
        self.groups.for_each_run(start, values.len(), |group, from, to| {
            let (scale, offset) = (f64::from(self.scales[group]), f64::from(self.offsets[group]));
            let (low, high) = (lowest * scale + offset, highest * scale + offset);
            for (g, &x) in gradient[from..to].iter_mut().zip(&values[from..to]) {
                *g = if (low..=high).contains(&f64::from(x)) { *g } else { 0.0 };
            }
        });
        Ok(())
    }

    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            out.u8(self.scale_type.to_byte() | u8::from(self.has_offsets) << 7);
            self.groups.write(out);
        });
        self.scales.iter().for_each(|&scale| self.scale_type.write(scale, &mut out.side()));
        self.offsets().iter().for_each(|&offset| out.side().f32(offset));
        self.unit.describe(out);
    }
}

impl<L: Levels + Restore> Restore for Scaled<L> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let mut bytes = stages.expect(Self::TAG, "a scale")?;
        let flags = bytes.u8()?;
        let has_offsets = flags & 0x80 != 0;
        let scale_type = ScaleType::from_byte(flags & 0x7f)?;
        let groups = Groups::read(&mut bytes)?;
        bytes.finish()?;
        // Nothing is allocated for a count that the bytes at hand do not fill.
        let size = scale_type.size() + if has_offsets { size_of::<f32>() } else { 0 };
        let mut side = stages.side(groups.count().saturating_mul(size))?;
        let scales = (0..groups.count()).map(|_| scale_type.read(&mut side)).collect::<Result<_>>()?;
        let offset_count = if has_offsets { groups.count() } else { 0 };
        let offsets = (0..offset_count).map(|_| side.f32()).collect::<Result<_>>()?;
        Self::new(L::restore(stages)?, groups, scale_type, scales, offsets)
    }
}
