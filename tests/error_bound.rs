//! Bounds on the error hold for every value, in f64, on the value as it is stored.

mod common;

use common::{Random, all_f16, data_sets, gaussian};
use fewbits::{
    BoundedQuantizer, Coded, Describe, Element, Error, ErrorBound, ErrorStats, Fit, Frame, Histogram, Quantizer,
    QuantizerExt, Restore, bf16, f16,
};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Bound {
    Abs(f64),
    OfRange(f64),
    Relative(f64),
}

impl Bound {
    fn settings(self) -> ErrorBound {
        match self {
            Self::Abs(bound) => ErrorBound::max_abs_error(bound),
            Self::OfRange(part) => ErrorBound::max_error_of_range(part),
            Self::Relative(part) => ErrorBound::max_relative_error(part),
        }
    }

    /// What a value may be off by.
    fn of(self, x: f64, range: f64) -> f64 {
        match self {
            Self::Abs(bound) => bound,
            Self::OfRange(part) => part * range,
            Self::Relative(part) => part * x.abs(),
        }
    }
}

/// Checks every value; returns the quantizer.
fn check<T: Element + Into<f64>>(bound: Bound, data: &[T]) -> BoundedQuantizer {
    let quantizer = bound.settings().fit(data).unwrap();
    let codes = quantizer.quantize(data).unwrap();
    let restored: Vec<T> = quantizer.dequantize(&codes, data.len()).unwrap();
    let wide = |x: T| -> f64 { x.into() };
    let low = data.iter().map(|&x| wide(x)).fold(f64::INFINITY, f64::min);
    let high = data.iter().map(|&x| wide(x)).fold(f64::NEG_INFINITY, f64::max);
    for (i, (&x, &y)) in data.iter().zip(&restored).enumerate() {
        let error = (wide(y) - wide(x)).abs();
        let allowed = bound.of(wide(x), high - low);
        assert!(
            error <= allowed,
            "{bound:?} in {low:e}..={high:e}: {x:e} became {y:e}, {error:e} > {allowed:e}",
            x = wide(x),
            y = wide(y)
        );
        assert!(error <= quantizer.error_bound(i).unwrap(), "{bound:?}: the stated bound");
        if quantizer.is_lossless() {
            assert_eq!(wide(x).to_bits(), wide(y).to_bits(), "{bound:?}");
        }
    }
    // What was restored once does not change again, and has levels.
    let again = quantizer.quantize(&restored).unwrap();
    assert!(again == codes, "{bound:?} in {low:e}..={high:e}: restored values have other codes");
    quantizer
}

/// Bounds spread evenly over the logarithm, some of them round.
fn bounds(from: f64, to: f64, count: u32) -> impl Iterator<Item = f64> {
    let step = (to / from).ln() / f64::from(count);
    (0..count).map(move |i| from * (f64::from(i) * step).exp()).chain([from, to])
}

#[test]
fn all_f16_values_at_300_bounds() {
    let all = all_f16();
    for reach in [65504.0, 30000.0, 100.0, 1.0, 6e-5] {
        let values: Vec<f16> = all.iter().copied().filter(|x| x.to_f64().abs() <= reach).collect();
        for bound in bounds(1e-9 * reach, 3.0 * reach, 300) {
            check(Bound::Abs(bound), &values);
        }
        // Bounds of a few units in the last place of the largest values and of others, where it is hardest.
        let unit = f16::from_f64(reach).to_f64() * 2.0_f64.powi(-11);
        for steps in 1..100 {
            check(Bound::Abs(unit * f64::from(steps) / 8.0), &values);
        }
    }
    let positive: Vec<f16> = all.iter().copied().filter(|x| (0.9..4.1).contains(&x.to_f64())).collect();
    for bound in bounds(1e-5, 3.0, 300) {
        check(Bound::Abs(bound), &positive);
        check(Bound::OfRange(bound / 3.0), &positive);
    }
}

#[test]
fn all_f16_values_at_300_relative_bounds() {
    let all = all_f16();
    let normal: Vec<f16> = all.iter().copied().filter(|x| !(1e-30..6.1e-5).contains(&x.to_f64().abs())).collect();
    for values in [&all, &normal] {
        for part in bounds(1e-5, 0.99, 300) {
            check(Bound::Relative(part), values);
        }
        for units in 1..80 {
            check(Bound::Relative(f64::from(units) / 8.0 * 2.0_f64.powi(-11)), values);
        }
    }
}

#[test]
fn all_bf16_values() {
    let all: Vec<bf16> = (0..=u16::MAX).map(bf16::from_bits).filter(|x| x.is_finite()).collect();
    let moderate: Vec<bf16> = all.iter().copied().filter(|x| x.to_f64().abs() <= 300.0).collect();
    for bound in bounds(1e-6, 1e3, 200) {
        check(Bound::Abs(bound), &moderate);
    }
    for bound in bounds(1e-45, 1e39, 100) {
        check(Bound::Abs(bound), &all);
    }
    for part in bounds(1e-4, 0.99, 200) {
        check(Bound::Relative(part), &all);
    }
}

/// f32 values where rounding is hardest.
fn hard() -> Vec<(&'static str, Vec<f32>)> {
    const COUNT: usize = 100_000;
    let mut random = Random(5);
    let mut many = |value: &mut dyn FnMut(&mut Random, usize) -> f32| -> Vec<f32> {
        (0..COUNT).map(|i| value(&mut random, i)).collect()
    };
    vec![
        ("subnormal", many(&mut |random, _| f32::from_bits(random.bits() as u32 & 0x807f_ffff))),
        (
            "near powers of two",
            many(&mut |random, i| {
                let power = 2.0_f32.powi(i as i32 % 12 - 4);
                f32::from_bits(power.to_bits() + random.below(400) as u32 - 200)
            }),
        ),
        ("far from zero", (0..COUNT).map(|i| 1e6 + i as f32 / 16.0).collect()),
        ("one power of two", many(&mut |random, _| 1.0 + random.unit())),
        ("heavy tail", many(&mut |random, _| random.gaussian() / (random.unit() + 1e-4))),
        (
            "near the largest",
            many(&mut |random, _| {
                let x = f32::from_bits(f32::MAX.to_bits() - random.below(1 << 22) as u32);
                if random.below(2) == 0 { x } else { -x }
            }),
        ),
        ("any magnitude", many(&mut |random, _| random.any_finite())),
    ]
}

/// 100,000 values of 7 kinds at 15 bounds of each kind: more than 10^7 each.
#[test]
fn ten_million_f32_values() {
    let mut checked = 0_u64;
    for (_, values) in hard() {
        let largest = values.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        let unit = f64::from(largest) - f64::from(largest.next_down());
        for steps in [0.3, 0.5, 0.9, 1.0, 1.3, 1.9, 2.0, 2.7, 3.4, 5.2, 17.3, 100.7, 1e4, 3.3e5, 1e7] {
            check(Bound::Abs(steps * unit), &values);
            checked += values.len() as u64;
        }
        for part in [1e-7, 3e-7, 1e-6, 1e-3, 0.1] {
            check(Bound::OfRange(part), &values);
            check(Bound::Relative(part), &values);
            checked += 2 * values.len() as u64;
        }
    }
    assert!(checked > 10_000_000, "{checked}");
}

#[test]
fn every_data_set_keeps_every_bound() {
    for (_, values) in data_sets() {
        for bound in [0.0, 1e-46, 1e-40, 1e-20, 1e-3, 1.0, 1e10, 1e38, 1e300] {
            check(Bound::Abs(bound), &values);
        }
        for part in [0.0, 1e-9, 1e-3, 0.3, 0.9, 7.0] {
            check(Bound::OfRange(part), &values);
        }
        for part in [0.0, 1e-8, 1e-7, 1.3e-7, 1e-3, 0.3, 0.999] {
            check(Bound::Relative(part), &values);
        }
    }
}

/// Why the step is not simply twice the bound: the test above would fail.
#[test]
fn a_step_of_twice_the_bound_breaks_it() {
    let values = gaussian(100_000, 12);
    let range = values.iter().copied().fold(0.0, f32::max) - values.iter().copied().fold(0.0, f32::min);
    let bound = 1e-6 * f64::from(range);
    let naive = |x: f64| f64::from(((x / (2.0 * bound)).round() * (2.0 * bound)) as f32);
    let broken = values.iter().map(|&x| f64::from(x)).filter(|&x| (naive(x) - x).abs() > bound).count();
    assert!(broken > 100, "{broken}");
    check(Bound::OfRange(1e-6), &values);
}

#[test]
fn steps_are_nearly_as_wide_as_the_bound_allows() {
    let values = gaussian(10_000, 1);
    let range = f64::from(values.iter().copied().fold(0.0, f32::max) - values.iter().copied().fold(0.0, f32::min));
    for bound in [1e-4, 1e-3, 0.01, 0.1] {
        let levels = f64::from(check(Bound::Abs(bound), &values).level_count());
        // Levels are rounded to f32, which costs up to the spacing of the largest values.
        let rounded = bound - 2.0_f64.powi(-21);
        assert!(levels <= range / (2.0 * rounded) + 2.0, "{bound}: {levels}");
    }
    // A relative bound: the logarithm of the range, in steps of twice the bound, and an eighth at most on top.
    let values: Vec<f32> = (0..10_000).map(|i| (f64::from(i) / 1000.0).exp() as f32).collect();
    for part in [1e-4, 1e-3, 0.01] {
        let levels = f64::from(check(Bound::Relative(part), &values).level_count());
        let least = 10.0 / (2.0 * part);
        assert!((0.99 * least..1.125 * least + 2.0).contains(&levels), "{part}: {levels} for {least}");
    }
}

#[test]
fn what_cannot_be_lossy_is_bit_for_bit() {
    let values = [-0.0_f32, 0.0, 1.0, 1.5, -2.0, f32::from_bits(1)];
    let quantizer = check(Bound::Abs(0.0), &values);
    assert!(quantizer.is_lossless());
    assert_eq!(quantizer.error_bound(0), Some(0.0));
    // Zero alone needs both its signs, a single value nothing.
    assert_eq!(check(Bound::Relative(0.0), &[0.0_f32; 3]).level_count(), 2);
    assert_eq!(check(Bound::OfRange(0.1), &[7.5_f32; 3]).level_count(), 1);
    // Finer than the spacing at 1e6, which is 1/16.
    let far: Vec<f32> = (0..100).map(|i| 1e6 + i as f32 / 16.0).collect();
    assert!(check(Bound::Abs(0.03), &far).is_lossless());
    assert!(!check(Bound::Abs(0.1), &far).is_lossless());
    // More than 2^32 - 1 levels.
    assert!(check(Bound::Abs(1e-3), &[-1e9_f32, 0.0, 1e9, 1e-3]).is_lossless());
    let halves: Vec<f16> = all_f16();
    assert_eq!(check(Bound::Abs(1e-9), &halves).level_count(), 63_488);
}

#[test]
fn values_outside_are_errors_not_clipped() {
    let quantizer = ErrorBound::max_abs_error(0.01).fit(&[1.0_f32, 2.0]).unwrap();
    let error = quantizer.quantize(&[1.5_f32, 2.5]).unwrap_err();
    assert_eq!(error, Error::BeyondRange { index: 1, value: 2.5 });
    let mut codes = [0; 2];
    let error = quantizer.quantize_piece_into(40, &[-f32::MAX, 1.0], &mut codes).unwrap_err();
    assert_eq!(error, Error::BeyondRange { index: 40, value: -f32::MAX });
    let relative = ErrorBound::max_relative_error(0.01).fit(&[1.0_f32, 2.0]).unwrap();
    for outside in [0.5_f32, 3.0, -1.5, 0.0, f32::MAX, f32::from_bits(1)] {
        assert_eq!(relative.quantize(&[outside]), Err(Error::BeyondRange { index: 0, value: outside }));
    }
    let exact = ErrorBound::max_abs_error(0.0).fit(&[1.0_f32, 2.0]).unwrap();
    for outside in [0.5_f32, 3.0, -1.5, 0.0] {
        assert_eq!(exact.quantize(&[outside]), Err(Error::BeyondRange { index: 0, value: outside }));
    }
}

#[test]
fn values_of_another_element_are_errors_not_rounded() {
    let halves = [0.5, 0.7, 1.0].map(f16::from_f32);
    for settings in
        [ErrorBound::max_abs_error(0.0), ErrorBound::max_abs_error(1e-3), ErrorBound::max_relative_error(0.1)]
    {
        let quantizer = settings.fit(&halves).unwrap();
        // As f32 they are the same values.
        assert_eq!(quantizer.quantize(&halves).unwrap(), quantizer.quantize(&halves.map(f16::to_f32)).unwrap());
        let mut values = vec![0.5_f32; 2000];
        values[1500] = 0.7001;
        assert_eq!(quantizer.quantize(&values), Err(Error::BeyondRange { index: 1500, value: 0.7001 }));
    }
}

/// Codes of 32 bits are in no list of the laws.
#[test]
fn lossless_codes_of_f32_keep_the_laws() {
    let values: Vec<f32> = gaussian(5000, 21).into_iter().chain([0.0, -0.0, f32::from_bits(1)]).collect();
    let quantizer = ErrorBound::max_abs_error(0.0).fit(&values).unwrap();
    assert!(quantizer.level_count() > 1 << 30);
    let codes = quantizer.quantize(&values).unwrap();
    let mut part = vec![u32::MAX; 1003];
    quantizer.quantize_piece_into(2000, &values[2000..3003], &mut part).unwrap();
    assert_eq!(part, codes[2000..3003]);
    let mut restored = vec![f32::NAN; 1003];
    quantizer.dequantize_piece_into(2000, &part, &mut restored).unwrap();
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&restored), bits(&values[2000..3003]));
    for (i, &x) in values.iter().enumerate().step_by(97) {
        assert_eq!(quantizer.level(codes[i]).unwrap().to_bits(), x.to_bits());
    }
    assert_eq!(quantizer.level(quantizer.level_count()), None);
    assert_eq!((quantizer.step(), quantizer.relative_bound()), (None, None));
    let relative = ErrorBound::max_relative_error(0.01).fit(&values).unwrap();
    assert_eq!(relative.relative_bound(), Some(0.01));
}

#[test]
fn bounds_on_means_are_kept_and_used() {
    let smooth: Vec<f32> = (0..20_000).map(|i| (i as f32 / 300.0).sin() + 2.0).collect();
    let sparse: Vec<f32> = gaussian(20_000, 3).iter().map(|x| if x.abs() > 2.0 { *x } else { 0.0 }).collect();
    let halves: Vec<f32> = gaussian(20_000, 4).iter().map(|&x| f16::from_f32(x).to_f32()).collect();
    for values in [gaussian(20_000, 2), smooth, sparse, halves] {
        for rmse in [1e-4, 1e-3, 0.02, 0.3, 1.0, 100.0] {
            let quantizer = ErrorBound::rmse(rmse).fit(&values).unwrap();
            let restored = quantizer.fake_quantize(&values).unwrap();
            let stats = ErrorStats::measure(&values, &restored).unwrap();
            assert!(stats.rmse() <= rmse, "{} > {rmse}", stats.rmse());
            assert!(stats.max_abs_error() <= quantizer.error_bound(0).unwrap());
            let coarse = quantizer.level_count() < 4;
            assert!(coarse || stats.rmse() > 0.98 * rmse, "{} for {rmse}", stats.rmse());
        }
        for decibels in [20.0, 40.0, 65.5, 90.0] {
            let quantizer = ErrorBound::psnr_db(decibels).fit(&values).unwrap();
            let restored = quantizer.fake_quantize(&values).unwrap();
            let psnr = ErrorStats::measure(&values, &restored).unwrap().psnr_db();
            // With three levels or four, the error changes by leaps.
            let slack = if decibels < 30.0 { 4.0 } else { 0.2 };
            assert!((decibels..decibels + slack).contains(&psnr), "{psnr} for {decibels}");
        }
    }
    // As f16, with the error of the stored halves.
    let values: Vec<f16> = gaussian(5000, 7).into_iter().map(f16::from_f32).collect();
    for rmse in [1e-4, 1e-3, 0.02] {
        let restored = ErrorBound::rmse(rmse).fit(&values).unwrap().fake_quantize(&values).unwrap();
        assert!(ErrorStats::measure(&values, &restored).unwrap().rmse() <= rmse);
    }
}

#[test]
fn histograms_and_ranges_keep_bounds_too() {
    for (name, values) in data_sets() {
        let mut histogram = Histogram::new();
        histogram.add(&values).unwrap();
        let (low, high) = (histogram.min().unwrap(), histogram.max().unwrap());
        for bound in [1e-3, 0.5] {
            let direct = ErrorBound::max_abs_error(bound).fit(&values).unwrap();
            assert_eq!(direct, ErrorBound::max_abs_error(bound).fit(&[histogram.clone()]).unwrap(), "{name}");
            assert_eq!(direct, ErrorBound::max_abs_error(bound).fit_range::<f32>(low, high).unwrap(), "{name}");
            let rmse = ErrorBound::rmse(bound).fit(&[histogram.clone()]).unwrap();
            let stats = ErrorStats::measure(&values, &rmse.fake_quantize(&values).unwrap()).unwrap();
            assert!(stats.rmse() <= bound, "{name}");
            let settings = ErrorBound::max_relative_error(bound);
            let fits = [settings.fit(&[histogram.clone()]), settings.fit_range::<f32>(low, high)];
            for quantizer in fits {
                let restored = quantizer.unwrap().fake_quantize(&values).unwrap();
                for (&x, &y) in values.iter().zip(&restored) {
                    assert!((f64::from(y) - f64::from(x)).abs() <= bound * f64::from(x).abs(), "{name}: {x:e}, {y:e}");
                }
            }
        }
    }
}

#[test]
fn settings_that_say_nothing_are_refused() {
    let refused = |settings: ErrorBound| matches!(settings.fit(&[1.0_f32, 2.0]), Err(Error::Setting { .. }));
    for bad in [-1e-300, f64::NAN, f64::INFINITY] {
        assert!(refused(ErrorBound::max_abs_error(bad)), "{bad}");
        assert!(refused(ErrorBound::max_error_of_range(bad)));
        assert!(refused(ErrorBound::max_relative_error(bad)));
        assert!(refused(ErrorBound::rmse(bad)));
    }
    assert!(refused(ErrorBound::max_relative_error(1.0)));
    assert!(refused(ErrorBound::psnr_db(f64::NAN)));
    assert!(refused(ErrorBound::psnr_db(1e9)));
    assert_eq!(ErrorBound::rmse(1.0).fit(&[0.0_f32; 0]), Err(Error::Empty));
    assert_eq!(ErrorBound::rmse(1.0).fit(&[0.0, f32::NAN]), Err(Error::NonFinite { index: 1 }));
    assert!(matches!(ErrorBound::rmse(1.0).fit_range::<f32>(2.0, 1.0), Err(Error::Setting { .. })));
    // Ends that the element does not have, and steps too small to be stored.
    for (low, high) in [(0.0, 1e10), (-65520.0, 0.0)] {
        let error = ErrorBound::max_abs_error(1.0).fit_range::<f16>(low, high).unwrap_err();
        assert!(matches!(error, Error::Setting { name: "range", .. }));
    }
    for tiny in [1e-310, 5e-324] {
        let quantizer = ErrorBound::max_abs_error(tiny).fit(&[0.0_f32]).unwrap();
        assert_eq!(BoundedQuantizer::<u32>::from_bytes(&quantizer.to_bytes()).unwrap(), quantizer);
    }
    // Codes that are too narrow for the levels.
    let error = ErrorBound::max_abs_error(1e-3).codes::<u8>().fit(&[0.0_f32, 1.0]).unwrap_err();
    assert!(matches!(error, Error::CodeWidth { level_count: 501.., code_bits: 8 }), "{error}");
}

#[test]
fn frames_carry_the_bound() {
    let values = gaussian(1000, 9);
    for settings in [ErrorBound::max_abs_error(0.01), ErrorBound::max_relative_error(0.1), ErrorBound::rmse(0.0)] {
        let quantizer = settings.fit(&values).unwrap();
        let bytes = Frame::encode(&Coded::packed(quantizer.clone()), &values).unwrap();
        let restored: Vec<f32> = fewbits::decompress(&bytes).unwrap();
        assert_eq!(restored, quantizer.fake_quantize(&values).unwrap());
        let again = BoundedQuantizer::<u32>::from_bytes(&quantizer.to_bytes()).unwrap();
        assert_eq!((again.error_bound(0), &again), (quantizer.error_bound(0), &quantizer));
    }
}

proptest! {
    #[test]
    fn any_values_at_any_bound(
        bits in prop::collection::vec(any::<u32>(), 1..60),
        bound in 0_u64..=f64::MAX.to_bits(),
        part in 0.0_f64..1.0,
        fine in 1_u32..200,
    ) {
        let values: Vec<f32> = bits.iter().copied().map(f32::from_bits).filter(|x| x.is_finite()).collect();
        prop_assume!(!values.is_empty());
        check(Bound::Abs(f64::from_bits(bound)), &values);
        check(Bound::OfRange(part), &values);
        check(Bound::Relative(part), &values);
        check(Bound::Relative(part * part * part * part * part * 1e-3), &values);
        // Values of one size, at bounds of some units.
        let near: Vec<f32> = bits.iter().map(|bits| f32::from_bits(0x3f7f_ff00 + bits % 0x200)).collect();
        check(Bound::Abs(f64::from(fine) / 16.0 * 2.0_f64.powi(-24)), &near);
        let halves: Vec<f16> = bits.iter().map(|&x| f16::from_bits(x as u16)).filter(|x| x.is_finite()).collect();
        prop_assume!(!halves.is_empty());
        check(Bound::Abs(f64::from(fine) / 16.0), &halves);
        check(Bound::Relative(part), &halves);
    }
}
