//! Which of the nearest levels are the cheapest, one by one or as a path.

use crate::{
    automaton::{Automaton, LANES},
    code::Code,
    error::Result,
    kernel::{
        branches::{Numbers, costs, nearest},
        trellis::{Branches, PIECE, ROUNDS, viterbi},
    },
    rates::{Prices, Rates},
    spikes::Spikes,
};
use alloc::vec::Vec;
use core::ops::Range;

/// What there is to choose from where there is one state.
pub(super) struct Choice<'a> {
    rates: Option<&'a Rates>,
    inverse: f32,
    lambda: f32,
    /// The number of the first level, and the ends of those with two neighbours.
    first: i32,
    low: f32,
    high: f32,
}

/// The two nearest symbols, and what they cost.
#[derive(Clone, Copy)]
struct Pair {
    symbol: [u32; 2],
    cost: [f32; 2],
}

impl<'a> Choice<'a> {
    /// Levels are those numbers of steps.
    pub(super) fn new((step, lambda): (f32, f32), levels: Range<i32>, rates: Option<&'a Rates>) -> Self {
        Self {
            rates,
            // Steps are normal numbers.
            inverse: (1.0 / f64::from(step)) as f32,
            lambda,
            first: levels.start,
            // Both neighbours are within.
            low: (levels.start + 1) as f32,
            high: (levels.end - 2) as f32,
        }
    }

    /// The two nearest symbols.
    #[inline(always)]
    fn pair(&self, x: f32, class: usize) -> Pair {
        /// Added to a number of magnitude up to 2^22, it leaves the nearest integer.
        const ROUNDER: f32 = 12_582_912.0; // 1.5 * 2^23
        let t = (x * self.inverse).clamp(self.low, self.high);
        let near = (t + ROUNDER) - ROUNDER;
        let rest = t - near;
        let other = if rest > 0.0 { near + 1.0 } else { near - 1.0 };
        let far = 1.0 - rest.abs();
        let symbol = [near, other].map(|number| (number as i32).wrapping_sub(self.first) as u32);
        let mut cost = [rest * rest, far * far];
        if let Some(rates) = self.rates {
            let prices = &rates.prices[class];
            cost[0] += self.lambda * prices.of(symbol[0]);
            cost[1] += self.lambda * prices.of(symbol[1]);
        }
        Pair { symbol, cost }
    }

    /// The cheaper one for each value, whose classes are these, if there is more than one.
    pub(super) fn each<C: Code>(&self, values: &[f32], classes: &[u8], codes: &mut [C]) {
        for (i, (code, &x)) in codes.iter_mut().zip(values).enumerate() {
            let pair = self.pair(x, classes.get(i).map_or(0, |&class| usize::from(class)));
            *code = C::from_u32(pair.symbol[usize::from(pair.cost[1] < pair.cost[0])]);
        }
    }
}

/// The cheapest paths, one for each lane.
pub(super) struct Paths<'a> {
    automaton: Automaton,
    numbers: Numbers,
    rates: Option<&'a Rates>,
    spikes: Spikes,
}

impl<'a> Paths<'a> {
    /// Through so many numbers of steps, from the first on.
    pub(super) fn new(
        (step, lambda): (f32, f32),
        (first, count): (i32, u32),
        automaton: Automaton,
        rates: Option<&'a Rates>,
        spikes: Spikes,
    ) -> Self {
        let mut numbers = Numbers::new(step, first, count);
        if rates.is_none() && !spikes.is_empty() {
            // Besides the class of spikes there is one of all others.
            numbers = numbers.with_prices(2, |_| (0, 0), |_, _| 0.0);
        }
        if let Some(rates) = rates {
            let ends = |class: usize| {
                let sides = rates.prices[2 * class..][..2].iter().filter_map(Prices::ends);
                let ends = sides.fold((count, 0), |(from, to), ends| (from.min(2 * ends.0), to.max(2 * ends.1)));
                (ends.0.min(count), ends.1.clamp(ends.0.min(count), count))
            };
            // Squares of four steps, where weights are about those of two.
            let weight = 0.25 * lambda;
            let price =
                |class: usize, number: u32| weight * rates.prices[2 * class + number as usize % 2].of(number / 2);
            numbers = numbers.with_prices(rates.classes.count(), ends, price);
        }
        Self { automaton, numbers, rates, spikes }
    }

    /// Codes of values that start where lanes do, at `start`.
    pub(super) fn find<C: Code>(&self, start: usize, values: &[f32], codes: &mut [C]) -> Result<()> {
        let (numbers, classed) = (&self.numbers, self.rates.filter(|rates| !rates.classes.is_one()));
        let idle = classed.map_or(usize::from(!self.spikes.is_empty()), |rates| rates.classes.idle());
        let any_idle = idle > 0;
        let mut all = Vec::new();
        if let Some(rates) = classed {
            all.resize(values.len(), 0);
            rates.classes.fill(start, &mut all);
        } else if !self.spikes.is_empty() {
            all.resize(values.len(), 1);
        }
        for &spike in self.spikes.as_slice() {
            all.iter_mut().zip(values).filter(|&(_, &x)| x == spike).for_each(|(class, _)| *class = 0);
        }
        let classes_of = |range: Range<usize>| all.get(range).unwrap_or_default();
        let mut branches = |range: Range<usize>, branches: &mut Branches<PIECE>| {
            costs(&values[range.clone()], classes_of(range.clone()), numbers, &mut branches.cost);
            if any_idle && still(idle, classes_of(range.clone()), &mut branches.idle_mut().0) {
                let [even, _, odd, _] = branches.cost;
                for ((cost, even), odd) in branches.idle_mut().1[..range.len()].iter_mut().zip(even).zip(odd) {
                    *cost = if odd < even { odd } else { even };
                }
            }
        };
        let stood = |range: Range<usize>, room: &mut [u8]| any_idle && still(idle, classes_of(range), room);
        let mut room = [0; ROUNDS * LANES];
        let mut cost = [[0.0; ROUNDS * LANES]; 4];
        let mut decide = |range: Range<usize>, classes: &mut [u8]| {
            let values = &values[range.clone()];
            if any_idle {
                let mut stood = [0; ROUNDS * LANES];
                if still(idle, classes_of(range.clone()), &mut stood) {
                    costs(values, classes_of(range.clone()), numbers, &mut cost);
                    for (i, class) in classes.iter_mut().enumerate() {
                        *class = if stood[i] == 0 { *class } else { 2 * u8::from(cost[2][i] < cost[0][i]) };
                    }
                }
            }
            let room = &mut room[..values.len()];
            nearest(values, classes, numbers, room);
            codes[range].iter_mut().zip(room).for_each(|(code, &mut number)| *code = C::from_u32(number));
        };
        viterbi(self.automaton, values.len(), &mut branches, &stood, &mut decide)
    }
}

/// Where the automaton stands still, which is for classes below `idle`; whether it does.
fn still(idle: usize, classes: &[u8], still: &mut [u8]) -> bool {
    let mut any = 0;
    for (still, &class) in still.iter_mut().zip(classes) {
        *still = u8::from(usize::from(class) < idle);
        any |= *still;
    }
    any != 0
}
