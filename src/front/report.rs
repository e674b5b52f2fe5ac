//! What is said of a frame that was made.

use crate::candidates::Cost;
use alloc::string::String;

/// How values are compressed, and what the frame costs.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Report {
    /// Bytes and errors, measured on what decodes.
    pub cost: Cost,
    /// How, in a few words.
    pub method: String,
    /// What came second to it, where there was a choice.
    #[cfg_attr(feature = "serde", serde(default))]
    pub runner_up: Option<RunnerUp>,
}

/// A method that was not chosen, though no other came so near.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RunnerUp {
    /// How, in a few words.
    pub method: String,
    /// About how many bits per value it would take more for the same error, by the estimate that decided: often on a sample.
    pub more_bits: f64,
}

impl RunnerUp {
    pub(super) const fn new(method: String, more_bits: f64) -> Self {
        Self { method, more_bits }
    }
}
