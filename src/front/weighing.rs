//! What a step gives, for values by one plan: bits and error, estimated from codes, and the pipeline of these codes.

use super::{
    chosen::Chosen,
    estimate::{Apart, first_scale},
    plan::Plan,
    sample::all_runs,
    weighed::Wanted,
};
use crate::{
    automaton::Automaton,
    calibrate,
    classes::Classes,
    codec::{
        ContextRans,
        rans::{ContextFit, Model, Shapes, side_bytes},
    },
    element::joint_block,
    error::Result,
    kernel::{exp::ln, extrema::enclose, sums::sums},
    pipeline::Coded,
    quantizer::{Quantizer, Trellis, TrellisQuantizer},
    then::Then,
    transform::{StandardizeTransform, Transform},
};
use alloc::{borrow::Cow, boxed::Box, format, string::String, vec, vec::Vec};
use core::{f64::consts::LN_2, ops::Range};

/// What a frame has besides stages and payload, a chunk, and a lane, whose state is not all overhead.
const FRAME: f64 = 30.0;
const PER_CHUNK: f64 = 8.0;
const PER_LANE: f64 = 3.1;

/// Bits per value that tables of codes save where no density knows which codes are likely: then codes are chosen once more.
const ODD: f64 = 0.01;

/// Values, what becomes of them, and what is known of that.
pub(super) struct Weighing<'a> {
    /// What stands in front of the plan.
    pub(super) weighting: Option<StandardizeTransform>,
    pub(super) coefficients: Cow<'a, [f32]>,
    plan: Plan,
    shape: Vec<usize>,
    classes: Classes,
    pub(super) apart: Apart,
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
    pub(super) error: f64,
    /// Of values that have an error.
    share: f64,
    /// Bits per value that headers take.
    pub(super) overhead: f64,
}

impl Tried {
    pub(super) fn density(&self) -> Model {
        self.fit.density
    }

    /// Bits, and those that the error is worth.
    pub(super) fn cost(&self) -> f64 {
        self.bits + 0.5 * self.share * ln(self.error.max(f64::MIN_POSITIVE)) / LN_2
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
        let is_spike = (!apart.spikes.is_empty()).then_some(|x| apart.spikes.contains(x));
        let classes = calibrate::classes(&groupings, &coefficients, is_spike)?;
        let scale = 0.5 * ln(first_scale(&coefficients, &classes, apart.spikes, &all_runs(coefficients.len()))) / LN_2;
        // States of lanes are to take at most a thousandth; or two if that makes sixteen, which decode twice as fast as eight.
        let bits = if let Wanted::Bits(bits) = wanted { bits } else { 4.0 };
        let affordable = (bits.min(16.0) * values.len().min(chunk) as f64 / 32_000.0) as usize;
        let lanes = if (8..16).contains(&affordable) { 16 } else { 1 << affordable.clamp(1, 32).ilog2() };
        let block = plan
            .transforms(&shape)?
            .iter()
            .fold(32, |block, transform| joint_block(block, block, transform.block().max(1)));
        let period = chunk.checked_next_multiple_of(block).unwrap_or(usize::MAX / block * block);
        let automaton = Automaton::trellis(states)?.lanes(lanes)?.period(period)?;
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
        let bits = (fit.bits - fit.mask_bits) / count + self.apart.mask_bits + overhead;
        Ok(Some(Tried { quantizer, fit, codes, bits, error: error / count, share: self.apart.share, overhead }))
    }

    pub(super) fn pipeline(&self, tried: Tried, shapes: &mut Shapes) -> Result<Chosen> {
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

    pub(super) fn method(&self) -> String {
        let states = self.automaton.states();
        format!("{}, trellis of {states} states, entropy coded", self.plan.name())
    }
}
