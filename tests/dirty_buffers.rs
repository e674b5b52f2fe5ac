//! Law: results never depend on what the caller's buffers held.

mod common;

use common::{codecs, gaussian, quantizers, to_bits};
use fewbits::{BitPack, Codec, CodecExt, Coded, Frame, FrameWriter, PipelineExt, QuantizerExt, f16};

const LEN: usize = 5001;

#[test]
fn stages() {
    let data = gaussian(LEN, 21);
    let halves: Vec<f16> = data.iter().map(|&x| f16::from_f32(x)).collect();
    for case in quantizers() {
        let Ok(quantizer) = (case.fit)(&data) else { continue };
        let runs = [0_u16, 0xffff].map(|dirt| {
            let dirty = f32::from_bits(u32::from(dirt) << 16 | u32::from(dirt));
            let (mut codes, mut values) = (vec![dirt; LEN], vec![dirty; LEN]);
            let (mut fake, mut half_fake) = (vec![dirty; LEN], vec![f16::from_bits(dirt); LEN]);
            quantizer.quantize_into(&data, &mut codes).unwrap();
            quantizer.dequantize_into(&codes, &mut values).unwrap();
            quantizer.fake_quantize_into(&data, &mut fake).unwrap();
            quantizer.fake_quantize_into(&halves, &mut half_fake).unwrap();
            (codes, to_bits(&values), to_bits(&fake), half_fake)
        });
        assert_eq!(runs[0], runs[1], "{}", case.name);
    }
}

#[test]
fn codecs_pipelines_and_frames() {
    let data = gaussian(LEN, 22);
    let codes: Vec<u16> = (0..LEN).map(|i| (i * 31 % 8) as u16).collect();
    for (name, codec) in codecs(8) {
        let runs = [0_u8, 0xff].map(|dirt| {
            let mut bytes = vec![dirt; codec.max_encoded_len(LEN)];
            let written = codec.encode_into(&codes, &mut bytes).unwrap();
            bytes.truncate(written);
            let mut decoded = vec![u16::from(dirt) * 257; LEN];
            codec.decode_into(&bytes, &mut decoded).unwrap();
            (bytes, decoded)
        });
        assert_eq!(runs[0], runs[1], "{name}");
    }
    for case in quantizers() {
        let Ok(quantizer) = (case.fit)(&data) else { continue };
        let pipeline = Coded::packed(&quantizer);
        for writer in [FrameWriter::new(&pipeline), FrameWriter::new(&pipeline).chunk_len(999)] {
            let runs = [0_u8, 0xff].map(|dirt| {
                let mut payload = vec![dirt; pipeline.encode(&data).unwrap().len()];
                assert_eq!(pipeline.encode_into(&data, &mut payload), Ok(payload.len()));
                let mut frame = vec![dirt; writer.max_encoded_len(LEN)];
                let written = writer.encode_into(&data, &mut frame).unwrap();
                frame.truncate(written);
                let mut values = vec![f32::from_bits(u32::from(dirt) * 0x0101_0101); LEN];
                Frame::parse(&frame).unwrap().decoder().unwrap().decode_into(&mut values).unwrap();
                (payload, frame, to_bits(&values))
            });
            assert_eq!(runs[0], runs[1], "{}", case.name);
        }
    }
}

#[test]
fn a_bit_packer_in_a_buffer_that_is_too_large_leaves_the_rest() {
    let mut bytes = [0xaa; 6];
    assert_eq!(BitPack::<u8>::new(4).unwrap().encode_at(0, &[1, 2, 3], &mut bytes), Ok(2));
    assert_eq!(bytes, [0x21, 0x03, 0xaa, 0xaa, 0xaa, 0xaa]);
}
