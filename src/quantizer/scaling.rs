//! From values to scales: the settings that every scalar quantizer shares, and how they are fitted.

use super::{
    Levels, Rounding, ScaleType, Scaled, Scales,
    range::{Range, Sample, Search},
};
use crate::{
    calibrate::Histogram,
    code::Code,
    element::{Element, check_finite, for_each_piece},
    error::{Error, Result, same_length},
    groups::{Granularity, Groups},
    kernel::extrema,
};
use alloc::{vec, vec::Vec};

/// How scales follow from values: who shares one, how it is stored, and whether there are offsets.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Scaling {
    pub(crate) granularity: Granularity,
    pub(crate) scale_type: ScaleType,
    pub(crate) offsets: bool,
    pub(crate) range: Range,
    pub(crate) rounding: Rounding,
}

/// The settings of scales, on a type with a field `scaling`.
macro_rules! scaling_settings {
    () => {
        /// One scale for every `n` neighbours; the last block may be shorter.
        #[must_use]
        #[doc(alias = "group_size")]
        #[doc(alias = "block_size")]
        pub fn per_block(mut self, n: usize) -> Self {
            self.scaling.granularity = crate::Granularity::Block(n);
            self
        }

        /// One scale for each index along `axis` of a row-major `shape`.
        #[must_use]
        #[doc(alias = "per_channel")]
        pub fn per_axis(mut self, shape: &[usize], axis: usize) -> Self {
            self.scaling.granularity = crate::Granularity::Axis { shape: shape.into(), axis };
            self
        }

        /// How scales are stored; f32 by default.
        #[must_use]
        pub fn scale_type(mut self, scale_type: crate::ScaleType) -> Self {
            self.scaling.scale_type = scale_type;
            self
        }

        /// Which values a scale has to reach; all of its group by default.
        #[must_use]
        #[doc(alias = "clip")]
        #[doc(alias = "observer")]
        pub fn range(mut self, range: crate::Range) -> Self {
            self.scaling.range = range;
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
        if values.is_empty() {
            return Err(Error::Empty);
        }
        self.range.check()?;
        let groups = self.granularity.groups(values.len())?;
        let (lows, highs) = extremes(&groups, values)?;
        if self.range == Range::MinMax {
            return self
                .scaled(unit, groups, |unit, group| self.scale(unit, group, lows[group].into(), highs[group].into()));
        }
        let (values, starts) = grouped(&groups, values)?;
        self.scaled(unit, groups, |unit, group| {
            let values = &values[starts[group]..starts[group + 1]];
            self.sampled(unit, group, (lows[group], highs[group]), Sample::Values(values))
        })
    }

    /// From one histogram for each group.
    pub(crate) fn fit_histograms<L: Levels, C: Code>(&self, unit: L, histograms: &[Histogram]) -> Result<Scaled<L, C>> {
        self.range.check()?;
        let groups = self.granularity.groups_of_any_length()?;
        let (lows, highs) = check_histograms(&groups, histograms)?;
        self.scaled(unit, groups, |unit, group| {
            self.sampled(unit, group, (lows[group], highs[group]), Sample::Histogram(&histograms[group]))
        })
    }

    /// Scale and offset of a group whose extremes are known.
    fn sampled<L: Levels>(
        &self,
        unit: &L,
        group: usize,
        (low, high): (f32, f32),
        sample: Sample<'_>,
    ) -> Result<(f32, f32)> {
        let (low, high) = self.range.ends(sample, low, high, self.offsets)?;
        let (low, high) = (f64::from(low), f64::from(high));
        let whole = self.scale(unit, group, low, high)?;
        // The search is in f32, in which differences of larger values could overflow.
        let searchable = low < high && -low.min(-high) < f64::from(f32::MAX / 4.0);
        if self.range != Range::Mse || !searchable {
            return Ok(whole);
        }
        let fit = |low, high| self.scale(unit, group, low, high).ok();
        let search = |values, weights| {
            Search { unit, values, weights, scale_type: self.scale_type, offsets: self.offsets, fit }.run(low, high)
        };
        let found = match sample {
            Sample::Values(values) => search(values, None),
            Sample::Histogram(histogram) => {
                let (points, weights) = histogram.points();
                search(&points, Some(&weights))
            }
        };
        Ok(found.unwrap_or(whole))
    }

    /// For a known range, without data.
    pub(crate) fn fit_range<L: Levels, C: Code>(&self, unit: L, low: f32, high: f32) -> Result<Scaled<L, C>> {
        if !(low <= high && low.is_finite() && high.is_finite()) {
            let value = if low.is_finite() { high } else { low };
            return Err(Error::Setting {
                name: "range",
                value: value.into(),
                allowed: "finite numbers, the lower one first",
            });
        }
        let groups = self.granularity.groups_of_any_length()?;
        self.scaled(unit, groups, |unit, group| self.scale(unit, group, low.into(), high.into()))
    }

    fn scaled<L: Levels, C: Code>(
        &self,
        unit: L,
        groups: Groups,
        fit: impl Fn(&L, usize) -> Result<(f32, f32)>,
    ) -> Result<Scaled<L, C>> {
        let (mut scales, mut offsets) = (Vec::new(), Vec::new());
        // A shape given without data can ask for any number of groups.
        scales.try_reserve_exact(groups.count()).map_err(|_| {
            let value = groups.count() as f64;
            Error::Setting { name: "groups", value, allowed: "as many as fit the memory" }
        })?;
        for group in 0..groups.count() {
            let (scale, offset) = fit(&unit, group)?;
            scales.push(scale);
            if self.offsets {
                offsets.push(offset);
            }
        }
        Scaled::new(unit, groups, Scales::new(self.scale_type, scales)?, offsets)?.with_rounding(self.rounding)
    }

    /// Scale and offset of a group whose values lie in `low..=high`.
    pub(crate) fn scale<L: Levels>(&self, unit: &L, group: usize, low: f64, high: f64) -> Result<(f32, f32)> {
        let (first, last) = unit.range();
        if !(first <= last && first.is_finite() && last.is_finite()) {
            let value = if first.is_finite() { last } else { first };
            return Err(Error::Parameter { what: "range of the levels", index: 0, value: value.into() });
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
            let scale = if exact { 1.0 } else { self.scale_type.smallest() };
            return Ok((scale, self.offset(low - f64::from(level) * f64::from(scale))));
        }
        let refused = Error::ScaleOutOfRange { group, scale: extent / reach, stored_as: self.scale_type.name() };
        let Some(scale) = self.scale_type.round_outward(extent, reach) else { return Err(refused) };
        let offset = self.offset(low - first * f64::from(scale));
        if offset.is_finite() { Ok((scale, offset)) } else { Err(refused) }
    }

    fn offset(&self, offset: f64) -> f32 {
        // Adding zero turns -0.0 into 0.0, whichever of the two came first in the data.
        if self.offsets { offset as f32 + 0.0 } else { 0.0 }
    }
}

/// There is a histogram for each group, and each holds values; returns their extremes.
pub(crate) fn check_histograms(groups: &Groups, histograms: &[Histogram]) -> Result<(Vec<f32>, Vec<f32>)> {
    same_length("histograms", groups.count(), histograms.len())?;
    let ends = |histogram: &Histogram| histogram.min().zip(histogram.max()).ok_or(Error::Empty);
    histograms.iter().map(ends).collect::<Result<Vec<_>>>().map(|ends| ends.into_iter().unzip())
}

/// The smallest and the largest value of each group.
pub(crate) fn extremes<T: Element>(groups: &Groups, values: &[T]) -> Result<(Vec<f32>, Vec<f32>)> {
    let (mut lows, mut highs) = (vec![f32::INFINITY; groups.count()], vec![f32::NEG_INFINITY; groups.count()]);
    for_each_piece(values, |start, values| {
        check_finite(values, start)?;
        if groups.run() == 1 {
            groups.for_each_row(start, values.len(), |group, from, to| {
                extrema::enclose_each(&values[from..to], &mut lows[group..], &mut highs[group..]);
            });
        } else {
            groups.for_each_run(start, values.len(), |group, from, to| {
                extrema::enclose(&values[from..to], &mut lows[group], &mut highs[group]);
            });
        }
        Ok(())
    })?;
    Ok((lows, highs))
}

/// The values of one group behind those of the other, and where each group starts; the last start is the end.
fn grouped<T: Element>(groups: &Groups, values: &[T]) -> Result<(Vec<f32>, Vec<usize>)> {
    let mut starts = vec![0; groups.count() + 1];
    groups.for_each_run(0, values.len(), |group, from, to| starts[group + 1] += to - from);
    for group in 0..groups.count() {
        starts[group + 1] += starts[group];
    }
    let mut next = starts.clone();
    let mut out = vec![0.0; values.len()];
    for_each_piece(values, |start, values| {
        groups.for_each_run(start, values.len(), |group, from, to| {
            out[next[group]..next[group] + (to - from)].copy_from_slice(&values[from..to]);
            next[group] += to - from;
        });
        Ok(())
    })?;
    Ok((out, starts))
}
