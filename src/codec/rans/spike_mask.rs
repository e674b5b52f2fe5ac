//! Where spikes are: two values at a time, by what lies before them and above.

use super::{
    normalize::{normalize, price},
    stream::refill,
};
use crate::{
    error::{Error, Result},
    kernel::rans::{
        LOW, Words,
        encode::{Back, Symbol},
    },
    wire::{Reader, Writer},
};

/// Bits of the sum of frequencies.
const BITS: u32 = 12;
const WHOLE: u16 = 1 << BITS;
/// Values whose mask stands in front of them.
pub(super) const PIECE: usize = 1024;
/// Where the row above may begin: so many values before.
pub(super) const NEAREST: usize = 2;
pub(super) const FARTHEST: usize = 4096;
/// The pair before and the one above hold 0 to 2 spikes each.
const CONTEXTS: usize = 9;

/// How often each of the four kinds of a pair follows in each context: bit 0 is for the first value, bit 1 for the second.
type PairCounts = [[u64; 4]; CONTEXTS];

/// A table for pairs of values in each context.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SpikeMask {
    /// Symbols of spikes begin here, and are so many.
    pub(super) first: u32,
    pub(super) count: u32,
    /// How many values before a value that above it is.
    distance: usize,
    /// The first of 4,096 numbers of each kind.
    starts: [[u16; 4]; CONTEXTS],
}

impl SpikeMask {
    /// For symbols from `first` on, with nothing known of where they are.
    pub(crate) fn even(first: u32, count: u32, distance: usize) -> Self {
        let quarter = WHOLE / 4;
        Self { first, count, distance, starts: [[0, quarter, 2 * quarter, 3 * quarter]; CONTEXTS] }
    }

    /// For spikes where `is_spike` says; and the bits that they take.
    pub(crate) fn fit(self, len: usize, is_spike: impl Fn(usize) -> bool) -> (Self, f64) {
        let mut counts: PairCounts = [[0; 4]; CONTEXTS];
        for at in (0..len).step_by(2) {
            let kind = pair(at, len, &is_spike);
            counts[context(at, self.distance, &is_spike)][kind] += 1;
        }
        let (mut starts, mut bits) = (self.starts, 0.0);
        for (counts, starts) in counts.iter().zip(&mut starts) {
            // What did not occur may do so in another chunk.
            let frequencies = normalize(&counts.map(|count| count.max(1)), BITS);
            let mut next = 0;
            for ((start, &frequency), &count) in starts.iter_mut().zip(&frequencies).zip(counts) {
                *start = next;
                next += frequency as u16;
                bits += count as f64 * price(frequency, BITS);
            }
        }
        (Self { starts, ..self }, bits)
    }

    /// Writes the mask of up to 1,024 codes, of which the first stands `at` so many of its stream.
    pub(super) fn encode_back(
        &self,
        (at, end): (usize, usize),
        is_spike: impl Fn(usize) -> bool,
        states: &mut [u32],
        out: &mut Back<'_>,
    ) -> bool {
        (at..end).step_by(2).rev().all(|at| {
            let starts = &self.starts[context(at, self.distance, &is_spike)];
            let kind = pair(at, end, &is_spike);
            let end = starts.get(kind + 1).copied().unwrap_or(WHOLE);
            let symbol = Symbol::new(starts[kind].into(), (end - starts[kind]).into());
            out.symbol(symbol, BITS, &mut states[(at / 2) & (states.len() - 1)])
        })
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) {
        out.varint(u64::from(self.count) - 1);
        out.varint(self.distance as u64);
        for start in self.starts.iter().flat_map(|starts| &starts[1..]) {
            out.bytes(&start.to_le_bytes());
        }
    }

    /// For symbols behind `last`.
    pub(super) fn read(bytes: &mut Reader<'_>, last: u32) -> Result<Self> {
        let (more, distance) = (bytes.varint()?, bytes.size()?);
        if more >= crate::spikes::MOST_SPIKES as u64 {
            return Err(Error::Corrupt { what: "spikes of an entropy coder", found: more });
        }
        if !(NEAREST..=FARTHEST).contains(&distance) {
            return Err(Error::Corrupt { what: "distance of a row above", found: distance as u64 });
        }
        let mut mask = Self::even(last + 1, more as u32 + 1, distance);
        for starts in &mut mask.starts {
            for start in &mut starts[1..] {
                *start = bytes.u8()?.into();
                *start |= u16::from(bytes.u8()?) << 8;
            }
            if !starts.is_sorted_by(|a, b| a < b) || starts[3] >= WHOLE {
                return Err(Error::Corrupt { what: "frequencies of pairs", found: starts[3].into() });
            }
        }
        Ok(mask)
    }
}

/// Which of two values are spikes; behind the end there are none.
#[inline(always)]
fn pair(at: usize, end: usize, is_spike: &impl Fn(usize) -> bool) -> usize {
    usize::from(is_spike(at)) | usize::from(at + 1 < end && is_spike(at + 1)) << 1
}

/// Of a pair: before a stream there are no spikes.
#[inline(always)]
fn context(at: usize, distance: usize, is_spike: &impl Fn(usize) -> bool) -> usize {
    let spikes = |back: usize| {
        let is_spike = |offset: usize| (at + offset).checked_sub(back).is_some_and(is_spike);
        usize::from(is_spike(0)) + usize::from(is_spike(1))
    };
    3 * spikes(2) + spikes(distance)
}

/// Masks of a stream that is being decoded: of its present piece, and as much as is needed of what was before.
pub(super) struct SpikeFlags {
    /// 1 for a spike.
    flags: [u8; FARTHEST + PIECE],
}

impl SpikeFlags {
    pub(super) const fn new() -> Self {
        Self { flags: [0; FARTHEST + PIECE] }
    }

    /// Decodes the mask of the next piece, which starts at an even place of a stream: pair number `first` and those after it.
    pub(super) fn decode(
        &mut self,
        mask: &SpikeMask,
        (first, len): (usize, usize),
        states: &mut [u32],
        words: &mut Words<'_>,
    ) -> Result<()> {
        self.flags.copy_within(PIECE.., 0);
        let mut before = self.spikes(FARTHEST - 2);
        for index in 0..len.div_ceil(2) {
            let here = FARTHEST + 2 * index;
            let starts = &mask.starts[3 * before + self.spikes(here - mask.distance)];
            let x = &mut states[(first + index) & (states.len() - 1)];
            let number = (*x as u16) & (WHOLE - 1);
            let kind = starts[1..].iter().map(|&start| usize::from(number >= start)).sum::<usize>();
            let end = if kind == 3 { WHOLE } else { starts[kind + 1] };
            *x = u32::from(end - starts[kind]) * (*x >> BITS) + u32::from(number - starts[kind]);
            refill(x, words)?;
            self.flags[here] = (kind & 1) as u8;
            self.flags[here + 1] = (kind >> 1) as u8;
            before = kind.count_ones() as usize;
        }
        // One spelling for each mask.
        if len % 2 == 1 && self.flags[FARTHEST + len] != 0 {
            return Err(Error::Corrupt { what: "spike behind the end", found: len as u64 });
        }
        Ok(())
    }

    #[inline(always)]
    fn spikes(&self, at: usize) -> usize {
        usize::from(self.flags[at] + self.flags[at + 1])
    }

    /// Spikes have class 0, from place `from` of the piece on.
    pub(super) fn apply(&self, from: usize, classes: &mut [u8]) {
        let flags = &self.flags[FARTHEST + from..];
        classes.iter_mut().zip(flags).for_each(|(class, flag)| *class &= flag.wrapping_sub(1));
    }
}

/// States of lanes are between these.
const _: () = assert!(LOW >= 1 << BITS);
