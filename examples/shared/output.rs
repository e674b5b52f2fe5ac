//! Standard output and standard error, without the panics of `println!` and `eprintln!` when a pipe closes.

use super::Failure;
use std::{
    borrow::Cow,
    io::{self, ErrorKind, Write},
};

/// Writes to standard output, at once.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Run(format!("cannot write to standard output: {error}")),
    })
}

/// Writes one line to standard error. If that is gone, there is nobody to tell.
pub(crate) fn say(kind: &str, message: &str) {
    let _ = writeln!(io::stderr(), "{kind}: {}", on_one_line(message));
}

/// Names of tensors and files can hold any character, line breaks and terminal commands included.
pub(crate) fn on_one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}
