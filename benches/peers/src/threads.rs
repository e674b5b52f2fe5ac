//! Milliseconds of ours alone, by the number of threads: chunks of a frame, in wall-clock time.

use crate::data::gaussian;
use fewbits::{Automaton, Blocks, Coded, ContextRans, Fit, Frame, FrameWriter, Pipeline, Rans, Trellis, Uniform};
use rayon::ThreadPool;
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

const VALUES: usize = 1 << 22;
const CHUNK: usize = 1 << 16;
/// Schedulers move a thread to a processor of its own when it has been busy for a while.
const WARM: Duration = Duration::from_millis(60);

/// Prints a table.
pub fn measure(threads: usize, samples: usize) -> Result<(), rayon::ThreadPoolBuildError> {
    let values = gaussian(VALUES, 0.02, 1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    println!(
        "| {VALUES} values, chunks of {CHUNK} | encode, ms | {threads} threads | | decode, ms | {threads} threads | |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, pipeline) in pipelines(&values) {
        let writer = FrameWriter::new(&pipeline).chunk_len(CHUNK);
        let mut bytes = vec![0; writer.max_encoded_len(VALUES)];
        let encode = [
            median(samples, || writer.encode_into(black_box(&values), &mut bytes).expect("finite values")),
            warm(&pool, || {
                median(samples, || writer.encode_parallel_into(black_box(&values), &mut bytes).expect("finite values"))
            }),
        ];
        let frame = writer.encode(&values).expect("finite values");
        let decoder = Frame::parse(&frame).and_then(|frame| frame.decoder()).expect("a frame of ours");
        let mut restored = vec![0.0_f32; VALUES];
        let decode = [
            median(samples, || decoder.decode_into(black_box(&mut restored)).expect("a frame of ours")),
            warm(&pool, || {
                median(samples, || decoder.decode_parallel_into(black_box(&mut restored)).expect("a frame of ours"))
            }),
        ];
        let cells = [encode, decode].map(|[one, many]| format!("{one:.2} | {many:.2} | {:.2}x", one / many));
        println!("| {name} | {} |", cells.join(" | "));
    }
    Ok(())
}

fn pipelines(values: &[f32]) -> Vec<(&'static str, Box<dyn Pipeline>)> {
    let automaton =
        Automaton::trellis(8).and_then(|automaton| automaton.lanes(32)?.period(CHUNK)).expect("an automaton");
    let trellis = Coded::new(Trellis::new(0.004).automaton(automaton), ContextRans::new(automaton));
    vec![
        ("blocks of 32, 8 bits", Box::new(Blocks::uniform(8, 32).expect("bits and a block"))),
        ("blocks of 32, 4 bits", Box::new(Blocks::uniform(4, 32).expect("bits and a block"))),
        (
            "uniform, 5 bits, rANS",
            Box::new(Coded::new(Uniform::new(5), Rans::new()).fit(values).expect("finite values")),
        ),
        ("trellis of 8 states, rANS", Box::new(trellis.fit(values).expect("finite values"))),
    ]
}

fn warm(pool: &ThreadPool, run: impl FnOnce() -> f64 + Send) -> f64 {
    pool.broadcast(|_| {
        let start = Instant::now();
        while start.elapsed() < WARM {}
    });
    pool.install(run)
}

/// Milliseconds of a run.
fn median<R>(samples: usize, mut run: impl FnMut() -> R) -> f64 {
    let mut times: Vec<f64> = (0..samples)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[samples / 2]
}
