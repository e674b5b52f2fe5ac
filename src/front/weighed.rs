//! From a target that is a size or a mean error to a frame with the least error for its bits: plans, and the best of what
//! they give.

use super::{
    compressor::{Compressed, Compressor},
    plan::Plan,
    ranking::{Goal, Ranking},
    report::RunnerUp,
    weighing::{Extent, Tried, Weighing},
};
use crate::{
    codec::rans::Shapes,
    element::Element,
    error::Result,
    kernel::exp::{exp, ln},
    metrics::bits_per_value,
    target::Target,
    transform::TransformExt,
};
use alloc::vec;
use core::f64::consts::{LN_2, LN_10};

/// What is asked of equal steps.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    Bits(f64),
    /// Mean squared error.
    Error(f64),
}

/// Bits per value below which one state is tried.
pub(super) const LOW_RATE: f64 = 1.2;

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
            if wide.len() < 256 { Ranking::of(Plan::plain()) } else { Ranking::best(&wide, &shape, goal, shapes)? };
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
                    Some(other) if is_better(wanted, &found, &other.0, close && !other.1) => {
                        (found.after(other.0), close)
                    }
                    Some(other) => (other.0.after(found), other.1),
                });
            }
        }
        Ok(best)
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

/// Octaves that a step has to be wider, by what it gave.
pub(super) fn octaves(wanted: Wanted, bits: f64, error: f64) -> f64 {
    match wanted {
        Wanted::Bits(wanted) => bits - wanted,
        Wanted::Error(wanted) => 0.5 * (ln(wanted.max(f64::MIN_POSITIVE)) - ln(error.max(f64::MIN_POSITIVE))) / LN_2,
    }
}

/// What is asked for decides, and what is `close` to it as nothing else is, if it is hardly larger.
pub(super) fn is_better(wanted: Wanted, a: &Compressed, b: &Compressed, close: bool) -> bool {
    let (a, b) = (&a.report.cost, &b.report.cost);
    match wanted {
        Wanted::Bits(_) => a.stats.mse() < b.stats.mse(),
        Wanted::Error(_) => a.bytes < b.bytes + if close { b.bytes / 64 } else { 0 },
    }
}
