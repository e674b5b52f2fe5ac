//! Quantiles against numpy, against a full sort, and on data that is hard to partition.
//!
//! `tests/golden/numpy_quantiles.txt` was written once, with numpy 2.4.6, by
//! `python3 tests/golden/numpy_quantiles.py >tests/golden/numpy_quantiles.txt`; the script says how to read it.

mod common;

use common::{Random, gaussian};
use fewbits::{Element, Error, NanPolicy, QuantileMethod, Quantiles, bf16, f16};
use proptest::prelude::*;

/// In the order of the golden file.
const METHODS: [QuantileMethod; 13] = [
    QuantileMethod::InvertedCdf,
    QuantileMethod::AveragedInvertedCdf,
    QuantileMethod::ClosestObservation,
    QuantileMethod::InterpolatedInvertedCdf,
    QuantileMethod::Hazen,
    QuantileMethod::Weibull,
    QuantileMethod::Linear,
    QuantileMethod::MedianUnbiased,
    QuantileMethod::NormalUnbiased,
    QuantileMethod::Lower,
    QuantileMethod::Higher,
    QuantileMethod::Midpoint,
    QuantileMethod::Nearest,
];

/// Equal as numbers: zeros of either sign are one, and so are all NaN.
fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

fn assert_same(actual: &[f64], expected: &[f64], what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
        assert!(same(*a, *e), "{what}: quantile {i} is {a:e} ({:016x}), not {e:e} ({:016x})", a.to_bits(), e.to_bits());
    }
}

/// Quantiles of sorted values without NaN, as numpy's documentation and roundings have them, by the functions of `std`.
fn of_sorted(x: &[f32], method: QuantileMethod, p: f64) -> f64 {
    use QuantileMethod as M;
    let n = x.len() as f64;
    let at = |rank: f64| f64::from(x[rank.clamp(0.0, n - 1.0) as usize]);
    let plotting = |alpha: f64, beta: f64| n * p + (alpha + p * (1.0 - alpha - beta)) - 1.0;
    let linear = (n - 1.0) * p;
    let h = match method {
        M::InvertedCdf => return at((n * p - 1.0).ceil()),
        M::ClosestObservation => {
            let h = n * p - 1.5;
            let stays = h == h.floor() && h.floor().rem_euclid(2.0) == 1.0;
            return at(if stays { h } else { h.floor() + 1.0 });
        }
        M::Lower => return at(linear.floor()),
        M::Higher => return at(linear.ceil()),
        M::Nearest => return at(linear.round_ties_even()),
        M::AveragedInvertedCdf => n * p - 1.0,
        M::InterpolatedInvertedCdf => plotting(0.0, 1.0),
        M::Hazen => plotting(0.5, 0.5),
        M::Weibull => plotting(0.0, 0.0),
        M::MedianUnbiased => plotting(1.0 / 3.0, 1.0 / 3.0),
        M::NormalUnbiased => plotting(0.375, 0.375),
        M::Linear => linear,
        M::Midpoint => 0.5 * (linear.floor() + linear.ceil()),
        other => unreachable!("{other:?} is not known here"),
    };
    let (low, high) = if h < 0.0 {
        (0.0, 0.0)
    } else if h >= n - 1.0 {
        (n - 1.0, n - 1.0)
    } else {
        (h.floor(), h.floor() + 1.0)
    };
    let weight = match method {
        M::AveragedInvertedCdf if h == low && low < high => 0.5,
        M::AveragedInvertedCdf => 1.0,
        M::Midpoint if h == h.floor() => 0.0,
        M::Midpoint => 0.5,
        _ => h - low,
    };
    let difference = at(high) - at(low);
    if weight >= 0.5 { at(high) - difference * (1.0 - weight) } else { at(low) + difference * weight }
}

fn by_sorting(values: &[f32], method: QuantileMethod, probabilities: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    probabilities.iter().map(|&p| if sorted.is_empty() { f64::NAN } else { of_sorted(&sorted, method, p) }).collect()
}

/// Both ends, every rank of `n` values under both products, and a little to either side.
fn probabilities_near_ranks(n: usize) -> Vec<f64> {
    let steps = (0..=2 * n).map(|i| i as f64 / 2.0);
    steps
        .flat_map(|i| [i / n as f64, i / (n as f64 - 1.0).max(1.0), i / (n as f64 + 1.0)])
        .flat_map(|p| [p.next_down(), p, p.next_up()])
        .filter(|p| (0.0..=1.0).contains(p))
        .collect()
}

fn narrowed<T: Element>(values: &[f32]) -> Vec<T> {
    let mut out = vec![T::default(); values.len()];
    T::narrow_into(values, &mut out).unwrap();
    out
}

/// A line of the golden file after its first word.
fn words(line: &str) -> std::str::SplitWhitespace<'_> {
    let mut words = line.split_whitespace();
    words.next();
    words
}

fn hexadecimal(word: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(&format!("{word:0<16}"), 16).unwrap())
}

fn policy(word: &str) -> NanPolicy {
    match word {
        "propagate" => NanPolicy::Propagate,
        "ignore" => NanPolicy::Ignore,
        other => unreachable!("{other}"),
    }
}

/// Calls `quantiles` for f32 values as the element that the golden file names.
macro_rules! with_element {
    ($element:expr, $values:expr, |$typed:ident| $quantiles:expr) => {
        match $element {
            "f32" => {
                let $typed = $values;
                $quantiles
            }
            "f16" => {
                let $typed = &narrowed::<f16>($values)[..];
                $quantiles
            }
            "bf16" => {
                let cut: Vec<bf16> = $values.iter().map(|x| bf16::from_bits((x.to_bits() >> 16) as u16)).collect();
                let $typed = &cut[..];
                $quantiles
            }
            other => unreachable!("{other}"),
        }
    };
}

#[test]
fn all_methods_equal_numpy() {
    let text = include_str!("golden/numpy_quantiles.txt");
    let bits = |word| f32::from_bits(u32::from_str_radix(word, 16).unwrap());
    let pool: Vec<f32> = text.lines().filter(|line| line.starts_with("pool")).flat_map(words).map(bits).collect();
    let mut lines = text.lines().filter(|line| !line.starts_with("pool"));
    let (mut cases, mut axes) = (0, 0);
    while let Some(line) = lines.next() {
        let mut head = words(line);
        let (element, policy) = (head.next().unwrap(), policy(head.next().unwrap()));
        let numbers: Vec<usize> = head.map(|word| word.parse().unwrap()).collect();
        let quantiles = Quantiles::new().nan(policy);
        if line.starts_with("case") {
            let [start, len] = numbers[..] else { panic!("{line}") };
            let values = &pool[start..start + len];
            for _ in 0..2 {
                let mut fields = lines.next().unwrap().split_whitespace();
                let p = hexadecimal(fields.next().unwrap());
                let letters = fields.next().unwrap().bytes();
                let results: Vec<f64> = fields.map(hexadecimal).collect();
                for (method, letter) in METHODS.into_iter().zip(letters) {
                    let actual = with_element!(element, values, |x| quantiles.method(method).of(x, &[p]).unwrap());
                    let expected = results[usize::from(letter - b'a')];
                    assert_same(&actual, &[expected], &format!("{line}, {method:?} of {p}"));
                }
            }
            cases += 1;
        } else {
            let [start, axis, method, ref shape @ ..] = numbers[..] else { panic!("{line}") };
            let values = &pool[start..start + shape.iter().product::<usize>()];
            let quantiles = quantiles.method(METHODS[method]);
            let probabilities: Vec<f64> = lines.next().unwrap().split_whitespace().map(hexadecimal).collect();
            let expected: Vec<f64> = lines.next().unwrap().split_whitespace().map(hexadecimal).collect();
            let actual =
                with_element!(element, values, |x| quantiles.along_axis(x, shape, axis, &probabilities).unwrap());
            assert_same(&actual, &expected, line);
            axes += 1;
        }
    }
    assert_eq!((cases, axes), (1000, 39));
}

#[test]
fn every_short_length_equals_a_full_sort() {
    let mut random = Random(1);
    for n in 1..=257 {
        let ties = n % 3 == 0;
        let values: Vec<f32> =
            (0..n).map(|_| if ties { random.below(5) as f32 } else { random.any_finite() }).collect();
        let probabilities = probabilities_near_ranks(n);
        for method in METHODS {
            let actual = Quantiles::new().method(method).of(&values, &probabilities).unwrap();
            assert_same(&actual, &by_sorting(&values, method, &probabilities), &format!("{n} values, {method:?}"));
        }
    }
}

#[test]
fn long_and_adversarial_data_equal_a_full_sort() {
    const LONG: usize = 1 << 20;
    let mut random = Random(2);
    let mut bits = |n: usize, mask: u32, base: u32| -> Vec<f32> {
        (0..n).map(|_| f32::from_bits(base | random.bits() as u32 & mask)).collect()
    };
    let one_bucket = bits(LONG, 0xffff, 0x3f80_0000);
    let same_lower_half = bits(LONG, 0xbfff_0000, 0x1234);
    let few_values = bits(LONG, 0x8000_8000, 0x3f80_0000);
    let any = bits(LONG, u32::MAX, 0);
    let mut sets = vec![
        ("gaussian", gaussian(LONG, 1)),
        ("constant", vec![-0.3; LONG]),
        ("one bucket", one_bucket),
        ("same lower half", same_lower_half),
        ("few values", few_values),
        ("any bits, NaN included", any),
        ("zeros of either sign", (0..LONG).map(|i| if i % 3 == 0 { 0.0 } else { -0.0 }).collect()),
        ("ascending", (0..LONG).map(|i| i as f32).collect()),
        ("descending", (0..LONG).map(|i| -(i as f32)).collect()),
        ("infinities", (0..LONG).map(|i| [f32::INFINITY, 1.0, -f32::INFINITY][i % 3]).collect()),
        ("one outlier", (0..LONG).map(|i| if i == 77 { f32::MAX } else { 1e-30 }).collect()),
        ("all NaN but one", (0..LONG).map(|i| if i == 77 { 5.0 } else { f32::NAN }).collect()),
    ];
    // Around the length from which values are counted.
    sets.extend([16_383, 16_384, 16_385].map(|n| ("gaussian, shorter", gaussian(n, n as u64))));
    let few: Vec<f64> = (0..16).map(|i| (f64::from(i) + 0.5) / 16.0).chain([0.0, 1.0]).collect();
    let many: Vec<f64> = (0..5000).map(|i| f64::from(i) / 4999.0).rev().collect();
    for (name, values) in &sets {
        let mut sorted: Vec<f32> = values.iter().copied().filter(|x| !x.is_nan()).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        for probabilities in [&few, &many] {
            for method in [QuantileMethod::Linear, QuantileMethod::ClosestObservation] {
                let actual = Quantiles::new().method(method).nan(NanPolicy::Ignore).of(values, probabilities).unwrap();
                let expected: Vec<f64> = probabilities.iter().map(|&p| of_sorted(&sorted, method, p)).collect();
                assert_same(&actual, &expected, name);
            }
        }
    }
}

#[test]
fn every_rank_at_once_is_a_sort() {
    let values = gaussian(40_000, 3);
    let mut sorted = values.clone();
    sorted.sort_unstable_by(f32::total_cmp);
    let probabilities: Vec<f64> = (0..values.len()).map(|i| i as f64 / (values.len() - 1) as f64).collect();
    let all = Quantiles::new().method(QuantileMethod::Nearest).of(&values, &probabilities).unwrap();
    assert!(all.iter().zip(&sorted).all(|(a, b)| *a == f64::from(*b)));
}

#[test]
fn elements_give_the_quantiles_of_their_widened_values() {
    fn check<T: Element>(values: &[f32], probabilities: &[f64]) {
        let narrow = narrowed::<T>(values);
        let mut wide = vec![0.0; values.len()];
        T::widen_into(&narrow, &mut wide).unwrap();
        let quantiles = Quantiles::new();
        let expected = quantiles.of(&wide, probabilities).unwrap();
        assert_same(&quantiles.of(&narrow, probabilities).unwrap(), &expected, &T::DTYPE.to_string());
    }
    let probabilities = [0.0, 0.01, 0.3, 0.5, 0.77, 1.0];
    for n in [1, 10, 4097, 20_000, 100_001] {
        let values = gaussian(n, n as u64);
        check::<f16>(&values, &probabilities);
        check::<bf16>(&values, &probabilities);
    }
}

#[test]
fn nan_is_refused_propagated_or_ignored() {
    for len in [7, 50_000] {
        let mut values = gaussian(len, 5);
        values[3] = -f32::NAN;
        values[5] = f32::NAN;
        let (quantiles, p) = (Quantiles::new(), [0.25, 0.5]);
        assert_eq!(quantiles.of(&values, &p), Err(Error::NonFinite { index: 3 }));
        let brains: Vec<bf16> = narrowed(&values);
        assert_eq!(quantiles.of(&brains, &p), Err(Error::NonFinite { index: 3 }));
        // No probabilities: nothing to compute, but NaN is still refused.
        assert_eq!(quantiles.of(&values, &[]), Err(Error::NonFinite { index: 3 }));
        assert_same(&quantiles.nan(NanPolicy::Propagate).of(&values, &p).unwrap(), &[f64::NAN; 2], "propagate");
        let expected = by_sorting(&values, QuantileMethod::Linear, &p);
        assert_same(&quantiles.nan(NanPolicy::Ignore).of(&values, &p).unwrap(), &expected, "ignore");
        let none = vec![f32::NAN; len];
        assert_same(&quantiles.nan(NanPolicy::Ignore).of(&none, &p).unwrap(), &[f64::NAN; 2], "all NaN");
    }
    // Along an axis, the first in the order of the values, not of the lanes.
    let mut values = gaussian(24, 6);
    (values[13], values[18]) = (f32::NAN, f32::NAN);
    for axis in 0..3 {
        let refused = Quantiles::new().along_axis(&values, &[2, 3, 4], axis, &[0.5]);
        assert_eq!(refused, Err(Error::NonFinite { index: 13 }));
    }
    let propagated = Quantiles::new().nan(NanPolicy::Propagate).along_axis(&values, &[6, 4], 0, &[0.5]).unwrap();
    assert_eq!(propagated.iter().map(|x| x.is_nan()).collect::<Vec<_>>(), [false, true, true, false]);
}

#[test]
fn infinities_are_ordered_and_interpolate_as_in_numpy() {
    let inf = f64::INFINITY;
    let values = [f32::INFINITY, 1.0, -f32::INFINITY, 2.0];
    let of = |method, p| Quantiles::new().method(method).of(&values, &[p]).unwrap()[0];
    assert_eq!(of(QuantileMethod::Lower, 1.0), inf);
    assert_eq!(of(QuantileMethod::InvertedCdf, 0.0), -inf);
    assert_eq!(of(QuantileMethod::Linear, 0.5), 1.5);
    assert_eq!(of(QuantileMethod::Linear, 0.2), -inf);
    assert_eq!(of(QuantileMethod::Linear, 0.8), inf);
    assert!([0.0, 0.1, 0.9, 1.0].iter().all(|&p| of(QuantileMethod::Linear, p).is_nan()));
}

#[test]
fn wrong_arguments_are_errors() {
    let (quantiles, values) = (Quantiles::new(), [1.0_f32, 2.0, 3.0, 4.0]);
    let none: [f32; 0] = [];
    assert_eq!(quantiles.of(&none, &[0.5]), Err(Error::Empty));
    for p in [-0.1, 1.0_f64.next_up(), f64::INFINITY, -f64::INFINITY] {
        let expected = Error::Setting { name: "probability", value: p, allowed: "0 to 1" };
        assert_eq!(quantiles.of(&values, &[0.5, p]), Err(expected.clone()));
        assert_eq!(quantiles.along_axis(&values, &[2, 2], 0, &[0.5, p]), Err(expected));
    }
    let error = quantiles.of(&values, &[f64::NAN]).unwrap_err();
    assert_eq!(error.to_string(), "`probability` cannot be NaN; choose 0 to 1");
    assert_eq!(quantiles.of(&values, &[-0.0]).unwrap(), [1.0]);
    assert!(quantiles.of(&values, &[]).unwrap().is_empty());

    let length = |what, expected, actual| Err(Error::Length { what, expected, actual });
    assert_eq!(quantiles.of_into(&values, &[0.5], &mut [0.0; 2]), length("out", 1, 2));
    assert_eq!(quantiles.along_axis_into(&values, &[2, 2], 0, &[0.5], &mut [0.0; 3]), length("out", 2, 3));
    let along = |values: &[f32], shape: &[usize], axis| quantiles.along_axis(values, shape, axis, &[0.5]).map(|_| ());
    assert_eq!(along(&values, &[2, 3], 0), length("values", 6, 4));
    assert_eq!(along(&values, &[usize::MAX, 3], 0), length("values", usize::MAX, 4));
    assert!(matches!(along(&values, &[2, 2], 2), Err(Error::Setting { name: "axis", .. })));
    assert!(matches!(along(&values[..1], &[], 0), Err(Error::Setting { name: "axis", .. })));
    for axis in 0..3 {
        for shape in [[0, 2, 2], [2, 0, 2], [2, 2, 0]] {
            assert_eq!(along(&none, &shape, axis), Err(Error::Empty));
        }
    }
}

/// Every lane alone, taken by index.
fn by_slicing(values: &[f32], shape: [usize; 3], axis: usize, quantiles: Quantiles, probabilities: &[f64]) -> Vec<f64> {
    let strides = [shape[1] * shape[2], shape[2], 1];
    let mut lanes = Vec::new();
    let mut others = shape;
    others[axis] = 1;
    for i in 0..others[0] {
        for j in 0..others[1] {
            for k in 0..others[2] {
                let first = i * strides[0] + j * strides[1] + k * strides[2];
                let lane: Vec<f32> = (0..shape[axis]).map(|n| values[first + n * strides[axis]]).collect();
                lanes.push(quantiles.of(&lane, probabilities).unwrap());
            }
        }
    }
    (0..probabilities.len()).flat_map(|i| lanes.iter().map(move |lane| lane[i])).collect()
}

#[test]
fn lanes_of_an_axis_are_slices() {
    let probabilities = [0.9, 0.0, 0.5];
    for shape in [[1, 1, 1], [3, 4, 5], [2, 17, 33], [40, 1, 16], [1, 20_000, 3], [2, 2, 20_000], [16_400, 2, 1]] {
        let mut values = gaussian(shape.iter().product(), 8);
        values.iter_mut().step_by(41).for_each(|x| *x = f32::NAN);
        for axis in 0..3 {
            for policy in [NanPolicy::Ignore, NanPolicy::Propagate] {
                let quantiles = Quantiles::new().nan(policy).method(QuantileMethod::Hazen);
                let actual = quantiles.along_axis(&values, &shape, axis, &probabilities).unwrap();
                let expected = by_slicing(&values, shape, axis, quantiles, &probabilities);
                assert_same(&actual, &expected, &format!("{shape:?}, axis {axis}, {policy:?}"));
            }
        }
    }
}

proptest! {
    #[test]
    fn any_values(
        values in prop::collection::vec(any::<u32>().prop_map(f32::from_bits), 1..300),
        probabilities in prop::collection::vec(0.0..=1.0_f64, 0..20),
        method in 0..METHODS.len(),
    ) {
        let quantiles = Quantiles::new().method(METHODS[method]).nan(NanPolicy::Ignore);
        let actual = quantiles.of(&values, &probabilities).unwrap();
        assert_same(&actual, &by_sorting(&values, METHODS[method], &probabilities), "any values");
        let propagated = quantiles.nan(NanPolicy::Propagate).of(&values, &probabilities).unwrap();
        let strict = quantiles.nan(NanPolicy::Refuse).of(&values, &probabilities);
        if let Some(index) = values.iter().position(|x| x.is_nan()) {
            prop_assert_eq!(strict, Err(Error::NonFinite { index }));
            prop_assert!(propagated.iter().all(|x| x.is_nan()));
        } else {
            assert_same(&strict.unwrap(), &actual, "refuse");
            assert_same(&propagated, &actual, "propagate");
        }
    }

    #[test]
    fn orders_do_not_matter(len in 1..40_000_usize, seed in any::<u64>(), count in 1..50_usize) {
        let mut random = Random(seed);
        let mut values: Vec<f32> = (0..len).map(|_| random.below(1 + len / 2) as f32 - len as f32 / 4.0).collect();
        let mut probabilities: Vec<f64> = (0..count).map(|_| f64::from(random.unit())).collect();
        let mut forward = Quantiles::new().of(&values, &probabilities).unwrap();
        prop_assert_eq!(&forward, &by_sorting(&values, QuantileMethod::Linear, &probabilities));
        values.reverse();
        probabilities.reverse();
        forward.reverse();
        prop_assert_eq!(Quantiles::new().of(&values, &probabilities).unwrap(), forward);
    }
}
