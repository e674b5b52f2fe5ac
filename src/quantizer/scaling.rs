//! From values to scales: the settings that every scalar quantizer shares, and how they are fitted.

use super::{Levels, ScaleType, Scaled, doors::PIECE};
use crate::{
    element::{Element, check_finite},
    error::{Error, Result},
    groups::{Granularity, Groups},
    kernel::extrema,
};
use alloc::{vec, vec::Vec};

/// How scales follow from values: who shares one, and how it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scaling {
    /// Who shares a scale.
    pub granularity: Granularity,
    /// How scales are stored.
    pub scale_type: ScaleType,
}

impl Scaling {
    /// Fits scales, and offsets where the law has them, to the extremes of each group of `values`.
    ///
    /// One pass over the values; allocates two numbers per group while it looks, and what the result holds.
    pub fn fit<T: Element, L: Levels>(&self, unit: L, values: &[T]) -> Result<Scaled<L>> {
        if values.is_empty() {
            return Err(Error::Empty);
        }
        let groups = self.granularity.groups(values.len())?;
        let (lows, highs) = extremes(&groups, values)?;
        self.scaled(unit, groups, &lows, &highs)
    }

    /// For a known range, without data: one scale for values in `low..=high`.
    pub fn fit_range<L: Levels>(&self, unit: L, low: f32, high: f32) -> Result<Scaled<L>> {
        if self.granularity != Granularity::Tensor {
            return Err(Error::Setting {
                name: "granularity",
                value: 0.0,
                allowed: "one scale per tensor for a given range",
            });
        }
        if !(low <= high && low.is_finite() && high.is_finite()) {
            let value = if low.is_finite() { high } else { low };
            return Err(Error::Setting {
                name: "range",
                value: value.into(),
                allowed: "finite numbers, the lower one first",
            });
        }
        self.scaled(unit, Groups::tensor(), &[low], &[high])
    }

    fn scaled<L: Levels>(&self, unit: L, groups: Groups, lows: &[f32], highs: &[f32]) -> Result<Scaled<L>> {
        let mut scales = Vec::with_capacity(lows.len());
        for (group, (&low, &high)) in lows.iter().zip(highs).enumerate() {
            scales.push(self.scale(&unit, group, low, high)?);
        }
        // Adding zero turns -0.0 into 0.0, whichever of the two came first in the data.
        let offsets = if unit.has_offset() { lows.iter().map(|low| low + 0.0).collect() } else { Vec::new() };
        Scaled::new(unit, groups, self.scale_type, scales, offsets)
    }

    fn scale<L: Levels>(&self, unit: &L, group: usize, low: f32, high: f32) -> Result<f32> {
        let (low, high) = (f64::from(low), f64::from(high));
        let extent = if unit.has_offset() { high - low } else { low.abs().max(high.abs()) };
        let reach = f64::from(unit.reach());
        if extent == 0.0 || reach == 0.0 {
            // Any scale restores the value if a level does; otherwise the smallest scale comes closest.
            let exact = unit.has_offset() || unit.level(unit.nearest(0.0)) == 0.0;
            return Ok(if exact { 1.0 } else { self.scale_type.smallest() });
        }
        self.scale_type.round_outward(extent, reach).ok_or(Error::ScaleOutOfRange {
            group,
            scale: extent / reach,
            stored_as: self.scale_type.name(),
        })
    }
}

/// The smallest and the largest value of each group.
fn extremes<T: Element>(groups: &Groups, values: &[T]) -> Result<(Vec<f32>, Vec<f32>)> {
    let (mut lows, mut highs) = (vec![f32::INFINITY; groups.count()], vec![f32::NEG_INFINITY; groups.count()]);
    let mut buffer = [0.0; PIECE];
    for (i, piece) in values.chunks(PIECE).enumerate() {
        let start = i * PIECE;
        let wide = if let Some(wide) = T::as_f32(piece) {
            wide
        } else {
            T::widen_into(piece, &mut buffer[..piece.len()])?;
            &buffer[..piece.len()]
        };
        check_finite(wide, start)?;
        if groups.run() == 1 {
            groups.for_each_row(start, wide.len(), |group, from, to| {
                extrema::enclose_each(&wide[from..to], &mut lows[group..], &mut highs[group..]);
            });
        } else {
            groups.for_each_run(start, wide.len(), |group, from, to| {
                extrema::enclose(&wide[from..to], &mut lows[group], &mut highs[group]);
            });
        }
    }
    Ok((lows, highs))
}
