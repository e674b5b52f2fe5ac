//! Which transform and which classes take the fewest bits: estimated before anything is quantized.

use super::{
    estimate::{Apart, all_runs, anywhere, bits, coded_cost, some_runs},
    report::RunnerUp,
    spikes::{frequent, others},
};
use crate::{
    calibrate,
    classes::Classes,
    codec::rans::{Shapes, side_bytes},
    error::Result,
    groups::Groups,
    kernel::{
        exp::{exp, ln},
        sums::sums,
    },
    spikes::Spikes,
    transform::{Dct, StandardizeTransform, Transform, check_coefficients},
};
use alloc::{borrow::Cow, boxed::Box, string::String, vec, vec::Vec};
use core::{f64::consts::LN_2, fmt::Write};

/// Values that plans are compared on, about.
const SAMPLE: usize = 1 << 16;
/// The longest blocks of cosine transforms: of rows, of columns, and of both.
const LINE: usize = 128;
const DOWN: [usize; 2] = [32, 128];
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
    spikes: Spikes,
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

    /// The plan that takes the fewest bits for values of this shape, which has no axes of length 1, with steps as the goal
    /// says; and what comes next.
    pub(super) fn best(values: &[f32], shape: &[usize], goal: Goal, shapes: &mut Shapes) -> Result<Ranking> {
        /// Estimates that are looked at more closely.
        const FINALISTS: usize = 3;
        /// Bits per value that estimates may be wrong by.
        const NEAR: f64 = 0.1;
        /// What spikes are worth depends on what is made of the others later: estimates have been wrong by as much, where values
        /// are few numbers or rectified.
        const RIVAL: f64 = 1.0;
        let (sample, sample_shape) = sample(values, shape);
        let kept = sample.len() as f64 / values.len().max(1) as f64;
        let mut width = goal.width(&sample);
        let mut plans = Vec::new();
        // Coefficients may be too large, values are not.
        let coefficients: Vec<_> = without_classes(&sample, &sample_shape, shape)
            .into_iter()
            .filter_map(|plain| Some((plain.coefficients(&sample, &sample_shape).ok()?, plain)))
            .collect();
        for (coefficients, plain) in &coefficients {
            let apart = plain.apart(coefficients, shape);
            for by in plain.variants(shape) {
                let plan = Self { by, ..plain.clone() };
                let spikes = apart.spikes;
                let is_spike = (!spikes.is_empty()).then_some(|x| spikes.contains(x));
                let classes = calibrate::classes(&plan.groupings(sample.len())?, coefficients, is_spike)?;
                let side = classes.parts().iter().map(|(groups, levels)| {
                    // There are more rows than in the sample, but no more columns.
                    let more = if groups.fitted_len().is_none() { 1.0 } else { 1.0 / kept };
                    8.0 * side_bytes(levels) as f64 * more + 24.0
                });
                let side = side.sum::<f64>() / values.len() as f64 + plan.slack();
                plans.push(Candidate { estimate: 0.0, side, plan, classes, apart, coefficients });
            }
        }
        // Runs of rows and columns may all be from the same ones.
        let all = all_runs(sample.len());
        let some = if shape.len() < 2 { some_runs(sample.len()) } else { all.clone() };
        // Once more with the step that the first choice leads to, if it is quite another.
        for _ in 0..2 {
            for plan in &mut plans {
                plan.estimate = bits(plan.coefficients, &plan.classes, width, plan.apart, &some) + plan.side;
            }
            plans.sort_by(|a, b| a.estimate.total_cmp(&b.estimate));
            let least = plans.first().map_or(0.0, |plan| plan.estimate);
            let Goal::Bits(wanted) = goal else { break };
            if (least - wanted).abs() < 0.7 {
                break;
            }
            width *= exp((least - wanted) * LN_2);
        }
        let least = plans.first().map_or(0.0, |plan| plan.estimate);
        // Tables of codes take any shape, densities of classes do not.
        let first = plans.first().map_or_else(Self::plain, |plan| plan.plan.without_classes());
        let is_plain = |plan: &Self| *plan == first || *plan == Self::plain();
        let spiked = |plan: &Self| !plan.spikes.is_empty();
        let other = plans.iter().position(|plan| spiked(&plan.plan) != spiked(&first));
        let finalist = |i: usize, plan: &Candidate<'_>| {
            let near = i < FINALISTS && plan.estimate < least + NEAR;
            near || is_plain(&plan.plan) || (Some(i) == other && plan.estimate < least + RIVAL)
        };
        let finalists = plans.into_iter().enumerate().filter(|(i, plan)| finalist(*i, plan));
        let mut finalists: Vec<_> = finalists.map(|(_, plan)| plan).collect();
        let mut code = |plans: &mut Vec<Candidate<'_>>, runs| {
            plans.retain_mut(|plan| {
                let Candidate { classes, apart, coefficients, side, .. } = &*plan;
                // Steps may be too fine or too wide to be one.
                let runs = (runs, values.len());
                let cost = coded_cost(coefficients, classes.clone(), width, *apart, runs, shapes);
                plan.estimate = cost.as_ref().map_or(f64::INFINITY, |cost| cost + side);
                cost.is_ok()
            });
            plans.sort_by(|a, b| a.estimate.total_cmp(&b.estimate));
        };
        code(&mut finalists, &some);
        // What a transform or classes save may be chance if not all codes are looked at, and decoders pay for it.
        if some != all && finalists.first().is_some_and(|best| best.plan != Self::plain()) {
            code(&mut finalists, &all);
        }
        let second = match &*finalists {
            [best, second, ..] => Some(RunnerUp::new(second.plan.name(), second.estimate - best.estimate)),
            _ => None,
        };
        let mut finalists = finalists.into_iter();
        let Some(best) = finalists.next() else { return Ok(Ranking::of(Self::plain())) };
        let rival = finalists
            .find(|rival| spiked(&rival.plan) != spiked(&best.plan) && rival.estimate < best.estimate + RIVAL)
            .map(|rival| rival.plan);
        Ok(Ranking { rival, second, best: best.plan })
    }

    /// What it has to save.
    fn slack(&self) -> f64 {
        if self.shift == Shift::None && self.spikes.is_empty() { 0.0 } else { SLACK }
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

/// A plan that is looked at.
struct Candidate<'a> {
    /// Bits per value, about.
    estimate: f64,
    /// What levels of its classes take, and what it has to save.
    side: f64,
    plan: Plan,
    classes: Classes,
    apart: Apart,
    coefficients: &'a [f32],
}

/// The best plans.
#[derive(Debug, Clone)]
pub(super) struct Ranking {
    pub(super) best: Plan,
    /// The best with spikes if that has none, or without if it has some, if they are near enough to be made both.
    pub(super) rival: Option<Plan>,
    pub(super) second: Option<RunnerUp>,
}

impl Ranking {
    /// Without a choice.
    pub(super) const fn of(best: Plan) -> Self {
        Self { best, rival: None, second: None }
    }
}

/// What the widths of steps follow from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    Bits(f64),
    Width(f64),
}

impl Goal {
    /// The width of equal steps, if values were Gaussian.
    pub(super) fn width(self, values: &[f32]) -> f64 {
        match self {
            Self::Width(width) => width.clamp(1e-43, 1e37),
            Self::Bits(bits) => {
                let [square] = sums(values, values, |x, _| [f64::from(x) * f64::from(x)]);
                let rms = 0.5 * ln((square / values.len().max(1) as f64).max(f64::MIN_POSITIVE)) / LN_2;
                exp((rms + 2.047 - bits).clamp(-145.0, 125.0) * LN_2)
            }
        }
    }
}

/// Plans without classes: transforms that may pay, and spikes, of values or deviations from the mean of the others. `shape` is
/// that of all values.
fn without_classes(sample: &[f32], sample_shape: &[usize], shape: &[usize]) -> Vec<Plan> {
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

/// Runs of neighbours along the first axis, evenly spaced, and their shape.
fn sample<'v>(values: &'v [f32], shape: &[usize]) -> (Cow<'v, [f32]>, Vec<usize>) {
    let slice: usize = shape.iter().skip(1).product();
    // Long enough for what neighbours have in common, and for whole blocks.
    let run =
        if shape.len() < 2 { 1024 } else { (SAMPLE / 2 / slice.max(1)).clamp(DOWN[0], DOWN[1]) / DOWN[0] * DOWN[0] };
    let step = slice * run;
    let runs = values.len() / step;
    let wanted = SAMPLE.div_ceil(step).max(2);
    if runs < 2 * wanted {
        return (Cow::Borrowed(values), shape.to_vec());
    }
    let mut sample = Vec::with_capacity(wanted * step);
    for i in 0..wanted {
        // Anywhere in a stretch of a line, for what is in it may have a period.
        let run = if shape.len() < 2 { anywhere(i, runs / wanted) } else { (runs - 1) * i / (wanted - 1) };
        sample.extend_from_slice(&values[run * step..(run + 1) * step]);
    }
    let mut shape = shape.to_vec();
    match shape.first_mut() {
        Some(first) => *first = sample.len() / slice,
        None => shape.push(sample.len()),
    }
    (Cow::Owned(sample), shape)
}
