//! Law: any number of threads gives the bytes and the values of one.
#![cfg(feature = "rayon")]

mod common;

use common::gaussian;
use fewbits::{
    BitPack, Blocks, Coded, Difference, Element, Error, ErrorBound, Fit, Frame, FrameWriter, Hadamard, Limits,
    Lossless, Masked, NonFinite, Pipeline, Rans, Rounding, Seed, Then, Uniform, bf16, f16,
};
use rayon::ThreadPoolBuilder;

const LEN: usize = 20_011;

/// The same in pools of 1, 2 and 5 threads.
fn with_threads(run: impl Fn() + Send + Sync) {
    for threads in [1, 2, 5] {
        ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(&run);
    }
}

fn pipelines<T: Element>(values: &[T]) -> Vec<Box<dyn Pipeline>> {
    let bounded = ErrorBound::max_abs_error(0.01).fit(values).unwrap();
    let predicted = Then::new(Difference::of(&bounded).unwrap(), BitPack::of(&bounded));
    let rotation = Hadamard::new(64, Seed::new(1)).unwrap();
    let dithered = Uniform::new(4).per_block(100).rounding(Rounding::Dither(Seed::new(2)));
    vec![
        Box::new(Blocks::uniform(6, 16).unwrap()),
        Box::new(Coded::packed(dithered.fit(values).unwrap())),
        Box::new(Coded::new(Then::new(rotation, Uniform::new(5)), Rans::new()).fit(values).unwrap()),
        Box::new(Coded::new(bounded, predicted)),
        Box::new(Masked::new(NonFinite::keep(), Blocks::uniform(6, 16).unwrap())),
        Box::new(Lossless.fit(values).unwrap()),
    ]
}

fn check<T: Element>(values: &[T]) {
    for pipeline in pipelines(values) {
        for chunk_len in [100, 1000, 19_000, LEN, usize::MAX] {
            let writer = FrameWriter::new(&pipeline).chunk_len(chunk_len);
            let bytes = writer.encode(values).unwrap();
            let mut stream = FrameWriter::new(&pipeline).chunk_len(chunk_len).stream::<T>();
            let streamed = [stream.push(values).unwrap(), stream.finish().unwrap()].concat();
            let expected: Vec<T> = fewbits::decompress(&bytes).unwrap();
            with_threads(|| {
                assert!(writer.encode_parallel(values).unwrap() == bytes);
                let mut room = vec![0xa5; writer.max_encoded_len(LEN)];
                let len = writer.encode_parallel_into(values, &mut room).unwrap();
                assert!(room[..len] == bytes);
                for bytes in [&bytes, &streamed] {
                    let decoder = Frame::parse(bytes).unwrap().decoder().unwrap();
                    assert!(decoder.decode_parallel::<T>().unwrap() == expected);
                    let mut out = vec![T::default(); LEN];
                    decoder.decode_parallel_into(&mut out).unwrap();
                    assert!(out == expected);
                }
            });
        }
    }
}

#[test]
fn bytes_and_values_of_one_thread() {
    let data = gaussian(LEN, 81);
    check(&data);
    check(&data.iter().map(|&x| f16::from_f32(x)).collect::<Vec<_>>());
    check(&data.iter().map(|&x| bf16::from_f32(x)).collect::<Vec<_>>());
    let blocks = Blocks::uniform(6, 16).unwrap();
    let empty = FrameWriter::new(&blocks).encode_parallel::<f32>(&[]).unwrap();
    assert!(Frame::parse(&empty).unwrap().decoder().unwrap().decode_parallel::<f32>().unwrap().is_empty());
}

#[test]
fn errors_of_one_thread() {
    let mut data = gaussian(LEN, 82);
    let pipeline = Blocks::uniform(6, 10).unwrap();
    let writer = FrameWriter::new(&pipeline).chunk_len(100);
    let bytes = writer.encode(&data).unwrap();
    let expected = writer.max_encoded_len(LEN);
    let short = writer.encode_parallel_into(&data, &mut vec![0; expected - 1]);
    assert_eq!(short, Err(Error::Length { what: "bytes", expected, actual: expected - 1 }));
    for index in [19_000, 5_123, 5_122, 777] {
        data[index] = f32::NAN;
        with_threads(|| assert_eq!(writer.encode_parallel(&data), Err(Error::NonFinite { index })));
    }
    for part in [9, 5, 2] {
        let mut damaged = bytes.clone();
        let at = bytes.len() / 10 * part;
        damaged[at..].fill(0x55);
        let decoder = Frame::parse(&damaged).unwrap().decoder().unwrap();
        let error = decoder.decode::<f32>().unwrap_err();
        with_threads(|| {
            assert_eq!(decoder.decode_parallel::<f32>().unwrap_err(), error);
            assert_eq!(decoder.decode_parallel_into(&mut vec![0.0_f32; LEN]).unwrap_err(), error);
        });
    }
    let decoder = Frame::parse(&bytes).unwrap().decoder().unwrap();
    assert!(matches!(decoder.decode_parallel::<f16>(), Err(Error::WrongElement { .. })));
    assert!(matches!(decoder.decode_parallel_into(&mut [0.0_f32; 3]), Err(Error::Length { .. })));
    let limited = decoder.decode_parallel_within::<f32>(Limits::bytes(4 * LEN as u64 - 1));
    assert!(matches!(limited, Err(Error::Limit { .. })));
}
