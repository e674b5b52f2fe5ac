//! Levels placed by data, under scales or as they are.

use super::{Codebook, CodebookQuantizer, points::Points};
use crate::{
    calibrate::Histogram,
    code::Code,
    element::Element,
    error::{Error, Result, same_length},
    groups::{Granularity, Groups},
    non_finite::Fate,
    quantizer::{Range, ScaleRule, ScaleType, Scaled, Scales, scaling::Scaling},
};
use alloc::{vec, vec::Vec};

/// What settings of placed levels share.
pub(super) struct Placed<'a> {
    pub(super) scaling: &'a Scaling,
    /// Levels that are asked for.
    pub(super) levels: usize,
}

impl Placed<'_> {
    /// Levels are what `place` makes of the values, or of the parts that they are of their group's scale.
    pub(super) fn fit<T: Element, C: Code>(
        &self,
        data: &[T],
        place: impl FnOnce(&Points) -> Result<Vec<f64>>,
    ) -> Result<CodebookQuantizer<C>> {
        self.check::<C>()?;
        let calibration = &self.scaling.calibration;
        if data.is_empty() {
            return Err(Error::Empty);
        }
        if calibration.granularity == Granularity::Tensor {
            let mut values = widened(&calibration.non_finite.present(data)?)?;
            if values.is_empty() {
                values.push(0.0);
            }
            return self.unscaled(place(&Points::of(values))?);
        }
        // Scales bring values into -1..=1, whatever the levels will be.
        let scaled: Scaled<Codebook, C> = self.scaling.fit(Codebook::normalized(vec![-1.0, 1.0])?, data)?;
        let mut parts = Vec::with_capacity(data.len());
        let policy = calibration.non_finite.narrowed::<T>();
        policy.for_each(0, data, |i, x, fate| {
            if fate == Fate::Pass {
                let scale = scaled.scales()[scaled.groups().group_of(i)];
                parts.push((x / scale).clamp(-1.0, 1.0));
            }
        })?;
        if parts.is_empty() {
            parts.push(0.0);
        }
        scaled.with_unit(Codebook::normalized(narrowed(place(&Points::of(parts))?))?)
    }

    /// From one histogram of all values.
    pub(super) fn fit_histogram<C: Code>(
        &self,
        data: &[Histogram],
        place: impl FnOnce(&Points) -> Result<Vec<f64>>,
    ) -> Result<CodebookQuantizer<C>> {
        self.check::<C>()?;
        if self.scaling.calibration.granularity != Granularity::Tensor {
            let remedy = "levels for blocks or an axis need the values, and one histogram serves all of a tensor";
            return Err(Error::Unsuited { setting: "groups with histograms", remedy });
        }
        same_length("histograms", 1, data.len())?;
        if data[0].count() == 0 {
            return Err(Error::Empty);
        }
        self.unscaled(place(&Points::of_histogram(&data[0]))?)
    }

    fn check<C: Code>(&self) -> Result<()> {
        if !(1..=1 << 16).contains(&self.levels) {
            let value = self.levels as f64;
            return Err(Error::Setting { name: "levels", value, allowed: "1 to 65536 levels" });
        }
        let Scaling { calibration, scale_type, scale_rule, .. } = self.scaling;
        if calibration.range == Range::Mse {
            let remedy = "levels are placed by the data, and scales reach the largest values";
            return Err(Error::Unsuited { setting: "range with least error", remedy });
        }
        let plain =
            *scale_type == ScaleType::F32 && *scale_rule == ScaleRule::Outward && calibration.range == Range::MinMax;
        if calibration.granularity == Granularity::Tensor && !plain {
            let remedy = "levels of a whole tensor are values, under the scale 1; choose blocks or an axis first";
            return Err(Error::Unsuited { setting: "scale type, scale rule or range without groups", remedy });
        }
        if self.levels as u64 > 1 << C::BITS {
            return Err(Error::CodeWidth { level_count: self.levels as u64, code_bits: C::BITS });
        }
        Ok(())
    }

    /// Levels as values.
    fn unscaled<C: Code>(&self, levels: Vec<f64>) -> Result<CodebookQuantizer<C>> {
        let one = Scales::new(ScaleType::F32, vec![1.0])?;
        let levels = Codebook::new(narrowed(levels))?;
        Scaled::new(levels, Groups::tensor(), one, Vec::new())?.with_rounding(self.scaling.rounding)
    }
}

fn widened<T: Element>(values: &[T]) -> Result<Vec<f32>> {
    let mut wide = vec![0.0; values.len()];
    T::widen_into(values, &mut wide)?;
    Ok(wide)
}

/// Ascending levels as f32, each once.
fn narrowed(levels: Vec<f64>) -> Vec<f32> {
    let mut narrow: Vec<f32> = levels.into_iter().map(|level| level as f32 + 0.0).collect();
    narrow.dedup();
    narrow
}

/// Ascending levels, each once.
pub(super) fn dedup(mut levels: Vec<f64>) -> Vec<f64> {
    levels.dedup();
    levels
}
