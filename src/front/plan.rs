//! Which transforms and which classes there are to choose from.

use super::{
    estimate::Apart,
    spikes::{frequent, others},
};
use crate::{
    error::Result,
    groups::Groups,
    kernel::sums::sums,
    spikes::Spikes,
    transform::{Dct, StandardizeTransform, Transform, check_coefficients},
};
use alloc::{borrow::Cow, boxed::Box, string::String, vec, vec::Vec};
use core::fmt::Write;

/// The longest blocks of cosine transforms: of rows, of columns, and of both.
const LINE: usize = 128;
pub(super) const DOWN: [usize; 2] = [32, 128];
const TILE: usize = 16;

/// Bits per value that a transform has to save: estimates are about as good.
const SLACK: f64 = 0.01;

/// What becomes of values before they are quantized.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shift {
    None,
    /// Their mean is taken away.
    Mean(f32),
    /// Cosine transforms along the last axis, the one before it in blocks of so many, or both.
    Across,
    Down(usize),
    Tiles,
}

/// Which values are alike: those of a row or slice of so many, of a column where rows have so many, or of every so many'th
/// row.
#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    Row(usize),
    Column(usize),
    Line { every: usize, columns: usize },
}

impl By {
    fn groups(self, len: usize) -> Result<Groups> {
        match self {
            Self::Row(columns) => Groups::blocks(columns, len),
            Self::Column(columns) => Groups::axis(&[1, columns], 1),
            Self::Line { every, columns } => Groups::axis(&[every, columns], 0),
        }
    }
}

/// How values become coefficients, and which of them are alike.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    shift: Shift,
    by: Vec<By>,
    /// Coefficients that are kept apart.
    pub(super) spikes: Spikes,
}

impl Plan {
    /// Values as they come, all alike.
    pub(super) const fn plain() -> Self {
        Self { shift: Shift::None, by: Vec::new(), spikes: Spikes::none() }
    }

    pub(super) fn has_classes(&self) -> bool {
        !self.by.is_empty()
    }

    pub(super) fn without_classes(&self) -> Self {
        Self { by: Vec::new(), ..self.clone() }
    }

    /// The coefficients that are kept apart, among all of these.
    pub(super) fn apart(&self, coefficients: &[f32], shape: &[usize]) -> Apart {
        Apart::new(coefficients, shape, self.spikes)
    }

    /// The transforms, of which values meet the first one first.
    pub(super) fn transforms(&self, shape: &[usize]) -> Result<Vec<Box<dyn Transform>>> {
        let axes = shape.len();
        let along = |longest: usize, axis: usize| -> Result<Box<dyn Transform>> {
            Ok(Box::new(Dct::new(longest.min(1 << shape[axis].ilog2()))?.along(shape, axis)?))
        };
        Ok(match self.shift {
            Shift::None => Vec::new(),
            Shift::Mean(mean) => {
                vec![Box::new(StandardizeTransform::new(Groups::tensor(), vec![mean], Vec::new())?)]
            }
            Shift::Across if axes < 2 || shape[axes - 1].is_multiple_of(LINE) => vec![Box::new(Dct::new(LINE)?)],
            Shift::Across => vec![along(LINE, axes - 1)?],
            Shift::Down(block) => vec![along(block, axes - 2)?],
            Shift::Tiles => vec![along(TILE, axes - 1)?, along(TILE, axes - 2)?],
        })
    }

    /// What the transforms make of values.
    pub(super) fn coefficients<'v>(&self, values: &'v [f32], shape: &[usize]) -> Result<Cow<'v, [f32]>> {
        let mut coefficients = Cow::Borrowed(values);
        for transform in self.transforms(shape)? {
            let mut room = vec![0.0; values.len()];
            transform.forward_at(0, &coefficients, &mut room)?;
            check_coefficients(&room, 0)?;
            coefficients = Cow::Owned(room);
        }
        Ok(coefficients)
    }

    /// Groups whose levels add up to classes.
    pub(super) fn groupings(&self, len: usize) -> Result<Vec<Groups>> {
        self.by.iter().map(|by| by.groups(len)).collect()
    }

    /// In a few words.
    pub(super) fn name(&self) -> String {
        let mut name = String::from(match self.shift {
            Shift::None => "values",
            Shift::Mean(_) => "deviations from the mean",
            Shift::Across => "cosine transform",
            Shift::Down(_) => "cosine transform of columns",
            Shift::Tiles => "cosine transform of two axes",
        });
        if !self.spikes.is_empty() {
            // Text is written, nothing else can fail.
            _ = write!(name, " with {} spike{}", self.spikes.len(), if self.spikes.len() == 1 { "" } else { "s" });
        }
        for (i, by) in self.by.iter().enumerate() {
            let link = if i == 0 { ", contexts by" } else { " and" };
            let (what, of) = match by {
                By::Row(columns) => ("row", columns),
                By::Column(columns) => ("column", columns),
                By::Line { every, .. } => ("line", every),
            };
            _ = write!(name, "{link} {what} of {of}");
        }
        name
    }

    /// What it has to save.
    pub(super) fn slack(&self) -> f64 {
        if self.shift == Shift::None && self.spikes.is_empty() { 0.0 } else { SLACK }
    }

    /// With each way to tell coefficients apart.
    pub(super) fn with_classes(&self, shape: &[usize]) -> Vec<Self> {
        self.variants(shape).into_iter().map(|by| Self { by, ..self.clone() }).collect()
    }

    /// All ways to tell coefficients apart.
    fn variants(&self, shape: &[usize]) -> Vec<Vec<By>> {
        let last = shape.last().copied().unwrap_or(1);
        let [.., height, width] = *shape else {
            // Neighbours of a line, or the places in its blocks.
            return match self.shift {
                Shift::Across => vec![vec![], vec![By::Column(LINE)], vec![By::Row(LINE), By::Column(LINE)]],
                _ => vec![vec![], vec![By::Row(LINE)]],
            };
        };
        let slice = (shape.len() > 2).then_some(By::Row(height * width));
        let place = |n: usize, block: usize| if n.is_multiple_of(block) { block } else { n };
        let line = |block| By::Line { every: place(height, block), columns: width };
        let with_slice = |by: &[By]| slice.into_iter().chain(by.iter().copied()).collect::<Vec<_>>();
        match self.shift {
            Shift::Tiles => {
                let tile = [line(TILE), By::Column(place(width, TILE))];
                vec![tile.to_vec(), with_slice(&tile)]
            }
            Shift::Down(block) => {
                let line = line(block);
                vec![vec![line], vec![line, By::Column(width)], with_slice(&[line])]
            }
            Shift::Across => {
                let columns = if last.is_multiple_of(LINE) { LINE } else { last };
                let (row, column) = (By::Row(columns), By::Column(columns));
                vec![vec![], vec![column], vec![row, column], with_slice(&[column])]
            }
            Shift::None | Shift::Mean(_) => {
                let rest: usize = shape.iter().skip(1).product();
                let mut variants = vec![vec![]];
                for columns in if shape.len() > 2 { vec![rest, rest / shape[1]] } else { vec![rest] } {
                    let (row, column) = (By::Row(columns), By::Column(columns));
                    variants.push(vec![column]);
                    // Levels for few values cost more than they save.
                    if columns >= 16 {
                        variants.extend([vec![row], vec![row, column]]);
                    }
                }
                variants
            }
        }
    }
}

/// Plans without classes: transforms that may pay, and spikes, of values or deviations from the mean of the others. `shape` is
/// that of all values.
pub(super) fn plans(sample: &[f32], sample_shape: &[usize], shape: &[usize]) -> Vec<Plan> {
    let plan = |shift| Plan { shift, ..Plan::plain() };
    let mut plans: Vec<Plan> = shifts(sample, shape).into_iter().map(plan).collect();
    let spikes = frequent(sample);
    if spikes.is_empty() {
        return plans;
    }
    let mean = others(sample, spikes).1 as f32;
    for shift in [Shift::None, Shift::Mean(mean)] {
        let moved = plan(shift);
        let Ok(spikes) = moved.coefficients(spikes.as_slice(), sample_shape) else { continue };
        if let Ok(spikes) = Spikes::new(&spikes) {
            plans.push(Plan { spikes, ..moved });
        }
    }
    plans
}

/// Transforms that may pay.
fn shifts(values: &[f32], shape: &[usize]) -> Vec<Shift> {
    let mut shifts = vec![Shift::None];
    let count = values.len().max(1) as f64;
    let [sum, square] = sums(values, values, |x, _| [f64::from(x), f64::from(x) * f64::from(x)]);
    let (mean, square) = (sum / count, square / count);
    if mean * mean > 0.01 * square && (mean as f32).is_finite() {
        shifts.push(Shift::Mean(mean as f32));
    }
    let axes = shape.len();
    if values.len() >= 2 * LINE && (axes < 2 || shape[axes - 1] >= 4) {
        shifts.push(Shift::Across);
    }
    if axes >= 2 && shape[axes - 2] >= 4 {
        shifts.extend(DOWN.map(Shift::Down));
        if shape[axes - 1] >= 4 {
            shifts.push(Shift::Tiles);
        }
    }
    shifts
}
