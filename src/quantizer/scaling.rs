//! From values to scales: the settings that every scalar quantizer shares, and how they are fitted.

use super::{
    Levels, Rounding, ScaleRule, ScaleType, Scaled, Scales,
    calibration::Calibration,
    range::{Range, Sample, Search},
    scales::power_at_or_below,
};
use crate::{
    calibrate::Histogram,
    code::Code,
    element::Element,
    error::{Error, Result},
    groups::Groups,
};
use alloc::vec::Vec;

/// How scales follow from values: what they are fitted to, how they are stored, and whether there are offsets.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub(crate) struct Scaling {
    pub(crate) calibration: Calibration,
    pub(crate) scale_type: ScaleType,
    pub(crate) scale_rule: ScaleRule,
    /// Some settings say so themselves, others have none.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) offsets: bool,
    pub(crate) rounding: Rounding,
}

/// The settings of scales, on a type with a field `scaling`.
macro_rules! scaling_settings {
    () => {
        crate::quantizer::calibration::calibration_settings!(scaling.calibration);

        /// How scales are stored; f32 by default.
        #[must_use]
        pub fn scale_type(mut self, scale_type: crate::ScaleType) -> Self {
            self.scaling.scale_type = scale_type;
            self
        }

        /// Which storable scale becomes that of a group; the next larger one by default.
        #[must_use]
        pub fn scale_rule(mut self, rule: crate::ScaleRule) -> Self {
            self.scaling.scale_rule = rule;
            self
        }

        /// How a value between two levels becomes one of them; to the nearest by default.
        #[must_use]
        pub fn rounding(mut self, rounding: crate::Rounding) -> Self {
            self.scaling.rounding = rounding;
            self
        }
    };
}
pub(crate) use scaling_settings;

impl Scaling {
    pub(crate) fn fit<T: Element, L: Levels, C: Code>(&self, unit: L, values: &[T]) -> Result<Scaled<L, C>> {
        let (groups, fitted) =
            self.calibration.fit(values, |group, ends, sample| self.sampled(&unit, group, ends, sample))?;
        self.scaled(unit, groups, &fitted)
    }

    /// From one histogram for each group.
    pub(crate) fn fit_histograms<L: Levels, C: Code>(&self, unit: L, histograms: &[Histogram]) -> Result<Scaled<L, C>> {
        let fitted = |group, ends, sample: Option<Sample<'_>>| self.sampled(&unit, group, ends, sample);
        let (groups, fitted) = self.calibration.fit_histograms(histograms, fitted)?;
        self.scaled(unit, groups, &fitted)
    }

    /// For a known range, without data.
    pub(crate) fn fit_range<L: Levels, C: Code>(&self, unit: L, low: f32, high: f32) -> Result<Scaled<L, C>> {
        let fitted = |group, (low, high): (f32, f32)| self.scale(&unit, group, low.into(), high.into());
        let (groups, fitted) = self.calibration.fit_range(low, high, fitted)?;
        self.scaled(unit, groups, &fitted)
    }

    fn scaled<L: Levels, C: Code>(&self, unit: L, groups: Groups, fitted: &[(f32, f32)]) -> Result<Scaled<L, C>> {
        let wanted: Vec<f32> = fitted.iter().map(|&(scale, _)| scale).collect();
        let scales = match self.scale_type.sharing() {
            None => Scales::new(self.scale_type, wanted)?,
            Some(_) => Scales::fit_two_level(self.scale_type, &wanted, self.scale_rule)?,
        };
        let mut offsets = Vec::new();
        if self.offsets {
            // The first level stays where it was, if the second level of scales has moved the scale; where any scale will
            // do, the level that stands for the only value.
            let (first, only) = (unit.range().0, unit.level(unit.nearest(0.0)));
            let moved = |(&(wanted, offset), &scale): (&(f32, f32), &f32)| {
                let level = f64::from(if wanted == 0.0 { only } else { first });
                self.offset(f64::from(offset) + level * (f64::from(wanted) - f64::from(scale)))
            };
            offsets = fitted.iter().zip(scales.values()).map(moved).collect();
        }
        Scaled::new(unit, groups, scales, offsets)?.with_rounding(self.rounding)
    }

    /// Scale and offset of a group whose extremes are known.
    fn sampled<L: Levels>(
        &self,
        unit: &L,
        group: usize,
        (low, high): (f32, f32),
        sample: Option<Sample<'_>>,
    ) -> Result<(f32, f32)> {
        let range = self.calibration.range;
        let (low, high) = range.ends(sample, low, high, self.offsets)?;
        let (low, high) = (f64::from(low), f64::from(high));
        let whole = self.scale(unit, group, low, high)?;
        // The search is in f32, in which differences of larger values could overflow.
        let searchable = low < high && -low.min(-high) < f64::from(f32::MAX / 4.0);
        let Some(sample) = sample.filter(|_| range == Range::Mse && searchable) else { return Ok(whole) };
        let fit = |low, high| self.scale(unit, group, low, high).ok();
        let search = |values, weights| Search { unit, values, weights, scaling: self, fit }.run(low, high);
        let found = match sample {
            Sample::Values(values) => search(values, None),
            Sample::Histogram(histogram) => {
                let (points, weights) = histogram.points();
                search(&points, Some(&weights))
            }
        };
        Ok(found.unwrap_or(whole))
    }

    /// Scale and offset of a group whose values lie in `low..=high`.
    pub(crate) fn scale<L: Levels>(&self, unit: &L, group: usize, low: f64, high: f64) -> Result<(f32, f32)> {
        if self.offsets && self.scale_rule == ScaleRule::Floor {
            let remedy = "it is made for levels around zero; choose another rule, or no offsets";
            return Err(Error::Unsuited { setting: "`ScaleRule::Floor` with offsets", remedy });
        }
        let (first, last) = unit.range();
        if !(first <= last && first.is_finite() && last.is_finite()) {
            let value = if first.is_finite() { last } else { first };
            return Err(Error::Parameter {
                what: "range of the levels",
                index: 0,
                value: value.into(),
                allowed: "finite ends, the lower one first",
            });
        }
        let (first, last) = (f64::from(first), f64::from(last));
        let (extent, reach) = if self.offsets {
            (high - low, last - first)
        } else if first >= 0.0 || last > 0.0 && high.max(0.0) * -first >= -low.min(0.0) * last {
            // The side that needs the larger scale decides; a side without levels saturates.
            (high.max(0.0), last)
        } else {
            (-low.min(0.0), -first)
        };
        if extent == 0.0 || reach <= 0.0 {
            // Any scale restores the value if a level does; otherwise, and under dither, the smallest scale comes closest.
            let level = unit.level(unit.nearest(0.0));
            let exact = level == 0.0 && !matches!(self.rounding, Rounding::Dither(_));
            let scale = match self.scale_type.sharing() {
                // Zero: the smallest of those that share, whatever that is.
                Some(_) => 0.0,
                None if exact => 1.0,
                None => self.scale_type.smallest(),
            };
            return Ok((scale, self.offset(low - f64::from(level) * f64::from(scale))));
        }
        let refused = Error::ScaleOutOfRange { group, scale: extent / reach, stored_as: self.scale_type.name() };
        let Some(scale) = self.rounded(extent, reach) else { return Err(refused) };
        let offset = self.offset(low - first * f64::from(scale));
        if offset.is_finite() { Ok((scale, offset)) } else { Err(refused) }
    }

    /// The scale for an extent that has to go into a reach, both positive, by the rule of the settings.
    pub(super) fn rounded(&self, extent: f64, reach: f64) -> Option<f32> {
        match self.scale_rule {
            ScaleRule::Outward => self.scale_type.round_outward(extent, reach),
            ScaleRule::Nearest => Some(self.scale_type.round_nearest(extent / reach)),
            ScaleRule::Floor => {
                Some(self.scale_type.round_nearest(power_at_or_below(extent / power_at_or_below(reach))))
            }
        }
    }

    fn offset(&self, offset: f64) -> f32 {
        // Adding zero turns -0.0 into 0.0, whichever of the two came first in the data.
        if self.offsets { offset as f32 + 0.0 } else { 0.0 }
    }
}
