//! The hot loops: plain Rust on f32 blocks, written so that the compiler vectorises them.
//!
//! A loop here reduces first and looks for culprits after, has no early exit, and takes the law of one value as an
//! inlined closure, so that elements, codes, levels and granularities do not multiply.

pub(crate) mod basis;
pub(crate) mod bits;
#[cfg(feature = "pca")]
pub(crate) mod covariance;
pub(crate) mod cosines;
pub(crate) mod exp;
pub(crate) mod extrema;
pub(crate) mod hadamard;
pub(crate) mod order;
pub(crate) mod scale;
pub(crate) mod sums;
pub(crate) mod trellis;
