//! Where one looks to compare plans: a part of the values, and runs of them.

use super::plan::DOWN;
use alloc::{borrow::Cow, vec::Vec};
use core::ops::Range;

/// Values that plans are compared on, about.
const SAMPLE: usize = 1 << 16;
/// Values that are looked at together.
pub(super) const PIECE: usize = 1024;

/// Runs of neighbours along the first axis, evenly spaced or nearly so, and their shape.
pub(super) fn sample<'v>(values: &'v [f32], shape: &[usize]) -> (Cow<'v, [f32]>, Vec<usize>) {
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

/// All values, in runs that are looked at together.
pub(super) fn all_runs(values: usize) -> Vec<Range<usize>> {
    (0..values).step_by(PIECE).map(|start| start..values.min(start + PIECE)).collect()
}

/// Some runs of a line, about as many values as tell which plans are good; of whole blocks of cosine transforms, so that each
/// holds what all do. They are anywhere in stretches of the same length, for what is in the line may have a period.
pub(super) fn some_runs(values: usize) -> Vec<Range<usize>> {
    const RUN: usize = 256;
    const LOOKED_AT: usize = 1 << 14;
    let every = values / LOOKED_AT;
    if every < 2 {
        return all_runs(values);
    }
    (0..values / RUN / every).map(|i| anywhere(i, every) * RUN).map(|start| start..start + RUN).collect()
}

/// A place in stretch `i` of so many.
fn anywhere(i: usize, places: usize) -> usize {
    i * places + (scattered(i) >> 8) as usize % places
}

/// Numbers without a period, by position.
pub(super) fn scattered(i: usize) -> u32 {
    let hash = (i as u32).wrapping_mul(0x9e37_79b9);
    (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d)
}
