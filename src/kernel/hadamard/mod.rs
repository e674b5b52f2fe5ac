//! The Walsh-Hadamard transform, in place.
//!
//! Stages are done in the order of their distances, and each is a sum or a difference per value: however many of them are
//! fused, the bits are the same.

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512;
mod portable;

use super::level::dispatch;

/// Sums and differences over `log2(len)` stages, in natural (Hadamard) order; the length is a power of two. Not scaled:
/// done twice, it multiplies by the length.
pub(crate) fn butterflies(values: &mut [f32]) {
    dispatch!(butterflies(values): avx512 avx2);
}
