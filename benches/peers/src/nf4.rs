//! The 16 levels of NF4, or others that are as uneven, with a scale for each block.

#[cfg(feature = "ggml")]
use crate::formats::ggml;
use crate::{data::sqnr_db, formats, group::Group, report::Report};
use fewbits::{Blocks, Codebook, Levels};
use std::hint::black_box;

const LEAST_DB: f64 = 17.0;
const BLOCK: usize = 64;

pub fn measure(report: &mut Report, values: &[f32]) {
    let blocks = Blocks::new(Codebook::nf4(), BLOCK).expect("levels and a block");
    let table = Table::new(&Codebook::nf4());

    let mut encode = Group::new("NF4 encode", values.len());
    formats::encode(&mut encode, values, &blocks, LEAST_DB);
    let decoded = |packed: &Packed| {
        let mut out = vec![0.0; values.len()];
        table.decode(packed, &mut out);
        out
    };
    encode.add(
        "by hand, partition_point",
        Packed::new(values.len()),
        |packed| table.encode(black_box(values), packed),
        |packed| sqnr_db(values, &decoded(packed)) > LEAST_DB,
    );
    #[cfg(feature = "ggml")]
    ggml::IQ4_NL.encode(&mut encode, values, LEAST_DB);
    report.run(encode);

    let mut packed = Packed::new(values.len());
    table.encode(values, &mut packed);
    let mut decode = Group::new("NF4 decode", values.len());
    formats::decode(&mut decode, values, &blocks, LEAST_DB);
    decode.add(
        "by hand, look-up",
        vec![0.0; values.len()],
        |out| table.decode(black_box(&packed), out),
        |out| sqnr_db(values, out) > LEAST_DB,
    );
    #[cfg(feature = "ggml")]
    ggml::IQ4_NL.decode(&mut decode, values, LEAST_DB);
    report.run(decode);
}

/// What one would write without a library.
struct Table {
    levels: [f32; 16],
    /// Between neighbours.
    middles: [f32; 15],
}

/// Pairs of codes, and a scale for each block.
struct Packed {
    codes: Vec<u8>,
    scales: Vec<f32>,
}

impl Packed {
    fn new(values: usize) -> Self {
        Self { codes: vec![0; values / 2], scales: vec![0.0; values / BLOCK] }
    }
}

impl Table {
    fn new(codebook: &Codebook) -> Self {
        let levels: [f32; 16] = std::array::from_fn(|code| codebook.level(code as u32));
        Self { levels, middles: std::array::from_fn(|code| f32::midpoint(levels[code], levels[code + 1])) }
    }

    fn encode(&self, values: &[f32], packed: &mut Packed) {
        let blocks = values.chunks_exact(BLOCK).zip(packed.codes.chunks_exact_mut(BLOCK / 2));
        for ((values, codes), scale) in blocks.zip(&mut packed.scales) {
            *scale = values.iter().fold(0.0, |largest: f32, x| largest.max(x.abs()));
            let inverse = if *scale > 0.0 { 1.0 / *scale } else { 0.0 };
            let nearest = |x: f32| self.middles.partition_point(|&middle| middle < x * inverse) as u8;
            for (pair, code) in values.chunks_exact(2).zip(codes) {
                *code = nearest(pair[0]) | nearest(pair[1]) << 4;
            }
        }
    }

    fn decode(&self, packed: &Packed, out: &mut [f32]) {
        let blocks = out.chunks_exact_mut(BLOCK).zip(packed.codes.chunks_exact(BLOCK / 2));
        for ((out, codes), scale) in blocks.zip(&packed.scales) {
            for (pair, code) in out.chunks_exact_mut(2).zip(codes) {
                pair[0] = self.levels[usize::from(code & 15)] * scale;
                pair[1] = self.levels[usize::from(code >> 4)] * scale;
            }
        }
    }
}
