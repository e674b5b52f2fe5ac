//! Maps of codes that regroup or fold: known values, every length and start, hostile bytes.

mod common;

use common::Random;
use fewbits::{
    BitPack, ByteShuffle, Code, CodeMap, CodeMapExt, Codec, CodecExt, Coded, Describe, Difference, Error, Fit, Frame,
    FrameWriter, PipelineExt, Rans, Restore, Then, Uniform, ZigZag,
};

#[test]
fn folded_codes_are_in_the_order_of_their_distance() {
    for n in 1..=60_u32 {
        for centre in 0..n {
            let map = ZigZag::<u8>::new(n).unwrap().centre(centre).unwrap();
            let mut by_distance: Vec<u8> = (0..n as u8).collect();
            by_distance.sort_by_key(|&code| (u32::from(code).abs_diff(centre), code));
            let ranks: Vec<u8> = (0..n as u8).collect();
            assert_eq!(map.forward(&by_distance).unwrap(), ranks, "{n} levels about {centre}");
            assert_eq!(map.inverse(&ranks).unwrap(), by_distance);
        }
    }
    // The largest alphabets.
    let codes = [0, 1, u32::MAX / 2, u32::MAX - 2, u32::MAX - 1];
    for centre in codes {
        let map = ZigZag::<u32>::new(u32::MAX).unwrap().centre(centre).unwrap();
        assert_eq!(map.inverse(&map.forward(&codes).unwrap()).unwrap(), codes);
    }
}

/// By the definition: sorted by place, then by position.
fn planes<C: Code>(codes: &[C], start: usize, size: usize) -> Vec<C> {
    let mut order: Vec<usize> = (0..codes.len()).collect();
    order.sort_by_key(|i| (start + i) % size);
    order.into_iter().map(|i| codes[i]).collect()
}

#[test]
fn shuffled_codes_equal_the_definition_and_come_back() {
    let mut random = Random(3);
    for size in [2, 3, 4, 8, 255, 256] {
        let map = ByteShuffle::<u8>::new(256, size).unwrap();
        for len in [0, 1, 2, 7, 100, 300, 5000] {
            for start in [0, 1, size - 1, 1000] {
                let codes: Vec<u8> = (0..len).map(|_| random.bits() as u8).collect();
                let mut mapped = codes.clone();
                map.forward_at(start, &mut mapped).unwrap();
                assert_eq!(mapped, planes(&codes, start, size), "{len} codes of {size} from {start}");
                map.inverse_at(start, &mut mapped, &mut []).unwrap();
                assert_eq!(mapped, codes);
            }
        }
    }
}

/// High bytes of slowly growing numbers are hardly anything, once they stand together.
#[test]
fn planes_in_front_of_differences_pay() {
    let bytes: Vec<u8> = (0..20_000_u32).flat_map(|i| (1_000_000 + 37 * i).to_le_bytes()).collect();
    let difference = Difference::<u8>::new(256).unwrap();
    let settings = Then::new(ByteShuffle::new(256, 4).unwrap(), Then::new(difference.clone(), Rans::new()));
    let together = settings.fit(&bytes).unwrap();
    let apart = Then::new(difference, Rans::new()).fit(&bytes).unwrap();
    let [together_len, apart_len] =
        [together.encode(&bytes).unwrap(), apart.encode(&bytes).unwrap()].map(|stream| stream.len());
    assert!(3 * together_len < apart_len, "{together_len} bytes, {apart_len} without planes");
    assert_eq!(together.decode(&together.encode(&bytes).unwrap(), bytes.len()).unwrap(), bytes);
    // In front of entropy coding alone, as settings.
    let alone = Then::new(ByteShuffle::new(256, 4).unwrap(), Rans::new()).fit(&bytes).unwrap();
    assert_eq!(alone.decode(&alone.encode(&bytes).unwrap(), bytes.len()).unwrap(), bytes);
}

#[test]
fn wrong_settings_and_codes_are_errors() {
    assert!(matches!(ZigZag::<u8>::new(0), Err(Error::Setting { name: "level_count", .. })));
    assert!(matches!(ZigZag::<u8>::new(257), Err(Error::CodeWidth { level_count: 257, code_bits: 8 })));
    let zigzag = ZigZag::<u8>::new(100).unwrap();
    assert!(matches!(zigzag.centre(100), Err(Error::Setting { name: "centre", .. })));
    assert!(matches!(zigzag.forward(&[3, 100]), Err(Error::Code { index: 1, code: 100, level_count: 100 })));
    assert!(matches!(zigzag.inverse(&[100]), Err(Error::Code { index: 0, .. })));
    for size in [0, 1, 257] {
        assert!(matches!(ByteShuffle::<u8>::new(256, size), Err(Error::Setting { name: "size", .. })));
    }
    let shuffle = ByteShuffle::<u8>::new(100, 2).unwrap();
    assert!(matches!(shuffle.inverse(&[1, 2, 100]), Err(Error::Code { index: 2, code: 100, level_count: 100 })));
    // A piece of a stream cannot be undone.
    assert!(matches!(shuffle.inverse_at(0, &mut [1, 2], &mut [0]), Err(Error::Length { what: "history", .. })));
    // 7 bits hold codes that are none: damage.
    assert!(matches!(
        Then::new(shuffle, BitPack::<u8>::new(7).unwrap()).decode(&[0x7f], 1),
        Err(Error::Corrupt { what: "code", found: 127 })
    ));
    // Codes are reached alone behind one, not behind the other.
    assert_eq!(Then::new(zigzag, BitPack::<u8>::new(7).unwrap()).encoded_len(8), Some(7));
    assert_eq!(Then::new(shuffle, BitPack::<u8>::new(7).unwrap()).encoded_len(8), None);
}

#[test]
fn forged_parameters_are_errors_or_decode() {
    let mut random = Random(8);
    let maps = [
        Then::new(ZigZag::<u8>::new(200).unwrap().centre(9).unwrap(), BitPack::<u8>::new(8).unwrap()).to_bytes(),
        Then::new(ByteShuffle::<u8>::new(200, 3).unwrap(), BitPack::<u8>::new(8).unwrap()).to_bytes(),
    ];
    let mut decoded = 0;
    for round in 0..10_000 {
        let mut bytes = maps[round % 2].clone();
        let at = random.below(bytes.len() - 4);
        bytes[at] = random.bits() as u8;
        common::seal(&mut bytes);
        if let Ok(codec) = Box::<dyn Codec<Code = u8>>::from_bytes(&bytes) {
            let stream: Vec<u8> = (0..codec.max_encoded_len(60)).map(|_| random.below(150) as u8).collect();
            decoded += usize::from(codec.decode(&stream, 60).is_ok());
        }
    }
    assert!(decoded > 100, "{decoded}");
}

#[test]
fn frames_are_cut_anywhere() {
    let data = common::gaussian(1000, 5);
    let quantizer = Uniform::new(8).fit(&data).unwrap();
    let packed = BitPack::of(&quantizer);
    let plain: Vec<f32> = fewbits::decompress(&Frame::encode(&Coded::new(&quantizer, packed), &data).unwrap()).unwrap();
    let codec = Then::new(ByteShuffle::of(&quantizer, 3).unwrap(), Then::new(ZigZag::of(&quantizer).unwrap(), packed));
    let pipeline = Coded::new(&quantizer, codec);
    for chunk_len in [1, 2, 100, 1000] {
        let frame = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&data).unwrap();
        assert_eq!(fewbits::decompress::<f32>(&frame).unwrap(), plain);
        let mut part = [0.0_f32; 50];
        Frame::parse(&frame).unwrap().decoder().unwrap().decode_range_into(333..383, &mut part).unwrap();
        assert_eq!(part, plain[333..383]);
    }
    assert_eq!(pipeline.decode::<f32>(&pipeline.encode(&data).unwrap(), 1000).unwrap(), plain);
}
