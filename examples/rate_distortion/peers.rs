//! Formats that others publish, and what they restore: by their own rules, without a header.

use crate::ggml;
use fewbits::{
    Codebook, Coded, Fit, KMeans, Minifloat, Quantizer, QuantizerExt, Result, Scale, ScaleRule, ScaleType, Uniform,
};

/// A format, and how values come back from it.
pub(crate) enum Peer {
    Ggml(ggml::Format),
    /// By stages of this crate; `bytes` is what the format takes for so many values.
    Ours {
        name: &'static str,
        restored: fn(&[f32]) -> Result<Vec<f32>>,
        bytes: fn(usize) -> usize,
    },
    /// A whole frame of this crate.
    Frame {
        name: &'static str,
        frame: fn(&[f32]) -> Result<Vec<u8>>,
    },
}

/// A method whose bytes are those of its frame.
pub(crate) const fn packed(name: &'static str, frame: fn(&[f32]) -> Result<Vec<u8>>) -> Peer {
    Peer::Frame { name, frame }
}

impl Peer {
    pub(crate) fn all() -> Vec<Self> {
        let mut peers: Vec<Self> = ggml::FORMATS.into_iter().map(Self::Ggml).collect();
        peers.extend([
            Self::Ours {
                name: "NF4, double",
                restored: |x| restored(&nf4().scale_type(ScaleType::U8).scale_rule(ScaleRule::Nearest), x),
                bytes: |n| n.div_ceil(2) + n.div_ceil(64) + 4 * n.div_ceil(64 * 256) + 4,
            },
            Self::Ours {
                name: "NF4",
                restored: |x| restored(&nf4(), x),
                bytes: |n| n.div_ceil(2) + 4 * n.div_ceil(64),
            },
            Self::Ours {
                name: "MXFP4",
                restored: |x| restored(&Scale::mx(Minifloat::E2M1), x),
                bytes: |n| n.div_ceil(2) + n.div_ceil(32),
            },
            Self::Ours {
                name: "NVFP4",
                restored: |x| restored(&Scale::nvfp4(), x),
                bytes: |n| n.div_ceil(2) + n.div_ceil(16) + 4,
            },
        ]);
        peers
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Ggml(format) => format.name,
            Self::Ours { name, .. } | Self::Frame { name, .. } => name,
        }
    }

    pub(crate) fn restored(&self, values: &[f32]) -> Result<Vec<f32>> {
        match self {
            Self::Ggml(format) => Ok(format.restored(values)),
            Self::Ours { restored, .. } => restored(values),
            Self::Frame { frame, .. } => fewbits::decompress(&frame(values)?),
        }
    }

    /// As many as so many values take; none of a frame, whose size is known when it is there.
    pub(crate) fn bytes(&self, count: usize) -> usize {
        match self {
            Self::Ggml(format) => format.bytes_of(count),
            Self::Ours { bytes, .. } => bytes(count),
            Self::Frame { .. } => 0,
        }
    }

    pub(crate) fn restored_and_bytes(&self, values: &[f32]) -> Result<(Vec<f32>, usize)> {
        let bytes = if let Self::Frame { frame, .. } = self { frame(values)?.len() } else { self.bytes(values.len()) };
        Ok((self.restored(values)?, bytes))
    }
}

fn nf4() -> Scale<Codebook> {
    Scale::new(Codebook::nf4()).per_block(64)
}

fn restored<S: Fit<f32, Fitted: Quantizer>>(settings: &S, values: &[f32]) -> Result<Vec<f32>> {
    let quantizer = settings.fit(values)?;
    quantizer.dequantize(&quantizer.quantize(values)?, values.len())
}

/// A figure that was measured elsewhere: signal to error in decibels, for Gaussian, Laplace and t4 values.
pub(crate) struct Quoted {
    pub(crate) name: &'static str,
    pub(crate) bits: f64,
    pub(crate) sqnr_db: [f64; 3],
}

/// ggml's C functions (`ggml-quants.c`, commit d99724f2) on 2^20 other values of the same distributions.
pub(crate) const QUOTED: [Quoted; 3] = [
    Quoted { name: "IQ2_S", bits: 2.5625, sqnr_db: [12.08, 10.57, 10.03] },
    Quoted { name: "IQ3_XXS", bits: 3.0625, sqnr_db: [14.82, 14.21, 13.71] },
    Quoted { name: "IQ3_S", bits: 3.4375, sqnr_db: [17.27, 16.21, 15.72] },
];

/// The fixed rates of this crate that are drawn as lines: what they are called, and a frame for so many bits.
pub(crate) type FixedRate = (&'static str, fn(u32, &[f32]) -> Result<Vec<u8>>);

pub(crate) const FIXED_RATES: [FixedRate; 2] = [
    ("uniform, blocks of 32", |bits, x| frame(&Uniform::new(bits).per_block(32).scale_type(ScaleType::Bf16), x)),
    ("k-means", |bits, x| frame(&KMeans::new(1 << bits), x)),
];

pub(crate) fn frame<S: Fit<f32, Fitted: Quantizer>>(settings: &S, values: &[f32]) -> Result<Vec<u8>> {
    fewbits::Frame::encode(&Coded::packed(settings.fit(values)?), values)
}
