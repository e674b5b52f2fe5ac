//! Law: empty, constant, extreme and non-finite input is right, or a typed error.

mod common;

use common::{SCALE_TYPES, data_sets, quantizers};
use fewbits::{
    BitPack, Blocks, Code, Codec, Coded, Element, Error, ErrorKind, Fit, Frame, FrameWriter, Granularity, Grid, Groups,
    Pipeline, PipelineExt, Quantizer, QuantizerExt, Rounding, Scale, ScaleType, Scaled, Scales, Seed, Uniform, bf16,
    f16,
};

#[test]
fn non_finite_values_are_refused_with_their_index_everywhere() {
    let quantizer = Uniform::new(8).fit_range(-1.0, 1.0).unwrap();
    let pipeline = Coded::packed(&quantizer);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::from_bits(0xffa0_0001)] {
        for (len, index) in [(1, 0), (5000, 0), (5000, 4096), (5000, 4999), (100, 50)] {
            let mut values = vec![0.5_f32; len];
            values[index] = bad;
            let halves: Vec<f16> = values.iter().map(|&x| f16::from_f32(x)).collect();
            let brains: Vec<bf16> = values.iter().map(|&x| bf16::from_f32(x)).collect();
            let expected = Error::NonFinite { index };
            for case in quantizers() {
                assert_eq!((case.fit)(&values).err(), Some(expected.clone()), "{}", case.name);
            }
            assert_eq!(Uniform::new(8).fit(&halves).err(), Some(expected.clone()));
            assert_eq!(Uniform::new(8).fit(&brains).err(), Some(expected.clone()));
            assert_eq!(quantizer.quantize(&values).err(), Some(expected.clone()));
            assert_eq!(quantizer.quantize(&halves).err(), Some(expected.clone()));
            assert_eq!(quantizer.fake_quantize(&brains).err(), Some(expected.clone()));
            assert_eq!(pipeline.encode(&values).err(), Some(expected.clone()));
            assert_eq!(Frame::encode(&pipeline, &halves).err(), Some(expected.clone()));
            assert_eq!(quantizer.straight_through(&values, &vec![0.0; len]).err(), Some(expected.clone()));
            let mut codes = vec![0; len];
            let at = quantizer.quantize_piece_into(1000, &values, &mut codes);
            assert_eq!(at, Err(Error::NonFinite { index: 1000 + index }));
        }
    }
}

#[test]
fn constants_and_zeros_are_exact_where_a_level_can_be() {
    for settings in [Uniform::new(8), Uniform::new(8).full_range(), Uniform::new(1).asymmetric(), Uniform::new(2)] {
        for scale_type in SCALE_TYPES {
            let zeros = [0.0_f32, -0.0, 0.0];
            let quantizer = settings.clone().scale_type(scale_type).fit(&zeros).unwrap();
            assert_eq!(quantizer.scales(), [1.0]);
            assert_eq!(quantizer.fake_quantize(&zeros).unwrap(), [0.0; 3]);
        }
    }
    for constant in [0.1, -7.25, 1e-40, f32::MAX, -f32::MAX, 65504.0] {
        for scale_type in SCALE_TYPES {
            let quantizer = Uniform::new(4).asymmetric().scale_type(scale_type).fit(&[constant; 5]).unwrap();
            assert_eq!((quantizer.scales(), quantizer.offsets()), (&[1.0][..], &[constant][..]));
            assert_eq!(quantizer.fake_quantize(&[constant; 5]).unwrap(), [constant; 5]);
        }
    }
    // A mid-rise grid has no zero: its levels come as near as stored scales allow.
    let quantizer = Uniform::new(4).mid_rise().fit(&[0.0_f32; 4]).unwrap();
    assert_eq!(quantizer.fake_quantize(&[0.0_f32; 4]).unwrap(), [0.0; 4]);
    let quantizer = Uniform::new(4).mid_rise().scale_type(ScaleType::F16).fit(&[0.0_f32; 4]).unwrap();
    assert!(quantizer.fake_quantize(&[0.0_f32; 4]).unwrap().iter().all(|x| x.abs() < 3e-8));
}

#[test]
fn subnormal_values_are_exact_at_their_own_spacing() {
    let values: Vec<f32> = (0..=127).map(f32::from_bits).chain([-f32::from_bits(5)]).collect();
    let quantizer = Uniform::new(8).fit(&values).unwrap();
    assert_eq!(quantizer.fake_quantize(&values).unwrap(), values);
}

#[test]
fn the_whole_range_of_f32() {
    let values = [f32::MAX, -f32::MAX, 0.0, 1e38, -3e38];
    for case in quantizers().into_iter().filter(|case| !case.clips && !case.mixes) {
        let Some(quantizer) = case.fitted(&values) else { continue };
        let restored = quantizer.fake_quantize(&values).unwrap();
        for (i, (x, y)) in values.iter().zip(&restored).enumerate() {
            let error = (f64::from(*x) - f64::from(*y)).abs();
            assert!(error <= quantizer.error_bound(i).unwrap(), "{}: {x:e} became {y:e}", case.name);
        }
    }
    // A span of twice f32::MAX is no obstacle.
    let quantizer = Uniform::new(8).asymmetric().fit(&values).unwrap();
    assert_eq!(quantizer.quantize(&[-f32::MAX, f32::MAX, 3e38]).unwrap(), [0, 255, 240]);
}

#[test]
fn largest_f16_values_come_back_finite() {
    for scale_type in SCALE_TYPES {
        let values = [65504.0, -65504.0, 100.0, 0.0].map(f16::from_f32);
        let quantizer = Uniform::new(8).scale_type(scale_type).fit(&values).unwrap();
        let restored = quantizer.fake_quantize(&values).unwrap();
        let error = |i: usize| (restored[i].to_f64() - values[i].to_f64()).abs();
        assert!((0..4).all(|i| restored[i].is_finite() && error(i) <= quantizer.error_bound(i).unwrap() + 16.0));
    }
    // Where the value cannot be an f16, saying so beats saturating.
    let quantizer = Uniform::new(8).fit(&[1e6_f32, -3.0]).unwrap();
    let codes = quantizer.quantize(&[-3.0_f32, 1e6]).unwrap();
    let error = quantizer.dequantize::<f16>(&codes, 2).unwrap_err();
    assert!(matches!(error, Error::Overflow { index: 1, value, .. } if value > 9.9e5));
    assert!(quantizer.dequantize::<bf16>(&codes, 2).is_ok());
}

#[test]
fn empty_input() {
    for case in quantizers() {
        assert_eq!((case.fit)(&[]).err(), Some(Error::Empty), "{}", case.name);
    }
    let quantizer = Uniform::new(4).fit_range(-1.0, 1.0).unwrap();
    let none: [f32; 0] = [];
    assert!(quantizer.quantize(&none).unwrap().is_empty());
    assert!(quantizer.dequantize::<f32>(&[], 0).unwrap().is_empty());
    let pipeline = Coded::packed(&quantizer);
    assert!(pipeline.encode(&none).unwrap().is_empty());
    let frame = Frame::encode(&pipeline, &none).unwrap();
    assert!(Frame::parse(&frame).unwrap().is_empty());
    assert!(fewbits::decompress::<f32>(&frame).unwrap().is_empty());
}

#[test]
fn settings_out_of_range_name_what_is_allowed() {
    let data = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
    let refused = |result: Result<_, Error>| match result.map(|_: fewbits::UniformQuantizer<u8>| ()) {
        Err(error @ Error::Setting { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(refused(Uniform::new(0).fit(&data)).contains("2 to 8 bits"));
    assert!(refused(Uniform::new(1).fit(&data)).contains("mid_rise"));
    assert!(refused(Uniform::new(9).fit(&data)).contains("codes::<u16>()"));
    assert!(refused(Uniform::new(9).asymmetric().fit(&data)).contains("1 to 8 bits"));
    assert!(refused(Uniform::new(u32::MAX).mid_rise().fit(&data)).contains("1 to 8 bits"));
    assert!(refused(Uniform::new(8).per_block(0).fit(&data)).contains("1 value or more"));
    assert!(refused(Uniform::new(8).per_axis(&[2, 3], 2).fit(&data)).contains("axis of the shape"));
    assert!(refused(Uniform::new(8).fit_range(1.0, -1.0)).contains("lower one first"));
    assert!(refused(Uniform::new(8).fit_range(f32::NAN, 1.0)).contains("finite"));
    assert!(refused(Uniform::new(8).fit_range(0.0, f32::INFINITY)).contains("finite"));
    assert!(refused(Uniform::new(8).per_block(4).fit_range(0.0, 1.0)).contains("per tensor or axis"));
    assert!(Uniform::new(17).codes::<u16>().fit(&data).is_err() && Uniform::new(17).codes::<u32>().fit(&data).is_err());
    assert!(Uniform::new(16).codes::<u32>().fit(&data).is_ok() && Uniform::new(1).mid_rise().fit(&data).is_ok());

    let shape = Uniform::new(8).per_axis(&[2, 4], 0).fit(&data).unwrap_err();
    assert_eq!(shape, Error::Length { what: "values", expected: 8, actual: 6 });
    let absurd = Uniform::new(8).per_axis(&[usize::MAX, usize::MAX], 0).fit(&data).unwrap_err();
    assert_eq!(absurd.kind(), ErrorKind::Input);
    assert_eq!(Granularity::Axis { shape: vec![0, 3], axis: 0 }.groups(0), Err(Error::Empty));
    assert!(Groups::axis(&[1, usize::MAX, usize::MAX], 0).is_err());
    assert_eq!(BitPack::<u8>::new(9).unwrap_err().kind(), ErrorKind::Input);
    assert!(BitPack::<u16>::new(0).is_err() && BitPack::<u32>::new(33).is_err());
    assert!(Grid::new(3, 2).is_err() && Grid::new(i32::MIN, i32::MAX).is_err() && Grid::new(1, 5).is_err());
    let too_narrow = Scale::new(Grid::new(0, 256).unwrap()).fit(&data).unwrap_err();
    assert_eq!(too_narrow, Error::CodeWidth { level_count: 257, code_bits: 8 });
}

#[test]
fn stored_parameters_are_validated() {
    let grid = Grid::new(-7, 7).unwrap();
    let groups = Groups::axis(&[2, 3], 0).unwrap();
    let make = |scale_type, scales: &[f32], offsets: &[f32]| {
        Scaled::<Grid, u8>::new(grid, groups, Scales::new(scale_type, scales.to_vec())?, offsets.to_vec())
    };
    assert!(make(ScaleType::F32, &[0.1, 0.2], &[]).is_ok());
    assert_eq!(make(ScaleType::F32, &[0.1], &[]), Err(Error::Length { what: "scales", expected: 2, actual: 1 }));
    let offsets = Err(Error::Length { what: "offsets", expected: 2, actual: 1 });
    assert_eq!(make(ScaleType::F32, &[0.1, 0.2], &[1.0]), offsets);
    for bad in [0.0, -0.0, -1.0, f32::INFINITY] {
        let error = Err(Error::Parameter {
            what: "scales",
            index: 1,
            value: bad.into(),
            allowed: "positive scales that their type can hold as they are",
        });
        assert_eq!(make(ScaleType::F32, &[0.1, bad], &[]), error);
    }
    assert!(make(ScaleType::F32, &[0.1, f32::NAN], &[]).is_err());
    assert!(make(ScaleType::F32, &[0.1, 0.2], &[0.0, f32::NAN]).is_err());
    // A scale must be stored as it is used.
    assert!(make(ScaleType::F16, &[0.1, 0.2], &[]).is_err() && make(ScaleType::F16, &[0.125, 65504.0], &[]).is_ok());
    assert!(make(ScaleType::E8M0, &[0.125, 3.0], &[]).is_err() && make(ScaleType::E8M0, &[0.125, 2.0], &[]).is_ok());
    assert!(make(ScaleType::E8M0, &[2.0_f32.powi(-127), 2.0_f32.powi(127)], &[]).is_ok());
    assert!(make(ScaleType::E8M0, &[2.0_f32.powi(-127) / 2.0, 1.0], &[]).is_err());
}

#[test]
fn lengths_and_positions_are_checked() {
    let values = [0.5_f32, -0.25, 0.125, 1.0, -1.0, 0.75, 0.0];
    let quantizer = Uniform::new(4).fit(&values).unwrap();
    let length = |what, expected, actual| Err(Error::Length { what, expected, actual });
    assert_eq!(quantizer.quantize_into(&values, &mut [0; 6]), length("codes", 7, 6));
    assert_eq!(quantizer.dequantize_into(&[0; 8], &mut [0.0_f32; 7]), length("codes", 7, 8));
    assert_eq!(quantizer.fake_quantize_into(&values, &mut [0.0; 8]), length("out", 7, 8));
    assert_eq!(quantizer.quantize_at(0, &values, &mut [0; 8]), length("codes", 7, 8));
    assert!(quantizer.quantize_piece_into(usize::MAX, &values, &mut [0; 7]).is_err());
    let error = quantizer.dequantize::<f32>(&[3, 15, 2], 3).unwrap_err();
    assert_eq!(error, Error::Code { index: 1, code: 15, level_count: 15 });

    // Blocks belong to the array they were fitted to.
    let blocks = Uniform::new(4).per_block(3).fit(&values).unwrap();
    assert_eq!(blocks.quantize(&values[..6]).err(), length("values", 7, 6).err());
    assert_eq!(blocks.quantize(&[0.0_f32; 9]).err(), length("values", 7, 9).err());
    let beyond = blocks.quantize_piece_into(5, &values[..3], &mut [0; 3]);
    assert_eq!(beyond, Err(Error::BeyondFit { fitted: 7, end: 8 }));
    assert!(blocks.error_bound(6).is_some() && blocks.error_bound(7).is_none());
    assert!(blocks.quantize_piece_into(4, &values[..3], &mut [0; 3]).is_ok());

    let pipeline = Coded::packed(&quantizer);
    assert_eq!(pipeline.encode_into(&values, &mut [0; 3]), length("bytes", 4, 3).map(|()| 0));
    assert_eq!(pipeline.decode::<f32>(&[0; 5], 7).err(), length("bytes", 4, 5).err());
    let odd = pipeline.encode_piece_into(1, &values, &mut [0; 4]);
    assert_eq!(odd, Err(Error::Unaligned { start: 1, block: 2 }));
    assert_eq!(pipeline.byte_range(2..7), Ok(Some(1..4)));
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let reversed = pipeline.byte_range(6..2);
    assert!(reversed.is_err());
    let (value, allowed) = (usize::MAX as f64, "a position whose bytes can be counted");
    for absurd in [
        Coded::packed(Uniform::new(16).codes::<u16>().fit_range(-1.0, 1.0).unwrap()).byte_range(0..usize::MAX),
        Blocks::uniform(8, 1).unwrap().byte_range(usize::MAX - 1..usize::MAX),
    ] {
        assert_eq!(absurd, Err(Error::Setting { name: "end", value, allowed }));
    }
}

#[test]
fn positions_at_the_end_of_counting_are_errors() {
    let values = [1.0_f32, -2.0, 3.0, 0.5];
    let quantizer = Uniform::new(4).rounding(Rounding::Dither(Seed::new(1))).fit(&values).unwrap();
    let pipeline = Coded::packed(&quantizer);
    let blocks = Blocks::uniform(4, 1).unwrap();
    for start in [usize::MAX, usize::MAX - 1, usize::MAX - 3] {
        let start = start / 2 * 2;
        assert!(quantizer.quantize_piece_into(start, &values, &mut [0; 4]).is_err());
        assert!(quantizer.dequantize_piece_into(start, &[0; 4], &mut [0.0_f32; 4]).is_err());
        assert!(quantizer.quantize_at(start, &values, &mut [0; 4]).is_err());
        assert!(quantizer.dequantize_at(start, &[0; 4], &mut [0.0; 4]).is_err());
        assert!(pipeline.encode_piece_into(start, &values, &mut [0; 9]).is_err());
        assert!(pipeline.decode_piece_into(start, &[0; 2], &mut [0.0_f32; 4]).is_err());
        assert!(pipeline.encode_at(start, f32::erase(&values), &mut [0; 9]).is_err());
        assert!(blocks.encode_at(start, f32::erase(&values), &mut [0; 99]).is_err());
        assert!(blocks.decode_at(start, &[0; 99], f32::erase_mut(&mut [0.0; 4])).is_err());
        assert!(FrameWriter::new(&pipeline).max_encoded_len(start) >= start / 2);
    }
    assert!(FrameWriter::new(&pipeline).chunk_len(0).encode(&values).is_ok());
    assert!(FrameWriter::new(&pipeline).chunk_len(usize::MAX).encode(&values).is_ok());
}

#[test]
fn codes_of_every_type_give_the_same_bytes() {
    fn bytes<C: Code>(values: &[f32]) -> Vec<u8> {
        let quantizer = Uniform::new(5).codes::<C>().per_block(100).fit(values).unwrap();
        Coded::packed(&quantizer).encode(values).unwrap()
    }
    let (_, data) = &data_sets()[0];
    assert_eq!(bytes::<u8>(data), bytes::<u16>(data));
    assert_eq!(bytes::<u8>(data), bytes::<u32>(data));
}

#[test]
fn absurd_counts_of_the_caller_are_errors() {
    for count in [usize::MAX, usize::MAX / 2, usize::MAX / 16] {
        let shaped = Uniform::new(8).per_axis(&[count, 1], 0).fit_range(0.0, 1.0);
        assert!(matches!(shaped, Err(Error::Setting { name: "groups", .. })));
        let codec = BitPack::<u8>::new(3).unwrap();
        assert!(codec.decode_pieces(0, &[0; 100], count, &mut [0; 3], &mut |_| Ok(())).is_err());
        assert!(codec.decode_pieces(count, &[0; 100], count, &mut [], &mut |_| Ok(())).is_err());
    }
    let codec = BitPack::<u8>::new(3).unwrap();
    assert!(codec.decode_pieces(usize::MAX, &[0; 100], 30, &mut [0; 8], &mut |_| Ok(())).is_err());
}

#[test]
fn offsets_that_overflow_name_their_group() {
    let settings = Scale::new(Grid::new(-9, 5).unwrap()).with_offsets().scale_type(ScaleType::E8M0);
    let error = settings.fit(&[-3.4027e38_f32, 3.4027e38]).unwrap_err();
    assert!(matches!(error, Error::ScaleOutOfRange { group: 0, .. }));
}
