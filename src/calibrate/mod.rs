//! What values are like, before anything is fitted to them: the numbers that settings are chosen by.
//!
//! Nothing here knows of quantizers. Settings and slices of any element go in, plain f64 numbers come out.

mod classes;
mod histogram;
mod histogram_bytes;
mod histogram_statistics;
mod method;
mod quantiles;
mod ranks;

pub(crate) use classes::classes;
pub use histogram::{Bucket, Histogram};
pub use method::QuantileMethod;
pub use quantiles::{NanPolicy, Quantiles};
