//! The hot loops: plain Rust on f32 blocks, written so that the compiler vectorises them, and twins of some for machines
//! on which that loses.
//!
//! A loop here reduces first and looks for culprits after, has no early exit, and takes the law of one value as an
//! inlined closure, so that elements, codes, levels and granularities do not multiply.

#![allow(clippy::wildcard_imports, reason = "names of intrinsics say where they are from")]

pub(crate) mod basis;
pub(crate) mod bits;
pub(crate) mod blocks;
pub(crate) mod branches;
#[cfg(feature = "pca")]
pub(crate) mod covariance;
pub(crate) mod cosines;
pub(crate) mod exp;
pub(crate) mod extrema;
pub(crate) mod finite;
pub(crate) mod hadamard;
pub(crate) mod half;
pub(crate) mod level;
pub(crate) mod multiples;
pub(crate) mod order;
pub(crate) mod pairs;
pub(crate) mod product;
pub(crate) mod rans;
pub(crate) mod scale;
pub(crate) mod sums;
pub(crate) mod trellis;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
pub(crate) mod x86;
