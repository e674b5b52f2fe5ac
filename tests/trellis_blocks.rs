//! Trellis-coded blocks: a fixed rate whose superblocks are read alone.

#[path = "common/alloc.rs"]
mod alloc;
mod common;

use alloc::{Counting, allocations};
use common::{Random, all_f16, data_sets, gaussian, to_bits};
use fewbits::{
    Compressor, Describe, Effort, Element, Error, ErrorStats, Fit, Frame, FrameWriter, KMeans, Masked, NonFinite,
    Pipeline, PipelineExt, QuantizerExt, Restore, ScaleType, Target, TrellisBlocks, TrellisBlocksPipeline, bf16, f16,
};

#[global_allocator]
static COUNTING: Counting = Counting;

const STATES: [u16; 3] = [8, 64, 256];

fn fitted(bits: u32, values: &[f32]) -> TrellisBlocksPipeline {
    TrellisBlocks::new(bits).fit(values).unwrap()
}

fn restored(pipeline: &TrellisBlocksPipeline, values: &[f32]) -> Vec<f32> {
    pipeline.decode(&pipeline.encode(values).unwrap(), values.len()).unwrap()
}

fn sqnr(pipeline: &TrellisBlocksPipeline, values: &[f32]) -> f64 {
    ErrorStats::measure(values, &restored(pipeline, values)).unwrap().sqnr_db()
}

fn laplacian(len: usize, seed: u64) -> Vec<f32> {
    // The product of a normal and the root of an exponential variable; this is the sum of two squares.
    let [x, y, z] = [0, 1, 2].map(|i| gaussian(len, seed + i));
    (0..len).map(|i| x[i] * (y[i] * y[i] + z[i] * z[i]).sqrt()).collect()
}

#[test]
fn errors_are_as_small_as_the_rate_can_have_them() {
    let values = gaussian(1 << 16, 1);
    for (bits, least) in [(1, 5.3), (2, 11.4), (3, 17.6), (4, 23.6), (5, 29.6), (6, 35.6), (7, 41.6), (8, 47.5)] {
        let pipeline = fitted(bits, &values);
        assert!(sqnr(&pipeline, &values) > least, "{bits} bits");
        assert_eq!(pipeline.encoded_len(1 << 16), Some(256 * (9 + 32 * bits as usize)));
    }
    let tails = laplacian(1 << 16, 2);
    assert!(sqnr(&fitted(4, &tails), &tails) > 23.4);
    // More than the best levels of a scale for 16 values have at the same size.
    let scalar = KMeans::new(16).per_block(32).scale_type(ScaleType::U8).fit(&values).unwrap();
    let scalar = ErrorStats::measure(&values, &scalar.fake_quantize(&values).unwrap()).unwrap().sqnr_db();
    assert!(sqnr(&fitted(4, &values), &values) > scalar + 1.0, "{scalar}");
}

#[test]
fn more_states_have_less_error() {
    let values = gaussian(1 << 14, 3);
    let found = STATES.map(|states| sqnr(&TrellisBlocks::new(4).states(states).fit(&values).unwrap(), &values));
    assert!(found[1] > found[0] + 0.2 && found[2] > found[1] + 0.05, "{found:?}");
}

#[test]
fn a_giant_outlier_costs_its_superblock_alone() {
    let mut values: Vec<f32> = gaussian(1 << 16, 4).iter().map(|x| 0.045 * x).collect();
    values[5000] = 7.91;
    let pipeline = fitted(4, &values);
    let back = restored(&pipeline, &values);
    assert!((back[5000] - 7.91).abs() < 0.25);
    let others = 5120..1 << 16;
    let stats = ErrorStats::measure(&values[others.clone()], &back[others]).unwrap();
    assert!(stats.sqnr_db() > 23.6, "{}", stats.sqnr_db());
}

#[test]
fn values_that_are_not_about_zero_use_all_levels() {
    let one: Vec<f32> = gaussian(1 << 14, 5).iter().map(|x| x.abs()).collect();
    let negative: Vec<f32> = one.iter().map(|x| -x).collect();
    let clipped: Vec<f32> = gaussian(1 << 14, 5).iter().map(|x| x.max(0.0)).collect();
    let far: Vec<f32> = gaussian(1 << 14, 5).iter().map(|x| x + 100.0).collect();
    for (values, least) in [(&one, 27.0), (&negative, 27.0), (&clipped, 26.0), (&far, 60.0)] {
        assert!(sqnr(&fitted(4, values), values) > least, "{}", sqnr(&fitted(4, values), values));
    }
    let zeros = restored(&fitted(4, &clipped), &clipped);
    assert!(zeros.iter().all(|&x| x >= 0.0));
}

/// With the same symbols no scale of a block is better, and with the same scales no symbol is, if the path stays the same.
#[test]
fn no_scale_or_symbol_alone_is_better() {
    let values = gaussian(256, 6);
    for bits in [2, 4] {
        let pipeline = fitted(bits, &values);
        let bytes = pipeline.encode(&values).unwrap();
        let error = |bytes: &[u8]| {
            let back: Vec<f32> = pipeline.decode(bytes, 256).unwrap();
            ErrorStats::measure(&values, &back).unwrap().mse()
        };
        let least = error(&bytes);
        let mut changed = bytes.clone();
        for at in 1..9 {
            for (shift, by) in [(0, 1), (0, -1), (4, 1), (4, -1_i32)] {
                let below = i32::from(bytes[at] >> shift & 15) + by;
                if (0..15).contains(&below) {
                    changed[at] = bytes[at] & !(15 << shift) | (below as u8) << shift;
                    assert!(error(&changed) > 0.9999 * least, "scale of block {at}");
                }
                changed[at] = bytes[at];
            }
        }
        for at in 9..bytes.len() {
            for bit in (0..8).filter(|bit| bit % bits != 0) {
                changed[at] = bytes[at] ^ 1 << bit;
                assert!(error(&changed) > 0.9999 * least, "byte {at}");
                changed[at] = bytes[at];
            }
        }
    }
}

#[test]
fn all_data_come_back_finite_and_no_farther_than_their_superblock() {
    for (name, data) in data_sets() {
        for bits in [1, 3, 4, 8] {
            let pipeline = fitted(bits, &data);
            let back = restored(&pipeline, &data);
            assert!(back.iter().all(|x| x.is_finite()), "{name}");
            let offset = f64::from(pipeline.offset());
            for (values, back) in data.chunks(256).zip(back.chunks(256)) {
                let far = |x: &f32| (f64::from(*x) - offset).abs();
                let largest = values.iter().map(far).fold(0.0, f64::max);
                for (x, y) in values.iter().zip(back) {
                    let error = (f64::from(*x) - f64::from(*y)).abs();
                    // At one bit, a path may lead to the wrong sign.
                    let most = if bits == 1 { 2.4 } else { 1.1 };
                    assert!(error <= most * largest + 1e-44, "{name}, {bits} bits: {x} became {y}");
                }
            }
        }
    }
}

#[test]
fn what_needs_no_bits_comes_back_as_it_was() {
    let pipeline = fitted(4, &[]);
    assert_eq!(pipeline.encode::<f32>(&[]), Ok(Vec::new()));
    for constant in [0.0_f32, 1.5, -3e38, f32::MAX, 1e-45, -0.1] {
        for len in [1, 15, 17, 256, 300] {
            let values = vec![constant; len];
            assert_eq!(restored(&fitted(2, &values), &values), values);
        }
    }
    // Blocks without values of any size in superblocks with some.
    let values: Vec<f32> =
        gaussian(512, 7).iter().enumerate().map(|(i, x)| if i / 16 % 3 == 0 { 0.0 } else { *x }).collect();
    let back = restored(&fitted(4, &values), &values);
    assert!(back.iter().enumerate().all(|(i, &x)| i / 16 % 3 != 0 || x.to_bits() == 0));
}

#[test]
fn any_size_of_values_has_the_same_accuracy() {
    let values = gaussian(1024, 8);
    for scale in [1e-30_f32, 1e-4, 1.0, 1e30, 5e37] {
        let scaled: Vec<f32> = values.iter().map(|x| x * scale).collect();
        let (pipeline, largest) = (fitted(4, &scaled), scaled.iter().fold(0.0_f32, |m, x| m.max(x.abs())));
        let parts: Vec<f32> = restored(&pipeline, &scaled).iter().map(|x| x / largest).collect();
        let scaled: Vec<f32> = scaled.iter().map(|x| x / largest).collect();
        assert!(ErrorStats::measure(&scaled, &parts).unwrap().sqnr_db() > 23.2, "{scale}");
    }
    // Superblocks of very different sizes, each with its own scale.
    let values: Vec<f32> = values.iter().enumerate().map(|(i, x)| x * 1e-3_f32.powi(i as i32 / 256)).collect();
    let back = restored(&fitted(4, &values), &values);
    for (values, back) in values.chunks(256).zip(back.chunks(256)) {
        assert!(ErrorStats::measure(values, back).unwrap().sqnr_db() > 22.8);
    }
}

#[test]
fn half_values_come_back_finite_and_near() {
    let normal: Vec<f16> = all_f16().into_iter().filter(|x| x.is_normal()).collect();
    let pipeline = TrellisBlocks::new(8).fit(&normal).unwrap();
    let back: Vec<f16> = pipeline.decode(&pipeline.encode(&normal).unwrap(), normal.len()).unwrap();
    for (values, back) in normal.chunks(16).zip(back.chunks(16)) {
        let largest = values.iter().fold(0.0_f64, |m, x| m.max(x.to_f64().abs()));
        for (x, y) in values.iter().zip(back) {
            assert!(y.is_finite() && (x.to_f64() - y.to_f64()).abs() < 0.03 * largest, "{x} became {y}");
        }
    }
    // Levels above the largest value of an element become it.
    let ends = [f16::MAX, f16::MIN, f16::MAX, f16::ZERO].repeat(64);
    let pipeline = TrellisBlocks::new(1).fit(&ends).unwrap();
    let back: Vec<f16> = pipeline.decode(&pipeline.encode(&ends).unwrap(), ends.len()).unwrap();
    assert!(back.iter().all(|x| x.is_finite()));
}

#[test]
fn any_superblock_is_written_and_read_alone() {
    let data = gaussian(3000, 9);
    let halves: Vec<bf16> = data.iter().map(|&x| bf16::from_f32(x)).collect();
    for (bits, states) in [(1, 8), (4, 8), (5, 64), (8, 256)] {
        let pipeline = TrellisBlocks::new(bits).states(states).fit(&halves).unwrap();
        let whole = pipeline.encode(&halves).unwrap();
        assert_eq!(Some(whole.len()), pipeline.encoded_len(3000));
        let values: Vec<bf16> = pipeline.decode(&whole, 3000).unwrap();
        let mut random = Random(3);
        for _ in 0..20 {
            let start = random.below(12) * 256;
            let end = 3000.min(start + 256 * (1 + random.below(4)));
            let range = pipeline.byte_range(start..end).unwrap().unwrap();
            let mut bytes = vec![0xff; range.len()];
            assert_eq!(pipeline.encode_piece_into(start, &halves[start..end], &mut bytes), Ok(range.len()));
            assert_eq!(bytes, whole[range.clone()]);
            let mut part = vec![bf16::NAN; end - start];
            pipeline.decode_piece_into(start, &whole[range], &mut part).unwrap();
            assert_eq!(part, values[start..end]);
        }
        let off = pipeline.encode_piece_into(1, &halves[..1], &mut [0; 300]);
        assert_eq!(off, Err(Error::Unaligned { start: 1, block: 256 }));
        let frame = FrameWriter::new(&pipeline).chunk_len(512).encode(&halves).unwrap();
        assert_eq!(fewbits::decompress::<bf16>(&frame).unwrap(), values);
        let plain = Frame::encode(&pipeline, &halves).unwrap();
        for frame in [&frame, &plain] {
            let mut part = [bf16::ZERO; 1333];
            Frame::parse(frame).unwrap().decoder().unwrap().decode_range_into(123..1456, &mut part).unwrap();
            assert_eq!(part, values[123..1456]);
        }
        // The same numbers as f32 are the same bytes.
        let wide: Vec<f32> = halves.iter().map(|x| x.to_f32()).collect();
        assert_eq!(pipeline.encode(&wide).unwrap(), whole);
    }
}

#[test]
fn restoring_allocates_nothing() {
    let halves: Vec<bf16> = gaussian(1000, 10).iter().map(|&x| bf16::from_f32(x)).collect();
    let wide: Vec<f32> = halves.iter().map(|x| x.to_f32()).collect();
    for bits in [4, 8] {
        let pipeline = TrellisBlocks::new(bits).fit(&halves).unwrap();
        let bytes = pipeline.encode(&halves).unwrap();
        let (mut out, mut floats) = (vec![bf16::ZERO; 1000], vec![0.0_f32; 1000]);
        let count = allocations(|| {
            pipeline.decode_into(&bytes, &mut out).unwrap();
            pipeline.decode_into(&bytes, &mut floats).unwrap();
        });
        assert_eq!(count, 0);
        assert!(ErrorStats::measure(&wide, &floats).unwrap().sqnr_db() > 23.0);
    }
}

#[test]
fn settings_and_bytes_are_checked() {
    let data = gaussian(300, 11);
    for bits in [0, 9, u32::MAX] {
        assert!(matches!(TrellisBlocks::new(bits).fit(&data), Err(Error::Setting { name: "bits", .. })));
    }
    for states in [0, 1, 16, 512] {
        let settings = TrellisBlocks::new(4).states(states);
        assert!(matches!(settings.fit(&data), Err(Error::Setting { name: "states", .. })));
    }
    for largest in [-1.0, f32::NAN, f32::INFINITY] {
        assert!(TrellisBlocks::new(4).fit_magnitude(largest).is_err());
    }
    assert_eq!(TrellisBlocks::new(4).fit(&[1.0, f32::NAN]), Err(Error::NonFinite { index: 1 }));
    let pipeline = fitted(3, &data);
    let mut late = data.clone();
    late[299] = f32::INFINITY;
    assert_eq!(pipeline.encode(&late), Err(Error::NonFinite { index: 299 }));
    // Values far beyond what was fitted are clipped.
    let far: Vec<f32> = restored(&pipeline, &[1e30, -1e30, f32::MAX]);
    assert!(far.iter().all(|x| x.abs() < 14.0 && x.abs() > 8.0), "{far:?}");

    let bytes = pipeline.encode(&data).unwrap();
    assert_eq!(bytes.len(), 9 + 96 + 1 + 2 + 17); // 44 values in 3 blocks, and 132 bits
    for len in 0..bytes.len() {
        assert!(pipeline.decode_at(0, &bytes[..len], f32::erase_mut(&mut vec![0.0; 300])).is_err());
    }
    for (at, bit) in [(107, 4), (107, 7), (124, 4), (124, 7)] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << bit;
        let error = pipeline.decode::<f32>(&bytes, 300);
        assert!(matches!(error, Err(Error::Corrupt { what: "pad bits", .. })), "{at}, {bit}: {error:?}");
    }
    let masked = Masked::new(NonFinite::keep(), pipeline);
    let frame = Frame::encode(&masked, &late).unwrap();
    assert_eq!(fewbits::decompress::<f32>(&frame).unwrap()[299], f32::INFINITY);
}

#[test]
fn parameters_are_checked() {
    let positive: Vec<f32> = gaussian(300, 12).iter().map(|x| x.abs()).collect();
    let negative: Vec<f32> = positive.iter().map(|x| -x).collect();
    for data in [gaussian(300, 12), positive, negative] {
        for states in STATES {
            let pipeline = TrellisBlocks::new(7).states(states).fit(&data).unwrap();
            assert_eq!(TrellisBlocksPipeline::from_bytes(&pipeline.to_bytes()), Ok(pipeline));
            let any = Box::<dyn Pipeline>::from_bytes(&pipeline.to_bytes()).unwrap();
            let bytes = pipeline.encode(&data).unwrap();
            assert_eq!(to_bits(&any.decode::<f32>(&bytes, 300).unwrap()), to_bits(&restored(&pipeline, &data)));
        }
    }
    // Any bytes of a superblock are values; any kind and base is one or an error.
    let mut random = Random(13);
    for _ in 0..2000 {
        let kind = random.below(256) as u8;
        let numbers = [random.below(1 << 32) as u32, random.below(1 << 32) as u32];
        let mut parameters = vec![0, 11, 0x13, 9, kind];
        parameters.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        parameters.push(0);
        let checksum = crc32fast(&parameters);
        parameters.extend(checksum.to_le_bytes());
        let floats = numbers.map(f32::from_bits);
        let sound = [3, 6, 8].contains(&(kind >> 4))
            && floats.iter().all(|x| x.is_finite())
            && (floats[0].is_sign_positive() || kind & 8 != 0 && floats[0] != 0.0);
        let pipeline = TrellisBlocksPipeline::from_bytes(&parameters);
        assert_eq!(pipeline.is_ok(), sound, "{parameters:?}: {pipeline:?}");
        if let Ok(pipeline) = pipeline {
            let bytes: Vec<u8> = (0..pipeline.encoded_len(256).unwrap()).map(|_| random.below(256) as u8).collect();
            let values: Vec<f32> = pipeline.decode(&bytes, 256).unwrap();
            assert!(values.iter().all(|x| x.is_finite()));
            assert!(pipeline.decode::<f16>(&bytes, 256).unwrap().iter().all(|x| x.is_finite()));
        }
    }
}

#[test]
fn fast_compression_takes_the_bits_that_a_target_needs() {
    let values = gaussian(20_000, 14);
    let fast = |target| Compressor::new(target).effort(Effort::Fast).compress(&values);
    for (target, bits) in [
        (Target::BitsPerValue(4.3), 4),
        (Target::BitsPerValue(4.28), 3), // headers take more than is left
        (Target::BitsPerValue(9.0), 8),
        (Target::BitsPerValue(1.3), 1),
        (Target::Bytes(16_000), 6),
        (Target::Sqnr(23.0), 4),
        (Target::Sqnr(24.5), 5),
        (Target::Rms(0.3), 2),
        (Target::Rms(10.0), 1),
    ] {
        let compressed = fast(target).unwrap();
        assert_eq!(compressed.report().method, format!("trellis-coded blocks of {bits} bits"), "{target:?}");
        assert!(compressed.report().cost.meets_target);
        let part: Vec<f32> = fewbits::decode_range(compressed.as_bytes(), 5000..6000).unwrap();
        assert_eq!(part, fewbits::decompress::<f32>(compressed.as_bytes()).unwrap()[5000..6000]);
    }
    // What a fixed rate cannot do, and what it does not promise.
    for target in [
        Target::BitsPerValue(1.0),
        Target::Sqnr(60.0),
        Target::MaxError(0.01),
        Target::MaxErrorOfRange(0.01),
        Target::PointwiseRelative(0.01),
        Target::Lossless,
    ] {
        let default = Compressor::new(target).compress(&values).unwrap();
        assert_eq!(fast(target).unwrap(), default, "{target:?}");
    }
    assert!(matches!(fast(Target::Bytes(10)), Err(Error::OutOfReach { .. })));
    let masked = [&values[..], &[f32::NAN; 9]].concat();
    let compressor = Compressor::new(Target::BitsPerValue(4.31)).effort(Effort::Fast).non_finite(NonFinite::keep());
    let compressed = compressor.compress(&masked).unwrap();
    assert_eq!(compressed.report().method, "trellis-coded blocks of 4 bits");
    assert!(fewbits::decompress::<f32>(compressed.as_bytes()).unwrap()[20_000..].iter().all(|x| x.is_nan()));
}

/// CRC-32, bit by bit.
fn crc32fast(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (crc & 1).wrapping_neg() & 0xedb8_8320)
    })
}
