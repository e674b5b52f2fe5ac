//! Integers with zero points: what ONNX and torch make of the same values.

mod common;

use common::{Random, gaussian};
use fewbits::{
    Affine, AffineQuantizer, Describe, Error, Fit, Grid, Groups, Histogram, Quantizer, QuantizerExt, Range, Restore,
    ScaleType, Scales,
};

const COUNT: usize = 10_000;
const TYPES: [(&str, Grid); 8] = [
    ("u2", Grid::U2),
    ("i2", Grid::I2),
    ("u4", Grid::U4),
    ("i4", Grid::I4),
    ("u8", Grid::U8),
    ("i8", Grid::I8),
    ("u16", Grid::U16),
    ("i16", Grid::I16),
];

/// As in `golden/onnx_rules.py`.
fn value(random: &mut Random, i: usize, scale: f32, grid: &Grid) -> f32 {
    let width = (grid.max() - grid.min()) as usize;
    match i / 7 % 4 {
        0 | 1 => (random.below(3 * width + 5) as i64 - 3 * width as i64 / 2) as f32 * 0.5 * scale,
        2 => (random.below(1 << 24) as f32 / (1 << 24) as f32 - 0.5) * (3 * width) as f32 * scale,
        _ => {
            let exponent = (scale.to_bits() >> 23) - 20 + random.below(50) as u32;
            f32::from_bits(random.bits() as u32 & 0x807f_ffff | exponent << 23)
        }
    }
}

fn checksums<const N: usize>(numbers: impl Iterator<Item = [u8; N]>, each: usize) -> Vec<u32> {
    let bytes: Vec<u8> = numbers.flatten().collect();
    bytes.chunks(each * N).map(crc32fast::hash).collect()
}

fn hex(text: &str) -> Vec<u32> {
    text.split(' ').map(|digits| u32::from_str_radix(digits, 16).unwrap()).collect()
}

/// The first line that differs says which hundred values to look at.
#[test]
fn quantize_and_dequantize_linear_equal_the_reference_evaluator() {
    let golden = include_str!("golden/onnx_rules.txt");
    let mut lines = golden.lines().filter(|line| !line.starts_with("dynamic"));
    let mut cases = 0;
    while let Some(line) = lines.next() {
        let words: Vec<&str> = line.split(' ').collect();
        let (_, grid) = TYPES.into_iter().find(|(name, _)| *name == words[1]).unwrap();
        let scale_count: usize = words[2].parse().unwrap();
        let mut random = Random(words[3].parse().unwrap());
        let scales: Vec<f32> = hex(lines.next().unwrap()).into_iter().map(f32::from_bits).collect();
        let zeros: Vec<i32> = lines.next().unwrap().split(' ').map(|zero| zero.parse().unwrap()).collect();

        // The generator draws scales and zero points first.
        for i in 0..scale_count {
            random.bits();
            if i % 2 == 1 {
                random.bits();
            }
        }
        for _ in &zeros {
            random.bits();
        }
        let values: Vec<f32> = (0..COUNT).map(|i| value(&mut random, i, scales[i % scale_count], &grid)).collect();

        let quantizer = if scale_count == 1 {
            AffineQuantizer::<u16>::quantize_linear(grid, scales[0], zeros[0]).unwrap()
        } else {
            let groups = Groups::axis(&[COUNT / scale_count, scale_count], 1).unwrap();
            AffineQuantizer::new(grid, groups, Scales::new(ScaleType::F32, scales).unwrap(), zeros).unwrap()
        };
        let codes = quantizer.quantize(&values).unwrap();
        let integers: Vec<i32> = grid.to_integers(&codes).unwrap();
        assert_eq!(checksums(integers.iter().map(|q| q.to_le_bytes()), 100), hex(lines.next().unwrap()), "{line}");
        let restored: Vec<f32> = quantizer.dequantize(&codes, COUNT).unwrap();
        let restored = restored.iter().map(|x| (x + 0.0).to_le_bytes());
        assert_eq!(checksums(restored, 100), hex(lines.next().unwrap()), "{line}");
        cases += 1;
    }
    assert_eq!(cases, 16);
}

/// As in `golden/onnx_rules.py`.
fn dynamic_values(seed: u64, count: usize, kind: &str) -> Vec<f32> {
    let mut random = Random(seed);
    let mut value = || {
        let x = random.below(1 << 24) as f32 / (1 << 24) as f32 - 0.5;
        let x = x * f32::from_bits((127 - 10 + seed as u32 % 20) << 23);
        match kind {
            "positive" => x.abs(),
            "negative" => -x.abs(),
            "zero" => 0.0,
            _ => x,
        }
    };
    (0..count).map(|_| value()).collect()
}

#[test]
fn scales_and_zero_points_equal_those_of_torch() {
    let mut cases = 0;
    for line in include_str!("golden/torch_parameters.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let (_, grid) = TYPES.into_iter().find(|(name, _)| *name == words[2]).unwrap();
        let values = dynamic_values(words[3].parse().unwrap(), words[4].parse().unwrap(), words[5]);
        let settings = if words[1] == "affine" { Affine::torch(grid) } else { Affine::torch_symmetric(grid) };
        let quantizer = settings.fit(&values).unwrap();
        assert_eq!(quantizer.scales()[0].to_bits(), hex(words[6])[0], "{line}");
        assert_eq!(quantizer.zero_points(), [words[7].parse::<i32>().unwrap()], "{line}");
        cases += 1;
    }
    assert_eq!(cases, 80);
}

#[test]
fn dynamic_quantize_linear_equals_the_reference_evaluator() {
    let mut cases = 0;
    for line in include_str!("golden/onnx_rules.txt").lines().filter(|line| line.starts_with("dynamic")) {
        let words: Vec<&str> = line.split(' ').collect();
        let (seed, count): (u64, usize) = (words[1].parse().unwrap(), words[2].parse().unwrap());
        let values = dynamic_values(seed, count, words[3]);
        let quantizer = Affine::dynamic_quantize_linear().fit(&values).unwrap();
        assert_eq!(quantizer.scales()[0].to_bits(), hex(words[4])[0], "{line}");
        assert_eq!(quantizer.zero_points(), [words[5].parse::<i32>().unwrap()], "{line}");
        let codes = quantizer.quantize(&values).unwrap();
        let integers = codes.iter().map(|&q| i32::from(q).to_le_bytes());
        assert_eq!(checksums(integers, count), hex(words[6]), "{line}");
        cases += 1;
    }
    assert_eq!(cases, 30);
}

#[test]
fn integers_and_codes_are_two_views_of_one_thing() {
    for (_, grid) in TYPES {
        let codes: Vec<u16> =
            (0..=u16::MAX).filter(|&code| u32::from(code) <= (grid.max() - grid.min()) as u32).collect();
        let integers: Vec<i32> = grid.to_integers(&codes).unwrap();
        assert!(integers.iter().copied().eq(grid.min()..=grid.max()));
        assert_eq!(grid.to_codes::<u16, _>(&integers).unwrap(), codes);
        for outside in [grid.min() - 1, grid.max() + 1] {
            let error = grid.to_codes::<u16, _>(&[0, outside]).unwrap_err();
            assert_eq!(
                error,
                Error::Parameter { what: "integers", index: 1, value: outside.into(), allowed: "integers of the grid" }
            );
        }
    }
    assert_eq!(Grid::I8.to_integers::<u8, i8>(&[0, 128, 255]).unwrap(), [-128, 0, 127]);
    assert_eq!(Grid::I8.to_codes::<u8, i8>(&[-128, 0, 127]).unwrap(), [0, 128, 255]);
    // A type that is too narrow is refused whatever the codes are, and so is a code that is no level.
    assert!(matches!(Grid::U8.to_integers::<u8, i8>(&[0]), Err(Error::Setting { .. })));
    assert!(matches!(Grid::I8.to_integers::<u8, u8>(&[200]), Err(Error::Setting { .. })));
    assert!(matches!(Grid::I4.to_integers::<u8, i8>(&[3, 16]), Err(Error::Code { index: 1, code: 16, .. })));
    assert!(matches!(Grid::I16.to_codes::<u8, i16>(&[0]), Err(Error::CodeWidth { .. })));
    assert!(matches!(Grid::I8.to_codes::<u8, u64>(&[u64::MAX]), Err(Error::Parameter { .. })));
}

#[test]
fn zero_is_exact_and_no_fitted_value_is_off_by_more_than_half_a_step() {
    for (_, grid) in TYPES {
        for (shift, spread) in [(0.0, 1.0), (3.0, 0.5), (-3.0, 0.5), (100.0, 1.0), (0.2, 1e-3)] {
            let mut data: Vec<f32> = gaussian(500, 3).iter().map(|x| x * spread + shift).collect();
            data.push(0.0);
            for settings in [Affine::torch(grid), Affine::torch_symmetric(grid)] {
                let quantizer = settings.codes::<u16>().fit(&data).unwrap();
                let restored = quantizer.fake_quantize(&data).unwrap();
                assert_eq!(restored[500], 0.0);
                for (x, y) in data.iter().zip(&restored) {
                    // Half a step on the positive side of symmetric integers may be missing.
                    let bound = quantizer.error_bound(0).unwrap();
                    assert!(f64::from((x - y).abs()) <= bound, "{x} became {y}, more than {bound} off");
                }
            }
        }
    }
}

#[test]
fn ranges_as_observers_choose_them() {
    let mut data = gaussian(20_000, 6);
    data[77] = 1000.0;
    let mut histogram = Histogram::new();
    histogram.add(&data).unwrap();
    for settings in [Affine::torch(Grid::I8), Affine::torch_symmetric(Grid::I8), Affine::dynamic_quantize_linear()] {
        let most = settings.clone().range(Range::Percentile(0.9999));
        let (exact, near) = (most.fit(&data).unwrap(), most.fit(&[histogram.clone()]).unwrap());
        assert!(exact.scales()[0] < settings.fit(&data).unwrap().scales()[0] / 50.0);
        assert!((exact.scales()[0] / near.scales()[0] - 1.0).abs() < 0.02);
        assert_eq!(settings.fit(&[-2.5_f32, 0.5, 3.0]).unwrap(), settings.fit_range(-2.5, 3.0).unwrap());
        assert!(matches!(settings.fit_range(1.0, f32::NAN), Err(Error::Setting { name: "range", .. })));
        let refused = settings.range(Range::Mse).fit(&data).unwrap_err();
        assert!(matches!(refused, Error::Unsuited { .. }), "{refused}");
    }
}

/// By hand, in f64: neither ties nor groups are where a fast path thinks they are.
#[test]
fn every_layout_equals_the_formula() {
    let data: Vec<f32> = gaussian(210, 8).iter().map(|x| x * 3.0 + 1.0).collect();
    let shape = [5, 6, 7];
    let layouts = (0..3).map(|axis| Affine::torch(Grid::I8).per_axis(&shape, axis));
    for settings in layouts.chain([Affine::torch(Grid::U4), Affine::torch(Grid::I8).per_block(13)]) {
        let quantizer = settings.fit(&data).unwrap();
        let (grid, groups) = (*quantizer.unit(), quantizer.groups());
        let codes = quantizer.quantize(&data).unwrap();
        let restored: Vec<f32> = quantizer.dequantize(&codes, 210).unwrap();
        for (i, &x) in data.iter().enumerate() {
            let group = groups.group_of(i);
            let (scale, zero) = (quantizer.scales()[group], quantizer.zero_points()[group]);
            let integer = ((x / scale).round_ties_even() as i32 + zero).clamp(grid.min(), grid.max());
            assert_eq!(i32::from(codes[i]) + grid.min(), integer);
            assert_eq!(restored[i], (integer - zero) as f32 * scale);
        }
    }
}

#[test]
fn mid_rise_levels_are_no_integers() {
    let grid = Grid::mid_rise(-2, 1).unwrap();
    assert!(matches!(grid.to_integers::<u8, i8>(&[0]), Err(Error::Setting { .. })));
    assert!(matches!(grid.to_codes::<u8, i8>(&[0]), Err(Error::Setting { .. })));
}

#[test]
fn parameters_that_no_runtime_has_are_refused() {
    let tensor = Groups::tensor;
    let scales = |scales: &[f32]| Scales::new(ScaleType::F32, scales.to_vec()).unwrap();
    let new = AffineQuantizer::<u8>::new;
    let error = new(Grid::U8, tensor(), scales(&[1.0]), vec![256]).unwrap_err();
    assert_eq!(
        error,
        Error::Parameter { what: "zero points", index: 0, value: 256.0, allowed: "integers of the grid" }
    );
    assert!(matches!(new(Grid::I8, tensor(), scales(&[1.0]), vec![-129]), Err(Error::Parameter { .. })));
    assert!(matches!(new(Grid::I8, tensor(), scales(&[1.0]), vec![]), Err(Error::Length { .. })));
    assert!(matches!(new(Grid::I8, tensor(), scales(&[1.0, 1.0]), vec![0, 0]), Err(Error::Length { .. })));
    assert!(matches!(new(Grid::I16, tensor(), scales(&[1.0]), vec![0]), Err(Error::CodeWidth { .. })));
    let mid_rise = Grid::mid_rise(-2, 1).unwrap();
    assert!(matches!(new(mid_rise, tensor(), scales(&[1.0]), vec![0]), Err(Error::Setting { .. })));
    assert!(AffineQuantizer::<u8>::quantize_linear(Grid::U8, 0.0, 0).is_err());
    assert!(AffineQuantizer::<u8>::quantize_linear(Grid::U8, f32::NAN, 0).is_err());
    assert_eq!(Affine::torch(Grid::I8).fit(&[0.0_f32; 0]), Err(Error::Empty));
    assert_eq!(Affine::torch(Grid::I8).fit(&[1.0_f32, f32::NAN]), Err(Error::NonFinite { index: 1 }));
    let error = Affine::torch(Grid::I8).fit(&[f32::MAX, -f32::MAX]).unwrap_err();
    assert!(matches!(error, Error::ScaleOutOfRange { group: 0, .. }));
}

#[test]
fn levels_beyond_the_largest_f32_are_that() {
    let quantizer = AffineQuantizer::<u8>::quantize_linear(Grid::U8, 3e36, 0).unwrap();
    let codes = quantizer.quantize(&[f32::MAX, 3e38, -1.0]).unwrap();
    let restored: Vec<f32> = quantizer.dequantize(&codes, 3).unwrap();
    assert_eq!(restored[0], 113.0 * 3e36);
    assert_eq!(quantizer.dequantize::<f32>(&[255], 1).unwrap(), [f32::MAX]);
    let columns = Groups::axis(&[1, 2], 1).unwrap();
    let scales = Scales::new(ScaleType::F32, vec![3e36, 1.0]).unwrap();
    let quantizer = AffineQuantizer::<u8>::new(Grid::U8, columns, scales, vec![255, 7]).unwrap();
    assert_eq!(quantizer.dequantize::<f32>(&[0, 0], 2).unwrap(), [-f32::MAX, -7.0]);
}

#[test]
fn damaged_zero_points_are_errors() {
    let quantizer = AffineQuantizer::<u8>::quantize_linear(Grid::I4, 0.25, 7).unwrap();
    let bytes = quantizer.to_bytes();
    assert_eq!(AffineQuantizer::<u8>::from_bytes(&bytes).unwrap(), quantizer);
    assert_eq!(Box::<dyn Quantizer<Code = u8>>::from_bytes(&bytes).unwrap().level_count(), 16);
    // Version, a section of stages, then 4 bytes of scale and 2 of the zero point, code 15.
    let at = bytes.len() - 4 - 2;
    assert_eq!(bytes[at..at + 2], [15, 0]);
    let mut forged = bytes[..bytes.len() - 4].to_vec();
    forged[at] = 16;
    forged.extend(crc32fast::hash(&forged).to_le_bytes());
    let error = AffineQuantizer::<u8>::from_bytes(&forged).unwrap_err();
    assert_eq!(error, Error::Corrupt { what: "zero point", found: 16 });
}
