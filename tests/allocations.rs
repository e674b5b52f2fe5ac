//! Law: fitted stages work in the caller's buffers and allocate nothing, through `dyn` too.

#[path = "common/alloc.rs"]
mod alloc;
mod common;

use alloc::{Counting, allocations, peak_bytes};
use common::{quantizers, shaped_quantizers};
use fewbits::{
    BitPack, Blocks, Codec, CodecExt, Coded, Element, ErrorStats, Frame, FrameStreamDecoder, FrameWriter, Pipeline,
    PipelineExt, Quantizer, QuantizerExt, bf16, f16,
};

#[global_allocator]
static COUNTING: Counting = Counting;

const LEN: usize = 10_000;

fn none(what: &str, run: impl FnOnce()) {
    assert_eq!(allocations(run), 0, "{what} allocates");
}

fn check<T: Element>(values: &[T], quantizer: &dyn Quantizer<Code = u16>) {
    let (mut codes, mut out) = (vec![0; LEN], vec![T::default(); LEN]);
    none("quantize_into", || quantizer.quantize_into(values, &mut codes).unwrap());
    none("dequantize_into", || quantizer.dequantize_into(&codes, &mut out).unwrap());
    none("fake_quantize_into", || quantizer.fake_quantize_into(values, &mut out).unwrap());
    let start = quantizer.block().max(8);
    let piece = start..start + quantizer.block().max(92);
    none("quantize_piece_into", || {
        quantizer.quantize_piece_into(start, &values[piece.clone()], &mut codes[piece.clone()]).unwrap();
    });
    none("dequantize_piece_into", || {
        quantizer.dequantize_piece_into(start, &codes[piece.clone()], &mut out[piece.clone()]).unwrap();
    });

    let codec: &dyn Codec<Code = u16> = &BitPack::of(quantizer);
    let mut bytes = vec![0; codec.max_encoded_len(LEN)];
    none("encode_into", || assert_eq!(codec.encode_into(&codes, &mut bytes).unwrap(), bytes.len()));
    none("decode_into", || codec.decode_into(&bytes, &mut codes).unwrap());

    let coded = Coded::new(quantizer, codec);
    let pipeline: &dyn Pipeline = &coded;
    none("a pipeline's encode_into", || assert!(pipeline.encode_into(values, &mut bytes).is_ok()));
    none("a pipeline's decode_into", || pipeline.decode_into(&bytes, &mut out).unwrap());

    let frame = FrameWriter::new(pipeline).chunk_len(3000).encode(values).unwrap();
    none("parsing", || assert_eq!(Frame::parse(&frame).unwrap().len(), LEN));
    let decoder = Frame::parse(&frame).unwrap().decoder().unwrap();
    none("a frame's decode_into", || decoder.decode_into(&mut out).unwrap());
    // Longer blocks that are cut take memory.
    let range = if quantizer.block() > 256 { quantizer.block()..3 * quantizer.block() } else { 1001..7003 };
    none("a frame's decode_range_into", || {
        decoder.decode_range_into(range.clone(), &mut out[..range.len()]).unwrap();
    });
    let mut stream = FrameWriter::new(pipeline).chunk_len(3000).stream::<T>();
    let streamed = [stream.push(values).unwrap(), stream.finish().unwrap()].concat();
    none("parsing a streamed frame", || assert_eq!(Frame::parse(&streamed).unwrap().len(), LEN));
    let decoder = Frame::parse(&streamed).unwrap().decoder().unwrap();
    none("a streamed frame's decode_into", || decoder.decode_into(&mut out).unwrap());
    let (mut decoder, mut at) = FrameStreamDecoder::open(&streamed).unwrap();
    none("a stream's next_chunk_into", || {
        while !decoder.is_finished() {
            at += decoder.next_chunk_into(&streamed[at..], &mut out).unwrap().0;
        }
    });
    none("error statistics", || assert!(ErrorStats::measure(values, &out).is_ok()));
}

#[test]
fn fitted_stages_allocate_nothing() {
    let values: Vec<f32> = (0..LEN).map(|i| (i as f32 * 0.37).sin() * 3.0).collect();
    let halves: Vec<f16> = values.iter().map(|&x| f16::from_f32(x)).collect();
    let brains: Vec<bf16> = values.iter().map(|&x| bf16::from_f32(x)).collect();
    for case in quantizers().into_iter().chain(shaped_quantizers([100, 10, 10])).filter(|case| !case.paths) {
        let Ok(quantizer) = (case.fit)(&values) else { continue };
        check(&values, &*quantizer);
        check(&halves, &*quantizer);
        check(&brains, &*quantizer);
        let mut gradient = vec![1.0; LEN];
        none("straight_through_into", || quantizer.straight_through_into(&values, &values, &mut gradient).unwrap());
    }
}

#[test]
fn ranges_of_large_blocks_take_memory_for_the_blocks_they_cut() {
    const BLOCK: usize = 1000;
    let values: Vec<f32> = (0..LEN).map(|i| (i as f32 * 0.37).sin()).collect();
    let blocks = Blocks::uniform(8, BLOCK).unwrap();
    let mut out = vec![0.0_f32; LEN];
    for (len, chunk_len) in [(LEN, LEN), (LEN - 1, LEN), (LEN, 3000)] {
        let frame = FrameWriter::new(&blocks).chunk_len(chunk_len).encode(&values[..len]).unwrap();
        let decoder = Frame::parse(&frame).unwrap().decoder().unwrap();
        let expected: Vec<f32> = decoder.decode().unwrap();
        for range in [0..len, 1000..2000, 2000..7000, 8000..len, 9000..len] {
            let out = &mut out[..range.len()];
            none("a range of whole blocks", || decoder.decode_range_into(range.clone(), out).unwrap());
            assert_eq!(*out, expected[range]);
        }
        for (range, blocks) in [(1..1000, 1), (5..8, 1), (1000..2001, 1), (1999..6001, 2), (9001..9990, 1)] {
            let out = &mut out[..range.len()];
            let (count, peak) = peak_bytes(|| allocations(|| decoder.decode_range_into(range.clone(), out).unwrap()));
            assert_eq!(count, blocks, "{range:?}");
            assert!(peak <= BLOCK * size_of::<f32>(), "{range:?}: {peak} bytes");
            assert_eq!(*out, expected[range]);
        }
    }
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![0_u8; 10]))), 1);
}
