//! Codes of 4 bits of Gaussian values, entropy coded, and such codes to values.

use crate::{
    data::{bits, sqnr_db},
    group::Group,
    report::Report,
};
use constriction::stream::{
    Decode,
    model::{SmallContiguousCategoricalEntropyModel, SmallContiguousLookupDecoderModel},
    stack::{AnsCoder, SmallAnsCoder},
};
use fewbits::{
    BitPack, Codec, CodecExt, Coded, Fit, PipelineExt, QuantizerExt, Rans, RansCodec, Uniform, UniformQuantizer,
    entropy,
};
use std::hint::black_box;
use zstd::bulk::{Compressor, Decompressor};

/// Of the values, whose deviation is 0.02: an entropy of 3.6 bits.
const STEP: f32 = 0.335 * 0.02;

pub fn measure(report: &mut Report, values: &[f32]) {
    let quantizer = Uniform::new(4).fit_range(-7.0 * STEP, 7.0 * STEP).expect("a range");
    let codes = quantizer.quantize(values).expect("finite values");
    let mut counts = [0_u64; 16];
    for &code in &codes {
        counts[usize::from(code)] += 1;
    }
    report.note("entropy", &format!("{:.4} bits, codes of {} values", entropy(&counts), codes.len()));
    let codec: RansCodec<u8> = Rans::new().fit(&codes).expect("codes");
    let pairs = BitPack::<u8>::new(4).and_then(|packing| packing.encode(&codes)).expect("codes of 4 bits");

    let mut encode = Group::new("rANS encode", codes.len());
    let mut decode = Group::new("rANS decode", codes.len());
    ours(&mut encode, &mut decode, &codes, &codec);
    constriction(&mut encode, &mut decode, &codes, &counts);
    let compressed = zstd(&mut encode, &mut decode, &pairs);
    report.run(encode);
    report.run(decode);
    let expected: Vec<f32> = quantizer.dequantize(&codes, codes.len()).expect("codes of the quantizer");
    report.run(to_values(values, &expected, Coded::new(quantizer, codec), &compressed));
}

/// All the way to values, by a table of levels.
fn to_values<'a>(
    values: &[f32],
    expected: &[f32],
    pipeline: Coded<UniformQuantizer, RansCodec<u8>>,
    compressed: &'a [u8],
) -> Group<'a> {
    let mut group = Group::new("rANS to f32", values.len());
    let bytes = pipeline.encode(values).expect("finite values");
    let size = bits(bytes.len(), values.len());
    let run = move |out: &mut Vec<f32>| pipeline.decode_into(black_box(&bytes), out).expect("a whole stream");
    group.add("fewbits", vec![0.0; values.len()], run, |out| out == expected);
    group.bits(size);

    let mut decompressor = Decompressor::new().expect("memory");
    let mut pairs = vec![0; values.len() / 2];
    // A table of pairs is faster than two look-ups.
    let level = |code: usize| STEP * (code as f32 - 7.0);
    let table: [[f32; 2]; 256] = std::array::from_fn(|pair| [level(pair & 15), level(pair >> 4)]);
    let run = move |out: &mut Vec<f32>| {
        decompressor.decompress_to_buffer(black_box(compressed), &mut pairs).expect("a whole stream");
        for (out, &pair) in out.chunks_exact_mut(2).zip(&pairs) {
            out.copy_from_slice(&table[usize::from(pair)]);
        }
    };
    group.add("zstd -1 on pairs of codes, a table", vec![0.0; values.len()], run, |out| sqnr_db(expected, out) > 100.0);
    group.bits(bits(compressed.len(), values.len()));
    group
}

fn ours<'a>(encode: &mut Group<'a>, decode: &mut Group<'a>, codes: &'a [u8], codec: &'a RansCodec<u8>) {
    let bytes = codec.encode(codes).expect("codes");
    let run = |out: &mut Vec<u8>| {
        codec.encode_into(black_box(codes), out).expect("codes");
    };
    encode.add("fewbits", vec![0; codec.max_encoded_len(codes.len())], run, |out| out.starts_with(&bytes));
    encode.bits(bits(bytes.len(), codes.len()));
    let run = move |out: &mut Vec<u8>| codec.decode_into(black_box(&bytes), out).expect("a whole stream");
    decode.add("fewbits", vec![0; codes.len()], run, |out| out == codes);
}

/// Words of 16 bits, and a decoder with a look-up table.
fn constriction<'a>(encode: &mut Group<'a>, decode: &mut Group<'a>, codes: &[u8], counts: &[u64; 16]) {
    const NAME: &str = "constriction SmallAnsCoder";
    let symbols: Vec<usize> = codes.iter().map(|&code| code.into()).collect();
    let probabilities = counts.map(|count| count.max(1) as f64 / codes.len() as f64);
    let model = SmallContiguousCategoricalEntropyModel::from_floating_point_probabilities_fast(&probabilities, None)
        .expect("probabilities");
    let table = SmallContiguousLookupDecoderModel::from_floating_point_probabilities_fast(&probabilities, None)
        .expect("probabilities");
    let mut coder = SmallAnsCoder::new();
    coder.encode_iid_symbols_reverse(&symbols, &model).expect("symbols of the model");
    let words = coder.into_compressed().unwrap_or_else(|error| match error {});

    let (expected, given) = (words.clone(), symbols.clone());
    let run = move |coder: &mut SmallAnsCoder| {
        coder.clear();
        coder.encode_iid_symbols_reverse(black_box(&given), &model).expect("symbols of the model");
    };
    encode.add(NAME, SmallAnsCoder::new(), run, |coder| coder.iter_compressed().eq(expected.iter().copied()));
    encode.bits(bits(2 * words.len(), codes.len()));
    let run = move |out: &mut Vec<usize>| {
        let mut coder = AnsCoder::<u16, u32, _>::from_compressed_slice(black_box(&words)).expect("a whole stream");
        for (out, symbol) in out.iter_mut().zip(coder.decode_iid_symbols(symbols.len(), &table)) {
            *out = symbol.expect("a whole stream");
        }
    };
    let right = |out: &Vec<usize>| out.iter().zip(codes).all(|(&symbol, &code)| symbol == usize::from(code));
    decode.add(NAME, vec![0; codes.len()], run, right);
}

/// Two codes a byte, which its Huffman codes take as one symbol.
fn zstd<'a>(encode: &mut Group<'a>, decode: &mut Group<'a>, pairs: &'a [u8]) -> Vec<u8> {
    const NAME: &str = "zstd -1 on pairs of codes";
    let mut compressor = Compressor::new(1).expect("memory");
    let compressed = compressor.compress(pairs).expect("memory");
    let run = move |out: &mut Vec<u8>| {
        compressor.compress_to_buffer(black_box(pairs), out).expect("room for all");
    };
    encode.add(NAME, Vec::with_capacity(zstd::zstd_safe::compress_bound(pairs.len())), run, |out| *out == compressed);
    encode.bits(bits(compressed.len(), 2 * pairs.len()));
    let mut decompressor = Decompressor::new().expect("memory");
    let given = compressed.clone();
    let run = move |out: &mut Vec<u8>| {
        decompressor.decompress_to_buffer(black_box(&given), out).expect("a whole stream");
    };
    decode.add(NAME, Vec::with_capacity(pairs.len()), run, |out| out == pairs);
    compressed
}
