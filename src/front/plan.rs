//! Which transform and which classes take the fewest bits: estimated before anything is quantized.

use crate::{
    automaton::Automaton,
    calibrate,
    classes::Classes,
    codec::{
        ContextRans,
        rans::{Shapes, side_bytes},
    },
    error::Result,
    fit::Fit,
    groups::Groups,
    kernel::{
        exp::{exp, ln},
        sums::sums,
    },
    quantizer::{Quantizer, Trellis},
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
}

impl Plan {
    /// Values as they come, all alike.
    pub(super) const fn plain() -> Self {
        Self { shift: Shift::None, by: Vec::new() }
    }

    pub(super) fn has_classes(&self) -> bool {
        !self.by.is_empty()
    }

    pub(super) fn without_classes(&self) -> Self {
        Self { by: Vec::new(), ..self.clone() }
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
        for (i, by) in self.by.iter().enumerate() {
            let link = if i == 0 { ", contexts by" } else { " and" };
            let (what, of) = match by {
                By::Row(columns) => ("row", columns),
                By::Column(columns) => ("column", columns),
                By::Line { every, .. } => ("line", every),
            };
            // Text is written, nothing else can fail.
            _ = write!(name, "{link} {what} of {of}");
        }
        name
    }

    /// The plan that takes the fewest bits for values of this shape, which has no axes of length 1, with steps as the goal
    /// says.
    pub(super) fn best(values: &[f32], shape: &[usize], goal: Goal, shapes: &mut Shapes) -> Result<Self> {
        /// Estimates that are looked at more closely.
        const FINALISTS: usize = 3;
        /// Bits per value that estimates may be wrong by.
        const NEAR: f64 = 0.1;
        let (sample, sample_shape) = sample(values, shape);
        let kept = sample.len() as f64 / values.len().max(1) as f64;
        let mut width = goal.width(&sample);
        let mut plans = Vec::new();
        // Once more with the step that the first choice leads to, if it is quite another.
        for _ in 0..2 {
            plans.clear();
            for shift in shifts(&sample, shape) {
                let plain = Self { shift, by: Vec::new() };
                // Coefficients may be too large, values are not.
                let Ok(coefficients) = plain.coefficients(&sample, &sample_shape) else { continue };
                for by in plain.variants(shape) {
                    let plan = Self { shift, by };
                    let classes = calibrate::classes(&plan.groupings(sample.len())?, &coefficients)?;
                    let side = classes.parts().iter().map(|(groups, levels)| {
                        // There are more rows than in the sample, but no more columns.
                        let more = if groups.fitted_len().is_none() { 1.0 } else { 1.0 / kept };
                        8.0 * side_bytes(levels) as f64 * more + 24.0
                    });
                    let side = side.sum::<f64>() / values.len() as f64;
                    let simple = if shift == Shift::None { 0.0 } else { SLACK };
                    plans.push((bits(&coefficients, &classes, width) + side + simple, side, plan, classes));
                }
            }
            plans.sort_by(|a, b| a.0.total_cmp(&b.0));
            let least = plans.first().map_or(0.0, |plan| plan.0);
            let Goal::Bits(wanted) = goal else { break };
            if (least - wanted).abs() < 0.7 {
                break;
            }
            width *= exp((least - wanted) * LN_2);
        }
        let least = plans.first().map_or(0.0, |plan| plan.0);
        // Tables of codes take any shape, densities of classes do not.
        let shift = plans.first().map_or(Shift::None, |plan| plan.2.shift);
        let is_plain = |plan: &Self| plan.by.is_empty() && (plan.shift == shift || plan.shift == Shift::None);
        let mut best = (f64::INFINITY, Self::plain());
        for (i, (estimate, side, plan, classes)) in plans.into_iter().enumerate() {
            let near = i < FINALISTS && estimate < least + NEAR;
            if near || is_plain(&plan) {
                let coefficients = plan.coefficients(&sample, &sample_shape)?;
                let simple = if plan.shift == Shift::None { 0.0 } else { SLACK };
                // Steps may be too fine or too wide to be one.
                let Ok(cost) = coded_cost(&coefficients, classes, width, values.len(), shapes) else { continue };
                let bits = cost + side + simple;
                best = if bits < best.0 { (bits, plan) } else { best };
            }
        }
        Ok(best.1)
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
                let square: f64 = values.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
                let rms = 0.5 * ln((square / values.len().max(1) as f64).max(f64::MIN_POSITIVE)) / LN_2;
                exp((rms + 2.047 - bits).clamp(-145.0, 125.0) * LN_2)
            }
        }
    }
}

/// Transforms that may pay.
fn shifts(values: &[f32], shape: &[usize]) -> Vec<Shift> {
    let mut shifts = vec![Shift::None];
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let square = values.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / count;
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
        if shape.len() < 2 { 4096 } else { (SAMPLE / 2 / slice.max(1)).clamp(DOWN[0], DOWN[1]) / DOWN[0] * DOWN[0] };
    let step = slice * run;
    let runs = values.len() / step;
    let wanted = SAMPLE.div_ceil(step).max(2);
    if runs < 2 * wanted {
        return (Cow::Borrowed(values), shape.to_vec());
    }
    let mut sample = Vec::with_capacity(wanted * step);
    for i in 0..wanted {
        let from = (runs - 1) * i / (wanted - 1) * step;
        sample.extend_from_slice(&values[from..from + step]);
    }
    let mut shape = shape.to_vec();
    match shape.first_mut() {
        Some(first) => *first = sample.len() / slice,
        None => shape.push(sample.len()),
    }
    (Cow::Owned(sample), shape)
}

/// The square of the scale of the first class, if those of the others are quarters of an octave apart.
pub(super) fn first_scale(values: &[f32], classes: &Classes) -> f64 {
    let sizes: Vec<f32> = (0..classes.count()).map(|class| exp(class as f64 * -0.5 * LN_2) as f32).collect();
    let mut sum = 0.0;
    for_each_piece(values, classes, &sizes, |values, sizes, _| {
        let [part] = sums(values, sizes, |x, size| [f64::from(x) * f64::from(x) * f64::from(size)]);
        sum += part;
    });
    (sum / values.len().max(1) as f64).max(f64::MIN_POSITIVE)
}

/// Values with what `table` has for their classes, and the classes.
fn for_each_piece(values: &[f32], classes: &Classes, table: &[f32], mut each: impl FnMut(&[f32], &[f32], &[u8])) {
    let mut classed = [0; PIECE];
    let mut found = [table[0]; PIECE];
    for (piece, values) in values.chunks(PIECE).enumerate() {
        let (classed, found) = (&mut classed[..values.len()], &mut found[..values.len()]);
        if !classes.is_one() {
            classes.fill(piece * PIECE, classed);
            found.iter_mut().zip(&*classed).for_each(|(found, &class)| *found = table[usize::from(class)]);
        }
        each(values, found, classed);
    }
}

/// Values that are looked at together.
const PIECE: usize = 1024;

/// Bits that equal steps of a width do take, without a trellis, and those that their error is worth.
fn coded_cost(values: &[f32], classes: Classes, width: f64, all: usize, shapes: &mut Shapes) -> Result<f64> {
    let automaton = Automaton::memoryless();
    let quantizer = Trellis::new(width as f32).lambda(0.0).fit(values)?;
    let (mut codes, mut restored) = (vec![0; values.len()], vec![0.0; values.len()]);
    quantizer.quantize_at(0, values, &mut codes)?;
    quantizer.dequantize_at(0, &codes, &mut restored)?;
    let [error] = sums(values, &restored, |x, y| [f64::from(x - y) * f64::from(x - y)]);
    let zero = quantizer.zero().max(0).cast_unsigned();
    let settings = ContextRans::new(automaton).centre(zero).classes(classes);
    let fit = settings.fit_codes(&codes, quantizer.level_count(), shapes)?;
    let count = values.len().max(1) as f64;
    // Tables are written once for all values, of which these are a sample.
    let tables = 8.0 * fit.table_bytes as f64 / all.max(1) as f64;
    Ok(fit.bits / count + tables + 0.5 * ln((error / count / width / width).max(f64::MIN_POSITIVE)) / LN_2)
}

/// About how many bits equal steps of a width take: the differential entropy of values with even noise as wide as a step, in
/// units of what is known of their class, less that of the noise. The histogram has eight bars to an octave.
fn bits(values: &[f32], classes: &Classes, width: f64) -> f64 {
    const BARS: usize = 256;
    let noise = width * width / 12.0;
    let first = first_scale(values, classes);
    let scales: Vec<f64> =
        (0..classes.count()).map(|class| exp(0.5 * ln(first * exp(class as f64 * 0.5 * LN_2) + noise))).collect();
    let inverses: Vec<f32> = scales.iter().map(|scale| (1.0 / scale).min(3e38) as f32).collect();
    // Neighbours are counted apart, so that none waits for the one before.
    let mut apart = [[0_u32; BARS]; 4];
    let mut members = vec![0_u64; classes.count()];
    let (mut negative, mut hash) = (0_u64, 0_u32);
    let mut keys = [0_u8; PIECE];
    for_each_piece(values, classes, &inverses, |values, inverses, classed| {
        for (i, ((key, &x), inverse)) in (1_u32..).zip(keys.iter_mut().zip(values).zip(inverses)) {
            let hash = hash.wrapping_add(i.wrapping_mul(0x9e37_79b9));
            let mixed = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
            let dither = ((mixed >> 8) as i32 as f32 / 16_777_216.0 - 0.5) * width as f32;
            let u = ((x + dither) * inverse).clamp(-60_000.0, 60_000.0);
            // The exponent and three bits of the mantissa, from 2^-16 on; 2^16 is beyond all.
            let bar = ((u.abs().to_bits() >> 20) as i32 - ((127 - 16) << 3)).max(0);
            *key = bar as u8;
            negative += u64::from(u < 0.0);
        }
        hash = hash.wrapping_add((values.len() as u32).wrapping_mul(0x9e37_79b9));
        for keys in keys[..values.len()].chunks(4) {
            keys.iter().zip(&mut apart).for_each(|(&key, bars)| bars[usize::from(key)] += 1);
        }
        if members.len() > 1 {
            for &class in classed {
                members[usize::from(class)] += 1;
            }
        } else {
            members[0] += values.len() as u64;
        }
    });
    let bars: [u32; BARS] = core::array::from_fn(|bar| apart.iter().map(|bars| bars[bar]).sum());
    let count = values.len().max(1) as f64;
    let log2 = |x: f64| ln(x.max(f64::MIN_POSITIVE)) / LN_2;
    let surprise = |n: f64| if n > 0.0 { -n / count * log2(n / count) } else { 0.0 };
    let mut bits = surprise(negative as f64) + surprise(count - negative as f64);
    for (bar, &n) in bars.iter().enumerate().filter(|&(_, &n)| n > 0) {
        let wide = if bar == 0 { -16.0 } else { (bar / 8) as f64 - 16.0 - 3.0 };
        bits += surprise(n.into()) + f64::from(n) / count * wide;
    }
    for (&n, &scale) in members.iter().zip(&scales) {
        bits += n as f64 / count * log2(scale);
    }
    (bits - log2(width)).max(0.0)
}
