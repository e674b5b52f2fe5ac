//! Kernels for different machines give the same bits.

mod common;

use common::{codecs, data_sets, gaussian, quantizers};
use fewbits::{
    BitPack, Code, CodecExt, ErrorStats, Hadamard, QuantizerExt, Result, Seed, Transform, TransformExt,
    simd::{Level, limit},
};
use std::fmt::Debug;

/// What is made at each level that this machine has is what is made at the least.
///
/// Levels are of the whole process, so the tests of this file may disturb each other: then one compares less than it says,
/// and still fails only if bits differ.
fn same_at_each_level<T: PartialEq + Debug>(what: &str, make: impl Fn() -> T) {
    assert_eq!(limit(Level::Portable), Level::Portable);
    let portable = make();
    for level in Level::ALL {
        if limit(level) == level {
            // Without the values, for there may be many.
            assert!(make() == portable, "{what} differ at {level:?}");
        }
    }
    limit(Level::Avx512);
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn hadamard() -> Result<()> {
    let values = gaussian(10_000, 1);
    for block in [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096] {
        let transform = Hadamard::new(block, Seed::new(1))?;
        for len in [block, 10_000, 9_999, 191, 1] {
            let what = format!("coefficients of {len} values in blocks of {block}");
            same_at_each_level(&what, || transform.forward(&values[..len]).map(|x| bits(&x)));
            same_at_each_level(&what, || transform.inverse(&values[..len], len).map(|x| bits(&x)));
        }
    }
    Ok(())
}

fn packed<C: Code>() -> Result<()> {
    for width in 1..=C::BITS {
        let codec = BitPack::<C>::new(width)?;
        let codecs = [Some(codec), codec.high_first().ok()];
        // All that fill a vector and less, and some that are more than a piece.
        for (len, codec) in
            (0..200).chain([255, 256, 1_021, 1_300, 8_200, 20_003]).flat_map(|len| codecs.map(|k| (len, k)))
        {
            let Some(codec) = codec else { continue };
            let random = |i| Seed::new(5).derive(i).get() as u32 >> (32 - width);
            let mut codes: Vec<C> = (0..len).map(|i| C::from_u32(random(i))).collect();
            let bytes = codec.encode(&codes)?;
            assert_eq!(codec.decode(&bytes, codes.len())?, codes);
            same_at_each_level(&format!("bytes of {len} codes of {width} bits"), || codec.encode(&codes));
            same_at_each_level(&format!("{len} codes of {width} bits"), || codec.decode(&bytes, codes.len()));
            let foul: Vec<u8> = bytes.iter().map(|_| 0xff).collect();
            same_at_each_level("codes of foul pads", || codec.decode(&foul, codes.len()));
            if let (true, Some(last)) = (width < C::BITS, codes.last_mut()) {
                *last = C::from_u32(1 << width);
                assert!(codec.encode(&codes).is_err());
                same_at_each_level("errors of wide codes", || codec.encode(&codes));
            }
        }
    }
    Ok(())
}

#[test]
fn bit_packing() -> Result<()> {
    packed::<u8>()?;
    packed::<u16>()?;
    packed::<u32>()
}

/// Positions that are no multiples of 64, and values at the ends of their type, where sums leave it.
#[test]
fn hadamard_anywhere() -> Result<()> {
    for block in [2, 8, 16, 32, 128, 1024] {
        let transform = Hadamard::new(block, Seed::new(7))?;
        for start in [block, 3 * block, 65 * block] {
            for huge in [false, true] {
                let scale = if huge { 1e38 } else { 1e-41 };
                let values: Vec<f32> = gaussian(5_000, 2).iter().map(|x| x * scale).collect();
                let what = format!("coefficients from {start} on in blocks of {block}");
                let mut out = vec![0.0; values.len()];
                let forward = |out: &mut [f32]| transform.forward_at(start, &values, out).map(|()| bits(out));
                same_at_each_level(&what, || forward(&mut vec![0.0; values.len()]));
                same_at_each_level(&format!("errors of {what}"), || transform.forward(&values).err());
                forward(&mut out)?;
                same_at_each_level(&format!("values of {what}"), || {
                    transform.inverse(&out, out.len()).map(|x| bits(&x))
                });
            }
        }
    }
    Ok(())
}

#[test]
fn values_that_are_not_finite() -> Result<()> {
    let transform = Hadamard::new(64, Seed::new(7))?;
    for len in [1, 15, 64, 1_000] {
        for at in [0, len / 2, len - 1] {
            for foul in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -f32::NAN, f32::from_bits(0x7f80_0001)] {
                let mut values = gaussian(len, 4);
                values[at] = foul;
                assert!(transform.forward(&values).is_err());
                same_at_each_level("errors", || transform.forward(&values).map(|x| bits(&x)));
                same_at_each_level("values", || transform.inverse(&values, len).map(|x| bits(&x)));
            }
        }
    }
    Ok(())
}

#[test]
fn error_stats() {
    for len in [0, 1, 7, 8, 9, 15, 16, 31, 100, 1_024, 1_031, 5_000] {
        let x = gaussian(len, 8);
        let errors = gaussian(len, 9);
        let of = |error: f32| -> Vec<f32> { x.iter().zip(&errors).map(|(x, e)| x + error * e).collect() };
        let zeros = |x: &[f32]| -> Vec<f32> { x.iter().map(|x| if x.abs() < 0.3 { 0.0 * x } else { *x }).collect() };
        let foul = |x: &[f32]| -> Vec<f32> { x.iter().map(|x| if *x > 2.0 { f32::NAN } else { 3e38 * x }).collect() };
        let growing: Vec<f32> = x.iter().enumerate().map(|(i, x)| x * (1.0 + i as f32 / 1e4)).collect();
        let tiny: Vec<f32> = x.iter().map(|x| x * 1e-43).collect();
        let pairs = [
            (x.clone(), of(0.01)),
            (zeros(&x), of(0.01)),
            (zeros(&x), zeros(&of(0.1))),
            (foul(&x), of(1.0)),
            (x.clone(), foul(&of(0.1))),
            (x.clone(), growing),
            (tiny, of(0.0)),
            (vec![-0.0; len], vec![0.0; len]),
            (x.clone(), x.clone()),
        ];
        for (i, (original, restored)) in pairs.iter().enumerate() {
            let measured = || format!("{:?}", ErrorStats::measure(original, restored));
            same_at_each_level(&format!("statistics of {len} pairs, case {i}"), measured);
        }
    }
}

#[test]
fn all_quantizers() {
    for case in quantizers() {
        for (name, data) in data_sets() {
            let what = format!("{} of {name}", case.name);
            let fit_and_quantize = || {
                let Some(quantizer) = case.fitted(&data) else { return Ok(None) };
                let codes = quantizer.quantize(&data)?;
                let values = quantizer.dequantize(&codes, data.len())?;
                Ok::<_, fewbits::Error>(Some((codes, bits(&values))))
            };
            same_at_each_level(&what, || fit_and_quantize().ok());
        }
    }
}

#[test]
fn all_codecs() -> Result<()> {
    for level_count in [2, 3, 5, 16, 60, 256, 4000] {
        for (name, codec) in codecs(level_count) {
            for len in [0, 1, 7, 31, 64, 1000, 5000] {
                let codes: Vec<u16> =
                    gaussian(len, 3).iter().map(|x| (x.abs() * 1e3) as u16 % level_count as u16).collect();
                let bytes = codec.encode(&codes)?;
                same_at_each_level(&format!("bytes of {len} codes, {name}"), || codec.encode(&codes));
                same_at_each_level(&format!("{len} codes, {name}"), || codec.decode(&bytes, len));
            }
        }
    }
    Ok(())
}
