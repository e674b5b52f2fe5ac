//! Histograms: the same from any split and any order of merges, near the values they stand for, safe to read.

mod common;

use common::{Random, data_sets, gaussian};
use fewbits::{
    Affine, DType, Error, ErrorKind, ErrorStats, Fit, Grid, Groups, Histogram, NonFinite, Quantiles, QuantizerExt,
    Range, Scale, Uniform, UniformQuantizer, bf16, f16,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn of(values: &[f32]) -> Histogram {
    let mut histogram = Histogram::new();
    histogram.add(values).unwrap();
    histogram
}

/// Counts values by their bits, the slow way.
#[test]
fn buckets_hold_what_agrees_in_sign_exponent_and_leading_bits() {
    for bits in 0..=10 {
        for (name, values) in data_sets() {
            let mut histogram = Histogram::with_mantissa_bits(bits).unwrap();
            histogram.add(&values).unwrap();
            let mut expected: BTreeMap<(bool, u32), Vec<f64>> = BTreeMap::new();
            for &x in &values {
                let x = if x == 0.0 { 0.0 } else { x };
                expected.entry((x < 0.0, x.to_bits() >> (23 - bits))).or_default().push(x.into());
            }
            let mut seen = 0;
            let mut last = f32::NEG_INFINITY;
            for bucket in histogram.buckets() {
                assert!(bucket.low <= bucket.high && (last < bucket.low || last == 0.0), "{name}: out of order");
                last = bucket.high;
                // Zero bounds the buckets on both sides of it.
                let inner = if bucket.mean < 0.0 { bucket.low } else { bucket.high };
                let values = &expected[&(bucket.mean < 0.0, inner.to_bits() >> (23 - bits))];
                assert_eq!(bucket.count, values.len() as u64, "{name}");
                let ends = f64::from(bucket.low)..=f64::from(bucket.high);
                assert!(values.iter().all(|x| ends.contains(x)) && ends.contains(&bucket.mean), "{name}");
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                assert!((bucket.mean - mean).abs() <= 1e-13 * mean.abs(), "{name}: {} is not {mean}", bucket.mean);
                seen += 1;
            }
            assert_eq!(seen, expected.len(), "{name}");
            assert_eq!(histogram.count(), values.len() as u64);
            let smallest = values.iter().copied().fold(f32::INFINITY, f32::min);
            assert_eq!(histogram.min(), Some(smallest));
            assert_eq!(histogram.max(), values.iter().copied().reduce(f32::max));
        }
    }
}

#[test]
fn an_empty_histogram_says_so() {
    let empty = Histogram::new();
    assert_eq!((empty.count(), empty.min(), empty.max(), empty.mean(), empty.dtype()), (0, None, None, None, None));
    assert_eq!(empty.standard_deviation(), None);
    assert_eq!(empty.quantiles(&[0.5]), Err(Error::Empty));
    assert_eq!(Uniform::new(4).fit(std::slice::from_ref(&empty)), Err(Error::Empty));
    assert_eq!(Histogram::from_bytes(&empty.to_bytes()), Ok(empty.clone()));
    let mut merged = of(&[1.0, 2.0]);
    merged.merge(&empty).unwrap();
    assert_eq!(merged, of(&[1.0, 2.0]));
    let mut merged = empty;
    merged.add::<f32>(&[]).unwrap();
    merged.merge(&of(&[1.0, 2.0])).unwrap();
    assert_eq!(merged, of(&[1.0, 2.0]));
}

#[test]
fn a_value_that_is_not_finite_leaves_everything_as_it_was() {
    let mut histogram = of(&[1.0]);
    let mut values = vec![2.0_f32; 10_000];
    values[9_000] = f32::NEG_INFINITY;
    assert_eq!(histogram.add(&values), Err(Error::NonFinite { index: 9_000 }));
    assert_eq!(histogram.add(&[f16::from_f32(3.0), f16::NAN]), Err(Error::NonFinite { index: 1 }));
    assert_eq!(histogram, of(&[1.0]));
}

#[test]
fn the_element_is_the_widest_one_seen() {
    let (half, brain) = ([f16::from_f32(0.3)], [bf16::from_f32(0.3)]);
    let mut histogram = Histogram::new();
    histogram.add(&half).unwrap();
    assert_eq!(histogram.dtype(), Some(DType::F16));
    let mut other = Histogram::new();
    other.add(&brain).unwrap();
    assert_eq!(other.dtype(), Some(DType::Bf16));
    histogram.merge(&other).unwrap();
    assert_eq!(histogram.dtype(), Some(DType::F32));
}

#[test]
fn quantiles_are_within_a_bucket_and_exact_where_buckets_hold_one_value() {
    let probabilities: Vec<f64> = (0..=200).map(|i| f64::from(i) / 200.0).collect();
    for (name, values) in data_sets() {
        let (histogram, exact) = (of(&values), Quantiles::new().of(&values, &probabilities).unwrap());
        let near = histogram.quantiles(&probabilities).unwrap();
        assert_eq!((near[0], near[200]), (exact[0], exact[200]), "{name}: extremes are exact");
        // Between two values far apart, both ends are off by a bucket.
        let width = values.iter().map(|x| x.abs()).fold(0.0, f32::max) / 128.0;
        for (a, b) in near.iter().zip(&exact) {
            assert!((a - b).abs() <= f64::from(width) + 1e-40, "{name}: {a} for {b}");
        }
        if name == "gaussian" {
            let off = near.iter().zip(&exact).map(|(a, b)| (a - b).abs() / b.abs().max(0.01)).fold(0.0, f64::max);
            assert!(off < 1.0 / 128.0, "{off}");
        }
        let brains: Vec<bf16> = values.iter().map(|&x| bf16::from_f32(x)).filter(|x| x.is_finite()).collect();
        let mut histogram = Histogram::new();
        histogram.add(&brains).unwrap();
        if let Ok(exact) = Quantiles::new().of(&brains, &probabilities) {
            for (a, b) in histogram.quantiles(&probabilities).unwrap().iter().zip(&exact) {
                assert!((a - b).abs() <= 1e-12 * b.abs(), "{name} as bf16: {a} for {b}");
            }
        }
    }
}

#[test]
fn moments_are_those_of_the_values() {
    let values: Vec<f32> = gaussian(100_000, 4).iter().map(|x| x * 3.0 + 5.0).collect();
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / 1e5;
    let deviation = (values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / 1e5).sqrt();
    let histogram = of(&values);
    assert!((histogram.mean().unwrap() / mean - 1.0).abs() < 1e-13);
    assert!((histogram.standard_deviation().unwrap() / deviation - 1.0).abs() < 1e-5);
}

fn mse(quantizer: &UniformQuantizer, data: &[f32]) -> f64 {
    ErrorStats::measure(data, &quantizer.fake_quantize(data).unwrap()).unwrap().mse()
}

#[test]
fn settings_fit_histograms_as_they_fit_values() {
    let data: Vec<f32> = gaussian(50_000, 8).iter().map(|x| x * x * x + 0.5).collect();
    let histogram = [of(&data)];
    for bits in 2..=8 {
        for settings in [Uniform::new(bits), Uniform::new(bits).asymmetric(), Uniform::new(bits).mid_rise()] {
            // From the extremes: the same, bit for bit.
            assert_eq!(settings.fit(&data).unwrap(), settings.fit(&histogram).unwrap());
            for range in [Range::Percentile(0.999), Range::MeanStd(3.0)] {
                let settings = settings.clone().range(range);
                let (exact, near) = (settings.fit(&data).unwrap(), settings.fit(&histogram).unwrap());
                let ratio = exact.scales()[0] / near.scales()[0];
                assert!((ratio - 1.0).abs() < 1.0 / 128.0, "{bits} bits, {range:?}: {ratio}");
            }
            let settings = settings.clone().range(Range::Mse);
            let (exact, near) = (settings.fit(&data).unwrap(), settings.fit(&histogram).unwrap());
            let loss = 10.0 * (mse(&near, &data) / mse(&exact, &data)).log10();
            assert!(loss < 0.05, "{bits} bits: {loss} dB more than from the values");
        }
    }
    let grid = Scale::new(Grid::new(0, 15).unwrap());
    assert_eq!(grid.fit(&data).unwrap(), grid.fit(&histogram).unwrap());
    let onnx = Affine::dynamic_quantize_linear();
    assert_eq!(onnx.fit(&data).unwrap(), onnx.fit(&histogram).unwrap());
}

#[test]
fn one_histogram_for_each_index_of_an_axis() {
    let data = gaussian(600, 5);
    let rows: Vec<Histogram> = data.chunks(200).map(of).collect();
    let settings = Uniform::new(4).per_axis(&[3, 200], 0);
    assert_eq!(settings.fit(&data).unwrap(), settings.fit(&rows).unwrap());
    let affine = Affine::torch(Grid::I8).per_axis(&[3, 200], 0);
    assert_eq!(affine.fit(&data).unwrap(), affine.fit(&rows).unwrap());
    let error = settings.fit(&rows[..2]).unwrap_err();
    assert_eq!(error, Error::Length { what: "histograms", expected: 3, actual: 2 });
    assert!(matches!(Uniform::new(4).per_block(32).fit(&rows), Err(Error::Setting { name: "block", .. })));
}

#[test]
fn histograms_of_groups_are_those_of_their_values() {
    let data = gaussian(3 * 50 * 4, 15);
    for axis in 0..3 {
        let groups = Groups::axis(&[3, 50, 4], axis).unwrap();
        let mut together = vec![Histogram::new(); groups.count()];
        Histogram::add_grouped(&mut together, &groups, NonFinite::refuse(), &data).unwrap();
        for (group, histogram) in together.iter().enumerate() {
            let values: Vec<f32> = (0..data.len()).filter(|&i| groups.group_of(i) == group).map(|i| data[i]).collect();
            assert_eq!(*histogram, of(&values), "axis {axis}, group {group}");
        }
        let settings = Uniform::new(5).per_axis(&[3, 50, 4], axis);
        assert_eq!(settings.fit(&together).unwrap(), settings.fit(&data).unwrap());
        let least = settings.range(Range::Mse);
        let loss = 10.0 * (mse(&least.fit(&together).unwrap(), &data) / mse(&least.fit(&data).unwrap(), &data)).log10();
        assert!(loss < 0.1, "axis {axis}: {loss} dB");
        // Partial rows, other counts and bad values change nothing.
        let before = together.clone();
        let strict = NonFinite::refuse();
        assert!(Histogram::add_grouped(&mut together[1..], &groups, strict, &data).is_err());
        let mixed = [1.0, f32::NAN, 2.0].repeat(200);
        assert!(Histogram::add_grouped(&mut together, &groups, strict, &mixed).is_err());
        assert_eq!(together, before);
        let mut present = vec![Histogram::new(); groups.count()];
        Histogram::add_grouped(&mut present, &groups, NonFinite::keep(), &mixed).unwrap();
        assert_eq!(present.iter().map(Histogram::count).sum::<u64>(), 400);
    }
    let columns = Groups::axis(&[1, 3], 1).unwrap();
    let mut three = vec![Histogram::new(); 3];
    assert!(Histogram::add_grouped(&mut three, &columns, NonFinite::refuse(), &[1.0_f32, 2.0]).is_err());
}

#[test]
fn other_widths_of_buckets_merge_and_travel_too() {
    let data: Vec<f32> = gaussian(2000, 16).iter().map(|x| x * x * x).collect();
    for bits in [0, 3, 10] {
        let of = |values: &[f32]| {
            let mut histogram = Histogram::with_mantissa_bits(bits).unwrap();
            histogram.add(values).unwrap();
            histogram
        };
        let (mut merged, whole) = (of(&data[1500..]), of(&data));
        merged.merge(&Histogram::from_bytes(&of(&data[..1500]).to_bytes()).unwrap()).unwrap();
        assert_eq!((merged.mantissa_bits(), &merged), (bits, &whole));
        let settings = Uniform::new(8).range(Range::Percentile(0.99));
        let ratio = settings.fit(&[whole]).unwrap().scales()[0] / settings.fit(&data).unwrap().scales()[0];
        assert!((ratio - 1.0).abs() <= 2.0_f32.powi(-(bits as i32)), "{bits} bits: {ratio}");
    }
}

#[test]
fn bytes_return_the_same_histogram_and_damage_is_noticed() {
    for (name, values) in data_sets() {
        let histogram = of(&values);
        let bytes = histogram.to_bytes();
        let again = Histogram::from_bytes(&bytes).unwrap();
        assert_eq!((&again, again.to_bytes()), (&histogram, bytes.clone()), "{name}");
        for len in 0..bytes.len() {
            assert!(Histogram::from_bytes(&bytes[..len]).is_err(), "{name}, cut to {len}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Histogram::from_bytes(&flipped).is_err(), "{name}, bit {bit} flipped");
        }
    }
}

fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

#[test]
fn forged_bytes_are_errors_or_histograms_that_work() {
    let mut random = Random(3);
    let whole = of(&gaussian(300, 6)).to_bytes();
    let body = &whole[..whole.len() - 4];
    let mut accepted = 0;
    for _ in 0..20_000 {
        let mut forged = body.to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(forged.len());
            forged[at] ^= 1 << random.below(8);
        }
        forged.truncate(forged.len() - random.below(2) * random.below(5));
        if let Ok(histogram) = Histogram::from_bytes(&with_checksum(forged)) {
            accepted += 1;
            let median = histogram.quantiles(&[0.5]).unwrap()[0];
            assert!(median.is_finite() && histogram.mean().unwrap().is_finite());
            let quantizer = Uniform::new(4).range(Range::Mse).asymmetric().fit(&[histogram]).unwrap();
            assert!(quantizer.scales()[0] > 0.0);
        }
    }
    assert!(accepted > 0);
    // Extremes that no histogram has: a negative zero, and values that are not of the element.
    let ends = |values: &[f32], low: f32, element: u8| {
        let bytes = of(values).to_bytes();
        let mut body = bytes[..bytes.len() - 4].to_vec();
        let at = body.len() - 8;
        body[at..at + 4].copy_from_slice(&low.to_le_bytes());
        body[1] |= element << 4;
        Histogram::from_bytes(&with_checksum(body)).map(|histogram| histogram.min())
    };
    assert_eq!(ends(&[0.0, 1.0], 0.0, 0), Ok(Some(0.0)));
    assert_eq!(ends(&[0.0, 1.0], -0.0, 0).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(ends(&[1.0, 2.0], 1.0, 1), Ok(Some(1.0)));
    assert_eq!(ends(&[1.0, 2.0], 1.0001, 1).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(ends(&[-1e10, 2.0], -1e10, 1).unwrap_err().kind(), ErrorKind::Corrupt);
    // An element without values.
    assert!(Histogram::from_bytes(&with_checksum(vec![0, 7, 0])).is_ok());
    assert!(Histogram::from_bytes(&with_checksum(vec![0, 7 | 1 << 4, 0])).is_err());
    // 2^40 + 1 values, then 2^40 in each of two.
    let header = [fewbits::FORMAT_VERSION, 7, 1];
    let varint = |mut x: u64| {
        let mut bytes = Vec::new();
        while x >= 128 {
            bytes.push(x as u8 | 128);
            x >>= 7;
        }
        bytes.push(x as u8);
        bytes
    };
    let forged = |count: u64| {
        let one = 1.0_f32.to_le_bytes();
        let bucket = u64::from((0x8000_0000 | 1.0_f32.to_bits()) >> 16);
        with_checksum([&header[..], &varint(bucket), &varint(count), &varint(0), &one, &one].concat())
    };
    let full = Histogram::from_bytes(&forged(1 << 40)).unwrap();
    assert_eq!((full.count(), full.mean()), (1 << 40, Some(1.0)));
    assert_eq!(Histogram::from_bytes(&forged((1 << 40) + 1)).unwrap_err().kind(), ErrorKind::Corrupt);
    let mut sum = full.clone();
    assert!(matches!(sum.merge(&full), Err(Error::Setting { .. })));
    assert!(matches!(sum.add(&[1.0_f32]), Err(Error::Setting { .. })));
    assert_eq!(sum, full);
}

#[test]
fn histograms_of_other_widths_do_not_merge() {
    assert!(matches!(Histogram::with_mantissa_bits(11), Err(Error::Setting { .. })));
    let mut histogram = Histogram::with_mantissa_bits(5).unwrap();
    let error = histogram.merge(&of(&[1.0])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert_eq!(histogram.count(), 0);
}

proptest! {
    #[test]
    fn any_split_and_any_order_of_merges_give_the_same_bytes(
        bits in prop::collection::vec(any::<u32>(), 1..200),
        cuts in prop::collection::vec(0_usize..200, 0..5),
        rotate in 0_usize..6,
    ) {
        let values: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|x| x.is_finite()).collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (values.len() + 1)).collect();
        cuts.extend([0, values.len()]);
        cuts.sort_unstable();
        let mut parts: Vec<Histogram> = cuts.windows(2).map(|cut| of(&values[cut[0]..cut[1]])).collect();
        let at = rotate % parts.len();
        parts.rotate_left(at);
        let mut merged = Histogram::new();
        for part in &parts {
            // Through bytes, as between machines.
            merged.merge(&Histogram::from_bytes(&part.to_bytes()).unwrap()).unwrap();
        }
        prop_assert_eq!(merged.to_bytes(), of(&values).to_bytes());
        prop_assert_eq!(merged, of(&values));
    }
}
