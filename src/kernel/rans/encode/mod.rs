//! Codes to words, from the last code to the first.

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512;
mod portable;

use super::{Codes, LANES, WORD};
use crate::{code::Code, kernel::level::dispatch};

/// How a symbol is encoded: as `x / frequency * 2^bits + x % frequency + first`, without the division.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C)]
pub(crate) struct Symbol {
    /// `2^64 / frequency`, rounded up, in two halves: kernels load the upper one with the range.
    lower: u32,
    upper: u32,
    /// Where its range begins, and from bit 16 on the frequency; 0 for what has to be escaped.
    range: u32,
}

impl Symbol {
    /// There are 14 bits at most.
    pub(crate) fn new(first: u32, frequency: u32) -> Self {
        // The quotient of a frequency of 1 is one short, which `put` makes up for.
        let reciprocal = u64::MAX / u64::from(frequency.max(1));
        let reciprocal = reciprocal.saturating_add(u64::from(frequency > 1));
        Self { lower: reciprocal as u32, upper: (reciprocal >> 32) as u32, range: first | frequency << 16 }
    }

    #[inline(always)]
    const fn reciprocal(self) -> u64 {
        self.lower as u64 | (self.upper as u64) << 32
    }

    #[inline(always)]
    pub(crate) const fn frequency(self) -> u32 {
        self.range >> 16
    }

    #[inline(always)]
    const fn first(self) -> u32 {
        self.range & 0xffff
    }

    #[inline(always)]
    pub(crate) fn put(self, x: u32, bits: u32) -> u32 {
        let frequency = self.frequency();
        let quotient = ((u128::from(x) * u128::from(self.reciprocal())) >> 64) as u32 + u32::from(frequency == 1);
        // x - quotient * frequency is the rest.
        x.wrapping_add(self.first()).wrapping_add(quotient.wrapping_mul((1_u32 << bits) - frequency))
    }
}

/// The symbols of a table: where they are among those of all tables, the first one, how many there are, and bits of a code
/// that follow its symbol as they are.
pub(crate) type Span = [u32; 4];

/// A table for each side of each class.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoding<'a> {
    pub(crate) symbols: &'a [Symbol],
    pub(crate) spans: &'a [Span],
    /// Bits of the sum of frequencies.
    pub(crate) bits: u32,
    /// Bits of the sides of an automaton.
    pub(crate) side_bits: u32,
    /// Whether there is more than one class.
    pub(crate) classed: bool,
}

impl Encoding<'_> {
    fn has_low_bits(&self) -> bool {
        self.spans.iter().any(|span| span[3] > 0)
    }
}

/// Writes words from the end of a buffer to its front.
pub(crate) struct Back<'a> {
    pub(crate) bytes: &'a mut [u8],
    pub(crate) at: usize,
}

/// Encodes whole rounds of so many lanes, a power of two that divides the number of codes, from the last on; returns the number
/// of codes, which are fewer than there are where a round has to be encoded code by code. `classes` are those of the codes,
/// or anything if there is one.
pub(crate) fn encode<C: Code>(
    encoding: &Encoding<'_>,
    count: usize,
    lanes: &mut [u32; LANES],
    back: &mut Back<'_>,
    codes: &[C],
    classes: &[u8],
) -> usize {
    let codes = Codes::<&[u8]>::new(codes);
    dispatch!(encode(encoding, count, lanes, back, codes, classes): avx512 avx2)
}

/// `each_kind!(encoding, function[Types](arguments))` calls `function::<Types, CONTEXTS, LOW_BITS>` for the kind of its tables:
/// whether there are many, and whether they have low bits.
macro_rules! each_kind {
    ($encoding:expr, $function:ident [$($generic:tt),*] $arguments:tt) => {
        match ($encoding.side_bits > 0 || $encoding.classed, $encoding.has_low_bits()) {
            (false, false) => $function::<$($generic,)* false, false> $arguments,
            (false, true) => $function::<$($generic,)* false, true> $arguments,
            (true, false) => $function::<$($generic,)* true, false> $arguments,
            (true, true) => $function::<$($generic,)* true, true> $arguments,
        }
    };
}
use each_kind;
