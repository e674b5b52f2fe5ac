//! Quantizes an array that no machine holds whole: shards calibrate apart, agree, and encode apart, and their bytes are
//! those of the whole.
//!
//!     cargo run --release --example shards
//!
//! Threads stand for machines here, and a channel for the network. In an engine that has `map` and `reduce` already, be
//! it over partitions of a table or over the workers of a training run, the same calls go there:
//!
//! - map: `histogram.add(&shard)`, then `histogram.to_bytes()` as the value that is sent (some 20 to 40 KB);
//! - reduce: `Histogram::from_bytes`, then `merge`, which is commutative and associative, so that the engine may combine
//!   early, in any order and in trees;
//! - broadcast: `fit` once on the merged histogram, then `quantizer.to_bytes()` (about 20 bytes);
//! - map again: `UniformQuantizer::from_bytes`, then `encode_piece_into` with the position of the shard.
//!
//! Shards begin at multiples of the pipeline's `block`, so that their streams can be concatenated; where that does not
//! suit, keep one stream per shard.

use fewbits::{
    Coded, Describe, ErrorStats, Fit, Histogram, Pipeline, PipelineExt, Restore, Result, Rounding, Seed, Uniform,
    UniformQuantizer,
};
use std::{
    sync::mpsc::{self, Sender},
    thread,
    time::Instant,
};

const SHARDS: usize = 4;
const SHARD_LEN: usize = 1 << 18;
const ROUND: u64 = 1;

fn main() -> Result<()> {
    let gradient = gradient(SHARDS * SHARD_LEN);
    let started = Instant::now();

    // Each shard sends its histogram; they arrive in any order.
    let (sender, received) = mpsc::channel();
    thread::scope(|scope| {
        for shard in gradient.chunks(SHARD_LEN) {
            let sender = sender.clone();
            scope.spawn(move || calibrate(shard, &sender));
        }
        drop(sender);
    });
    let mut all = Histogram::new();
    for bytes in received {
        let bytes = bytes?;
        println!("histogram received: {} bytes", bytes.len());
        all.merge(&Histogram::from_bytes(&bytes)?)?;
    }

    // Everyone gets the parameters of one shared fit. Chance depends on the round and on positions, not on who computes.
    let parameters = Uniform::new(8).fit(&[all])?.to_bytes();
    println!("parameters sent: {} bytes", parameters.len());
    let rounding = Rounding::Stochastic(Seed::new(7).derive(ROUND));
    let pipeline = Coded::packed(UniformQuantizer::<u8>::from_bytes(&parameters)?.with_rounding(rounding)?);

    let mut pieces = vec![Vec::new(); SHARDS];
    thread::scope(|scope| {
        let pipeline = &pipeline;
        let workers = gradient.chunks(SHARD_LEN).zip(&mut pieces).enumerate();
        let workers = workers.map(|(i, (shard, piece))| {
            scope.spawn(move || -> Result<()> {
                piece.resize(pipeline.max_encoded_len(shard.len()), 0);
                let written = pipeline.encode_piece_into(i * SHARD_LEN, shard, piece)?;
                piece.truncate(written);
                Ok(())
            })
        });
        let workers: Vec<_> = workers.collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
    })?;
    let sharded = pieces.concat();
    println!("{} values in {} shards: {:?}", gradient.len(), SHARDS, started.elapsed());

    // One machine that holds everything does the same.
    let whole = pipeline.encode(&gradient)?;
    assert_eq!(sharded, whole, "shards and the whole give the same bytes");
    let restored: Vec<f32> = pipeline.decode(&sharded, gradient.len())?;
    let error = ErrorStats::measure(&gradient, &restored)?;
    println!("the same {} bytes as from the whole array, {:.2} dB", whole.len(), error.sqnr_db());
    Ok(())
}

/// What a machine does with its shard at first.
fn calibrate(shard: &[f32], sender: &Sender<Result<Vec<u8>>>) {
    let mut histogram = Histogram::new();
    let added = histogram.add(shard);
    sender.send(added.map(|()| histogram.to_bytes())).expect("someone receives");
}

/// Values as gradients have them: many small ones, few large ones, another size in each layer.
fn gradient(len: usize) -> Vec<f32> {
    let seed = Seed::new(42);
    let value = |i: u64| {
        let bell: f32 = (0..12).map(|draw| seed.uniform(12 * i + draw)).sum::<f32>() - 6.0;
        let layer = 1.0 + (i >> 16) as f32;
        1e-3 * bell * bell * bell / layer
    };
    (0..len as u64).map(value).collect()
}
