//! Self-scaled blocks: a pipeline without a fit.

#[path = "common/alloc.rs"]
mod alloc;
mod common;

use alloc::{Counting, allocations};
use common::{Random, SCALE_TYPES, all_f16, data_sets, gaussian, to_bits};
use fewbits::{
    Blocks, Codebook, Describe, Element, Error, Fit, Frame, FrameWriter, Grid, Levels, Masked, NonFinite, Pipeline,
    PipelineExt, QuantizerExt, Restore, ScaleType, Uniform, bf16, f16,
    simd::{Level, limit},
};

#[global_allocator]
static COUNTING: Counting = Counting;

/// The fitted quantizer that rounds the same scales in the same way.
fn fitted(bits: u32, block: usize, scale_type: ScaleType) -> Uniform<u16> {
    let uniform = Uniform::new(bits).codes();
    let uniform = if bits == 1 { uniform.mid_rise() } else { uniform };
    uniform.per_block(block).scale_type(scale_type)
}

#[test]
fn blocks_restore_what_a_fit_per_block_restores() {
    for (name, data) in data_sets() {
        for bits in [1, 2, 3, 4, 8, 11, 16] {
            for scale_type in SCALE_TYPES {
                for block in [1, 7, 32, 4096] {
                    let blocks = Blocks::uniform(bits, block).unwrap().scale_type(scale_type);
                    let expected = match fitted(bits, block, scale_type).fit(&data) {
                        Ok(quantizer) => quantizer.fake_quantize(&data).unwrap(),
                        Err(error) => {
                            assert_eq!(blocks.encode(&data), Err(error), "{name}");
                            continue;
                        }
                    };
                    let bytes = blocks.encode(&data).unwrap();
                    assert_eq!(Some(bytes.len()), blocks.encoded_len(data.len()));
                    let restored: Vec<f32> = blocks.decode(&bytes, data.len()).unwrap();
                    // A fit is wide for all blocks if it is for one, which may round some values otherwise.
                    if name != "whole range" && name != "powers of two" {
                        assert_eq!(
                            to_bits(&restored),
                            to_bits(&expected),
                            "{name}, {bits} bits, {scale_type}, {block}"
                        );
                    }
                }
            }
        }
    }
}

fn check_element<T: Element>(values: &[T], to_f64: impl Fn(T) -> f64) {
    for scale_type in [ScaleType::F32, ScaleType::Bf16, ScaleType::E8M0] {
        let blocks = Blocks::uniform(8, 16).unwrap().scale_type(scale_type);
        let restored: Vec<T> = blocks.decode(&blocks.encode(values).unwrap(), values.len()).unwrap();
        for (values, restored) in values.chunks(16).zip(restored.chunks(16)) {
            let largest = values.iter().map(|&x| to_f64(x).abs()).fold(0.0, f64::max);
            for (&x, &y) in values.iter().zip(restored) {
                // Half a scale, at most twice as coarse as needed, and half a unit of an element with 8 bits.
                let bound = largest / 127.0 + to_f64(x).abs() / 256.0 + 1e-40;
                assert!(to_f64(y).is_finite() && (to_f64(x) - to_f64(y)).abs() <= bound, "{x} became {y}");
            }
        }
    }
}

#[test]
fn every_half_value_comes_back_finite_and_near() {
    let normal = |x: &f16| x.is_normal();
    check_element(&all_f16().into_iter().filter(normal).collect::<Vec<_>>(), f16::to_f64);
    // Smaller ones need scales below the smallest power of two that is stored.
    let bf16s = (0..=u16::MAX).map(bf16::from_bits).filter(|x| x.is_normal() && x.to_f32().abs() > 1e-34);
    check_element(&bf16s.collect::<Vec<_>>(), bf16::to_f64);
}

#[test]
fn any_block_is_written_and_read_alone() {
    let data = gaussian(1000, 1);
    let halves: Vec<bf16> = data.iter().map(|&x| bf16::from_f32(x)).collect();
    for (bits, block) in [(1, 5), (4, 64), (3, 7), (12, 100)] {
        let blocks = Blocks::uniform(bits, block).unwrap();
        let whole = blocks.encode(&halves).unwrap();
        let values: Vec<bf16> = blocks.decode(&whole, 1000).unwrap();
        let mut random = Random(3);
        for _ in 0..50 {
            let start = random.below(1000usize.div_ceil(block)) * block;
            let end = 1000.min(start + block * (1 + random.below(4)));
            let range = blocks.byte_range(start..end).unwrap().unwrap();
            let mut bytes = vec![0xff; range.len()];
            assert_eq!(blocks.encode_piece_into(start, &halves[start..end], &mut bytes), Ok(range.len()));
            assert_eq!(bytes, whole[range.clone()]);
            let mut part = vec![bf16::NAN; end - start];
            blocks.decode_piece_into(start, &whole[range], &mut part).unwrap();
            assert_eq!(part, values[start..end]);
        }
        let off = blocks.encode_piece_into(1, &halves[..1], &mut [0; 99]);
        assert_eq!(off, Err(Error::Unaligned { start: 1, block }));
        let writer = FrameWriter::new(&blocks).chunk_len(300);
        let frame = writer.encode(&halves).unwrap();
        assert_eq!(fewbits::decompress::<bf16>(&frame).unwrap(), values);
        let mut part = [bf16::ZERO; 333];
        Frame::parse(&frame).unwrap().decoder().unwrap().decode_range_into(123..456, &mut part).unwrap();
        assert_eq!(part, values[123..456]);
    }
}

#[test]
fn nothing_is_allocated() {
    let halves: Vec<bf16> = gaussian(1024, 2).iter().map(|&x| bf16::from_f32(x)).collect();
    let (mut bytes, mut out) = (vec![0; 1024], vec![bf16::ZERO; 1024]);
    let count = allocations(|| {
        let blocks = Blocks::uniform(4, 64).unwrap();
        let len = blocks.encode_into(&halves, &mut bytes).unwrap();
        assert_eq!(len, 16 * (2 + 32));
        blocks.decode_into(&bytes[..len], &mut out).unwrap();
    });
    assert_eq!(count, 0);
}

/// Settings are known at compile time.
const FORMAT: Blocks<Grid> = match Blocks::uniform(4, 32) {
    Ok(format) => format.scale_type(ScaleType::F16),
    Err(_) => panic!("settings that are known"),
};

#[test]
fn settings_and_bytes_are_checked() {
    assert!(Blocks::uniform(0, 64).is_err() && Blocks::uniform(17, 64).is_err());
    assert!(Blocks::uniform(4, 0).is_err() && Blocks::uniform(4, 4097).is_err());
    let blocks = Blocks::uniform(2, 5).unwrap();
    assert_eq!(blocks.encode(&[1.0_f32, f32::NAN]), Err(Error::NonFinite { index: 1 }));
    assert!(matches!(
        blocks.encode_into(&[1.0_f32; 6], &mut [0; 6]),
        Err(Error::Length { expected: 7, actual: 6, .. })
    ));
    let bytes = blocks.encode(&[1.0_f32, -1.0, 0.0]).unwrap();
    assert_eq!(bytes, [0x80, 0x3f, 0b01_00_10]); // bf16 1.0, codes 2 0 1
    for len in 0..bytes.len() {
        assert!(blocks.decode_at(0, &bytes[..len], f32::erase_mut(&mut [0.0; 3])).is_err());
    }
    let decode = |bytes: [u8; 3]| blocks.decode::<f32>(&bytes, 3);
    assert_eq!(decode([0x80, 0x3f, 0b01_00_10]), Ok(vec![1.0, -1.0, 0.0]));
    assert!(matches!(decode([0x80, 0x3f, 0b01_00_11]), Err(Error::Corrupt { what: "code", found: 3 })));
    assert!(matches!(decode([0x80, 0x3f, 0b01_01_00_10]), Err(Error::Corrupt { what: "pad bits", .. })));
    for scale in [[0, 0], [0x80, 0xbf], [0x80, 0x7f], [0xc0, 0x7f]] {
        assert!(matches!(decode([scale[0], scale[1], 0]), Err(Error::Corrupt { what: "scale", .. })));
    }
    assert_eq!(Blocks::<Grid>::from_bytes(&blocks.to_bytes()), Ok(blocks));
    assert_eq!(Box::<dyn Pipeline>::from_bytes(&blocks.to_bytes()).unwrap().block(), 5);
    assert_eq!(FORMAT.encoded_len(32), Some(18)); // as Q4_0: 4.5 bits a value
}

/// Whole blocks go from bytes to values at once; a last block that is shorter keeps those before it from that. Two values less
/// begin no byte anew.
fn as_ragged<L: Levels>(format: &Blocks<L>, bytes: &[u8], len: usize) {
    let mut whole = vec![0.5_f32; len];
    let mut ragged = whole.clone();
    let expected = format.decode_at(0, bytes, f32::erase_mut(&mut ragged[..len - 2]));
    let actual = format.decode_at(0, bytes, f32::erase_mut(&mut whole));
    assert_eq!(actual.as_ref().err(), expected.as_ref().err(), "{format:?}, {bytes:?}");
    if actual.is_ok() {
        assert_eq!(to_bits(&whole[..len - 2]), to_bits(&ragged[..len - 2]), "{format:?}, {bytes:?}");
    }
}

fn every_scale<L: Levels>(format: &Blocks<L>, width: usize) {
    let mut random = Random(91);
    let (block, count) = (format.block(), format.levels().level_count());
    let code = |random: &mut Random| random.below(count as usize) as u8;
    for bits in 0..=u16::MAX {
        let mut bytes = Vec::new();
        for scale in [bits, 0x3c00] {
            bytes.extend(scale.to_le_bytes());
            bytes.extend((0..block * width / 8).map(|_| match width {
                4 => code(&mut random) | code(&mut random) << 4,
                _ => code(&mut random),
            }));
        }
        as_ragged(format, &bytes, 2 * block);
        let at = 2 + random.below(bytes.len() - 4);
        if bits % 64 == 60 && at != block * width / 8 + 2 && at != block * width / 8 + 3 {
            // Any code, of no level perhaps.
            bytes[at] = random.bits() as u8;
            as_ragged(format, &bytes, 2 * block);
        }
    }
}

#[test]
fn whole_blocks_are_read_as_ragged_ones() {
    // Levels are of the whole process, and change no bit of other tests.
    for level in Level::ALL {
        limit(level);
        of_both_types();
    }
}

fn of_both_types() {
    for scale_type in [ScaleType::F16, ScaleType::Bf16] {
        for block in [32, 64] {
            for (bits, width) in [(4, 4), (8, 8)] {
                every_scale(&Blocks::uniform(bits, block).unwrap().scale_type(scale_type), width);
            }
            every_scale(&Blocks::new(Codebook::nf4(), block).unwrap().scale_type(scale_type), 4);
            every_scale(&Blocks::new(Grid::new(-255, 0).unwrap(), block).unwrap().scale_type(scale_type), 8);
            every_scale(&Blocks::new(Grid::new(0, 255).unwrap(), block).unwrap().scale_type(scale_type), 8);
        }
    }
}

#[test]
fn blocks_below_the_smallest_scale_are_refused_by_number() {
    let blocks = Blocks::uniform(4, 2).unwrap(); // levels -7 to 7
    let least = f32::from_bits(7 << 15); // needs a scale of 2^-134, half the smallest bf16
    let values = [1.0, -1.0, 0.0, -0.0, least, 0.0];
    let restored: Vec<f32> = blocks.decode(&blocks.encode(&values).unwrap(), 6).unwrap();
    assert!((restored[4] - least).abs() <= f32::from_bits(1 << 15)); // half a scale
    let below = [1.0, -1.0, 0.0, -0.0, least.next_down(), 0.0];
    let error = blocks.encode(&below).unwrap_err();
    assert!(matches!(error, Error::ScaleOutOfRange { group: 2, stored_as: "bf16", .. }), "{error}");
    let mut bytes = [0; 3];
    let error = blocks.encode_piece_into(4, &below[4..], &mut bytes).unwrap_err();
    assert!(matches!(error, Error::ScaleOutOfRange { group: 2, .. }), "{error}");
    let precise = blocks.scale_type(ScaleType::F32);
    let restored: Vec<f32> = precise.decode(&precise.encode(&below).unwrap(), 6).unwrap();
    assert!((restored[4] - below[4]).abs() <= f32::from_bits(1 << 14));
}

#[test]
fn levels_on_one_side_reach_the_largest_f32() {
    for (min, max) in [(0, 1), (0, 3), (-1, 2), (-2, 1)] {
        let blocks = Blocks::new(Grid::mid_rise(min, max).unwrap(), 4).unwrap();
        let values = [f32::MAX, 0.0, f32::MAX / 3.0, 1e38];
        let restored: Vec<f32> = blocks.decode(&blocks.encode(&values).unwrap(), 4).unwrap();
        assert!(restored.iter().all(|x| x.is_finite()), "{restored:?}");
        assert!(restored[0] >= 0.5 * f32::MAX);
    }
}

/// Nothing would be written that a reader refuses, even where a mask leaves no block.
#[test]
fn scales_in_two_levels_are_refused_without_blocks_too() {
    for scale_type in [ScaleType::U8, ScaleType::E4M3] {
        let blocks = Blocks::uniform(4, 8).unwrap().scale_type(scale_type);
        let masked = Masked::new(NonFinite::keep(), blocks);
        for values in [&[][..], &[f32::NAN; 3], &[1.0]] {
            assert!(matches!(Frame::encode(&blocks, values), Err(Error::Unsuited { .. })));
            assert!(matches!(Frame::encode(&masked, values), Err(Error::Unsuited { .. })));
            assert!(matches!(masked.encode(values), Err(Error::Unsuited { .. })));
        }
    }
}

#[test]
fn values_half_a_step_beyond_full_integers_get_the_last() {
    // The range of a grid without a mirror image ends half a step behind its last level, where ties go to the next one.
    for scale_type in [ScaleType::F32, ScaleType::F16, ScaleType::Bf16, ScaleType::E8M0] {
        for (grid, last) in [(Grid::I2, 1.0), (Grid::I4, 7.0), (Grid::I8, 127.0), (Grid::new(-6, 5).unwrap(), 5.0)] {
            let blocks = Blocks::new(grid, 32).unwrap().scale_type(scale_type);
            for place in [0, 1, 17, 31] {
                let mut values = [0.0; 32];
                values[place] = last + 0.5_f32;
                let bytes = blocks.encode(&values).unwrap();
                let restored: Vec<f32> = blocks.decode(&bytes, 32).unwrap();
                assert_eq!(restored[place], last, "{grid:?} {scale_type} {restored:?}");
                assert!(restored.iter().enumerate().all(|(i, &x)| i == place || x == 0.0), "{grid:?} {restored:?}");
            }
        }
    }
}
