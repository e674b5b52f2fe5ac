//! 8 bits with a scale for each 32 values.

#[cfg(feature = "candle")]
use crate::formats::candle;
#[cfg(feature = "ggml")]
use crate::formats::ggml;
use crate::{
    formats::{self, quantize},
    group::Group,
    report::Report,
};
use fewbits::{Blocks, ScaleType};

/// Far below what any of them has, and far above what a mistake would leave.
const LEAST_DB: f64 = 40.0;

pub fn measure(report: &mut Report, values: &[f32]) {
    let blocks = Blocks::uniform(8, 32).expect("bits and a block").scale_type(ScaleType::F16);

    let mut encode = Group::new("int8 encode", values.len());
    formats::encode(&mut encode, values, &blocks, LEAST_DB);
    #[cfg(feature = "ggml")]
    ggml::Q8_0.encode(&mut encode, values, LEAST_DB);
    #[cfg(feature = "candle")]
    candle::encode::<candle::BlockQ8_0>(&mut encode, "candle BlockQ8_0::from_float", values, LEAST_DB);
    quantize::encode::<8>(&mut encode, values, LEAST_DB);
    report.run(encode);

    let mut decode = Group::new("int8 decode", values.len());
    formats::decode(&mut decode, values, &blocks, LEAST_DB);
    #[cfg(feature = "ggml")]
    ggml::Q8_0.decode(&mut decode, values, LEAST_DB);

    #[cfg(feature = "candle")]
    candle::decode::<candle::BlockQ8_0>(&mut decode, "candle BlockQ8_0::to_float", values, LEAST_DB);
    quantize::decode::<8>(&mut decode, values, LEAST_DB);
    report.run(decode);
}
