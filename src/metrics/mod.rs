//! What a lossy step cost: errors, ratios and bits, measured on what decodes.

mod entropy;
mod error_stats;
mod moments;
mod pairs;
mod rate;
mod squares;

pub use entropy::{entropy, kl_divergence};
pub use error_stats::ErrorStats;
pub use pairs::{abs_error_quantiles, max_ulp_distance};
pub use rate::{bits_per_value, compression_ratio};
pub use squares::squared_and_largest_error;
