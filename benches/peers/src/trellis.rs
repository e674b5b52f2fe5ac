//! The whole of `compress`, and back. Nobody else has it, so there is nothing beside it.

use crate::{
    data::{bits, sqnr_db},
    group::Group,
    report::Report,
};
use fewbits::{Target, compress, decompress_into};
use std::hint::black_box;

pub fn measure(report: &mut Report, values: &[f32]) {
    let run = || compress(black_box(values), Target::BitsPerValue(4.5)).expect("finite values").into_bytes();
    let bytes = run();
    let mut encode = Group::new("compress, 4.5 bits", values.len());
    encode.add("fewbits", Vec::new(), |out| *out = run(), |out| *out == bytes);
    encode.bits(bits(bytes.len(), values.len()));
    report.run(encode);

    let mut decode = Group::new("decompress, 4.5 bits", values.len());
    decode.add(
        "fewbits",
        vec![0.0; values.len()],
        |out| decompress_into(black_box(&bytes), out).expect("a whole frame"),
        |out| sqnr_db(values, out) > 25.0,
    );
    report.run(decode);
}
