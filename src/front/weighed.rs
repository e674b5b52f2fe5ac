//! From a target that is a size or a mean error to a frame with the least error for its bits.

use super::{
    compressor::{Compressed, Compressor},
    estimate::{Apart, first_scale},
    plan::{Goal, Plan, Ranking},
    report::RunnerUp,
};
use crate::{
    automaton::Automaton,
    calibrate,
    classes::Classes,
    codec::{
        Codec, ContextRans, ContextRansCodec,
        rans::{ContextFit, Model, Shapes, side_bytes},
    },
    description::{Describe, Description},
    element::{Element, Values, ValuesMut, joint_block},
    error::Result,
    kernel::{
        exp::{exp, ln},
        extrema::enclose,
        sums::sums,
    },
    metrics::bits_per_value,
    pipeline::{Coded, Pipeline},
    quantizer::{Quantizer, Trellis, TrellisQuantizer},
    target::Target,
    then::Then,
    transform::{StandardizeTransform, Transform, TransformExt},
};
use alloc::{borrow::Cow, boxed::Box, format, vec, vec::Vec};
use core::{
    f64::consts::{LN_2, LN_10},
    ops::Range,
};

/// What a frame has besides stages and payload, a chunk, and a lane, whose state is not all overhead.
const FRAME: f64 = 24.0;
const PER_CHUNK: f64 = 8.0;
const PER_LANE: f64 = 3.4;

/// What is asked of equal steps.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    Bits(f64),
    /// Mean squared error.
    Error(f64),
}

/// Values, what becomes of them, and what is known of that.
pub(super) struct Weighing<'a> {
    /// What stands in front of the plan.
    weighting: Option<StandardizeTransform>,
    coefficients: Cow<'a, [f32]>,
    plan: Plan,
    shape: Vec<usize>,
    classes: Classes,
    apart: Apart,
    /// Bits per value that the mask of spikes takes.
    mask_bits: f64,
    /// None is negative.
    one_sided: bool,
    /// Bytes of the levels that make them.
    level_bytes: usize,
    automaton: Automaton,
    /// The scale of the first class: octaves of values.
    scale: f64,
    /// The smallest and the largest coefficient.
    ends: (f32, f32),
}

/// What is quantized to see what a step gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Extent {
    All,
    /// Some runs of many values, evenly spaced.
    Sample,
}

/// Runs of a sample, and values of each: rounds of all lanes, and many more than a path takes to forget how it began.
const RUNS: usize = 16;
const RUN: usize = 2048;

/// A step, and what became of it.
pub(super) struct Tried {
    quantizer: TrellisQuantizer<u32>,
    fit: ContextFit,
    codes: Vec<u32>,
    pub(super) bits: f64,
    error: f64,
    /// Of values that have an error.
    share: f64,
    /// Bits per value that headers take.
    overhead: f64,
}

impl Tried {
    pub(super) fn density(&self) -> Model {
        self.fit.density
    }

    /// Bits, and those that the error is worth.
    fn cost(&self) -> f64 {
        self.bits + 0.5 * self.share * ln(self.error.max(f64::MIN_POSITIVE)) / LN_2
    }
}

impl Compressor {
    /// The frame with the least error that is small enough, or the smallest with an error small enough, and whether there is
    /// nothing in between; none if there is none of this kind.
    pub(super) fn weighed<T: Element>(
        &self,
        values: &[T],
        present: &[T],
        finite: &[T],
    ) -> Result<Option<(Compressed, bool)>> {
        let mut wide = vec![0.0; finite.len()];
        T::widen_into(finite, &mut wide)?;
        let Some(wanted) = self.wanted(values.len(), present)? else { return Ok(None) };
        let weighting = self.weighting()?;
        if let Some(weighting) = &weighting {
            let unweighted = wide.clone();
            weighting.forward_into(&unweighted, &mut wide)?;
        }
        let shape = self.axes();
        let goal = match wanted {
            Wanted::Bits(bits) => Goal::Bits(bits),
            // A trellis loses 1.1 dB less.
            Wanted::Error(error) => Goal::Width(exp(0.5 * ln((error * 15.4).max(f64::MIN_POSITIVE)))),
        };
        let shapes = &mut Shapes::default();
        let ranking =
            if wide.len() < 256 { Ranking::of(Plan::plain()) } else { Plan::best(&wide, &shape, goal, shapes)? };
        let mut best: Option<(Compressed, bool)> = None;
        // At low rates half of the levels are no zero, which may be what most values need.
        let low = matches!(wanted, Wanted::Bits(bits) if bits < LOW_RATE);
        let states = self.effort.states();
        for plan in [Some(ranking.best), ranking.rival].into_iter().flatten() {
            for states in if low { vec![states, 1] } else { vec![states] } {
                let weigh = |plan: Plan| Weighing::new(&wide, plan, shape.clone(), states, self.chunk(), wanted);
                let mut weighing = weigh(plan.clone())?;
                let mut width = goal.width(&weighing.coefficients);
                let mut first = weighing.try_width(width, 1.0, None, wanted, Extent::Sample, shapes)?;
                if let Some(tried) = first.as_ref().filter(|_| weighing.apart.share < 1.0) {
                    // The goal knew nothing of spikes; classes are compared near where they will be used.
                    width *= exp(octaves(wanted, tried.bits, tried.error).clamp(-8.0, 8.0) * LN_2);
                    first = weighing.try_width(width, 1.0, None, wanted, Extent::Sample, shapes)?;
                }
                let mut second = ranking.second.clone();
                // Densities of classes may not be those of codes, tables always are.
                if plan.has_classes() {
                    let all = weigh(plan.without_classes())?;
                    let tried = all.try_width(width, 1.0, None, wanted, Extent::Sample, shapes)?;
                    let cost = |tried: &Option<Tried>| tried.as_ref().map_or(f64::INFINITY, Tried::cost);
                    if cost(&tried) < cost(&first) {
                        let more = cost(&first) - cost(&tried);
                        second = Some(RunnerUp::new(plan.name(), more)).filter(|_| more.is_finite()).or(second);
                        (weighing, first) = (all, tried);
                    }
                }
                weighing.weighting.clone_from(&weighting);
                let Some((found, close)) = self.seek(values, &weighing, wanted, width, first, shapes)? else {
                    continue;
                };
                best = Some(match best.take() {
                    None => (found.beating(second), close),
                    Some(other) if is_better(wanted, &found, &other.0, close) => (found.after(other.0), close),
                    Some(other) => (other.0.after(found), other.1),
                });
            }
        }
        Ok(best)
    }

    /// Looks for the step: by estimates on a sample, by estimates on all values, and by frames when they are near.
    fn seek<T: Element>(
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
        let margin = if matches!(wanted, Wanted::Bits(_)) { MARGIN * part } else { -MARGIN };
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
            if !open || jumpy || (off + margin).abs() < NEAR * part || estimates > patience {
                (estimates, patience) = (0, 1);
                let found = self.masked(values, weighing.pipeline(tried, shapes)?, &weighing.method())?;
                let cost = &found.report.cost;
                off = octaves(wanted, cost.bits_per_value(), cost.stats.mse());
                bias = off - estimated;
                before = Some((at, off));
                next = at + (off + margin) / slope;
                let (met, bytes) = (cost.meets_target, cost.bytes);
                if met {
                    close = off.abs() < CLOSE * part;
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

    fn wanted<T: Element>(&self, count: usize, present: &[T]) -> Result<Option<Wanted>> {
        let decibels = |decibels: f64| exp(-decibels.clamp(-3000.0, 3000.0) / 10.0 * LN_10);
        Ok(match self.target {
            Target::Bytes(most) => Some(Wanted::Bits(bits_per_value(most, count))),
            Target::BitsPerValue(bits) => Some(Wanted::Bits(bits)),
            Target::Rms(most) => Some(Wanted::Error(most * most)),
            Target::Sqnr(least) => {
                let rms = super::search::sizes(present)?.rms;
                Some(Wanted::Error(rms * rms * decibels(least)))
            }
            Target::Psnr(least) => {
                let range = super::search::sizes(present)?.range;
                Some(Wanted::Error(range * range * decibels(least)))
            }
            _ => None,
        })
    }
}

/// Rounds on all values, those on a sample before, and those that are estimated only before the
/// first frame.
const MOST_ROUNDS: usize = 24;
const SAMPLED_ROUNDS: usize = 4;
const ESTIMATED_ROUNDS: usize = 3;
/// Frames that are no smaller than one with a finer step, after which no size is hoped for.
const MOST_STUCK: usize = 3;
/// Bits per value that tables of codes save where no density knows which codes are likely: then codes are chosen once more.
const ODD: f64 = 0.01;
/// Bits per value below which one state is tried.
const LOW_RATE: f64 = 1.2;
/// What bits may weigh, of what they do.
const HEAVIEST: f32 = 4.0;
/// Octaves of a step: what a frame may be off by, what an estimate may be if a frame is to be made, and what is left as a
/// margin.
const CLOSE: f64 = 0.003;
const NEAR: f64 = 0.0007;
const MARGIN: f64 = 0.0008;

/// Octaves that a step has to be wider, by what it gave.
fn octaves(wanted: Wanted, bits: f64, error: f64) -> f64 {
    match wanted {
        Wanted::Bits(wanted) => bits - wanted,
        Wanted::Error(wanted) => 0.5 * (ln(wanted.max(f64::MIN_POSITIVE)) - ln(error.max(f64::MIN_POSITIVE))) / LN_2,
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

/// What is asked for decides, and what is as close to it as can be, if it is hardly larger.
fn is_better(wanted: Wanted, a: &Compressed, b: &Compressed, close: bool) -> bool {
    let (a, b) = (&a.report.cost, &b.report.cost);
    match wanted {
        Wanted::Bits(_) => a.stats.mse() < b.stats.mse(),
        Wanted::Error(_) => a.bytes < b.bytes + if close { b.bytes / 64 } else { 0 },
    }
}

impl<'a> Weighing<'a> {
    pub(super) fn new(
        values: &'a [f32],
        plan: Plan,
        shape: Vec<usize>,
        states: u16,
        chunk: usize,
        wanted: Wanted,
    ) -> Result<Self> {
        let coefficients = plan.coefficients(values, &shape)?;
        let apart = plan.apart(&coefficients, &shape);
        let groupings = plan.groupings(values.len())?;
        let classes = calibrate::classes(&groupings, &coefficients, |x| apart.spikes.contains(x))?;
        let scale = 0.5 * ln(first_scale(&coefficients, &classes, apart.spikes)) / LN_2;
        // States of lanes are to take at most a thousandth; or two if that makes sixteen, from which on decoders use vectors.
        let bits = if let Wanted::Bits(bits) = wanted { bits } else { 4.0 };
        let affordable = (bits.min(16.0) * values.len().min(chunk) as f64 / 32_000.0) as usize;
        let lanes = if (8..16).contains(&affordable) { 16 } else { 1 << affordable.clamp(1, 32).ilog2() };
        let block = plan
            .transforms(&shape)?
            .iter()
            .fold(32, |block, transform| joint_block(block, block, transform.block().max(1)));
        let period = chunk.checked_next_multiple_of(block).unwrap_or(usize::MAX / block * block);
        let automaton = Automaton::trellis(states)?.lanes(lanes)?.period(period)?;
        let mask_bits = apart.mask_bits(&coefficients);
        let level_bytes = classes.parts().iter().map(|(_, levels)| side_bytes(levels)).sum();
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        enclose(&coefficients, &mut low, &mut high);
        Ok(Self {
            weighting: None,
            coefficients,
            plan,
            shape,
            classes,
            apart,
            mask_bits,
            one_sided: low >= 0.0,
            level_bytes,
            automaton,
            scale,
            ends: (low, high),
        })
    }

    /// Runs of values that are looked at.
    fn runs(&self, extent: Extent) -> Vec<Range<usize>> {
        let len = self.coefficients.len();
        if extent == Extent::All || len < 2 * RUNS * RUN {
            let period = self.automaton.block().max(1 << 12);
            return (0..len).step_by(period).map(|start| start..len.min(start + period)).collect();
        }
        (0..RUNS).map(|i| (len - RUN) / (RUNS - 1) * i).map(|start| start..start + RUN).collect()
    }

    /// Quantizes with a step of so much for each symbol; none if it is too fine or too coarse to be one.
    pub(super) fn try_width(
        &self,
        width: f64,
        weight: f32,
        density: Option<(Model, f64)>,
        wanted: Wanted,
        extent: Extent,
        shapes: &mut Shapes,
    ) -> Result<Option<Tried>> {
        let automaton = self.automaton;
        let step = (width / automaton.sides() as f64) as f32;
        let settings = Trellis::new(step).automaton(automaton).spikes(self.apart.spikes.as_slice())?;
        let Ok(quantizer) = settings.fit_between(self.ends) else { return Ok(None) };
        let symbol = ln(width) / LN_2;
        // Where steps are more than about twice the scale of a class, zeros are most of it.
        let idle = (0..self.classes.count()).find(|&class| self.scale + class as f64 * 0.25 - symbol >= -1.5);
        let idle =
            if self.classes.is_one() || automaton.states() == 1 { 0 } else { idle.unwrap_or(self.classes.count()) };
        let classes = self.classes.clone().with_idle(idle);
        let low_rate = matches!(wanted, Wanted::Bits(bits) if bits < 1.7);
        let mut quantizer = quantizer.with_lambda(weight * if low_rate { 0.12 } else { 0.09 });
        let zero = quantizer.zero().max(0).cast_unsigned();
        let centre = zero >> automaton.side_bits();
        let top = (quantizer.level_count() - 1) >> automaton.side_bits();
        let last = top - self.apart.spikes.len() as u32;
        // What codes cost, before there are any.
        let known = density.is_some();
        let density = match density {
            Some((density, before)) => density.rescaled(ln(before / width) / LN_2, centre.min(last)),
            None => Model::gaussian(self.scale - symbol, centre.min(last), self.one_sided),
        };
        let known_classes = if self.apart.spikes.is_empty() { classes.clone() } else { classes.clone().with_spikes() };
        quantizer.set_rates(density.rates(automaton, known_classes, (last, top), shapes)?);
        let runs = self.runs(extent);
        let mut codes = vec![0; runs.iter().map(Range::len).sum()];
        quantizer.quantize_runs(&runs, &self.coefficients, &mut codes)?;
        let mut settings = self.apart.settings(ContextRans::new(automaton).centre(zero).classes(classes))?;
        if known {
            settings = settings.like(density);
        }
        let mut fit = settings.fit_runs(&codes, &runs, quantizer.level_count(), shapes)?;
        quantizer.set_rates(fit.rates.clone());
        if fit.gain > ODD * codes.len() as f64 {
            quantizer.quantize_runs(&runs, &self.coefficients, &mut codes)?;
            fit = settings.fit_runs(&codes, &runs, quantizer.level_count(), shapes)?;
            quantizer.set_rates(fit.rates.clone());
        }
        let (mut done, mut error) = (0, 0.0);
        let mut restored = [0.0; 1024];
        for run in &runs {
            let (values, codes) = (&self.coefficients[run.clone()], &codes[done..done + run.len()]);
            for (codes, values) in codes.chunks(restored.len()).zip(values.chunks(restored.len())) {
                let restored = &mut restored[..codes.len()];
                quantizer.dequantize_at(0, codes, restored)?;
                let [sum] = sums(values, restored, |x, y| [f64::from(x - y) * f64::from(x - y)]);
                error += sum;
            }
            done += run.len();
        }
        let (count, all) = (codes.len() as f64, self.coefficients.len() as f64);
        let chunks = self.coefficients.len().div_ceil(automaton.block().max(1 << 12)) as f64;
        let side = (self.level_bytes + fit.table_bytes) as f64;
        let overhead = 8.0 * (FRAME + side + chunks * (PER_CHUNK + PER_LANE * automaton.lane_count() as f64)) / all;
        // What is above values of a run is not in it, so that only all values say what their mask takes.
        let bits = (fit.bits - fit.mask_bits) / count + self.mask_bits + overhead;
        Ok(Some(Tried { quantizer, fit, codes, bits, error: error / count, share: self.apart.share, overhead }))
    }

    fn pipeline(&self, tried: Tried, shapes: &mut Shapes) -> Result<Chosen> {
        let mut quantizer: Box<dyn Quantizer<Code = u32>> = Box::new(tried.quantizer);
        for transform in self.plan.transforms(&self.shape)?.into_iter().rev() {
            let transform: Box<dyn Transform> = transform;
            quantizer = Box::new(Then::new(transform, quantizer));
        }
        if let Some(weighting) = &self.weighting {
            quantizer = Box::new(Then::new(weighting.clone(), quantizer));
        }
        let pipeline = Coded::new(quantizer, tried.fit.codec(shapes)?);
        Ok(Chosen { pipeline, codes: tried.codes })
    }

    fn method(&self) -> alloc::string::String {
        let states = self.automaton.states();
        format!("{}, trellis of {states} states, entropy coded", self.plan.name())
    }
}

/// A pipeline for values whose codes are known: those that estimates are about.
#[derive(Debug)]
struct Chosen {
    pipeline: Coded<Box<dyn Quantizer<Code = u32>>, ContextRansCodec<u32>>,
    codes: Vec<u32>,
}

impl Pipeline for Chosen {
    fn max_encoded_len(&self, values: usize) -> usize {
        self.pipeline.max_encoded_len(values)
    }

    fn encoded_len(&self, values: usize) -> Option<usize> {
        self.pipeline.encoded_len(values)
    }

    fn block(&self) -> usize {
        self.pipeline.block()
    }

    fn check_len(&self, values: usize) -> Result<()> {
        self.pipeline.check_len(values)
    }

    fn encode_at(&self, start: usize, values: Values<'_>, bytes: &mut [u8]) -> Result<usize> {
        let codes = start.checked_add(values.len()).and_then(|end| self.codes.get(start..end));
        match codes {
            Some(codes) => self.pipeline.codec.encode_at(start, codes, bytes),
            None => self.pipeline.encode_at(start, values, bytes),
        }
    }

    fn decode_at(&self, start: usize, bytes: &[u8], values: ValuesMut<'_>) -> Result<usize> {
        self.pipeline.decode_at(start, bytes, values)
    }
}

impl Describe for Chosen {
    fn describe(&self, out: &mut Description) {
        self.pipeline.describe(out);
    }
}
