//! Which of the nearest levels are the cheapest, one by one or as a path.

use crate::{
    automaton::{Automaton, LANES},
    code::Code,
    error::Result,
    kernel::trellis::{Branches, viterbi},
    rates::Rates,
};
use core::ops::Range;

/// What there is to choose from.
pub(super) struct Choice<'a> {
    values: &'a [f32],
    /// Of the values, if there is more than one.
    classes: &'a [u8],
    /// The automaton stands still for classes below this.
    idle: usize,
    rates: Option<&'a Rates>,
    lanes: usize,
    side_bits: u32,
    inverse: f32,
    lambda: f32,
    /// The symbol of the level 0, and the ends of what symbols stand for.
    first: i32,
    low: f32,
    high: f32,
}

/// The two nearest symbols of a side, and what they cost.
#[derive(Clone, Copy)]
struct Pair {
    symbol: [u32; 2],
    cost: [f32; 2],
}

impl Pair {
    /// The one whose lowest bit is this.
    #[inline(always)]
    fn with_bit(self, bit: u32) -> u32 {
        if self.symbol[0] & 1 == bit { self.symbol[0] } else { self.symbol[1] }
    }

    #[inline(always)]
    fn cheaper(self) -> usize {
        usize::from(self.cost[1] < self.cost[0])
    }
}

impl<'a> Choice<'a> {
    /// Of values whose classes are these, if there is more than one; levels are those numbers of steps.
    pub(super) fn new(
        (step, lambda): (f32, f32),
        levels: Range<i32>,
        automaton: Automaton,
        rates: Option<&'a Rates>,
        values: &'a [f32],
        (classes, idle): (&'a [u8], usize),
    ) -> Self {
        let side_bits = automaton.side_bits();
        let (first, last) = (levels.start >> side_bits, (levels.end - 1) >> side_bits);
        Self {
            values,
            classes,
            idle,
            rates,
            lanes: automaton.lane_count(),
            side_bits,
            // Steps are normal numbers, and twice the largest is finite in f64.
            inverse: (1.0 / (f64::from(step) * f64::from(1 << side_bits))) as f32,
            lambda,
            first,
            // Both neighbours are within.
            low: (first + 1) as f32,
            high: (last - 1) as f32,
        }
    }

    /// The two nearest symbols of a side.
    #[inline(always)]
    fn pair(&self, x: f32, side: u32, class: usize) -> Pair {
        /// Added to a number of magnitude up to 2^22, it leaves the nearest integer.
        const ROUNDER: f32 = 12_582_912.0; // 1.5 * 2^23
        let t = (x * self.inverse - side as f32 * 0.5).clamp(self.low, self.high);
        let near = (t + ROUNDER) - ROUNDER;
        let rest = t - near;
        let other = if rest > 0.0 { near + 1.0 } else { near - 1.0 };
        let far = 1.0 - rest.abs();
        let symbol = [near, other].map(|number| (number as i32).wrapping_sub(self.first) as u32);
        let mut cost = [rest * rest, far * far];
        if let Some(rates) = self.rates {
            let prices = &rates.prices[(class << self.side_bits) + side as usize];
            cost[0] += self.lambda * prices.of(symbol[0]);
            cost[1] += self.lambda * prices.of(symbol[1]);
        }
        Pair { symbol, cost }
    }

    #[inline(always)]
    fn class(&self, index: usize) -> usize {
        self.classes.get(index).map_or(0, |&class| usize::from(class))
    }

    fn is_idle(&self, index: usize) -> bool {
        self.class(index) < self.idle
    }

    /// The cheaper one for each value.
    pub(super) fn each<C: Code>(&self, codes: &mut [C]) {
        for (i, (code, &x)) in codes.iter_mut().zip(self.values).enumerate() {
            let pair = self.pair(x, 0, self.class(i));
            *code = C::from_u32(pair.symbol[pair.cheaper()]);
        }
    }

    /// The cheapest path of each lane.
    pub(super) fn path<C: Code>(&self, codes: &mut [C], automaton: Automaton) -> Result<()> {
        let any_idle = self.idle > 0;
        let rounds = self.values.len().div_ceil(self.lanes);
        let branches = |round: usize, branches: &mut Branches| {
            let from = round * self.lanes;
            let values = &self.values[from..self.values.len().min(from + self.lanes)];
            // Lanes that have ended are where they were, at no cost.
            branches.any_idle = values.len() < self.lanes;
            branches.idle[values.len()..].fill(true);
            branches.idle_cost[values.len()..].fill(0.0);
            for (lane, &x) in values.iter().enumerate() {
                let class = self.class(from + lane);
                let pairs = [self.pair(x, 0, class), self.pair(x, 1, class)];
                for (side, pair) in pairs.iter().enumerate() {
                    let odd = (pair.symbol[0] & 1) as usize;
                    branches.cost[2 * side][lane] = pair.cost[odd];
                    branches.cost[2 * side + 1][lane] = pair.cost[1 - odd];
                }
                if any_idle {
                    branches.idle[lane] = self.is_idle(from + lane);
                    branches.any_idle |= branches.idle[lane];
                    branches.idle_cost[lane] = pairs[0].cost[pairs[0].cheaper()];
                }
            }
        };
        let decide = |round: usize, bits: [(u32, u32); LANES]| {
            let from = round * self.lanes;
            let to = self.values.len().min(from + self.lanes);
            for (i, (side, bit)) in (from..to).zip(bits) {
                let pair = self.pair(self.values[i], side, self.class(i));
                let symbol = if any_idle && self.is_idle(i) { pair.symbol[pair.cheaper()] } else { pair.with_bit(bit) };
                codes[i] = C::from_u32(symbol << 1 | side);
            }
        };
        let idle = |round: usize, still: &mut [bool; LANES]| {
            let from = round * self.lanes;
            for (lane, still) in still[..self.lanes].iter_mut().enumerate() {
                *still = from + lane >= self.values.len() || (any_idle && self.is_idle(from + lane));
            }
        };
        viterbi(automaton, rounds, branches, decide, idle)
    }
}
