//! A perceptron with one hidden layer of rectified linear units, and what it takes to train it.

use crate::{
    data::{CLASSES, PIXELS, Sample},
    random::SplitMix64,
};
use fewbits::Result;

pub(crate) const HIDDEN: usize = 32;
const MOMENTUM: f32 = 0.9;
const BATCH: usize = 32;

/// How long to train, and the learning rate at the start.
#[derive(Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) epochs: usize,
    pub(crate) rate: f32,
}

/// A fully connected layer, in whatever form its weights are kept.
pub(crate) trait Linear {
    /// `weights * inputs + biases`.
    fn forward(&self, inputs: &[f32]) -> Vec<f32>;
}

/// The weights in f32.
#[derive(Clone)]
pub(crate) struct Layer {
    /// Row-major: a row for each output.
    pub(crate) weights: Vec<f32>,
    pub(crate) biases: Vec<f32>,
}

impl Layer {
    fn zeros(outputs: usize, inputs: usize) -> Self {
        Self { weights: vec![0.0; outputs * inputs], biases: vec![0.0; outputs] }
    }

    /// He initialization: outputs start out as large as inputs.
    fn random(outputs: usize, inputs: usize, random: &mut SplitMix64) -> Self {
        let mut layer = Self::zeros(outputs, inputs);
        let limit = (6.0 / inputs as f32).sqrt();
        layer.weights.fill_with(|| limit * random.symmetric());
        layer
    }

    /// Outputs and inputs: the shape of the weight matrix.
    pub(crate) fn shape(&self) -> [usize; 2] {
        [self.biases.len(), self.weights.len() / self.biases.len()]
    }

    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.weights.chunks_exact(self.shape()[1])
    }

    /// From the gradient with respect to the outputs to the one with respect to the inputs.
    fn backward(&self, outputs: &[f32]) -> Vec<f32> {
        let mut inputs = vec![0.0; self.shape()[1]];
        for (row, output) in self.rows().zip(outputs) {
            for (input, weight) in inputs.iter_mut().zip(row) {
                *input += weight * output;
            }
        }
        inputs
    }

    /// Adds the gradient of one sample to this sum of gradients.
    fn accumulate(&mut self, outputs: &[f32], inputs: &[f32]) {
        for ((row, bias), output) in self.weights.chunks_exact_mut(inputs.len()).zip(&mut self.biases).zip(outputs) {
            for (weight, input) in row.iter_mut().zip(inputs) {
                *weight += output * input;
            }
            *bias += output;
        }
    }
}

impl Linear for Layer {
    fn forward(&self, inputs: &[f32]) -> Vec<f32> {
        let dot = |row: &[f32]| row.iter().zip(inputs).map(|(weight, input)| weight * input).sum::<f32>();
        self.rows().zip(&self.biases).map(|(row, bias)| dot(row) + bias).collect()
    }
}

/// Pixels to hidden units to a score for each digit.
#[derive(Clone)]
pub(crate) struct Network<L = Layer> {
    pub(crate) layers: [L; 2],
}

impl<L: Linear> Network<L> {
    fn hidden(&self, sample: &Sample) -> Vec<f32> {
        self.layers[0].forward(&sample.pixels).into_iter().map(|x| x.max(0.0)).collect()
    }

    /// The digit with the highest score.
    pub(crate) fn predict(&self, sample: &Sample) -> usize {
        let scores = self.layers[1].forward(&self.hidden(sample));
        (0..CLASSES).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0)
    }

    /// The share of samples, in percent, whose digit is recognized.
    pub(crate) fn accuracy(&self, samples: &[Sample]) -> f64 {
        let hits = samples.iter().filter(|sample| self.predict(sample) == sample.label).count();
        100.0 * hits as f64 / samples.len() as f64
    }
}

impl Network {
    pub(crate) fn random(random: &mut SplitMix64) -> Self {
        Self { layers: [Layer::random(HIDDEN, PIXELS, random), Layer::random(CLASSES, HIDDEN, random)] }
    }

    fn zeros() -> Self {
        Self { layers: [Layer::zeros(HIDDEN, PIXELS), Layer::zeros(CLASSES, HIDDEN)] }
    }

    pub(crate) fn weight_count(&self) -> usize {
        self.layers.iter().map(|layer| layer.weights.len()).sum()
    }

    /// The gradient of the mean cross-entropy with respect to every parameter, in the form of a network.
    pub(crate) fn gradient(&self, batch: &[&Sample]) -> Self {
        let mut gradient = Self::zeros();
        for sample in batch {
            let hidden = self.hidden(sample);
            // The derivative of cross-entropy after softmax: the probabilities, less one at the right digit.
            let mut scores = softmax(&self.layers[1].forward(&hidden));
            scores[sample.label] -= 1.0;
            for score in &mut scores {
                *score /= batch.len() as f32;
            }

            let units = self.layers[1].backward(&scores);
            // A unit that was rectified passes nothing on.
            let units: Vec<f32> = units.iter().zip(&hidden).map(|(g, x)| if *x > 0.0 { *g } else { 0.0 }).collect();

            gradient.layers[1].accumulate(&scores, &hidden);
            gradient.layers[0].accumulate(&units, &sample.pixels);
        }
        gradient
    }
}

fn softmax(scores: &[f32]) -> Vec<f32> {
    // Without the largest score in front, the exponential could overflow.
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials.iter().map(|x| x / sum).collect()
}

/// Mini-batch stochastic gradient descent with momentum, in place. `gradient` gives the gradient for a batch, at the
/// network as it stands.
pub(crate) fn train(
    network: &mut Network,
    samples: &[Sample],
    schedule: Schedule,
    random: &mut SplitMix64,
    gradient: impl Fn(&Network, &[&Sample]) -> Result<Network>,
) -> Result<()> {
    let mut velocity = Network::zeros();
    for epoch in 0..schedule.epochs {
        // The rate falls towards zero, so that where training ends doesn't hang on the last few batches.
        let rate = schedule.rate * (1.0 - epoch as f32 / schedule.epochs as f32);
        for batch in random.shuffled(samples).chunks(BATCH) {
            let gradient = gradient(network, batch)?;
            for ((layer, velocity), gradient) in
                network.layers.iter_mut().zip(&mut velocity.layers).zip(&gradient.layers)
            {
                descend(&mut layer.weights, &mut velocity.weights, &gradient.weights, rate);
                descend(&mut layer.biases, &mut velocity.biases, &gradient.biases, rate);
            }
        }
    }
    Ok(())
}

fn descend(parameters: &mut [f32], velocity: &mut [f32], gradient: &[f32], rate: f32) {
    for ((x, v), g) in parameters.iter_mut().zip(velocity).zip(gradient) {
        *v = MOMENTUM * *v + g;
        *x -= rate * *v;
    }
}
