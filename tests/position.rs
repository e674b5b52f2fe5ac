//! Law: any split at allowed positions, any thread, any element gives the same codes and the same bytes.

mod common;

use common::{Random, gaussian, quantizers, shaped_quantizers, to_bits};
use fewbits::{
    BitPack, Codec, Coded, Describe, Fit, Frame, FrameWriter, Pipeline, PipelineExt, Quantizer, QuantizerExt, Uniform,
    f16,
};

const SHAPE: [usize; 3] = [13, 11, 7];
const LEN: usize = 13 * 11 * 7;

/// Random positions from 0 to `len`, at multiples of `block`.
fn cuts(random: &mut Random, len: usize, block: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = (0..5).map(|_| random.below(len / block + 1) * block).collect();
    cuts.extend([0, len]);
    cuts.sort_unstable();
    cuts
}

#[test]
fn splits_of_values_and_codes() {
    let data = gaussian(LEN, 31);
    let halves: Vec<f16> = data.iter().map(|&x| f16::from_f32(x)).collect();
    let mut random = Random(5);
    for case in quantizers().into_iter().chain(shaped_quantizers(SHAPE)) {
        let Ok(quantizer) = (case.fit)(&data) else { continue };
        let codes = quantizer.quantize(&data).unwrap();
        let half_codes = quantizer.quantize(&halves).unwrap();
        let values: Vec<f32> = quantizer.dequantize(&codes, LEN).unwrap();
        for _ in 0..5 {
            for pair in cuts(&mut random, LEN, quantizer.block()).windows(2) {
                let (start, range) = (pair[0], pair[0]..pair[1]);
                let mut part = vec![0; range.len()];
                quantizer.quantize_piece_into(start, &data[range.clone()], &mut part).unwrap();
                assert_eq!(part, codes[range.clone()], "{}", case.name);
                quantizer.quantize_piece_into(start, &halves[range.clone()], &mut part).unwrap();
                assert_eq!(part, half_codes[range.clone()], "{}", case.name);
                let mut part = vec![0.0_f32; range.len()];
                quantizer.dequantize_piece_into(start, &codes[range.clone()], &mut part).unwrap();
                assert_eq!(to_bits(&part), to_bits(&values[range.clone()]), "{}", case.name);
            }
        }
    }
}

#[test]
fn splits_of_bytes() {
    let data = gaussian(LEN, 32);
    let mut random = Random(6);
    for case in quantizers().into_iter().chain(shaped_quantizers(SHAPE)) {
        let Ok(quantizer) = (case.fit)(&data) else { continue };
        let pipeline = Coded::packed(&quantizer);
        let whole = pipeline.encode(&data).unwrap();
        let values: Vec<f32> = pipeline.decode(&whole, LEN).unwrap();
        let mut joined = Vec::new();
        for pair in cuts(&mut random, LEN, pipeline.block()).windows(2) {
            let range = pair[0]..pair[1];
            let mut part = vec![0; pipeline.max_encoded_len(range.len())];
            let written = pipeline.encode_piece_into(range.start, &data[range.clone()], &mut part).unwrap();
            let bytes = pipeline.byte_range(range.clone()).unwrap().unwrap();
            assert_eq!(&part[..written], &whole[bytes.clone()], "{}", case.name);
            joined.extend_from_slice(&part[..written]);
            let mut decoded = vec![0.0_f32; range.len()];
            pipeline.decode_piece_into(range.start, &whole[bytes], &mut decoded).unwrap();
            assert_eq!(to_bits(&decoded), to_bits(&values[range]), "{}", case.name);
        }
        assert_eq!(joined, whole, "{}", case.name);
    }
}

#[test]
fn frames_of_any_chunk_length_hold_the_same_values() {
    let data = gaussian(LEN, 33);
    for case in quantizers().into_iter().chain(shaped_quantizers(SHAPE)) {
        let Ok(quantizer) = (case.fit)(&data) else { continue };
        let pipeline = Coded::packed(&quantizer);
        let expected = to_bits(&quantizer.fake_quantize(&data).unwrap());
        for chunk_len in [1, 7, 100, LEN - 1, LEN, LEN + 1, usize::MAX] {
            let frame = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&data).unwrap();
            assert_eq!(to_bits(&fewbits::decompress(&frame).unwrap()), expected, "{}", case.name);
        }
    }
}

#[test]
fn threads_write_the_bytes_of_one_call() {
    let data = gaussian(100_000, 34);
    let quantizer = Uniform::new(3).per_axis(&[100, 1000], 1).fit(&data).unwrap();
    let pipeline = Coded::packed(quantizer.clone());
    let whole = pipeline.encode(&data).unwrap();
    for threads in [2, 3, 8] {
        let share = data.len().div_ceil(threads).next_multiple_of(pipeline.block());
        let mut bytes = vec![0; whole.len()];
        std::thread::scope(|scope| {
            let parts = bytes.chunks_mut(pipeline.encoded_len(share).unwrap());
            for (i, (values, part)) in data.chunks(share).zip(parts).enumerate() {
                let pipeline = &pipeline;
                scope.spawn(move || pipeline.encode_piece_into(i * share, values, part).unwrap());
            }
        });
        assert_eq!(bytes, whole, "{threads} threads");
    }
}

#[test]
fn f16_data_gives_the_payload_of_the_widened_data() {
    let halves: Vec<f16> = gaussian(LEN, 35).into_iter().map(f16::from_f32).collect();
    let wide: Vec<f32> = halves.iter().map(|x| x.to_f32()).collect();
    let settings = Uniform::new(5).asymmetric().per_axis(&SHAPE, 1);
    let (quantizer, other) = (settings.fit(&halves).unwrap(), settings.fit(&wide).unwrap());
    assert_eq!(quantizer.to_bytes(), other.to_bytes());
    let pipeline = Coded::packed(quantizer.clone());
    assert_eq!(pipeline.encode(&halves).unwrap(), pipeline.encode(&wide).unwrap());
    let (half_frame, frame) = (Frame::encode(&pipeline, &halves).unwrap(), Frame::encode(&pipeline, &wide).unwrap());
    // Only the flags that name the element differ, and the checksum with them.
    let differing: Vec<usize> = (0..frame.len() - 4).filter(|&i| frame[i] != half_frame[i]).collect();
    assert_eq!((differing, frame.len()), (vec![5], half_frame.len()));
}

#[test]
fn a_split_inside_a_byte_is_refused() {
    for (width, block) in [(1, 8), (2, 4), (3, 8), (4, 2), (5, 8), (6, 4), (7, 8), (8, 1)] {
        let codec = BitPack::<u8>::new(width).unwrap();
        assert_eq!(codec.block(), block);
        let quantizer = Uniform::new(width.max(2)).fit_range(-1.0, 1.0).unwrap();
        let pipeline = Coded::new(quantizer, codec);
        let mut bytes = [0; 16];
        for start in 0..16 {
            let result = pipeline.encode_piece_into(start, &[0.0_f32; 2], &mut bytes);
            assert_eq!(!matches!(result, Err(fewbits::Error::Unaligned { .. })), start % block == 0);
        }
    }
}
