//! How far from what is possible: bits and errors of this crate and of formats that others publish.
//!
//! ```sh
//! cargo run --release --example rate_distortion                          # tables, and docs/rate_distortion.svg
//! cargo run --release --example rate_distortion -- --quick figure.svg    # fewer values
//! cargo run --release --example rate_distortion -- --never-below model.safetensors
//! cargo run --release --example rate_distortion -- --rates model.safetensors
//! cargo run --release --example rate_distortion -- --logits model.safetensors activations.safetensors
//! ```
//!
//! Bits of this crate are those of whole frames, decoded again; those of other formats leave headers out.

mod curves;
mod figure;
mod ggml;
mod logits;
mod models;
mod peers;
#[path = "../shared/mod.rs"]
#[allow(dead_code, unused_imports, reason = "names of frames and rows are for other examples")]
mod shared;
mod sources;

use curves::{Curves, Kind, trellis};
use lexopt::prelude::*;
use shared::{Failure, exit, failed_to, print};
use sources::Source;
use std::{fmt::Write, fs, path::PathBuf, process::ExitCode};

const USAGE: &str = "\
Measures bits and errors of random values, prints tables, and draws a figure.

Usage: rate_distortion [--quick] [FIGURE.svg]
       rate_distortion --never-below MODEL.safetensors...
       rate_distortion --rates MODEL.safetensors...
       rate_distortion --logits WEIGHTS_AND_INPUTS.safetensors...

  FIGURE.svg     where the figure goes [default: docs/rate_distortion.svg]
  --quick        65,536 values instead of 524,288, and no figure unless it is named
  --never-below  each f32 tensor of at least 1,024 values in as many bytes as other formats take: which lose to one
  --rates        mean errors at 3, 4.5, 6 and 8.5 bits, of matrices of at least 65,536 values
  --logits       answers of a network that is known, with weights by `compress` and in the bytes of other methods
  --help         shows this
";

fn main() -> ExitCode {
    exit(run())
}

fn run() -> Result<ExitCode, Failure> {
    let (mut quick, mut paths, mut models): (bool, Vec<PathBuf>, Option<models::Task>) = (false, Vec::new(), None);
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Short('h') | Long("help") => return print(USAGE).map(|()| ExitCode::SUCCESS),
            Long("quick") => quick = true,
            Long("never-below") => models = Some(models::never_below),
            Long("logits") => models = Some(logits::logits),
            Long("rates") => models = Some(models::rates),
            Value(path) => paths.push(path.into()),
            _ => return Err(arg.unexpected().into()),
        }
    }
    if let Some(task) = models {
        if paths.is_empty() {
            return Err(Failure::Usage("no model given".into()));
        }
        return task(&paths);
    }
    if paths.len() > 1 {
        return Err(Failure::Usage("more than one figure named".into()));
    }
    let count = if quick { 1 << 16 } else { 1 << 19 };
    let mut all = Vec::new();
    for source in Source::ALL {
        let failed = |error| Failure::Run(format!("{} values: {error}", source.name()));
        let values = source.values(count);
        let curves = Curves::measure(source, &values).map_err(failed)?;
        print(&table(&curves))?;
        print(&gaps(source, &values, quick).map_err(failed)?)?;
        all.push(curves);
    }
    let default = (!quick).then(|| "docs/rate_distortion.svg".into());
    if let Some(path) = paths.pop().or(default) {
        fs::write(&path, figure::draw(&all)).map_err(failed_to("write", &path))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// All that is drawn.
fn table(curves: &Curves) -> String {
    let mut text = format!("{}\n\n| code | bits/value | SQNR, dB | above the bound, dB |\n", curves.source.name());
    text += "| --- | --- | --- | --- |\n";
    let lines = curves.lines.iter().flat_map(|(name, points)| points.iter().map(move |point| (name, "", point)));
    let points = curves
        .points
        .iter()
        .map(|(name, kind, point)| (name, if *kind == Kind::Quoted { ", quoted" } else { "" }, point));
    for (name, note, point) in lines.chain(points) {
        let _ = writeln!(text, "| {name}{note} | {:.3} | {:.2} | {:.2} |", point.bits, point.sqnr_db, point.gap_db);
    }
    text + "\n"
}

/// Distances from the bound by the number of states.
fn gaps(source: Source, values: &[f32], quick: bool) -> fewbits::Result<String> {
    const RATES: [f64; 8] = [0.5, 0.8, 1.0, 2.0, 3.0, 4.5, 6.0, 8.0];
    let rates = if quick { &RATES[3..4] } else { &RATES };
    let mut text = format!("{}, above the bound, dB\n\n| states |", source.name());
    for bits in rates {
        let _ = write!(text, " {bits} bits |");
    }
    text = text + "\n| --- |" + &" --- |".repeat(rates.len()) + "\n";
    for states in [1, 8, 64, 256] {
        let _ = write!(text, "| {states} |");
        for &bits in rates {
            let _ = write!(text, " {:.2} |", trellis(source, values, states, bits)?.gap_db);
        }
        text.push('\n');
    }
    Ok(text + "\n")
}
