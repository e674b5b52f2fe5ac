//! Values as another element, and parts of frames, through the front door.

mod common;

use common::{gaussian, to_bits};
use fewbits::{
    BitPack, Blocks, Coded, Compressor, Difference, Element, Error, ErrorBound, Fit, Frame, FrameWriter, Hadamard,
    Lossless, Masked, NonFinite, Pipeline, Rans, Seed, Standardize, Target, Then, Uniform, bf16, decode_range,
    decode_range_into, decompress, decompress_as, decompress_as_into, f16,
};

fn pipelines<T: Element>(values: &[T]) -> Vec<Box<dyn Pipeline>> {
    vec![
        Box::new(Blocks::uniform(6, 16).unwrap()),
        Box::new(Coded::packed(Uniform::new(7).per_block(50).fit(values).unwrap())),
        Box::new(Coded::new(Uniform::new(5), Rans::new()).fit(values).unwrap()),
        Box::new(Coded::packed(
            Then::new(Hadamard::new(64, Seed::new(1)).unwrap(), Uniform::new(8)).fit(values).unwrap(),
        )),
        Box::new(Masked::new(NonFinite::keep(), Blocks::uniform(6, 16).unwrap())),
    ]
}

fn cast<S: Element, T: Element>(values: &[S]) -> Vec<T> {
    let (mut wide, mut out) = (vec![0.0; values.len()], vec![T::default(); values.len()]);
    S::widen_into(values, &mut wide).unwrap();
    T::narrow_into(&wide, &mut out).unwrap();
    out
}

fn check<S: Element, T: Element>(values: &[S]) {
    for pipeline in pipelines(values) {
        for chunk_len in [1000, 1 << 20] {
            let bytes = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(values).unwrap();
            let expected: Vec<T> = cast(&decompress::<S>(&bytes).unwrap());
            assert!(decompress_as::<T>(&bytes).unwrap() == expected, "{} to {}", S::DTYPE, T::DTYPE);
            let mut out = vec![T::default(); values.len()];
            decompress_as_into(&bytes, &mut out).unwrap();
            assert!(out == expected);
            let short = decompress_as_into(&bytes, &mut out[1..]);
            assert!(matches!(short, Err(Error::Length { what: "values", .. })));
        }
    }
}

#[test]
fn every_element_as_every_other() {
    let data = gaussian(10_001, 71);
    let halves: Vec<f16> = cast(&data);
    let brains: Vec<bf16> = cast(&data);
    check::<f32, f32>(&data);
    check::<f32, f16>(&data);
    check::<f32, bf16>(&data);
    check::<f16, f32>(&halves);
    check::<f16, f16>(&halves);
    check::<f16, bf16>(&halves);
    check::<bf16, f32>(&brains);
    check::<bf16, f16>(&brains);
    check::<bf16, bf16>(&brains);
    let empty = Frame::encode::<f32, _>(&Blocks::uniform(6, 16).unwrap(), &[]).unwrap();
    assert!(decompress_as::<bf16>(&empty).unwrap().is_empty());
}

#[test]
fn too_large_is_an_error_and_infinities_are_kept() {
    let mut values = vec![1.0_f32; 9000];
    values[8001] = 1e6;
    let pipeline = Blocks::uniform(8, 8).unwrap();
    for chunk_len in [512, 10_000] {
        let bytes = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&values).unwrap();
        let Err(Error::Overflow { index: 8001, value, requested }) = decompress_as::<f16>(&bytes) else { panic!() };
        assert!(value > 9e5 && requested == f16::DTYPE);
        assert_eq!(decompress_as::<bf16>(&bytes).unwrap()[8001].to_f32(), bf16::from_f32(value).to_f32());
    }
    // What rounds to the largest value is no error, what rounds beyond it is; what was kept stays.
    let edge = |x: f32| {
        let values = [x, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
        let quantizer = Uniform::new(2).fit_range(-x, x).unwrap();
        let bytes = Frame::encode(&Masked::new(NonFinite::keep(), Coded::packed(quantizer)), &values).unwrap();
        assert_eq!(decompress::<f32>(&bytes).unwrap()[0], x);
        decompress_as::<f16>(&bytes)
    };
    let kept = edge(65519.0).unwrap();
    assert_eq!(kept[..3], [f16::MAX, f16::INFINITY, f16::NEG_INFINITY]);
    assert!(kept[3].is_nan());
    assert!(matches!(edge(65520.0), Err(Error::Overflow { index: 0, value: 65520.0, .. })));
}

/// Stages with a promise, alone and behind others.
fn promised<T: Element>(values: &[T]) -> Vec<Vec<u8>> {
    let bounded = ErrorBound::max_abs_error(0.01).codes::<u16>().fit(values).unwrap();
    let behind = Then::new(Standardize::new(), ErrorBound::max_abs_error(0.01)).fit(values).unwrap();
    let predicted = Then::new(Difference::of(&bounded).unwrap(), BitPack::of(&bounded));
    let lossless = Lossless.fit(values).unwrap();
    vec![
        Frame::encode(&Coded::packed(&bounded), values).unwrap(),
        Frame::encode(&Coded::new(&bounded, predicted), values).unwrap(),
        Frame::encode(&Coded::packed(behind), values).unwrap(),
        Frame::encode(&Masked::new(NonFinite::keep(), Coded::packed(&bounded)), values).unwrap(),
        Frame::encode(&lossless, values).unwrap(),
        Frame::encode(&Masked::new(NonFinite::keep(), &lossless), values).unwrap(),
        Compressor::new(Target::MaxError(0.1)).compress(values).unwrap().into_bytes(),
    ]
}

#[test]
fn promises_are_not_rounded_away() {
    let data = gaussian(1000, 72);
    let halves: Vec<f16> = cast(&data);
    for bytes in promised(&data) {
        let error = decompress_as::<f16>(&bytes).unwrap_err();
        assert_eq!(error, Error::Promise { stored: f32::DTYPE, requested: f16::DTYPE });
        assert!(error.to_string().contains("decompress it as f32"));
        assert!(decompress_as_into(&bytes, &mut [bf16::ZERO; 1000]).is_err());
        assert_eq!(to_bits(&decompress_as(&bytes).unwrap()), to_bits(&decompress(&bytes).unwrap()));
    }
    for bytes in promised(&halves) {
        assert!(decompress_as::<f32>(&bytes).unwrap() == cast::<f16, f32>(&decompress(&bytes).unwrap()));
        assert!(matches!(decompress_as::<bf16>(&bytes), Err(Error::Promise { .. })));
    }
}

#[test]
fn ranges_are_parts() {
    let data = gaussian(5000, 73);
    for pipeline in pipelines(&data) {
        for chunk_len in [500, 1 << 20] {
            let bytes = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&data).unwrap();
            let all: Vec<f32> = decompress(&bytes).unwrap();
            for range in [0..0, 0..5000, 1..4999, 499..501, 1000..1500, 4999..5000, 5000..5000] {
                let part: Vec<f32> = decode_range(&bytes, range.clone()).unwrap();
                assert_eq!(part, all[range.clone()]);
                let mut part = vec![0.0_f32; range.len()];
                decode_range_into(&bytes, range.clone(), &mut part).unwrap();
                assert_eq!(part, all[range]);
            }
            #[expect(clippy::reversed_empty_ranges, reason = "the mistake in question")]
            let beyond = [0..5001, 5001..5001, 3..2, usize::MAX - 1..usize::MAX];
            for range in beyond {
                assert!(matches!(decode_range::<f32>(&bytes, range), Err(Error::Setting { name: "range", .. })));
            }
            assert!(matches!(decode_range::<f16>(&bytes, 0..1), Err(Error::WrongElement { .. })));
        }
    }
    // A few bytes may not ask for more memory than all of a frame may.
    let constant = Coded::new(Uniform::new(4), Rans::new()).fit(&[1.0_f32; 9]).unwrap();
    let bytes = FrameWriter::new(&constant).encode(&vec![1.0_f32; (1 << 24) + 9]).unwrap();
    assert!(matches!(decode_range::<f32>(&bytes, 0..(1 << 24) + 1), Err(Error::Limit { .. })));
    assert_eq!(decode_range::<f32>(&bytes, 1 << 24..(1 << 24) + 9).unwrap(), [1.0; 9]);
}
