//! Law: the error never exceeds what the stage states, in f64, on every value.

mod common;

use common::{Case, SCALE_TYPES, all_f16, data_sets, gaussian, quantizers, shaped_quantizers};
use fewbits::{Element, Error, ErrorKind, Fit, Quantizer, QuantizerExt, ScaleType, Uniform, bf16, f16};
use proptest::prelude::*;

/// Checks the law; returns whether the data could be fitted.
fn check(case: &Case, data: &[f32]) -> bool {
    let Some(quantizer) = case.fitted(data) else { return false };
    let codes = quantizer.quantize(data).unwrap();
    assert!(codes.iter().all(|&code| u32::from(code) < quantizer.level_count()), "{}", case.name);
    let restored: Vec<f32> = quantizer.dequantize(&codes, data.len()).unwrap();
    // Where no gradient passes the value was clipped, and no bound is stated.
    let passes = quantizer.straight_through(data, &vec![1.0; data.len()]).unwrap();
    assert!(case.clips || case.mixes || passes.iter().all(|&pass| pass == 1.0), "{} clips", case.name);
    for (i, (&x, &y)) in data.iter().zip(&restored).enumerate().filter(|(i, _)| passes[*i] == 1.0) {
        let error = (f64::from(y) - f64::from(x)).abs();
        assert!(y.is_finite(), "{}: {x:e} became {y:e}", case.name);
        let Some(bound) = quantizer.error_bound(i) else {
            assert!(case.mixes, "{} states no bound", case.name);
            continue;
        };
        assert!(error <= bound, "{}: {x:e} became {y:e}, {error:e} > {bound:e}", case.name);
    }
    true
}

#[test]
fn every_quantizer_on_every_data_set() {
    for case in quantizers() {
        for (name, data) in data_sets() {
            let fitted = check(&case, &data);
            let ordinary = ["gaussian", "constant", "zeros", "all positive"].contains(&name);
            let roomy = case.name.ends_with("f32 scales") || case.name.contains("8 bits, tensor");
            assert!(fitted || !(ordinary && roomy), "{} cannot fit {name}", case.name);
        }
    }
    for case in shaped_quantizers([5, 6, 7]) {
        assert!(check(&case, &gaussian(210, 3)));
    }
}

#[test]
fn a_bound_is_not_much_looser_than_half_a_step() {
    let data = gaussian(4096, 5);
    for bits in 2..=8 {
        for quantizer in [Uniform::new(bits).fit(&data).unwrap(), Uniform::new(bits).full_range().fit(&data).unwrap()] {
            let step = f64::from(quantizer.scales()[0]);
            let stated = quantizer.error_bound(0).unwrap();
            assert!((0.5 * step..0.5001 * step).contains(&stated));
        }
        // The largest error is close to the bound, so a tighter one would be wrong.
        let quantizer = Uniform::new(bits).fit(&data).unwrap();
        let restored = quantizer.fake_quantize(&data).unwrap();
        let largest = data.iter().zip(&restored).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
        assert!(f64::from(largest) > 0.95 * quantizer.error_bound(0).unwrap());
    }
}

#[test]
fn scales_are_rounded_outward_and_never_more_than_twice_as_coarse() {
    for (_, data) in data_sets() {
        let largest = data.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        for scale_type in SCALE_TYPES {
            let Ok(quantizer) = Uniform::new(8).scale_type(scale_type).fit(&data) else { continue };
            let scale = f64::from(quantizer.scales()[0]);
            assert!(scale * 127.0 >= f64::from(largest), "{scale_type}: the largest value is out of range");
            let ideal = f64::from(largest) / 127.0;
            let least = f64::from(f32::from_bits(1));
            assert!(largest == 0.0 || scale <= 2.0 * ideal || scale == least, "{scale_type}: {scale:e} for {ideal:e}");
        }
    }
}

/// All finite values of a half element, decoded to that element: half a spacing comes on top.
fn check_halves<T: Element>(values: &[T], to_f32: impl Fn(T) -> f32, spacing: impl Fn(T) -> f64) {
    for scale_type in SCALE_TYPES {
        for settings in [
            Uniform::new(8),
            Uniform::new(8).asymmetric(),
            Uniform::new(3).mid_rise(),
            Uniform::new(5),
            Uniform::new(7).full_range(),
        ] {
            let quantizer = match settings.scale_type(scale_type).fit(values) {
                Ok(quantizer) => quantizer,
                Err(error) => {
                    assert!(T::MAX > 1e9 && scale_type == ScaleType::F16, "{error}");
                    continue;
                }
            };
            let restored: Vec<T> = quantizer.fake_quantize(values).unwrap();
            for (i, (&x, &y)) in values.iter().zip(&restored).enumerate() {
                let error = (f64::from(to_f32(x)) - f64::from(to_f32(y))).abs();
                let bound = quantizer.error_bound(i).unwrap() + spacing(y) / 2.0;
                assert!(to_f32(y).is_finite() && error <= bound, "{scale_type} scales: {x} became {y}");
            }
        }
    }
}

#[test]
fn every_f16_and_bf16_value_stays_finite_and_near() {
    let spacing =
        |y: f16| f16::from_bits(y.to_bits() & 0x7fff | 1).to_f64() - f16::from_bits(y.to_bits() & 0x7ffe).to_f64();
    check_halves(&all_f16(), f16::to_f32, spacing);
    let bf16s: Vec<bf16> = (0..=u16::MAX).map(bf16::from_bits).filter(|x| x.is_finite()).collect();
    let spacing =
        |y: bf16| bf16::from_bits(y.to_bits() & 0x7fff | 1).to_f64() - bf16::from_bits(y.to_bits() & 0x7ffe).to_f64();
    check_halves(&bf16s, bf16::to_f32, spacing);
}

#[test]
fn f16_scales_that_are_too_small_or_too_large_are_errors_not_zeros() {
    let settings = Uniform::new(8).scale_type(ScaleType::F16);
    for largest in [1e-7_f32, 1e-9, 1e-30, 1e7, 1e30] {
        let error = settings.fit(&[0.0, largest]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        let Error::ScaleOutOfRange { group, scale, stored_as } = error else { panic!("{error}") };
        assert_eq!((group, stored_as), (0, "f16"));
        assert!((scale * 127.0 / f64::from(largest) - 1.0).abs() < 1e-9);
    }
    // One weak channel in an ordinary tensor is named.
    let error = settings.per_block(2).fit(&[1.0, 0.5, 1e-9, 0.0]).unwrap_err();
    assert!(matches!(error, Error::ScaleOutOfRange { group: 1, .. }));
}

proptest! {
    #[test]
    fn any_finite_values(
        bits in prop::collection::vec(any::<u32>(), 1..60),
        choice in 0..quantizers().len(),
    ) {
        let data: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|x| x.is_finite()).collect();
        prop_assume!(!data.is_empty());
        check(&quantizers()[choice], &data);
    }

    #[test]
    fn any_moderate_values(data in prop::collection::vec(-100.0_f32..100.0, 1..60), choice in 0..quantizers().len()) {
        check(&quantizers()[choice], &data);
    }
}
