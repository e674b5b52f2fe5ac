//! Blocks of 32 or 64 values as most formats store them, each behind a scale of 16 bits: from bytes to values at once.
//!
//! Nothing is said of what is wrong with bytes: the way through scales and codes apart does that.

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512;
mod portable;

use super::{Half, TABLE, USABLE};
use crate::kernel::level::dispatch;

/// Bytes of a scale.
const HEAD: usize = 2;

/// Bits of scales that kernels can work with, which are positive and finite.
const fn usable(half: Half) -> (u16, u16) {
    match half {
        Half::F16 => (1, 0x7bff),
        Half::Bf16 => ((*USABLE.start() >> 16) as u16, (*USABLE.end() >> 16) as u16),
    }
}

/// How blocks are stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blocks {
    /// Of their scales.
    pub(crate) half: Half,
    /// Values of each.
    pub(crate) block: usize,
}

/// Codes of a byte to `(first + code) * scale`; returns the largest code. None for other numbers of values, or if there are scales
/// that kernels cannot work with: then values are anything. Zero is among the integers, which are no more than codes can name, so
/// that products with scales of 11 bits, and sums of these, are exact.
pub(crate) fn integers(blocks: Blocks, first: i32, bytes: &[u8], values: &mut [f32]) -> Option<u8> {
    dispatch!(integers(blocks, first, bytes, values): avx2)
}

/// Codes of half a byte, the lower bits first, to `table[code] * scale`; likewise.
pub(crate) fn table(blocks: Blocks, table: &[f32; TABLE], bytes: &[u8], values: &mut [f32]) -> Option<u8> {
    dispatch!(table(blocks, table, bytes, values): avx512 avx2)
}

/// `each_kind!(blocks, function / per_byte (arguments))` calls `function::<F16, BLOCK, LEN>`, for so many bytes of a block whose
/// codes have a byte each, or half of one.
macro_rules! each_kind {
    ($blocks:ident, $function:ident / $per_byte:literal $arguments:tt) => {
        match ($blocks.half, $blocks.block) {
            (Half::F16, 32) => $function::<true, 32, { HEAD + 32 / $per_byte }> $arguments,
            (Half::F16, 64) => $function::<true, 64, { HEAD + 64 / $per_byte }> $arguments,
            (Half::Bf16, 32) => $function::<false, 32, { HEAD + 32 / $per_byte }> $arguments,
            (Half::Bf16, 64) => $function::<false, 64, { HEAD + 64 / $per_byte }> $arguments,
            _ => None,
        }
    };
}
use each_kind;
