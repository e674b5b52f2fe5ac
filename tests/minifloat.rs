//! Floats of few bits: every pattern and every f16 as `ml_dtypes` has them, and as levels.

mod common;

use common::{Random, all_f16, data_sets, gaussian};
use fewbits::{
    Blocks, Error, Fit, Levels, Minifloat, Overflow, PipelineExt, QuantizerExt, Rounding, Scale, ScaleType, Scales,
    Seed, bf16, f16,
};

const FORMATS: [(&str, Minifloat); 7] = [
    ("E4M3", Minifloat::E4M3),
    ("E5M2", Minifloat::E5M2),
    ("E3M2", Minifloat::E3M2),
    ("E2M3", Minifloat::E2M3),
    ("E2M1", Minifloat::E2M1),
    ("E5M10", Minifloat::F16),
    ("E8M7", Minifloat::BF16),
];

fn format(name: &str) -> Minifloat {
    FORMATS.into_iter().find(|(known, _)| *known == name).unwrap().1
}

fn golden(kind: &str) -> Vec<(&'static str, Vec<u32>)> {
    let lines = include_str!("golden/minifloats.txt").lines().filter(|line| line.starts_with(kind));
    let parse = |line: &'static str| {
        let mut words = line.split(' ').skip(1);
        let name = words.next().unwrap();
        (name, words.map(|word| u32::from_str_radix(word, 16).unwrap()).collect())
    };
    lines.map(parse).collect()
}

#[test]
fn every_pattern_decodes_as_in_ml_dtypes() {
    let mut formats = 0;
    for (name, values) in golden("decode").into_iter().filter(|(name, _)| *name != "E8M0") {
        assert_eq!(values.len(), 1 << format(name).bits());
        for (bits, &value) in values.iter().enumerate() {
            let (decoded, expected) = (format(name).from_bits(bits as u16), f32::from_bits(value));
            let same = decoded.to_bits() == value || decoded.is_nan() && expected.is_nan();
            assert!(same, "{name} {bits:#x}: {decoded} for {expected}");
        }
        formats += 1;
    }
    assert_eq!(formats, 5);
}

/// 8-bit formats give NaN or infinity beyond the largest there, the others saturate and have no NaN.
#[test]
fn every_f16_encodes_as_in_ml_dtypes() {
    let mut formats = 0;
    for (name, checksums) in golden("encode") {
        let format = format(name);
        let overflow = if format.bits() == 8 { Overflow::NonFinite } else { Overflow::Saturate };
        for (i, &checksum) in checksums.iter().enumerate() {
            let halves = (i * 256..(i + 1) * 256).map(|bits| f16::from_bits(bits as u16).to_f32());
            let encoded = halves.flat_map(|x| format.to_bits(x, overflow).unwrap_or(0xffff).to_le_bytes());
            assert_eq!(crc32fast::hash(&encoded.collect::<Vec<_>>()), checksum, "{name}, f16 from {:#x}", i * 256);
        }
        formats += 1;
    }
    assert_eq!(formats, 5);
}

#[test]
fn every_exponent_is_a_scale() {
    let (_, values) = golden("decode").into_iter().find(|(name, _)| *name == "E8M0").unwrap();
    for (exponent, value) in values.into_iter().enumerate() {
        let scales = Scales::new(ScaleType::E8M0, vec![f32::from_bits(value)]).unwrap();
        let levels = Scale::new(Minifloat::E2M1).scale_type(ScaleType::E8M0).fit(&[0.0_f32]).unwrap();
        let quantizer = fewbits::Scaled::<Minifloat>::new(*levels.unit(), *levels.groups(), scales, vec![]).unwrap();
        assert_eq!(quantizer.stored_scales().to_bytes(), [exponent as u8]);
    }
}

#[test]
fn f16_and_bf16_are_what_half_makes_of_them() {
    let mut random = Random(8);
    let any = (0..200_000).map(|_| f32::from_bits(random.bits() as u32));
    let ends =
        [65504.0, 65519.9, 65520.0, -70000.0, f32::MAX, 1e-8, 2.0_f32.powi(-25), 3e-41, 0.0, -0.0, f32::INFINITY];
    for x in any.chain(ends) {
        let (half, brain) = (f16::from_f32(x), bf16::from_f32(x));
        let (as_half, as_brain) =
            (Minifloat::F16.to_bits(x, Overflow::NonFinite), Minifloat::BF16.to_bits(x, Overflow::NonFinite));
        if x.is_nan() {
            assert!(f16::from_bits(as_half.unwrap()).is_nan() && bf16::from_bits(as_brain.unwrap()).is_nan());
        } else {
            assert_eq!((as_half, as_brain), (Some(half.to_bits()), Some(brain.to_bits())), "{x:e}");
            let saturated = Minifloat::F16.to_bits(x, Overflow::Saturate).map(f16::from_bits).unwrap();
            assert_eq!(saturated, if half.is_finite() { half } else { f16::MAX.copysign(half) }, "{x:e}");
        }
    }
    for bits in 0..=u16::MAX {
        let (half, brain) = (f16::from_bits(bits).to_f32(), bf16::from_bits(bits).to_f32());
        let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
        assert!(
            same(Minifloat::F16.from_bits(bits), half) && same(Minifloat::BF16.from_bits(bits), brain),
            "{bits:#x}"
        );
    }
}

#[test]
fn levels_are_the_finite_numbers_in_order_and_the_nearest_wins() {
    for (name, format) in FORMATS {
        let levels: Vec<f32> = (0..format.level_count()).map(|code| format.level(code)).collect();
        assert!(levels.windows(2).all(|pair| pair[0] < pair[1]), "{name}");
        assert_eq!((levels[0], *levels.last().unwrap()), (-format.max(), format.max()));
        for (code, &level) in levels.iter().enumerate() {
            let bits = format.bits_of(code as u32).unwrap();
            assert_eq!((format.from_bits(bits), format.code_of(bits)), (level, Some(code as u32)), "{name}");
            assert_eq!(format.nearest(level), code as u32);
        }
        assert_eq!(format.bits_of(format.level_count()), None);
        // Between two levels: the nearer one, or at the middle the one with even bits.
        for (code, pair) in levels.windows(2).enumerate().step_by(1 + levels.len() / 3000) {
            let middle = f64::midpoint(pair[0].into(), pair[1].into()) as f32;
            if f64::from(middle) == f64::midpoint(pair[0].into(), pair[1].into()) {
                let even = format.bits_of(code as u32).unwrap() % 2 == 0;
                assert_eq!(format.nearest(middle), code as u32 + u32::from(!even), "{name}: {middle:e}");
            }
            assert_eq!(format.nearest(middle.next_down().max(pair[0])), code as u32, "{name}: below {middle:e}");
            assert_eq!(format.nearest(middle.next_up().min(pair[1])), code as u32 + 1, "{name}: above {middle:e}");
        }
        for beyond in [f32::MAX, f32::INFINITY] {
            assert_eq!((format.nearest(beyond), format.nearest(-beyond)), (format.level_count() - 1, 0));
        }
    }
    for x in all_f16() {
        for (_, format) in FORMATS {
            let bits = format.to_bits(x.to_f32(), Overflow::Saturate).unwrap();
            assert_eq!(format.nearest(x.to_f32()), format.code_of(bits).unwrap());
        }
    }
}

#[test]
fn patterns_and_codes_are_two_views() {
    for (name, format) in FORMATS.into_iter().take(5) {
        let codes: Vec<u8> = (0..format.level_count()).map(|code| code as u8).collect();
        let (mut patterns, mut again) = (vec![0_u8; codes.len()], vec![0_u8; codes.len()]);
        format.to_patterns_into(&codes, &mut patterns).unwrap();
        format.to_codes_into(&patterns, &mut again).unwrap();
        assert_eq!(again, codes, "{name}");
        assert!(patterns.iter().zip(&codes).all(|(&p, &c)| format.from_bits(p.into()) == format.level(c.into())));
    }
    let mut codes = [0_u8; 2];
    let bad = |error: fewbits::Result<()>| matches!(error, Err(Error::Parameter { index: 1, .. }));
    assert!(bad(Minifloat::E4M3.to_codes_into(&[0_u8, 0x7f], &mut codes)));
    assert!(bad(Minifloat::E5M2.to_codes_into(&[0_u8, 0xfc], &mut codes)));
    assert!(bad(Minifloat::E2M1.to_codes_into(&[15_u8, 16], &mut codes)));
    assert!(bad(Minifloat::E4M3.to_codes_into(&[0_i16, -1], &mut codes)));
    assert!(matches!(Minifloat::F16.to_codes_into(&[0_u16], &mut [0_u8]), Err(Error::CodeWidth { .. })));
    assert!(matches!(Minifloat::F16.to_patterns_into(&[0_u16], &mut [0_u8]), Err(Error::Setting { .. })));
    assert!(matches!(Minifloat::E2M1.to_patterns_into(&[15_u8], &mut [0_u8]), Err(Error::Code { .. })));
}

#[test]
fn small_floats_under_scales_keep_their_bound() {
    for (name, format) in FORMATS {
        for (data_name, data) in data_sets() {
            for settings in [Scale::new(format).codes::<u16>(), Scale::new(format).codes().per_block(16)] {
                let quantizer = settings.fit(&data).unwrap();
                let restored = quantizer.fake_quantize(&data).unwrap();
                for (i, (&x, &y)) in data.iter().zip(&restored).enumerate() {
                    let error = (f64::from(x) - f64::from(y)).abs();
                    let bound = fewbits::Quantizer::error_bound(&quantizer, i).unwrap();
                    assert!(error <= bound, "{name} on {data_name}: {x:e} became {y:e}");
                }
            }
        }
    }
    let data = gaussian(1 << 16, 3);
    let settings = Scale::new(Minifloat::E2M1).per_block(32).rounding(Rounding::Stochastic(Seed::new(4)));
    let mut mean = vec![0.0_f64; data.len()];
    for round in 0..64 {
        let quantizer = settings.fit(&data).unwrap().with_rounding(Rounding::Stochastic(Seed::new(round))).unwrap();
        let restored = quantizer.fake_quantize(&data).unwrap();
        mean.iter_mut().zip(restored).for_each(|(sum, x)| *sum += f64::from(x) / 64.0);
    }
    let error: f64 = mean.iter().zip(&data).map(|(m, &x)| (m - f64::from(x)).powi(2)).sum();
    let energy: f64 = data.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    assert!(10.0 * (energy / error).log10() > 30.0, "chance does not average out");
}

#[test]
fn self_scaled_blocks_of_small_floats() {
    let data: Vec<bf16> = gaussian(1000, 5).into_iter().map(bf16::from_f32).collect();
    let blocks = Blocks::new(Minifloat::E2M1, 32).unwrap().scale_type(ScaleType::E8M0);
    let bytes = blocks.encode(&data).unwrap();
    assert_eq!(bytes.len(), 31 * (1 + 16) + 1 + 4);
    let restored: Vec<bf16> = blocks.decode(&bytes, 1000).unwrap();
    let error: f32 = data.iter().zip(&restored).map(|(a, b)| (a.to_f32() - b.to_f32()).powi(2)).sum();
    assert!(error / 1000.0 < 0.03, "{error}");
}
