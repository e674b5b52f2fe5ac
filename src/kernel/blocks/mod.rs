//! Blocks of values, each under a scale of its own, and their codes of up to 8 bits.
//!
//! The law of one value is that of [`scale`](super::scale) without offsets: the level nearest to `x / scale`, and
//! `level * scale` on the way back. Scales are [usable](USABLE), so that a product with the reciprocal can be mended to
//! what the division gives.
//!
//! Loops are made twice: for blocks of 32 values, as most formats have them, with all lengths known, and for others.

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512;
mod portable;
pub(crate) mod stored;

use super::level::dispatch;
use core::ops::RangeInclusive;

/// Levels of a table: codes have 4 bits at most.
pub(crate) const TABLE: usize = 16;
/// What lies between them.
pub(crate) const THRESHOLDS: usize = TABLE - 1;

/// How blocks and their codes lie in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Values of a block, at least one; the last may be shorter.
    pub(crate) block: usize,
    /// Bytes from the codes of a block to those of the next, at least what they take.
    pub(crate) stride: usize,
    /// Two codes a byte, the lower bits first, and not one.
    pub(crate) nibbles: bool,
}

impl Layout {
    /// Codes of a byte each, next to each other.
    pub(crate) const fn dense(block: usize) -> Self {
        Self { block, stride: block, nibbles: false }
    }
}

/// Bits of scales whose reciprocals, and remainders of divisions by them, are normal numbers: from 2^-99 to 2^99.
pub(crate) const USABLE: RangeInclusive<u32> = ((127 - 99) << 23)..=((127 + 99) << 23);

/// The largest magnitude of each block, as bits: above all finite numbers if one of its values is not finite.
pub(crate) fn largest(block: usize, values: &[f32], largest: &mut [u32]) {
    dispatch!(largest(block, values, largest): avx512 avx2);
}

/// For each extent, as bits, the smallest scale with `scale * reach >= extent` whose bits under `mask` are zero. Not to be
/// relied on where one of the three is no normal number, or the scale is below 2^-100 or above 2^100. Returns the
/// [ends](Ends) of the scales.
pub(crate) fn outward(reach: f32, mask: u32, extents: &[u32], scales: &mut [f32]) -> Ends {
    dispatch!(outward(reach, mask, extents, scales): avx512 avx2)
}

/// The least and the largest bits of numbers, as signed integers: those of positive finite numbers lie between their own.
pub(crate) type Ends = (i32, i32);

/// Numbers of 16 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Half {
    F16,
    Bf16,
}

/// Positive finite numbers from the front of `bytes`, and from every `stride` bytes. Returns the [ends](Ends) of what
/// became of them; others become what is not positive and finite.
pub(crate) fn read_halves(half: Half, stride: usize, bytes: &[u8], numbers: &mut [f32]) -> Ends {
    dispatch!(read_halves(half, stride, bytes, numbers): avx2)
}

/// The way back, for normal numbers that 16 bits hold exactly.
pub(crate) fn write_halves(half: Half, stride: usize, numbers: &[f32], bytes: &mut [u8]) {
    dispatch!(write_halves(half, stride, numbers, bytes): avx2);
}

/// As [`read_halves`], of f32.
pub(crate) fn read_f32(stride: usize, bytes: &[u8], numbers: &mut [f32]) -> Ends {
    let mut rest = bytes;
    for x in numbers.iter_mut() {
        *x = rest.first_chunk().map_or(f32::NAN, |bytes| f32::from_le_bytes(*bytes));
        rest = rest.get(stride..).unwrap_or_default();
    }
    portable::ends(numbers)
}

/// The way back.
pub(crate) fn write_f32(stride: usize, numbers: &[f32], bytes: &mut [u8]) {
    let mut rest = bytes;
    for x in numbers {
        let Some(front) = rest.first_chunk_mut() else { break };
        *front = x.to_le_bytes();
        rest = core::mem::take(&mut rest).get_mut(stride..).unwrap_or_default();
    }
}

/// Integers that values go to: within 2^16 of zero, and no more than codes can name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Integers {
    pub(crate) first: i32,
    pub(crate) last: i32,
    /// No value is farther out than these, under its scale, so that nothing is to be clamped.
    #[cfg_attr(
        not(all(feature = "simd", target_arch = "x86_64")),
        expect(dead_code, reason = "portable loops clamp in passing")
    )]
    pub(crate) within: bool,
}

/// Values to the nearest of the integers, ties to even, counted from the first.
pub(crate) fn quantize_integers(ends: Integers, layout: Layout, scales: &[f32], values: &[f32], codes: &mut [u8]) {
    dispatch!(quantize_integers(ends, layout, scales, values, codes): avx512 avx2);
}

/// Values to the number of ascending thresholds that they are above.
pub(crate) fn quantize_table(
    thresholds: &[f32; THRESHOLDS],
    layout: Layout,
    scales: &[f32],
    values: &[f32],
    codes: &mut [u8],
) {
    dispatch!(quantize_table(thresholds, layout, scales, values, codes): avx512 avx2);
}

/// Codes of a byte to `(first + code) * scale`; returns the largest code.
pub(crate) fn dequantize_integers(first: i32, layout: Layout, scales: &[f32], codes: &[u8], values: &mut [f32]) -> u8 {
    dispatch!(dequantize_integers(first, layout, scales, codes, values): avx512 avx2)
}

/// Codes to `table[code % 16] * scale`; returns the largest code.
pub(crate) fn dequantize_table(
    table: &[f32; TABLE],
    layout: Layout,
    scales: &[f32],
    codes: &[u8],
    values: &mut [f32],
) -> u8 {
    dispatch!(dequantize_table(table, layout, scales, codes, values): avx512 avx2)
}

/// Whether no scale has more than 12 bits.
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
fn are_short(scales: &[f32]) -> bool {
    scales.iter().fold(0, |bits, scale| bits | scale.to_bits()).trailing_zeros() >= 12
}

/// Runs a loop for blocks of 32 values if they are all whole, and otherwise the one for others.
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
macro_rules! by_block {
    ($values:ident, $layout:ident, $loop:ident $(::<$($flag:tt),*>)? ($($argument:expr),*)) => {
        if $layout.block == 32 && $values.len().is_multiple_of(32) {
            $loop::<32 $($(, $flag)*)?>($($argument),*)
        } else {
            $loop::<0 $($(, $flag)*)?>($($argument),*)
        }
    };
}
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
use by_block;

/// Runs `integers` with what is known of scales, values and codes: whether scales are short, whether nothing is to be clamped,
/// and whether codes have half a byte. Long scales are rare, and need no more loops.
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
macro_rules! by_ends {
    (@ $short:literal $within:literal $nibbles:literal, $values:ident $layout:ident $arguments:tt) => {{
        by_block!($values, $layout, integers::<$short, $within, $nibbles> $arguments);
    }};
    ($ends:ident, $layout:ident, $scales:ident, $values:ident, $codes:ident) => {
        match ($crate::kernel::blocks::are_short($scales), $ends.within, $layout.nibbles) {
            (true, true, false) => by_ends!(@ true true false, $values $layout ($ends, $layout, $scales, $values, $codes)),
            (true, true, true) => by_ends!(@ true true true, $values $layout ($ends, $layout, $scales, $values, $codes)),
            (true, false, false) => by_ends!(@ true false false, $values $layout ($ends, $layout, $scales, $values, $codes)),
            (true, false, true) => by_ends!(@ true false true, $values $layout ($ends, $layout, $scales, $values, $codes)),
            (false, _, false) => by_ends!(@ false false false, $values $layout ($ends, $layout, $scales, $values, $codes)),
            (false, _, true) => by_ends!(@ false false true, $values $layout ($ends, $layout, $scales, $values, $codes)),
        }
    };
}
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
use by_ends;

/// `body` for each block: `BLOCK` values if that is not 0, a number that the compiler knows then. Blocks without codes are
/// left out.
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
macro_rules! each_block {
    ($layout:ident, $scales:ident, |$scale:ident, $values:ident, $codes:ident| $body:block) => {
        let (mut values, mut codes) = ($values, $codes);
        if BLOCK == 32 {
            for &$scale in $scales {
                let Some(($values, next)) = values.split_first_chunk::<32>() else { break };
                let (front, next_codes) = codes.split_at_mut($layout.stride.min(codes.len()));
                (values, codes) = (next, next_codes);
                let $codes = front;
                $body
            }
        } else {
            for &$scale in $scales {
                let ($values, next) = values.split_at($layout.block.min(values.len()));
                let (front, next_codes) = codes.split_at_mut($layout.stride.min(codes.len()));
                (values, codes) = (next, next_codes);
                let $codes = front;
                $body
            }
        }
    };
    ($layout:ident, $scales:ident, |$scale:ident, $codes:ident / $per_byte:literal, $values:ident| $body:block) => {
        let (mut values, mut codes) = ($values, $codes);
        if BLOCK == 32 {
            for &$scale in $scales {
                let Some(($values, next)) = values.split_first_chunk_mut::<32>() else { break };
                let Some($codes) = codes.first_chunk::<{ 32 / $per_byte }>() else { break };
                (values, codes) = (next, codes.get($layout.stride..).unwrap_or_default());
                $body
            }
        } else {
            for &$scale in $scales {
                let ($values, next) = values.split_at_mut($layout.block.min(values.len()));
                let Some($codes) = codes.get(..$values.len().div_ceil($per_byte)) else { break };
                (values, codes) = (next, codes.get($layout.stride..).unwrap_or_default());
                $body
            }
        }
    };
}
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
use each_block;
