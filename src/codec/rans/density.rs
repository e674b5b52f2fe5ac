//! Tables that follow from two numbers: a shape and a scale.

use super::{
    context_tables::BITS,
    table::{Table, prices},
};
use crate::{
    error::{Error, Result},
    kernel::exp::{exp, ln},
    rates::Prices,
};
use alloc::vec::Vec;
use core::{
    cmp::Reverse,
    f64::consts::{FRAC_1_SQRT_2, LN_2, SQRT_2},
};

/// How a density falls off: `exp(-(u c)^b)`, or `(1 + u^2 / c)^(-b)`; all have unit variance but for the heaviest tails.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    Exponential { b: f64, c: f64 },
    Power { b: f64, c: f64 },
}

/// Generalised Gaussian densities with exponents from 1/2 (sharp peak, heavy tails) to 8 (almost even), where `c^2 = gamma(3 / b)
/// / gamma(1 / b)`, and Student's with 3 to 15 degrees of freedom `n`, where `b = (n + 1) / 2` and `c = n - 2`; those with the
/// heavier tails first.
const SHAPES: [Shape; 16] = [
    Shape::Exponential { b: 0.5, c: 10.954_451_150_103_322 },
    Shape::Power { b: 2.0, c: 1.0 },
    Shape::Exponential { b: 0.7, c: 3.131_286_114_716_589_4 },
    Shape::Power { b: 2.5, c: 2.0 },
    Shape::Exponential { b: 0.85, c: 1.926_857_511_165_412 },
    Shape::Exponential { b: 1.0, c: SQRT_2 },
    Shape::Power { b: 3.5, c: 4.0 },
    Shape::Exponential { b: 1.2, c: 1.085_205_770_857_467_8 },
    Shape::Exponential { b: 1.4, c: 0.915_333_348_487_812_8 },
    Shape::Power { b: 6.0, c: 9.0 },
    Shape::Exponential { b: 1.7, c: 0.779_855_733_822_341_6 },
    Shape::Exponential { b: 2.0, c: FRAC_1_SQRT_2 },
    Shape::Exponential { b: 2.4, c: 0.652_709_499_987_046_7 },
    Shape::Exponential { b: 3.0, c: 0.610_968_226_593_982 },
    Shape::Exponential { b: 4.0, c: 0.581_368_317_019_128 },
    Shape::Exponential { b: 8.0, c: 0.560_922_691_571_044_2 },
];
/// The Gaussian one.
pub(crate) const GAUSSIAN: usize = 11;

/// Steps of a scale per octave.
pub(crate) const FINE: i32 = 32;
/// Steps of a scale from one class to the next: a quarter of an octave.
pub(crate) const CLASS: i32 = FINE / 4;
/// Scales of the first class, which may be far below all others.
pub(crate) const SCALES: core::ops::RangeInclusive<i32> = -40 * FINE..=24 * FINE;
/// Scales of a table: below the first, everything is 0.
pub(crate) const TABLE_SCALES: (i32, i32) = (-8 * FINE, 24 * FINE);
/// The number of shapes.
pub(crate) const SHAPE_COUNT: usize = SHAPES.len();

/// Points of the cumulative density per unit, and how far it reaches.
const GRID: usize = 32;
const REACH: usize = 24;
/// Frequencies sum to this.
const WHOLE: f64 = 4096.0;

impl Shape {
    /// Densities at these places, but for a constant factor.
    #[inline(always)]
    fn at<const N: usize>(self, places: &mut [f64; N]) {
        match self {
            // Squares and numbers as they are need no logarithm.
            Self::Exponential { b: 1.0, c } => replace(places, |u| falling(u * c)),
            Self::Exponential { b: 2.0, c } => replace(places, |u| falling((u * c) * (u * c))),
            Self::Exponential { b, c } => replace(places, |u| falling(exp(b * ln(u * c)))),
            Self::Power { b, c } => replace(places, |u| exp(-b * ln(1.0 + u * u / c))),
        }
    }
}

#[inline(always)]
fn replace<const N: usize>(places: &mut [f64; N], density: impl Fn(f64) -> f64) {
    for place in places {
        *place = density(*place);
    }
}

/// `exp(-x)`, for all that is not negative.
#[inline(always)]
fn falling(x: f64) -> f64 {
    exp(-if x < 600.0 { x } else { 600.0 })
}

/// Two of these are less than half of the last bit of a sum, and no error of our functions makes more of them.
const VANISHING: f64 = 1.0 / (1_u64 << 56) as f64;

/// A shape, summed up from its middle.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cumulative {
    sums: Vec<f64>,
}

/// Shapes that are summed up when they are first asked for.
#[derive(Debug, Default)]
pub(crate) struct Shapes([Option<Cumulative>; SHAPE_COUNT]);

impl Shapes {
    pub(super) fn of(&mut self, shape: usize) -> Result<&Cumulative> {
        let found = shape as u64;
        let slot = self.0.get_mut(shape).ok_or(Error::Corrupt { what: "shape of a density", found })?;
        Ok(match slot {
            Some(sums) => sums,
            None => slot.insert(Cumulative::new(shape)?),
        })
    }
}

impl Cumulative {
    /// Of one of the shapes, by Gauss's two points in each cell.
    pub(crate) fn new(shape: usize) -> Result<Self> {
        /// Cells that are found together.
        const CELLS: usize = 16;
        /// Of a cell: `(1 - 1 / sqrt(3)) / 2`.
        const FIRST: f64 = 0.211_324_865_405_187_13;
        let found = shape as u64;
        let shape = *SHAPES.get(shape).ok_or(Error::Corrupt { what: "shape of a density", found })?;
        let mut sum = 0.0;
        let mut sums = Vec::with_capacity(GRID * REACH + 1);
        sums.push(sum);
        let mut points = [0.0; 2 * CELLS];
        for cell in (0..GRID * REACH).step_by(CELLS) {
            for (i, points) in points.as_chunks_mut().0.iter_mut().enumerate() {
                let cell = (cell + i) as f64;
                *points = [(cell + FIRST) / GRID as f64, (cell + (1.0 - FIRST)) / GRID as f64];
            }
            shape.at(&mut points);
            for [first, second] in points.as_chunks().0 {
                sum += first + second;
                sums.push(sum);
            }
            // Densities fall, so what no longer changes the sum never will.
            if points[2 * CELLS - 1] < sum * VANISHING {
                break;
            }
        }
        sums.resize(GRID * REACH + 1, sum);
        Ok(Self { sums })
    }

    /// What lies below `u`, but for a constant: linear within each cell.
    fn below(&self, u: f64) -> f64 {
        let at = (u.abs() * GRID as f64).min((GRID * REACH) as f64);
        let cell = (at as usize).min(GRID * REACH - 1);
        let sum = self.sums[cell] + (at - cell as f64) * (self.sums[cell + 1] - self.sums[cell]);
        if u < 0.0 { -sum } else { sum }
    }

    /// Bits of symbols, each so often, which are so far from level 0, and lie within `ends` of it.
    pub(super) fn bits(&self, scale: i32, symbols: &[(u32, u64)], offset: f64, ends: (f64, f64)) -> f64 {
        /// Symbols that are priced together.
        const TOGETHER: usize = 16;
        let unit = exp(-f64::from(scale) / f64::from(FINE) * LN_2);
        let total = (self.below(ends.1 * unit) - self.below(ends.0 * unit)).max(f64::MIN_POSITIVE);
        // About the price of an escape.
        let (least, ln_total) = ((total * 1e-7).max(f64::MIN_POSITIVE), ln(total));
        let mut sum = 0.0;
        // Most symbols begin where the one before ends.
        let (mut end, mut below_end) = (f64::NAN, 0.0);
        let (mut masses, mut counts) = ([1.0; TOGETHER], [0.0; TOGETHER]);
        for symbols in symbols.chunks(TOGETHER) {
            for ((&(symbol, n), mass), count) in symbols.iter().zip(&mut masses).zip(&mut counts) {
                let position = f64::from(symbol) + offset;
                let below = if position - 0.5 == end { below_end } else { self.below((position - 0.5) * unit) };
                end = position + 0.5;
                below_end = self.below(end * unit);
                let between = if position < ends.0 { 0.0 } else { below_end - below };
                (*mass, *count) = (between.max(least), n as f64);
            }
            // Logarithms of some at once, for which there are vectors.
            let logs = masses.map(ln);
            let terms = logs.iter().zip(&counts).take(symbols.len());
            sum += terms.map(|(log, count)| count * (ln_total - log)).sum::<f64>();
        }
        sum / LN_2
    }

    /// Frequencies of symbols up to `last` of one side, if the level 0 is symbol `centre` of side 0 and the scale is
    /// `2^(scale / 32)` symbols.
    pub(super) fn frequencies(
        &self,
        scale: i32,
        half: f64,
        (centre, one_sided): (u32, bool),
        (last, width): (u32, u32),
    ) -> Frequencies {
        // Wide densities are about codes without their lowest bits.
        let low = ((scale / FINE - 3).max(0) as u32).min(width.saturating_sub(1)).min(super::table::MOST_LOW);
        let unit = exp(-f64::from(scale) / f64::from(FINE) * LN_2);
        // The lower end of symbols that start with `high`.
        let edge = |high: u64| self.below(((high << low) as f64 - f64::from(centre) + half - 0.5) * unit);
        let end = (u64::from(last) >> low) + 1;
        let middle = u64::from(centre >> low).min(end - 1);
        let lowest = if one_sided { middle } else { 0 };
        let bottom = edge(lowest);
        let total = (edge(end) - bottom).max(f64::MIN_POSITIVE);
        let share = |mass: f64| mass / total * WHOLE;
        let frequency = |share: f64| ((share + 0.5) as u32).max(1);
        // Densities reach 24 scales, and a scale is less than 16 symbols wide, or there are at most 256 of them.
        let (mut from, mut to, mut below, mut above) = (middle, middle, edge(middle), edge(middle));
        let mut frequencies = Vec::new();
        while from > lowest {
            let next = edge(from - 1);
            let share = share(below - next);
            if share < 0.5 {
                break;
            }
            frequencies.push(frequency(share));
            (from, below) = (from - 1, next);
        }
        frequencies.reverse();
        while to < end {
            let next = edge(to + 1);
            let share = share(next - above);
            if share < 0.5 && to > middle {
                break;
            }
            frequencies.push(frequency(share));
            (to, above) = (to + 1, next);
        }
        let rest = ((WHOLE - share(above - below) + 0.5) as u32).max(1);
        let mut excess = i64::from(frequencies.iter().sum::<u32>() + rest) - WHOLE as i64;
        // What rounding left is taken from the largest, or given to them, one each.
        let mut order: Vec<usize> = if excess == 0 { Vec::new() } else { (0..frequencies.len()).collect() };
        order.sort_unstable_by_key(|&index| (Reverse(frequencies[index]), index));
        while excess != 0 {
            let before = excess;
            for &index in &order {
                let f = &mut frequencies[index];
                if excess > 0 && *f > 1 {
                    (*f, excess) = (*f - 1, excess - 1);
                } else if excess < 0 {
                    (*f, excess) = (*f + 1, excess + 1);
                }
            }
            if before == excess {
                break;
            }
        }
        let symbols = (from..to).map(|high| high as u32).zip(frequencies).collect();
        Frequencies { width, low, symbols }
    }
}

/// What a table is made of.
#[derive(Debug)]
pub(super) struct Frequencies {
    width: u32,
    low: u32,
    symbols: Vec<(u32, u32)>,
}

impl Frequencies {
    pub(super) fn table(self) -> Result<Table> {
        Table::from_frequencies(BITS, self.width, self.low, self.symbols)
    }

    pub(super) fn prices(&self) -> Prices {
        let used: u32 = self.symbols.iter().map(|&(_, frequency)| frequency).sum();
        prices(&self.symbols, BITS, self.width, self.low, (1 << BITS) - used)
    }
}
