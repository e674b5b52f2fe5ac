//! Fake quantization and the straight-through gradient.

mod common;

use common::{gaussian, quantizers, to_bits};
use fewbits::{Fit, Quantizer, QuantizerExt, Uniform};

#[test]
fn fake_quantization_is_quantization_there_and_back() {
    let data = gaussian(5000, 1);
    for case in quantizers() {
        let Ok(quantizer) = (case.fit)(&data) else { continue };
        let restored: Vec<f32> = quantizer.dequantize(&quantizer.quantize(&data).unwrap(), 5000).unwrap();
        assert_eq!(to_bits(&quantizer.fake_quantize(&data).unwrap()), to_bits(&restored), "{}", case.name);
    }
}

/// The gradient equals finite differences of the surrogate that only clips.
#[test]
fn straight_through_equals_finite_differences_of_clipping() {
    for settings in
        [Uniform::new(3), Uniform::new(3).asymmetric(), Uniform::new(2).mid_rise(), Uniform::new(4).full_range()]
    {
        let quantizer = settings.fit_range(-1.0, 1.0).unwrap();
        let levels: Vec<f64> = quantizer.levels(0).map(f64::from).collect();
        let (half, last) = ((levels[1] - levels[0]) / 2.0, levels[levels.len() - 1]);
        let surrogate = |x: f64| x.clamp(levels[0] - half, last + half);
        let values: Vec<f32> = (-200..=200).map(|i| i as f32 / 100.0 + 0.001).collect();
        let upstream: Vec<f32> = (0..values.len()).map(|i| (i as f32).cos()).collect();
        let gradient = quantizer.straight_through(&values, &upstream).unwrap();
        let mut stopped = 0;
        for ((&x, &g), &up) in values.iter().zip(&gradient).zip(&upstream) {
            let (x, h) = (f64::from(x), 1e-5);
            let slope = (surrogate(x + h) - surrogate(x - h)) / (2.0 * h);
            approx::assert_abs_diff_eq!(f64::from(g), slope * f64::from(up), epsilon = 1e-4);
            stopped += usize::from(g == 0.0);
        }
        assert!((100..250).contains(&stopped), "{stopped} of {} gradients stop", values.len());
    }
}

#[test]
fn values_within_the_fitted_range_pass_everything() {
    let data = gaussian(700, 2);
    for case in quantizers() {
        let Ok(quantizer) = (case.fit)(&data) else { continue };
        let upstream = gaussian(700, 3);
        if case.clips {
            continue;
        }
        let gradient = quantizer.straight_through(&data, &upstream).unwrap();
        // There and back through a transform, with its roundings.
        let rounding = if case.mixes { 1e-6 } else { 0.0 };
        assert!(gradient.iter().zip(&upstream).all(|(a, b)| (a - b).abs() <= rounding), "{}", case.name);
    }
}

#[test]
fn groups_clip_where_their_own_scales_say() {
    let quantizer = Uniform::new(8).per_axis(&[2, 2], 0).fit(&[1.0_f32, -1.0, 10.0, 5.0]).unwrap();
    let gradient = quantizer.straight_through(&[3.0, 0.5, 3.0, 20.0], &[1.0; 4]).unwrap();
    assert_eq!(gradient, [0.0, 1.0, 1.0, 0.0]);
    assert!(quantizer.straight_through(&[1.0; 4], &[1.0; 3]).is_err());
    assert!(quantizer.straight_through_at(0, &[1.0; 3], &mut [1.0; 4]).is_err());
}
