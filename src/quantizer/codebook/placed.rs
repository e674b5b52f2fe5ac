//! Levels placed by data, under scales or as they are.

use super::{Codebook, CodebookQuantizer, points::Points};
use crate::{
    calibrate::Histogram,
    code::Code,
    element::Element,
    error::{Error, Result, same_length},
    groups::{Granularity, Groups},
    non_finite::Fate,
    quantizer::{Range, ScaleType, Scaled, Scales, scaling::Scaling},
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
            let allowed = "one histogram for all values: parts of a group's scale cannot be told from histograms";
            return Err(Error::Setting { name: "groups", value: data.len() as f64, allowed });
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
        if self.scaling.calibration.range == Range::Mse {
            let allowed = "a range that does not look for levels: these are placed for the least error anyway";
            return Err(Error::Setting { name: "range", value: f64::NAN, allowed });
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
