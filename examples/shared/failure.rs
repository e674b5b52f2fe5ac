//! Why a run ends early, and what the shell is told.

use super::output::say;
use std::{fmt::Display, path::Path, process::ExitCode};

/// Why a run ends early.
pub(crate) enum Failure {
    /// The command line makes no sense: exit code 2.
    Usage(String),
    /// Something that was asked for cannot be done: exit code 1.
    Run(String),
    /// Whoever read standard output has left, as `head` does: no failure, but nothing is left to do either.
    Closed,
}

impl Failure {
    /// Files that were asked for are missing if the run ends early, so then a closed output is worth a word.
    pub(crate) fn with_files(self, files: bool) -> Self {
        match self {
            Self::Closed if files => Self::Run("standard output was closed before all files were written".into()),
            other => other,
        }
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

/// For `map_err`: what could not be done, with which path.
pub(crate) fn failed_to<E: Display>(what: &str, path: &Path) -> impl FnOnce(E) -> Failure {
    let path = path.display().to_string();
    move |error| Failure::Run(format!("cannot {what} `{path}`: {error}"))
}

/// The last word on standard error, and the exit code.
pub(crate) fn exit(result: Result<ExitCode, Failure>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Run(message)) => {
            say("error", &message);
            ExitCode::FAILURE
        }
        Err(Failure::Usage(message)) => {
            say("error", &format!("{message}; `--help` shows the usage"));
            ExitCode::from(2)
        }
    }
}
