//! Entropy coding with contexts: any codes of an automaton under any tables and classes, near their entropy.

#[path = "common/alloc.rs"]
mod alloc;
mod common;

use alloc::{Counting, allocations, peak_bytes};
use common::{Random, gaussian};
use fewbits::{
    Automaton, Code, Codec, CodecExt, Coded, Compressor, ContextRans, ContextRansCodec, Describe, Difference, Error,
    ErrorKind, Fit, Frame, Groups, Pipeline, PipelineExt, Quantizer, QuantizerExt, Rans, Restore, Target, Then,
    Trellis, Uniform, entropy,
};

#[global_allocator]
static COUNTING: Counting = Counting;

fn automata() -> Vec<Automaton> {
    let mut automata = vec![Automaton::memoryless(), Automaton::memoryless().lanes(4).unwrap()];
    for (states, lanes, period) in [(8, 32, 1 << 18), (8, 1, 32), (64, 2, 96), (256, 16, 1024), (256, 8, 64)] {
        let automaton = Automaton::trellis(states).unwrap().lanes(lanes).unwrap().period(period).unwrap();
        automata.push(automaton);
    }
    automata
}

/// Codes that the automaton may make of symbols, from a multiple of its period on.
fn legal<C: Code>(automaton: Automaton, symbols: &[u32]) -> Vec<C> {
    let (a, b) = match automaton.states() {
        8 => (5, 2),
        64 => (33, 10),
        256 => (166, 121),
        _ => return symbols.iter().map(|&symbol| C::from_u32(symbol)).collect(),
    };
    let mut walk = [0_u32; 32];
    let code = |(i, &symbol): (usize, &u32)| {
        if i % automaton.block() == 0 {
            walk = [0; 32];
        }
        let state = &mut walk[i % automaton.lane_count()];
        let side = *state & 1;
        *state = (*state >> 1) ^ (side * a) ^ ((symbol & 1) * b);
        C::from_u32(symbol << 1 | side)
    };
    symbols.iter().enumerate().map(code).collect()
}

fn check<C: Code>(codec: &ContextRansCodec<C>, start: usize, codes: &[C]) {
    let mut bytes = vec![0xa5; codec.max_encoded_len(codes.len())];
    let len = codec.encode_at(start, codes, &mut bytes).unwrap();
    bytes.truncate(len);
    let mut back = vec![C::from_u32(1); codes.len()];
    assert_eq!(allocations(|| assert_eq!(codec.decode_at(start, &bytes, &mut back), Ok(len))), 0);
    assert!(back == codes);
    for piece_len in [0, 1, 7, 64, 4096] {
        let (mut piece, mut all) = (vec![C::default(); piece_len], Vec::new());
        let read = codec.decode_pieces(start, &bytes, codes.len(), &mut piece, &mut |codes| {
            all.extend_from_slice(codes);
            Ok(())
        });
        assert!(read == Ok(len) && all == codes, "pieces of {piece_len}");
    }
}

fn any_codes<C: Code>(random: &mut Random, largest: u32) {
    for automaton in automata() {
        let most = largest >> (automaton.sides() - 1);
        for len in [0, 1, 31, 33, 100, 1000, 3000] {
            // Of every evenness, with symbols now and then that no table has seen.
            let spread = 1 + random.below(most as usize + 1);
            let symbols: Vec<u32> =
                (0..len).map(|i| random.below(if i % 97 == 5 { most as usize + 1 } else { spread }) as u32).collect();
            let codes: Vec<C> = legal(automaton, &symbols);
            let sample = &codes[..len / 3];
            let settings = ContextRans::new(automaton);
            let rows = Groups::blocks(37, len).unwrap();
            for settings in [
                settings.clone(),
                settings.clone().centre(largest / 5),
                settings.clone().by(Groups::axis(&[3, 5], 1).unwrap()),
                settings.clone().by(rows).by(Groups::axis(&[2, 11], 0).unwrap()),
            ] {
                let Ok(codec) = settings.fit_below(sample, largest.saturating_add(1)) else {
                    // Fewer codes than groups.
                    let codec = settings.fit_below(&codes, largest.saturating_add(1));
                    assert!(codec.is_ok() || len < 40, "{codec:?}");
                    continue;
                };
                check(&codec, 0, &codes);
                check(&codec, 0, sample);
                assert!(ContextRansCodec::<C>::from_bytes(&codec.to_bytes()).unwrap() == codec);
                // From the first period on that is whole blocks of the packing too.
                if automaton.block() < len {
                    let start = automaton.block();
                    check(&codec, start, &codes[start..]);
                }
            }
        }
    }
}

#[test]
fn any_code_of_the_automaton_comes_back() {
    let mut random = Random(1);
    for largest in [1, 3, 200, 255] {
        any_codes::<u8>(&mut random, largest);
    }
    for largest in [1, 300, 65_535] {
        any_codes::<u16>(&mut random, largest);
    }
    for largest in [3, 70_000, (1 << 24) - 1] {
        any_codes::<u32>(&mut random, largest);
    }
}

#[test]
fn streams_without_memory_start_anywhere() {
    let automaton = Automaton::memoryless();
    let codes: Vec<u16> = (0..5000_u32).map(|i| (100 + i * i % 7 * (1 + i / 50 % 9)) as u16).collect();
    let rows = Groups::blocks(50, 5000).unwrap();
    let codec = ContextRans::new(automaton).by(rows).by(Groups::axis(&[50], 0).unwrap()).fit(&codes).unwrap();
    for start in [0, 1, 7, 49, 50, 1023, 4999, 5000] {
        check(&codec, start, &codes[start..]);
    }
    // Rows belong to the codes that they were made of.
    let beyond = codec.encode_at(1, &codes, &mut vec![0; 20_000]);
    assert!(matches!(beyond, Err(Error::BeyondFit { fitted: 5000, end: 5001 })));
    assert!(codec.decode_at(5000, &[0x81, 0], &mut [0]).is_err());
}

fn counts(codes: &[u16]) -> Vec<u64> {
    let mut counts = vec![0; 1 << 16];
    for &code in codes {
        counts[usize::from(code)] += 1;
    }
    counts
}

#[test]
fn codes_take_their_entropy() {
    let values = gaussian(1 << 18, 2);
    for bits in 2..=10 {
        let codes: Vec<u16> = Uniform::new(bits).codes::<u16>().fit(&values).unwrap().quantize(&values).unwrap();
        let codec: ContextRansCodec<u16> = ContextRans::new(Automaton::memoryless()).fit(&codes).unwrap();
        let n = codes.len() as f64;
        let coded = 8.0 * codec.encode(&codes).unwrap().len() as f64;
        let side = 8.0 * codec.to_bytes().len() as f64;
        let most = 1.005 * entropy(&counts(&codes)) * n + 0.003 * n + 1024.0;
        assert!(coded <= most, "{bits} bits: {coded} for {most}");
        assert!(side < 6000.0, "{bits} bits: {side} bits of tables");
    }
}

/// One density, wherever that is all there is to know.
#[test]
fn a_density_takes_a_few_bytes() {
    let values = gaussian(2000, 3);
    let codes: Vec<u16> = Uniform::new(8).codes::<u16>().fit(&values).unwrap().quantize(&values).unwrap();
    let contexts: ContextRansCodec<u16> =
        ContextRans::new(Automaton::memoryless().lanes(1).unwrap()).fit(&codes).unwrap();
    let table = Rans::new().fit(&codes).unwrap();
    let size = |stage: usize, stream: usize| stage + stream;
    let contexts = size(contexts.to_bytes().len(), contexts.encode(&codes).unwrap().len());
    let table = size(table.to_bytes().len(), table.encode(&codes).unwrap().len());
    assert!(contexts < table, "{contexts} bytes for {table}");
}

#[test]
fn rows_and_columns_are_told_apart() {
    const ROWS: usize = 128;
    const COLUMNS: usize = 256;
    let mut random = Random(4);
    let sizes: Vec<f32> = (0..ROWS + COLUMNS).map(|_| 2.0_f32.powf(3.0 * random.unit())).collect();
    let value = |i: usize| sizes[i / COLUMNS] * sizes[ROWS + i % COLUMNS] * 0.05;
    let values: Vec<f32> = gaussian(ROWS * COLUMNS, 5).into_iter().enumerate().map(|(i, x)| x * value(i)).collect();
    let groups = [0, 1].map(|axis| Groups::axis(&[ROWS, COLUMNS], axis).unwrap());
    // The entropy of each value alone, with steps of 0.1.
    let gaussian_bits = 2.047 + 10.0_f64.log2();
    let ideal: f64 = (0..values.len()).map(|i| f64::from(value(i)).log2() + gaussian_bits).sum();
    for automaton in [Automaton::memoryless(), Automaton::trellis(8).unwrap()] {
        let step = 0.1 / automaton.sides() as f32;
        let settings = |codec| Coded::new(Trellis::new(step).automaton(automaton).lambda(0.0), codec);
        let plain = ContextRans::new(automaton);
        let size = |codec| Frame::encode(&settings(codec).fit(&values).unwrap(), &values).unwrap().len() as f64 * 8.0;
        let one = size(plain.clone());
        let rows = size(plain.clone().by(groups[0]));
        let both = size(plain.by(groups[0]).by(groups[1]));
        let n = values.len() as f64;
        assert!(rows < one - 0.15 * n && both < rows - 0.25 * n, "{one} {rows} {both}");
        // Levels cost 0.05 bit a value here, and 32 lanes 0.03.
        assert!(both < ideal + 0.12 * n, "{} bits a value for {}", both / n, ideal / n);
    }
}

#[test]
fn escapes_and_low_bits() {
    let mut random = Random(6);
    // Smooth and wide: about symbols without their lowest bits.
    for deviation in [300.0, 5000.0, 200_000.0] {
        let symbols: Vec<u32> = (0..40_000).map(|_| (random.gaussian() * deviation + 2e6) as u32).collect();
        for automaton in
            [Automaton::memoryless(), Automaton::trellis(8).unwrap(), Automaton::trellis(64).unwrap().lanes(1).unwrap()]
        {
            let codes: Vec<u32> = legal(automaton, &symbols);
            let rows = Groups::blocks(500, codes.len()).unwrap();
            for settings in [ContextRans::new(automaton), ContextRans::new(automaton).by(rows)] {
                let codec = settings.fit(&codes).unwrap();
                check(&codec, 0, &codes);
                let bits = 8.0 * codec.encode(&codes).unwrap().len() as f64 / codes.len() as f64;
                let ideal = f64::from(deviation).log2() + 2.047;
                assert!(bits < ideal + 0.1, "{bits} for {ideal}, {automaton:?}");
            }
        }
    }
    // Few far from all others.
    let symbols: Vec<u32> =
        (0..20_000).map(|i| if i % 400 == 7 { random.below(1 << 23) as u32 } else { 4_000_000 + i % 5 }).collect();
    for automaton in [Automaton::memoryless(), Automaton::trellis(256).unwrap()] {
        let codes: Vec<u32> = legal(automaton, &symbols);
        let codec = ContextRans::new(automaton).fit(&codes).unwrap();
        check(&codec, 0, &codes);
        assert!(codec.encode(&codes).unwrap().len() < 20_000 * 3 / 8);
    }
}

#[test]
fn what_cannot_be_coded_is_packed_or_refused() {
    let automaton = Automaton::trellis(8).unwrap();
    let mut random = Random(7);
    let symbols: Vec<u32> = (0..4000).map(|_| 8 + random.below(2) as u32).collect();
    let codes: Vec<u8> = legal(automaton, &symbols);
    let codec = ContextRans::new(automaton).fit_below(&codes, 256).unwrap();
    assert!(codec.encode(&codes).unwrap().len() < 4000 * 3 / 8);
    // As even as can be, and those of no path at all.
    let even: Vec<u8> = legal(automaton, &(0..4000).map(|_| random.below(128) as u32).collect::<Vec<_>>());
    let alien: Vec<u8> = codes.iter().map(|code| code ^ 1).collect();
    for codes in [even, alien] {
        check(&codec, 0, &codes);
        assert!(codec.encode(&codes).unwrap()[0] >= 0x80);
    }
    assert!(matches!(ContextRans::new(automaton).fit(&[1_u8]), Err(Error::Unsuited { .. })));
    // Nor do paths start in the middle.
    check(&codec, 8, &codes);
    let mut bytes = [0; 5000];
    assert_eq!((codec.encode_at(8, &codes, &mut bytes), bytes[0]), (Ok(2501), 0x85));
    let stream = codec.encode(&codes).unwrap();
    let mut back = codes.clone();
    assert!(matches!(codec.decode_at(8, &stream, &mut back), Err(Error::Unaligned { start: 8, .. })));
    let narrow = ContextRans::new(Automaton::memoryless()).fit_below(&[3_u16, 4], 6).unwrap();
    // What a stream can hold can be encoded; more cannot.
    check(&narrow, 0, &[7, 5, 0]);
    assert_eq!(narrow.encode(&[1, 8]), Err(Error::Code { index: 1, code: 8, level_count: 8 }));
    assert!(ContextRans::new(Automaton::memoryless()).fit(&[1_u32 << 24]).is_err());
    assert!(ContextRans::new(Automaton::memoryless()).fit(&[u32::MAX]).is_err());
    assert!(ContextRans::new(automaton).fit_below(&[0_u32], u32::MAX).is_err());
    let axis = Groups::axis(&[4], 0).unwrap();
    let five = (0..5).fold(ContextRans::new(automaton), |settings, _| settings.by(axis));
    assert!(five.fit(&[0_u8; 64]).is_err());
    // A map of codes in front.
    let map = Difference::new(256).unwrap();
    let line = Then::new(map, ContextRans::new(Automaton::memoryless())).fit(&codes).unwrap();
    assert_eq!(line.decode(&line.encode(&codes).unwrap(), 4000).unwrap(), codes);
    assert!(line.rates().is_none(), "prices are of other codes");
}

#[test]
fn damage_is_found() {
    let values = gaussian(20_000, 8);
    let automaton = Automaton::trellis(8).unwrap().lanes(8).unwrap();
    let pipeline =
        Coded::new(Trellis::new(0.1).automaton(automaton), ContextRans::new(automaton)).fit(&values).unwrap();
    let codes = pipeline.quantizer.quantize(&values).unwrap();
    let bytes = pipeline.codec.encode(&codes).unwrap();
    let (mut random, mut unnoticed) = (Random(9), 0);
    for _ in 0..500 {
        let mut damaged = bytes.clone();
        damaged[random.below(bytes.len())] ^= 1 << random.below(8);
        unnoticed += usize::from(pipeline.codec.decode(&damaged, codes.len()).is_ok());
    }
    assert!(unnoticed < 5, "{unnoticed} of 500");
    for len in 0..200 {
        assert!(pipeline.codec.decode(&bytes[..len], codes.len()).is_err());
    }
    assert!(pipeline.codec.decode(&bytes, codes.len() - 1).is_err());
    assert!(pipeline.codec.decode(&bytes, codes.len() + 1).is_err());
}

/// Tables have a size of their own, which is bounded.
const TABLES: usize = 7 << 20;

/// A stage by hand, with its side information.
fn by_hand(stage: &[u8], side: &[u8]) -> Result<ContextRansCodec<u32>, Error> {
    let mut bytes = vec![0, stage.len() as u8 + 2, 0x42, stage.len() as u8];
    bytes.extend_from_slice(stage);
    bytes.push(side.len() as u8);
    bytes.extend_from_slice(side);
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    let (result, peak) = peak_bytes(|| ContextRansCodec::from_bytes(&bytes));
    assert!(peak < TABLES + 64 * bytes.len(), "{peak} bytes for {}", bytes.len());
    result
}

#[test]
fn forged_parameters_are_refused_or_code() {
    let zigzag = |x: i32| ((x << 1) ^ (x >> 31)) as u32;
    let varint = |mut x: u32| {
        let mut bytes = Vec::new();
        while x >= 0x80 {
            bytes.push(x as u8 | 0x80);
            x >>= 7;
        }
        bytes.push(x as u8);
        bytes
    };
    let mut random = Random(10);
    // Every shape, the ends of scales, symbols and centres, one class and all.
    // Of two sides and of one.
    for shape in 0..32 {
        for scale in [-1280, -257, -256, -1, 0, 1, 96, 127, 128, 160, 600, 767, 768] {
            for last in [0, 1, 2, 1000, (1 << 24) - 1] {
                for centre in [0, last / 2, last] {
                    let head = |size: &[u8], groupings| {
                        [size, &varint(last), &[groupings, shape], &varint(zigzag(scale)), &varint(centre)].concat()
                    };
                    let alone = by_hand(&head(&[0x13, 1], 0), &[]).unwrap();
                    assert_eq!(alone.table_count(), 2);
                    let symbols: Vec<u32> = (0..40).map(|_| random.below(last as usize + 1) as u32).collect();
                    let automaton = Automaton::trellis(8).unwrap().lanes(2).unwrap().period(32).unwrap();
                    check(&alone, 0, &legal(automaton, &symbols));
                    if scale % 256 == 0 && centre == last / 2 {
                        // Level 63 in one group: 64 classes.
                        let stage = [head(&[0x13, 1], 1), vec![64, 0, 2]].concat();
                        let all = by_hand(&stage, &[0x86, 63]).unwrap();
                        assert_eq!(all.table_count(), 128);
                    }
                }
            }
        }
    }
    let head = |rest: &[u8]| [&[0x13, 1, 9][..], rest].concat();
    for (stage, side) in [
        (head(&[0, 32, 0, 0]), &[][..]),                           // a shape that is none
        (head(&[0, 0, 0x83, 0x14, 0]), &[]),                       // a scale beyond the range
        (head(&[0, 0, 0, 10]), &[]),                               // a centre beyond the last symbol
        (head(&[5, 0, 0, 0, 0]), &[]),                             // five groupings
        (head(&[0x81, 65]), &[]),                                  // tables of 65 classes
        (head(&[1, 0, 0, 0, 65, 0, 2]), &[0x86, 63]),              // more idle classes than there are
        (head(&[1, 0, 0, 0, 0, 0, 2]), &[0x87, 64]),               // 65 classes
        (head(&[1, 0, 0, 0, 0, 0, 2]), &[0x80, 63]),               // levels of no bits
        (head(&[1, 0, 0, 0, 0, 0, 2]), &[0x01, 63]),               // a kind that is none
        (head(&[1, 0, 0, 0, 0, 0, 3]), &[0x86, 63]),               // longer than there is
        (head(&[1, 0, 0, 0, 0, 0, 1]), &[0x86]),                   // shorter than levels are
        (head(&[1, 0, 0, 0, 0, 2, 1, 0xff, 0x7f, 2]), &[0x81, 0]), // 16,383 groups from 2 bytes
        (head(&[1, 0, 0, 0, 0, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2]), &[0x81, 0]),
        (head(&[2, 0, 0, 0, 0, 0, 2, 0, 2]), &[0x86, 63, 0x86, 1]), // 65 as a sum
    ] {
        assert!(by_hand(&stage, side).is_err(), "{stage:?}");
    }
    // Two groupings that make 64 classes, and no groups at all.
    assert_eq!(by_hand(&head(&[2, 0, 0, 0, 64, 0, 2, 0, 2]), &[0x86, 62, 0x86, 1]).unwrap().table_count(), 128);
    assert!(by_hand(&head(&[1, 0, 0, 0, 0, 1, 1, 0, 1]), &[0x86]).unwrap().encode(&[0]).is_err());
}

#[test]
fn damaged_parameters_are_refused_or_code() {
    let values = gaussian(400, 11);
    let automaton = Automaton::trellis(8).unwrap().lanes(2).unwrap().period(64).unwrap();
    let groups = [Groups::blocks(20, 400).unwrap(), Groups::axis(&[20], 0).unwrap()];
    let settings = ContextRans::new(automaton);
    let mut random = Random(12);
    let mut sound = 0;
    for codec in [settings.clone(), settings.clone().by(groups[0]), settings.by(groups[0]).by(groups[1])] {
        let fitted = Coded::new(Trellis::new(0.1).automaton(automaton), codec).fit(&values).unwrap();
        let codes = fitted.quantizer.quantize(&values).unwrap();
        let bytes = fitted.codec.to_bytes();
        for _ in 0..4000 {
            let mut bytes = bytes.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len() - 4);
                bytes[at] = random.bits() as u8;
            }
            common::seal(&mut bytes);
            let (result, peak) = peak_bytes(|| Box::<dyn Codec<Code = u32>>::from_bytes(&bytes));
            assert!(peak < TABLES + 64 * bytes.len(), "{peak} bytes");
            match result {
                Ok(codec) => {
                    sound += 1;
                    let stream: Vec<u8> = (0..300).map(|i| if i == 0 { 0 } else { random.bits() as u8 }).collect();
                    if let Ok(codes) = codec.decode(&stream, 60) {
                        assert_eq!(codec.decode(&codec.encode(&codes).unwrap(), 60).unwrap(), codes);
                    }
                    if let Ok(bytes) = codec.encode(&codes) {
                        assert_eq!(codec.decode(&bytes, 400).unwrap(), codes);
                    }
                }
                Err(Error::CodeWidth { .. }) => {}
                Err(error) => assert_ne!(error.kind(), ErrorKind::Input, "{error}"),
            }
        }
    }
    assert!(sound > 300, "{sound}");
}

#[test]
fn pipelines_decode_without_memory() {
    let values = gaussian(30_000, 13);
    let automaton = Automaton::trellis(8).unwrap().period(4096).unwrap();
    let rows = Groups::blocks(300, values.len()).unwrap();
    let settings = Coded::new(Trellis::new(0.1).automaton(automaton), ContextRans::new(automaton).by(rows));
    let pipeline = settings.fit(&values).unwrap();
    let bytes = pipeline.encode(&values).unwrap();
    let mut restored = vec![f32::NAN; values.len()];
    assert_eq!(allocations(|| pipeline.decode_into(&bytes, &mut restored).unwrap()), 0);
    let frame = Frame::encode(&pipeline, &values).unwrap();
    let decoder = Frame::parse(&frame).unwrap().decoder().unwrap();
    assert_eq!(allocations(|| decoder.decode_into(&mut restored).unwrap()), 0);
    // What buffers held does not matter.
    let runs = [0_u8, 0xff].map(|dirt| {
        let mut bytes = vec![dirt; pipeline.max_encoded_len(values.len())];
        let len = pipeline.encode_into(&values, &mut bytes).unwrap();
        bytes.truncate(len);
        bytes
    });
    assert_eq!(runs[0], runs[1]);
}

/// Small values stand still where most steps are wider than they are: known to `compress` alone.
#[test]
fn idle_classes_come_back() {
    const ROWS: usize = 64;
    let values: Vec<f32> = gaussian(ROWS * 1024, 14)
        .into_iter()
        .enumerate()
        .map(|(i, x)| x * 2.0_f32.powi((i / 1024 % 8) as i32) * 2.0_f32.powi((i % 8) as i32 / 2))
        .collect();
    let compressed = Compressor::new(Target::BitsPerValue(1.5)).shape(&[ROWS, 1024]).compress(&values).unwrap();
    assert!(compressed.report().method.contains("contexts by row"), "{}", compressed.report().method);
    let pipeline = Frame::parse(compressed.as_bytes()).unwrap().decoder().unwrap();
    let again = Frame::encode(pipeline.pipeline(), &values).unwrap();
    let restored: Vec<f32> = fewbits::decompress(compressed.as_bytes()).unwrap();
    // A restored pipeline weighs bits as settings do by default.
    let mse = |restored: &[f32]| values.iter().zip(restored).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>();
    let other: Vec<f32> = fewbits::decompress(&again).unwrap();
    assert!((mse(&other) / mse(&restored) - 1.0).abs() < 0.1);
    assert!((again.len() as f64 / compressed.as_bytes().len() as f64 - 1.0).abs() < 0.1);
}

#[test]
fn magnitudes_take_a_bit_less_than_numbers() {
    // Rows of 16 sizes, so that no tables are written; and most values near 0, where to take a mean away helps least.
    let mut random = Random(5);
    let value = |(i, x): (usize, f32)| {
        let size = -random.unit().max(1e-6).ln() * 2.0_f32.powi((i / 1024 % 16) as i32 / 2);
        size.copysign(x)
    };
    let values: Vec<f32> = gaussian(64 * 1024, 5).into_iter().enumerate().map(value).collect();
    let magnitudes: Vec<f32> = values.iter().map(|x| x.abs()).collect();
    let decibels = |values: &[f32]| {
        let found = Compressor::new(Target::BitsPerValue(3.0)).shape(&[64, 1024]).compress(values).unwrap();
        found.report().cost.stats.sqnr_db()
    };
    // A bit is 6 dB.
    let gain = decibels(&magnitudes) - decibels(&values);
    assert!((3.8..6.3).contains(&gain), "{gain} dB more");
    // Of densities of both sides half a bit is lost on levels below 0, though there are only four.
    let rows = Groups::axis(&[64, 1024], 0).unwrap();
    for automaton in [Automaton::memoryless(), Automaton::trellis(8).unwrap()] {
        let bits = |values: &[f32]| {
            let quantizer = Trellis::new(1.0).automaton(automaton).fit(values).unwrap();
            let codes = quantizer.quantize(values).unwrap();
            let settings = ContextRans::new(automaton).by(rows).centre(quantizer.zero() as u32);
            let codec = settings.fit_below(&codes, quantizer.level_count()).unwrap();
            8.0 * codec.encode(&codes).unwrap().len() as f64 / codes.len() as f64
        };
        let gain = bits(&values) - bits(&magnitudes);
        assert!((0.7..1.0).contains(&gain), "{gain} bits less, {automaton:?}");
    }
}
