//! What a fit looks at: which values share parameters, which of them count, and how far they reach.

use super::range::{Range, Sample};
use crate::{
    calibrate::Histogram,
    element::{Element, check_finite, for_each_piece},
    error::{Error, Result, same_length},
    groups::{Granularity, Groups},
    kernel::extrema,
    non_finite::{Fate, NonFinite},
};
use alloc::{vec, vec::Vec};

/// The settings that all fits of scales share.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub(crate) struct Calibration {
    pub(crate) granularity: Granularity,
    pub(crate) range: Range,
    pub(crate) non_finite: NonFinite,
}

/// These settings, on a type that holds them in the field that is named.
macro_rules! calibration_settings {
    ($($field:ident).+) => {
        /// One scale for every `n` neighbours; the last block may be shorter.
        #[must_use]
        #[doc(alias = "group_size")]
        #[doc(alias = "block_size")]
        pub fn per_block(mut self, n: usize) -> Self {
            self.$($field).+.granularity = crate::Granularity::Block(n);
            self
        }

        /// One scale for each index along `axis` of a row-major `shape`.
        #[must_use]
        #[doc(alias = "per_channel")]
        pub fn per_axis(mut self, shape: &[usize], axis: usize) -> Self {
            self.$($field).+.granularity = crate::Granularity::Axis { shape: shape.into(), axis };
            self
        }

        /// Which values a scale has to reach; all of its group by default.
        #[must_use]
        #[doc(alias = "clip")]
        #[doc(alias = "observer")]
        pub fn range(mut self, range: crate::Range) -> Self {
            self.$($field).+.range = range;
            self
        }

        /// What becomes of values that are not finite, or missing: refused by default, else not looked at by the fit. A
        /// histogram has made that choice already.
        /// [`Masked`](crate::Masked) then keeps them out of the quantizer, which refuses them always.
        #[must_use]
        pub fn non_finite(mut self, policy: crate::NonFinite) -> Self {
            self.$($field).+.non_finite = policy;
            self
        }
    };
}
pub(crate) use calibration_settings;

impl Calibration {
    /// What `each(group, extremes, sample)` makes of the values of each group. There is no sample if nothing but the
    /// extremes is asked for. A group without values that count has the extremes 0 and 0.
    pub(crate) fn fit<T: Element, P>(
        &self,
        values: &[T],
        mut each: impl FnMut(usize, (f32, f32), Option<Sample<'_>>) -> Result<P>,
    ) -> Result<(Groups, Vec<P>)> {
        if values.is_empty() {
            return Err(Error::Empty);
        }
        self.range.check()?;
        let groups = self.granularity.groups(values.len())?;
        let policy = self.non_finite.narrowed::<T>();
        let ends = extremes(&groups, &policy, values)?;
        let each_group = 0..groups.count();
        if self.range == Range::MinMax {
            let fitted = each_group.map(|group| each(group, ends[group], None)).collect::<Result<_>>()?;
            return Ok((groups, fitted));
        }
        let (values, starts) = grouped(&groups, &policy, values)?;
        let sample = |group: usize| Sample::Values(&values[starts[group]..starts[group + 1]]);
        let fitted = each_group.map(|group| each(group, ends[group], Some(sample(group)))).collect::<Result<_>>()?;
        Ok((groups, fitted))
    }

    /// As [`fit`](Self::fit), from one histogram for each group.
    pub(crate) fn fit_histograms<P>(
        &self,
        histograms: &[Histogram],
        mut each: impl FnMut(usize, (f32, f32), Option<Sample<'_>>) -> Result<P>,
    ) -> Result<(Groups, Vec<P>)> {
        self.range.check()?;
        let groups = self.granularity.groups_of_any_length()?;
        same_length("histograms", groups.count(), histograms.len())?;
        let fitted = histograms.iter().enumerate().map(|(group, histogram)| {
            let ends = histogram.min().zip(histogram.max()).ok_or(Error::Empty)?;
            each(group, ends, Some(Sample::Histogram(histogram)))
        });
        Ok((groups, fitted.collect::<Result<_>>()?))
    }

    /// As [`fit`](Self::fit), for a range that is given.
    pub(crate) fn fit_range<P>(
        &self,
        low: f32,
        high: f32,
        mut each: impl FnMut(usize, (f32, f32)) -> Result<P>,
    ) -> Result<(Groups, Vec<P>)> {
        check_range(low, high)?;
        let groups = self.granularity.groups_of_any_length()?;
        let mut fitted = Vec::new();
        // A shape given without data can ask for any number of groups.
        fitted.try_reserve_exact(groups.count()).map_err(|_| {
            let value = groups.count() as f64;
            Error::Setting { name: "groups", value, allowed: "as many as fit the memory" }
        })?;
        for group in 0..groups.count() {
            fitted.push(each(group, (low, high))?);
        }
        Ok((groups, fitted))
    }
}

/// A range that a user gives.
pub(crate) fn check_range(low: f32, high: f32) -> Result<()> {
    if low <= high && low.is_finite() && high.is_finite() {
        return Ok(());
    }
    let value = if low.is_finite() { high } else { low };
    Err(Error::Setting { name: "range", value: value.into(), allowed: "finite numbers, the lower one first" })
}

/// The smallest and the largest value of each group.
fn extremes<T: Element>(groups: &Groups, policy: &NonFinite, values: &[T]) -> Result<Vec<(f32, f32)>> {
    let (mut lows, mut highs) = (vec![f32::INFINITY; groups.count()], vec![f32::NEG_INFINITY; groups.count()]);
    if policy.is_strict() {
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
    } else {
        policy.for_each(0, values, |i, x, fate| {
            if fate == Fate::Pass {
                let group = groups.group_of(i);
                extrema::enclose_each(&[x], &mut lows[group..], &mut highs[group..]);
            }
        })?;
    }
    Ok(lows.into_iter().zip(highs).map(|(low, high)| if low > high { (0.0, 0.0) } else { (low, high) }).collect())
}

/// The values of one group behind those of the other, and where each group starts; the last start is the end.
fn grouped<T: Element>(groups: &Groups, policy: &NonFinite, values: &[T]) -> Result<(Vec<f32>, Vec<usize>)> {
    let mut starts = vec![0; groups.count() + 1];
    if policy.is_strict() {
        groups.for_each_run(0, values.len(), |group, from, to| starts[group + 1] += to - from);
    } else {
        let count = |i, _, fate| starts[groups.group_of(i) + 1] += usize::from(fate == Fate::Pass);
        policy.for_each(0, values, count)?;
    }
    for group in 0..groups.count() {
        starts[group + 1] += starts[group];
    }
    let mut next = starts.clone();
    let mut out = vec![0.0; starts[groups.count()]];
    if !policy.is_strict() {
        policy.for_each(0, values, |i, x, fate| {
            if fate == Fate::Pass {
                let next = &mut next[groups.group_of(i)];
                out[*next] = x;
                *next += 1;
            }
        })?;
        return Ok((out, starts));
    }
    for_each_piece(values, |start, values| {
        groups.for_each_run(start, values.len(), |group, from, to| {
            out[next[group]..next[group] + (to - from)].copy_from_slice(&values[from..to]);
            next[group] += to - from;
        });
        Ok(())
    })?;
    Ok((out, starts))
}
