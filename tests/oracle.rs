//! Law: each fast path equals a naive reference, bit for bit, at every length and alignment.

mod common;

use common::{Random, data_sets, gaussian, quantizers, shaped_quantizers, to_bits};
use fewbits::{
    BitPack, Code, CodecExt, Describe, Fit, Grid, Groups, Levels, QuantizerExt, Restore, ScaleType, Scaled, Scales,
    Uniform, UniformQuantizer, bf16, f16,
};

/// Code and restored value of one value, by the formulas of the docs.
fn naive(quantizer: &UniformQuantizer<u16>, i: usize, x: f32) -> (u16, f32) {
    let (grid, groups) = (quantizer.unit(), quantizer.groups());
    let group = if groups.count() == 0 { 0 } else { (i / groups.run()) % groups.count() };
    let scale = quantizer.scales()[group];
    let offset = quantizer.offsets().get(group).copied().unwrap_or(0.0);
    let shift = if grid.is_mid_rise() { 0.5 } else { 0.0 };
    let (lowest, highest) = (grid.min() as f32 + shift, grid.max() as f32 + shift);
    // f32, unless some group of the stage spans more than f32::MAX.
    let wide = quantizer.scales().iter().enumerate().any(|(g, s)| {
        let o = quantizer.offsets().get(g).copied().unwrap_or(0.0);
        [(highest - lowest) * s, lowest * s + o, highest * s + o].iter().any(|x| x.is_infinite())
    });
    let position =
        if wide { ((f64::from(x) - f64::from(offset)) / f64::from(scale)) as f32 } else { (x - offset) / scale };
    let integer = (position - shift).clamp(grid.min() as f32, grid.max() as f32).round_ties_even();
    // Where the difference was rounded to a tie, the sign decides.
    let integer = if shift > 0.0 && position < 0.0 { integer.min((-1.0_f32).max(grid.min() as f32)) } else { integer };
    let level = integer + shift;
    let restored = if wide {
        let level = f64::from(level) * f64::from(scale) + f64::from(offset);
        level.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
    } else {
        level * scale + offset
    };
    ((integer as i32 - grid.min()) as u16, restored)
}

fn check(quantizer: &UniformQuantizer<u16>, data: &[f32], what: &str) {
    let codes = quantizer.quantize(data).unwrap();
    let restored: Vec<f32> = quantizer.dequantize(&codes, data.len()).unwrap();
    for (i, &x) in data.iter().enumerate() {
        let (code, value) = naive(quantizer, i, x);
        assert_eq!((codes[i], restored[i].to_bits()), (code, value.to_bits()), "{what}: value {i}, {x:e}");
    }
}

fn kinds(bits: u32) -> [Uniform<u16>; 4] {
    let uniform = Uniform::new(bits).codes::<u16>();
    [uniform.clone(), uniform.clone().full_range(), uniform.clone().asymmetric(), uniform.mid_rise()]
}

#[test]
fn uniform_equals_its_formula() {
    for bits in 2..=16 {
        for settings in kinds(bits) {
            for (name, data) in data_sets() {
                for settings in [settings.clone(), settings.clone().per_block(3), settings.clone().per_block(1)] {
                    if let Ok(quantizer) = settings.fit(&data) {
                        check(&quantizer, &data, name);
                    }
                }
            }
        }
    }
}

#[test]
fn uniform_at_every_length_and_alignment() {
    let data = gaussian(257 + 8, 2);
    for settings in kinds(6) {
        for len in 1..=257 {
            for offset in [0, 1, 3, 7] {
                let data = &data[offset..offset + len];
                check(&settings.fit(data).unwrap(), data, "tensor");
                check(&settings.clone().per_block(16).fit(data).unwrap(), data, "blocks");
            }
        }
    }
}

#[test]
fn ties_go_to_the_even_integer_and_far_values_saturate() {
    let quantizer = Uniform::new(4).fit_range(-7.0, 7.0).unwrap();
    assert_eq!(quantizer.scales(), [1.0]);
    let signed = |x: f32| i32::from(quantizer.quantize(&[x]).unwrap()[0]) + quantizer.unit().min();
    for (x, expected) in [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (-2.5, -2), (6.5, 6), (-0.0, 0)] {
        assert_eq!(signed(x), expected, "{x}");
    }
    for (x, expected) in [(7.5, 7), (1e9, 7), (f32::MAX, 7), (-7.5, -7), (-f32::MAX, -7)] {
        assert_eq!(signed(x), expected, "{x}");
    }
}

#[test]
fn calibrated_stages_repeat_for_more_rows() {
    let data = gaussian(24, 9);
    let columns = Uniform::new(8).codes::<u16>().per_axis(&[6, 4], 1).fit(&data).unwrap();
    let more = gaussian(480, 10);
    check(&columns, &more, "columns");
    let middle = Uniform::new(8).codes::<u16>().asymmetric().per_axis(&[2, 3, 4], 1).fit(&data).unwrap();
    check(&middle, &more, "middle axis");
}

#[test]
fn f16_and_bf16_equal_the_widened_values() {
    let wide = gaussian(10_000, 4);
    let halves: Vec<f16> = wide.iter().map(|&x| f16::from_f32(x)).collect();
    let brains: Vec<bf16> = wide.iter().map(|&x| bf16::from_f32(x)).collect();
    let widened_halves: Vec<f32> = halves.iter().map(|x| x.to_f32()).collect();
    let widened_brains: Vec<f32> = brains.iter().map(|x| x.to_f32()).collect();
    for settings in kinds(7) {
        for settings in [settings.clone(), settings.clone().per_block(100), settings.per_axis(&[100, 100], 1)] {
            let quantizer = settings.fit(&halves).unwrap();
            assert_eq!(quantizer, settings.fit(&widened_halves).unwrap());
            let codes = quantizer.quantize(&halves).unwrap();
            assert_eq!(codes, quantizer.quantize(&widened_halves).unwrap());
            let restored: Vec<f32> = quantizer.dequantize(&codes, 10_000).unwrap();
            let narrowed: Vec<f16> = restored.iter().map(|&x| f16::from_f32(x)).collect();
            assert_eq!(quantizer.dequantize::<f16>(&codes, 10_000).unwrap(), narrowed);

            let quantizer = settings.fit(&brains).unwrap();
            assert_eq!(quantizer, settings.fit(&widened_brains).unwrap());
            assert_eq!(quantizer.quantize(&brains).unwrap(), quantizer.quantize(&widened_brains).unwrap());
        }
    }
}

/// The nearest level by looking at all of them; between equals, whatever the law says.
#[test]
fn a_grid_finds_the_nearest_level() {
    for grid in [Grid::new(-7, 7), Grid::new(-8, 7), Grid::new(0, 15), Grid::mid_rise(-2, 1)].map(Result::unwrap) {
        for x in (-2000..2000).map(|i| i as f32 / 100.0) {
            let distance = |code: u32| (grid.level(code) - x).abs();
            let best = (0..grid.level_count()).map(distance).fold(f32::INFINITY, f32::min);
            assert_eq!(distance(grid.nearest(x)), best, "{grid:?} at {x}");
        }
        assert_eq!((grid.nearest(f32::NEG_INFINITY), grid.nearest(f32::INFINITY)), (0, grid.level_count() - 1));
    }
}

#[test]
fn values_just_below_zero_are_on_their_side_of_a_mid_rise_grid() {
    let tiny = f32::from_bits(1);
    for grid in [Grid::mid_rise(-2, 1), Grid::mid_rise(-1, 0), Grid::mid_rise(-128, 127)].map(Result::unwrap) {
        for x in [tiny, 1e-30, f32::EPSILON / 8.0, f32::EPSILON, 0.25, 0.9] {
            assert_eq!(grid.level(grid.nearest(x)), 0.5, "{grid:?} at {x:e}");
            assert_eq!(grid.level(grid.nearest(-x)), -0.5, "{grid:?} at -{x:e}");
            assert_eq!(grid.level(grid.nearest_half_away(-x)), -0.5, "{grid:?} at -{x:e}");
        }
        assert_eq!((grid.level(grid.nearest(0.0)), grid.level(grid.nearest(-0.0))), (0.5, 0.5));
    }
    assert_eq!(Grid::mid_rise(0, 3).unwrap().nearest(-tiny), 0);
    let quantizer = Uniform::new(8).mid_rise().per_block(8).fit(&[1.0_f32, -tiny, -1e-30, -1e-9, tiny, 1e-9]).unwrap();
    let signs = quantizer.fake_quantize(&[1.0_f32, -tiny, -1e-30, -1e-9, tiny, 1e-9]).unwrap();
    assert_eq!(signs.iter().map(|x| x.signum()).collect::<Vec<_>>(), [1.0, -1.0, -1.0, -1.0, 1.0, 1.0]);
}

#[test]
fn every_grid_covers_its_range() {
    for (min, max) in [(-7, 7), (-8, 7), (0, 15), (-3, 12), (-1, 0), (0, 0), (-1, 1), (-2, 1), (0, 1), (-5, 9)] {
        for grid in [Grid::new(min, max).unwrap(), Grid::mid_rise(min, max).unwrap()] {
            let (low, high) = grid.range();
            for i in 0..=1000 {
                let x = low + (high - low) * (i as f32 / 1000.0);
                let error = (grid.level(grid.nearest(x)) - x).abs();
                assert!(error <= grid.radius() + 1e-5, "{grid:?}: {x} is {error} away");
            }
        }
    }
}

/// Bits one at a time.
fn naive_pack<C: Code>(width: u32, codes: &[C]) -> Vec<u8> {
    let mut bytes = vec![0; (codes.len() * width as usize).div_ceil(8)];
    for (i, code) in codes.iter().enumerate() {
        for bit in 0..width {
            let at = i * width as usize + bit as usize;
            bytes[at / 8] |= ((code.to_u32() >> bit & 1) as u8) << (at % 8);
        }
    }
    bytes
}

fn check_packing<C: Code>() {
    let mut random = Random(3);
    for width in 1..=C::BITS {
        let mask = u32::MAX >> (32 - width);
        let codes: Vec<C> = (0..257 + 8).map(|_| C::from_u32(random.bits() as u32 & mask)).collect();
        let codec = BitPack::<C>::new(width).unwrap();
        for len in 0..=257 {
            let offset = len % 9;
            let codes = &codes[offset..offset + len];
            let bytes = codec.encode(codes).unwrap();
            assert_eq!(bytes, naive_pack(width, codes), "{width} bits, {len} codes");
            for shift in 0..8 {
                let mut shifted = vec![0xff; shift];
                shifted.extend_from_slice(&bytes);
                assert_eq!(codec.decode(&shifted[shift..], len).unwrap(), codes);
            }
        }
    }
}

#[test]
fn packing_equals_bits_one_at_a_time() {
    check_packing::<u8>();
    check_packing::<u16>();
    check_packing::<u32>();
}

#[test]
fn levels_are_what_codes_decode_to() {
    let groups = Groups::axis(&[2, 3], 0).unwrap();
    let grid = Grid::new(0, 6).unwrap();
    let scales = Scales::new(ScaleType::F32, vec![0.5, 2.0]).unwrap();
    let quantizer = Scaled::<Grid, u8>::new(grid, groups, scales, vec![-1.0, 7.0]).unwrap();
    assert_eq!(quantizer.levels(0).collect::<Vec<_>>(), [-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0]);
    assert_eq!(quantizer.levels(1).collect::<Vec<_>>(), [7.0, 9.0, 11.0, 13.0, 15.0, 17.0, 19.0]);
    assert_eq!(quantizer.levels(2).count(), 0);
    let second_row: Vec<f32> = quantizer.dequantize(&[0, 0, 0, 1, 2, 3], 6).unwrap();
    assert_eq!(to_bits(&second_row), to_bits(&[-1.0, -1.0, -1.0, 9.0, 11.0, 13.0]));
}

#[test]
fn levels_of_every_group_are_what_each_code_decodes_to_there() {
    let mut checked = 0;
    for data in [gaussian(18, 12), vec![f32::MAX, -f32::MAX, 1e30, -2e38, 3e38, -1.0, 7.0, 0.0, 0.5]] {
        let shaped = if data.len() == 18 { shaped_quantizers([3, 2, 3]) } else { Vec::new() };
        for case in quantizers().into_iter().chain(shaped).filter(|case| !case.random) {
            let Ok(fitted) = (case.fit)(&data) else { continue };
            let Ok(quantizer) = UniformQuantizer::<u16>::from_bytes(&fitted.to_bytes()) else { continue };
            let groups = *quantizer.groups();
            for group in 0..groups.count() {
                let start = (0..data.len()).find(|&i| groups.group_of(i) == group).unwrap();
                for (code, level) in quantizer.levels(group).enumerate() {
                    let mut value = [0.0_f32];
                    fitted.dequantize_piece_into(start, &[code as u16], &mut value).unwrap();
                    assert_eq!(to_bits(&value), to_bits(&[level]), "{}: group {group}, code {code}", case.name);
                }
                assert_eq!(quantizer.levels(group).count(), fitted.level_count() as usize);
            }
            checked += 1;
        }
    }
    assert!(checked > 400, "{checked} of the quantizers have levels");
}
