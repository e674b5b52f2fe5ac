//! Every bit comes back, in fewer bytes where exponents are few, and never in many more.

mod common;

use common::{Random, data_sets, gaussian};
use fewbits::{
    Describe, Element, Error, ErrorKind, Fit, Frame, FrameWriter, Lossless, LosslessPipeline, Masked, NonFinite,
    Pipeline, PipelineExt, Restore, bf16, f16,
};

fn bits<T: Element>(values: &[T]) -> Vec<u8> {
    fewbits::values_to_le_bytes(values)
}

/// Frame bytes in parts of the raw bytes.
fn check<T: Element>(values: &[T], chunk_len: usize) -> f64 {
    let pipeline = Lossless.fit(values).unwrap();
    let frame = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(values).unwrap();
    let restored: Vec<T> = fewbits::decompress(&frame).unwrap();
    assert!(bits(&restored) == bits(values));
    let (raw, chunks) = (size_of_val(values), values.len().div_ceil(chunk_len));
    assert!(frame.len() <= raw + 64 + 8 * chunks, "{} bytes of {raw}", frame.len());
    if values.len() > 100 {
        let mut part = vec![T::default(); 77];
        Frame::parse(&frame).unwrap().decoder().unwrap().decode_range_into(21..98, &mut part).unwrap();
        assert!(bits(&part) == bits(&values[21..98]));
    }
    assert_eq!(LosslessPipeline::from_bytes(&pipeline.to_bytes()).unwrap(), pipeline);
    frame.len() as f64 / raw.max(1) as f64
}

#[test]
fn exponents_take_few_bits() {
    let weights: Vec<f32> = gaussian(1 << 16, 1).iter().map(|x| 0.02 * x).collect();
    let halves: Vec<f16> = weights.iter().map(|&x| f16::from_f32(x)).collect();
    let brains: Vec<bf16> = weights.iter().map(|&x| bf16::from_f32(x)).collect();
    let parts = [check(&weights, 1 << 20), check(&halves, 1 << 20), check(&brains, 1 << 20)];
    assert!(parts[0] < 0.84 && parts[1] < 0.855 && parts[2] < 0.67, "{parts:?}");
    for chunk_len in [1000, 20_000] {
        check(&weights, chunk_len);
        check(&brains, chunk_len);
    }
}

#[test]
fn any_bits_come_back() {
    let mut random = Random(2);
    let noise: Vec<f32> = (0..30_000).map(|_| f32::from_bits(random.bits() as u32)).collect();
    let half_noise: Vec<f16> = (0..30_000).map(|_| f16::from_bits(random.bits() as u16)).collect();
    for chunk_len in [1, 100, 30_000] {
        assert!(check(&noise[..3000], chunk_len) >= 1.0);
        check(&half_noise[..3000], chunk_len);
    }
    check(&noise, 1 << 18);
    check(&(0..=u16::MAX).map(f16::from_bits).collect::<Vec<_>>(), 1 << 18);
    check(&(0..=u16::MAX).map(bf16::from_bits).collect::<Vec<_>>(), 1 << 18);
    check::<f32>(&[], 10);
    for (_, data) in data_sets() {
        check(&data, 1 << 18);
        check(&data.iter().map(|&x| bf16::from_f32(x)).collect::<Vec<_>>(), 64);
    }
    // The first half is even, the second is noise: a table of both.
    let mixed: Vec<f32> = gaussian(20_000, 3).into_iter().chain(noise).collect();
    check(&mixed, 4096);
    assert!(check(&vec![1.5_f32; 1 << 16], 1 << 18) < 0.01);
}

#[test]
fn elements_are_not_mixed_up() {
    let values = gaussian(1000, 4);
    let halves: Vec<f16> = values.iter().map(|&x| f16::from_f32(x)).collect();
    let pipeline = Lossless.fit(&values).unwrap();
    assert!(matches!(pipeline.encode(&halves), Err(Error::WrongElement { .. })));
    let frame = Frame::encode(&pipeline, &values).unwrap();
    let error = fewbits::decompress::<f16>(&frame).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    // Behind a mask as well, which has nothing to do.
    let masked = Masked::new(NonFinite::keep(), pipeline);
    let restored: Vec<f32> = fewbits::decompress(&Frame::encode(&masked, &values).unwrap()).unwrap();
    assert!(bits(&restored) == bits(&values));
}

#[test]
fn damage_is_an_error_or_other_values() {
    let values: Vec<bf16> = gaussian(500, 5).into_iter().map(bf16::from_f32).collect();
    let pipeline = Lossless.fit(&values).unwrap();
    let mut random = Random(6);
    let stream = pipeline.encode(&values).unwrap();
    let mut out = vec![bf16::ZERO; 500];
    for _ in 0..3000 {
        let mut damaged = stream.clone();
        let at = random.below(stream.len());
        damaged[at] ^= 1 << random.below(8);
        damaged.truncate(random.below(stream.len()) + 1);
        let _ = pipeline.decode_into(&damaged, &mut out);
        let mut parameters = pipeline.to_bytes();
        let (at, end) = (random.below(parameters.len() - 4), parameters.len() - 4);
        parameters[at] = random.bits() as u8;
        let checksum = crc32fast::hash(&parameters[..end]);
        parameters[end..].copy_from_slice(&checksum.to_le_bytes());
        match Box::<dyn Pipeline>::from_bytes(&parameters) {
            Ok(pipeline) => drop(pipeline.decode_into(&stream, &mut out)),
            Err(error) => assert_ne!(error.kind(), ErrorKind::Input, "{error}"),
        }
    }
    for len in 0..stream.len() {
        assert!(pipeline.decode_into(&stream[..len], &mut out).is_err());
    }
}
