//! Kernels for different machines give the same bits.

mod common;

use common::{codecs, data_sets, gaussian, quantizers};
use fewbits::{
    Automaton, Code, CodecExt, Coded, ContextRans, Fit, Groups, Hadamard, PipelineExt, QuantizerExt, Rans, RansCodec,
    Result, Seed, TransformExt, Trellis,
    rans::Table,
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
        for len in [block, 9_999, 1] {
            let what = format!("coefficients of {len} values in blocks of {block}");
            same_at_each_level(&what, || transform.forward(&values[..len]).map(|x| bits(&x)));
            same_at_each_level(&what, || transform.inverse(&values[..len], len).map(|x| bits(&x)));
        }
    }
    Ok(())
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

/// Codes of this spread around the middle of so many, and a few of all.
fn bell<C: Code>(len: usize, level_count: u32, spread: f32) -> Vec<C> {
    let last = (level_count - 1) as f32;
    let odd = gaussian(len, 5).into_iter().map(|x| x.to_bits() % 97 == 0);
    let bell = gaussian(len, 4).into_iter().zip(odd).map(|(x, odd)| {
        let code = if odd { x.to_bits() as f32 % last } else { x * spread + last / 2.0 };
        C::from_u32(code.clamp(0.0, last) as u32)
    });
    bell.collect()
}

/// What was damaged in some way: all levels say the same of it.
fn damages(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut damaged: Vec<Vec<u8>> =
        (0..bytes.len()).step_by(bytes.len() / 40 + 1).map(|len| bytes[..len].to_vec()).collect();
    for at in (0..bytes.len()).step_by(bytes.len() / 20 + 1) {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1 << (at % 8);
        damaged.push(bytes);
    }
    damaged
}

fn rans_of<C: Code>() -> Result<()> {
    for (level_count, spread) in [(16_u32, 3.0), (200, 5.0), (256, 60.0), (1 << 12, 300.0), (1 << 16, 9000.0)] {
        if u64::from(level_count) > 1 << C::BITS {
            continue;
        }
        let codes = bell::<C>(5000, level_count, spread);
        let codec: RansCodec<C> = Rans::new().levels(level_count).fit(&codes)?;
        let sharp: RansCodec<C> = Rans::new().levels(level_count).fit(&bell::<C>(300, level_count, spread / 3.0))?;
        for (table, codes) in [(codec.table(), &codes[..]), (sharp.table(), &codes[..777])] {
            for lanes in [1, 4, 8, 16, 32] {
                let what = format!("{lanes} lanes of {} bits and codes below {level_count}", C::BITS);
                let bytes = table.encode(codes, lanes)?;
                same_at_each_level(&what, || table.encode(codes, lanes));
                let decode = |bytes: &[u8]| table.decode::<C>(bytes, codes.len(), lanes);
                assert!(decode(&bytes)? == codes, "{what}");
                same_at_each_level(&what, || decode(&bytes));
                for damaged in damages(&bytes) {
                    same_at_each_level(&what, || decode(&damaged));
                }
            }
        }
        same_at_each_level("streams", || codec.encode(&codes));
    }
    Ok(())
}

#[test]
fn rans() -> Result<()> {
    rans_of::<u8>()?;
    rans_of::<u16>()?;
    rans_of::<u32>()
}

/// A table that is hostile: one symbol has nearly all, and there are codes at the far end of 32 bits.
#[test]
fn odd_tables() -> Result<()> {
    let far = u32::MAX - 3;
    for symbols in [vec![(3, 4095)], vec![(far, 1), (far + 1, 4000)], vec![(0, 1), (65_535, 4000)], vec![]] {
        let table = Table::from_frequencies(12, 32, 0, symbols.clone())?;
        let codes: Vec<u32> = (0..1000).map(|i| symbols.get(i % 2).map_or(i as u32, |&(code, _)| code)).collect();
        for lanes in [16, 32] {
            let bytes = table.encode(&codes, lanes)?;
            same_at_each_level("payloads", || table.encode(&codes, lanes));
            same_at_each_level("codes", || table.decode::<u32>(&bytes, codes.len(), lanes));
            assert_eq!(table.decode::<u32>(&bytes, codes.len(), lanes)?, codes);
        }
    }
    Ok(())
}

#[test]
fn contexts() -> Result<()> {
    let values = gaussian(6000, 7);
    let rows: Vec<f32> = values.iter().enumerate().map(|(i, x)| x * 2_f32.powi((i / 60 % 10) as i32)).collect();
    for (states, lanes, period) in [(1, 16, 32), (8, 32, 1 << 18), (64, 16, 96), (256, 32, 1024), (8, 4, 64)] {
        let automaton = Automaton::trellis(states)?.lanes(lanes)?.period(period)?;
        for (step, data, groups) in [
            (0.3, &values, None),
            (0.001, &values, None),
            (0.2, &rows, Some(Groups::axis(&[100, 60], 0)?)),
            (5.0, &rows, Some(Groups::axis(&[100, 60], 0)?)),
        ] {
            let mut codec = ContextRans::new(automaton);
            if let Some(groups) = groups {
                codec = codec.by(groups);
            }
            let what = format!("{states} states, {lanes} lanes, steps of {step}");
            let pipeline = Coded::new(Trellis::new(step).automaton(automaton), codec).fit(data)?;
            let bytes = pipeline.encode(data)?;
            same_at_each_level(&what, || pipeline.encode(data));
            let decode = |bytes: &[u8]| pipeline.decode::<f32>(bytes, data.len()).map(|x| bits(&x));
            same_at_each_level(&what, || decode(&bytes));
            for damaged in damages(&bytes) {
                same_at_each_level(&what, || decode(&damaged));
            }
            assert!(pipeline.codec.encode(&pipeline.quantizer.quantize(data)?)? == bytes, "{what}");
        }
    }
    Ok(())
}
