//! rANS: rounds of interleaved lanes, between codes and words of 16 bits.
//!
//! A round is one code of each lane. Rounds are worked on as a whole as long as none of their codes is escaped and the bytes
//! are there that they may need; what is left is for those who go code by code.

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512;
pub(crate) mod encode;
mod portable;

use super::level::dispatch;
use crate::code::Code;
use core::mem::size_of;

/// The most lanes.
pub(crate) const LANES: usize = 32;
/// States are at least this between codes.
pub(crate) const LOW: u32 = 1 << WORD;
/// Bits of a word.
pub(crate) const WORD: u32 = 16;

/// Bits of the sum of frequencies in narrow tables.
pub(crate) const BITS: u32 = 12;
const MASK: u32 = (1 << BITS) - 1;

/// What a position in a table of frequencies decodes to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Slot {
    /// The number of the symbol, counted from the first.
    pub(crate) symbol: u32,
    /// 0 for an escape.
    pub(crate) frequency: u16,
    /// The position in the range of the symbol.
    pub(crate) offset: u16,
}

impl Slot {
    /// In one word: the frequency, the offset from bit 12, the symbol, which is below 256, from bit 24. Frequencies are below
    /// 2^12.
    pub(crate) fn narrow(self) -> u32 {
        u32::from(self.frequency) | u32::from(self.offset) << BITS | self.symbol << (2 * BITS)
    }
}

/// The slots of a number of tables.
pub(crate) trait Slots: Copy {
    /// Bits of the sum of frequencies.
    fn bits(self) -> u32;
    /// Positions are below `2^bits`.
    fn slot(self, table: usize, position: u32) -> Slot;
}

/// Tables of 12 bits and few symbols.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Narrow<'a>(pub(crate) &'a [[u32; 1 << BITS]]);

/// Tables of so many bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wide<'a>(pub(crate) &'a [Slot], pub(crate) u32);

impl Slots for Narrow<'_> {
    #[inline(always)]
    fn bits(self) -> u32 {
        BITS
    }

    #[inline(always)]
    fn slot(self, table: usize, position: u32) -> Slot {
        let slot = self.0[table][(position & MASK) as usize];
        let (frequency, offset) = ((slot & MASK) as u16, (slot >> BITS & MASK) as u16);
        Slot { symbol: slot >> (2 * BITS), frequency, offset }
    }
}

impl Slots for Wide<'_> {
    #[inline(always)]
    fn bits(self) -> u32 {
        self.1
    }

    #[inline(always)]
    fn slot(self, table: usize, position: u32) -> Slot {
        self.0[table << self.1 | position as usize]
    }
}

/// What else there is to know of a table, in one word: the symbol with the number 0, below 2^24, and bits of a code that follow
/// its symbol as they are, at most 16.
pub(crate) const fn symbols(first: u32, low: u32) -> u32 {
    first | low << FIRST_BITS
}

/// Bits of the first symbol.
pub(crate) const FIRST_BITS: u32 = 24;

/// A table for each side of each class.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tables<'a, S> {
    pub(crate) slots: S,
    /// See [`symbols`].
    pub(crate) symbols: &'a [u32],
    /// Of an automaton: bits of its sides, and its parity checks.
    pub(crate) side_bits: u32,
    pub(crate) taps: (u32, u32),
    /// Classes below this have the side 0, and leave the automaton where it is.
    pub(crate) idle: u32,
    /// Whether there is more than one class.
    pub(crate) classed: bool,
    /// Whether symbols are their numbers, and codes.
    pub(crate) plain: bool,
}

impl<'a, S> Tables<'a, S> {
    /// One table for all codes.
    pub(crate) fn one(slots: S, symbols: &'a [u32]) -> Self {
        let plain = symbols.iter().all(|&symbols| symbols == 0);
        Self { slots, symbols, side_bits: 0, taps: (0, 0), idle: 0, classed: false, plain }
    }
}

/// Where lanes are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lanes {
    /// States of the coder.
    pub(crate) x: [u32; LANES],
    /// States of the automaton.
    pub(crate) walk: [u32; LANES],
}

/// Codes of any type: kernels are large, and one serves all types.
#[derive(Clone, Copy)]
pub(crate) struct Codes<B> {
    bytes: B,
    /// Bytes of a code.
    size: usize,
}

impl<'a> Codes<&'a mut [u8]> {
    fn new<C: Code>(codes: &'a mut [C]) -> Self {
        Self { bytes: bytemuck::cast_slice_mut(codes), size: size_of::<C>() }
    }
}

impl<'a> Codes<&'a [u8]> {
    fn new<C: Code>(codes: &'a [C]) -> Self {
        Self { bytes: bytemuck::cast_slice(codes), size: size_of::<C>() }
    }
}

/// The words of a stream, and where the next one is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

/// Decodes whole rounds of so many lanes, a power of two; returns the number of codes, which are fewer than there is room for
/// where a round has to be decoded code by code. `classes` are those of the codes, or anything if there is one.
pub(crate) fn decode<C: Code>(
    tables: &Tables<'_, Narrow<'_>>,
    count: usize,
    lanes: &mut Lanes,
    words: &mut Words<'_>,
    codes: &mut [C],
    classes: &[u8],
) -> usize {
    let codes = Codes::<&mut [u8]>::new(codes);
    dispatch!(decode(tables, count, lanes, words, codes, classes): avx512 avx2)
}

/// The same with larger tables.
pub(crate) fn decode_wide<C: Code>(
    tables: &Tables<'_, Wide<'_>>,
    count: usize,
    lanes: &mut Lanes,
    words: &mut Words<'_>,
    codes: &mut [C],
    classes: &[u8],
) -> usize {
    portable::decode(tables, count, lanes, words, Codes::<&mut [u8]>::new(codes), classes)
}

/// `each_kind!(tables, function[Types](arguments))` calls `function::<Types, SIDES, CLASSED, PLAIN>` for the kind of its tables:
/// whether they have sides and classes, and are plain.
macro_rules! each_kind {
    ($tables:expr, $function:ident [$($generic:tt),*] $arguments:tt) => {
        match ($tables.side_bits > 0, $tables.classed, $tables.plain) {
            (false, false, true) => $function::<$($generic,)* false, false, true> $arguments,
            (false, false, false) => $function::<$($generic,)* false, false, false> $arguments,
            (true, false, true) => $function::<$($generic,)* true, false, true> $arguments,
            (true, false, false) => $function::<$($generic,)* true, false, false> $arguments,
            (_, true, true) => $function::<$($generic,)* true, true, true> $arguments,
            (_, true, false) => $function::<$($generic,)* true, true, false> $arguments,
        }
    };
}
use each_kind;
