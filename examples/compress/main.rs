//! Compresses a model with every method of the crate, tensor by tensor, and says what each costs and keeps.
//!
//! ```sh
//! cargo run --release --example compress -- model.safetensors --bits 4
//! cargo run --release --example compress -- model.safetensors --csv --out frames > figures.csv
//! cargo run --release --example compress -- model.safetensors --target sqnr:40
//! ```
//!
//! Every figure is measured on the decoded frame, so frame headers, scales and checksums count.

mod args;
mod methods;
mod report;
mod screen;
#[path = "../shared/mod.rs"]
mod shared;

use args::{Args, Goal};
use fewbits::{DType, Element, Limits, Target, allocate, bf16, decompress_within, f16, values_from_le_bytes};
use methods::{Input, Method};
use report::{Heading, Report};
use safetensors::tensor::TensorView;
use screen::Screen;
use shared::{EXTENSION, Failure, FrameName, Row, element_of, exit, failed_to, print, read_model, tensors_of};
use std::{collections::HashMap, fs, io::ErrorKind, path::Path, process::ExitCode};

fn main() -> ExitCode {
    exit(run())
}

fn run() -> Result<ExitCode, Failure> {
    match Args::from_command_line()? {
        Some(args) => compress_model(&args).map_err(|failure| failure.with_files(args.out.is_some())),
        None => print(args::USAGE).map(|()| ExitCode::SUCCESS),
    }
}

fn compress_model(args: &Args) -> Result<ExitCode, Failure> {
    let bytes = read_model(&args.model)?;
    let mut tensors = tensors_of(&args.model, &bytes)?.tensors();
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    if let Some(dir) = &args.out {
        fs::create_dir_all(dir).map_err(failed_to("create", dir))?;
    }

    let screen = Screen::new(tensors.iter().map(|(_, view)| view.data().len()).sum());
    let report = Report::new(args.csv, Method::<f32>::suited_to(args.goal).into_iter());
    let targets = if let Goal::Budget(bytes) = args.goal { share(&tensors, bytes)? } else { HashMap::new() };
    let mut run = Run { args, screen, report, code: ExitCode::SUCCESS, targets };
    if tensors.is_empty() {
        run.screen.note(&format!("`{}` holds no tensors", args.model.display()));
    }
    run.note_unsuited_methods();
    run.screen.print(&run.report.head())?;
    for (name, view) in &tensors {
        run.screen.begin(name);
        match element_of(view.dtype()) {
            _ if view.data().is_empty() => run.screen.note(&format!("tensor `{name}` is empty; skipped")),
            Some(DType::F32) => run.tensor::<f32>(name, view)?,
            Some(DType::F16) => run.tensor::<f16>(name, view)?,
            Some(DType::Bf16) => run.tensor::<bf16>(name, view)?,
            _ => run.screen.note(&format!("tensor `{name}` holds {}, not f32, f16 or bf16; skipped", view.dtype())),
        }
        run.screen.advance(view.data().len());
    }
    run.screen.print(&run.report.tail())?;
    Ok(run.code)
}

/// A target for each tensor, so that all together take so many bytes.
fn share(tensors: &[(String, TensorView<'_>)], bytes: usize) -> Result<HashMap<String, Target>, Failure> {
    let mut slices: Vec<(Vec<f32>, &[usize])> = Vec::new();
    for (name, view) in tensors {
        if element_of(view.dtype()) != Some(DType::F32) {
            return Err(Failure::Run(format!("tensor `{name}` holds {}; a budget is for f32", view.dtype())));
        }
        let values = values_from_le_bytes(view.data());
        slices.push((
            values.map_err(|error| Failure::Run(format!("cannot read tensor `{name}`: {error}")))?,
            view.shape(),
        ));
    }
    let slices: Vec<(&[f32], &[usize])> = slices.iter().map(|(values, shape)| (&values[..], *shape)).collect();
    let targets = allocate(&slices, bytes).map_err(|error| Failure::Run(format!("no budget: {error}")))?;
    Ok(tensors.iter().map(|(name, _)| name.clone()).zip(targets).collect())
}

/// One model on its way through all methods.
struct Run<'a> {
    args: &'a Args,
    screen: Screen,
    report: Report,
    /// Success, unless some frame could not be written.
    code: ExitCode,
    /// What each tensor gets of a budget.
    targets: HashMap<String, Target>,
}

impl Run<'_> {
    fn note_unsuited_methods(&self) {
        let Goal::Bits(bits) = self.args.goal else { return };
        for method in Method::<f32>::ALL.iter().filter(|method| !method.suits(bits)) {
            let (least, most) = (method.bits.start(), method.bits.end());
            let whole = if method.fractions { "" } else { " whole" };
            let takes = format!("method `{}` takes {least} to {most}{whole} bits, not {bits}; skipped", method.name);
            self.screen.note(&takes);
        }
    }

    fn tensor<T: Element>(&mut self, name: &str, view: &TensorView<'_>) -> Result<(), Failure> {
        let read = |error| Failure::Run(format!("cannot read tensor `{name}`: {error}"));
        let values: Vec<T> = values_from_le_bytes(view.data()).map_err(read)?;
        let bits = if let Goal::Bits(bits) = self.args.goal { bits } else { 8.0 };
        let target = match self.args.goal {
            Goal::Bits(bits) => Target::BitsPerValue(bits),
            Goal::Target(target) => target,
            Goal::Budget(_) => self.targets.get(name).copied().unwrap_or(Target::Lossless),
        };
        let input = Input { values: &values, shape: view.shape(), bits: bits as u32, target };
        let mut rows = Vec::new();
        for method in Method::<T>::suited_to(self.args.goal) {
            match compress(&input, name, method) {
                Ok((frame, row)) => {
                    if let Some(dir) = &self.args.out {
                        self.write_frame(dir, &row, &frame)?;
                    }
                    rows.push(row);
                }
                Err(error) => self.screen.note(&format!("tensor `{name}`, method `{}`: {error}", method.name)),
            }
        }
        let heading = Heading { name, element: T::DTYPE, shape: view.shape() };
        self.screen.print(&self.report.tensor(&heading, &rows))
    }

    fn write_frame(&mut self, dir: &Path, row: &Row<'_>, frame: &[u8]) -> Result<(), Failure> {
        let name = FrameName { tensor: row.tensor.into(), method: row.method.into() };
        let path = dir.join(format!("{name}.{EXTENSION}"));
        match fs::write(&path, frame) {
            // Names of tensors can be longer than names of files: the figures stand, and others may fit.
            Err(error) if error.kind() == ErrorKind::InvalidFilename => {
                let (tensor, method) = (row.tensor, row.method);
                self.screen.error(&format!("tensor `{tensor}`, method `{method}`: frame not written: {error}"));
                self.code = ExitCode::FAILURE;
                Ok(())
            }
            result => result.map_err(failed_to("write", &path)),
        }
    }
}

/// Makes a frame, decodes it again and compares.
fn compress<'a, T: Element>(
    input: &Input<'_, T>,
    tensor: &'a str,
    method: &Method<T>,
) -> fewbits::Result<(Vec<u8>, Row<'a>)> {
    let frame = (method.frame)(input)?;
    let restored: Vec<T> = decompress_within(&frame, Limits::bytes(size_of_val(input.values) as u64))?;
    let row = Row::measure(tensor, method.name, frame.len(), input.values, &restored)?;
    Ok((frame, row))
}
