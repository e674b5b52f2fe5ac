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
        rans::{Model, Table},
    },
    element::{Element, joint_block},
    error::Result,
    fit::Fit,
    kernel::exp::{exp, ln},
    metrics::bits_per_value,
    pipeline::Coded,
    quantizer::{Quantizer, Trellis, TrellisQuantizer},
    target::Target,
    then::Then,
    transform::{StandardizeTransform, Transform, TransformExt},
};
use alloc::{borrow::Cow, boxed::Box, format, vec, vec::Vec};
use core::f64::consts::{LN_2, LN_10};

/// What a frame has besides stages and payload, and a chunk.
const FRAME: f64 = 24.0;
const PER_CHUNK: f64 = 8.0;

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
    /// None is negative.
    one_sided: bool,
    automaton: Automaton,
    /// The scale of the first class: octaves of values.
    scale: f64,
}

/// A step, and what became of it.
pub(super) struct Tried {
    quantizer: TrellisQuantizer<u32>,
    codec: ContextRansCodec<u32>,
    pub(super) density: Model,
    pub(super) bits: f64,
    error: f64,
    /// Of values that have an error.
    share: f64,
}

impl Tried {
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
        let ranking = if wide.len() < 256 { Ranking::of(Plan::plain()) } else { Plan::best(&wide, &shape, goal)? };
        let mut best: Option<(Compressed, bool)> = None;
        // At low rates half of the levels are no zero, which may be what most values need.
        let low = matches!(wanted, Wanted::Bits(bits) if bits < LOW_RATE);
        let states = self.effort.states();
        for plan in [Some(ranking.best), ranking.rival].into_iter().flatten() {
            for states in if low { vec![states, 1] } else { vec![states] } {
                let weigh = |plan: Plan| Weighing::new(&wide, plan, shape.clone(), states, self.chunk(), wanted);
                let mut weighing = weigh(plan.clone())?;
                let mut width = goal.width(&weighing.coefficients);
                let mut first = weighing.try_width(width, 1.0, None, wanted)?;
                if let Some(tried) = first.as_ref().filter(|_| weighing.apart.share < 1.0) {
                    // The goal knew nothing of spikes; classes are compared near where they will be used.
                    width *= exp(octaves(wanted, tried.bits, tried.error).clamp(-8.0, 8.0) * LN_2);
                    first = weighing.try_width(width, 1.0, None, wanted)?;
                }
                let mut second = ranking.second.clone();
                // Densities of classes may not be those of codes, tables always are.
                if plan.has_classes() {
                    let all = weigh(plan.without_classes())?;
                    let tried = all.try_width(width, 1.0, None, wanted)?;
                    let cost = |tried: &Option<Tried>| tried.as_ref().map_or(f64::INFINITY, Tried::cost);
                    if cost(&tried) < cost(&first) {
                        let more = cost(&first) - cost(&tried);
                        second = Some(RunnerUp::new(plan.name(), more)).filter(|_| more.is_finite()).or(second);
                        (weighing, first) = (all, tried);
                    }
                }
                weighing.weighting.clone_from(&weighting);
                let Some((found, close)) = self.seek(values, &weighing, wanted, width, first)? else { continue };
                best = Some(match best.take() {
                    None => (found.beating(second), close),
                    Some(other) if is_better(wanted, &found, &other.0, close) => (found.after(other.0), close),
                    Some(other) => (other.0.after(found), other.1),
                });
            }
        }
        Ok(best)
    }

    /// Looks for the step: by estimates until they are near, then by frames.
    fn seek<T: Element>(
        &self,
        values: &[T],
        weighing: &Weighing<'_>,
        wanted: Wanted,
        mut width: f64,
        mut first: Option<Tried>,
    ) -> Result<Option<(Compressed, bool)>> {
        let mut density = None;
        let mut best: Option<Compressed> = None;
        let (mut fine, mut coarse) = (f64::NEG_INFINITY, f64::INFINITY);
        let (mut before, mut close) = (None, false);
        let (mut weight, mut weights) = (1.0, None);
        // A small size is met as closely as a large one.
        let part = if let Wanted::Bits(bits) = wanted { bits.clamp(0.02, 1.0) } else { 1.0 };
        for round in 0..MOST_ROUNDS {
            let tried = match first.take() {
                Some(tried) => Some(tried),
                None => weighing.try_width(width, weight, density, wanted)?,
            };
            let Some(tried) = tried else { break };
            density = Some((tried.density, width));
            let at = ln(width) / LN_2;
            // Octaves that the step should be wider, as estimated.
            let mut off = octaves(wanted, tried.bits, tried.error);
            let slope = steepness(before, (at, off));
            before = Some((at, off));
            let mut next = at + off / slope;
            if off.abs() < 0.02 || round >= ESTIMATED_ROUNDS {
                let found = self.masked(values, weighing.pipeline(tried)?, &weighing.method())?;
                let cost = &found.report.cost;
                off = octaves(wanted, cost.bits_per_value(), cost.stats.mse());
                before = Some((at, off));
                let margin = if matches!(wanted, Wanted::Bits(_)) { MARGIN * part } else { -MARGIN };
                next = at + (off + margin) / slope;
                let met = cost.meets_target;
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

/// Rounds in all, and those that are estimated only, if estimates are near.
const MOST_ROUNDS: usize = 24;
const ESTIMATED_ROUNDS: usize = 4;
/// Bits per value below which one state is tried.
const LOW_RATE: f64 = 1.2;
/// What bits may weigh, of what they do.
const HEAVIEST: f32 = 4.0;
/// Octaves of a step: what a frame may be off by, and what is left as a margin.
const CLOSE: f64 = 0.003;
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
        let one_sided = coefficients.iter().all(|&x| x >= 0.0);
        // States of lanes are to take at most a thousandth.
        let bits = if let Wanted::Bits(bits) = wanted { bits } else { 4.0 };
        let affordable = (bits.min(16.0) * values.len().min(chunk) as f64 / 32_000.0) as usize;
        let lanes = 1 << affordable.clamp(1, 32).ilog2();
        let block = plan
            .transforms(&shape)?
            .iter()
            .fold(32, |block, transform| joint_block(block, block, transform.block().max(1)));
        let period = chunk.checked_next_multiple_of(block).unwrap_or(usize::MAX / block * block);
        let automaton = Automaton::trellis(states)?.lanes(lanes)?.period(period)?;
        Ok(Self { weighting: None, coefficients, plan, shape, classes, apart, one_sided, automaton, scale })
    }

    /// Quantizes with a step of so much for each symbol; none if it is too fine or too coarse to be one.
    pub(super) fn try_width(
        &self,
        width: f64,
        weight: f32,
        density: Option<(Model, f64)>,
        wanted: Wanted,
    ) -> Result<Option<Tried>> {
        let automaton = self.automaton;
        let step = (width / automaton.sides() as f64) as f32;
        let settings = Trellis::new(step).automaton(automaton).spikes(self.apart.spikes.as_slice())?;
        let Ok(quantizer) = settings.fit(&self.coefficients) else { return Ok(None) };
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
        let spikes = self.apart.mask(last).map(|mask| Ok((mask, Table::of_none(top)?))).transpose()?;
        let first = ContextRansCodec::<u32>::of_model(automaton, classes.clone(), spikes, density, last)?;
        if let Some(rates) = first.rates() {
            quantizer.set_rates(rates);
        }
        let mut codes = vec![0; self.coefficients.len()];
        quantizer.quantize_at(0, &self.coefficients, &mut codes)?;
        let mut settings = self.apart.settings(ContextRans::new(automaton).centre(zero).classes(classes))?;
        if known {
            settings = settings.like(density);
        }
        let fit = settings.fit_codes(&codes, quantizer.level_count())?;
        if let Some(rates) = fit.codec.rates() {
            quantizer.set_rates(rates);
        }
        let mut error = 0.0;
        let mut restored = [0.0; 1024];
        for (i, (codes, values)) in codes.chunks(1024).zip(self.coefficients.chunks(1024)).enumerate() {
            let restored = &mut restored[..codes.len()];
            quantizer.dequantize_at(i * 1024, codes, restored)?;
            let [sum] = crate::kernel::sums::sums(values, restored, |x, y| [f64::from(x - y) * f64::from(x - y)]);
            error += sum;
        }
        let count = codes.len() as f64;
        let chunks = (count / automaton.block().max(1 << 12) as f64) as usize as f64 + 1.0;
        let overhead =
            FRAME + fit.codec.side_bytes() as f64 + chunks * (PER_CHUNK + 4.0 * automaton.lane_count() as f64);
        let bits = (fit.bits + 8.0 * overhead) / count;
        Ok(Some(Tried {
            quantizer,
            codec: fit.codec,
            density: fit.density,
            bits,
            error: error / count,
            share: self.apart.share,
        }))
    }

    fn pipeline(&self, tried: Tried) -> Result<Coded<Box<dyn Quantizer<Code = u32>>, ContextRansCodec<u32>>> {
        let mut quantizer: Box<dyn Quantizer<Code = u32>> = Box::new(tried.quantizer);
        for transform in self.plan.transforms(&self.shape)?.into_iter().rev() {
            let transform: Box<dyn Transform> = transform;
            quantizer = Box::new(Then::new(transform, quantizer));
        }
        if let Some(weighting) = &self.weighting {
            quantizer = Box::new(Then::new(weighting.clone(), quantizer));
        }
        Ok(Coded::new(quantizer, tried.codec))
    }

    fn method(&self) -> alloc::string::String {
        let states = self.automaton.states();
        format!("{}, trellis of {states} states, entropy coded", self.plan.name())
    }
}
