//! Law: every truncation and every flipped bit is an error; with the checksum recomputed after the damage, nothing
//! panics and no memory is taken that the input has not earned.

#[path = "common/alloc.rs"]
mod alloc;
mod common;
#[path = "common/mend.rs"]
mod mend;

use alloc::{Counting, peak_bytes};
use common::{Random, codecs, gaussian, quantizers, shaped_quantizers};
use fewbits::{
    Automaton, BitPack, Blocks, Codec, Coded, ContextRans, Dct, Describe, Difference, Element, Error, ErrorBound,
    ErrorKind, Fit, Frame, FrameStreamDecoder, FrameWriter, Groups, Limits, Lossless, PcaTransform, Pipeline,
    PipelineExt, Quantizer, Restore, ScaleType, Then, Trellis, TrellisBlocks, Uniform, UniformQuantizer, bf16, f16,
};
use mend::mend;

#[global_allocator]
static COUNTING: Counting = Counting;

/// Frames of every layout: one chunk and several, all granularities, elements, code widths and scale types.
fn frames() -> Vec<Vec<u8>> {
    let data = gaussian(60, 41);
    let halves: Vec<f16> = data.iter().map(|&x| f16::from_f32(x)).collect();
    let brains: Vec<bf16> = data.iter().map(|&x| bf16::from_f32(x)).collect();
    let mut frames = Vec::new();
    for settings in [
        Uniform::new(3),
        Uniform::new(8).asymmetric().per_block(16).scale_type(ScaleType::F16),
        Uniform::new(2).mid_rise().per_axis(&[3, 20], 0).scale_type(ScaleType::E8M0),
        Uniform::new(4).full_range().per_axis(&[3, 20], 1),
    ] {
        let quantizer = settings.fit(&data).unwrap();
        let pipeline = Coded::packed(quantizer.clone());
        for chunk_len in [16, 1000] {
            let writer = FrameWriter::new(&pipeline).chunk_len(chunk_len);
            frames.push(writer.encode(&data).unwrap());
            frames.push(writer.encode(&halves).unwrap());
            frames.push(writer.encode(&brains).unwrap());
        }
    }
    // Every few quantizers of the list: all would take long and find no more.
    for case in quantizers().into_iter().step_by(5).chain(shaped_quantizers([3, 4, 5])) {
        let Ok(quantizer) = (case.fit)(&data) else { continue };
        // The two narrowest packings, and all that are none.
        let packing = |name: &str| name.ends_with("packed");
        let all = codecs(quantizer.level_count());
        let (packings, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(name, _)| packing(name));
        for (_, codec) in
            packings.into_iter().take(2).chain(others.into_iter().take(if frames.len() % 3 == 0 { 9 } else { 0 }))
        {
            let pipeline = Coded::new(&quantizer, codec);
            frames.push(FrameWriter::new(&pipeline).chunk_len(24).encode(&data).unwrap());
        }
    }
    for settings in [ErrorBound::max_abs_error(0.0), ErrorBound::rmse(0.1), ErrorBound::max_relative_error(1e-4)] {
        frames.push(Frame::encode(&Coded::packed(settings.fit(&data).unwrap()), &data).unwrap());
        frames.push(Frame::encode(&Coded::packed(settings.fit(&halves).unwrap()), &halves).unwrap());
    }
    for blocks in [Blocks::uniform(2, 16).unwrap(), Blocks::uniform(9, 7).unwrap().scale_type(ScaleType::E8M0)] {
        frames.push(FrameWriter::new(&blocks).chunk_len(35).encode(&data).unwrap());
        frames.push(Frame::encode(&blocks, &halves).unwrap());
    }
    for (states, lanes) in [(1, 2), (8, 1), (64, 4)] {
        let automaton = Automaton::trellis(states).unwrap().lanes(lanes).unwrap().period(32).unwrap();
        let settings = Coded::new(Trellis::new(0.2).automaton(automaton), ContextRans::new(automaton));
        frames.push(FrameWriter::new(&settings.fit(&data).unwrap()).chunk_len(32).encode(&data).unwrap());
        let rows = Groups::blocks(10, 60).unwrap();
        let codec = settings.codec.by(rows).by(Groups::axis(&[5], 0).unwrap());
        let settings = Coded::new(settings.quantizer, codec);
        frames.push(Frame::encode(&settings.fit(&halves).unwrap(), &halves).unwrap());
    }
    for bits in [3, 8] {
        let pipeline = TrellisBlocks::new(bits).fit(&data).unwrap();
        frames.push(Frame::encode(&pipeline, &data).unwrap());
        frames.push(Frame::encode(&pipeline, &halves).unwrap());
    }
    frames.push(FrameWriter::new(&Lossless.fit(&data).unwrap()).chunk_len(25).encode(&data).unwrap());
    let quantizer = Uniform::new(3).per_block(16).fit(&data).unwrap();
    frames.push(streamed(&Coded::packed(&quantizer), &data));
    frames.push(streamed(&Blocks::uniform(4, 8).unwrap(), &halves));
    frames.push(streamed(&Lossless.fit(&data).unwrap(), &data[..48]));
    frames.push(streamed::<f32>(&Blocks::uniform(4, 8).unwrap(), &[]));
    let quantizer = Uniform::new(11).codes::<u32>().fit(&data).unwrap();
    frames.push(Frame::encode(&Coded::packed(quantizer.clone()), &data).unwrap());
    let quantizer = Uniform::new(12).codes::<u16>().fit_range(-1.0, 1.0).unwrap();
    frames.push(Frame::encode::<f32, _>(&Coded::packed(quantizer.clone()), &[]).unwrap());
    frames
}

fn streamed<T: Element>(pipeline: &dyn Pipeline, values: &[T]) -> Vec<u8> {
    let mut stream = FrameWriter::new(pipeline).chunk_len(16).stream::<T>();
    [stream.push(values).unwrap(), stream.finish().unwrap()].concat()
}

/// A streamed frame chunk by chunk.
fn decode_stream<T: Element>(bytes: &[u8]) -> Result<usize, Error> {
    let (mut decoder, mut at) = FrameStreamDecoder::open(bytes)?;
    while !decoder.is_finished() {
        at += decoder.next_chunk::<T>(&bytes[at..])?.0;
    }
    if at == bytes.len() { Ok(decoder.len()) } else { Err(Error::Corrupt { what: "bytes left over", found: 1 }) }
}

/// Decodes as whatever element the frame says it holds, by every door.
fn decode(bytes: &[u8]) -> Result<usize, Error> {
    let result = decode_whole(bytes);
    if bytes.get(5).is_some_and(|flags| flags & 0x08 != 0) {
        // What arrives in pieces is the same, or no better.
        let streamed = match bytes[5] & 3 {
            0 => decode_stream::<f32>(bytes),
            1 => decode_stream::<f16>(bytes),
            _ => decode_stream::<bf16>(bytes),
        };
        assert_eq!(streamed.is_ok(), result.is_ok(), "{streamed:?}, {result:?}");
    }
    result
}

fn decode_whole(bytes: &[u8]) -> Result<usize, Error> {
    let frame = Frame::parse(bytes)?;
    let decoder = frame.decoder()?;
    let (len, finite) = match frame.dtype() {
        fewbits::DType::F32 => decoder.decode::<f32>().map(|x| (x.len(), x.iter().all(|x| x.is_finite())))?,
        fewbits::DType::F16 => decoder.decode::<f16>().map(|x| (x.len(), x.iter().all(|x| x.is_finite())))?,
        _ => decoder.decode::<bf16>().map(|x| (x.len(), x.iter().all(|x| x.is_finite())))?,
    };
    assert_eq!(len, frame.len());
    // Masks and lossless pipelines bring any bits back.
    let mut stages = frame.stages();
    let exact = core::iter::from_fn(|| stages.next().ok()).any(|(tag, _)| matches!(tag, 0x11 | 0x12));
    assert!(finite || exact, "not finite");
    let _ = frame.decoder_of::<Coded<UniformQuantizer, BitPack<u8>>>();
    let mut part = [0.0_f32; 3];
    let from = len / 2;
    let _ = decoder.decode_range_into(from..len.min(from + 3), &mut part[..len.min(from + 3) - from]);
    let _ = decoder.decode_range::<f16>(from..len.min(from + 3));
    let _ = decoder.decode_as::<bf16>();
    Ok(len)
}

#[test]
fn every_truncation_is_an_error() {
    for frame in frames() {
        assert!(decode(&frame).is_ok());
        for len in 0..frame.len() {
            let error = decode(&frame[..len]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{len} of {} bytes: {error}", frame.len());
        }
        let longer = [&frame[..], &[0]].concat();
        assert!(matches!(decode(&longer), Err(Error::Corrupt { what: "bytes left over", found: 1 })));
    }
}

#[test]
fn every_flipped_bit_is_an_error() {
    for frame in frames() {
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&damaged).is_err(), "bit {bit} of {frame:?}");
        }
    }
}

/// Damaged bytes, mended: any result but a panic, within the memory they can ask for.
fn survive(mut bytes: Vec<u8>) -> bool {
    mend(&mut bytes);
    let (result, peak) = peak_bytes(|| decode(&bytes));
    // Stages take 4 bytes for the 1-byte scale of a group, values 32 bytes for a byte of 1-bit codes.
    let mut earned = 36 * bytes.len() + 1024;
    if bytes.contains(&0x22) {
        // Each of up to 4 cosine transforms makes its own matrices.
        earned += 4 * 92_160;
    }
    if bytes.contains(&0x41) {
        // Tables of an entropy coder: 8 bytes for each of 2^14 slots, and 16 for each of 1,024 codes in a row.
        earned += 4 * (8 << 14) + (16 << 10);
    }
    if bytes.contains(&0x42) {
        // 64 classes of two sides: 8 bytes for each of 2^12 slots, and 24 for each of 770 symbols in a row.
        earned += 128 * ((8 << 12) + 24 * 770);
    }
    assert!(peak <= earned, "{peak} bytes for {} bytes: {result:?}", bytes.len());
    // Parameters alone, from the same bytes.
    let _ = UniformQuantizer::<u8>::from_bytes(&bytes);
    result.is_ok()
}

#[test]
fn mending_is_right_for_sound_frames() {
    for frame in frames() {
        let mut mended = frame.clone();
        mend(&mut mended);
        assert_eq!(mended, frame);
    }
}

#[test]
fn no_panic_with_mended_checksums() {
    let mut decoded = 0;
    for frame in frames() {
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            decoded += usize::from(survive(damaged));
        }
        for at in 0..frame.len() {
            for byte in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                let mut damaged = frame.clone();
                damaged[at] = byte;
                survive(damaged);
            }
            for extra in [1, 4, 9] {
                let mut longer = frame.clone();
                longer.splice(at..at, vec![0xff; extra]);
                survive(longer);
                let mut shorter = frame.clone();
                shorter.drain(at..frame.len().min(at + extra));
                survive(shorter);
            }
        }
    }
    assert!(decoded > 1000, "mended payloads decode, so the test reaches behind the checksum: {decoded}");
}

#[test]
fn no_panic_on_random_damage() {
    let (frames, mut random) = (frames(), Random(42));
    for _ in 0..200_000 {
        let mut damaged = frames[random.below(frames.len())].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(damaged.len());
            damaged[at] = random.bits() as u8;
        }
        survive(damaged);
    }
}

/// A frame by hand: one chunk of u8 codes and f32 values.
fn by_hand(count: u64, stages: &[u8], side: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"fewb\0\0".to_vec();
    let varint = |bytes: &mut Vec<u8>, mut x: u64| {
        while x >= 0x80 {
            bytes.push(x as u8 | 0x80);
            x >>= 7;
        }
        bytes.push(x as u8);
    };
    varint(&mut bytes, count);
    for section in [stages, side] {
        varint(&mut bytes, section.len() as u64);
        bytes.extend_from_slice(section);
    }
    varint(&mut bytes, payload.len() as u64);
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// One f32 scale, the grid -1..=1, packed in 2 bits.
const STAGES: [u8; 12] = [0x01, 2, 0x00, 0x00, 0x02, 3, 0x00, 1, 3, 0x40, 1, 2];

#[test]
fn absurd_counts_take_no_memory() {
    let scale = 0.5_f32.to_le_bytes();
    let sound = by_hand(4, &STAGES, &scale, &[0b10_01_00_10]);
    assert_eq!(fewbits::decompress::<f32>(&sound).unwrap(), [0.5, -0.5, 0.0, 0.5]);
    let (result, peak) = peak_bytes(|| {
        for count in [5, 1000, 1 << 24, 1 << 32, 1 << 40, u64::MAX >> 1, u64::MAX] {
            let error = decode(&by_hand(count, &STAGES, &scale, &[0b10_01_00_10])).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Limit), "{error}");
        }
        // Groups beyond any memory: rows of one value, and blocks of one value.
        for layout in [&[2, 1][..], &[1, 1][..]] {
            let mut stages = vec![0x01, 0, 0x00];
            stages.extend_from_slice(layout);
            stages.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
            stages[1] = stages.len() as u8 - 2;
            stages.extend_from_slice(&STAGES[4..]);
            let error = decode(&by_hand(4, &stages, &scale, &[0])).unwrap_err();
            assert!(matches!(error, Error::Truncated { .. }), "{error}");
        }
        // Lengths beyond the bytes.
        for at in [7, 10, 15, 25] {
            let mut bytes = sound.clone();
            bytes.splice(at..=at, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
            assert!(decode(&bytes).is_err());
        }
    });
    let () = result;
    assert!(peak < 20_000, "{peak} bytes");
}

#[test]
fn a_tensor_has_one_spelling() {
    // An axis of one group of 2^64 - 1 values.
    let mut stages = vec![0x01, 13, 0x00, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1];
    stages.extend_from_slice(&STAGES[4..]);
    let error = decode(&by_hand(0, &stages, &0.5_f32.to_le_bytes(), &[])).unwrap_err();
    assert_eq!(error, Error::Corrupt { what: "axis that is a tensor", found: u64::MAX });
    // One value less is an axis like any other.
    stages[4] = 0xfe;
    assert_eq!(decode(&by_hand(0, &stages, &0.5_f32.to_le_bytes(), &[])), Ok(0));
}

#[test]
fn values_beyond_the_element_of_a_frame_are_damage() {
    let quantizer = Uniform::new(4).fit_range(-7.0, 7.0).unwrap();
    let pipeline = Coded::packed(&quantizer);
    for chunk_len in [2, 100] {
        // An f16 frame whose scale of 1 was changed to a million.
        let halves = [0.0, 0.0, -7.0, 1.0].map(f16::from_f32);
        let mut bytes = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&halves).unwrap();
        let at = bytes.windows(4).position(|bytes| bytes == 1.0_f32.to_le_bytes()).unwrap();
        bytes[at..at + 4].copy_from_slice(&1e6_f32.to_le_bytes());
        mend(&mut bytes);
        let damage = Error::Corrupt { what: "a level beyond the frame's element, at value", found: 2 };
        assert_eq!(fewbits::decompress::<f16>(&bytes), Err(damage.clone()));
        let decoder = Frame::parse(&bytes).unwrap().decoder().unwrap();
        assert_eq!(decoder.decode_range_into(0..2, &mut [f16::ZERO; 2]), Ok(()));
        assert_eq!(decoder.decode_range_into(3..4, &mut [f16::ZERO]), Err(damage));
        // A payload alone decodes to whatever element the caller chooses, so there it is a matter of the choice.
        let payload = [0x77, 0x80];
        assert!(matches!(decoder.pipeline().decode::<f16>(&payload, 4), Err(Error::Overflow { index: 2, .. })));
        assert_eq!(decoder.pipeline().decode(&payload, 4), Ok(vec![0.0_f32, 0.0, -7e6, 1e6]));
    }
}

#[test]
fn limits_hold() {
    let quantizer = Uniform::new(2).fit_range(-1.0, 1.0).unwrap();
    let pipeline = Coded::packed(quantizer.clone());
    let frame = FrameWriter::new(&pipeline).chunk_len(1000).encode(&vec![0.5_f32; 10_000]).unwrap();
    let limited = fewbits::decompress_within::<f32>(&frame, Limits::bytes(39_999));
    assert_eq!(limited, Err(Error::Limit { needed: 40_000, limit: 39_999 }));
    assert_eq!(fewbits::decompress_within::<f32>(&frame, Limits::none()).unwrap().len(), 10_000);
    // A chunk that is damaged ends the growth of the output.
    let mut damaged = frame.clone();
    damaged[frame.len() - 2400] ^= 1;
    let (result, peak) = peak_bytes(|| fewbits::decompress::<f32>(&damaged));
    assert!(matches!(result, Err(Error::Checksum { what: "a chunk", .. })) && peak < 20_000, "{peak}");
}

#[test]
fn what_is_not_a_frame_says_so() {
    assert_eq!(decode(b""), Err(Error::NotAFrame));
    assert_eq!(decode(b"few"), Err(Error::NotAFrame));
    assert_eq!(decode(b"PK\x03\x04 and so on"), Err(Error::NotAFrame));
    let mut frame = frames().remove(0);
    frame[4] = 7;
    assert_eq!(decode(&frame), Err(Error::Version { found: 7, supported: 0 }));
    let known = [0x01, 2, 0x00, 0x00, 0x3f, 0, 0x40, 1, 2];
    let error = decode(&by_hand(4, &known, &0.5_f32.to_le_bytes(), &[0])).unwrap_err();
    assert!(matches!(error, Error::WrongStage { found: 0x3f, .. }), "{error}");
    let many = |count: usize| decode(&by_hand(4, &[0xc5, 0].repeat(count), &[], &[0]));
    assert_eq!(many(64), Err(Error::ForeignStage { tag: 0xc5 }));
    assert_eq!(many(65), Err(Error::Corrupt { what: "too many stages", found: 65 }));
    for stages in [&STAGES[..4], &[0x10, 2, 0x00, 4]] {
        let error = decode(&by_hand(4, stages, &0.5_f32.to_le_bytes(), &[0])).unwrap_err();
        assert_eq!(error, Error::Corrupt { what: "no levels behind stage", found: stages[0].into() });
    }
    let foreign = [0xc5, 0, 0x40, 1, 2];
    assert_eq!(decode(&by_hand(4, &foreign, &[], &[0])), Err(Error::ForeignStage { tag: 0xc5 }));
}

#[test]
fn wrong_elements_and_parameters_are_errors() {
    let data = gaussian(60, 43);
    let quantizer = Uniform::new(4).fit(&data).unwrap();
    let pipeline = Coded::packed(quantizer.clone());
    let frame = Frame::encode(&pipeline, &data).unwrap();
    assert!(matches!(fewbits::decompress::<f16>(&frame), Err(Error::WrongElement { .. })));

    let bytes = quantizer.to_bytes();
    assert_eq!(UniformQuantizer::<u8>::from_bytes(&bytes).unwrap(), quantizer);
    for len in 0..bytes.len() {
        assert!(UniformQuantizer::<u8>::from_bytes(&bytes[..len]).is_err());
    }
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(UniformQuantizer::<u8>::from_bytes(&damaged).is_err());
    }
    assert!(matches!(BitPack::<u8>::from_bytes(&bytes), Err(Error::WrongStage { found: 0x01, .. })));
    let wide = Uniform::new(12).codes::<u16>().fit(&data).unwrap();
    assert!(matches!(UniformQuantizer::<u8>::from_bytes(&wide.to_bytes()), Err(Error::CodeWidth { .. })));
    assert!(Coded::<UniformQuantizer, BitPack<u8>>::from_bytes(&pipeline.to_bytes()).unwrap() == pipeline);
    assert!(matches!(UniformQuantizer::<u8>::from_bytes(&pipeline.to_bytes()), Err(Error::WrongStage { .. })));
}

/// A codec behind a map says what a count needs before the map takes memory for it.
#[test]
fn counts_behind_maps_are_checked_first() {
    let quantizer = Uniform::new(1).mid_rise().fit_range(-1.0, 1.0).unwrap();
    let map = Difference::of(&quantizer).unwrap().along(&[2, 1 << 20], 0).unwrap();
    let pipeline = Coded::new(&quantizer, Then::new(map, BitPack::of(&quantizer)));
    let mut codes = [0; 64];
    let (result, peak) =
        peak_bytes(|| pipeline.codec.decode_pieces(0, &[0; 100], 16_000_000, &mut codes, &mut |_| Ok(())));
    assert!(matches!(result, Err(Error::Truncated { .. })) && peak < 1000, "{result:?}, {peak} bytes");
}

/// One coefficient can stand for thousands of values.
#[test]
fn ranges_of_long_blocks_stay_within_limits() {
    let dct = Dct::new(4).unwrap().along(&[8191, 4096], 0).unwrap();
    let line = PcaTransform::new(vec![0.0; 4096], [vec![1.0], vec![0.0; 4095]].concat()).unwrap();
    let inner = Uniform::new(1).mid_rise().fit_range(-1.0, 1.0).unwrap();
    let pipeline = Coded::packed(Then::new(dct, Then::new(line, inner)));
    let len = 8191 * 4096;
    let frame = Frame::encode(&pipeline, &vec![0.0_f32; len]).unwrap();
    assert!(frame.len() < 40_000, "{} bytes", frame.len());
    let decoder = Frame::parse(&frame).unwrap().decoder().unwrap();
    let mut out = [0.0_f32];
    let (result, peak) = peak_bytes(|| decoder.decode_range_into(0..1, &mut out));
    assert!(matches!(result, Err(Error::Limit { .. })) && peak < 100_000, "{result:?}, {peak} bytes");
    assert!(matches!(decoder.decode::<f32>(), Err(Error::Limit { .. })));
}
