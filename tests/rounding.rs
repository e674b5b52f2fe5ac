//! Roundings: ties, chance and dither, addressed by position.

mod common;

use common::gaussian;
use fewbits::{
    Coded, Describe, Error, ErrorStats, Fit, Frame, FrameWriter, Grid, Quantizer, QuantizerExt, Restore, Rounding,
    Scale, Seed, Uniform, UniformQuantizer, f16,
};

/// Levels at the integers from -7 to 7, or from 0 to 15.
fn integers(rounding: Rounding) -> UniformQuantizer {
    Uniform::new(4).rounding(rounding).fit_range(-7.0, 7.0).unwrap()
}

#[test]
fn halves_away_from_zero() {
    let quantizer = integers(Rounding::HalfAway);
    let values = [0.5_f32, 1.5, 2.5, -0.5, -1.5, -2.5, 0.499_999_97, 2.4, 2.6, 6.5, 7.5, -7.5, 99.0, -99.0, 0.0, -0.0];
    let expected = [1.0, 2.0, 3.0, -1.0, -2.0, -3.0, 0.0, 2.0, 3.0, 7.0, 7.0, -7.0, 7.0, -7.0, 0.0, 0.0];
    assert_eq!(quantizer.fake_quantize(&values).unwrap(), expected);
    // As `f32::round` on every multiple of 1/8 in range.
    for x in (-56..=56).map(|i| i as f32 / 8.0) {
        assert_eq!(quantizer.fake_quantize(&[x]).unwrap()[0], x.round());
    }
}

#[test]
fn chance_is_unbiased_within_the_range() {
    const LEN: usize = 1 << 20;
    for x in [0.1_f32, -2.7, 6.999] {
        let quantizer = integers(Rounding::Stochastic(Seed::new(42)));
        let restored = quantizer.fake_quantize(&vec![x; LEN]).unwrap();
        let (below, above) = (x.floor(), x.floor() + 1.0);
        assert!(restored.iter().all(|&y| y == below || y == above));
        let mean = restored.iter().map(|&y| f64::from(y)).sum::<f64>() / LEN as f64;
        let part = f64::from(x - below);
        let standard_error = (part * (1.0 - part) / LEN as f64).sqrt();
        assert!((mean - f64::from(x)).abs() < 4.0 * standard_error, "{x} became {mean} on average");
    }
    let levels: Vec<f32> = (-7..=7).map(|i| i as f32).collect();
    assert_eq!(integers(Rounding::Stochastic(Seed::new(1))).fake_quantize(&levels).unwrap(), levels);
    // Clipped values have only one level to go to.
    let clipped = integers(Rounding::Stochastic(Seed::new(1))).fake_quantize(&[7.3_f32, 900.0, -7.3, -1e30]).unwrap();
    assert_eq!(clipped, [7.0, 7.0, -7.0, -7.0]);
}

#[test]
fn chance_costs_twice_the_squared_error() {
    let data: Vec<f32> = (0..100_000).map(|i| (i as f32 * 0.618_034).fract() * 14.0 - 7.0).collect();
    let mse = |rounding| {
        let restored = integers(rounding).fake_quantize(&data).unwrap();
        ErrorStats::measure(&data, &restored).unwrap().mse()
    };
    let nearest = mse(Rounding::Nearest);
    assert!((nearest * 12.0 - 1.0).abs() < 0.01);
    assert!((mse(Rounding::Stochastic(Seed::new(3))) / nearest - 2.0).abs() < 0.02);
    assert!((mse(Rounding::Dither(Seed::new(3))) / nearest - 1.0).abs() < 0.05);
}

#[test]
fn dither_makes_the_error_uniform_whatever_the_value() {
    for x in [0.0_f32, 0.25, -3.5, 5.9] {
        let quantizer = integers(Rounding::Dither(Seed::new(7)));
        let restored = quantizer.fake_quantize(&vec![x; 100_000]).unwrap();
        let mut errors: Vec<f64> = restored.iter().map(|&y| f64::from(y) - f64::from(x) + 0.5).collect();
        errors.sort_unstable_by(f64::total_cmp);
        // Kolmogorov and Smirnov: the largest distance from the straight line, 1.95 / sqrt(n) at 0.1 %.
        let n = errors.len() as f64;
        let distance = |(i, e): (usize, &f64)| (e - i as f64 / n).abs().max((e - (i + 1) as f64 / n).abs());
        let largest = errors.iter().enumerate().map(distance).fold(0.0, f64::max);
        assert!(largest < 1.95 / n.sqrt(), "{x}: {largest}");
    }
}

#[test]
fn a_decoder_needs_the_dither_and_gets_it() {
    let data = gaussian(3000, 1);
    let quantizer = Uniform::new(4).per_block(100).rounding(Rounding::Dither(Seed::new(9))).fit(&data).unwrap();
    let expected = quantizer.fake_quantize(&data).unwrap();
    assert_eq!(UniformQuantizer::<u8>::from_bytes(&quantizer.to_bytes()).unwrap(), quantizer);
    for chunk_len in [1000, 5000] {
        let frame = FrameWriter::new(&Coded::packed(&quantizer)).chunk_len(chunk_len).encode(&data).unwrap();
        assert_eq!(fewbits::decompress::<f32>(&frame).unwrap(), expected);
        let mut part = [0.0_f32; 77];
        Frame::parse(&frame).unwrap().decoder().unwrap().decode_range_into(950..1027, &mut part).unwrap();
        assert_eq!(part, expected[950..1027]);
    }
    let other = quantizer.clone().with_rounding(Rounding::Dither(Seed::new(10))).unwrap();
    let wrong: Vec<f32> = other.dequantize(&quantizer.quantize(&data).unwrap(), 3000).unwrap();
    assert_ne!(wrong, expected);

    // Other roundings are the encoder's own affair: the same bytes, and nothing to restore.
    let nearest = quantizer.clone().with_rounding(Rounding::Nearest).unwrap();
    let chance = quantizer.with_rounding(Rounding::Stochastic(Seed::new(9))).unwrap();
    assert_eq!(nearest.to_bytes(), chance.to_bytes());
    assert_eq!(UniformQuantizer::<u8>::from_bytes(&chance.to_bytes()).unwrap(), nearest);
}

#[test]
fn seeds_make_rounds() {
    // The first outputs of SplitMix64 started at 0 are e220a8397b1dcdaf, 6e789e6aa1b965f4.
    let first = |bits: u64| (bits >> 40) as f32 / (1 << 24) as f32;
    let seed = Seed::new(0);
    assert_eq!((seed.uniform(0), seed.uniform(1)), (first(0xe220_a839_7b1d_cdaf), first(0x6e78_9e6a_a1b9_65f4)));

    let derived: Vec<Seed> = (0..100).flat_map(|round| (0..10).map(move |w| seed.derive(round).derive(w))).collect();
    let mut distinct: Vec<u64> = derived.iter().map(|seed| seed.get()).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 1000);
    assert_ne!(seed.derive(1).derive(2), seed.derive(2).derive(1));

    // The mean over rounds comes closer to the value, which a seed for all rounds would not.
    let data = gaussian(1000, 4);
    let quantizer = Uniform::new(3).fit(&data).unwrap();
    let mut mean = vec![0.0_f64; 1000];
    for round in 0..400 {
        let rounding = Rounding::Stochastic(Seed::new(11).derive(round));
        let restored = quantizer.clone().with_rounding(rounding).unwrap().fake_quantize(&data).unwrap();
        mean.iter_mut().zip(restored).for_each(|(mean, y)| *mean += f64::from(y) / 400.0);
    }
    let mean: Vec<f32> = mean.into_iter().map(|x| x as f32).collect();
    let once = ErrorStats::measure(&data, &quantizer.fake_quantize(&data).unwrap()).unwrap().mse();
    let averaged = ErrorStats::measure(&data, &mean).unwrap().mse();
    assert!(averaged < once / 100.0, "{averaged:e} against {once:e}");
}

#[test]
fn wide_ranges_round_by_chance_too() {
    let values = [f32::MAX, -f32::MAX, 1e38, -3e38, 0.0];
    for rounding in [Rounding::HalfAway, Rounding::Stochastic(Seed::new(5)), Rounding::Dither(Seed::new(5))] {
        let quantizer = Uniform::new(8).asymmetric().rounding(rounding).fit(&values).unwrap();
        for (i, (x, y)) in values.iter().zip(quantizer.fake_quantize(&values).unwrap()).enumerate() {
            let error = (f64::from(*x) - f64::from(y)).abs();
            assert!(y.is_finite() && error <= quantizer.error_bound(i).unwrap(), "{rounding:?}: {x:e} became {y:e}");
        }
    }
}

#[test]
fn dither_needs_steps_of_one() {
    #[derive(Debug, Clone)]
    struct Uneven;
    impl Describe for Uneven {
        fn describe(&self, out: &mut fewbits::Description) {
            out.foreign("test uneven", |_| ());
        }
    }
    impl fewbits::Levels for Uneven {
        fn level_count(&self) -> u32 {
            3
        }
        fn level(&self, code: u32) -> f32 {
            [-1.0, 0.0, 3.0, 3.0][code.min(3) as usize]
        }
        fn nearest(&self, x: f32) -> u32 {
            u32::from(x > -0.5) + u32::from(x > 1.5)
        }
        fn range(&self) -> (f32, f32) {
            (-1.0, 3.0)
        }
    }
    let dithered = Scale::new(Uneven).rounding(Rounding::Dither(Seed::new(1))).fit(&[1.0_f32]);
    assert!(matches!(dithered, Err(Error::Setting { name: "levels under dither", .. })));
    assert!(Scale::new(Grid::new(0, 3).unwrap()).rounding(Rounding::Dither(Seed::new(1))).fit(&[1.0_f32]).is_ok());

    // Chance works for any levels: 1 of 3 goes up.
    let quantizer = Scale::new(Uneven).rounding(Rounding::Stochastic(Seed::new(1))).fit_range(-1.0, 3.0).unwrap();
    let restored = quantizer.fake_quantize(&vec![1.0_f32; 1 << 16]).unwrap();
    let up = restored.iter().filter(|&&y| y == 3.0).count() as f64 / f64::from(1 << 16);
    assert!(restored.iter().all(|&y| y == 0.0 || y == 3.0) && (up - 1.0 / 3.0).abs() < 0.01, "{up}");
}

#[test]
fn a_frame_of_halves_rounded_by_chance_decodes() {
    // The level above the largest f16 is up to a whole step away, and the decoder does not know that chance chose it.
    for settings in [Uniform::new(4).asymmetric(), Uniform::new(4).full_range(), Uniform::new(8).asymmetric()] {
        for scale_type in common::SCALE_TYPES {
            let values = [65504.0, -1000.0, 65504.0, 65000.0].map(f16::from_f32);
            for seed in 0..20 {
                let rounding = Rounding::Stochastic(Seed::new(seed));
                let quantizer = settings.clone().scale_type(scale_type).rounding(rounding).fit(&values).unwrap();
                let frame = Frame::encode(&Coded::packed(&quantizer), &values).unwrap();
                let restored: Vec<f16> = fewbits::decompress(&frame).unwrap();
                assert_eq!(restored, quantizer.fake_quantize(&values).unwrap());
            }
        }
    }
}

#[test]
fn every_code_narrows_as_its_restored_copy_narrows_it() {
    for rounding in [Rounding::Stochastic(Seed::new(1)), Rounding::Dither(Seed::new(1)), Rounding::HalfAway] {
        for bits in [2, 4, 8] {
            for end in [65504.0, 65505.0, 66000.0, 70000.0, 90000.0, 200_000.0] {
                let quantizer = Uniform::new(bits).rounding(rounding).fit_range(-end, end).unwrap();
                let restored = UniformQuantizer::<u8>::from_bytes(&quantizer.to_bytes()).unwrap();
                let (mut values, mut again) = ([f16::ZERO], [f16::ZERO]);
                for code in 0..quantizer.level_count() as u8 {
                    let result = quantizer.dequantize_into(&[code], &mut values);
                    assert_eq!(result, restored.dequantize_into(&[code], &mut again), "{rounding:?}, {end}, {code}");
                    assert!(result.is_err() || values == again, "{rounding:?}, {end}, {code}");
                }
            }
        }
    }
}

#[test]
fn dither_leaves_constant_groups_alone() {
    let data = [0.0_f32, 0.0, 0.0, 1e-6, 2e-6, -3e-6, 7.5, 7.5, 7.5];
    let dither = Rounding::Dither(Seed::new(1));
    for scale_type in [fewbits::ScaleType::F32, fewbits::ScaleType::Bf16, fewbits::ScaleType::E8M0] {
        let settings = Uniform::new(8).asymmetric().per_block(3).scale_type(scale_type).rounding(dither);
        let restored = settings.fit(&data).unwrap().fake_quantize(&data).unwrap();
        assert!(restored[..3].iter().all(|x| x.abs() < 1e-37) && restored[6..] == data[6..], "{restored:?}");
    }
    let zeros = Uniform::new(8).rounding(dither).fit(&[0.0_f32; 8]).unwrap();
    assert_eq!(zeros.fake_quantize(&[0.0_f32; 8]).unwrap(), [0.0; 8]);
}
