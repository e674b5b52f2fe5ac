//! Values in order, and how often each occurs: what levels are placed by.

use crate::{calibrate::Histogram, kernel::order};
use alloc::{vec, vec::Vec};

/// Distinct values in ascending order with their weights, and sums from the middle to each.
pub(super) struct Points {
    pub(super) values: Vec<f64>,
    /// One item more than values: `weights[i]` is the weight of all values before the one at `i`.
    weights: Vec<f64>,
    /// Likewise of differences from the median and of their squares, but counted from the middle outward, negative before
    /// it: so what is far out is in no sum of what is not, and differences of sums do not cancel for its sake.
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Points {
    /// Of finite values, at least one, in any order.
    pub(super) fn of(mut values: Vec<f32>) -> Self {
        values.sort_unstable_by(f32::total_cmp);
        let mut pairs: Vec<(f64, f64)> = Vec::new();
        for x in values {
            match pairs.last_mut() {
                Some((last, count)) if *last == f64::from(x) => *count += 1.0,
                _ => pairs.push((x.into(), 1.0)),
            }
        }
        Self::of_pairs(&pairs)
    }

    /// Of a histogram that holds values: points in place of the values of each bucket.
    pub(super) fn of_histogram(histogram: &Histogram) -> Self {
        let (points, weights) = histogram.points();
        let mut pairs: Vec<(f64, f64)> = Vec::new();
        for (x, weight) in points.into_iter().zip(weights) {
            match pairs.last_mut() {
                Some((last, sum)) if *last >= f64::from(x) => *sum += f64::from(weight),
                _ => pairs.push((x.into(), weight.into())),
            }
        }
        Self::of_pairs(&pairs)
    }

    fn of_pairs(pairs: &[(f64, f64)]) -> Self {
        let mut weights = Vec::with_capacity(pairs.len() + 1);
        let mut weight = 0.0;
        weights.push(0.0);
        for pair in pairs {
            weight += pair.1;
            weights.push(weight);
        }
        let middle = weights.partition_point(|&before| before <= weight / 2.0).clamp(1, pairs.len()) - 1;
        let center = pairs[middle].0;
        let outward = |term: &dyn Fn(f64) -> f64| {
            let mut sums = vec![0.0; pairs.len() + 1];
            for i in middle..pairs.len() {
                sums[i + 1] = sums[i] + pairs[i].1 * term(pairs[i].0 - center);
            }
            for i in (0..middle).rev() {
                sums[i] = sums[i + 1] - pairs[i].1 * term(pairs[i].0 - center);
            }
            sums
        };
        let (sums, squares) = (outward(&|x| x), outward(&|x| x * x));
        Self { values: pairs.iter().map(|pair| pair.0).collect(), weights, sums, squares }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn weight(&self, from: usize, to: usize) -> f64 {
        self.weights[to] - self.weights[from]
    }

    /// The mean of the values in a range that is not empty: from the values themselves, and among them.
    pub(super) fn mean(&self, from: usize, to: usize) -> f64 {
        let (first, last) = (self.values[from], self.values[to - 1]);
        // About one of them, so that values far from zero lose nothing.
        let sum: f64 = (from..to).map(|i| (self.values[i] - first) * self.weight(i, i + 1)).sum();
        (first + sum / self.weight(from, to)).clamp(first, last)
    }

    /// The sum of the squared distances of the values in a range from their mean.
    pub(super) fn cost(&self, from: usize, to: usize) -> f64 {
        if to - from < 2 {
            return 0.0;
        }
        let sum = self.sums[to] - self.sums[from];
        (self.squares[to] - self.squares[from] - sum * sum / self.weight(from, to)).max(0.0)
    }

    /// The quantile `p` of values that each count as often as their weight says, interpolated linearly, in the range
    /// `from..to`.
    pub(super) fn quantile(&self, p: f64, from: usize, to: usize) -> f64 {
        let below = self.weights[from];
        let position = p * (self.weight(from, to) - 1.0).max(0.0);
        let rank = position as u64 as f64;
        let value = |rank: f64| {
            let at = self.weights[from..=to].partition_point(|&weight| weight - below <= rank);
            self.values[(from + at - 1).min(to - 1)]
        };
        let (low, high) = (value(rank), value(rank + 1.0));
        low + (high - low) * (position - rank)
    }

    /// The first value above `x`.
    pub(super) fn first_above(&self, x: f64) -> usize {
        self.values.partition_point(|&value| value <= x)
    }

    /// At most `most` points that stand for neighbours in these, and more than half as many if there are: the mean of
    /// those that agree in sign, exponent and as many leading bits as it takes.
    pub(super) fn merged(&self, most: usize) -> Self {
        let keys: Vec<u32> = self.values.iter().map(|&x| order::key(x as f32)).collect();
        let buckets = |shift: u32| 1 + keys.windows(2).filter(|pair| pair[0] >> shift != pair[1] >> shift).count();
        // One bit less halves the number of buckets at most.
        let shift = (0..u32::BITS - 1).find(|&shift| buckets(shift) <= most).unwrap_or(u32::BITS - 1);
        let mut pairs = Vec::with_capacity(most);
        let mut from = 0;
        for to in 1..=self.len() {
            if to == self.len() || keys[to] >> shift != keys[from] >> shift {
                pairs.push((self.mean(from, to), self.weight(from, to)));
                from = to;
            }
        }
        Self::of_pairs(&pairs)
    }
}
