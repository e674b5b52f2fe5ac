//! Trellis-coded quantization: paths are legal and the best there are, and frames come near what is possible at all.

mod common;

use common::{Random, gaussian, to_bits};
use fewbits::{
    Automaton, BitPack, Codec, Coded, ContextRans, Dct, Describe, Error, ErrorStats, Fit, Frame, FrameWriter, Groups,
    Masked, NonFinite, Pipeline, PipelineExt, Quantizer, QuantizerExt, Restore, Then, Trellis, TrellisQuantizer,
    Uniform, f16,
};

const STATES: [u16; 3] = [8, 64, 256];

/// The state after a symbol, by docs/format.md.
fn next(states: u16, state: u32, symbol: u32) -> u32 {
    let (a, b) = match states {
        8 => (5, 2),
        64 => (33, 10),
        _ => (166, 121),
    };
    (state >> 1) ^ (if state & 1 == 1 { a } else { 0 }) ^ (if symbol & 1 == 1 { b } else { 0 })
}

/// Whether codes, which start at a multiple of the period, have the sides that the states say.
fn is_legal(states: u16, lanes: usize, period: usize, codes: &[u32]) -> bool {
    let mut walk = [0; 32];
    codes.iter().enumerate().all(|(i, code)| {
        if i % period == 0 {
            walk = [0; 32];
        }
        let state = walk[i % lanes];
        walk[i % lanes] = next(states, state, code >> 1);
        code & 1 == state & 1
    })
}

fn squared(values: &[f32], restored: &[f32]) -> f64 {
    values.iter().zip(restored).map(|(x, y)| f64::from(x - y).powi(2)).sum()
}

/// The least squared error of all paths, in a lane.
fn least(states: u16, state: u32, step: f64, values: &[f64]) -> f64 {
    let Some((x, rest)) = values.split_first() else { return 0.0 };
    let branch = |bit: u32| {
        // The nearest level of a side whose symbol has this lowest bit: every fourth.
        let first = f64::from(2 * bit + (state & 1));
        let number = ((x / step - first) / 4.0).round() * 4.0 + first;
        let error = x - number * step;
        error * error + least(states, next(states, state, bit), step, rest)
    };
    f64::min(branch(0), branch(1))
}

#[test]
fn paths_are_the_best_there_are() {
    for states in STATES {
        for lanes in [1, 2, 4, 8, 16, 32] {
            for len in [1, 5, 11, 40, 75] {
                let automaton = Automaton::trellis(states).unwrap().lanes(lanes).unwrap().period(64).unwrap();
                if len.min(64) > 14 * lanes {
                    continue;
                }
                let values = gaussian(len, len as u64 + u64::from(states));
                let quantizer = Trellis::new(0.3).automaton(automaton).lambda(0.0).fit(&values).unwrap();
                let codes = quantizer.quantize(&values).unwrap();
                assert!(is_legal(states, lanes, 64, &codes));
                let found = squared(&values, &quantizer.dequantize::<f32>(&codes, len).unwrap());
                let mut best = 0.0;
                for period in values.chunks(64) {
                    for lane in 0..lanes {
                        let lane: Vec<f64> = period.iter().skip(lane).step_by(lanes).map(|&x| x.into()).collect();
                        best += least(states, 0, f64::from(0.3_f32), &lane);
                    }
                }
                assert!((found - best).abs() < 1e-4, "{states} states, {lanes} lanes, {len}: {found} for {best}");
            }
        }
    }
}

#[test]
fn one_state_rounds_to_nearest_unless_bits_count() {
    let values = gaussian(5000, 3);
    let quantizer = Trellis::new(0.37).fit(&values).unwrap();
    let restored = quantizer.fake_quantize(&values).unwrap();
    let nearest: Vec<f32> = values.iter().map(|x| (x / 0.37).round() * 0.37).collect();
    assert_eq!(
        to_bits(&restored),
        to_bits(&nearest).iter().map(|&x| if x == 1 << 31 { 0 } else { x }).collect::<Vec<_>>()
    );
    // With bits, more values become 0.
    let settings = Coded::new(Trellis::new(0.9), ContextRans::new(Automaton::memoryless()));
    let weighed = settings.fit(&values).unwrap().quantizer.fake_quantize(&values).unwrap();
    let zeros = |values: &[f32]| values.iter().filter(|&&x| x == 0.0).count();
    assert!(zeros(&weighed) > zeros(&Trellis::new(0.9).fit(&values).unwrap().fake_quantize(&values).unwrap()));
}

fn laplace(n: usize) -> Vec<f32> {
    let mut random = Random(21);
    let value = |_| {
        let u = f64::from(random.unit()) - 0.5 + 2.0_f64.powi(-25);
        (-(1.0 - 2.0 * u.abs()).ln() * u.signum() / 2.0_f64.sqrt()) as f32
    };
    (0..n).map(value).collect()
}

/// Student's t with 4 degrees of freedom.
fn heavy(n: usize) -> Vec<f32> {
    let mut random = Random(22);
    let mut normal = move || {
        let (u, v) = (1.0 - f64::from(random.unit()), f64::from(random.unit()));
        (-2.0 * u.ln()).sqrt() * (v * std::f64::consts::TAU).cos()
    };
    let value = |_| {
        let square: f64 = (0..4).map(|_| normal().powi(2)).sum();
        (normal() / (square / 4.0).sqrt()) as f32
    };
    (0..n).map(value).collect()
}

/// Bits of a frame, and how many that is above Shannon's lower bound for its error, given the differential entropy in bits.
fn gap(values: &[f32], states: u16, step: f32, entropy: f64) -> (f64, f64) {
    let automaton = Automaton::trellis(states).unwrap();
    let settings = Coded::new(Trellis::new(step).automaton(automaton), ContextRans::new(automaton));
    let bytes = Frame::encode(&settings.fit(values).unwrap(), values).unwrap();
    let restored: Vec<f32> = fewbits::decompress(&bytes).unwrap();
    let mse = ErrorStats::measure(values, &restored).unwrap().mse();
    let bits = 8.0 * bytes.len() as f64 / values.len() as f64;
    let noise = 0.5 * (2.0 * std::f64::consts::PI * std::f64::consts::E * mse).log2();
    (bits, bits - (entropy - noise))
}

#[test]
fn frames_come_near_the_rate_distortion_function() {
    const N: usize = 1 << 18;
    // For a Gaussian source the bound is the function itself; for others it is near from about 2 bits on.
    let (gauss, laplace, heavy) = (gaussian(N, 20), laplace(N), heavy(N));
    let gauss_entropy = 0.5 * (2.0 * std::f64::consts::PI * std::f64::consts::E).log2();
    let laplace_entropy = (2.0_f64.sqrt() * std::f64::consts::E).log2();
    let heavy_entropy = 2.426_27;
    for (states, most) in [(8, 0.092), (64, 0.062), (256, 0.052)] {
        for (wanted, step) in [(1.4, 0.70), (2.5, 0.355), (3.5, 0.18), (4.5, 0.09), (6.5, 0.0225)] {
            if states == 256 && wanted != 1.4 && wanted != 3.5 {
                continue;
            }
            let (bits, above) = gap(&gauss, states, step, gauss_entropy);
            println!("Gaussian, {states} states: {bits:.3} bits, {above:.4} above");
            assert!((bits - wanted).abs() < 0.15, "{bits} bits for {wanted}");
            assert!(above < most && above > 0.0, "{states} states: {above} above R(D) at {bits} bits");
        }
        if states == 256 {
            continue;
        }
        for step in [0.25, 0.05] {
            let (bits, above) = gap(&laplace, states, step, laplace_entropy);
            println!("Laplace, {states} states: {bits:.3} bits, {above:.4} above");
            assert!(above < most + 0.03, "Laplace, {states} states: {above} above at {bits} bits");
            let (bits, above) = gap(&heavy, states, step, heavy_entropy);
            println!("t4, {states} states: {bits:.3} bits, {above:.4} above");
            assert!(above < most + 0.03, "t4, {states} states: {above} above at {bits} bits");
        }
    }
}

#[test]
fn restored_stages_choose_the_same() {
    let values = gaussian(20_000, 5);
    let rows = Groups::blocks(100, values.len()).unwrap();
    for automaton in [
        Automaton::memoryless(),
        Automaton::memoryless().period(64).unwrap(),
        Automaton::trellis(8).unwrap().period(4096).unwrap(),
        Automaton::trellis(256).unwrap().lanes(2).unwrap(),
    ] {
        for codec in [ContextRans::new(automaton), ContextRans::new(automaton).by(rows)] {
            let fitted = Coded::new(Trellis::new(0.2).automaton(automaton), codec).fit(&values).unwrap();
            let bytes = fitted.to_bytes();
            let restored = Coded::<TrellisQuantizer, fewbits::ContextRansCodec<u32>>::from_bytes(&bytes).unwrap();
            assert_eq!(restored, fitted);
            assert_eq!(restored.to_bytes(), bytes);
            assert_eq!(restored.encode(&values).unwrap(), fitted.encode(&values).unwrap());
            let boxed = Box::<dyn Pipeline>::from_bytes(&bytes).unwrap();
            assert_eq!(boxed.encode(&values).unwrap(), fitted.encode(&values).unwrap());
        }
    }
}

#[test]
fn pieces_start_at_multiples_of_the_period() {
    let values = gaussian(1000, 6);
    for lanes in [1, 4, 32] {
        let automaton = Automaton::trellis(64).unwrap().lanes(lanes).unwrap().period(96).unwrap();
        let settings = Coded::new(Trellis::new(0.2).automaton(automaton), ContextRans::new(automaton));
        let pipeline = settings.fit(&values).unwrap();
        let quantizer = &pipeline.quantizer;
        assert_eq!((quantizer.block(), quantizer.dequantize_block(), pipeline.block()), (96, 1, 96));
        let codes = quantizer.quantize(&values).unwrap();
        assert!(is_legal(64, lanes, 96, &codes));
        for (from, to) in [(0, 96), (96, 1000), (192, 480), (960, 1000)] {
            let mut piece = vec![0; to - from];
            quantizer.quantize_piece_into(from, &values[from..to], &mut piece).unwrap();
            assert_eq!(piece, codes[from..to]);
        }
        let mut piece = [0; 32];
        let odd = quantizer.quantize_piece_into(32, &values[32..64], &mut piece);
        assert_eq!(odd, Err(Error::Unaligned { start: 32, block: 96 }));
        // Restoring starts anywhere.
        let whole: Vec<f32> = quantizer.dequantize(&codes, 1000).unwrap();
        let mut part = vec![0.0_f32; 333];
        quantizer.dequantize_piece_into(77, &codes[77..410], &mut part).unwrap();
        assert_eq!(part, whole[77..410]);
        // One chunk of many periods, or many chunks.
        for chunk_len in [1000, 96, 300] {
            let frame = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&values).unwrap();
            assert_eq!(fewbits::decompress::<f32>(&frame).unwrap(), whole);
            assert_eq!(fewbits::decode_range::<f32>(&frame, 95..402).unwrap(), whole[95..402]);
        }
    }
}

#[test]
fn behind_transforms_and_masks() {
    let mut values: Vec<f32> = (0..3000).map(|i| (i as f32 * 0.02).sin() * 9.0).collect();
    let automaton = Automaton::trellis(8).unwrap().lanes(4).unwrap().period(480).unwrap();
    let trellis = Trellis::new(0.05).automaton(automaton);
    let settings = Coded::new(Then::new(Dct::new(64).unwrap(), trellis), ContextRans::new(automaton));
    let pipeline = settings.fit(&values).unwrap();
    // Whole blocks of both.
    assert_eq!((pipeline.block(), pipeline.quantizer.dequantize_block()), (960, 64));
    let bytes = FrameWriter::new(&pipeline).chunk_len(960).encode(&values).unwrap();
    let restored: Vec<f32> = fewbits::decompress(&bytes).unwrap();
    assert!(ErrorStats::measure(&values, &restored).unwrap().rmse() < 0.05 && bytes.len() < 1000, "{}", bytes.len());
    let boxed = Box::<dyn Pipeline>::from_bytes(&pipeline.to_bytes()).unwrap();
    assert_eq!(boxed.encode(&values).unwrap(), pipeline.encode(&values).unwrap());

    (values[5], values[2999]) = (f32::NAN, f32::INFINITY);
    let policy = NonFinite::keep();
    assert!(matches!(settings.fit(&values), Err(Error::NonFinite { index: 5 })));
    let finite = policy.present(&values).unwrap();
    let masked = Masked::new(policy, Coded::new(trellis, ContextRans::new(automaton)).fit(&finite).unwrap());
    let restored: Vec<f32> = fewbits::decompress(&Frame::encode(&masked, &values).unwrap()).unwrap();
    assert!(restored[5].is_nan() && restored[2999] == f32::INFINITY && (restored[6] - values[6]).abs() < 0.3);
}

#[test]
fn edges_of_values_and_steps() {
    let tiny = f32::from_bits(1);
    for automaton in
        [Automaton::memoryless(), Automaton::trellis(8).unwrap(), Automaton::trellis(256).unwrap().lanes(1).unwrap()]
    {
        let codec = ContextRans::new(automaton);
        for (values, step) in [
            (vec![0.0], 1.0),
            (vec![-0.0; 70], 1e-3),
            (vec![3.3], 0.1),
            (vec![1e6, 1e6 + 1.0, 1e6 + 2.0], 0.25),
            (vec![-8e6, 5.0, 8e6], 1.0),
            (vec![f32::MAX, -f32::MAX, 0.0, 1e38], 1e33),
            (vec![f32::MAX, -f32::MAX], f32::MAX),
            (vec![tiny, -tiny, 1e-40], f32::MIN_POSITIVE),
            (vec![1e-36, -3e-36], f32::MIN_POSITIVE),
        ] {
            let pipeline =
                Coded::new(Trellis::new(step).automaton(automaton).lambda(0.0), codec.clone()).fit(&values).unwrap();
            let frame = Frame::encode(&pipeline, &values).unwrap();
            let restored: Vec<f32> = fewbits::decompress(&frame).unwrap();
            assert_eq!(restored, pipeline.quantizer.fake_quantize(&values).unwrap());
            for (x, y) in values.iter().zip(&restored) {
                assert!((f64::from(*x) - f64::from(*y)).abs() <= 4.0 * f64::from(step), "{x} became {y} by {step}");
            }
        }
        let wrong = |step, values: &[f32]| Trellis::new(step).automaton(automaton).fit(values).is_err();
        assert!(wrong(0.0, &[1.0]) && wrong(-1.0, &[1.0]) && wrong(f32::NAN, &[1.0]) && wrong(1e-39, &[0.0]));
        assert_eq!(Trellis::new(1.0).automaton(automaton).fit(&[0.0_f32; 0]).err(), Some(Error::Empty));
        assert!(wrong(1e-3, &[1e6]) && wrong(f32::MIN_POSITIVE, &[f32::MAX]) && wrong(1.0, &[f32::NAN]));
    }
    for lambda in [-1.0, 1.1e6, f32::MAX, f32::INFINITY, f32::NAN] {
        assert!(Trellis::new(1.0).lambda(lambda).fit(&[1.0_f32]).is_err());
    }
    // The largest weight: codes that cost the least, on a path that is one.
    let automaton = Automaton::trellis(8).unwrap();
    let settings = Coded::new(Trellis::new(0.1).automaton(automaton).lambda(1e6), ContextRans::new(automaton));
    let values = gaussian(5000, 8);
    let pipeline = settings.fit(&values).unwrap();
    let codes = pipeline.quantizer.quantize(&values).unwrap();
    assert!(is_legal(8, 32, 1 << 18, &codes));
    // Values of a narrow element become its largest.
    let halves = [65504.0, -65504.0, 3.0].map(f16::from_f32);
    let coarse = Coded::new(Trellis::new(3e4).automaton(automaton), ContextRans::new(automaton)).fit(&halves).unwrap();
    let restored: Vec<f16> = fewbits::decompress(&Frame::encode(&coarse, &halves).unwrap()).unwrap();
    assert!(restored.iter().all(|x| x.is_finite()));
    // Beyond the range it was fitted to.
    let quantizer = Trellis::new(0.5).automaton(automaton).fit(&[1.0_f32, -1.0]).unwrap();
    let restored = quantizer.fake_quantize(&[1e30_f32, -1e30, f32::MAX, f32::MIN]).unwrap();
    assert!(restored.iter().all(|x| x.abs() < 6.0), "{restored:?}");
}

#[test]
fn automata_are_those_of_the_codec() {
    let (eight, many) = (Automaton::trellis(8).unwrap(), Automaton::trellis(64).unwrap());
    let values = gaussian(3000, 9);
    let other = Coded::new(Trellis::new(0.1).automaton(eight), ContextRans::new(many)).fit(&values);
    assert!(matches!(other, Err(Error::Unsuited { .. })));
    for states in [0, 2, 4, 16, 512, u16::MAX] {
        assert!(Automaton::trellis(states).is_err());
    }
    assert!([0, 3, 33, 64, usize::MAX].into_iter().all(|lanes| eight.lanes(lanes).is_err()));
    assert!([0, 1, 31, 33, usize::MAX].into_iter().all(|period| eight.period(period).is_err()));
    assert!(eight.period(usize::MAX - 31).is_ok());
    assert_eq!(Automaton::trellis(1).unwrap().period(64).unwrap(), Automaton::memoryless());
    // Prices are those of one automaton's tables.
    let rates = |automaton| {
        let quantizer = Trellis::new(0.1).automaton(automaton).fit(&values).unwrap();
        let codec = ContextRans::new(automaton).fit(&quantizer.quantize(&values).unwrap()).unwrap();
        codec.rates().unwrap()
    };
    let mut quantizer = Trellis::new(0.1).automaton(eight).fit(&values).unwrap();
    assert!(!quantizer.set_rates(rates(Automaton::memoryless())) && quantizer.set_rates(rates(eight)));
    let mut uniform = Uniform::new(4).fit(&values).unwrap();
    assert!(!uniform.set_rates(rates(eight)));
    // Codes that are packed take any.
    let packed = Coded::new(Trellis::new(0.1).automaton(eight).fit(&values).unwrap(), BitPack::new(10).unwrap());
    assert!(Frame::encode(&packed, &values).is_ok());
    // A quantizer without an automaton takes no notice.
    assert!(Coded::new(Uniform::new(4), ContextRans::new(Automaton::memoryless())).fit(&values).is_ok());
}

/// Parameters as they come: refused, or a quantizer that does what it is asked.
#[test]
fn forged_parameters() {
    let parameters = |stage: &[u8]| {
        let mut bytes = vec![0, stage.len() as u8 + 2, 0x07, stage.len() as u8];
        bytes.extend_from_slice(stage);
        bytes.push(0);
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        TrellisQuantizer::<u32>::from_bytes(&bytes)
    };
    let stage = |size: u8, period: &[u8], step: f32, rest: &[u8]| {
        parameters(&[&[size], period, &step.to_le_bytes(), rest].concat())
    };
    assert!(stage(0x53, &[1], 1.0, &[0, 6]).is_ok());
    assert!(stage(0x50, &[], f32::MAX, &[0, 6]).is_ok());
    let long = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    for (i, wrong) in [
        stage(0x52, &[1], 1.0, &[0, 6]),
        stage(0x63, &[1], 1.0, &[0, 6]),
        stage(0x5f, &[1], 1.0, &[0, 6]),
        stage(0x53, &[0], 1.0, &[0, 6]),
        stage(0x53, &long, 1.0, &[0, 6]),
        stage(0x53, &[1], 0.0, &[0, 6]),
        stage(0x53, &[1], -1.0, &[0, 6]),
        stage(0x53, &[1], f32::from_bits(1), &[0, 6]),
        stage(0x53, &[1], f32::NAN, &[0, 6]),
        stage(0x53, &[1], 1.0, &[0, 4]),
        stage(0x53, &[1], 1.0, &[0, 7]),
        stage(0x53, &[1], 1.0, &[&long[..], &[6]].concat()),
        stage(0x53, &[1], 1.0, &[&[0], &long[..]].concat()),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(wrong.is_err(), "{i}: {wrong:?}");
    }
    // The longest period, the largest step, all levels.
    let period = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x07];
    let wide = stage(0x58, &period, f32::MAX, &[0xff, 0xff, 0xff, 0x01, 0xfe, 0xff, 0xff, 0x07]);
    let quantizer = wide.unwrap();
    let values = [f32::MAX, f32::MIN, 0.0, 1.0, f32::from_bits(1)];
    let codes = quantizer.quantize(&values).unwrap();
    assert!(quantizer.dequantize::<f32>(&codes, 5).unwrap().iter().all(|x| x.is_finite()));
    let ends: Vec<f32> = quantizer.dequantize(&[0, quantizer.level_count() - 1], 2).unwrap();
    assert_eq!(ends, [f32::MIN, f32::MAX]);
    assert!(quantizer.dequantize::<f32>(&[quantizer.level_count()], 1).is_err());
    let mut gradient = values;
    quantizer.straight_through_into(&values, &values, &mut gradient).unwrap();
    let mut random = Random(10);
    for _ in 0..20_000 {
        let stage: Vec<u8> =
            (0..9 + random.below(8)).map(|i| if i == 0 { 0x53 } else { random.bits() as u8 }).collect();
        if let Ok(quantizer) = parameters(&stage) {
            let codes = quantizer.quantize(&values).unwrap();
            assert!(quantizer.dequantize::<f32>(&codes, 5).unwrap().iter().all(|x| x.is_finite()));
        }
    }
}
