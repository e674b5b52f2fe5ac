//! Law: codecs return bit-identical codes, and bytes of values come back bit for bit.

mod common;

use common::{Random, codecs, gaussian, quantizers, shaped_quantizers, to_bits};
use fewbits::{
    BitPack, Code, CodecExt, Coded, Describe, Error, Frame, FrameWriter, Pipeline, PipelineExt, Quantizer,
    QuantizerExt, Restore, bf16, f16, values_from_le_bytes, values_from_le_bytes_into, values_to_le_bytes,
    values_to_le_bytes_into,
};
use proptest::prelude::*;

#[test]
fn every_codec_returns_its_codes() {
    let mut random = Random(1);
    for level_count in [1, 2, 3, 15, 16, 17, 255, 4096, 65_536] {
        for (name, codec) in codecs(level_count) {
            for len in (0..=65).chain([1000, 4095, 4096, 4097, 20_000]) {
                let codes: Vec<u16> = (0..len).map(|_| random.below(level_count as usize) as u16).collect();
                let bytes = codec.encode(&codes).unwrap();
                assert!(bytes.len() <= codec.max_encoded_len(len));
                assert_eq!(codec.encoded_len(len).unwrap_or(bytes.len()), bytes.len());
                assert_eq!(codec.decode(&bytes, len).unwrap(), codes, "{name}");
                check_pieces(&*codec, &bytes, &codes);
            }
        }
    }
}

/// Decoding piece by piece hands out the same codes, in full pieces, whatever the length of a piece.
fn check_pieces(codec: &dyn fewbits::Codec<Code = u16>, bytes: &[u8], codes: &[u16]) {
    for piece_len in [0, 1, 3, 8, 64, 4096] {
        let (mut piece, mut all) = (vec![7; piece_len], Vec::new());
        let read = codec.decode_pieces(0, bytes, codes.len(), &mut piece, &mut |codes| {
            all.extend_from_slice(codes);
            Ok(())
        });
        assert_eq!((read, &all[..]), (Ok(bytes.len()), codes), "pieces of {piece_len}");
    }
}

fn check_width<C: Code>(width: u32, codes: &[C]) {
    let codec = BitPack::<C>::new(width).unwrap();
    let bytes = codec.encode(codes).unwrap();
    assert_eq!(bytes.len(), (codes.len() * width as usize).div_ceil(8));
    assert_eq!(codec.decode(&bytes, codes.len()).unwrap(), codes);
}

proptest! {
    #[test]
    fn packing_of_any_codes(width in 1..=32_u32, codes in prop::collection::vec(any::<u32>(), 0..400)) {
        let codes: Vec<u32> = codes.iter().map(|code| code >> (32 - width)).collect();
        check_width(width, &codes);
        if width <= 16 {
            check_width(width, &codes.iter().map(|&code| code as u16).collect::<Vec<_>>());
        }
        if width <= 8 {
            check_width(width, &codes.iter().map(|&code| code as u8).collect::<Vec<_>>());
        }
    }

    #[test]
    fn frames_decode_to_what_the_stages_say(
        len in 0..3000_usize,
        chunk_len in 1..2000_usize,
        seed in any::<u64>(),
        choice in 0..quantizers().len(),
    ) {
        let data = gaussian(len.max(1), seed);
        let Ok(quantizer) = (quantizers()[choice].fit)(&data) else { return Ok(()) };
        let expected: Vec<f32> = quantizer.fake_quantize(&data).unwrap();
        let pipeline = Coded::packed(&quantizer);
        let frame = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&data).unwrap();
        prop_assert_eq!(to_bits(&fewbits::decompress(&frame).unwrap()), to_bits(&expected));
        prop_assert_eq!(to_bits(&pipeline.decode(&pipeline.encode(&data).unwrap(), data.len()).unwrap()), to_bits(&expected));

        let decoder = Frame::parse(&frame).unwrap().decoder().unwrap();
        let mut random = Random(seed);
        for _ in 0..10 {
            let (a, b) = (random.below(data.len() + 1), random.below(data.len() + 1));
            let range = a.min(b)..a.max(b);
            let mut part = vec![f32::NAN; range.len()];
            decoder.decode_range_into(range.clone(), &mut part).unwrap();
            prop_assert_eq!(to_bits(&part), to_bits(&expected[range]));
        }
    }
}

#[test]
fn parameters_restore_to_stages_that_write_the_same() {
    let data = gaussian(210, 13);
    for case in quantizers().into_iter().chain(shaped_quantizers([5, 6, 7])) {
        let Some(quantizer) = case.fitted(&data) else { continue };
        let bytes = quantizer.to_bytes();
        let restored = Box::<dyn Quantizer<Code = u16>>::from_bytes(&bytes).unwrap();
        assert_eq!(restored.to_bytes(), bytes, "{}", case.name);
        for (name, codec) in codecs(quantizer.level_count()) {
            let bytes = Coded::new(&quantizer, codec).to_bytes();
            let restored = Box::<dyn Pipeline>::from_bytes(&bytes).unwrap();
            assert_eq!(restored.to_bytes(), bytes, "{}, {name}", case.name);
        }
    }
}

#[test]
fn codes_that_do_not_fit_are_refused_not_cut() {
    let codec = BitPack::<u8>::new(3).unwrap();
    assert_eq!(codec.encode(&[7, 0, 8, 9]), Err(Error::Code { index: 2, code: 8, level_count: 8 }));
    let codec = BitPack::<u32>::new(31).unwrap();
    let too_large = Error::Code { index: 1, code: 1 << 31, level_count: 1 << 31 };
    assert_eq!(codec.encode(&[0, 1 << 31]), Err(too_large));
    assert!(BitPack::<u32>::new(32).unwrap().encode(&[u32::MAX]).is_ok());
}

#[test]
fn pad_bits_are_checked() {
    let codec = BitPack::<u8>::new(3).unwrap();
    let mut bytes = codec.encode(&[1, 2, 3]).unwrap();
    for bit in 1..8 {
        bytes[1] ^= 1 << bit;
        assert!(matches!(codec.decode(&bytes, 3), Err(Error::Corrupt { what: "pad bits", .. })));
        bytes[1] ^= 1 << bit;
    }
    assert_eq!(codec.decode(&bytes, 3).unwrap(), [1, 2, 3]);
}

#[test]
fn values_and_bytes_at_any_alignment() {
    let f32s = [0.0_f32, -0.0, 1.5, f32::MIN_POSITIVE, f32::from_bits(1), f32::INFINITY, f32::from_bits(0x7fa0_0001)];
    let f16s = [0x0000_u16, 0x8000, 0x3c00, 0x0001, 0x7c00, 0x7d01].map(f16::from_bits);
    let bf16s = [0x0000_u16, 0x8000, 0x3f80, 0x0001, 0x7f80, 0x7fa1].map(bf16::from_bits);
    for shift in 0..8 {
        let shifted = |bytes: Vec<u8>| [vec![0xaa; shift], bytes].concat();
        let bytes = shifted(values_to_le_bytes(&f32s));
        assert_eq!(bytes[shift + 8..shift + 12], 1.5_f32.to_le_bytes());
        assert_eq!(to_bits(&values_from_le_bytes(&bytes[shift..]).unwrap()), to_bits(&f32s));
        let bytes = shifted(values_to_le_bytes(&f16s));
        assert_eq!(values_from_le_bytes::<f16>(&bytes[shift..]).unwrap().map_bits(), f16s.to_vec().map_bits());
        let bytes = shifted(values_to_le_bytes(&bf16s));
        assert_eq!(values_from_le_bytes::<bf16>(&bytes[shift..]).unwrap().map_bits(), bf16s.to_vec().map_bits());
    }
    assert!(matches!(values_from_le_bytes::<f32>(&[0; 7]), Err(Error::Length { expected: 4, actual: 7, .. })));
    assert!(values_from_le_bytes_into(&[0; 7], &mut [0.0_f32; 2]).is_err());
    let mut bytes = [0; 8];
    values_to_le_bytes_into(&[1.0_f32, -2.0], &mut bytes).unwrap();
    assert_eq!(bytes, [0, 0, 128, 63, 0, 0, 0, 192]);
}

/// Halves compare by value; NaN payloads and zeros need bits.
trait MapBits {
    fn map_bits(self) -> Vec<u16>;
}
impl MapBits for Vec<f16> {
    fn map_bits(self) -> Vec<u16> {
        self.into_iter().map(f16::to_bits).collect()
    }
}
impl MapBits for Vec<bf16> {
    fn map_bits(self) -> Vec<u16> {
        self.into_iter().map(bf16::to_bits).collect()
    }
}
