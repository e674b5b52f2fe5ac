//! The quantizers that are compared.

use crate::network::Layer;
use fewbits::{Fit, Quantizer, Range, Result, ScaleType, Uniform};

/// Any fitted quantizer with codes of at most 8 bits.
pub(crate) type Fitted = Box<dyn Quantizer<Code = u8>>;

/// A name for the table, and how to fit a quantizer of so many bits to the weights of a layer.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) fit: fn(u32, &Layer) -> Result<Fitted>,
}

#[rustfmt::skip] // One line per method.
pub(crate) const METHODS: [Method; 8] = [
    Method { name: "symmetric", fit: |bits, layer| fit(&Uniform::new(bits), layer) },
    Method { name: "full range", fit: |bits, layer| fit(&Uniform::new(bits).full_range(), layer) },
    Method { name: "asymmetric", fit: |bits, layer| fit(&Uniform::new(bits).asymmetric(), layer) },
    Method { name: "mid-rise", fit: |bits, layer| fit(&Uniform::new(bits).mid_rise(), layer) },
    Method { name: "symmetric, per row", fit: |bits, layer| fit(&per_row(bits, layer), layer) },
    Method { name: "mid-rise, least error", fit: |bits, layer| fit(&Uniform::new(bits).mid_rise().range(Range::Mse), layer) },
    Method { name: "per row, least error", fit: |bits, layer| fit(&per_row(bits, layer).range(Range::Mse), layer) },
    Method { name: "symmetric, blocks of 32", fit: |bits, layer| fit(&per_block(bits), layer) },
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
