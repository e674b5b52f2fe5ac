//! Differences of codes: known values, every length and split, hostile bytes.

mod common;

use common::{Random, gaussian, to_bits};
use fewbits::{
    BitPack, Code, CodeMap, CodeMapExt, Codec, CodecExt, Coded, Describe, Difference, Error, ErrorBound, ErrorKind,
    Fit, Frame, FrameWriter, Pipeline, PipelineExt, QuantizerExt, Restore, Then, Uniform,
};

/// By the definition: differences modulo n along each axis in turn, then folded.
fn naive(n: i64, order: u8, axes: &[(usize, usize)], codes: &[u32]) -> Vec<u32> {
    let mut d: Vec<i64> = codes.iter().map(|&code| code.into()).collect();
    for &(run, count) in axes {
        for _ in 0..order {
            let before = d.clone();
            for i in 0..d.len() {
                if i / run % count > 0 {
                    d[i] = (before[i] - before[i - run]).rem_euclid(n);
                }
            }
        }
    }
    d.iter().map(|&d| if d <= (n - 1) / 2 { 2 * d } else { 2 * (n - d) - 1 } as u32).collect()
}

fn check<C: Code>(n: u32, random: &mut Random) {
    let shape = [7, 5, 3];
    let pair = |axis| ([15, 3, 1][axis], shape[axis]);
    for order in [1, 2] {
        for axes in [vec![], vec![2], vec![0], vec![1, 2], vec![2, 1, 0]] {
            let mut map = Difference::<C>::new(n).unwrap().order(order).unwrap();
            for &axis in &axes {
                map = map.along(&shape, axis).unwrap();
            }
            let pairs: Vec<_> =
                if axes.is_empty() { vec![(1, usize::MAX)] } else { axes.iter().map(|&a| pair(a)).collect() };
            for len in [0, 1, 2, 14, 15, 16, 105, 333] {
                let plain: Vec<u32> = (0..len).map(|_| random.below(n as usize) as u32).collect();
                let codes: Vec<C> = plain.iter().map(|&code| C::from_u32(code)).collect();
                let mapped = map.forward(&codes).unwrap();
                let found: Vec<u32> = mapped.iter().map(|code| code.to_u32()).collect();
                assert_eq!(found, naive(n.into(), order, &pairs, &plain), "{n} levels, order {order}, axes {axes:?}");
                assert_eq!(map.inverse(&mapped).unwrap(), codes);
                let mut into = vec![C::default(); len];
                map.forward_into(&codes, &mut into).unwrap();
                map.inverse_into(&into.clone(), &mut into).unwrap();
                assert_eq!(into, codes);

                // Piece after piece, from where a stream of a chunk may start.
                let start = 40;
                let mut stream = codes.clone();
                map.forward_at(start, &mut stream).unwrap();
                let mut history = vec![C::default(); map.history_len()];
                let mut at = 0;
                while at < len {
                    let to = len.min(at + 1 + random.below(20));
                    map.inverse_at(start + at, &mut stream[at..to], &mut history).unwrap();
                    at = to;
                }
                assert_eq!(stream, codes, "{n} levels, order {order}, axes {axes:?}, {len} codes");
            }
        }
    }
}

#[test]
fn differences_equal_the_definition_and_come_back() {
    let mut random = Random(1);
    for n in [1, 2, 3, 10, 255, 256] {
        check::<u8>(n, &mut random);
    }
    for n in [257, 65_535, 65_536] {
        check::<u16>(n, &mut random);
    }
    for n in [100_000, u32::MAX - 1, u32::MAX] {
        check::<u32>(n, &mut random);
    }
}

#[test]
fn smooth_signals_take_half_the_bits_at_the_same_bound() {
    let signal: Vec<f32> = (0..50_000).map(|i| (i as f32 * 0.003).sin() + 0.3 * (i as f32 * 0.011).cos()).collect();
    let quantizer = ErrorBound::max_abs_error(1e-4).codes::<u16>().fit(&signal).unwrap();
    let entropy = |codes: &[u16]| {
        let mut counts = vec![0_u64; 1 << 16];
        for &code in codes {
            counts[usize::from(code)] += 1;
        }
        fewbits::entropy(&counts)
    };
    let codes = quantizer.quantize(&signal).unwrap();
    let first = Difference::of(&quantizer).unwrap();
    let second = first.clone().order(2).unwrap();
    let bits = [entropy(&codes), entropy(&first.forward(&codes).unwrap()), entropy(&second.forward(&codes).unwrap())];
    assert!(bits[0] > 12.0 && bits[1] < 6.0 && bits[2] < 1.6, "{bits:?}");

    // The bound is the quantizer's: through a pipeline of narrow codes, every value keeps it.
    let narrow = Then::new(second, BitPack::new(14).unwrap());
    let pipeline = Coded::new(&quantizer, narrow);
    for chunk_len in [777, 100_000] {
        let frame = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&signal).unwrap();
        let restored: Vec<f32> = fewbits::decompress(&frame).unwrap();
        assert!(signal.iter().zip(&restored).all(|(x, y)| (f64::from(*x) - f64::from(*y)).abs() <= 1e-4));
        assert_eq!(to_bits(&restored), to_bits(&quantizer.fake_quantize(&signal).unwrap()));
        let mut part = vec![0.0_f32; 2000];
        Frame::parse(&frame).unwrap().decoder().unwrap().decode_range_into(30_001..32_001, &mut part).unwrap();
        assert_eq!(to_bits(&part), to_bits(&restored[30_001..32_001]));
    }
}

/// A field: neighbours across, down and through predict each other.
#[test]
fn fields_gain_along_every_axis() {
    const SHAPE: [usize; 3] = [20, 30, 40];
    let field: Vec<f32> = (0..20 * 30 * 40)
        .map(|i| ((i / 1200) as f32 * 0.1).sin() * ((i / 40 % 30) as f32 * 0.12).cos() + ((i % 40) as f32 * 0.15).sin())
        .collect();
    let quantizer = ErrorBound::max_abs_error(1e-4).codes::<u16>().fit(&field).unwrap();
    let codes = quantizer.quantize(&field).unwrap();
    let mut map = Difference::of(&quantizer).unwrap();
    let mut large = vec![codes.len()];
    for axis in [2, 1, 0] {
        map = map.along(&SHAPE, axis).unwrap();
        large.push(map.forward(&codes).unwrap().iter().filter(|&&code| code >= 32).count());
    }
    assert!(10 * large[2] < large[1] && 3 * large[3] < large[2], "codes of 32 and more: {large:?}");
}

#[test]
fn wrong_settings_and_codes_are_errors() {
    assert!(matches!(Difference::<u8>::new(0), Err(Error::Setting { name: "level_count", .. })));
    assert!(matches!(Difference::<u8>::new(257), Err(Error::CodeWidth { level_count: 257, code_bits: 8 })));
    let map = Difference::<u8>::new(100).unwrap();
    assert!(matches!(map.clone().order(3), Err(Error::Setting { name: "order", .. })));
    assert!(matches!(map.clone().along(&[2, 2], 2), Err(Error::Setting { name: "axis", .. })));
    let all = (0..8).try_fold(map.clone(), |map, _| map.along(&[2, 2], 0)).unwrap();
    assert!(matches!(all.along(&[2, 2], 0), Err(Error::Setting { name: "axes", .. })));
    assert!(matches!(map.forward(&[3, 100]), Err(Error::Code { index: 1, code: 100, level_count: 100 })));
    assert!(matches!(map.inverse(&[100]), Err(Error::Code { index: 0, .. })));
    assert!(matches!(map.forward_into(&[1, 2], &mut [0]), Err(Error::Length { .. })));
    // 7 bits hold codes that are no differences: damage.
    let codec = Then::new(map, BitPack::<u8>::new(7).unwrap());
    assert!(matches!(codec.decode(&[0x7f], 1), Err(Error::Corrupt { what: "code", found: 127 })));
    assert_eq!(codec.encoded_len(3), None);
    assert_eq!(codec.max_encoded_len(3), 3);
}

#[test]
fn generic_and_dyn_give_the_same_bytes_and_restore() {
    let data = gaussian(1000, 3);
    let quantizer = Uniform::new(6).codes::<u16>().fit(&data).unwrap();
    let (rows, line) =
        (Difference::of(&quantizer).unwrap().along(&[100, 10], 0).unwrap(), Difference::of(&quantizer).unwrap());
    let packed = BitPack::of(&quantizer);
    let generic = Then::new(rows.clone(), Then::new(line.clone(), packed));
    let dynamic: Then<Box<dyn CodeMap<Code = u16>>, Box<dyn Codec<Code = u16>>> =
        Then::new(Box::new(rows), Box::new(Then::new(Box::new(line) as Box<dyn CodeMap<Code = u16>>, packed)));
    let bytes = Frame::encode(&Coded::new(&quantizer, &generic), &data).unwrap();
    assert_eq!(Frame::encode(&Coded::new(&quantizer, &dynamic), &data).unwrap(), bytes);
    // The reader takes narrower codes.
    let any = Box::<dyn Pipeline>::from_bytes(&Coded::new(&quantizer, &generic).to_bytes()).unwrap();
    assert_eq!(any.encode(&data).unwrap(), Coded::new(&quantizer, &generic).encode(&data).unwrap());
    let restored: Vec<f32> = fewbits::decompress(&bytes).unwrap();
    assert_eq!(to_bits(&restored), to_bits(&quantizer.fake_quantize(&data).unwrap()));

    // More than four in a row are refused.
    let mut nested: Box<dyn Codec<Code = u16>> = Box::new(packed);
    for depth in 1..=6 {
        nested = Box::new(Then::new(Difference::of(&quantizer).unwrap(), nested));
        let bytes = Coded::new(&quantizer, &nested).to_bytes();
        assert_eq!(Box::<dyn Pipeline>::from_bytes(&bytes).is_ok(), depth <= 4);
    }
}

#[test]
fn forged_parameters_are_errors_or_decode() {
    let mut random = Random(7);
    let quantizer = Uniform::new(6).fit(&gaussian(60, 4)).unwrap();
    let map = Difference::of(&quantizer).unwrap().along(&[4, 15], 0).unwrap().along(&[4, 15], 1).unwrap();
    let bytes = Then::new(map, BitPack::of(&quantizer)).to_bytes();
    let mut decoded = 0;
    for _ in 0..5000 {
        let mut bytes = bytes.clone();
        let at = random.below(bytes.len() - 4);
        bytes[at] ^= 1 << random.below(8);
        common::seal(&mut bytes);
        match Box::<dyn Codec<Code = u8>>::from_bytes(&bytes) {
            Ok(codec) => {
                let stream: Vec<u8> = (0..codec.max_encoded_len(60)).map(|_| random.bits() as u8).collect();
                decoded += usize::from(codec.decode(&stream, 60).is_ok());
                let _ = codec.decode_pieces(0, &stream, 60, &mut [0; 8], &mut |_| Ok(()));
            }
            Err(Error::CodeWidth { .. }) => {}
            Err(error) => assert_ne!(error.kind(), ErrorKind::Input, "{error}"),
        }
    }
    assert!(decoded > 10, "{decoded}");
}
