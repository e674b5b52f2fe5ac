//! Kernels for different machines give the same bits.

mod common;

use common::{codecs, data_sets, gaussian, quantizers};
use fewbits::{
    Automaton, CodecExt, Coded, ContextRans, Fit, Groups, Hadamard, PipelineExt, Quantizer, QuantizerExt, Result, Seed,
    TransformExt, Trellis, TrellisBlocks,
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
fn trellis() -> Result<()> {
    // Rows of quite different size, so that some are idle; and values beyond those of the fit.
    let values: Vec<f32> = gaussian(5000, 4).iter().zip(0..).map(|(x, i)| x * 4_f32.powi(-(i / 500))).collect();
    let hostile = [f32::MAX, f32::MIN, 1e30, -1e-30, 0.0, -0.0, f32::NAN, f32::INFINITY, 0.3, 1.5, -2.25];
    for states in [1, 8, 64, 256] {
        for lanes in [1, 4, 8, 16, 32] {
            let automaton = Automaton::trellis(states)?.lanes(lanes)?.period(3200)?;
            for step in [0.02, 0.3, 2.0] {
                let trellis = Trellis::new(step).automaton(automaton);
                let plain = ContextRans::new(automaton);
                let rows = plain.clone().by(Groups::blocks(500, values.len())?);
                for (name, codec) in [("one class", plain), ("classes by row", rows)] {
                    let fitted = Coded::new(trellis, codec).fit(&values)?;
                    for len in [values.len(), 4997, 33, 1] {
                        let what =
                            format!("codes of {len} values, {states} states, {lanes} lanes, step {step}, {name}");
                        same_at_each_level(&what, || fitted.quantizer.quantize(&values[..len]));
                    }
                }
                let fitted = trellis.fit(&values)?;
                same_at_each_level("codes of values beyond the fit", || {
                    let mut codes = [0; 11];
                    fitted.quantize_at(0, &hostile, &mut codes).map(|()| codes)
                });
            }
        }
    }
    Ok(())
}

#[test]
fn trellis_blocks() -> Result<()> {
    let values = gaussian(3000, 5);
    for states in [8, 64, 256] {
        for bits in [1, 3, 4, 8] {
            let pipeline = TrellisBlocks::new(bits).states(states).fit(&values)?;
            for len in [values.len(), 2999, 260, 17] {
                let what = format!("bytes of {len} values in blocks of {bits} bits, {states} states");
                same_at_each_level(&what, || pipeline.encode(&values[..len]));
            }
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
