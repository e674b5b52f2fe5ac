//! Nanoseconds per value of ours alone, by the number of values: where something changes, there is a reason to look at.

use crate::{
    data::{gaussian, sqnr_db},
    group::Group,
    report::Report,
};
use fewbits::{
    BitPack, Blocks, CodecExt, ErrorStats, Fit, PipelineExt, QuantizerExt, Rans, RansCodec, ScaleType, Target, Uniform,
    compress, decompress_into,
};
use std::hint::black_box;

/// Numbers of values, and the largest of those that a search goes over again and again.
const LEAST: u32 = 6;
const MOST: u32 = 26;
const MOST_SEARCHED: u32 = 22;

pub fn measure(report: &mut Report) {
    let all = gaussian(1 << MOST, 0.02, 1);
    let most_samples = report.samples;
    for log in (LEAST..=MOST).step_by(2) {
        // Long runs vary less.
        report.samples = if log > 20 { most_samples.min(5) } else { most_samples };
        report.line(sized(&all[..1 << log], log <= MOST_SEARCHED), log == LEAST);
    }
    report.samples = most_samples;
}

fn sized(values: &[f32], searched: bool) -> Group<'_> {
    let count = values.len();
    let mut group = Group::new("sizes", count);

    let blocks = Blocks::uniform(4, 32).expect("bits and a block").scale_type(ScaleType::F16);
    let bytes = blocks.encode(values).expect("finite values");
    let encode = move |out: &mut Vec<u8>| {
        blocks.encode_into(black_box(values), out).expect("finite values");
    };
    group.add("Blocks encode", bytes.clone(), encode, |out| *out == bytes);
    let decode = move |out: &mut Vec<f32>| blocks.decode_into(black_box(&bytes), out).expect("whole blocks");
    group.add("Blocks decode", vec![0.0; count], decode, |out| sqnr_db(values, out) > 15.0);

    let codes = Uniform::new(4).fit(values).and_then(|quantizer| quantizer.quantize(values)).expect("finite values");
    let packing = BitPack::<u8>::new(4).expect("a width");
    coded(&mut group, ["BitPack encode", "BitPack decode"], packing, &codes);
    let rans: RansCodec<u8> = Rans::new().fit(&codes).expect("codes");
    coded(&mut group, ["Rans encode", "Rans decode"], rans, &codes);

    let restored: Vec<f32> = values.iter().map(|x| x + 0.001).collect();
    let statistics = move |out: &mut ErrorStats| {
        *out = ErrorStats::measure(black_box(values), black_box(&restored)).expect("the same length");
    };
    group.add("ErrorStats", ErrorStats::default(), statistics, |stats| stats.len() == count as u64);

    if searched {
        // Few values take more than 4.5 bits for the header alone.
        let run = move || compress(black_box(values), Target::Sqnr(25.0)).expect("finite values").into_bytes();
        let bytes = run();
        group.add("compress", Vec::new(), move |out| *out = run(), |out| *out == bytes);
        let back = move |out: &mut Vec<f32>| decompress_into(black_box(&bytes), out).expect("a whole frame");
        group.add("decompress", vec![0.0; count], back, |out| sqnr_db(values, out) > 24.9);
    }
    group
}

/// Both ways through a codec.
fn coded<K: CodecExt<Code = u8> + Clone + 'static>(
    group: &mut Group<'_>,
    [encode, decode]: [&'static str; 2],
    codec: K,
    codes: &[u8],
) {
    let bytes = codec.encode(codes).expect("codes");
    let room = vec![0; codec.max_encoded_len(codes.len())];
    let (encoder, given, expected) = (codec.clone(), codes.to_vec(), bytes.clone());
    let run = move |out: &mut Vec<u8>| {
        encoder.encode_into(black_box(&given), out).expect("codes");
    };
    group.add(encode, room, run, |out| out.starts_with(&expected));
    let run = move |out: &mut Vec<u8>| codec.decode_into(black_box(&bytes), out).expect("a whole stream");
    group.add(decode, vec![0; codes.len()], run, |out| out == codes);
}
