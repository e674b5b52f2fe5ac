//! Which codes are likely: frequencies, and what both directions look up.

use super::{normalize::price, plan::Plan};
use crate::{
    code::Code,
    error::{Error, Result},
    kernel::rans::{
        self, Narrow, Slot, Slots, Wide,
        encode::{Span, Symbol},
    },
    rates::Prices,
    wire::{Reader, Writer},
};
use alloc::{vec, vec::Vec};

/// What positions decode to, of one table or of several with as many bits.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Positions {
    /// Symbols are numbered from that of [`Table::symbols_word`] on.
    Narrow(Vec<u32>),
    /// Symbols are what they are.
    Wide(Vec<Slot>),
}

impl Positions {
    /// That of a table, of so many bits.
    #[inline(always)]
    pub(super) fn slot(&self, table: usize, bits: u32, position: u32) -> Slot {
        match self {
            Self::Narrow(slots) => Narrow(slots.as_chunks().0).slot(table, position),
            Self::Wide(slots) => Wide(slots, bits).slot(table, position),
        }
    }
}

/// A table of frequencies for rANS: the payload alone, for containers of your own. [`RansCodec`](crate::RansCodec) is the
/// stage that carries one.
///
/// Frequencies sum to `2^12` or `2^14`. Codes without one are escaped: the last symbol, and then the code as it is. Where
/// there are too many codes for that, a table can be about codes without their lowest bits, which are there as they are. A
/// table of 12 bits takes 16 KiB in memory, or 32 if it has more than 256 symbols, one of 14 bits 128 KiB, and up to 32 bytes for each symbol.
///
/// Duda, "Asymmetric numeral systems", 2013; interleaved as in Giesen, "Interleaved entropy coders", 2014.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    bits: u32,
    /// Bits of an escaped code, 1 to 32.
    width: u32,
    /// Bits of a code that follow its symbol as they are, 0 to 16.
    low: u32,
    /// Codes without these bits in ascending order, with their frequencies.
    symbols: Vec<(u32, u32)>,
    slots: Positions,
    /// See [`symbols`](rans::symbols).
    word: u32,
    /// By code less the first one if `dense`, otherwise one for each symbol; a frequency of 0 is an escape.
    encoder: Vec<Symbol>,
    dense: bool,
    escape: Symbol,
    /// Bits per code that it is made for.
    mean: f64,
}

/// The most symbols, with an escape.
pub(super) const MOST_SYMBOLS: usize = 4096;
/// Codes further apart than this are escaped.
pub(super) const MOST_SPAN: u32 = 1 << 16;
/// The most low bits: a word.
pub(super) const MOST_LOW: u32 = 16;

impl Table {
    /// For codes that occur as often as `counts` say: code `i` `counts[i]` times. Finds what is cheapest, table included: 12 or
    /// 14 bits, and which rare codes to escape. Codes up to `2^width - 1` can be encoded, those that did not occur too.
    ///
    /// ```
    /// use fewbits::rans::Table;
    ///
    /// let table = Table::from_counts(&[900, 50, 50], 8)?;
    /// let codes = [0_u8, 0, 0, 2, 0, 1, 0, 0, 200, 0];
    /// let payload = table.encode(&codes, 1)?;
    /// assert_eq!(table.decode::<u8>(&payload, codes.len(), 1)?, codes);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn from_counts(counts: &[u64], width: u32) -> Result<Self> {
        let counted = counts.iter().enumerate().filter(|&(_, &count)| count > 0);
        let pairs: Vec<_> = counted.map(|(code, &count)| (u32::try_from(code).unwrap_or(u32::MAX), count)).collect();
        Self::from_pairs(&pairs, width)
    }

    /// Pairs of codes in ascending order and counts above 0.
    pub(super) fn from_pairs(pairs: &[(u32, u64)], width: u32) -> Result<Self> {
        check_width(width)?;
        if let Some(&(code, _)) = pairs.last().filter(|&&(code, _)| u64::from(code) >> width != 0) {
            return Err(Error::Code { index: code as usize, code, level_count: 1 << width });
        }
        let best = Plan::cheapest(pairs, width);
        Ok(Self::new(best.bits, width, best.low, best.symbols))
    }

    /// From up to 4,095 codes in ascending order, less than 65,536 apart, and their frequencies, at least 1 each, which sum to
    /// less than `2^bits`: the rest is that of escapes. Codes are those without their `low` lowest bits, 0 to 16 and fewer
    /// than `width`.
    pub fn from_frequencies(bits: u32, width: u32, low: u32, symbols: Vec<(u32, u32)>) -> Result<Self> {
        check_width(width)?;
        if low > MOST_LOW || low >= width {
            let allowed = "0 to 16, and fewer than the width";
            return Err(Error::Setting { name: "low bits", value: low.into(), allowed });
        }
        if !matches!(bits, 12 | 14) {
            return Err(Error::Setting { name: "bits", value: bits.into(), allowed: "12 or 14" });
        }
        let allowed =
            "codes in ascending order and within the width, with frequencies from 1, that leave some for escapes";
        let wrong = |index: usize| {
            let value = symbols.get(index).map_or(0, |&(code, _)| code).into();
            Err(Error::Parameter { what: "symbols", index, value, allowed })
        };
        let mut sum = 0;
        for (index, &(code, frequency)) in symbols.iter().enumerate() {
            let ascends = index == 0 || symbols[index - 1].0 < code;
            sum += u64::from(frequency);
            let near = code - symbols[0].0.min(code) < MOST_SPAN;
            if !ascends || !near || frequency == 0 || u64::from(code) << low >> width != 0 || sum >= 1 << bits {
                return wrong(index);
            }
        }
        if symbols.len() >= MOST_SYMBOLS { wrong(MOST_SYMBOLS) } else { Ok(Self::new(bits, width, low, symbols)) }
    }

    /// Checked before.
    fn new(bits: u32, width: u32, low: u32, symbols: Vec<(u32, u32)>) -> Self {
        let last_code = symbols.last().map_or(0, |&(code, _)| code);
        let first_code = symbols.first().map_or(0, |&(code, _)| code);
        let span = symbols.last().map_or(0, |&(code, _)| code - first_code + 1);
        // Codes in a row are found at once, others by halving, so that memory follows the symbols.
        let dense = span as usize <= 1024 + 2 * symbols.len();
        let mut encoder = vec![Symbol::default(); if dense { span as usize } else { symbols.len() }];
        let (mut first, mut mean) = (0, 0.0);
        for (index, &(code, frequency)) in symbols.iter().enumerate() {
            encoder[if dense { (code - first_code) as usize } else { index }] = Symbol::new(first, frequency);
            mean += f64::from(frequency) * (price(frequency, bits) + f64::from(low));
            first += frequency;
        }
        let rest = (1 << bits) - first;
        // A single slot is there for what may come; more are for what is expected.
        let raw = if rest > 1 { f64::from(width) } else { 0.0 };
        mean += f64::from(rest) * (price(rest, bits) + raw);
        let mean = mean / f64::from(1_u32 << bits);
        // Numbers of symbols are the symbols, if they are small.
        let base = if last_code <= u8::MAX.into() { 0 } else { first_code };
        let narrow = bits == rans::BITS
            && last_code - base <= u8::MAX.into()
            && base >> rans::FIRST_BITS == 0
            && symbols.iter().all(|&(_, frequency)| frequency >> rans::BITS == 0);
        let base = if narrow { base } else { 0 };
        let slots = if narrow {
            Positions::Narrow(positions(bits, &symbols, |code, frequency| {
                let word = Slot { symbol: code - base, frequency, offset: 0 }.narrow();
                move |offset| word | u32::from(offset) << rans::BITS
            }))
        } else {
            Positions::Wide(positions(bits, &symbols, |symbol, frequency| {
                move |offset| Slot { symbol, frequency, offset }
            }))
        };
        let (word, escape) = (rans::symbols(base, low), Symbol::new(first, rest));
        Self { bits, width, low, symbols, slots, word, encoder, dense, escape, mean }
    }

    /// The table in bytes, without a checksum: about 12 bits for each symbol.
    ///
    /// ```
    /// use fewbits::rans::Table;
    ///
    /// let table = Table::from_counts(&[70, 20, 10], 8)?;
    /// let mut bytes = table.to_bytes();
    /// let len = bytes.len();
    /// bytes.extend([1, 2, 3]); // whatever follows
    /// assert_eq!(Table::from_bytes(&bytes)?, (table, len));
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut Writer { bytes: &mut bytes });
        bytes
    }

    /// A table from the front of `bytes`, which come from anywhere, and how many of them it took.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, usize)> {
        let mut reader = Reader::new(bytes);
        let table = Self::read(&mut reader)?;
        Ok((table, bytes.len() - reader.remaining()))
    }

    /// Frequencies sum to `2^bits`: 12 or 14.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Bits of an escaped code.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Bits of a code that the table is not about, because they follow its symbol as they are.
    pub fn low_bits(&self) -> u32 {
        self.low
    }

    /// Codes without their low bits in ascending order, with their frequencies. What they leave is that of escapes.
    pub fn symbols(&self) -> &[(u32, u32)] {
        &self.symbols
    }

    /// Bits per code, of codes that are as frequent as the table says.
    pub fn mean_bits(&self) -> f64 {
        self.mean
    }

    pub(super) fn slots(&self) -> &Positions {
        &self.slots
    }

    /// What [`slots`](Self::slots) do not say: see [`symbols`](rans::symbols).
    pub(super) fn symbols_word(&self) -> &u32 {
        &self.word
    }

    /// For those who keep them elsewhere; this table encodes, and decodes no more.
    pub(super) fn take_slots(&mut self) -> Positions {
        core::mem::replace(&mut self.slots, Positions::Wide(Vec::new()))
    }

    /// As [`from_pairs`](Self::from_pairs), with no other number of bits.
    pub(super) fn of_bits(pairs: &[(u32, u64)], width: u32, bits: u32) -> Result<Self> {
        check_width(width)?;
        let best = Plan::cheapest_of(pairs, width, &[bits]);
        Ok(Self::new(best.bits, width, best.low, best.symbols))
    }

    /// For no symbols yet, of those up to `last`: all are escaped.
    pub(crate) fn of_none(last: u32) -> Result<Self> {
        Self::from_frequencies(12, super::bits_of(last), 0, Vec::new())
    }

    /// What each symbol costs.
    pub(super) fn prices(&self) -> Prices {
        prices(&self.symbols, self.bits, self.width, self.low, self.escape.frequency())
    }

    /// The first position of escapes.
    pub(super) fn escape_first(&self) -> u32 {
        (1 << self.bits) - self.escape.frequency()
    }

    /// How all codes are encoded; none if they are not found at once.
    pub(super) fn encoder(&self) -> Option<(&[Symbol], Span)> {
        let first = self.symbols.first().map_or(0, |&(code, _)| code);
        self.dense.then_some((self.encoder.as_slice(), [0, first, self.encoder.len() as u32, self.low]))
    }

    /// How a code is encoded; escaped if it has a frequency of 0.
    #[inline(always)]
    pub(super) fn symbol<C: Code>(&self, code: C) -> Symbol {
        let high = code.to_u32() >> self.low;
        let index = if self.dense {
            let first = self.symbols.first().map_or(0, |&(code, _)| code);
            high.wrapping_sub(first) as usize
        } else {
            self.symbols.binary_search_by_key(&high, |&(code, _)| code).unwrap_or(usize::MAX)
        };
        self.encoder.get(index).copied().unwrap_or_default()
    }

    pub(super) fn escape(&self) -> Symbol {
        self.escape
    }

    /// A slot that is one of an escape, as it would be if that was a symbol.
    #[inline(always)]
    pub(super) fn escaped(&self, position: u32) -> Slot {
        // All there is would be 2^14 at most.
        let (frequency, offset) = (self.escape.frequency() as u16, (position - self.escape_first()) as u16);
        Slot { symbol: 0, frequency, offset }
    }

    /// Gaps between codes and frequencies, which are 1 less than they are; a frequency of 1 is common, and so are gaps of 0.
    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        out.u8(u8::from(self.bits == 14) | (self.low << 1) as u8);
        out.u8(self.width as u8);
        out.varint(self.symbols.len() as u64);
        let mut next = 0;
        for &(code, frequency) in &self.symbols {
            // Frequencies are at most 2^14; a gap follows if bit 0 is set.
            let gap = u64::from(code - next);
            out.varint(u64::from(frequency - 1) << 1 | u64::from(gap > 0));
            if gap > 0 {
                out.varint(gap - 1);
            }
            next = code.saturating_add(1);
        }
    }

    pub(crate) fn read(bytes: &mut Reader<'_>) -> Result<Self> {
        let (flags, width) = (bytes.u8()?, bytes.u8()?);
        let count = bytes.size()?;
        if count >= MOST_SYMBOLS || count > bytes.remaining() {
            return Err(Error::Corrupt { what: "symbols of a table", found: count as u64 });
        }
        let mut symbols = Vec::with_capacity(count);
        let mut next = 0_u64;
        for _ in 0..count {
            let word = bytes.varint()?;
            let gap = if word & 1 == 1 { bytes.varint()?.saturating_add(1) } else { 0 };
            let (code, frequency) = (next.saturating_add(gap), (word >> 1).saturating_add(1));
            match (u32::try_from(code), u32::try_from(frequency)) {
                (Ok(code), Ok(frequency)) => symbols.push((code, frequency)),
                _ => return Err(Error::Corrupt { what: "symbol of a table", found: code }),
            }
            next = code + 1;
        }
        let bits = if flags & 1 == 1 { 14 } else { 12 };
        Self::from_frequencies(bits, width.into(), (flags >> 1).into(), symbols)
            .map_err(|_| Error::Corrupt { what: "frequencies of a table", found: count as u64 })
    }
}

/// What `slot(code, frequency)` makes of each offset; escapes are what they are by default.
fn positions<S: Copy + Default, F: Fn(u16) -> S>(
    bits: u32,
    symbols: &[(u32, u32)],
    slot: impl Fn(u32, u16) -> F,
) -> Vec<S> {
    let mut slots = Vec::with_capacity(1 << bits);
    for &(code, frequency) in symbols {
        slots.extend((0..frequency as u16).map(slot(code, frequency as u16)));
    }
    slots.resize(1 << bits, S::default());
    slots
}

fn check_width(width: u32) -> Result<()> {
    if (1..=32).contains(&width) {
        return Ok(());
    }
    Err(Error::Setting { name: "width", value: width.into(), allowed: "1 to 32 bits" })
}

/// What each symbol costs in a table of these symbols and frequencies, and any other code, whose frequency is `escape`.
pub(super) fn prices(symbols: &[(u32, u32)], bits: u32, width: u32, low: u32, escape: u32) -> Prices {
    let other = (price(escape, bits) + f64::from(width)) as f32;
    let first = symbols.first().map_or(0, |&(code, _)| code);
    let span = symbols.last().map_or(0, |&(code, _)| code - first + 1);
    let mut all = vec![other; span as usize];
    for &(code, frequency) in symbols {
        all[(code - first) as usize] = (price(frequency, bits) + f64::from(low)) as f32;
    }
    Prices { first, low, bits: all, other }
}
