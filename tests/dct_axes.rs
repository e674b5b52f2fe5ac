//! Cosine transforms along axes: the one-dimensional transform of every line, whatever lies between its values.

mod common;

use common::{Random, gaussian, to_bits};
use fewbits::{
    Coded, Dct, Describe, Error, ErrorStats, Fit, Frame, FrameWriter, Pipeline, QuantizerExt, Restore, Then, Transform,
    TransformExt, Uniform,
};

/// Every line by itself, gathered by hand.
fn line_by_line(block: usize, shape: [usize; 3], axis: usize, values: &[f32]) -> Vec<f32> {
    let strides = [shape[1] * shape[2], shape[2], 1];
    let dct = Dct::new(block).unwrap();
    let mut out = vec![f32::NAN; values.len()];
    for first in (0..values.len()).filter(|i| (i / strides[axis]).is_multiple_of(shape[axis])) {
        let line: Vec<usize> = (0..shape[axis]).map(|step| first + step * strides[axis]).collect();
        let coefficients = dct.forward(&line.iter().map(|&i| values[i]).collect::<Vec<_>>()).unwrap();
        line.iter().zip(coefficients).for_each(|(&i, c)| out[i] = c);
    }
    out
}

#[test]
fn every_line_is_transformed_by_itself() {
    for shape in [[6, 7, 8], [16, 3, 5], [1, 9, 1], [2, 8, 33], [5, 16, 2]] {
        let values = gaussian(shape.iter().product(), 1);
        for axis in 0..3 {
            for block in [4, 8, 64] {
                let dct = Dct::new(block).unwrap().along(&shape, axis).unwrap();
                let coefficients = dct.forward(&values).unwrap();
                let expected = line_by_line(block, shape, axis, &values);
                assert_eq!(to_bits(&coefficients), to_bits(&expected), "{shape:?}, axis {axis}, block {block}");
                let back = dct.inverse(&coefficients, values.len()).unwrap();
                assert!(values.iter().zip(&back).all(|(x, y)| (x - y).abs() < 1e-5));
                assert_eq!(Dct::from_bytes(&dct.to_bytes()).unwrap(), dct);
            }
        }
    }
}

#[test]
fn pieces_are_whole_blocks_or_whole_axes() {
    let along = |shape: &[usize], axis| Dct::new(8).unwrap().along(shape, axis).unwrap();
    assert_eq!(along(&[16, 5], 0).block(), 40);
    assert_eq!(along(&[10, 5], 0).block(), 50);
    assert_eq!(along(&[10, 24], 1).block(), 8);
    assert_eq!(along(&[10, 5], 1).block(), 5);
    let dct = along(&[16, 5], 0);
    assert!(matches!(dct.forward(&[0.0; 79]), Err(Error::Length { expected: 80, actual: 79, .. })));
    assert!(matches!(dct.forward_at(20, &[0.0; 40], &mut [0.0; 40]), Err(Error::Unaligned { start: 20, block: 40 })));
    assert!(dct.forward_at(40, &[0.0; 38], &mut [0.0; 38]).is_err());
    assert!(matches!(dct.clone().along(&[16, 5], 2), Err(Error::Setting { name: "axis", .. })));
    assert!(dct.along(&[0, 5], 0).is_err());
}

/// An image that changes slowly both ways: two dimensions are better than one, and one is better than none.
#[test]
fn two_axes_beat_one() {
    const SHAPE: [usize; 2] = [96, 64];
    let mut random = Random(3);
    let image: Vec<f32> = (0..96 * 64)
        .map(|i| ((i / 64) as f32 / 9.0).sin() * 100.0 + ((i % 64) as f32 / 7.0).cos() * 80.0 + random.gaussian())
        .collect();
    let axis = |axis| Dct::new(8).unwrap().along(&SHAPE, axis).unwrap();
    // The entropy of codes by their place in a block of 8 x 8.
    let bits = |codes: &[u16]| -> f64 {
        let place = |i: usize| i / 64 % 8 * 8 + i % 8;
        let per_place = (0..64).map(|wanted| {
            let mut counts = vec![0_u64; 1 << 12];
            let here = codes.iter().enumerate().filter(|(i, _)| place(*i) == wanted);
            here.for_each(|(_, &code)| counts[usize::from(code)] += 1);
            fewbits::entropy(&counts) / 64.0
        });
        per_place.sum()
    };
    let uniform = Uniform::new(12).codes::<u16>().fit_range(-2047.0, 2047.0).unwrap();
    let one = Then::new(axis(1), uniform.clone());
    let two = Then::new(axis(1), Then::new(axis(0), uniform.clone()));
    let sqnr = |restored: &[f32]| ErrorStats::measure(&image, restored).unwrap().sqnr_db();
    let alone = sqnr(&uniform.fake_quantize(&image).unwrap());
    assert!((sqnr(&two.fake_quantize(&image).unwrap()) - alone).abs() < 0.3);
    let [none, one, two] = [
        bits(&uniform.quantize(&image).unwrap()),
        bits(&one.quantize(&image).unwrap()),
        bits(&two.quantize(&image).unwrap()),
    ];
    assert!(two < one - 0.5 && one < none - 1.0, "{none}, {one}, {two} bits");
}

#[test]
fn frames_hold_the_axis() {
    let values = gaussian(24 * 20 * 2, 8);
    for axis in 0..3 {
        let dct = Dct::new(8).unwrap().along(&[24, 20, 2], axis).unwrap();
        let quantizer = Then::new(dct, Uniform::new(7)).fit(&values).unwrap();
        let expected = to_bits(&quantizer.fake_quantize(&values).unwrap());
        let pipeline = Coded::packed(quantizer);
        for chunk_len in [1, 333, 10_000] {
            let frame = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&values).unwrap();
            assert_eq!(to_bits(&fewbits::decompress(&frame).unwrap()), expected);
            let mut part = vec![0.0_f32; 99];
            Frame::parse(&frame).unwrap().decoder().unwrap().decode_range_into(201..300, &mut part).unwrap();
            assert_eq!(to_bits(&part), expected[201..300]);
        }
        assert!(Box::<dyn Pipeline>::from_bytes(&pipeline.to_bytes()).is_ok());
    }
}
