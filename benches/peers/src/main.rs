//! The speed of fewbits beside what else there is: see README.md.

mod aligned;
mod data;
mod formats;
mod group;
mod report;

mod entropy;
mod hadamard;
mod halves;
mod int4;
mod int8;
mod lossless;
mod metrics;
mod nf4;
mod pack;
mod quantiles;
mod sizes;
mod threads;
mod trellis;

use fewbits::simd::Level;
use report::{Report, append};
use std::{error::Error, fs, process::ExitCode};

const USAGE: &str = "\
--values N      values of a run, a multiple of 4096 (65536)
--samples N     samples of each case (21)
--only AREA     one area only, or several of them: int8 int4 nf4 quantiles pack entropy trellis hadamard halves metrics
                lossless
--level LEVEL   portable, avx2 or avx512: the kernels of fewbits (the best there are)
--sizes         nanoseconds per value of fewbits alone, for 2^6 to 2^26 values
--threads N     milliseconds of fewbits alone, by one thread and by N
--csv FILE      appends rows";

const LEVELS: [(&str, Level); 3] = [("portable", Level::Portable), ("avx2", Level::Avx2), ("avx512", Level::Avx512)];

type Area = fn(&mut Report, &[f32]);

const AREAS: [(&str, Area); 11] = [
    ("int8", int8::measure),
    ("int4", int4::measure),
    ("nf4", nf4::measure),
    ("quantiles", quantiles::measure),
    ("pack", pack::measure),
    ("entropy", entropy::measure),
    ("trellis", trellis::measure),
    ("hadamard", hadamard::measure),
    ("halves", halves::measure),
    ("metrics", metrics::measure),
    ("lossless", lossless::measure),
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    use lexopt::prelude::*;
    let (mut count, mut samples, mut only, mut sizes) = (1 << 16, 21, Vec::new(), false);
    let (mut level, mut csv, mut threads) = (None::<String>, None, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("values") => count = arguments.value()?.parse()?,
            Long("samples") => samples = arguments.value()?.parse()?,
            Long("only") => only.push(arguments.value()?.string()?),
            Long("level") => level = Some(arguments.value()?.string()?),
            Long("sizes") => sizes = true,
            Long("threads") => threads = Some(arguments.value()?.parse()?),
            Long("csv") => csv = Some(append(arguments.value()?.as_ref())?),
            Long("help") => {
                println!("{USAGE}");
                return Ok(());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if count == 0 || count % 4096 != 0 || samples == 0 {
        return Err("values come in multiples of 4096, and there is at least one sample".into());
    }
    if let Some(name) = only.iter().find(|name| AREAS.iter().all(|(area, _)| area != name)) {
        return Err(format!("no area {name}\n{USAGE}").into());
    }
    let level = limit(level.as_deref())?;
    let mut report = Report { samples, level, csv };
    println!("kernels: {level}");
    report.note("machine", &machine());
    report.note("rustc", env!("RUSTC_VERSION"));
    report.note("versions", env!("PEER_VERSIONS"));
    if let Some(threads) = threads {
        return Ok(threads::measure(threads, samples)?);
    }
    if sizes {
        sizes::measure(&mut report);
        return Ok(());
    }
    let values = data::gaussian(count, 0.02, 1);
    for (area, measure) in AREAS {
        if only.is_empty() || only.iter().any(|name| name == area) {
            measure(&mut report, &values);
        }
    }
    Ok(())
}

/// Keeps the kernels of fewbits from using more than was asked for, and says what they use.
fn limit(level: Option<&str>) -> Result<&'static str, String> {
    let named = |asked: &str| LEVELS.iter().find(|(name, _)| *name == asked).map(|&(_, level)| level);
    let most = match level {
        None => Level::Avx512,
        Some(name) => named(name).ok_or_else(|| format!("no level {name}\n{USAGE}"))?,
    };
    let used = fewbits::simd::limit(most);
    if level.is_some() && used != most {
        return Err(format!("this machine, or this build of fewbits, has no kernels beyond {used:?}"));
    }
    Ok(LEVELS.iter().find(|(_, level)| *level == used).map_or("unknown", |(name, _)| name))
}

/// What Linux calls the processor.
fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or("unknown", |(_, name)| name.trim()).to_owned()
}
