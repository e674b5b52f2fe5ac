//! Frames that leave before their last values are known: the same values by any way, in any pieces.

mod common;

use common::{gaussian, quantizers, shaped_quantizers, to_bits};
use fewbits::{
    Blocks, Coded, Error, Fit, Frame, FrameStreamDecoder, FrameWriter, Hadamard, Lossless, Masked, NonFinite, Pipeline,
    Rans, ScaleType, Seed, Then, Uniform, UniformQuantizer, f16,
};

const SHAPE: [usize; 3] = [13, 11, 7];
const LEN: usize = 13 * 11 * 7;

/// All pushed at once.
fn stream(pipeline: &dyn Pipeline, values: &[f32], chunk_len: usize) -> Vec<u8> {
    let mut stream = FrameWriter::new(pipeline).chunk_len(chunk_len).stream::<f32>();
    [stream.push(values).unwrap(), stream.finish().unwrap()].concat()
}

/// As packets of `size` bytes arrive.
fn receive(bytes: &[u8], size: usize) -> Result<Vec<f32>, Error> {
    let (mut decoder, mut arrived, mut values) = (None, Vec::new(), Vec::new());
    for packet in bytes.chunks(size) {
        arrived.extend_from_slice(packet);
        loop {
            let used = match &mut decoder {
                None => FrameStreamDecoder::open(&arrived).map(|(opened, used)| {
                    decoder = Some(opened);
                    used
                }),
                Some(decoder) if decoder.is_finished() => break,
                Some(decoder) => decoder.next_chunk::<f32>(&arrived).map(|(used, chunk)| {
                    values.extend(chunk);
                    used
                }),
            };
            match used {
                Ok(used) => drop(arrived.drain(..used)),
                Err(Error::Truncated { .. }) => break,
                Err(error) => return Err(error),
            }
        }
    }
    assert!(arrived.is_empty());
    let decoder = decoder.unwrap();
    assert!(decoder.is_finished() && decoder.len() == values.len());
    Ok(values)
}

#[test]
fn streams_hold_the_values_of_frames() {
    let data = gaussian(LEN, 61);
    for case in quantizers().into_iter().chain(shaped_quantizers(SHAPE)) {
        let Ok(quantizer) = (case.fit)(&data) else { continue };
        let pipeline = Coded::packed(&quantizer);
        for chunk_len in [64, LEN, usize::MAX] {
            let frame = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&data).unwrap();
            let expected: Vec<f32> = fewbits::decompress(&frame).unwrap();
            let streamed = stream(&pipeline, &data, chunk_len);
            let frame = Frame::parse(&streamed).unwrap();
            assert_eq!((frame.len(), frame.chunk_len() % pipeline.block()), (LEN, 0));
            assert_eq!(to_bits(&frame.decode().unwrap()), to_bits(&expected), "{}", case.name);
            for range in [0..0, 0..LEN, 63..65, 100..900, LEN - 1..LEN, LEN..LEN] {
                let part: Vec<f32> = fewbits::decode_range(&streamed, range.clone()).unwrap();
                assert_eq!(to_bits(&part), to_bits(&expected[range]), "{}", case.name);
            }
            assert_eq!(to_bits(&receive(&streamed, 101).unwrap()), to_bits(&expected), "{}", case.name);
        }
    }
}

#[test]
fn any_pushes_and_packets_are_the_same() {
    let data = gaussian(1000, 62);
    let mut field = data.clone();
    field[130..150].fill(f32::NAN);
    let rotation = Hadamard::new(32, Seed::new(1)).unwrap();
    let coded = Coded::new(Then::new(rotation, Uniform::new(6)), Rans::new()).fit(&data).unwrap();
    let masked = Masked::new(NonFinite::keep(), Blocks::uniform(5, 16).unwrap());
    let lossless = Lossless.fit(&data).unwrap();
    let pipelines: [(&dyn Pipeline, &[f32]); 3] = [(&coded, &data), (&masked, &field), (&lossless, &data)];
    for (pipeline, values) in pipelines {
        let whole = stream(pipeline, values, 128);
        for chunks in [1, 2, 5, 8] {
            let mut stream = FrameWriter::new(pipeline).chunk_len(128).stream::<f32>();
            let mut bytes = Vec::new();
            for (i, values) in values.chunks(chunks * 128).enumerate() {
                if i % 2 == 0 {
                    bytes.extend(stream.push(&[]).unwrap());
                }
                bytes.extend(stream.push(values).unwrap());
            }
            assert_eq!(stream.len(), 1000);
            bytes.extend(stream.finish().unwrap());
            assert!(bytes == whole);
        }
        let expected: Vec<f32> = fewbits::decompress(&whole).unwrap();
        for size in [1, 7, 300, whole.len()] {
            assert_eq!(to_bits(&receive(&whole, size).unwrap()), to_bits(&expected));
        }
    }
}

#[test]
fn what_is_fitted_to_an_array_takes_as_many() {
    let data = gaussian(1000, 63);
    let blocks = Coded::packed(Uniform::new(4).per_block(10).fit(&data).unwrap());
    let rows = Coded::packed(Uniform::new(4).per_axis(&[10, 100], 0).fit(&data).unwrap());
    let mut stream = FrameWriter::new(&blocks).chunk_len(100).stream::<f32>();
    let mut bytes = stream.push(&data[..900]).unwrap();
    assert!(stream.finish().is_err());
    assert!(matches!(stream.push(&[0.0; 200]), Err(Error::BeyondFit { .. })));
    // An error leaves it where it was.
    bytes.extend(stream.push(&data[900..]).unwrap());
    bytes.extend(stream.finish().unwrap());
    assert_eq!(receive(&bytes, 50).unwrap(), fewbits::decompress::<f32>(&bytes).unwrap());
    let mut stream = FrameWriter::new(&rows).chunk_len(700).stream::<f32>();
    stream.push(&data[..700]).unwrap();
    assert!(matches!(stream.finish(), Err(Error::Length { expected: 1000, actual: 700, .. })));
    // An end that was forged to come early.
    let fixed = Coded::packed(Uniform::new(4).per_block(10).fit(&data[..100]).unwrap());
    let mut short = FrameWriter::new(&fixed).chunk_len(100).stream::<f32>();
    let bytes = [short.push(&data[..100]).unwrap(), short.finish().unwrap()].concat();
    assert_eq!(Frame::parse(&bytes).unwrap().len(), 100);
}

#[test]
fn misuse_is_an_error() {
    let blocks = Blocks::uniform(4, 16).unwrap();
    let mut stream = FrameWriter::new(&blocks).chunk_len(30).stream::<f16>();
    assert_eq!(stream.chunk_len(), 32);
    let room = stream.max_encoded_len(32);
    let short = stream.push_into(&[f16::ONE; 32], &mut vec![0; room - 1]);
    assert_eq!(short, Err(Error::Length { what: "bytes", expected: room, actual: room - 1 }));
    let mut values = [f16::ONE; 64];
    values[40] = f16::NAN;
    assert_eq!(stream.push(&values), Err(Error::NonFinite { index: 40 }));
    assert!(stream.is_empty());
    let mut bytes = stream.push(&values[..33]).unwrap();
    assert!(matches!(stream.push(&values[..1]), Err(Error::Unsuited { .. })));
    bytes.extend(stream.finish().unwrap());
    assert!(matches!(stream.push(&[]), Err(Error::Unsuited { .. })));
    assert!(matches!(stream.finish(), Err(Error::Unsuited { .. })));

    let (mut decoder, at) = FrameStreamDecoder::open(&bytes).unwrap();
    assert!(matches!(decoder.next_chunk::<f32>(&bytes[at..]), Err(Error::WrongElement { .. })));
    let none = decoder.next_chunk_into::<f16>(&bytes[at..], &mut []);
    assert_eq!(none, Err(Error::Length { what: "values", expected: 32, actual: 0 }));
    let (used, chunk) = decoder.next_chunk::<f16>(&bytes[at..]).unwrap();
    let all: Vec<f16> = fewbits::decompress(&bytes).unwrap();
    assert_eq!(chunk, all[..32]);
    let mut buffer = [f16::ZERO; 32];
    let (more, count) = decoder.next_chunk_into(&bytes[at + used..], &mut buffer).unwrap();
    assert_eq!((count, buffer[0]), (1, all[32]));
    // A chunk again, where the end should be.
    assert!(matches!(decoder.next_chunk::<f16>(&bytes[at..]), Err(Error::Corrupt { .. })));
    let end = &bytes[at + used + more..];
    assert_eq!(decoder.next_chunk::<f16>(end), Ok((end.len(), vec![])));
    assert!(decoder.is_finished());
    assert_eq!(decoder.next_chunk::<f16>(b"what follows"), Ok((0, vec![])));

    assert!(matches!(FrameStreamDecoder::open(b"few"), Err(Error::Truncated { .. })));
    assert_eq!(FrameStreamDecoder::open(b"fox").unwrap_err(), Error::NotAFrame);
    let whole = Frame::encode(&blocks, &values[..3]).unwrap();
    assert!(matches!(FrameStreamDecoder::open(&whole), Err(Error::Unsuited { .. })));
    let other = FrameStreamDecoder::<Coded<UniformQuantizer, fewbits::BitPack<u8>>>::open_of(&bytes);
    assert!(matches!(other, Err(Error::WrongStage { .. })));
}

/// Every chunk is right by itself; the end says that they are not those that were written.
#[test]
fn chunks_that_are_missing_swapped_or_foreign_are_found() {
    let data = gaussian(96, 64);
    let blocks = Blocks::uniform(8, 32).unwrap();
    let mut stream = FrameWriter::new(&blocks).chunk_len(32).stream::<f32>();
    let header = stream.push(&[]).unwrap();
    let chunks: Vec<Vec<u8>> = data.chunks(32).map(|chunk| stream.push(chunk).unwrap()).collect();
    let end = stream.finish().unwrap();
    let foreign = FrameWriter::new(&blocks).chunk_len(32).stream::<f32>().push(&data[5..37]).unwrap();
    let foreign = foreign[header.len()..].to_vec();
    let join = |order: &[&Vec<u8>]| [&[&header], order, &[&end]].concat().into_iter().flatten().copied().collect();
    let (a, b, c) = (&chunks[0], &chunks[1], &chunks[2]);
    let sound: Vec<u8> = join(&[a, b, c]);
    assert_eq!(Frame::parse(&sound).unwrap().len(), 96);
    for order in [&[a, b][..], &[a, c, b], &[a, b, b], &[a, b, c, c], &[&foreign, b, c], &[]] {
        let forged: Vec<u8> = join(order);
        assert!(matches!(Frame::parse(&forged), Err(Error::Checksum { what: "the end", .. })));
        assert!(matches!(receive(&forged, 10), Err(Error::Checksum { what: "the end", .. })));
    }
    // The header of other stages.
    let other = Blocks::uniform(8, 32).unwrap().scale_type(ScaleType::E8M0);
    let other = FrameWriter::new(&other).chunk_len(32).stream::<f32>().push(&[]).unwrap();
    let forged = [&other, a, b, c, &end].into_iter().flatten().copied().collect::<Vec<u8>>();
    assert!(Frame::parse(&forged).is_err());
}
