//! Errors of restored values. Speeds count the original only, though both are read.

use crate::{group::Group, report::Report};
use fewbits::{ErrorStats, squared_and_largest_error};
use simsimd::SpatialSimilarity;
use std::hint::black_box;

pub fn measure(report: &mut Report, values: &[f32]) {
    let restored: Vec<f32> = values.iter().map(|x| (x * 512.0).round() / 512.0).collect();
    let expected: f64 = values.iter().zip(&restored).map(|(x, y)| f64::from(x - y).powi(2)).sum();
    let right = |sum: f64| (sum / expected - 1.0).abs() < 1e-3;

    let squares = |out: &mut f64| *out = f32::l2sq(black_box(values), black_box(&restored)).expect("the same length");
    let mut group = Group::new("squares and the largest", values.len());
    let both = |out: &mut (f64, f64)| {
        *out = squared_and_largest_error(black_box(values), black_box(&restored)).expect("finite, of the same length");
    };
    group.add("fewbits", (0.0, 0.0), both, |&(sum, _)| right(sum));
    group.add("simsimd l2sq, squares alone", 0.0, squares, |&sum| right(sum));
    report.run(group);
    let mut group = Group::new("error statistics", values.len());
    let ours = |out: &mut ErrorStats| {
        *out = ErrorStats::measure(black_box(values), black_box(&restored)).expect("the same length");
    };
    group.add("fewbits", ErrorStats::default(), ours, |stats| right(stats.mse() * values.len() as f64));
    group.add("simsimd l2sq, squares alone", 0.0, squares, |&sum| right(sum));
    let by_hand = |out: &mut (f64, f32)| {
        let pairs = black_box(values).iter().zip(black_box(&restored));
        *out = pairs.fold((0.0, 0.0), |(sum, largest), (x, y)| {
            let error = (x - y).abs();
            (sum + f64::from(error) * f64::from(error), f32::max(largest, error))
        });
    };
    group.add("by hand, squares and the largest", (0.0, 0.0), by_hand, |&(sum, _)| right(sum));
    report.run(group);
}
