//! Transforms of one value at a time: companding and standardizing.

mod common;

use common::{Random, all_f16, gaussian};
use fewbits::{
    Coded, Compand, CompandTransform, DType, Describe, Element, Error, ErrorKind, ErrorStats, Fit, Frame, FrameWriter,
    Groups, Guarantee, Hadamard, Quantizer, QuantizerExt, Restore, Seed, Standardize, StandardizeTransform, Then,
    Transform, TransformExt, Uniform, bf16, f16,
};

type Function = Box<dyn Fn(f64) -> f64>;

/// Curves by the math library of the machine that runs the test, and their inverses come back.
#[test]
fn curves_are_what_they_say_and_come_back_within_their_bound() {
    let mut random = Random(1);
    let mut values: Vec<f32> = (0..200_000).map(|_| random.any_finite()).filter(|x| x.abs() > 1e-37).collect();
    values.extend(gaussian(50_000, 2));
    values.extend(all_f16().iter().map(|x| x.to_f32()));
    let mut curves: Vec<(CompandTransform, Function, Function)> = Vec::new();
    for mu in [0.001, 1.0, 255.0, 1e6] {
        for peak in [1.0_f32, 3e-3, 1e30] {
            let curve = move |u: f64| (mu * u / f64::from(peak)).ln_1p() / mu.ln_1p();
            let ulps = move |c: f64| 2.0 + c * mu.ln_1p();
            curves.push((CompandTransform::mu_law(mu, peak).unwrap(), Box::new(curve), Box::new(ulps)));
        }
    }
    for scale in [1.0_f32, 1e-6, 1e-30, 7e4] {
        let curve = move |u: f64| (u / f64::from(scale)).asinh();
        curves.push((CompandTransform::asinh(scale).unwrap(), Box::new(curve), Box::new(|c| 2.0 + c)));
    }
    for p in [0.0625, 1.0 / 3.0, 0.5, 0.75, 1.0] {
        let ulps = move |_| 1.0 + 1.0 / p;
        curves.push((CompandTransform::power(p).unwrap(), Box::new(move |u: f64| u.powf(p)), Box::new(ulps)));
    }
    for (transform, curve, ulps) in curves {
        assert_eq!((transform.guarantee(), transform.block()), (Guarantee::Elementwise, 1));
        let coefficients = transform.forward(&values).unwrap();
        let back = transform.inverse(&coefficients, values.len()).unwrap();
        let mut checked = 0;
        for ((&x, &c), &back) in values.iter().zip(&coefficients).zip(&back) {
            let expected = curve(f64::from(x.abs()));
            if expected < 1.2e-38 {
                continue;
            }
            checked += 1;
            // A rounding to f32, and what a series may be off by before it.
            let off = (f64::from(c.abs()) / expected - 1.0).abs();
            assert!(off < 0.501 * 2.0_f64.powi(-23), "{transform:?}: {x:e} became {c:e}, not {expected:e}");
            assert_eq!(c.is_sign_negative(), x.is_sign_negative());
            let ulp = f64::from(x.abs().next_up()) - f64::from(x.abs());
            let off = (f64::from(back) - f64::from(x)).abs() / ulp;
            assert!(
                back == f32::INFINITY.copysign(x) || off <= ulps(expected),
                "{transform:?}: {x:e} back as {back:e}, {off} ulps"
            );
        }
        assert!(checked > values.len() / 2, "{transform:?}: {checked}");
    }
}

/// What comes back is bounded near the end of f32 as well: infinite at most where the bound is beyond it.
#[test]
fn the_largest_values_come_back() {
    let ends = [f32::MAX, -f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), 0.0, -0.0];
    for transform in [
        CompandTransform::power(1.0).unwrap(),
        CompandTransform::power(0.25).unwrap(),
        CompandTransform::asinh(1.0).unwrap(),
        CompandTransform::mu_law(255.0, f32::MAX).unwrap(),
    ] {
        let quantizer = Then::new(transform, Uniform::new(16).codes::<u16>()).fit(&ends).unwrap();
        let restored = quantizer.fake_quantize(&ends).unwrap();
        assert!(restored.iter().all(|x| x.is_finite()), "{transform:?}: {restored:?}");
        assert!((restored[0] / f32::MAX - 1.0).abs() < 1e-4, "{transform:?}: {restored:?}");
        let zeros = transform.inverse(&transform.forward(&ends[4..]).unwrap(), 2).unwrap();
        assert_eq!([zeros[0].to_bits(), zeros[1].to_bits()], [0, 1 << 31]);
    }
    // Any coefficient at all.
    for transform in [CompandTransform::power(0.0625).unwrap(), CompandTransform::asinh(1e-3).unwrap()] {
        let wild = Then::new(transform, Uniform::new(8).fit_range(-f32::MAX, f32::MAX).unwrap());
        assert!(wild.dequantize::<f32>(&[0, 127, 254], 3).unwrap().iter().all(|x| x.is_finite()));
    }
}

#[test]
fn curves_grow_with_the_value() {
    let values: Vec<f32> = (0..100_000_u32).map(|i| f32::from_bits(i * 21_391)).filter(|x| x.is_finite()).collect();
    assert!(values.is_sorted());
    for transform in [
        CompandTransform::mu_law(255.0, 1.0).unwrap(),
        CompandTransform::asinh(0.01).unwrap(),
        CompandTransform::power(0.3).unwrap(),
    ] {
        assert!(transform.forward(&values).unwrap().is_sorted(), "{transform:?}");
        // Neighbours, where series give way to logarithms.
        let near = transform.forward(&[0.0; 1]).unwrap()[0];
        assert_eq!(near, 0.0);
        for knee in [1.0 / 1024.0, 0.01 / 1024.0, 1.0 / 1024.0 / 255.0] {
            let mut x = knee;
            let around: Vec<f32> = (0..64)
                .map(|_| {
                    x = f32::next_up(x);
                    x
                })
                .collect();
            let below: Vec<f32> = (1..64).rev().map(|i| f32::from_bits(knee.to_bits() - i)).collect();
            assert!(transform.forward(&[below, around].concat()).unwrap().is_sorted(), "{transform:?} at {knee}");
        }
    }
}

#[test]
fn units_follow_from_data() {
    let data = gaussian(10_000, 3);
    let largest = data.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    assert_eq!(Compand::MuLaw(255.0).fit(&data).unwrap().unit(), largest);
    let rms = (data.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / 10_000.0).sqrt();
    let unit = Compand::Asinh(0.5).fit(&data).unwrap().unit();
    assert!((f64::from(unit) / (0.5 * rms) - 1.0).abs() < 1e-6);
    for nothing in [&[][..], &[0.0, -0.0]] {
        assert_eq!(Compand::MuLaw(1.0).fit(nothing).unwrap().unit(), 1.0);
        assert_eq!(Compand::Asinh(2.0).fit(nothing).unwrap().unit(), 2.0);
    }
    assert!(matches!(Compand::Power(0.5).fit(&[1.0, f32::NAN]), Err(Error::NonFinite { index: 1 })));
    for wrong in [f64::NAN, 0.0, -1.0, 1e9, f64::INFINITY] {
        assert!(matches!(Compand::MuLaw(wrong).fit(&data), Err(Error::Setting { name: "mu", .. })));
        assert!(matches!(Compand::Asinh(wrong).fit(&data), Err(Error::Setting { name: "knee", .. })));
        assert!(matches!(Compand::Power(wrong).fit(&data), Err(Error::Setting { name: "exponent", .. })));
        assert!(CompandTransform::asinh(-1.0).is_err() && CompandTransform::mu_law(1.0, f32::NAN).is_err());
    }
}

/// Heavy tails: equal steps of a curve are far better than equal steps.
#[test]
fn heavy_tails_gain() {
    let mut random = Random(9);
    let mut gaussian = || f64::from(random.gaussian());
    // Student's t with 4 degrees of freedom.
    let values: Vec<f32> = (0..1 << 16)
        .map(|_| {
            let square: f64 = (0..4).map(|_| gaussian().powi(2)).sum();
            (gaussian() / (square / 4.0).sqrt()) as f32
        })
        .collect();
    let sqnr = |quantizer: &dyn Quantizer<Code = u8>| {
        ErrorStats::measure(&values, &quantizer.fake_quantize(&values).unwrap()).unwrap().sqnr_db()
    };
    let alone = sqnr(&Uniform::new(4).fit(&values).unwrap());
    let asinh = sqnr(&Then::new(Compand::Asinh(1.0), Uniform::new(4)).fit(&values).unwrap());
    let power = sqnr(&Then::new(Compand::Power(0.5), Uniform::new(4)).fit(&values).unwrap());
    assert!(asinh > alone + 4.0 && power > alone + 4.0, "{alone} alone, {asinh} asinh, {power} power");
}

/// Clipping is all that stops a gradient: derivatives of the curve and its inverse cancel.
#[test]
fn the_straight_through_gradient_is_that_of_clipping_alone() {
    let values = gaussian(60, 12);
    let upstream = gaussian(60, 13);
    let transform = CompandTransform::asinh(0.3).unwrap();
    let inner = Uniform::new(3).fit_range(-1.5, 1.5).unwrap();
    let end = 3.5 * f64::from(inner.scales()[0]);
    let gradient = Then::new(transform, inner).straight_through(&values, &upstream).unwrap();
    let mut clipped = 0;
    for j in 0..60 {
        let surrogate = |x: f64| f64::from(upstream[j]) * 0.3 * (x / 0.3).asinh().clamp(-end, end).sinh();
        let x = f64::from(values[j]);
        let difference = (surrogate(x + 1e-5) - surrogate(x - 1e-5)) / 2e-5;
        assert!((f64::from(gradient[j]) - difference).abs() < 1e-4, "value {j}: {} for {difference}", gradient[j]);
        clipped += usize::from(gradient[j] == 0.0);
    }
    assert!(clipped > 3 && clipped < 57);
}

/// `(x - m) / s` by the definition, in f64.
#[test]
fn means_and_deviations_are_those_of_their_groups() {
    let data: Vec<f32> = gaussian(7 * 11, 5).iter().enumerate().map(|(i, x)| x * (1 + i % 11) as f32 + 100.0).collect();
    for (settings, group_of) in [
        (Standardize::new(), (|_| 0) as fn(usize) -> usize),
        (Standardize::new().per_block(10), |i| i / 10),
        (Standardize::new().per_axis(&[7, 11], 1), |i| i % 11),
        (Standardize::new().per_axis(&[7, 11], 0), |i| i / 11),
    ] {
        let transform = settings.fit(&data).unwrap();
        let coefficients = transform.forward(&data).unwrap();
        for group in 0..transform.groups().count() {
            let members: Vec<usize> = (0..77).filter(|&i| group_of(i) == group).collect();
            let n = members.len() as f64;
            let mean = members.iter().map(|&i| f64::from(data[i])).sum::<f64>() / n;
            let variance = members.iter().map(|&i| (f64::from(data[i]) - mean).powi(2)).sum::<f64>() / n;
            assert!((f64::from(transform.means()[group]) - mean).abs() < 1e-5);
            assert!((f64::from(transform.scales()[group]) / variance.sqrt() - 1.0).abs() < 1e-6);
            for &i in &members {
                let expected =
                    (f64::from(data[i]) - f64::from(transform.means()[group])) / f64::from(transform.scales()[group]);
                assert_eq!(coefficients[i], expected as f32);
            }
        }
        let back = transform.inverse(&coefficients, 77).unwrap();
        assert!(data.iter().zip(&back).all(|(x, y)| (x - y).abs() <= x.abs() * f32::EPSILON));
    }
}

#[test]
fn parts_are_optional_and_stored_as_asked() {
    let data: Vec<f32> = (0..400).map(|i| 300.0 + (i as f32 * 0.7).sin() * 5.0).collect();
    let means = Standardize::new().means_only().per_block(100).fit(&data).unwrap();
    assert_eq!((means.means().len(), means.scales().len()), (4, 0));
    let scales = Standardize::new().scales_only().fit(&data).unwrap();
    assert_eq!((scales.means().len(), scales.scales().len()), (0, 1));
    assert!((scales.scales()[0] - 300.0).abs() < 1.0);
    let full = Standardize::new().per_block(100).fit(&data).unwrap().to_bytes().len();
    let half = Standardize::new().per_block(100).stored_as(DType::Bf16).fit(&data).unwrap();
    assert_eq!(full - half.to_bytes().len(), 4 * 2 * 2);
    assert!(half.means().iter().all(|&mean| bf16::from_f32(mean).to_f32() == mean));
    for transform in [&means, &scales, &half] {
        assert_eq!(StandardizeTransform::from_bytes(&transform.to_bytes()).unwrap(), *transform);
        assert!(Box::<dyn Transform>::from_bytes(&transform.to_bytes()).is_ok());
        let back = transform.inverse(&transform.forward(&data).unwrap(), 400).unwrap();
        assert!(data.iter().zip(&back).all(|(x, y)| (x - y).abs() < 1e-4));
    }
    let equal = Standardize::new().fit(&[2.5_f32; 9]).unwrap();
    assert_eq!((equal.means(), equal.scales()), (&[2.5][..], &[1.0][..]));
    // 100.3 is no bf16: what is left has a size.
    let rounded = Standardize::new().stored_as(DType::Bf16).fit(&[100.3_f32; 9]).unwrap();
    assert!((rounded.inverse(&rounded.forward(&[100.3; 9]).unwrap(), 9).unwrap()[0] - 100.3).abs() < 1e-4);
    assert_eq!(Standardize::new().fit(&[0.0_f32; 0]).unwrap().scales(), [1.0]);
    assert_eq!(Standardize::new().per_block(4).fit(&[0.0_f32; 0]).unwrap().scales(), []);
    let wide = Standardize::new().stored_as(DType::F16).fit(&[1e6_f32, 1e6]);
    assert!(matches!(wide, Err(Error::Parameter { what: "means", index: 0, .. })), "{wide:?}");
    // Where 2 bytes would lose the deviation.
    for (stored_as, mean, size) in [(DType::F16, 0.0, 1e-9), (DType::F16, 1000.3, 0.01), (DType::Bf16, 1000.3, 0.01)] {
        let values: Vec<f32> = (0..50).map(|i| mean + size * (i as f32).sin()).collect();
        let lost = Standardize::new().stored_as(stored_as).fit(&values);
        assert!(matches!(lost, Err(Error::ScaleOutOfRange { group: 0, .. })), "{lost:?}");
        assert!(Standardize::new().fit(&values).is_ok());
    }
    assert!(StandardizeTransform::new(Groups::tensor(), vec![], vec![]).is_err());
    let far = Groups::axis(&[usize::MAX - 5], 0).unwrap();
    assert!(StandardizeTransform::new(far, vec![], vec![]).is_err());
    assert!(matches!(Standardize::new().fit(&[0.0, f32::INFINITY]), Err(Error::NonFinite { index: 1 })));
    assert!(matches!(means.forward(&data[..200]), Err(Error::Length { .. })));
    assert!(matches!(means.forward_at(300, &data[..200], &mut [0.0; 200]), Err(Error::BeyondFit { .. })));
    for (means, scales) in [(vec![0.0; 2], vec![]), (vec![], vec![0.0]), (vec![f32::NAN], vec![]), (vec![], vec![-1.0])]
    {
        assert!(StandardizeTransform::new(Groups::tensor(), means, scales).is_err());
    }
}

fn check_elements<T: Element>(values: &[T]) {
    let settings = Then::new(
        Standardize::new().per_axis(&[30, 40], 1).stored_as(DType::F16),
        Then::new(Compand::Asinh(1.0), Uniform::new(8)),
    );
    let quantizer = settings.fit(values).unwrap();
    let frame = FrameWriter::new(&Coded::packed(&quantizer)).chunk_len(77).encode(values).unwrap();
    let restored: Vec<T> = fewbits::decompress(&frame).unwrap();
    assert!(restored == quantizer.fake_quantize(values).unwrap());
    assert!(ErrorStats::measure(values, &restored).unwrap().sqnr_db() > 60.0);
    let mut part = vec![T::default(); 300];
    Frame::parse(&frame).unwrap().decoder().unwrap().decode_range_into(601..901, &mut part).unwrap();
    assert!(part == restored[601..901]);
}

#[test]
fn every_element_goes_through() {
    let data: Vec<f32> = gaussian(1200, 8).iter().enumerate().map(|(i, x)| x + (i % 40) as f32 * 100.0).collect();
    check_elements(&data);
    check_elements(&data.iter().map(|&x| f16::from_f32(x)).collect::<Vec<_>>());
    check_elements(&data.iter().map(|&x| bf16::from_f32(x)).collect::<Vec<_>>());
}

#[test]
fn forged_parameters_are_errors_or_stay_finite() {
    let data = gaussian(64, 4);
    let mut random = Random(1);
    let fixed = Uniform::new(8).fit(&data).unwrap();
    for transform in [
        Box::new(Compand::MuLaw(255.0).fit(&data).unwrap()) as Box<dyn Transform>,
        Box::new(Compand::Power(0.5).fit(&data).unwrap()),
        Box::new(Standardize::new().per_block(16).fit(&data).unwrap()),
    ] {
        let bytes = Then::new(&transform, &fixed).to_bytes();
        for _ in 0..3000 {
            let mut bytes = bytes.clone();
            let at = random.below(bytes.len() - 4);
            bytes[at] ^= 1 << random.below(8);
            common::seal(&mut bytes);
            match Box::<dyn Quantizer<Code = u8>>::from_bytes(&bytes) {
                Ok(quantizer) => {
                    let codes = vec![3; quantizer.code_len(64)];
                    let values = quantizer.dequantize::<f32>(&codes, 64);
                    assert!(values.is_err() || values.unwrap().iter().all(|x| x.is_finite()));
                }
                Err(Error::CodeWidth { .. }) => {}
                Err(error) => assert_ne!(error.kind(), ErrorKind::Input, "{error}"),
            }
        }
    }
}

/// In front of a transform that mixes values, the slope of the curve matters: errors behind go back through another value.
#[test]
fn gradients_go_through_what_is_behind() {
    let (n, x, g) = (4, [3.0_f32, 20.0, -0.2, 1.0], [1.0_f32, 2.0, -1.0, 0.5]);
    let scales = [1.0_f32, 100.0, 1.0, 10.0];
    let standard = StandardizeTransform::new(Groups::axis(&[4], 0).unwrap(), vec![0.5; 4], scales.to_vec()).unwrap();
    let rotation = Hadamard::new(4, Seed::new(1)).unwrap();
    let inner = Uniform::new(8).fit_range(-1.42, 1.42).unwrap();
    let end = 127.5 * f64::from(inner.scales()[0]);
    let gradient = Then::new(standard, Then::new(rotation, inner)).straight_through(&x, &g).unwrap();
    let matrix: Vec<Vec<f32>> = (0..n)
        .map(|j| rotation.forward(&(0..n).map(|i| if i == j { 1.0 } else { 0.0 }).collect::<Vec<f32>>()).unwrap())
        .collect();
    let surrogate = |x: &[f64]| -> f64 {
        let c: Vec<f64> = (0..n).map(|i| (x[i] - 0.5) / f64::from(scales[i])).collect();
        let clipped: Vec<f64> =
            (0..n).map(|k| (0..n).map(|j| f64::from(matrix[j][k]) * c[j]).sum::<f64>().clamp(-end, end)).collect();
        let back = |j: usize| (0..n).map(|k| f64::from(matrix[j][k]) * clipped[k]).sum::<f64>() * f64::from(scales[j]);
        (0..n).map(|j| f64::from(g[j]) * back(j)).sum()
    };
    for j in 0..n {
        let at = |change: f64| {
            let mut x = x.map(f64::from);
            x[j] += change;
            surrogate(&x)
        };
        let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
        assert!(
            (f64::from(gradient[j]) - difference).abs() < 1e-4 * difference.abs().max(1.0),
            "value {j}: {} for {difference}",
            gradient[j]
        );
    }
    // Slopes are derivatives.
    let x = [0.3_f32, -2.0, 7.5];
    for transform in [
        CompandTransform::mu_law(100.0, 5.0).unwrap(),
        CompandTransform::asinh(0.2).unwrap(),
        CompandTransform::power(0.4).unwrap(),
    ] {
        let mut slopes = [0.0; 3];
        transform.slopes_at(0, &x, &mut slopes).unwrap();
        let [above, below] = [1e-3_f32, -1e-3].map(|step| transform.forward(&x.map(|x| x + step)).unwrap());
        for i in 0..3 {
            let difference = (above[i] - below[i]) / 2e-3;
            assert!((slopes[i] / difference - 1.0).abs() < 2e-3, "{transform:?}: {} for {difference}", slopes[i]);
        }
    }
}
