//! The quantizers that are compared.

use crate::network::Layer;
use fewbits::{
    Codebook, Fit, Hadamard, KMeans, Minifloat, Quantile, Quantizer, Range, Result, Scale, ScaleType, Seed, Then,
    Uniform,
};
use std::ops::RangeInclusive;

/// Any fitted quantizer with codes of at most 8 bits.
pub(crate) type Fitted = Box<dyn Quantizer<Code = u8>>;

/// A name for the table, and how to fit a quantizer of so many bits to the weights of a layer.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    /// The bits it can work with.
    pub(crate) bits: RangeInclusive<u32>,
    pub(crate) fit: fn(u32, &Layer) -> Result<Fitted>,
}

const ALL: RangeInclusive<u32> = 2..=8;
const FOUR: RangeInclusive<u32> = 4..=4;

#[rustfmt::skip] // One line per method.
pub(crate) const METHODS: [Method; 16] = [
    Method { name: "symmetric", bits: ALL, fit: |bits, layer| fit(&Uniform::new(bits), layer) },
    Method { name: "full range", bits: ALL, fit: |bits, layer| fit(&Uniform::new(bits).full_range(), layer) },
    Method { name: "asymmetric", bits: ALL, fit: |bits, layer| fit(&Uniform::new(bits).asymmetric(), layer) },
    Method { name: "mid-rise", bits: ALL, fit: |bits, layer| fit(&Uniform::new(bits).mid_rise(), layer) },
    Method { name: "symmetric, per row", bits: ALL, fit: |bits, layer| fit(&per_row(bits, layer), layer) },
    Method { name: "mid-rise, least error", bits: ALL, fit: |bits, layer| fit(&Uniform::new(bits).mid_rise().range(Range::Mse), layer) },
    Method { name: "per row, least error", bits: ALL, fit: |bits, layer| fit(&per_row(bits, layer).range(Range::Mse), layer) },
    Method { name: "symmetric, blocks of 32", bits: ALL, fit: |bits, layer| fit(&per_block(bits), layer) },
    Method { name: "equal mass", bits: ALL, fit: |bits, layer| fit(&Quantile::equal_mass(1 << bits), layer) },
    Method { name: "by density, gamma 1/3", bits: ALL, fit: |bits, layer| fit(&Quantile::new(1 << bits), layer) },
    Method { name: "k-means", bits: ALL, fit: |bits, layer| fit(&KMeans::new(1 << bits), layer) },
    Method { name: "k-means, blocks of 32", bits: ALL, fit: |bits, layer| fit(&KMeans::new(1 << bits).per_block(32).scale_type(ScaleType::Bf16), layer) },
    Method { name: "Hadamard 32, k-means 32", bits: ALL, fit: |bits, layer| fit(&Then::new(Hadamard::new(32, Seed::new(1))?, KMeans::new(1 << bits).per_block(32).scale_type(ScaleType::Bf16)), layer) },
    Method { name: "NF4, blocks of 64", bits: FOUR, fit: |_, layer| fit(&Scale::new(Codebook::nf4()).per_block(64).scale_type(ScaleType::Bf16), layer) },
    Method { name: "MXFP4", bits: FOUR, fit: |_, layer| fit(&Scale::mx(Minifloat::E2M1), layer) },
    Method { name: "NVFP4", bits: FOUR, fit: |_, layer| fit(&Scale::nvfp4(), layer) },
];

/// One scale for the weights of each output, as inference on codes wants it.
pub(crate) fn per_row(bits: u32, layer: &Layer) -> Uniform {
    Uniform::new(bits).per_axis(&layer.shape(), 0)
}

/// Many scales, so they are stored in 16 bits.
fn per_block(bits: u32) -> Uniform {
    Uniform::new(bits).per_block(32).scale_type(ScaleType::Bf16)
}

fn fit<S>(settings: &S, layer: &Layer) -> Result<Fitted>
where
    S: Fit<f32, Fitted: Quantizer<Code = u8> + 'static>,
{
    Ok(Box::new(settings.fit(&layer.weights)?))
}
