//! The network with quantized weights: as bytes, in training, and in inference on codes.

use crate::{
    data::Sample,
    methods::per_row,
    network::{Layer, Linear, Network, Schedule, train},
    random::SplitMix64,
};
use fewbits::{Coded, ErrorStats, Fit, Frame, Quantizer, QuantizerExt, Result};

/// What became of a network on its way through bytes.
pub(crate) struct Compressed {
    /// Bytes of both weight matrices, with all that is needed to decode them.
    pub(crate) bytes: usize,
    /// The error over all weights.
    pub(crate) error: ErrorStats,
    /// The network with the weights that the bytes decode to.
    pub(crate) restored: Network,
}

/// Weights to codes to bytes, and back. `fit` chooses a quantizer for a layer.
pub(crate) fn compress<Q>(network: &Network, fit: impl Fn(&Layer) -> Result<Q>) -> Result<Compressed>
where
    Q: Quantizer<Code = u8>,
{
    let mut compressed = Compressed { bytes: 0, error: ErrorStats::default(), restored: network.clone() };
    for (layer, restored) in network.layers.iter().zip(&mut compressed.restored.layers) {
        let frame = Frame::encode(&Coded::packed(fit(layer)?), &layer.weights)?;

        // The frame describes itself: nothing else is needed to decode it.
        restored.weights = fewbits::decompress(&frame)?;
        compressed.bytes += frame.len();
        compressed.error = compressed.error.merge(&ErrorStats::measure(&layer.weights, &restored.weights)?);
    }
    Ok(compressed)
}

/// Trains on with quantized weights, so that the network learns to work with them: quantization-aware training.
pub(crate) fn fine_tune<Q>(
    network: &mut Network,
    samples: &[Sample],
    schedule: Schedule,
    random: &mut SplitMix64,
    fit: impl Fn(&Layer) -> Result<Q>,
) -> Result<()>
where
    Q: Quantizer<Code = u8>,
{
    train(network, samples, schedule, random, |network, batch| {
        // Scales follow the weights as these move.
        let quantizers = network.layers.iter().map(&fit).collect::<Result<Vec<_>>>()?;
        let mut quantized = network.clone();
        for (layer, quantizer) in quantized.layers.iter_mut().zip(&quantizers) {
            layer.weights = quantizer.fake_quantize(&layer.weights)?;
        }
        // Rounding has a derivative of zero almost everywhere, with which nothing would ever move. So the gradient of
        // the quantized weights passes straight through to the float weights, except where a quantizer clips.
        let mut gradient = quantized.gradient(batch);
        for ((layer, quantizer), gradient) in network.layers.iter().zip(&quantizers).zip(&mut gradient.layers) {
            gradient.weights = quantizer.straight_through(&layer.weights, &gradient.weights)?;
        }
        Ok(gradient)
    })
}

/// A layer whose weights stay codes, a byte each; they are never restored.
pub(crate) struct CodedLayer {
    codes: Vec<i8>,
    scales: Vec<f32>,
    biases: Vec<f32>,
}

impl CodedLayer {
    /// Symmetric, with a scale per row.
    pub(crate) fn new(layer: &Layer, bits: u32) -> Result<Self> {
        let quantizer = per_row(bits, layer).fit(&layer.weights)?;
        // Code 0 is the lowest level. Counted from zero instead, levels are -127 to 127 at most, which an i8 holds.
        let codes = quantizer.unit().to_integers(&quantizer.quantize(&layer.weights)?)?;
        Ok(Self { codes, scales: quantizer.scales().to_vec(), biases: layer.biases.clone() })
    }
}

impl Linear for CodedLayer {
    /// The scale is the same for a whole row, so it is applied once, after the sum.
    fn forward(&self, inputs: &[f32]) -> Vec<f32> {
        let dot = |row: &[i8]| row.iter().zip(inputs).map(|(&code, input)| f32::from(code) * input).sum::<f32>();
        let rows = self.codes.chunks_exact(inputs.len());
        rows.zip(&self.scales).zip(&self.biases).map(|((row, scale), bias)| scale * dot(row) + bias).collect()
    }
}
