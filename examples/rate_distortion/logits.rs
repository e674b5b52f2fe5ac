//! What quantized weights do to the answers of a network: logits beside those of the f32 weights, in the bytes of other methods.

use crate::{
    models::Tensor,
    peers::{Peer, packed},
    shared::{Failure, print},
};
use fewbits::{Compressor, KMeans, Result, ScaleType, Target, Uniform, allocate};
use std::{path::PathBuf, process::ExitCode};

/// Layers of a network with rectified values in between, by names, and what goes into the first.
struct Names {
    title: &'static str,
    layers: &'static [(&'static str, &'static str)],
    inputs: &'static str,
}

const NETWORKS: [Names; 2] = [
    Names {
        title: "MobileNetV2's classifier",
        layers: &[("classifier.1.weight", "classifier.1.bias")],
        inputs: "pooled_features",
    },
    Names {
        title: "perceptron for digits",
        layers: &[("mlp.fc1.weight", "mlp.fc1.bias"), ("mlp.fc2.weight", "mlp.fc2.bias")],
        inputs: "test.images",
    },
];

struct Network<'a> {
    /// Weights and biases.
    layers: Vec<(&'a Tensor, &'a Tensor)>,
    inputs: &'a Tensor,
}

impl<'a> Network<'a> {
    fn find(names: &Names, tensors: &'a [Tensor]) -> Option<Self> {
        let tensor = |name: &str| tensors.iter().find(|tensor| tensor.name == name);
        let layers = names.layers.iter().map(|(weight, bias)| Some((tensor(weight)?, tensor(bias)?)));
        Some(Self { layers: layers.collect::<Option<_>>()?, inputs: tensor(names.inputs)? })
    }

    fn weight_count(&self) -> usize {
        self.layers.iter().map(|(weight, _)| weight.values.len()).sum()
    }

    /// The inputs of each layer, and the logits, with these weights.
    fn run(&self, weights: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let mut all = vec![self.inputs.values.clone()];
        for (i, ((shape, bias), weights)) in self.layers.iter().zip(weights).enumerate() {
            let columns = shape.shape[1];
            let mut outputs = Vec::new();
            for inputs in all[i].chunks(columns) {
                for (row, bias) in weights.chunks(columns).zip(&bias.values) {
                    let sum: f64 = row.iter().zip(inputs).map(|(w, x)| f64::from(w * x)).sum();
                    let output = (sum + f64::from(*bias)) as f32;
                    outputs.push(if i + 1 < self.layers.len() { output.max(0.0) } else { output });
                }
            }
            all.push(outputs);
        }
        all
    }

    fn weights(&self) -> Vec<Vec<f32>> {
        self.layers.iter().map(|(weight, _)| weight.values.clone()).collect()
    }

    /// What quantized weights lead to, beside these logits.
    fn answers(&self, weights: &[Vec<f32>], logits: &[f32]) -> Answers {
        let found = self.run(weights).pop().unwrap_or_default();
        let classes = self.layers.last().map_or(1, |(_, bias)| bias.values.len());
        let top = |logits: &[f32]| (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
        let same = logits.chunks(classes).zip(found.chunks(classes)).filter(|(a, b)| top(a) == top(b)).count();
        let squares = logits.iter().zip(&found).map(|(a, b)| f64::from(a - b).powi(2));
        Answers { same, error: squares.sum::<f64>() / logits.len() as f64 }
    }

    /// All layers in so many bytes of whole frames; with errors that weigh as much as the inputs of each column, if asked.
    fn compressed(&self, bytes: usize, inputs: Option<&[Vec<f32>]>) -> Result<Vec<Vec<f32>>> {
        let slices: Vec<_> = self.layers.iter().map(|(w, _)| (&w.values[..], &w.shape[..])).collect();
        let targets = if slices.len() == 1 { vec![Target::Bytes(bytes)] } else { allocate(&slices, bytes)? };
        let mut layers = Vec::new();
        for (i, (&(values, shape), target)) in slices.iter().zip(targets).enumerate() {
            let mut compressor = Compressor::new(target).shape(shape);
            if let Some(inputs) = inputs {
                compressor = compressor.weights(1, &mean_squares(&inputs[i], shape[1]));
            }
            layers.push(fewbits::decompress(compressor.compress(values)?.as_bytes())?);
        }
        Ok(layers)
    }
}

/// Of each column; inputs that are never there here may be elsewhere.
fn mean_squares(inputs: &[f32], columns: usize) -> Vec<f32> {
    let mut squares = vec![0.0; columns];
    for row in inputs.chunks(columns) {
        squares.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * x);
    }
    let least = 0.01 * squares.iter().sum::<f32>() / columns as f32;
    squares.iter().map(|&sum| sum.max(least)).collect()
}

#[derive(Clone, Copy)]
struct Answers {
    same: usize,
    error: f64,
}

impl Answers {
    fn row(self) -> String {
        format!(" {} | {:.3e} |", self.same, self.error)
    }
}

/// Uniform steps and k-means as whole frames, besides what others publish.
fn methods() -> Vec<Peer> {
    let mut methods = Peer::all();
    methods.push(packed("uniform, 2 bits", |x| crate::peers::frame(&Uniform::new(2), x)));
    methods.push(packed("uniform, 3 bits", |x| crate::peers::frame(&Uniform::new(3), x)));
    methods.push(packed("uniform, 4 bits", |x| crate::peers::frame(&Uniform::new(4), x)));
    methods.push(packed("k-means, 2 bits", |x| crate::peers::frame(&KMeans::new(4), x)));
    methods.push(packed("k-means, 3 bits", |x| crate::peers::frame(&KMeans::new(8), x)));
    methods.push(packed("k-means, 4 bits", |x| crate::peers::frame(&KMeans::new(16), x)));
    methods.push(packed("uniform, 2 bits, blocks of 32", |x| crate::peers::frame(&blocks(2), x)));
    methods.push(packed("uniform, 3 bits, blocks of 32", |x| crate::peers::frame(&blocks(3), x)));
    methods.push(packed("uniform, 4 bits, blocks of 32", |x| crate::peers::frame(&blocks(4), x)));
    methods
}

fn blocks(bits: u32) -> Uniform {
    Uniform::new(bits).per_block(32).scale_type(ScaleType::Bf16)
}

/// Prints agreements with the f32 weights and errors of logits, and which method is better than `compress` in its own bytes.
pub(crate) fn logits(paths: &[PathBuf]) -> std::result::Result<ExitCode, Failure> {
    let mut tensors = Vec::new();
    for path in paths {
        tensors.extend(Tensor::read(path, 1)?);
    }
    let (mut found, mut lost) = (0, 0);
    for names in &NETWORKS {
        let Some(network) = Network::find(names, &tensors) else { continue };
        found += 1;
        lost += compare(names.title, &network)?;
    }
    if found == 0 {
        return Err(Failure::Usage("no network that is known is in these files".into()));
    }
    Ok(if lost == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn compare(title: &str, network: &Network<'_>) -> std::result::Result<usize, Failure> {
    let failed = |error| Failure::Run(format!("{title}: {error}"));
    let exact = network.run(&network.weights());
    let logits = exact.last().map_or(&[][..], Vec::as_slice);
    let count = network.weight_count();
    let classes = network.layers.last().map_or(1, |(_, bias)| bias.values.len());
    print(&format!("{title}: {count} weights, {} inputs\n\n", logits.len() / classes))?;
    print(
        "| bits/weight | same answer | error of logits | by inputs, same | error |\n| --- | --- | --- | --- | --- |\n",
    )?;
    for bits in [2, 3, 4] {
        let bytes = count * bits / 8;
        let plain = network.answers(&network.compressed(bytes, None).map_err(failed)?, logits);
        let weighted = network.answers(&network.compressed(bytes, Some(&exact)).map_err(failed)?, logits);
        print(&format!("| {bits} |{}{}\n", plain.row(), weighted.row()))?;
    }
    print("\n| method | bits/weight | same answer | error of logits | `compress`, same | error | lost |\n")?;
    print("| --- | --- | --- | --- | --- | --- | --- |\n")?;
    let mut lost = 0;
    for method in methods() {
        let weights = network.layers.iter().map(|(weight, _)| method.restored_and_bytes(&weight.values));
        // Scales that f16 cannot hold, for instance.
        let Ok(weights) = weights.collect::<Result<Vec<_>>>() else { continue };
        let (weights, bytes): (Vec<_>, Vec<_>) = weights.into_iter().unzip();
        let bytes: usize = bytes.iter().sum();
        let theirs = network.answers(&weights, logits);
        let ours = network.compressed(bytes, None).map(|weights| network.answers(&weights, logits));
        let verdict = match &ours {
            Err(_) => "cannot",
            Ok(ours) if ours.error > theirs.error => "error",
            Ok(ours) if ours.same < theirs.same => "answers",
            Ok(_) => "",
        };
        lost += usize::from(!verdict.is_empty());
        let bits = 8.0 * bytes as f64 / count as f64;
        let ours = ours.map_or(" | |".to_owned(), Answers::row);
        print(&format!("| {} | {bits:.3} |{}{ours} {verdict} |\n", method.name(), theirs.row()))?;
    }
    print("\n")?;
    Ok(lost)
}
