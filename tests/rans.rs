//! Entropy coding: close to the entropy, any code under any table, and damage is found.

mod common;

use common::{Random, gaussian, to_bits};
use fewbits::{
    BitPack, Code, Codec, CodecExt, Coded, Describe, Difference, Error, ErrorBound, ErrorKind, Fit, Frame, FrameWriter,
    Masked, NonFinite, Pipeline, Quantizer, QuantizerExt, Rans, RansCodec, Restore, Then, Uniform, entropy,
    rans::Table,
};

fn counts<C: Code>(codes: &[C]) -> Vec<u64> {
    let mut counts = vec![0; 1 << 16];
    for code in codes {
        counts[code.to_u32() as usize] += 1;
    }
    counts
}

/// Bytes of the stage in a header.
fn table_bits<C: Code>(codec: &RansCodec<C>) -> f64 {
    8.0 * codec.to_bytes().len() as f64
}

#[test]
fn gaussian_codes_take_their_entropy() {
    let values = gaussian(1 << 20, 1);
    for bits in 2..=12 {
        let quantizer = Uniform::new(bits).codes::<u16>().fit(&values).unwrap();
        let codes = quantizer.quantize(&values).unwrap();
        let codec: RansCodec<u16> = Rans::new().fit(&codes).unwrap();
        let coded = 8.0 * codec.encode(&codes).unwrap().len() as f64;
        let n = codes.len() as f64;
        let most = 1.005 * entropy(&counts(&codes)) * n + 0.003 * n;
        assert!(coded <= most, "{bits} bits: {coded} for {most}");
        assert!(bits > 8 || table_bits(&codec) < 6000.0, "{bits} bits: a table of {} bits", table_bits(&codec));
        // The table knows what it will cost.
        assert!((codec.table().mean_bits() * n / coded - 1.0).abs() < 0.02, "{bits} bits");
    }
}

#[test]
fn heavy_tails_and_few_codes_stay_near_their_entropy() {
    let mut random = Random(2);
    let n = 1 << 16;
    let cauchy: Vec<u16> = (0..n)
        .map(|_| {
            let x = (f64::from(random.unit()) - 0.5) * std::f64::consts::PI;
            (x.tan() * 20.0 + 3000.0).clamp(0.0, 6000.0) as u16
        })
        .collect();
    let rare: Vec<u16> = (0..n).map(|_| u16::from(random.below(3000) == 0)).collect();
    let two: Vec<u16> = (0..n).map(|_| random.below(2) as u16 * 5000).collect();
    let constant = vec![77_u16; n];
    for (name, codes) in [("cauchy", cauchy), ("rare", rare), ("two", two), ("constant", constant)] {
        let codec: RansCodec<u16> = Rans::new().fit(&codes).unwrap();
        let coded = 8.0 * codec.encode(&codes).unwrap().len() as f64 + table_bits(&codec);
        let ideal = entropy(&counts(&codes)) * n as f64;
        // What a table costs is told apart: 12 bits for each of the codes that it has.
        let allowed = 1.01 * ideal + 0.003 * n as f64 + 16.0 * codec.table().symbols().len() as f64 + 150.0;
        assert!(coded <= allowed, "{name}: {coded} for {ideal}, {} symbols", codec.table().symbols().len());
        assert_eq!(codec.decode(&codec.encode(&codes).unwrap(), n).unwrap(), codes);
    }
}

fn check<C: Code>(random: &mut Random, largest: u32) {
    for len in [0, 1, 2, 5, 31, 32, 33, 100, 1000, 40_000] {
        // Of every evenness, with codes now and then that no table has seen.
        let spread = 1 + random.below(largest as usize) as u32;
        let codes: Vec<C> = (0..len)
            .map(|i| {
                C::from_u32(if i % 97 == 5 {
                    random.below(largest as usize + 1) as u32
                } else {
                    random.below(spread as usize) as u32
                })
            })
            .collect();
        let sample = &codes[..len / 3];
        let codec: RansCodec<C> = Rans::new().levels(largest.saturating_add(1)).fit(sample).unwrap();
        let bytes = codec.encode(&codes).unwrap();
        assert!(bytes.len() <= codec.max_encoded_len(len));
        assert_eq!(codec.decode(&bytes, len).unwrap(), codes, "{len} codes up to {largest}");
        for piece_len in [0, 1, 7, 64, 4096] {
            let (mut piece, mut all) = (vec![C::default(); piece_len], Vec::new());
            let read = codec.decode_pieces(0, &bytes, len, &mut piece, &mut |codes| {
                all.extend_from_slice(codes);
                Ok(())
            });
            assert_eq!((read, &all), (Ok(bytes.len()), &codes));
        }
        for lanes in [1, 2, 4, 8, 16, 32] {
            let payload = codec.table().encode(&codes, lanes).unwrap();
            assert_eq!(codec.table().decode::<C>(&payload, len, lanes).unwrap(), codes);
        }
        let restored = RansCodec::<C>::from_bytes(&codec.to_bytes()).unwrap();
        assert_eq!(restored, codec);
    }
}

#[test]
fn any_code_comes_back() {
    let mut random = Random(3);
    for _ in 0..5 {
        for largest in [1, 2, 15, 200, 255] {
            check::<u8>(&mut random, largest);
        }
        for largest in [1, 300, 5000, 65_535] {
            check::<u16>(&mut random, largest);
        }
        for largest in [1, 70_000, 1 << 24, u32::MAX - 1, u32::MAX] {
            check::<u32>(&mut random, largest);
        }
    }
}

#[test]
fn lanes_are_as_many_as_the_payload_affords() {
    let values = gaussian(1 << 20, 4);
    let quantizer = Uniform::new(4).fit(&values).unwrap();
    let codes = quantizer.quantize(&values).unwrap();
    let codec: RansCodec<u8> = Rans::new().fit(&codes).unwrap();
    let lanes = |len: usize| 1 << codec.encode(&codes[..len]).unwrap()[0];
    assert_eq!(lanes(1 << 20), 32);
    assert_eq!(lanes(4096), 1);
    assert_eq!(lanes(100_000), 32);
    for len in [10_000, 30_000, 50_000] {
        let bytes = codec.encode(&codes[..len]).unwrap().len();
        let (lanes, thousandth) = (lanes(len), bytes / 1000);
        assert!(lanes == 1 || 4 * lanes <= thousandth + 1, "{len}: {lanes} lanes in {bytes} bytes");
        assert!(lanes == 32 || 8 * lanes + 1 >= thousandth, "{len}: {lanes} lanes in {bytes} bytes");
    }
}

#[test]
fn what_cannot_be_coded_is_packed_or_refused() {
    let even: Vec<u8> = (0..5120).map(|i| (i * 97) as u8).collect();
    let codec: RansCodec<u8> = Rans::new().fit(&even).unwrap();
    let bytes = codec.encode(&even).unwrap();
    assert_eq!((bytes[0], bytes.len()), (0x80 | 8, 5121));
    // A table for other codes.
    let codec: RansCodec<u8> = Rans::new().levels(256).fit(&[9; 100]).unwrap();
    assert_eq!(codec.decode(&codec.encode(&even).unwrap(), 5120).unwrap(), even);
    let codec: RansCodec<u16> = Rans::new().fit(&[0, 1, 2, 3]).unwrap();
    assert!(matches!(codec.encode(&[1, 4]), Err(Error::Code { index: 1, code: 4, level_count: 4 })));
    let wide = Table::from_counts(&[1, 1], 16).unwrap();
    assert!(matches!(RansCodec::<u8>::new(wide), Err(Error::CodeWidth { level_count: 65_536, code_bits: 8 })));
    for (bits, width, low, symbols) in [
        (13, 8, 0, vec![]),
        (12, 0, 0, vec![]),
        (12, 33, 0, vec![]),
        (12, 8, 0, vec![(0, 4096)]),
        (12, 8, 8, vec![]),
        (12, 20, 17, vec![]),
        (12, 8, 3, vec![(32, 5)]),
        (12, 8, 0, vec![(0, 5), (0, 5)]),
        (12, 8, 0, vec![(3, 5), (1, 5)]),
        (12, 8, 0, vec![(256, 5)]),
        (12, 8, 0, vec![(1, 0)]),
        (12, 32, 0, vec![(0, 1), (1 << 16, 1)]),
        (12, 16, 0, (0..4096).map(|code| (code, 1)).collect()),
    ] {
        assert!(Table::from_frequencies(bits, width, low, symbols).is_err());
    }
    let table = Table::from_counts(&[3, 1], 8).unwrap();
    assert!(
        table.encode(&[0_u8], 3).is_err() && table.encode(&[0_u8], 64).is_err() && table.encode(&[0_u8], 0).is_err()
    );
    assert!(table.decode::<u8>(&[0, 0, 1], 1, 1).is_err());
    // 8-bit codes from a table of 16-bit ones.
    let table = Table::from_counts(&vec![1; 300], 16).unwrap();
    let payload = table.encode(&vec![299_u16; 10_000], 1).unwrap();
    assert!(matches!(
        table.decode::<u8>(&payload, 10_000, 1),
        Err(Error::CodeWidth { level_count: 300..=304, code_bits: 8 })
    ));
    // A packed stream of wider codes than the table allows.
    let codec = RansCodec::<u16>::new(Table::from_counts(&[1, 1], 4).unwrap()).unwrap();
    assert!(matches!(codec.decode(&[0x90, 0xff, 0xff], 1), Err(Error::Corrupt { .. })));
    // Counts beyond what is counted exactly.
    for counts in [vec![u64::MAX, 1], vec![1 << 63, 1 << 63, 3], vec![u64::MAX; 300]] {
        let table = Table::from_counts(&counts, 9).unwrap();
        let thousandths: Vec<f64> = table.symbols().iter().map(|&(_, f)| f64::from(f)).collect();
        let likely = counts.iter().filter(|&&count| count > 1000).count() as f64;
        assert!(thousandths[0] >= 0.9 * f64::from(1_u32 << table.bits()) / likely, "{thousandths:?}");
    }
}

#[test]
fn damage_is_found() {
    let values = gaussian(20_000, 6);
    let quantizer = Uniform::new(5).fit(&values).unwrap();
    let codes = quantizer.quantize(&values).unwrap();
    let codec: RansCodec<u8> = Rans::new().fit(&codes).unwrap();
    let bytes = codec.encode(&codes).unwrap();
    let mut random = Random(7);
    let mut unnoticed = 0;
    for _ in 0..1000 {
        let mut damaged = bytes.clone();
        let at = random.below(bytes.len());
        damaged[at] ^= 1 << random.below(8);
        unnoticed += usize::from(codec.decode(&damaged, codes.len()).is_ok());
    }
    assert!(unnoticed < 10, "{unnoticed} of 1,000");
    for len in 0..bytes.len().min(300) {
        assert!(codec.decode(&bytes[..len], codes.len()).is_err());
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(codec.decode(&longer, codes.len()).is_err());
    assert!(codec.decode(&bytes, codes.len() + 1).is_err() && codec.decode(&bytes, codes.len() - 1).is_err());
}

#[test]
fn forged_tables_are_errors_or_decode() {
    let codec: RansCodec<u16> = Rans::new().fit(&[0, 1, 1, 1, 2, 2, 900]).unwrap();
    let bytes = codec.to_bytes();
    let mut random = Random(8);
    let mut sound = 0;
    for _ in 0..20_000 {
        let mut bytes = bytes.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len() - 4);
            bytes[at] = random.bits() as u8;
        }
        common::seal(&mut bytes);
        match Box::<dyn Codec<Code = u16>>::from_bytes(&bytes) {
            Ok(codec) => {
                sound += 1;
                let stream: Vec<u8> = (0..200).map(|i| if i == 0 { 2 } else { random.bits() as u8 }).collect();
                let _ = codec.decode(&stream, 60);
                let codes: Vec<u16> = (0..60).map(|_| random.below(3) as u16).collect();
                if let Ok(bytes) = codec.encode(&codes) {
                    assert_eq!(codec.decode(&bytes, 60).unwrap(), codes);
                }
            }
            Err(Error::CodeWidth { .. }) => {}
            Err(error) => assert_ne!(error.kind(), ErrorKind::Input, "{error}"),
        }
    }
    assert!(sound > 100, "{sound}");
}

/// More codes than a table holds: it is about codes without their lowest bits.
#[test]
fn large_alphabets_stay_near_their_entropy() {
    let mut random = Random(13);
    for deviation in [500.0, 1500.0, 5000.0] {
        let codes: Vec<u16> = (0..1 << 18).map(|_| (random.gaussian() * deviation + 32_768.0) as u16).collect();
        let codec: RansCodec<u16> = Rans::new().fit(&codes).unwrap();
        let bits = (8.0 * codec.encode(&codes).unwrap().len() as f64 + table_bits(&codec)) / codes.len() as f64;
        // Of a Gaussian distribution; that of a sample would be less.
        let ideal = f64::from(deviation).log2() + 2.047;
        assert!(bits < 1.006 * ideal, "deviation {deviation}: {bits} bits for {ideal}");
        assert!(deviation < 1000.0 || codec.table().low_bits() > 0);
    }
    // Wide codes, smooth in the large.
    let codes: Vec<u32> = (0..1 << 17).map(|_| ((random.gaussian() * 1e6) + 1e7) as u32).collect();
    let codec: RansCodec<u32> = Rans::new().fit(&codes).unwrap();
    let bits = 8.0 * codec.encode(&codes).unwrap().len() as f64 / codes.len() as f64;
    assert!(bits < 1e6_f64.log2() + 2.047 + 0.1, "{bits} bits, {} low", codec.table().low_bits());
    assert_eq!(codec.decode(&codec.encode(&codes).unwrap(), codes.len()).unwrap(), codes);
}

/// Differences begin anew in every chunk, and masked values are filled otherwise: any code of the alphabet can come.
#[test]
fn pipelines_hold_all_codes_of_their_quantizer() {
    let ramp: Vec<f32> = (0..600_000).map(|i| i as f32).collect();
    let bound = ErrorBound::max_abs_error(0.5);
    let map = Difference::<u32>::new(bound.fit(&ramp).unwrap().level_count()).unwrap();
    let pipeline = Coded::new(bound, Then::new(map, Rans::new())).fit(&ramp).unwrap();
    for chunk_len in [1000, 1 << 18, 1 << 20] {
        let frame = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&ramp).unwrap();
        let restored: Vec<f32> = fewbits::decompress(&frame).unwrap();
        assert!(ramp.iter().zip(&restored).all(|(x, y)| (x - y).abs() <= 0.5));
    }
    let mut values: Vec<f32> = (0..4004)
        .map(|i| {
            if i % 2 == 1 {
                -0.001
            } else if i % 1000 == 2 {
                1.0
            } else {
                -1000.0
            }
        })
        .collect();
    values[1001] = f32::NAN;
    let policy = NonFinite::keep();
    let settings = Coded::new(Uniform::new(8).non_finite(policy).per_axis(&[2002, 2], 1), Rans::new());
    let masked = Masked::new(policy, settings.fit(&values).unwrap());
    for chunk_len in [1, 7, 1001, 5000] {
        let frame = FrameWriter::new(&masked).chunk_len(chunk_len).encode(&values).unwrap();
        assert_eq!(fewbits::decompress::<f32>(&frame).unwrap().len(), 4004);
    }
}

/// The codec sees what the mask leaves.
#[test]
fn missing_values_do_not_stop_the_fit() {
    let mut values = gaussian(10_000, 9);
    values.iter_mut().step_by(7).for_each(|x| *x = f32::NAN);
    let policy = NonFinite::keep();
    let settings = Coded::new(Uniform::new(6).non_finite(policy).per_axis(&[100, 100], 1), Rans::new());
    let pipeline = Masked::new(policy, settings.fit(&values).unwrap());
    let restored: Vec<f32> = fewbits::decompress(&Frame::encode(&pipeline, &values).unwrap()).unwrap();
    let near = |(x, y): (&f32, &f32)| x.to_bits() == y.to_bits() || (x - y).abs() < 0.2;
    assert!(values.iter().zip(&restored).all(near));
    assert!(matches!(Coded::new(Uniform::new(6), Rans::new()).fit(&values), Err(Error::NonFinite { index: 0 })));
}

/// A frame of a smooth signal: a bound, differences, and few bits.
#[test]
fn pipelines_are_fitted_from_settings() {
    let signal: Vec<f32> = (0..100_000).map(|i| (i as f32 * 0.003).sin() + 0.3 * (i as f32 * 0.011).cos()).collect();
    let quantizer = ErrorBound::max_abs_error(1e-4).codes::<u16>().fit(&signal).unwrap();
    let map = Difference::of(&quantizer).unwrap().order(2).unwrap();
    let codes = quantizer.quantize(&signal).unwrap();
    let codec = Then::new(map, Rans::new()).fit(&codes).unwrap();
    let pipeline = Coded::new(&quantizer, codec);
    for chunk_len in [10_000, 1 << 20] {
        let frame = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&signal).unwrap();
        assert!(frame.len() * 8 < 2 * signal.len(), "{} bytes", frame.len());
        let restored: Vec<f32> = fewbits::decompress(&frame).unwrap();
        assert_eq!(to_bits(&restored), to_bits(&quantizer.fake_quantize(&signal).unwrap()));
        let mut part = vec![0.0; 20_000];
        Frame::parse(&frame).unwrap().decoder().unwrap().decode_range_into(5001..25_001, &mut part).unwrap();
        assert_eq!(to_bits(&part), to_bits(&restored[5001..25_001]));
    }
    // Codes of any width in memory make the same bytes.
    let narrow = Coded::new(Uniform::new(6), Rans::new()).fit(&signal).unwrap();
    let wide = Coded::new(Uniform::new(6).codes::<u32>(), Rans::new()).fit(&signal).unwrap();
    assert_eq!(Frame::encode(&narrow, &signal).unwrap(), Frame::encode(&wide, &signal).unwrap());
    let packed = Coded::new(&narrow.quantizer, BitPack::<u8>::new(6).unwrap());
    assert!(Frame::encode(&narrow, &signal).unwrap().len() < Frame::encode(&packed, &signal).unwrap().len());
    assert!(Box::<dyn Pipeline>::from_bytes(&narrow.to_bytes()).is_ok());
}
