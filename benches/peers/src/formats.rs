//! Cases that several areas have: blocks with a scale each, ours and others'.

use crate::{
    data::{bits, sqnr_db},
    group::Group,
};
use fewbits::{Blocks, Levels, Pipeline, PipelineExt};
use std::hint::black_box;

/// Ours. Results are right if they are as near to the values as decibels say.
pub fn encode<'a, L: Levels + Clone + 'a>(group: &mut Group<'a>, values: &'a [f32], blocks: &Blocks<L>, least_db: f64) {
    let len = blocks.max_encoded_len(values.len());
    let encoder = blocks.clone();
    group.add(
        "fewbits",
        vec![0; len],
        move |bytes| {
            encoder.encode_into(black_box(values), bytes).expect("finite values");
        },
        |bytes| sqnr_db(values, &blocks.decode(bytes, values.len()).expect("whole blocks")) > least_db,
    );
    group.bits(bits(len, values.len()));
}

pub fn decode<'a, L: Levels + Clone + 'a>(group: &mut Group<'a>, values: &[f32], blocks: &Blocks<L>, least_db: f64) {
    let bytes = blocks.encode(values).expect("finite values");
    group.add(
        "fewbits",
        vec![0.0; values.len()],
        {
            let blocks = blocks.clone();
            move |out: &mut Vec<f32>| blocks.decode_into(black_box(&bytes), out).expect("whole blocks")
        },
        |out| sqnr_db(values, out) > least_db,
    );
}

#[cfg(feature = "ggml")]
pub mod ggml {
    //! Through the C functions, some of which are built for AVX2 and some for any x86-64.

    use super::{Group, bits, black_box, sqnr_db};
    use llama_cpp_sys_2 as _;
    use std::ffi::c_void;

    type Quantize = unsafe extern "C" fn(*const f32, *mut c_void, i64);
    type Dequantize = unsafe extern "C" fn(*const c_void, *mut f32, i64);

    /// A format and its functions.
    #[derive(Clone, Copy)]
    pub struct Format {
        quantize: (&'static str, Quantize),
        dequantize: (&'static str, Dequantize),
        /// Values and bytes of a block.
        block: (usize, usize),
    }

    macro_rules! format {
        ($name:ident, $quantize:ident, $dequantize:ident, $block:expr) => {
            unsafe extern "C" {
                fn $quantize(values: *const f32, blocks: *mut c_void, count: i64);
                fn $dequantize(blocks: *const c_void, values: *mut f32, count: i64);
            }
            pub const $name: Format = Format {
                quantize: (concat!("ggml ", stringify!($quantize)), $quantize),
                dequantize: (concat!("ggml ", stringify!($dequantize)), $dequantize),
                block: $block,
            };
        };
    }
    format!(Q8_0, quantize_row_q8_0, dequantize_row_q8_0, (32, 34));
    format!(Q4_0, quantize_row_q4_0_ref, dequantize_row_q4_0, (32, 18));
    format!(Q4_K, quantize_row_q4_K_ref, dequantize_row_q4_K, (256, 144));
    format!(IQ4_NL, quantize_row_iq4_nl_ref, dequantize_row_iq4_nl, (32, 18));

    unsafe extern "C" {
        fn ggml_cpu_init();
    }

    impl Format {
        fn bytes(self, values: usize) -> usize {
            let (block, bytes) = self.block;
            assert_eq!(values % block, 0);
            values / block * bytes
        }

        fn quantize(self, values: &[f32], blocks: &mut [u8]) {
            assert_eq!(blocks.len(), self.bytes(values.len()));
            // SAFETY: whole blocks of values, and room for as many blocks of bytes.
            unsafe { self.quantize.1(values.as_ptr(), blocks.as_mut_ptr().cast(), values.len() as i64) };
        }

        fn dequantize(self, blocks: &[u8], values: &mut [f32]) {
            assert_eq!(blocks.len(), self.bytes(values.len()));
            // SAFETY: as above.
            unsafe { self.dequantize.1(blocks.as_ptr().cast(), values.as_mut_ptr(), values.len() as i64) };
        }

        pub fn encode<'a>(self, group: &mut Group<'a>, values: &'a [f32], least_db: f64) {
            // SAFETY: makes tables of the library's own, once.
            unsafe { ggml_cpu_init() };
            let len = self.bytes(values.len());
            let decoded = |blocks: &[u8]| {
                let mut out = vec![0.0; values.len()];
                self.dequantize(blocks, &mut out);
                out
            };
            group.add(
                self.quantize.0,
                vec![0; len],
                move |blocks| self.quantize(black_box(values), blocks),
                |blocks| sqnr_db(values, &decoded(blocks)) > least_db,
            );
            group.bits(bits(len, values.len()));
        }

        pub fn decode(self, group: &mut Group<'_>, values: &[f32], least_db: f64) {
            // SAFETY: as above.
            unsafe { ggml_cpu_init() };
            let mut blocks = vec![0; self.bytes(values.len())];
            self.quantize(values, &mut blocks);
            let run = move |out: &mut Vec<f32>| self.dequantize(black_box(&blocks), out);
            group.add(self.dequantize.0, vec![0.0; values.len()], run, |out| sqnr_db(values, out) > least_db);
        }
    }
}

#[cfg(feature = "candle")]
pub mod candle {
    //! Through the traits of its blocks.

    use super::{Group, bits, black_box, sqnr_db};
    pub use candle_core::quantized::k_quants::{BlockQ4_0, BlockQ8_0, GgmlType};

    fn blocks<B: GgmlType>(values: &[f32]) -> Vec<B> {
        vec![B::zeros(); values.len() / B::BLCK_SIZE]
    }

    pub fn encode<'a, B: GgmlType + 'a>(group: &mut Group<'a>, name: &'static str, values: &'a [f32], least_db: f64) {
        let decoded = |blocks: &[B]| {
            let mut out = vec![0.0; values.len()];
            B::to_float(blocks, &mut out);
            out
        };
        group.add(
            name,
            blocks(values),
            move |blocks: &mut Vec<B>| B::from_float(black_box(values), blocks),
            |blocks| sqnr_db(values, &decoded(blocks)) > least_db,
        );
        group.bits(bits(size_of::<B>(), B::BLCK_SIZE));
    }

    pub fn decode<'a, B: GgmlType + 'a>(group: &mut Group<'a>, name: &'static str, values: &[f32], least_db: f64) {
        let mut blocks: Vec<B> = blocks(values);
        B::from_float(values, &mut blocks);
        let run = move |out: &mut Vec<f32>| B::to_float(black_box(&blocks), out);
        group.add(name, vec![0.0; values.len()], run, |out| sqnr_db(values, out) > least_db);
    }
}

pub mod quantize {
    //! The crate of that name, blocks of 32 with f16 scales. It encodes into new vectors only.

    use super::{Group, black_box, sqnr_db};
    use quantize::f16;

    const NAMES: [&str; 2] = ["quantize crate", "quantize crate, dequantize_into"];

    pub fn encode<'a, const BITS: u32>(group: &mut Group<'a>, values: &'a [f32], least_db: f64) {
        let run = || quantize::quantize::<f16, BITS, 32>(black_box(values)).expect("finite values");
        let first = run();
        group.add(
            NAMES[0],
            first.clone(),
            move |out| *out = run(),
            |out| sqnr_db(values, &out.dequantize()) > least_db,
        );
        group.bits(first.bits_per_element().into());
    }

    pub fn decode<const BITS: u32>(group: &mut Group<'_>, values: &[f32], least_db: f64) {
        let blocks = quantize::quantize::<f16, BITS, 32>(values).expect("finite values");
        let run = move |out: &mut Vec<f32>| black_box(&blocks).dequantize_into(out).expect("room for all");
        group.add(NAMES[1], vec![0.0; values.len()], run, |out| sqnr_db(values, out) > least_db);
    }
}
