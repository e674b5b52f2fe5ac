//! The step that gives what is wanted: by estimates on a sample, by estimates on all values, and by frames when they are near.

use super::{
    compressor::{Compressed, Compressor},
    weighed::{LOW_RATE, Wanted, is_better, octaves},
    weighing::{Extent, Tried, Weighing},
};
use crate::{
    codec::rans::Shapes,
    element::Element,
    error::Result,
    kernel::exp::{exp, ln},
};
use core::f64::consts::LN_2;

/// Rounds on all values, those on a sample before, and those that are estimated only before the
/// first frame.
const MOST_ROUNDS: usize = 24;
const SAMPLED_ROUNDS: usize = 4;
const ESTIMATED_ROUNDS: usize = 3;
/// Frames that are no smaller than one with a finer step, after which no size is hoped for.
const MOST_STUCK: usize = 3;
/// What bits may weigh, of what they do.
const HEAVIEST: f32 = 4.0;
/// Octaves of a step: what a frame may be off by, what an estimate may be if a frame is to be made, and what is left as a
/// margin.
const CLOSE: f64 = 0.003;
const NEAR: f64 = 0.0007;
const MARGIN: f64 = 0.0008;

impl Compressor {
    /// The best frame that keeps to what is wanted, and whether it is as close to it as can be; `first` was tried with this
    /// width.
    pub(super) fn seek<T: Element>(
        &self,
        values: &[T],
        weighing: &Weighing<'_>,
        wanted: Wanted,
        mut width: f64,
        first: Option<Tried>,
        shapes: &mut Shapes,
    ) -> Result<Option<(Compressed, bool)>> {
        let Some(first) = first else { return Ok(None) };
        if matches!(wanted, Wanted::Bits(bits) if bits < 0.5 * first.overhead) {
            // Nothing is left for values.
            return Ok(None);
        }
        let (mut density, mut before, mut tried) = (None, None, Some(first));
        for round in 0..=SAMPLED_ROUNDS {
            let Some(found) = tried else { return Ok(None) };
            density = Some((found.density(), width));
            let (at, off) = (ln(width) / LN_2, octaves(wanted, found.bits, found.error));
            let slope = steepness(before, (at, off));
            before = Some((at, off));
            width = exp((at + (off / slope).clamp(-3.0, 3.0)).clamp(-148.0, 128.0) * LN_2);
            if off.abs() < 0.02 || round == SAMPLED_ROUNDS {
                break;
            }
            tried = weighing.try_width(width, 1.0, density, wanted, Extent::Sample, shapes)?;
        }
        let mut best: Option<Compressed> = None;
        let (mut fine, mut coarse) = (f64::NEG_INFINITY, f64::INFINITY);
        // What is known of a sample tells the slope, not where all values are.
        let (mut before, mut close) = (None, false);
        let (mut weight, mut weights) = (1.0, None);
        // How much more frames were off than estimates, and estimates since the last frame.
        let (mut bias, mut estimates, mut patience) = (0.0, 0, ESTIMATED_ROUNDS);
        // The smallest frame that was too large, and how often none was smaller.
        let (mut smallest, mut stuck) = (None, 0);
        // Estimates tell little where hardly anything is left.
        let jumpy = matches!(wanted, Wanted::Bits(bits) if bits < LOW_RATE);
        // A small size is met as closely as a large one.
        let part = if let Wanted::Bits(bits) = wanted { bits.clamp(0.02, 1.0) } else { 1.0 };
        // Sizes are whole words of an entropy coder, which is much where values are few.
        let word = 16.0 / values.len().max(1) as f64;
        let (margin, near, near_enough) = match wanted {
            Wanted::Bits(_) => {
                ((MARGIN * part).max(word / 2.0), (NEAR * part).max(word / 4.0), (CLOSE * part).max(word))
            }
            Wanted::Error(_) => (-MARGIN, NEAR, CLOSE),
        };
        for _ in 0..MOST_ROUNDS {
            let Some(tried) = weighing.try_width(width, weight, density, wanted, Extent::All, shapes)? else { break };
            density = Some((tried.density(), width));
            let at = ln(width) / LN_2;
            // Octaves that the step should be wider, as estimated.
            let estimated = octaves(wanted, tried.bits, tried.error);
            let mut off = estimated + bias;
            let slope = steepness(before, (at, off));
            before = Some((at, off));
            let mut next = at + (off + margin) / slope;
            estimates += 1;
            // Where it is not between two frames, a frame is only made if it will do.
            let open = !(fine.is_finite() && coarse.is_finite());
            if !open || jumpy || (off + margin).abs() < near || estimates > patience {
                (estimates, patience) = (0, 1);
                let found = self.masked(values, weighing.pipeline(tried, shapes)?, &weighing.method())?;
                let cost = &found.report.cost;
                off = octaves(wanted, cost.bits_per_value(), cost.stats.mse());
                bias = off - estimated;
                before = Some((at, off));
                next = at + (off + margin) / slope;
                let (met, bytes) = (cost.meets_target, cost.bytes);
                if met {
                    close = off.abs() < near_enough;
                    let better = best.as_ref().is_none_or(|best| is_better(wanted, &found, best, close));
                    best = if better { Some(found) } else { best };
                    if close {
                        break;
                    }
                }
                // Between a step that is too fine for the size, or too coarse for the error, and one that is not.
                if let Some((less, more)) = &mut weights {
                    *(if off > 0.0 { less } else { more }) = weight;
                } else if off > 0.0 {
                    fine = at;
                } else {
                    coarse = at;
                }
                if fine.is_finite() && coarse.is_finite() {
                    if (coarse - fine).abs() < CLOSE * part / 8.0 {
                        // It jumps here: from the finer step, with bits that weigh more.
                        let (less, more) = *weights.get_or_insert((1.0, HEAVIEST));
                        weight = 0.5 * (less + more);
                        width = exp(fine * LN_2);
                        continue;
                    }
                    next = if fine < next && next < coarse { next } else { 0.5 * (fine + coarse) };
                } else if fine.is_finite() && matches!(wanted, Wanted::Bits(_)) {
                    // Frames that get no smaller will not.
                    if smallest.is_some() && off > 0.05 {
                        next = next.max(at + 1.0);
                    }
                    stuck += usize::from(smallest.is_some_and(|smallest| bytes >= smallest));
                    if stuck == MOST_STUCK {
                        break;
                    }
                    smallest = Some(smallest.map_or(bytes, |smallest: usize| smallest.min(bytes)));
                }
            }
            width = exp(next.clamp(-148.0, 128.0) * LN_2);
        }
        Ok(best.map(|best| (best, close)))
    }
}

/// How much less a step is off for each octave that it is wider, by what two of them gave: about 1 where steps are fine.
fn steepness(before: Option<(f64, f64)>, now: (f64, f64)) -> f64 {
    match before {
        Some(before) if (now.0 - before.0).abs() > 1e-3 => {
            let slope = (before.1 - now.1) / (now.0 - before.0);
            if slope > 0.05 { slope.min(4.0) } else { 0.3 }
        }
        _ => 1.0,
    }
}
