//! Sixteen exact quantiles, interpolated between neighbours.

use crate::{group::Group, report::Report};
use fewbits::Quantiles;
use std::hint::black_box;

const COUNT: usize = 16;

pub fn measure(report: &mut Report, values: &[f32]) {
    let probabilities: [f64; COUNT] = std::array::from_fn(|i| (i as f64 + 0.5) / COUNT as f64);
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let expected = probabilities.map(|p| between(p, sorted.len(), |rank| sorted[rank]));
    let right = |quantiles: &[f64; COUNT]| quantiles.iter().zip(expected).all(|(q, e)| (q - e).abs() < 1e-9);

    let mut group = Group::new("16 quantiles", values.len());
    let ours = |out: &mut [f64; COUNT]| {
        Quantiles::new().of_into(black_box(values), &probabilities, out).expect("finite values");
    };
    group.add("fewbits", [0.0; COUNT], ours, right);

    let mut ranks: Vec<usize> = probabilities.iter().flat_map(|&p| neighbours(p, values.len())).collect();
    ranks.dedup();
    let (mut scratch, mut found) = (values.to_vec(), vec![0.0; ranks.len()]);
    let by_hand = move |out: &mut [f64; COUNT]| {
        scratch.copy_from_slice(black_box(values));
        select(&mut scratch, 0, &ranks, &mut found);
        let value = |rank| found[ranks.binary_search(&rank).expect("a rank that was asked for")];
        *out = probabilities.map(|p| between(p, values.len(), value));
    };
    group.add("by hand, select_nth_unstable", [0.0; COUNT], by_hand, right);
    report.run(group);
}

/// The ranks on either side.
fn neighbours(probability: f64, len: usize) -> [usize; 2] {
    let low = (probability * (len - 1) as f64) as usize;
    [low, (low + 1).min(len - 1)]
}

fn between(probability: f64, len: usize, value: impl Fn(usize) -> f32) -> f64 {
    let [low, high] = neighbours(probability, len).map(|rank| f64::from(value(rank)));
    low + (probability * (len - 1) as f64).fract() * (high - low)
}

/// Parts around the middle rank, then either side.
fn select(values: &mut [f32], below: usize, ranks: &[usize], found: &mut [f32]) {
    let middle = ranks.len() / 2;
    let Some(&rank) = ranks.get(middle) else { return };
    let (lower, &mut value, upper) = values.select_nth_unstable_by(rank - below, f32::total_cmp);
    found[middle] = value;
    let (left, right) = found.split_at_mut(middle);
    select(lower, below, &ranks[..middle], left);
    select(upper, rank + 1, &ranks[middle + 1..], &mut right[1..]);
}
