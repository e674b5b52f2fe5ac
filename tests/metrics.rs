//! Error statistics against their formulas, on ordinary and degenerate data.

mod common;

use approx::{assert_abs_diff_eq, assert_relative_eq};
use common::{Random, gaussian};
use fewbits::{
    Error, ErrorStats, Quantiles, abs_error_quantiles, bf16, bits_per_value, compression_ratio, entropy, f16,
    kl_divergence, max_ulp_distance, squared_and_largest_error,
};
use proptest::prelude::*;

/// Sums with a compensation for what rounding lost (Neumaier).
fn exact_sum(terms: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for term in terms {
        let next = sum + term;
        lost += if sum.abs() >= term.abs() { (sum - next) + term } else { (term - next) + sum };
        sum = next;
    }
    sum + lost
}

fn check(x: &[f32], y: &[f32]) {
    let stats = ErrorStats::measure(x, y).unwrap();
    let pairs = || x.iter().zip(y).map(|(&x, &y)| (f64::from(x), f64::from(y)));
    let n = x.len() as f64;
    let (errors, energy) = (exact_sum(pairs().map(|(x, y)| (y - x).powi(2))), exact_sum(pairs().map(|(x, _)| x * x)));
    let (restored, product) = (exact_sum(pairs().map(|(_, y)| y * y)), exact_sum(pairs().map(|(x, y)| x * y)));
    assert_relative_eq!(stats.mse(), errors / n, max_relative = 1e-12);
    assert_relative_eq!(stats.rmse(), (errors / n).sqrt(), max_relative = 1e-12);
    let largest = pairs().map(|(x, y)| (y - x).abs()).fold(0.0, f64::max);
    assert_eq!(stats.max_abs_error(), largest);
    let first = pairs().position(|(x, y)| (y - x).abs() == largest).unwrap();
    assert_eq!(stats.max_abs_index(), Some(first as u64));
    let low = pairs().map(|(x, _)| x).fold(f64::INFINITY, f64::min);
    let high = pairs().map(|(x, _)| x).fold(f64::NEG_INFINITY, f64::max);
    assert_eq!(stats.range(), high - low);
    if errors > 0.0 && energy > 0.0 {
        assert_abs_diff_eq!(stats.sqnr_db(), 10.0 * (energy / errors).log10(), epsilon = 1e-9);
    }
    if errors > 0.0 && high > low {
        let psnr = 20.0 * (high - low).log10() - 10.0 * (errors / n).log10();
        assert_abs_diff_eq!(stats.psnr_db(), psnr, epsilon = 1e-9);
    }
    let (bias, size) = (exact_sum(pairs().map(|(x, y)| y - x)), exact_sum(pairs().map(|(x, y)| (y - x).abs())));
    assert_relative_eq!(stats.mae(), size / n, max_relative = 1e-12);
    assert_abs_diff_eq!(stats.bias(), bias / n, epsilon = 1e-12 * stats.mae());
    let relative = pairs().filter(|&(x, _)| x != 0.0).map(|(x, y)| ((y - x) / x).abs()).fold(0.0, f64::max);
    assert_eq!(stats.max_relative_error(), relative);
    assert_eq!(stats.zeros_changed(), pairs().filter(|&(x, y)| x == 0.0 && y != 0.0).count() as u64);
    if high > low {
        assert_relative_eq!(stats.nrmse(), (errors / n).sqrt() / (high - low), max_relative = 1e-12);
        assert_eq!(stats.max_error_of_range(), largest / (high - low));
    }
    let (mean_x, mean_y) = (exact_sum(pairs().map(|(x, _)| x)) / n, exact_sum(pairs().map(|(_, y)| y)) / n);
    let spread_x = exact_sum(pairs().map(|(x, _)| (x - mean_x).powi(2)));
    let spread_y = exact_sum(pairs().map(|(_, y)| (y - mean_y).powi(2)));
    let together = exact_sum(pairs().map(|(x, y)| (x - mean_x) * (y - mean_y)));
    // Where all values are nearly equal, rounding is all there is.
    if spread_x > 1e-9 * energy && errors > 0.0 {
        assert_abs_diff_eq!(stats.snr_db(), 10.0 * (spread_x / errors).log10(), epsilon = 1e-6);
    }
    if spread_x > 1e-9 * energy && spread_y > 1e-9 * restored {
        assert_abs_diff_eq!(stats.pearson(), together / (spread_x * spread_y).sqrt(), epsilon = 1e-6);
    }
    let cosine = product / (energy * restored).sqrt();
    if cosine.is_finite() {
        assert_abs_diff_eq!(stats.cosine(), cosine, epsilon = 1e-12);
    }
}

#[test]
fn figures_equal_their_formulas() {
    let mut random = Random(1);
    for len in (1..=70).chain([1023, 1024, 1025, 100_000]) {
        let x = gaussian(len, len as u64);
        let y: Vec<f32> = x.iter().map(|x| x + (random.unit() - 0.5) * 0.01).collect();
        check(&x, &y);
    }
    // Cancellation: a large mean and a small error.
    let x: Vec<f32> = gaussian(1 << 20, 9).iter().map(|x| x + 1e4).collect();
    let y: Vec<f32> = x.iter().map(|x| x + 0.001).collect();
    check(&x, &y);
}

proptest! {
    #[test]
    fn any_values(pairs in prop::collection::vec((any::<f32>(), any::<f32>()), 1..200)) {
        let (x, y): (Vec<f32>, Vec<f32>) = pairs.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).unzip();
        prop_assume!(!x.is_empty());
        check(&x, &y);
    }

    #[test]
    fn parts_merge_to_the_whole(len in 2..9000_usize, seed in any::<u64>()) {
        let mut random = Random(seed);
        let x = gaussian(len, seed);
        let y: Vec<f32> = x.iter().map(|x| x + 0.1 * random.unit()).collect();
        let whole = ErrorStats::measure(&x, &y).unwrap();
        let cut = random.below(len + 1);
        let first = ErrorStats::measure(&x[..cut], &y[..cut]).unwrap();
        let second = ErrorStats::measure(&x[cut..], &y[cut..]).unwrap();
        let merged = first.merge(&second);
        prop_assert_eq!(merged.len(), whole.len());
        prop_assert_eq!(merged.max_abs_error(), whole.max_abs_error());
        prop_assert_eq!(merged.max_abs_index(), whole.max_abs_index());
        prop_assert_eq!(merged.range(), whole.range());
        assert_relative_eq!(merged.mse(), whole.mse(), max_relative = 1e-12);
        assert_relative_eq!(merged.cosine(), whole.cosine(), max_relative = 1e-12);
        assert_abs_diff_eq!(merged.pearson(), whole.pearson(), epsilon = 1e-9);
        assert_abs_diff_eq!(merged.snr_db(), whole.snr_db(), epsilon = 1e-9);
        assert_abs_diff_eq!(merged.bias(), whole.bias(), epsilon = 1e-12);
        prop_assert_eq!(merged.max_relative_error(), whole.max_relative_error());
        prop_assert_eq!(ErrorStats::default().merge(&whole), whole);
        prop_assert_eq!(whole.merge(&ErrorStats::default()), whole);
    }
}

#[test]
fn the_order_of_additions_is_as_documented() {
    let (x, y) = (gaussian(10_000, 3), gaussian(10_000, 4));
    let mut expected = 0.0;
    for (x, y) in x.chunks(1024).zip(y.chunks(1024)) {
        let mut lanes = [0.0_f64; 8];
        for (i, (&x, &y)) in x.iter().zip(y).enumerate() {
            lanes[i % 8] += (f64::from(y) - f64::from(x)).powi(2);
        }
        let [a, b, c, d, e, f, g, h] = lanes;
        expected += ((a + e) + (c + g)) + ((b + f) + (d + h));
    }
    assert_eq!(ErrorStats::measure(&x, &y).unwrap().mse().to_bits(), (expected / 10_000.0).to_bits());
}

#[test]
fn elements_measure_as_their_widened_values() {
    let x = gaussian(5000, 5);
    let halves: Vec<f16> = x.iter().map(|&x| f16::from_f32(x)).collect();
    let brains: Vec<bf16> = x.iter().map(|&x| bf16::from_f32(x)).collect();
    let wide_halves: Vec<f32> = halves.iter().map(|x| x.to_f32()).collect();
    let wide_brains: Vec<f32> = brains.iter().map(|x| x.to_f32()).collect();
    let stats = ErrorStats::measure(&halves, &brains).unwrap();
    assert_eq!(stats, ErrorStats::measure(&wide_halves, &wide_brains).unwrap());
    // 8 significant bits, rounded to nearest.
    assert!((48.0..60.0).contains(&ErrorStats::measure(&x, &brains).unwrap().sqnr_db()));
}

#[test]
fn degenerate_data_has_defined_figures() {
    let none: [f32; 0] = [];
    let empty = ErrorStats::measure(&none, &none).unwrap();
    assert!(empty.is_empty() && empty.max_abs_index().is_none() && empty == ErrorStats::default());
    let figures =
        |s: &ErrorStats| [s.mse(), s.rmse(), s.max_abs_error(), s.range(), s.sqnr_db(), s.psnr_db(), s.cosine()];
    assert!(figures(&empty).iter().all(|x| x.is_nan()));

    let identical = ErrorStats::measure(&[1.0_f32, -2.0], &[1.0_f32, -2.0]).unwrap();
    let infinite = f64::INFINITY;
    assert_eq!(figures(&identical), [0.0, 0.0, 0.0, 3.0, infinite, infinite, 1.0]);
    assert_eq!(identical.max_abs_index(), Some(0));
    let zeros = ErrorStats::measure(&[0.0_f32; 3], &[0.0_f32; 3]).unwrap();
    assert_eq!(figures(&zeros), [0.0, 0.0, 0.0, 0.0, infinite, infinite, 1.0]);
    let from_zero = ErrorStats::measure(&[0.0_f32; 2], &[1.0_f32; 2]).unwrap();
    assert_eq!(figures(&from_zero), [1.0, 1.0, 1.0, 0.0, -infinite, -infinite, 0.0]);
    let constant = ErrorStats::measure(&[3.0_f32; 2], &[3.0_f32, 4.0]).unwrap();
    assert_eq!((constant.range(), constant.psnr_db(), constant.max_abs_index()), (0.0, -infinite, Some(1)));

    let lengths = ErrorStats::measure(&[1.0_f32, 2.0], &[1.0_f32]);
    assert_eq!(lengths, Err(Error::Length { what: "restored", expected: 2, actual: 1 }));

    assert_eq!((constant.snr_db(), constant.nrmse(), constant.pearson()), (-infinite, infinite, 0.0));
    assert_eq!(
        (identical.snr_db(), identical.nrmse(), identical.pearson(), identical.bias()),
        (infinite, 0.0, 1.0, 0.0)
    );
    assert_eq!((from_zero.max_relative_error(), from_zero.zeros_changed(), from_zero.mae()), (0.0, 2, 1.0));
    assert_eq!((zeros.nrmse(), zeros.max_error_of_range(), zeros.zeros_changed()), (0.0, 0.0, 0));
    let more = [empty.mae(), empty.bias(), empty.nrmse(), empty.snr_db(), empty.pearson(), empty.max_relative_error()];
    assert!(more.iter().all(|x| x.is_nan()));

    // The whole range of f32 overflows nothing.
    let extreme = ErrorStats::measure(&[f32::MAX, -f32::MAX], &[-f32::MAX, f32::MAX]).unwrap();
    assert_eq!(extreme.max_abs_error(), 2.0 * f64::from(f32::MAX));
    assert_abs_diff_eq!(extreme.cosine(), -1.0, epsilon = 1e-12);
    assert_abs_diff_eq!(extreme.sqnr_db(), -20.0 * 2.0_f64.log10(), epsilon = 1e-9);
}

#[test]
fn non_finite_pairs_are_counted_and_left_out() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let x = [1.0, nan, inf, -inf, 2.0, nan, 4.0];
    let y = [1.5, nan, inf, inf, nan, 0.0, 4.0];
    let stats = ErrorStats::measure(&x, &y).unwrap();
    assert_eq!((stats.len(), stats.non_finite(), stats.non_finite_changed()), (2, 5, 3));
    assert_eq!((stats.mse(), stats.range(), stats.max_abs_index()), (0.125, 3.0, Some(0)));
    let none = ErrorStats::measure(&[nan], &[nan]).unwrap();
    assert!(none.is_empty() && none.mse().is_nan() && none.max_abs_index().is_none());
    // Positions count all pairs, left out or not.
    let late = ErrorStats::measure(&[nan, 1.0, 1.0], &[nan, 1.0, 2.0]).unwrap();
    assert_eq!(late.max_abs_index(), Some(2));
    assert_eq!(none.merge(&late).max_abs_index(), Some(3));
    assert_eq!(none.merge(&late).non_finite(), 2);
    let exact = ErrorStats::measure(&[nan, 1.0, 1.0], &[nan, 1.0, 1.0]).unwrap();
    assert_eq!(exact.max_abs_index(), Some(1));
}

#[test]
fn rates() {
    assert_eq!((bits_per_value(34, 32), compression_ratio::<f16>(34, 32)), (8.5, 64.0 / 34.0));
    assert!(bits_per_value(5, 0).is_nan() && compression_ratio::<f32>(0, 5).is_nan());
    assert_eq!(bits_per_value(0, 5), 0.0);
}

#[test]
fn quantiles_of_errors() {
    let (x, y) = (gaussian(3000, 7), gaussian(3000, 8));
    let mut errors: Vec<f32> = x.iter().zip(&y).map(|(x, y)| (f64::from(*y) - f64::from(*x)).abs() as f32).collect();
    errors.sort_unstable_by(f32::total_cmp);
    let found = abs_error_quantiles(Quantiles::new(), &x, &y, &[0.0, 1.0, 0.5]).unwrap();
    assert_eq!(found[..2], [f64::from(errors[0]), f64::from(errors[2999])]);
    assert_abs_diff_eq!(found[2], f64::midpoint(errors[1499].into(), errors[1500].into()), epsilon = 1e-12);
    let stats = ErrorStats::measure(&x, &y).unwrap();
    assert_eq!(found[1] as f32, stats.max_abs_error() as f32);
    let huge = abs_error_quantiles(Quantiles::new(), &[f32::MAX, 1.0], &[f32::MIN, 1.0], &[0.0, 1.0]);
    assert_eq!(huge, Ok(vec![0.0, f64::from(f32::MAX)]));
    let refused = abs_error_quantiles(Quantiles::new(), &[1.0_f32, f32::NAN], &[1.0_f32, 2.0], &[0.5]);
    assert_eq!(refused, Err(Error::NonFinite { index: 1 }));
    assert!(abs_error_quantiles(Quantiles::new(), &x, &y[1..], &[0.5]).is_err());
}

#[test]
fn distances_in_units_in_the_last_place() {
    let distance = |x: f32, y: f32| max_ulp_distance(&[x], &[y]).unwrap();
    for x in [0.0, 1.0, -1.0, f32::MIN_POSITIVE, -1e-40, 65536.0, f32::MAX, f32::NEG_INFINITY] {
        assert_eq!((distance(x, x), distance(x, x.next_up()), distance(x.next_up(), x)), (0, 1, 1), "{x:e}");
    }
    assert_eq!(distance(0.0, -0.0), 0);
    assert_eq!(distance(-f32::from_bits(3), f32::from_bits(4)), 7);
    assert_eq!(distance(f32::NEG_INFINITY, f32::INFINITY), 2 * 0x7f80_0000);
    assert_eq!(distance(f32::NAN, f32::NAN), 0);
    assert_eq!(max_ulp_distance(&[1.0, f32::NAN], &[1.0, 2.0]), Err(Error::NonFinite { index: 1 }));
    assert_eq!(max_ulp_distance(&[f16::ONE, f16::from_f32(-2.0)], &[f16::ONE, f16::from_f32(-2.5)]), Ok(256));
    assert_eq!(max_ulp_distance(&[bf16::ONE], &[bf16::from_f32(2.0)]), Ok(128));
    assert_eq!(max_ulp_distance::<f32>(&[], &[]), Ok(0));
}

#[test]
fn information_in_histograms() {
    assert_eq!((entropy(&[1; 256]), entropy(&[5]), entropy(&[0, 9, 0])), (8.0, 0.0, 0.0));
    assert!(entropy(&[]).is_nan() && entropy(&[0, 0]).is_nan());
    assert_eq!(kl_divergence(&[3, 5], &[6, 10]), Ok(0.0));
    assert!(kl_divergence(&[0], &[1]).unwrap().is_nan() && kl_divergence(&[1], &[1, 2]).is_err());
    // Cross entropy is entropy and divergence.
    let (p, q) = ([10_u64, 0, 30, 60], [25_u64, 5, 50, 20]);
    let cross: f64 = p.iter().zip(q).map(|(&p, q)| -(p as f64) / 100.0 * (q as f64 / 100.0).log2()).sum();
    assert_abs_diff_eq!(kl_divergence(&p, &q).unwrap(), cross - entropy(&p), epsilon = 1e-12);
    assert_eq!(entropy(&[u64::MAX, u64::MAX]), 1.0);
}

#[test]
fn squares_are_those_of_rounded_differences() {
    for len in [1, 15, 16, 1024, 1041, 5000] {
        // Differences that f32 holds, and others.
        let mut random = Random(5);
        let x: Vec<f32> = (0..len).map(|_| random.gaussian()).collect();
        let near: Vec<f32> = x.iter().map(|x| x * (1.0 + 0.1 * random.gaussian().clamp(-4.0, 4.0))).collect();
        let far: Vec<f32> = x.iter().map(|_| random.gaussian()).collect();
        for (y, is_near) in [(&near, true), (&far, false)] {
            let stats = ErrorStats::measure(&x, y).unwrap();
            let (sum, largest) = squared_and_largest_error(&x, y).unwrap();
            let rounded: f64 = x.iter().zip(y).map(|(x, y)| f64::from(y - x).powi(2)).sum();
            assert!((sum - rounded).abs() < 1e-13 * rounded, "{sum} {rounded}");
            let expected = len as f64 * stats.mse();
            assert!((sum - expected).abs() <= expected / f64::from(1 << 23), "{sum} {expected}");
            assert!(!is_near || (sum - expected).abs() < 1e-13 * expected, "{sum} {expected}");
            assert_eq!(largest, f64::from(stats.max_abs_error() as f32));
        }
    }
}

#[test]
fn squares_are_those_of_the_statistics() {
    for len in [1, 7, 8, 1024, 1025, 5000] {
        let x: Vec<f32> = (0..len).map(|i| (i as f32 * 0.37).sin() * 3e3).collect();
        let y: Vec<f32> = x.iter().enumerate().map(|(i, x)| x + (i as f32 * 1.7).cos() * 1e-3).collect();
        let stats = ErrorStats::measure(&x, &y).unwrap();
        let (sum, largest) = squared_and_largest_error(&x, &y).unwrap();
        assert!(sum > 0.0);
        assert_eq!(largest, stats.max_abs_error());
        assert_abs_diff_eq!(sum / len as f64 / stats.mse(), 1.0, epsilon = 1e-14);
        let halves: Vec<f16> = y.iter().map(|&y| f16::from_f32(y)).collect();
        let (sum, largest) = squared_and_largest_error(&x, &halves).unwrap();
        let stats = ErrorStats::measure(&x, &halves).unwrap();
        assert_eq!(largest, stats.max_abs_error());
        assert_abs_diff_eq!(sum / len as f64 / stats.mse(), 1.0, epsilon = 1e-14);
    }
    assert_eq!(squared_and_largest_error::<f32, f32>(&[], &[]), Ok((0.0, 0.0)));
    let far = squared_and_largest_error(&[f32::MIN], &[f32::MAX]).unwrap();
    assert_eq!(far, (4.0 * f64::from(f32::MAX).powi(2), 2.0 * f64::from(f32::MAX)));
    for (x, y) in [(f32::NAN, 0.0), (0.0, f32::INFINITY), (f32::INFINITY, f32::INFINITY)] {
        let mut pairs = ([1.0; 2000], [1.0; 2000]);
        (pairs.0[1500], pairs.1[1500]) = (x, y);
        assert_eq!(squared_and_largest_error(&pairs.0, &pairs.1), Err(Error::NonFinite { index: 1500 }));
    }
    assert!(squared_and_largest_error(&[1.0_f32], &[1.0_f32, 2.0]).is_err());
}

#[test]
fn a_ratio_that_is_larger_by_a_bit_is_found() {
    // Values that became 0 have a ratio of 1, in every block.
    let x: Vec<f32> = (0..5000).map(|i| 1.0 + (i % 7) as f32).collect();
    let mut y = vec![0.0; x.len()];
    assert_eq!(ErrorStats::measure(&x, &y).unwrap().max_relative_error(), 1.0);
    // A 1 that comes blocks later is exceeded by the last bit.
    y[4060] = -f32::EPSILON * f32::EPSILON / 64.0;
    assert_eq!(ErrorStats::measure(&x, &y).unwrap().max_relative_error(), 1.0_f64.next_up());
    // With a ratio of many bits before.
    y[100] = -1e-7;
    y[4060] = -4e-7;
    let expected = x.iter().zip(&y).map(|(&x, &y)| ((f64::from(y) - f64::from(x)) / f64::from(x)).abs());
    let stats = ErrorStats::measure(&x, &y).unwrap();
    assert_eq!(stats.max_relative_error(), expected.fold(0.0, f64::max));
}

#[test]
fn moments_are_exact_however_far_values_are_from_zero() {
    let mut random = Random(9);
    for (offset, scale) in [(0.0, 1.0), (100.0, 1.0), (-300.0, 1.0), (1e4, 1.0), (1e6, 1.0), (1e4, 1e-4), (0.0, 0.0)] {
        let x: Vec<f32> = (0..3000).map(|_| offset + random.gaussian()).collect();
        // Few values far from zero are restored as values near it, and none of them is zero if scale is not.
        let y: Vec<f32> = x.iter().map(|x| (x - if scale < 1.0 { offset } else { 0.0 } + 0.1) * scale).collect();
        let mean = |values: &[f32]| values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len() as f64;
        let (mean_x, mean_y) = (mean(&x), mean(&y));
        let about = |term: fn(f64, f64) -> f64| {
            x.iter().zip(&y).map(|(&x, &y)| term(f64::from(x) - mean_x, f64::from(y) - mean_y)).sum::<f64>()
        };
        let [xx, yy, xy] = [about(|x, _| x * x), about(|_, y| y * y), about(|x, y| x * y)];
        let stats = ErrorStats::measure(&x, &y).unwrap();
        let noise: f64 = x.iter().zip(&y).map(|(&x, &y)| (f64::from(y) - f64::from(x)).powi(2)).sum();
        assert_abs_diff_eq!(stats.snr_db(), 10.0 * (xx / noise).log10(), epsilon = 1e-8);
        if scale > 0.0 {
            assert_abs_diff_eq!(stats.pearson(), xy / (xx * yy).sqrt(), epsilon = 1e-9);
        }
    }
}

#[test]
fn moments_survive_a_first_pair_far_from_the_others() {
    for first in [1e3_f32, -1e6, 1e9] {
        let mut x: Vec<f32> = (0..3000).map(|i| ((i * 7919) % 1000) as f32 * 1e-3).collect();
        let mut y: Vec<f32> = x.iter().map(|x| x * 1.01 + 0.002).collect();
        (x[0], y[0], x[1024], y[2048]) = (first, first, first, -first);
        let wide = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let (x64, y64) = (wide(&x), wide(&y));
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let about = |a: &[f64], b: &[f64]| {
            let (mean_a, mean_b) = (mean(a), mean(b));
            a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>()
        };
        let stats = ErrorStats::measure(&x, &y).unwrap();
        let pearson = about(&x64, &y64) / (about(&x64, &x64) * about(&y64, &y64)).sqrt();
        assert!((stats.pearson() - pearson).abs() < 1e-11, "{} {pearson}", stats.pearson());
        let noise: f64 = x64.iter().zip(&y64).map(|(x, y)| (y - x) * (y - x)).sum();
        let snr = 10.0 * (about(&x64, &x64) / noise).log10();
        assert!((stats.snr_db() - snr).abs() < 1e-11, "{} {snr}", stats.snr_db());
    }
}
