//! What a histogram tells of its values.

use super::{
    histogram::{Bucket, Histogram, MANTISSA, PAGES},
    quantiles::check_probabilities,
};
use crate::error::{Error, Result, same_length};
use alloc::{vec, vec::Vec};
use num_traits::Float;

impl Histogram {
    /// The mean of the values, from exact sums of buckets; none if there are no values.
    pub fn mean(&self) -> Option<f64> {
        let sum: f64 = self.buckets().map(|bucket| bucket.mean * bucket.count as f64).sum();
        (self.count > 0).then(|| sum / self.count as f64)
    }

    /// The standard deviation, as if the values of each bucket were spread evenly around their mean: nearly exact if it is
    /// wider than a few buckets, but of values closer together than a bucket is wide no more than a guess. None if there
    /// are no values.
    pub fn standard_deviation(&self) -> Option<f64> {
        let mean = self.mean()?;
        let square = |bucket: Bucket| {
            let (distance, spread) = (bucket.mean - mean, bucket.spread());
            bucket.count as f64 * (distance * distance + spread * spread / 12.0)
        };
        Some(Float::sqrt(self.buckets().map(square).sum::<f64>() / self.count as f64))
    }

    /// Quantiles, at least one value being there: `out[i]` is the one of `probabilities[i]`, which is in 0..=1.
    /// Interpolated as [`Quantiles`](super::Quantiles) do by default, but within a bucket values are taken to be spread
    /// evenly around their mean, so that each is off by less than a bucket's width. The extremes are exact.
    pub fn quantiles_into(&self, probabilities: &[f64], out: &mut [f64]) -> Result<()> {
        same_length("out", probabilities.len(), out.len())?;
        check_probabilities(probabilities)?;
        if self.count == 0 {
            return Err(Error::Empty);
        }
        let mut below = 0;
        let ranked: Vec<(u64, Bucket)> = self
            .buckets()
            .map(|bucket| {
                below += bucket.count;
                (below - bucket.count, bucket)
            })
            .collect();
        for (out, p) in out.iter_mut().zip(probabilities) {
            let position = p * (self.count - 1) as f64;
            let rank = position as u64;
            let (value, next) = (self.of_rank(&ranked, rank), self.of_rank(&ranked, (rank + 1).min(self.count - 1)));
            *out = value + (next - value) * (position - rank as f64);
        }
        Ok(())
    }

    /// As [`quantiles_into`](Self::quantiles_into), into a vector.
    pub fn quantiles(&self, probabilities: &[f64]) -> Result<Vec<f64>> {
        let mut out = vec![0.0; probabilities.len()];
        self.quantiles_into(probabilities, &mut out)?;
        Ok(out)
    }

    /// About the value that `rank` values lie below. `ranked` are the buckets, and how many values lie below each.
    fn of_rank(&self, ranked: &[(u64, Bucket)], rank: u64) -> f64 {
        let (low, high) = self.ends.unwrap_or_default();
        if rank == 0 || rank + 1 == self.count {
            return if rank == 0 { low.into() } else { high.into() };
        }
        let at = ranked.partition_point(|&(below, _)| below <= rank);
        let (below, bucket) = ranked[at - 1];
        let place = ((rank - below) as f64 + 0.5) / bucket.count as f64 - 0.5;
        (bucket.mean + place * bucket.spread()).clamp(low.into(), high.into())
    }

    /// The smallest magnitude but zero, or less: it is known by its bucket. Zero if there are zeros only, or if it may be
    /// any subnormal number.
    pub(crate) fn least_magnitude(&self) -> f32 {
        let magnitudes = self.magnitudes();
        let mut buckets = magnitudes.buckets().skip_while(|bucket| bucket.low == 0.0 && bucket.mean == 0.0);
        buckets.next().map_or(0.0, |bucket| bucket.low)
    }

    /// The histogram of the magnitudes: exact but for its smallest value, which may be the lower end of its bucket.
    pub(crate) fn magnitudes(&self) -> Self {
        let mut magnitudes = Self { pages: vec![None; PAGES], count: self.count, ..*self };
        let shift = MANTISSA - self.mantissa_bits;
        let last = (1_u64 << shift) - 1;
        let middle = 1 << (MANTISSA + 8 - shift);
        for (bucket, added) in self.tallies() {
            let (bucket, rest) = if bucket < middle {
                (2 * middle - 1 - bucket, added.count * last - added.rest)
            } else {
                (bucket, added.rest)
            };
            let tally = magnitudes.tally(bucket);
            tally.count += added.count;
            tally.rest += rest;
        }
        let smallest = magnitudes.buckets().next().map(|bucket| bucket.low);
        magnitudes.ends = self.ends.zip(smallest).map(|((low, high), smallest)| {
            let same_sign = low > 0.0 || high < 0.0;
            (if same_sign { low.abs().min(high.abs()) } else { smallest }, low.abs().max(high.abs()))
        });
        magnitudes
    }

    /// Up to four points for each bucket and how much each counts, in place of the values.
    pub(crate) fn points(&self) -> (Vec<f32>, Vec<f32>) {
        let (mut points, mut weights) = (Vec::new(), Vec::new());
        let (min, max) = self.ends.unwrap_or_default();
        for bucket in self.buckets() {
            // A single value is known, and so are those that are all the same.
            let places: &[f64] = match bucket.spread() {
                spread if bucket.count > 1 && spread > 0.0 => &[-0.375, -0.125, 0.125, 0.375],
                _ => &[0.0],
            };
            for place in places {
                points.push(((bucket.mean + place * bucket.spread()) as f32).clamp(min, max));
                weights.push((bucket.count as f64 / places.len() as f64) as f32);
            }
        }
        // The ends are known too.
        if let [first, .., last] = &mut points[..] {
            (*first, *last) = (min, max);
        }
        (points, weights)
    }
}
