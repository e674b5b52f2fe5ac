//! Any values through pipelines and the front door: what is encoded decodes, and targets that are met are met.
#![no_main]

use arbitrary::Unstructured;
use fewbits::{
    Compressor, Element, Fit, FrameWriter, Limits, Lossless, NonFinite, Pipeline, Target, bf16, decompress_within, f16,
};
use fewbits_fuzz::{alloc::Counting, byte, decode, narrowed, pipeline, values};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static COUNTING: Counting = Counting;

fuzz_target!(|data: &[u8]| {
    let mut u = Unstructured::new(data);
    match byte(&mut u) % 4 {
        0 => check::<f16>(&mut u),
        1 => check::<bf16>(&mut u),
        _ => check::<f32>(&mut u),
    }
});

fn check<T: Element + Into<f32>>(u: &mut Unstructured<'_>)
where
    Lossless: Fit<T, Fitted: Pipeline + 'static>,
{
    let door = byte(u);
    let Ok(values) = narrowed::<T>(&values(u, 300)) else { return };
    // One search for a size takes as long as dozens of frames.
    if door < 24 {
        return compressed(u, door, &values);
    }
    let Ok(pipeline) = pipeline(u, &values) else { return };
    let chunk_len = 1 + usize::from(byte(u)) * 3;
    let Ok(bytes) = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&values) else { return };
    assert_eq!(decode(&bytes).expect("sound bytes decode").len, values.len());
}

fn compressed<T: Element + Into<f32>>(u: &mut Unstructured<'_>, door: u8, values: &[T]) {
    let size: f64 = match byte(u) % 3 {
        0 => u.arbitrary().unwrap_or(0.0),
        1 => f64::from(byte(u)) / 8.0,
        _ => 10.0_f64.powi(i32::from(byte(u) % 16) - 12),
    };
    let target = match door % 9 {
        0 => Target::BitsPerValue(size),
        1 => Target::Bytes(size as usize),
        2 => Target::Sqnr(size),
        3 => Target::Psnr(size),
        4 => Target::Rms(size),
        5 => Target::MaxError(size),
        6 => Target::MaxErrorOfRange(size),
        7 => Target::PointwiseRelative(size),
        _ => Target::Lossless,
    };
    let policy = match byte(u) % 3 {
        0 => NonFinite::refuse(),
        1 => NonFinite::keep(),
        _ => NonFinite::keep().missing(0.0),
    };
    let shape = [3, values.len() / 3];
    let mut compressor = Compressor::new(target).non_finite(policy);
    if byte(u) % 2 == 0 && values.len() % 3 == 0 {
        compressor = compressor.shape(&shape);
    }
    let Ok(compressed) = compressor.compress(values) else { return };
    let bytes = compressed.as_bytes();
    let restored: Vec<T> = decompress_within(bytes, Limits::none()).expect("what is compressed decodes");
    assert_eq!(restored.len(), values.len());
    let pairs = || values.iter().zip(&restored).map(|(&x, &y)| (x.into(), y.into()));
    let missing = |x: f32| !x.is_finite() || (policy == NonFinite::keep().missing(0.0) && x == 0.0);
    let present = || pairs().filter(|&(x, _)| !missing(x)).map(|(x, y)| (f64::from(x), f64::from(y)));
    // What is no value comes back as it was.
    assert!(pairs().all(|(x, y)| !missing(x) || x.to_bits() == y.to_bits()));
    let (low, high) = present().fold((f64::MAX, f64::MIN), |(low, high), (x, _)| (low.min(x), high.max(x)));
    match target {
        Target::BitsPerValue(bits) => {
            assert!(values.is_empty() || bytes.len() as f64 * 8.0 <= bits * values.len() as f64 * (1.0 + 1e-12))
        }
        Target::Bytes(most) => assert!(bytes.len() <= most),
        Target::MaxError(most) => assert!(present().all(|(x, y)| (y - x).abs() <= most)),
        Target::MaxErrorOfRange(part) => {
            assert!(present().all(|(x, y)| (y - x).abs() <= part * (high - low) * (1.0 + 1e-12)));
        }
        Target::PointwiseRelative(part) => {
            assert!(present().all(|(x, y)| (y - x).abs() <= part * x.abs() * (1.0 + 1e-12)));
        }
        Target::Rms(most) => {
            let (sum, n) = present().fold((0.0, 0.0), |(sum, n), (x, y)| (sum + (y - x) * (y - x), n + 1.0));
            assert!(sum <= most * most * n * (1.0 + 1e-9) || sum < 1e-290);
        }
        Target::Lossless => assert!(pairs().all(|(x, y)| x.to_bits() == y.to_bits())),
        Target::Sqnr(decibels) | Target::Psnr(decibels) => {
            let (mut signal, mut noise, mut n) = (0.0, 0.0, 0.0);
            for (x, y) in present() {
                (signal, noise, n) = (signal + x * x, noise + (y - x) * (y - x), n + 1.0);
            }
            let peak = (high - low) * (high - low) * n;
            let signal = if matches!(target, Target::Sqnr(_)) { signal } else { peak };
            assert!(noise == 0.0 || 10.0 * (signal / noise).log10() >= decibels - 1e-6);
        }
        _ => {}
    }
}
