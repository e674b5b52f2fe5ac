//! Spikes: values with a code of their own come back as they are, take about their entropy, and are chosen where they pay.

mod common;

use common::{Random, gaussian, to_bits};
use fewbits::{
    Automaton, CodecExt, Coded, Compressor, ContextRans, ContextRansCodec, Describe, Error, ErrorStats, Fit, Frame,
    FrameWriter, Groups, PipelineExt, Quantizer, QuantizerExt, Restore, Target, Trellis, TrellisQuantizer, bf16,
};

/// Rows of 60 values, rectified and cut at 6, smooth along both axes.
fn map(rows: usize) -> Vec<f32> {
    let (noise, mut random) = (gaussian(rows * 60, 7), Random(3));
    let at = |i: usize| {
        let [x, y] = [i % 60, i / 60].map(|k| k as f32);
        9.0 * (x * 0.21).sin() * (y * 0.13).cos() + 0.7 * noise[i] + 0.3 * random.unit()
    };
    (0..rows * 60).map(at).map(|x| x.clamp(0.0, 6.0)).collect()
}

fn automaton(states: u16, lanes: usize) -> Automaton {
    Automaton::trellis(states).unwrap().lanes(lanes).unwrap()
}

fn share(values: &[f32], of: f32) -> f64 {
    values.iter().filter(|&&x| x == of).count() as f64 / values.len() as f64
}

#[test]
fn spikes_come_back_as_they_are() {
    let map = map(100);
    for (states, lanes) in [(1, 4), (8, 1), (8, 32), (64, 8)] {
        let automaton = automaton(states, lanes);
        let trellis = Trellis::new(0.21).automaton(automaton).spikes(&[6.0, 0.0]).unwrap();
        let codec = ContextRans::new(automaton).by(Groups::axis(&[60], 0).unwrap()).spikes(2, 60).unwrap();
        let pipeline = Coded::new(trellis, codec).fit(&map).unwrap();
        for chunk_len in [10_000, 1024, 2049] {
            // Chunks are cut where lanes begin.
            let chunk_len = if states > 1 { map.len() } else { chunk_len };
            let bytes = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&map).unwrap();
            let restored: Vec<f32> = fewbits::decompress(&bytes).unwrap();
            for (i, (x, y)) in map.iter().zip(&restored).enumerate() {
                assert!(
                    if *x == 0.0 || *x == 6.0 { x == y } else { (x - y).abs() < 1.0 },
                    "{states} states, {i}: {x} {y}"
                );
            }
            assert_eq!(to_bits(&restored), to_bits(&pipeline.quantizer.fake_quantize(&map).unwrap()));
        }
    }
}

#[test]
fn the_others_are_on_a_path_of_their_own() {
    let map = map(40);
    let quantizer = Trellis::new(0.1).automaton(automaton(8, 1)).lambda(0.0).spikes(&[0.0]).unwrap().fit(&map).unwrap();
    let codes = quantizer.quantize(&map).unwrap();
    let of_spike = quantizer.level_count() - 2;
    // Without them, the same codes: the automaton stands still.
    let others: Vec<f32> = map.iter().copied().filter(|&x| x != 0.0).collect();
    let alone = Trellis::new(0.1).automaton(automaton(8, 1)).lambda(0.0).fit(&others).unwrap();
    let kept: Vec<u32> = codes.iter().copied().filter(|&code| code != of_spike).collect();
    let offset = quantizer.zero() - alone.zero();
    let moved: Vec<u32> =
        alone.quantize(&others).unwrap().iter().map(|code: &u32| code.wrapping_add_signed(offset)).collect();
    assert_eq!(kept, moved);
    assert_eq!(codes.len() - kept.len(), map.iter().filter(|&&x| x == 0.0).count());
}

#[test]
fn a_mask_takes_less_than_the_entropy_of_shares() {
    let map = map(1000);
    let zeros = share(&map, 0.0);
    let entropy = -zeros * zeros.log2() - (1.0 - zeros) * (1.0 - zeros).log2();
    let automaton = automaton(8, 1);
    let bits = |spikes: &[f32], row: usize| {
        // Steps so wide that nothing else takes bits.
        let trellis = Trellis::new(1000.0).automaton(automaton).spikes(spikes).unwrap();
        let codec = ContextRans::new(automaton).spikes(1, row).unwrap();
        let pipeline = Coded::new(trellis, codec).fit(&map).unwrap();
        pipeline.encode(&map).unwrap().len() as f64 * 8.0 / map.len() as f64
    };
    let (line, rows) = (bits(&[0.0], 2), bits(&[0.0], 60));
    assert!(zeros > 0.3 && line < 0.8 * entropy && rows < 0.8 * line, "{zeros}: {entropy}, {line}, {rows}");
}

#[test]
fn they_are_chosen_where_they_pay() {
    let map = map(1000);
    for (bits, least) in [(3.0, 3.0), (5.0, 5.0), (8.0, 5.0)] {
        let compress = |values: &[f32]| Compressor::new(Target::BitsPerValue(bits)).shape(&[1000, 60]).compress(values);
        let found = compress(&map).unwrap();
        assert!(found.report().method.contains("spike"), "{}", found.report().method);
        let restored: Vec<f32> = fewbits::decompress(found.as_bytes()).unwrap();
        assert!(map.iter().zip(&restored).all(|(x, y)| x == y || (*x != 0.0 && *x != 6.0)));
        // Where no value comes again, none is a spike; and these are as hard to tell apart.
        let blurred: Vec<f32> =
            map.iter().zip(gaussian(map.len(), 12)).map(|(x, noise)| x + 1e-5 * (1.0 + noise.abs())).collect();
        let plain = compress(&blurred).unwrap();
        assert!(!plain.report().method.contains("spike"), "{}", plain.report().method);
        let gain = found.report().cost.stats.sqnr_db() - plain.report().cost.stats.sqnr_db();
        assert!(gain > least, "{bits} bits: {gain} dB more");
    }
}

#[test]
fn means_and_weights_leave_spikes_what_they_are() {
    let far: Vec<f32> = map(500).iter().map(|&x| if x == 0.0 { x } else { 100.0 + x }).collect();
    let weights: Vec<f32> = (0..60).map(|i| 1.0 + (i % 7) as f32).collect();
    for compressor in [
        Compressor::new(Target::BitsPerValue(4.0)).shape(&[500, 60]),
        Compressor::new(Target::Sqnr(60.0)).shape(&[500, 60]).weights(1, &weights),
    ] {
        let found = compressor.compress(&far).unwrap();
        assert!(found.report().method.contains("spike"), "{}", found.report().method);
        let restored: Vec<f32> = fewbits::decompress(found.as_bytes()).unwrap();
        // Deviations are added to a mean, which may round.
        assert!(far.iter().zip(&restored).all(|(x, y)| if *x == 0.0 { y.abs() < 1e-5 } else { *y > 50.0 }));
    }
    let halves: Vec<bf16> = far.iter().map(|&x| bf16::from_f32(x)).collect();
    let found = Compressor::new(Target::BitsPerValue(3.0)).shape(&[500, 60]).compress(&halves).unwrap();
    assert!(found.report().cost.meets_target);
}

#[test]
fn what_cannot_be_a_spike_is_refused() {
    let wrong = |spikes: &[f32]| Trellis::new(0.1).spikes(spikes).unwrap_err();
    assert!(matches!(wrong(&[f32::NAN]), Error::Parameter { what: "spikes", index: 0, .. }));
    assert!(matches!(wrong(&[1.0, 0.0, 1.0]), Error::Parameter { what: "spikes", .. }));
    assert!(matches!(wrong(&[0.0, -0.0]), Error::Parameter { what: "spikes", .. }));
    assert!(matches!(wrong(&[1.0, 2.0, 3.0, 4.0, 5.0]), Error::Setting { name: "spikes", .. }));
    let contexts = || ContextRans::new(Automaton::memoryless());
    assert!(matches!(contexts().spikes(0, 9), Err(Error::Setting { name: "spikes", .. })));
    assert!(matches!(contexts().spikes(5, 9), Err(Error::Setting { name: "spikes", .. })));
    assert!(matches!(contexts().spikes(1, 1), Err(Error::Setting { name: "row", .. })));
    assert!(matches!(contexts().spikes(1, 4097), Err(Error::Setting { name: "row", .. })));
    let few = contexts().spikes(2, 2).unwrap().fit_below(&[0_u16; 9], 2);
    assert!(matches!(few, Err(Error::Setting { name: "spikes", .. })));
    // Codes alone do not say which are the last.
    let untold = contexts().spikes(1, 9).unwrap().fit(&[0_u16, 1, 2]);
    assert!(matches!(untold, Err(Error::Unsuited { setting: "spikes", .. })));
    assert!(contexts().spikes(1, 9).unwrap().fit_below(&[0_u16, 1, 2], 3).is_ok());
}

#[test]
fn gradients_of_spikes_pass() {
    for spikes in [&[][..], &[100.0]] {
        let quantizer = Trellis::new(0.1).spikes(spikes).unwrap().fit(&[-1.0_f32, 1.0]).unwrap();
        // Within the levels, beyond them, and spikes or nearly so.
        let gradient = quantizer.straight_through(&[0.33, 50.0, 100.0, 100.1, -100.0], &[2.0; 5]).unwrap();
        assert_eq!(gradient, [2.0, 0.0, if spikes.is_empty() { 0.0 } else { 2.0 }, 0.0, 0.0]);
    }
}

#[test]
fn masks_end_where_codes_do() {
    // The last code is a spike, and the second of a pair.
    let codes: Vec<u16> = (0..400).map(|i| if i % 4 == 3 { 7 } else { i % 3 }).collect();
    let settings = ContextRans::new(Automaton::memoryless().lanes(1).unwrap()).spikes(1, 20).unwrap();
    let codec = settings.fit_below(&codes, 8).unwrap();
    let bytes = codec.encode(&codes).unwrap();
    assert!(bytes[0] < 0x80, "not packed");
    assert_eq!(codec.decode(&bytes, 400).unwrap(), codes);
    // Without that code, its bit is behind the end.
    let behind = codec.decode(&bytes, 399);
    assert!(matches!(behind, Err(Error::Corrupt { what: "spike behind the end", .. })), "{behind:?}");
}

#[test]
fn damaged_parameters_are_refused() {
    let map = map(20);
    let trellis = Trellis::new(0.1).spikes(&[0.0, 6.0]).unwrap().fit(&map).unwrap();
    let codes = trellis.quantize(&map).unwrap();
    let settings = ContextRans::new(Automaton::memoryless()).spikes(2, 60).unwrap();
    let codec: ContextRansCodec<u32> = settings.fit_below(&codes, trellis.level_count()).unwrap();
    for bytes in [trellis.to_bytes(), codec.to_bytes()] {
        for index in 0..bytes.len() - 4 {
            for flip in 1..=255 {
                let mut wrong = bytes.clone();
                wrong[index] ^= flip;
                let len = wrong.len() - 4;
                let checksum = crc32fast::hash(&wrong[..len]).to_le_bytes();
                wrong[len..].copy_from_slice(&checksum);
                // Right or wrong, but one spelling each.
                if let Ok(restored) = TrellisQuantizer::<u32>::from_bytes(&wrong) {
                    assert_eq!(restored.to_bytes(), wrong);
                }
                if let Ok(restored) = ContextRansCodec::<u32>::from_bytes(&wrong) {
                    assert_eq!(restored.to_bytes(), wrong);
                }
            }
        }
    }
    let bytes = Frame::encode(&Coded::new(trellis, codec), &map).unwrap();
    let restored: Vec<f32> = fewbits::decompress(&bytes).unwrap();
    assert!(ErrorStats::measure(&map, &restored).unwrap().max_abs_error() < 0.06);
}
