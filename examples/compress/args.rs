//! The command line.

use crate::shared::Failure;
use lexopt::prelude::*;
use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
Compresses a model with every method, tensor by tensor, and reports bits per value and errors.

Usage: compress MODEL.safetensors [--bits B] [--csv] [--out DIR]

  --bits B   bits of a code, 1 to 16 [default: 8]
  --csv      a row of CSV for each tensor and method instead of the report
  --out DIR  writes each frame to DIR/<tensor>@<method>.fewb; `decompress` reads them
  --help     shows this

Tensors of f32, f16 and bf16 are compressed, others are skipped.
";

/// What is asked for.
pub(crate) struct Args {
    pub(crate) model: PathBuf,
    pub(crate) bits: u32,
    pub(crate) csv: bool,
    pub(crate) out: Option<PathBuf>,
}

impl Args {
    /// None if only help is asked for.
    pub(crate) fn from_command_line() -> Result<Option<Self>, Failure> {
        let (mut model, mut bits, mut csv, mut out) = (None, 8, false, None);
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Short('h') | Long("help") => return Ok(None),
                Long("bits") => bits = parser.value()?.parse_with(parse_bits)?,
                Long("csv") => csv = true,
                Long("out") => out = Some(parser.value()?.into()),
                Value(path) if model.is_none() => model = Some(path.into()),
                _ => return Err(arg.unexpected().into()),
            }
        }
        let model = model.ok_or_else(|| Failure::Usage("no model given".into()))?;
        Ok(Some(Self { model, bits, csv, out }))
    }
}

fn parse_bits(text: &str) -> Result<u32, &'static str> {
    text.parse().ok().filter(|bits| (1..=16).contains(bits)).ok_or("`--bits` takes a whole number from 1 to 16")
}
