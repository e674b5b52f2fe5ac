//! The command line.

use crate::shared::Failure;
use fewbits::Target;
use lexopt::prelude::*;
use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
Compresses a model with every method, tensor by tensor, and reports bits per value and errors.

Usage: compress MODEL.safetensors [--bits B | --target T | --budget N] [--csv] [--out DIR]

  --bits B    bits of a value, 0.1 to 16 [default: 8]; fractions are for `fast`, `default` and `best` alone
  --target T  one method, `target`: as few bytes as T needs, which is sqnr:DB, psnr:DB, rms:X, max:X, range:X, relative:X,
              bits:B, bytes:N or lossless
  --budget N  one method, `budget`: N bytes for all tensors together, which have to be f32
  --csv       a row of CSV for each tensor and method instead of the report
  --out DIR   writes each frame to DIR/<tensor>@<method>.fewb; `decompress` reads them
  --help      shows this

Tensors of f32, f16 and bf16 are compressed, others are skipped.
";

/// What frames are to keep to.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// So many bits a value, or as many for a code.
    Bits(f64),
    /// A target for each tensor.
    Target(Target),
    /// So many bytes for all.
    Budget(usize),
}

/// What is asked for.
pub(crate) struct Args {
    pub(crate) model: PathBuf,
    pub(crate) goal: Goal,
    pub(crate) csv: bool,
    pub(crate) out: Option<PathBuf>,
}

impl Args {
    /// None if only help is asked for.
    pub(crate) fn from_command_line() -> Result<Option<Self>, Failure> {
        let (mut model, mut goal, mut csv, mut out) = (None, Goal::Bits(8.0), false, None);
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Short('h') | Long("help") => return Ok(None),
                Long("bits") => goal = Goal::Bits(parser.value()?.parse_with(parse_bits)?),
                Long("target") => goal = Goal::Target(parser.value()?.parse_with(parse_target)?),
                Long("budget") => goal = Goal::Budget(parser.value()?.parse()?),
                Long("csv") => csv = true,
                Long("out") => out = Some(parser.value()?.into()),
                Value(path) if model.is_none() => model = Some(path.into()),
                _ => return Err(arg.unexpected().into()),
            }
        }
        let model = model.ok_or_else(|| Failure::Usage("no model given".into()))?;
        Ok(Some(Self { model, goal, csv, out }))
    }
}

fn parse_bits(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|bits| (0.1..=16.0).contains(bits)).ok_or("`--bits` takes a number from 0.1 to 16")
}

fn parse_target(text: &str) -> Result<Target, &'static str> {
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    let number = value.parse().ok();
    let target = match name {
        "bits" => number.map(Target::BitsPerValue),
        "bytes" => value.parse().ok().map(Target::Bytes),
        "sqnr" => number.map(Target::Sqnr),
        "psnr" => number.map(Target::Psnr),
        "rms" => number.map(Target::Rms),
        "max" => number.map(Target::MaxError),
        "range" => number.map(Target::MaxErrorOfRange),
        "relative" => number.map(Target::PointwiseRelative),
        "lossless" if value.is_empty() => Some(Target::Lossless),
        _ => None,
    };
    target.ok_or("`--target` takes a name and a number, such as `sqnr:40`, or `lossless`")
}
