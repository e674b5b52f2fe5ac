//! Kernels for different machines give the same bits.

mod common;

use common::{Random, codecs, data_sets, gaussian, quantizers};
use fewbits::{
    Automaton, BitPack, Blocks, Code, Codebook, CodecExt, Coded, ContextRans, Error, ErrorStats, Fit, Grid, Groups,
    Hadamard, Levels, Minifloat, Pipeline, PipelineExt, Quantizer, QuantizerExt, Rans, RansCodec, Result, ScaleType,
    Seed, Transform, TransformExt, Trellis, TrellisBlocks, Uniform, UniformQuantizer, bf16, f16,
    rans::Table,
    simd::{Level, limit},
    squared_and_largest_error,
};
use std::{
    fmt::Debug,
    sync::{Mutex, PoisonError},
};

/// Levels are of the whole process: one test at a time.
static LEVELS: Mutex<()> = Mutex::new(());

/// What is made at each level that this machine has is what is made at the least.
fn same_at_each_level<T: PartialEq + Debug>(what: &str, make: impl Fn() -> T) {
    let _guard = LEVELS.lock().unwrap_or_else(PoisonError::into_inner);
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

fn bits_of(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn hadamard() -> Result<()> {
    let values = gaussian(10_000, 1);
    for block in [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096] {
        let transform = Hadamard::new(block, Seed::new(1))?;
        for len in [block, 10_000, 9_999, 191, 1] {
            let what = format!("coefficients of {len} values in blocks of {block}");
            same_at_each_level(&what, || transform.forward(&values[..len]).map(|x| bits_of(&x)));
            same_at_each_level(&what, || transform.inverse(&values[..len], len).map(|x| bits_of(&x)));
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
                let forward = |out: &mut [f32]| transform.forward_at(start, &values, out).map(|()| bits_of(out));
                same_at_each_level(&what, || forward(&mut vec![0.0; values.len()]));
                same_at_each_level(&format!("errors of {what}"), || transform.forward(&values).err());
                forward(&mut out)?;
                same_at_each_level(&format!("values of {what}"), || {
                    transform.inverse(&out, out.len()).map(|x| bits_of(&x))
                });
            }
        }
    }
    Ok(())
}

#[test]
fn values_that_are_not_finite() -> Result<()> {
    for (block, len) in
        [64, 2, 16, 256, 512, 4096].into_iter().flat_map(|block| [1, 15, 64, 1_000, 5_000].map(|n| (block, n)))
    {
        let transform = Hadamard::new(block, Seed::new(7))?;
        for at in [0, len / 2, len - 1] {
            for foul in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -f32::NAN, f32::from_bits(0x7f80_0001)] {
                let mut values = gaussian(len, 4);
                values[at] = foul;
                // Its opposite in the same block may make no sum finite again.
                values[at ^ usize::from(at ^ 1 < len)] = -foul;
                let first = values.iter().position(|x| !x.is_finite());
                let found = |error: Error| if let Error::NonFinite { index } = error { Some(index) } else { None };
                same_at_each_level("errors", || {
                    assert_eq!(transform.forward(&values).err().and_then(found), first);
                    transform.forward(&values).map(|x| bits_of(&x))
                });
                same_at_each_level("values", || transform.inverse(&values, len).map(|x| bits_of(&x)));
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
            let squares = || format!("{:?}", squared_and_largest_error(original, restored));
            same_at_each_level(&format!("squares of {len} pairs, case {i}"), squares);
        }
    }
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
fn trellis_with_spikes() -> Result<()> {
    let value = |(x, i): (&f32, usize)| match i % 7 {
        _ if i / 64 % 3 == 0 => 0.0,
        3 => 1.5,
        _ => x * 4_f32.powi(-(i as i32 / 500)),
    };
    let values: Vec<f32> = gaussian(5000, 6).iter().zip(0..).map(value).collect();
    for states in [1, 8, 64, 256] {
        for lanes in [1, 8, 16, 32] {
            let automaton = Automaton::trellis(states)?.lanes(lanes)?.period(3200)?;
            for step in [0.02, 0.3, 2.0] {
                let trellis = Trellis::new(step).automaton(automaton).spikes(&[0.0, 1.5])?;
                let what = format!("{states} states, {lanes} lanes, step {step}, spikes");
                // Nothing says what codes cost.
                let alone = trellis.fit(&values)?;
                same_at_each_level(&what, || alone.quantize(&values));
                let plain = ContextRans::new(automaton).spikes(2, 100)?;
                let rows = plain.clone().by(Groups::blocks(500, values.len())?);
                for codec in [plain, rows] {
                    let fitted = Coded::new(trellis, codec).fit(&values)?;
                    for len in [values.len(), 4997, 33] {
                        same_at_each_level(&what, || fitted.quantizer.quantize(&values[..len]));
                        let codes = fitted.quantizer.quantize(&values[..len])?;
                        let mut restored = vec![0.0; len];
                        fitted.quantizer.dequantize_at(0, &codes, &mut restored)?;
                        let spikes = values.iter().zip(&restored).filter(|&(x, _)| [0.0, 1.5].contains(x));
                        assert!(spikes.into_iter().all(|(x, y)| x == y), "{what}");
                        assert_eq!(fitted.codec.decode(&fitted.codec.encode(&codes)?, len)?, codes, "{what}");
                    }
                }
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
                Ok::<_, Error>(Some((codes, bits_of(&values))))
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

/// Values in blocks of different sizes, with zeros, tiny and huge ones among them.
fn mixed(n: usize) -> Vec<f32> {
    let scales = [1.0, 0.0, 1e-30, 1e30, 1e-3, 40.0, 1e-41, 3e38, 7e-6];
    gaussian(n, 5)
        .iter()
        .enumerate()
        .map(|(i, x)| (x / 7.0 * scales[i / 96 % scales.len()]).clamp(-3e38, 3e38))
        .collect()
}

#[test]
fn blocks() -> Result<()> {
    let scale_types = [ScaleType::F32, ScaleType::Bf16, ScaleType::F16, ScaleType::E8M0];
    let plain = gaussian(5000, 6);
    for block in [1, 5, 16, 31, 32, 40, 64, 128, 1000] {
        for scale_type in scale_types {
            for bits in [1, 2, 3, 4, 5, 8, 9] {
                let format = Blocks::uniform(bits, block)?.scale_type(scale_type);
                same_blocks(&format, &plain);
                same_blocks(&format, &mixed(3000));
            }
            let levels = Codebook::new(vec![-1.0, -0.25, 0.0, 0.1, 0.5, 2.0])?;
            for codebook in [Codebook::nf4(), levels] {
                let format = Blocks::new(codebook, block)?.scale_type(scale_type);
                same_blocks(&format, &plain);
                same_blocks(&format, &mixed(3000));
            }
            let tiny = Codebook::new(vec![-7e-6, -2e-6, 0.0, 1e-6, 7e-6])?;
            same_blocks(&Blocks::new(tiny, block)?.scale_type(scale_type), &mixed(3000));
            same_blocks(&Blocks::new(Minifloat::E2M1, block)?.scale_type(scale_type), &plain);
            same_blocks(&Blocks::new(Grid::new(-8, 7)?, block)?.scale_type(scale_type), &plain);
            same_blocks(&Blocks::new(Grid::new(0, 15)?, block)?.scale_type(scale_type), &plain);
        }
    }
    Ok(())
}

fn same_blocks(format: &impl Pipeline, values: &[f32]) {
    for len in [0, 1, 33, 64, 1023, 1024, values.len()] {
        let what = format!("bytes of {len} values, {format:?}");
        same_at_each_level(&what, || format.encode(&values[..len]));
        let Ok(bytes) = format.encode(&values[..len]) else { continue };
        same_at_each_level(&what, || format.decode::<f32>(&bytes, len).map(|x| bits_of(&x)));
        // Any bytes decode or not, and then by the same error.
        let wild: Vec<u8> = bytes.iter().enumerate().map(|(i, byte)| byte ^ (i * 37 / 11) as u8).collect();
        same_at_each_level(&what, || format.decode::<f32>(&wild, len).map(|x| bits_of(&x)));
    }
}

/// Products with reciprocals are mended to what divisions give: ties, and values next to them, under scales of all bits.
#[test]
fn quotients_are_divisions() -> Result<()> {
    let mut random = Random(9);
    let mut values = Vec::new();
    for _ in 0..400 {
        let scale = f32::from_bits(0x3800_0000 + (random.bits() as u32 >> 5));
        values.push(127.0 * scale);
        for _ in 0..31 {
            let tie = ((random.below(250) as f32 - 125.0) + 0.5) * scale;
            values.push(f32::from_bits(tie.to_bits().wrapping_add_signed(random.below(5) as i32 - 2)));
        }
    }
    for scale_type in [ScaleType::F32, ScaleType::Bf16, ScaleType::F16] {
        let format = Blocks::uniform(8, 32)?.scale_type(scale_type);
        same_at_each_level("codes near ties", || format.encode(&values));
        // By the law itself.
        let bytes = format.encode(&values)?;
        let stride = scale_type.size() + 32;
        for (values, bytes) in values.chunks(32).zip(bytes.chunks(stride)) {
            let scale = match scale_type {
                ScaleType::F32 => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
                ScaleType::F16 => f16::from_le_bytes([bytes[0], bytes[1]]).to_f32(),
                _ => bf16::from_le_bytes([bytes[0], bytes[1]]).to_f32(),
            };
            for (x, code) in values.iter().zip(&bytes[scale_type.size()..]) {
                assert_eq!(f32::from(*code) - 127.0, (x / scale).round_ties_even(), "{x} / {scale}");
            }
        }
    }
    Ok(())
}

/// Codes of a byte, by groups of every shape, against the law of one value.
#[test]
fn scaled_codes_are_those_of_the_law() -> Result<()> {
    let values = gaussian(1200, 8);
    let shape = [4, 6, 50];
    for bits in [2, 4, 8] {
        for granularity in 0..5 {
            let settings = Uniform::new(bits);
            let quantizer: UniformQuantizer<u8> = match granularity {
                0 => settings.fit(&values)?,
                1 => settings.per_block(32).fit(&values)?,
                2 => settings.per_block(70).fit(&values)?,
                axis => settings.per_axis(&shape, axis - 3).fit(&values)?,
            };
            same_at_each_level("codes", || quantizer.quantize(&values));
            let codes = quantizer.quantize(&values)?;
            same_at_each_level("values", || quantizer.dequantize(&codes, values.len()).map(|x: Vec<f32>| bits_of(&x)));
            let restored: Vec<f32> = quantizer.dequantize(&codes, values.len())?;
            for (i, (&x, &code)) in values.iter().zip(&codes).enumerate() {
                let scale = quantizer.scales()[quantizer.groups().group_of(i)];
                assert_eq!(u32::from(code), quantizer.unit().nearest(x / scale), "value {i}");
                assert_eq!(restored[i], quantizer.unit().level(code.into()) * scale, "value {i}");
            }
            // From any place on.
            let mut piece = vec![0; 333];
            quantizer.quantize_piece_into(77, &values[77..410], &mut piece)?;
            assert_eq!(piece, codes[77..410]);
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
        for lanes in [8, 16, 32] {
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
    for (states, lanes, period) in
        [(1, 16, 32), (8, 32, 1 << 18), (64, 16, 96), (256, 32, 1024), (8, 8, 64), (8, 4, 64)]
    {
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
            let decode = |bytes: &[u8]| pipeline.decode::<f32>(bytes, data.len()).map(|x| bits_of(&x));
            same_at_each_level(&what, || decode(&bytes));
            for damaged in damages(&bytes) {
                same_at_each_level(&what, || decode(&damaged));
            }
            assert!(pipeline.codec.encode(&pipeline.quantizer.quantize(data)?)? == bytes, "{what}");
        }
    }
    Ok(())
}
