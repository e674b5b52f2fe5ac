//! Exact quantiles, many at once, in time linear in the values.

use super::{
    QuantileMethod,
    method::Position,
    ranks::{Ranks, first_nan},
};
use crate::{
    element::Element,
    error::{Error, Result, same_length},
    groups::Groups,
};
use alloc::{vec, vec::Vec};

/// Neighbouring lanes along an axis that are copied together, so that every line of memory that is read is used.
const TILE: usize = 16;

/// What becomes of NaN among values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum NanPolicy {
    /// The call fails with [`Error::NonFinite`], which names the first.
    #[default]
    Refuse,
    /// Every quantile of values with a NaN among them is NaN, as `numpy.quantile` has it.
    Propagate,
    /// Quantiles of the other values, as `numpy.nanquantile` has it; NaN if there are none.
    Ignore,
}

/// Settings of exact quantiles: the [method](QuantileMethod) and what becomes of [NaN](NanPolicy).
///
/// Values are widened to f64, and all arithmetic is f64 in the order numpy has it, so that results equal those of
/// `numpy.quantile` and `numpy.nanquantile` on f64, bit for bit except for the sign of a zero: -0.0 ranks below 0.0
/// here, and numpy leaves their order open. Results do not depend on the order of the values or of the probabilities.
///
/// Infinities are values like others. Methods that give one of the values give them as they are. Methods that
/// interpolate count from the nearer neighbour, and give NaN, as numpy does, where that one is infinite or the farther
/// one is infinite and has no weight; so the outermost quantiles are NaN where the outermost values are infinite. Ask
/// [`Lower`](QuantileMethod::Lower) or [`InvertedCdf`](QuantileMethod::InvertedCdf) where infinities may occur.
///
/// Cost: about two passes over the values whatever their distribution, and sorting the probabilities; it hardly grows
/// with their number. From 16,384 values on, counters for the upper half of a value's bits say where each rank lies,
/// and only values that share those 16 bits with a rank are looked at again. Shorter slices are partitioned around one
/// rank after another.
///
/// Memory: about 120 bytes a probability; for slices shorter than 16,384, 4 bytes a value; for longer ones 576 KiB and
/// 2 bytes for each value that is looked at again, which are all of them only if they agree in their upper 16 bits or
/// ranks are everywhere.
///
/// ```
/// use fewbits::{QuantileMethod, Quantiles};
///
/// let activations = [0.5_f32, -1.0, 2.0, 0.0, 100.0];
/// assert_eq!(Quantiles::new().of(&activations, &[0.0, 0.5, 0.875])?, [-1.0, 0.5, 51.0]);
/// let lower = Quantiles::new().method(QuantileMethod::Lower);
/// assert_eq!(lower.of(&activations, &[0.0, 0.5, 0.875])?, [-1.0, 0.5, 2.0]);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Quantiles {
    method: QuantileMethod,
    nan: NanPolicy,
}

impl Quantiles {
    /// Linear interpolation; NaN is refused.
    pub const fn new() -> Self {
        Self { method: QuantileMethod::Linear, nan: NanPolicy::Refuse }
    }

    /// Where quantiles lie among the values.
    #[must_use]
    pub const fn method(self, method: QuantileMethod) -> Self {
        Self { method, ..self }
    }

    /// What becomes of NaN.
    #[must_use]
    pub const fn nan(self, nan: NanPolicy) -> Self {
        Self { nan, ..self }
    }

    /// Quantiles of all `values`, at least one; `out[i]` is the one of `probabilities[i]`, which is in 0..=1.
    pub fn of_into<T: Element>(&self, values: &[T], probabilities: &[f64], out: &mut [f64]) -> Result<()> {
        same_length("out", probabilities.len(), out.len())?;
        check_probabilities(probabilities)?;
        if values.is_empty() {
            return Err(Error::Empty);
        }
        if Lanes::new(*self, probabilities).quantiles(values, |i, quantile| out[i] = quantile)? {
            Ok(())
        } else {
            Err(Error::NonFinite { index: first_nan(values) })
        }
    }

    /// As [`of_into`](Self::of_into), into a vector.
    pub fn of<T: Element>(&self, values: &[T], probabilities: &[f64]) -> Result<Vec<f64>> {
        let mut out = vec![0.0; probabilities.len()];
        self.of_into(values, probabilities, &mut out)?;
        Ok(out)
    }

    /// Quantiles along one `axis` of `values` with a row-major `shape`, none of whose lengths is 0.
    ///
    /// `out` is row-major too: probabilities first, then the other axes in their order, as numpy has it. It holds
    /// `probabilities.len() * values.len() / shape[axis]` quantiles.
    ///
    /// Each lane is what [`of_into`](Self::of_into) gives for its values alone. Unless the axis is the last, up to 16
    /// lanes at a time are copied as f32.
    ///
    /// ```
    /// let rows_of_three = [1.0_f32, 2.0, 9.0, 5.0, 4.0, 3.0];
    /// let quantiles = fewbits::Quantiles::new();
    /// assert_eq!(quantiles.along_axis(&rows_of_three, &[2, 3], 0, &[0.5])?, [3.0, 3.0, 6.0]);
    /// assert_eq!(quantiles.along_axis(&rows_of_three, &[2, 3], 1, &[0.0, 0.5])?, [1.0, 3.0, 2.0, 4.0]);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn along_axis_into<T: Element>(
        &self,
        values: &[T],
        shape: &[usize],
        axis: usize,
        probabilities: &[f64],
        out: &mut [f64],
    ) -> Result<()> {
        let groups = axis_of(values.len(), shape, axis)?;
        let (len, run) = (groups.count(), groups.run());
        let lane_count = values.len() / len;
        same_length("out", lane_count.saturating_mul(probabilities.len()), out.len())?;
        check_probabilities(probabilities)?;

        let mut lanes = Lanes::new(*self, probabilities);
        let mut put = |lane: usize, i: usize, quantile| out[i * lane_count + lane] = quantile;
        let refused = || Error::NonFinite { index: first_nan(values) };
        if run == 1 {
            for (lane, values) in values.chunks(len).enumerate() {
                lanes.quantiles(values, |i, quantile| put(lane, i, quantile))?.then_some(()).ok_or_else(refused)?;
            }
            return Ok(());
        }
        let mut row = [0.0; TILE];
        let mut tile = vec![0.0; TILE.min(run) * len];
        for (outer, values) in values.chunks(len * run).enumerate() {
            for from in (0..run).step_by(TILE) {
                let width = TILE.min(run - from);
                for (i, values) in values.chunks(run).enumerate() {
                    T::widen_into(&values[from..from + width], &mut row[..width])?;
                    for (lane, &x) in tile.chunks_mut(len).zip(&row[..width]) {
                        lane[i] = x;
                    }
                }
                for (column, values) in tile.chunks(len).take(width).enumerate() {
                    let lane = outer * run + from + column;
                    lanes.quantiles(values, |i, quantile| put(lane, i, quantile))?.then_some(()).ok_or_else(refused)?;
                }
            }
        }
        Ok(())
    }

    /// As [`along_axis_into`](Self::along_axis_into), into a vector.
    pub fn along_axis<T: Element>(
        &self,
        values: &[T],
        shape: &[usize],
        axis: usize,
        probabilities: &[f64],
    ) -> Result<Vec<f64>> {
        let lane_count = values.len() / axis_of(values.len(), shape, axis)?.count();
        let mut out = vec![0.0; lane_count.saturating_mul(probabilities.len())];
        self.along_axis_into(values, shape, axis, probabilities, &mut out)?;
        Ok(out)
    }
}

/// The lanes of an axis, counted by their index along it.
fn axis_of(len: usize, shape: &[usize], axis: usize) -> Result<Groups> {
    let product = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
    same_length("values", product.unwrap_or(usize::MAX), len)?;
    let groups = Groups::axis(shape, axis)?;
    if len == 0 { Err(Error::Empty) } else { Ok(groups) }
}

pub(super) fn check_probabilities(probabilities: &[f64]) -> Result<()> {
    match probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        None => Ok(()),
        Some(&value) => Err(Error::Setting { name: "probability", value, allowed: "0 to 1" }),
    }
}

/// Settings, probabilities and memory for one lane after another.
struct Lanes<'a> {
    settings: Quantiles,
    probabilities: &'a [f64],
    /// Values that positions and ranks were computed for; lanes mostly have the same number.
    planned: usize,
    positions: Vec<Position>,
    ranks: Vec<usize>,
    found: Vec<f32>,
    memory: Ranks,
}

impl<'a> Lanes<'a> {
    fn new(settings: Quantiles, probabilities: &'a [f64]) -> Self {
        Self {
            settings,
            probabilities,
            planned: 0,
            positions: Vec::new(),
            ranks: Vec::new(),
            found: Vec::new(),
            memory: Ranks::default(),
        }
    }

    /// Calls `each(i, quantile of probabilities[i])`. False, and no call, if there is a NaN that must be refused.
    fn quantiles<T: Element>(&mut self, values: &[T], mut each: impl FnMut(usize, f64)) -> Result<bool> {
        let nan = self.memory.survey(values)?;
        let refused = nan > 0 && self.settings.nan == NanPolicy::Refuse;
        if refused {
            return Ok(false);
        }
        if nan == values.len() || (nan > 0 && self.settings.nan == NanPolicy::Propagate) {
            (0..self.probabilities.len()).for_each(|i| each(i, f64::NAN));
            return Ok(true);
        }
        self.plan(values.len() - nan);
        self.memory.find(values, &self.ranks, &mut self.found)?;
        for (i, position) in self.positions.iter().enumerate() {
            let value = |rank| self.ranks.binary_search(&rank).map_or(f64::NAN, |at| f64::from(self.found[at]));
            each(i, position.interpolate(value(position.low), value(position.high)));
        }
        Ok(true)
    }

    /// Computes which ranks are needed among `count` values.
    fn plan(&mut self, count: usize) {
        if self.planned == count {
            return;
        }
        self.planned = count;
        self.positions.clear();
        self.positions.extend(self.probabilities.iter().map(|&p| self.settings.method.position(p, count)));
        self.ranks.clear();
        self.ranks.extend(self.positions.iter().flat_map(|position| [position.low, position.high]));
        self.ranks.sort_unstable();
        self.ranks.dedup();
        self.found.resize(self.ranks.len(), 0.0);
    }
}
