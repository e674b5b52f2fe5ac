//! Decodes the frames that the example `compress` writes, and checks its figures.
//!
//! ```sh
//! cargo run --release --example decompress -- frames --out values
//! cargo run --release --example decompress -- frames --compare model.safetensors > again.csv
//! diff <(sort figures.csv) <(sort again.csv)
//! ```

mod shared;

use fewbits::{DType, Element, Frame, bf16, bits_per_value, f16, values_from_le_bytes, values_to_le_bytes};
use lexopt::prelude::*;
use safetensors::SafeTensors;
use shared::{
    EXTENSION, Failure, FrameName, Row, element_of, exit, failed_to, on_one_line, print, read_model, say, tensors_of,
};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

const USAGE: &str = "\
Decodes frames, and lists them or compares them with the model they were made from.

Usage: decompress FRAME... [--out DIR] [--compare MODEL.safetensors]

  FRAME            a file, or a directory for all its files *.fewb
  --out DIR        writes the values, little-endian, to DIR/<name>.<f32|f16|bf16>
  --compare MODEL  prints the rows of `compress --csv`, measured on these frames
  --help           shows this
";

/// What is asked for.
struct Args {
    frames: Vec<PathBuf>,
    out: Option<PathBuf>,
    model: Option<PathBuf>,
}

fn main() -> ExitCode {
    exit(run())
}

fn run() -> Result<ExitCode, Failure> {
    match Args::from_command_line()? {
        Some(args) => decode_frames(&args).map_err(|failure| failure.with_files(args.out.is_some())),
        None => print(USAGE).map(|()| ExitCode::SUCCESS),
    }
}

impl Args {
    /// None if only help is asked for.
    fn from_command_line() -> Result<Option<Self>, Failure> {
        let mut args = Self { frames: Vec::new(), out: None, model: None };
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Short('h') | Long("help") => return Ok(None),
                Long("out") => args.out = Some(parser.value()?.into()),
                Long("compare") => args.model = Some(parser.value()?.into()),
                Value(path) => args.frames.push(path.into()),
                _ => return Err(arg.unexpected().into()),
            }
        }
        if args.frames.is_empty() { Err(Failure::Usage("no frame given".into())) } else { Ok(Some(args)) }
    }
}

/// Decodes all frames. One that cannot be decoded is reported, and the others go on.
fn decode_frames(args: &Args) -> Result<ExitCode, Failure> {
    let paths = frame_paths(&args.frames)?;
    let bytes = args.model.as_deref().map(read_model).transpose()?;
    let model = args.model.as_deref().zip(bytes.as_deref());
    let model = model.map(|(path, bytes)| tensors_of(path, bytes)).transpose()?;
    if let Some(dir) = &args.out {
        check_names(&paths)?;
        fs::create_dir_all(dir).map_err(failed_to("create", dir))?;
    }

    let width = paths.iter().map(|path| name_of(path).chars().count()).max().unwrap_or(0);
    let task = Task { wants_raw: args.out.is_some(), model: model.as_ref(), width };
    if task.model.is_some() {
        print(Row::HEADER)?;
    }
    let mut code = ExitCode::SUCCESS;
    for path in &paths {
        match task.decode(path) {
            Ok(decoded) => {
                if let Some(dir) = &args.out {
                    let file = dir.join(format!("{}.{}", name_of(path), decoded.element));
                    fs::write(&file, &decoded.raw).map_err(failed_to("write", &file))?;
                }
                print(&decoded.text)?;
            }
            Err(problem) => {
                say("error", &format!("`{}`: {problem}", path.display()));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// The files among the arguments, and those in the directories among them.
fn frame_paths(args: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for arg in args {
        if !arg.is_dir() {
            paths.push(arg.clone());
            continue;
        }
        let entries = fs::read_dir(arg).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = entries.map_err(failed_to("list", arg))?.into_iter().map(|entry| entry.path());
        // Regular files only: reading a pipe would wait for somebody to write into it.
        let is_frame = |path: &PathBuf| path.extension().is_some_and(|end| end == EXTENSION) && path.is_file();
        let mut found: Vec<_> = entries.filter(is_frame).collect();
        if found.is_empty() {
            return Err(Failure::Run(format!("there is no *.{EXTENSION} in `{}`", arg.display())));
        }
        found.sort();
        paths.append(&mut found);
    }
    Ok(paths)
}

/// Frames of the same name, from different directories, would overwrite each other's values.
fn check_names(paths: &[PathBuf]) -> Result<(), Failure> {
    let mut names = HashSet::new();
    match paths.iter().map(|path| name_of(path)).find(|name| !names.insert(name.clone())) {
        Some(name) => Err(Failure::Run(format!("several frames are named `{name}`; write their values one by one"))),
        None => Ok(()),
    }
}

/// The file name, without the extension of frames.
fn name_of(path: &Path) -> String {
    let is_frame = path.extension().is_some_and(|end| end == EXTENSION);
    let name = if is_frame { path.file_stem() } else { path.file_name() };
    name.unwrap_or_default().to_string_lossy().into_owned()
}

/// What is to be done with each frame.
struct Task<'a> {
    wants_raw: bool,
    model: Option<&'a SafeTensors<'a>>,
    /// Of the longest name.
    width: usize,
}

/// What became of a frame.
struct Decoded {
    /// For standard output.
    text: String,
    element: DType,
    /// The values as bytes, if they are wanted.
    raw: Vec<u8>,
}

impl Task<'_> {
    /// Decodes a frame, or says what is wrong with it.
    fn decode(&self, path: &Path) -> Result<Decoded, String> {
        let bytes = fs::read(path).map_err(|error| error.to_string())?;
        let frame = Frame::parse(&bytes).map_err(|error| error.to_string())?;
        let name = name_of(path);
        match frame.dtype() {
            DType::F32 => self.decode_as::<f32>(&name, &frame, bytes.len()),
            DType::F16 => self.decode_as::<f16>(&name, &frame, bytes.len()),
            DType::Bf16 => self.decode_as::<bf16>(&name, &frame, bytes.len()),
            other => Err(format!("it holds {other}, which is none of f32, f16 and bf16")),
        }
    }

    fn decode_as<T: Element>(&self, name: &str, frame: &Frame<'_>, bytes: usize) -> Result<Decoded, String> {
        let decoder = frame.decoder().map_err(|error| error.to_string())?;
        let values: Vec<T> = decoder.decode().map_err(|error| error.to_string())?;
        let text = match self.model {
            Some(model) => compare(model, name, bytes, &values)?,
            None => self.line(name, T::DTYPE, values.len(), bytes),
        };
        let raw = if self.wants_raw { values_to_le_bytes(&values) } else { Vec::new() };
        Ok(Decoded { text, element: T::DTYPE, raw })
    }

    fn line(&self, name: &str, element: DType, len: usize, bytes: usize) -> String {
        let (name, width, element) = (on_one_line(name), self.width, element.to_string());
        let bits = bits_per_value(bytes, len);
        format!("{name:width$}  {element:4} {len:>10} values {bytes:>10} bytes {bits:>9.3} bits/value\n")
    }
}

/// The row that `compress --csv` printed for the frame.
fn compare<T: Element>(model: &SafeTensors<'_>, name: &str, bytes: usize, values: &[T]) -> Result<String, String> {
    let FrameName { tensor, method } = name.parse()?;
    let view = model.tensor(&tensor).map_err(|_| format!("the model has no tensor `{tensor}`"))?;
    if element_of(view.dtype()) != Some(T::DTYPE) {
        return Err(format!("it holds {}, but tensor `{tensor}` of the model holds {}", T::DTYPE, view.dtype()));
    }
    let original: Vec<T> = values_from_le_bytes(view.data()).map_err(|error| error.to_string())?;
    if original.len() != values.len() {
        let (frame, model) = (values.len(), original.len());
        return Err(format!("it holds {frame} values, but tensor `{tensor}` of the model holds {model}"));
    }
    let row = Row::measure(&tensor, &method, bytes, &original, values).map_err(|error| error.to_string())?;
    Ok(row.to_string())
}
