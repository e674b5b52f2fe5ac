#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(not(feature = "simd"), forbid(unsafe_code))]
#![cfg_attr(feature = "simd", deny(unsafe_code))]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

// The ground floor: small, and without imports from above.
mod automaton;
mod classes;
mod code;
mod description;
mod dtype;
mod element;
mod error;
mod fit;
mod groups;
mod kernel;
mod memory;
mod non_finite;
mod rates;
mod seed;
mod spikes;
mod then;
mod wire;

// In the order of the flow: what values are like -> coefficients -> codes -> bytes -> bytes that describe themselves.
mod calibrate;
mod transform;
mod quantizer;
mod codec;
mod pipeline;
mod frame;
mod metrics;
mod target;
mod candidates;
mod front;

pub use automaton::Automaton;
pub use code::Code;
pub use description::{Describe, Description, Restore, Stages};
pub use dtype::DType;
pub use element::{
    Element, Values, ValuesMut, values_from_le_bytes, values_from_le_bytes_into, values_to_le_bytes,
    values_to_le_bytes_into,
};
pub use error::{Error, ErrorKind, Result};
pub use fit::Fit;
pub use groups::{Granularity, Groups};
pub use half::{bf16, f16};
pub use non_finite::NonFinite;
pub use rates::Rates;
pub use seed::Seed;
pub use then::Then;
pub use wire::{FORMAT_VERSION, Reader, Writer};

pub use calibrate::{Bucket, Histogram, NanPolicy, QuantileMethod, Quantiles};

pub use transform::{
    Compand, CompandTransform, Dct, Guarantee, Hadamard, PcaTransform, Standardize, StandardizeTransform, Transform,
    TransformExt,
};
#[cfg(feature = "pca")]
pub use transform::{Pca, PrincipalComponents};

pub use quantizer::{
    Affine, AffineQuantizer, BoundedQuantizer, Codebook, CodebookQuantizer, ErrorBound, Grid, KMeans, Levels,
    Minifloat, Overflow, Quantile, Quantizer, QuantizerExt, Range, Representative, Rounding, Scale, ScaleRule,
    ScaleType, Scaled, Scales, Trellis, TrellisQuantizer, Uniform, UniformQuantizer,
};

pub use codec::{
    BitPack, ByteShuffle, CodeMap, CodeMapExt, Codec, CodecExt, ContextRans, ContextRansCodec, Difference, Rans,
    RansCodec, ZigZag,
};

/// Which instructions are used, for tests and measurements.
#[doc(hidden)]
pub mod simd {
    pub use crate::kernel::level::{Level, limit};
}

/// Below the entropy coder: tables and payloads alone.
pub mod rans {
    pub use crate::codec::rans::Table;
}

pub use pipeline::{
    Blocks, Coded, Lossless, LosslessPipeline, Masked, Pipeline, PipelineExt, TrellisBlocks, TrellisBlocksPipeline,
};

pub use frame::{Frame, FrameDecoder, FrameStream, FrameStreamDecoder, FrameWriter, Limits};

pub use candidates::{Best, Candidates, Choice, Cost, Measured};

pub use target::Target;

pub use front::{
    Compressed, Compressor, Effort, Report, RunnerUp, allocate, compress, decode_range, decode_range_into, decompress,
    decompress_as, decompress_as_into, decompress_into, decompress_within,
};

pub use metrics::{
    ErrorStats, abs_error_quantiles, bits_per_value, compression_ratio, entropy, kl_divergence, max_ulp_distance,
    squared_and_largest_error,
};
