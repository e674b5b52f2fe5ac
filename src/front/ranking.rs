//! Which plans take the fewest bits: estimated on a sample, before anything is quantized as it will be.

use super::{
    estimate::{Apart, bits, coded_cost},
    plan::{self, Plan},
    report::RunnerUp,
    sample::{all_runs, sample, some_runs},
};
use crate::{
    calibrate,
    classes::Classes,
    codec::rans::{Shapes, side_bytes},
    error::Result,
    kernel::{
        exp::{exp, ln},
        sums::sums,
    },
};
use alloc::vec::Vec;
use core::f64::consts::LN_2;

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
    /// The plan that takes the fewest bits for values of this shape, which has no axes of length 1, with steps as the goal
    /// says; and what comes next.
    pub(super) fn best(values: &[f32], shape: &[usize], goal: Goal, shapes: &mut Shapes) -> Result<Self> {
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
        let coefficients: Vec<_> = plan::plans(&sample, &sample_shape, shape)
            .into_iter()
            .filter_map(|plain| Some((plain.coefficients(&sample, &sample_shape).ok()?, plain)))
            .collect();
        for (coefficients, plain) in &coefficients {
            let apart = plain.apart(coefficients, shape);
            for plan in plain.with_classes(shape) {
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
        let first = plans.first().map_or_else(Plan::plain, |plan| plan.plan.without_classes());
        let is_plain = |plan: &Plan| *plan == first || *plan == Plan::plain();
        let spiked = |plan: &Plan| !plan.spikes.is_empty();
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
        if some != all && finalists.first().is_some_and(|best| best.plan != Plan::plain()) {
            code(&mut finalists, &all);
        }
        let second = match &*finalists {
            [best, second, ..] => Some(RunnerUp::new(second.plan.name(), second.estimate - best.estimate)),
            _ => None,
        };
        let mut finalists = finalists.into_iter();
        let Some(best) = finalists.next() else { return Ok(Self::of(Plan::plain())) };
        let rival = finalists
            .find(|rival| spiked(&rival.plan) != spiked(&best.plan) && rival.estimate < best.estimate + RIVAL)
            .map(|rival| rival.plan);
        Ok(Self { rival, second, best: best.plan })
    }

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
