//! Every bit back.

use crate::{data::bits, group::Group, report::Report};
use fewbits::{Fit, Lossless, Pipeline, PipelineExt};
use pco::{
    ChunkConfig,
    standalone::{simple_compress, simple_decompress_into},
};
use std::hint::black_box;
use zstd::bulk::{Compressor, Decompressor};

pub fn measure(report: &mut Report, values: &[f32]) {
    let mut encode = Group::new("lossless encode", values.len());
    let mut decode = Group::new("lossless decode", values.len());
    ours(&mut encode, &mut decode, values);
    for (name, level) in [("pco, level 8", 8), ("pco, level 1", 1)] {
        pco(&mut encode, &mut decode, values, name, level);
    }
    zstd(&mut encode, &mut decode, values);
    report.run(encode);
    report.run(decode);
}

fn ours<'a>(encode: &mut Group<'a>, decode: &mut Group<'a>, values: &'a [f32]) {
    let pipeline = Lossless.fit(values).expect("values");
    let bytes = pipeline.encode(values).expect("values");
    let run = {
        let pipeline = pipeline.clone();
        move |out: &mut Vec<u8>| {
            pipeline.encode_into(black_box(values), out).expect("values");
        }
    };
    encode.add("fewbits", vec![0; pipeline.max_encoded_len(values.len())], run, |out| out.starts_with(&bytes));
    encode.bits(bits(bytes.len(), values.len()));
    let run = move |out: &mut Vec<f32>| pipeline.decode_into(black_box(&bytes), out).expect("a whole stream");
    decode.add("fewbits", vec![0.0; values.len()], run, |out| out == values);
}

fn pco<'a>(encode: &mut Group<'a>, decode: &mut Group<'a>, values: &'a [f32], name: &'static str, level: usize) {
    let compressed = move || {
        let config = ChunkConfig::default().with_compression_level(level);
        simple_compress(black_box(values), &config).expect("values")
    };
    let bytes = compressed();
    encode.add(name, Vec::new(), move |out| *out = compressed(), |out| *out == bytes);
    encode.bits(bits(bytes.len(), values.len()));
    let run = move |out: &mut Vec<f32>| {
        simple_decompress_into(black_box(&bytes), out).expect("a whole stream");
    };
    decode.add(name, vec![0.0; values.len()], run, |out| out == values);
}

/// The values as they lie in memory.
fn zstd<'a>(encode: &mut Group<'a>, decode: &mut Group<'a>, values: &'a [f32]) {
    let raw = fewbits::values_to_le_bytes(values);
    let mut compressor = Compressor::new(1).expect("memory");
    let compressed = compressor.compress(&raw).expect("memory");
    let (room, given, expected) = (zstd::zstd_safe::compress_bound(raw.len()), compressed.clone(), raw.clone());
    let run = move |out: &mut Vec<u8>| {
        compressor.compress_to_buffer(black_box(&raw), out).expect("room for all");
    };
    encode.add("zstd -1", Vec::with_capacity(room), run, |out| *out == compressed);
    encode.bits(bits(compressed.len(), values.len()));
    let mut decompressor = Decompressor::new().expect("memory");
    let run = move |out: &mut Vec<u8>| {
        decompressor.decompress_to_buffer(black_box(&given), out).expect("a whole stream");
    };
    decode.add("zstd -1", Vec::with_capacity(expected.len()), run, |out| *out == expected);
}
