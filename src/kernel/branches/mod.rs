//! What a code of each class costs, the nearest one to a value; and from classes to codes.
//!
//! Levels are multiples of a step, and numbers that are alike modulo 4 are a class. In units of four steps, numbers of class `k`
//! are `n + k / 4`, so the nearest one needs no look-up, and the errors of four neighbours are found in parallel.

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512;
mod portable;

use super::level::dispatch;
use alloc::{vec, vec::Vec};

/// Added to a number of magnitude up to 2^22, it leaves the nearest integer in the lowest bits.
const ROUNDER: f32 = 12_582_912.0; // 1.5 * 2^23

/// From values to the four numbers around them, and what these cost besides errors.
#[derive(Debug)]
pub(crate) struct Numbers {
    /// Of four steps.
    inverse: f32,
    /// Ends between which values have neighbours of all classes, in units of four steps.
    low: f32,
    high: f32,
    /// The first number, a multiple of 4.
    first: i32,
    /// For each class of values and each position between numbers, what the neighbours cost, by class of the number.
    rows: Vec<[f32; 4]>,
    /// For each class of values where its rows begin, in units of four steps, how many there are for each unit, the number of
    /// the last one, and of rows of classes before.
    places: Vec<[f32; 4]>,
}

/// The most rows in all: 4 MiB. Where there would be more, a row is for several neighbours.
const MOST_ROWS: usize = 1 << 18;

impl Numbers {
    /// Numbers from `first` on, which is a multiple of 4, at least 6 of them; all cost the same.
    pub(crate) fn new(step: f32, first: i32, count: u32) -> Self {
        let (low, high) = (first + 2, first.wrapping_add_unsigned(count - 3));
        Self {
            // Steps are normal numbers, and four times the largest is finite in f64.
            inverse: (0.25 / f64::from(step)) as f32,
            low: low as f32 * 0.25,
            high: high as f32 * 0.25,
            first,
            rows: vec![[0.0; 4]],
            places: vec![[0.0; 4]],
        }
    }

    /// With prices in squares of four steps: `price(class, number)` within `ends(class)`, counted from the first number, and the
    /// same before and after.
    pub(crate) fn with_prices(
        self,
        classes: usize,
        ends: impl Fn(usize) -> (u32, u32),
        price: impl Fn(usize, u32) -> f32,
    ) -> Self {
        let most = (MOST_ROWS / classes.max(1)).max(1) as i64;
        let (mut rows, mut places) = (Vec::new(), Vec::with_capacity(classes));
        for class in 0..classes {
            let (from, to) = ends(class);
            // The first row is for numbers that are all before, the last one for those that are all after.
            let from = i64::from(from) - 3;
            let needed = (i64::from(to) + 2 - from).max(1);
            let shift = (0..32).find(|shift| (needed - 1) >> shift < most).unwrap_or(32);
            let last = (needed - 1) >> shift;
            let origin = (i64::from(self.first) + from) as f32 * 0.25;
            places.push([origin, 4.0 / (1_i64 << shift) as f32, last as f32, rows.len() as f32]);
            rows.reserve(last as usize + 1);
            let (mut prices, mut priced) = ([0.0; 4], i64::MIN);
            for row in 0..=last {
                // Between this number and the next; most neighbours are those of the row before.
                let number = from + (row << shift) + ((1 << shift) >> 1);
                for neighbour in (number - 1).max(priced)..number + 3 {
                    prices[neighbour.rem_euclid(4) as usize] = price(class, neighbour.max(0) as u32);
                }
                priced = number + 3;
                rows.push(prices);
            }
        }
        Self { rows, places, ..self }
    }
}

/// What each value costs by class of its number: squared errors in units of four steps, and prices. `classes` are those of the
/// values, if there is more than one.
pub(crate) fn costs<const N: usize>(values: &[f32], classes: &[u8], numbers: &Numbers, cost: &mut [[f32; N]; 4]) {
    dispatch!(costs(values, classes, numbers, cost): avx512);
}

/// The nearest codes of these classes: numbers counted from the first.
pub(crate) fn nearest(values: &[f32], classes: &[u8], numbers: &Numbers, codes: &mut [u32]) {
    dispatch!(nearest(values, classes, numbers, codes): avx512);
}

#[cfg(test)]
mod tests {
    use super::{MOST_ROWS, Numbers};

    /// However many numbers share a row, its prices are those of the four around its middle.
    #[test]
    fn prices_are_those_of_the_neighbours() {
        let price = |class: usize, number: u32| (class * 10_000_000) as f32 + (number % 8_000_000) as f32;
        for (from, to) in [(0, 9), (5, 200), (3, MOST_ROWS as u32 / 2 + 77), (1, 3 * MOST_ROWS as u32)] {
            let numbers = Numbers::new(1.0, -8, u32::MAX / 4).with_prices(2, |_| (from, to), price);
            let mut start = 0;
            for (class, &[_, per_unit, last, before]) in numbers.places.iter().enumerate() {
                assert_eq!(before, start as f32);
                let shift = (4.0 / per_unit).log2() as u32;
                for row in 0..=last as i64 {
                    let number = i64::from(from) - 3 + (row << shift) + ((1 << shift) >> 1);
                    for neighbour in number - 1..number + 3 {
                        let found = numbers.rows[start + row as usize][neighbour.rem_euclid(4) as usize];
                        assert_eq!(found, price(class, neighbour.max(0) as u32), "{from}..{to}, row {row}");
                    }
                }
                start += last as usize + 1;
            }
            assert_eq!(numbers.rows.len(), start);
        }
    }
}
