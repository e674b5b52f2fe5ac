//! Which transform and which classes take the fewest bits: estimated before anything is quantized.

use crate::{
    calibrate,
    classes::Classes,
    codec::rans::side_bytes,
    error::Result,
    groups::Groups,
    kernel::exp::{exp, ln},
    transform::{Dct, StandardizeTransform, Transform, check_coefficients},
};
use alloc::{borrow::Cow, boxed::Box, format, string::String, vec, vec::Vec};
use core::f64::consts::LN_2;

/// Values that plans are compared on, about.
const SAMPLE: usize = 1 << 17;
/// The longest block of a cosine transform of one dimension, and that of two.
const LINE: usize = 128;
const TILE: usize = 16;

/// What becomes of values before they are quantized.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shift {
    None,
    /// Their mean is taken away.
    Mean(f32),
    /// Cosine transforms along the last axis, or the last two.
    Cosines,
    Tiles,
}

/// How values are told apart that are not alike: rows and columns of a matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    Nothing,
    Rows,
    Columns,
    RowsAndColumns,
}

/// How values become coefficients, and which of them are alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plan {
    shift: Shift,
    by: By,
    /// Values of a row.
    columns: usize,
}

/// Values as they come, all alike.
impl Plan {
    pub(super) const fn plain() -> Self {
        Self { shift: Shift::None, by: By::Nothing, columns: 1 }
    }

    /// The transforms, of which values meet the first one first.
    pub(super) fn transforms(&self, shape: &[usize]) -> Result<Vec<Box<dyn Transform>>> {
        let axes = shape.len();
        Ok(match self.shift {
            Shift::None => Vec::new(),
            Shift::Mean(mean) => {
                vec![Box::new(StandardizeTransform::new(Groups::tensor(), vec![mean], Vec::new())?)]
            }
            Shift::Cosines if axes < 2 || shape[axes - 1].is_multiple_of(LINE) => vec![Box::new(Dct::new(LINE)?)],
            Shift::Cosines => {
                let block = LINE.min(1 << shape[axes - 1].ilog2());
                vec![Box::new(Dct::new(block)?.along(shape, axes - 1)?)]
            }
            Shift::Tiles => {
                let across = Dct::new(TILE)?.along(shape, axes - 1)?;
                vec![Box::new(across), Box::new(Dct::new(TILE)?.along(shape, axes - 2)?)]
            }
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
    pub(super) fn groupings(&self, len: usize, shape: &[usize]) -> Result<Vec<Groups>> {
        if let (Shift::Tiles, [.., width]) = (self.shift, shape) {
            // The place of a coefficient in its tile.
            return Ok(vec![Groups::axis(&[TILE, *width], 0)?, Groups::axis(&[1, TILE], 1)?]);
        }
        let rows = Groups::blocks(self.columns, len)?;
        let columns = Groups::axis(&[1, self.columns], 1)?;
        Ok(match self.by {
            By::Nothing => Vec::new(),
            By::Rows => vec![rows],
            By::Columns => vec![columns],
            By::RowsAndColumns => vec![rows, columns],
        })
    }

    /// In a few words.
    pub(super) fn name(&self) -> String {
        let shift = match self.shift {
            Shift::None => "values",
            Shift::Mean(_) => "deviations from the mean",
            Shift::Cosines => "cosine transform",
            Shift::Tiles => "cosine transform of two axes",
        };
        let columns = self.columns;
        match self.by {
            _ if self.shift == Shift::Tiles => format!("{shift}, contexts by coefficient"),
            By::Nothing => shift.into(),
            By::Rows => format!("{shift}, contexts by row of {columns}"),
            By::Columns => format!("{shift}, contexts by column of {columns}"),
            By::RowsAndColumns => format!("{shift}, contexts by row and column of {columns}"),
        }
    }

    /// The plan that takes the fewest bits for values of this shape, which has no axes of length 1, with steps as the goal
    /// says.
    pub(super) fn best(values: &[f32], shape: &[usize], goal: Goal) -> Result<Self> {
        let (sample, sample_shape) = sample(values, shape);
        let kept = sample.len() as f64 / values.len().max(1) as f64;
        let mut width = goal.width(&sample);
        let mut best = (f64::INFINITY, Self::plain());
        // Once more with the step that the first choice leads to, if it is quite another.
        for _ in 0..2 {
            best.0 = f64::INFINITY;
            for shift in shifts(&sample, shape) {
                let plain = Self { shift, ..Self::plain() };
                // Coefficients may be too large, values are not.
                let Ok(coefficients) = plain.coefficients(&sample, &sample_shape) else { continue };
                for plan in plain.variants(shape) {
                    let classes = calibrate::classes(&plan.groupings(sample.len(), &sample_shape)?, &coefficients)?;
                    let side = classes.parts().iter().map(|(groups, levels)| {
                        // There are more rows than in the sample, but no more columns.
                        let more = if groups.run() == 1 { 1.0 } else { 1.0 / kept };
                        8.0 * side_bytes(levels) as f64 * more + 24.0
                    });
                    let side = side.sum::<f64>() / values.len() as f64;
                    let bits = bits(&coefficients, &classes, width) + side;
                    if bits < best.0 {
                        best = (bits, plan);
                    }
                }
            }
            let Goal::Bits(wanted) = goal else { break };
            if (best.0 - wanted).abs() < 0.7 {
                break;
            }
            width *= exp((best.0 - wanted) * LN_2);
        }
        Ok(best.1)
    }

    /// All ways to tell coefficients apart.
    fn variants(self, shape: &[usize]) -> Vec<Self> {
        if self.shift == Shift::Tiles {
            return vec![self];
        }
        let last = shape.last().copied().unwrap_or(1);
        let rest: usize = shape.iter().skip(1).product();
        let views = match self.shift {
            Shift::Cosines if shape.len() < 2 || last.is_multiple_of(LINE) => vec![LINE],
            Shift::Cosines => vec![last],
            // Single values are no rows; a line has none at all, but neighbours.
            _ if shape.len() < 2 => vec![LINE],
            _ if shape.len() > 2 => vec![rest, rest / shape[1]],
            _ => vec![rest],
        };
        let mut variants = vec![Self { by: By::Nothing, columns: 1, ..self }];
        for columns in views {
            for by in [By::Rows, By::Columns, By::RowsAndColumns] {
                // Levels for few values cost more than they save.
                let wide = columns >= 16 || by == By::Columns;
                if wide && columns > 1 && (shape.len() > 1 || self.shift == Shift::Cosines || by == By::Rows) {
                    variants.push(Self { by, columns, ..self });
                }
            }
        }
        variants
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
            Self::Width(width) => width,
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
    if values.len() >= 2 * LINE && (axes < 2 || shape[axes - 1] >= 8) {
        shifts.push(Shift::Cosines);
    }
    if axes >= 2 && shape[axes - 1].is_multiple_of(TILE) && shape[axes - 2].is_multiple_of(TILE) {
        shifts.push(Shift::Tiles);
    }
    shifts
}

/// Runs of neighbours along the first axis, evenly spaced, and their shape.
fn sample<'v>(values: &'v [f32], shape: &[usize]) -> (Cow<'v, [f32]>, Vec<usize>) {
    let (slice, run) = if shape.len() < 2 { (1, 4096) } else { (shape[1..].iter().product(), TILE) };
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
    let sizes: Vec<f64> = (0..classes.count()).map(|class| exp(class as f64 * 0.5 * LN_2)).collect();
    let mut sums = vec![(0.0, 0_u64); classes.count()];
    for_each_class(values, classes, |x, class| {
        sums[class].0 += f64::from(x) * f64::from(x);
        sums[class].1 += 1;
    });
    let (mut sum, mut count) = (0.0, 0.0);
    for ((square, n), size) in sums.into_iter().zip(sizes) {
        (sum, count) = (sum + square / size, count + n as f64);
    }
    (sum / f64::max(count, 1.0)).max(f64::MIN_POSITIVE)
}

fn for_each_class(values: &[f32], classes: &Classes, mut each: impl FnMut(f32, usize)) {
    const PIECE: usize = 1024;
    let mut classed = [0; PIECE];
    for (piece, values) in values.chunks(PIECE).enumerate() {
        let classed = &mut classed[..values.len()];
        classes.fill(piece * PIECE, classed);
        values.iter().zip(&*classed).for_each(|(&x, &class)| each(x, class.into()));
    }
}

/// About how many bits equal steps of a width take: the differential entropy of values with even noise as wide as a step, in
/// units of what is known of their class, less that of the noise. The histogram has eight bars to an octave.
fn bits(values: &[f32], classes: &Classes, width: f64) -> f64 {
    const BARS: usize = 256;
    let noise = width * width / 12.0;
    let first = first_scale(values, classes);
    let scales: Vec<f64> = (0..classes.count())
        .map(|class| exp(0.5 * ln(first * exp(class as f64 * 0.5 * LN_2) + noise)))
        .collect();
    let inverses: Vec<f32> = scales.iter().map(|scale| (1.0 / scale).min(3e38) as f32).collect();
    let mut bars = [0_u32; BARS];
    let mut members = vec![0_u64; classes.count()];
    let (mut negative, mut hash) = (0_u64, 0_u32);
    for_each_class(values, classes, |x, class| {
        hash = hash.wrapping_add(0x9e37_79b9);
        let mixed = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
        let dither = ((mixed >> 8) as f32 / 16_777_216.0 - 0.5) * width as f32;
        let u = ((x + dither) * inverses[class]).clamp(-60_000.0, 60_000.0);
        negative += u64::from(u < 0.0);
        members[class] += 1;
        // The exponent and three bits of the mantissa, from 2^-16 on.
        let bar = (u.abs().to_bits() >> 20).saturating_sub((127 - 16) << 3);
        bars[(bar as usize).min(BARS - 1)] += 1;
    });
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
