//! What all benches share: data, and the speed of a plain copy to compare with.
#![allow(dead_code, unreachable_pub, reason = "each bench uses a part of this")]

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use std::hint::black_box;

/// Values of most benches: 256 KiB of f32, which fit a second-level cache.
pub const LEN: usize = 1 << 16;

/// Nearly Gaussian weights of standard deviation 0.02, the same in every run.
pub fn weights(len: usize) -> Vec<f32> {
    let mut state = 1_u64;
    let mut unit = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    (0..len).map(|_| 0.02 * ((0..12).map(|_| unit()).sum::<f32>() - 6.0)).collect()
}

/// A group whose throughput is bytes of `len` f32 values a second, whatever is read or written, with a copy of them
/// first.
pub fn group<'a>(criterion: &'a mut Criterion, name: &str, len: usize) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(4 * len as u64));
    let (values, mut out) = (weights(len), vec![0.0; len]);
    group.bench_function("memcpy", |bencher| bencher.iter(|| black_box(&mut out).copy_from_slice(black_box(&values))));
    group
}
