//! Handwritten digits: how few bits does a small image classifier need for its weights?
//!
//! Trains a perceptron, quantizes its weights by every method and at every number of bits, and compares what that costs
//! in accuracy. Biases are few and stay f32. Where few bits cost much, it fine-tunes with fake quantization. Run it
//! with
//!
//! ```sh
//! cargo run --release --example digits
//! ```

mod data;
mod methods;
mod network;
mod quantized;
mod random;

use data::{CLASSES, PIXELS, Sample};
use fewbits::{Fit, bits_per_value};
use methods::{METHODS, Method, per_row};
use network::{HIDDEN, Layer, Network, Schedule, train};
use quantized::{CodedLayer, compress, fine_tune};
use random::SplitMix64;
use std::{error::Error, ops::RangeInclusive};

const SEED: u64 = 1;
const BITS: RangeInclusive<u32> = 2..=8;
const TRAINING: Schedule = Schedule { epochs: 40, rate: 0.1 };
/// The numbers of bits at which accuracy suffers most.
const FINE_TUNED_BITS: RangeInclusive<u32> = 2..=3;
/// Slower: a small step of a float weight can be a large one after rounding.
const FINE_TUNING: Schedule = Schedule { epochs: 40, rate: 0.005 };

fn main() -> Result<(), Box<dyn Error>> {
    let (training_set, test_set) = data::load();
    let mut random = SplitMix64(SEED);
    let mut network = Network::random(&mut random);
    train(&mut network, &training_set, TRAINING, &mut random, |network, batch| Ok(network.gradient(batch)))?;

    let weights = network.weight_count();
    println!("Perceptron {PIXELS}-{HIDDEN}-{CLASSES}: {weights} weights, {} bytes in f32", weights * size_of::<f32>());
    println!("Accuracy in f32: {:.1} % of {} test images\n", network.accuracy(&test_set), test_set.len());

    println!("method                   bits  bits/value  SQNR dB  accuracy %  fine-tuned %");
    for bits in BITS {
        println!();
        for method in METHODS.iter().filter(|method| method.bits.contains(&bits)) {
            print_row(&network, method, bits, &training_set, &test_set)?;
        }
    }

    println!("\nInference on codes and scales (symmetric, per row), predictions equal to those of restored weights:");
    let mut counts = Vec::new();
    for bits in BITS {
        let agreeing = agreement(&network, bits, &test_set)?;
        // The two round differently, which may tip a close decision, but hardly a second one.
        if agreeing + 1 < test_set.len() {
            return Err(format!("at {bits} bits, only {agreeing} of {} predictions agree", test_set.len()).into());
        }
        counts.push(format!("{bits} bits {agreeing}"));
    }
    println!("{} of {}", counts.join(", "), test_set.len());
    Ok(())
}

fn print_row(
    network: &Network,
    method: &Method,
    bits: u32,
    training_set: &[Sample],
    test_set: &[Sample],
) -> fewbits::Result<()> {
    let fit = |layer: &Layer| (method.fit)(bits, layer);
    let compressed = compress(network, fit)?;
    let fine_tuned = if FINE_TUNED_BITS.contains(&bits) {
        let mut tuned = network.clone();
        fine_tune(&mut tuned, training_set, FINE_TUNING, &mut SplitMix64(SEED), fit)?;
        format!("{:.1}", compress(&tuned, fit)?.restored.accuracy(test_set))
    } else {
        "-".into()
    };
    println!(
        "{:<25}{bits:>4}{:>12.2}{:>9.1}{:>12.1}{fine_tuned:>14}",
        method.name,
        bits_per_value(compressed.bytes, network.weight_count()),
        compressed.error.sqnr_db(),
        compressed.restored.accuracy(test_set),
    );
    Ok(())
}

/// How many predictions of inference on codes are those of the restored weights.
fn agreement(network: &Network, bits: u32, test_set: &[Sample]) -> fewbits::Result<usize> {
    let restored = compress(network, |layer| per_row(bits, layer).fit(&layer.weights))?.restored;
    let [to_hidden, to_scores] = &network.layers;
    let coded = Network { layers: [CodedLayer::new(to_hidden, bits)?, CodedLayer::new(to_scores, bits)?] };
    Ok(test_set.iter().filter(|sample| coded.predict(sample) == restored.predict(sample)).count())
}
