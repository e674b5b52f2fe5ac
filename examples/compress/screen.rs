//! The terminal, shared by a progress bar, notes and results: the bar steps aside while anything else is written.

use crate::shared::{self, Failure, on_one_line};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};

/// Standard output and standard error, with a progress bar on the latter if somebody is looking.
pub(crate) struct Screen {
    bar: ProgressBar,
}

impl Screen {
    /// For `bytes` bytes of work.
    pub(crate) fn new(bytes: usize) -> Self {
        if !io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::with_draw_target(Some(bytes as u64), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}");
        Self { bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())) }
    }

    /// Names what is worked on.
    pub(crate) fn begin(&self, name: &str) {
        self.bar.set_message(on_one_line(name).into_owned());
    }

    /// So many bytes are done.
    pub(crate) fn advance(&self, bytes: usize) {
        self.bar.inc(bytes as u64);
    }

    /// A line on standard error.
    pub(crate) fn note(&self, message: &str) {
        self.bar.suspend(|| shared::say("note", message));
    }

    /// Likewise, for what fails without ending the run.
    pub(crate) fn error(&self, message: &str) {
        self.bar.suspend(|| shared::say("error", message));
    }

    /// Text on standard output.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        self.bar.suspend(|| shared::print(text))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
