//! The loops: codes to words of 16 bits and back, in interleaved lanes.

use super::table::{Positions, Table};
use crate::{
    code::Code,
    error::{Error, Result},
    kernel::rans::{
        self, FIRST_BITS, LANES, LOW, Lanes, Narrow, Tables, WORD, Wide, Words,
        encode::{Back, Encoding, Symbol, encode},
    },
};
use alloc::{vec, vec::Vec};
use core::slice;

/// Bytes of a state.
const STATE: usize = 4;

impl Back<'_> {
    /// Whether there was room.
    #[inline(always)]
    pub(super) fn word(&mut self, word: u32) -> bool {
        let Some(at) = self.at.checked_sub(2) else { return false };
        self.at = at;
        self.bytes[at..at + 2].copy_from_slice(&(word as u16).to_le_bytes());
        true
    }

    /// Up to 16 bits as they are.
    #[inline(always)]
    pub(super) fn raw(&mut self, x: &mut u32, bits: u32, value: u32) -> bool {
        let room = u64::from(*x) < 1 << (32 - bits) || {
            let room = self.word(*x);
            *x >>= WORD;
            room
        };
        *x = *x << bits | value;
        room
    }
}

impl Back<'_> {
    /// A code under a table whose frequencies sum to `2^bits`: what is read last is written first.
    #[inline(always)]
    pub(super) fn code<C: Code>(&mut self, table: &Table, bits: u32, x: &mut u32, code: C) -> bool {
        let mut symbol = table.symbol(code);
        let code = code.to_u32();
        if symbol.frequency() == 0 {
            for (shift, bits) in parts(table.width()).rev() {
                if !self.raw(x, bits, (code >> shift) & ((1 << bits) - 1)) {
                    return false;
                }
            }
            symbol = table.escape();
        } else if table.low_bits() > 0 {
            let low = table.low_bits();
            if !self.raw(x, low, code & ((1 << low) - 1)) {
                return false;
            }
        }
        self.symbol(symbol, bits, x)
    }

    /// A symbol of frequencies that sum to `2^bits`.
    #[inline(always)]
    pub(super) fn symbol(&mut self, symbol: Symbol, bits: u32, x: &mut u32) -> bool {
        // The product is 2^32 if there is no other symbol.
        if u64::from(*x) >= u64::from(symbol.frequency()) << (32 - bits) {
            if !self.word(*x) {
                return false;
            }
            *x >>= WORD;
        }
        *x = symbol.put(*x, bits);
        true
    }

    /// The states of all lanes, with which a stream begins; returns where.
    pub(super) fn states(self, states: &[u32]) -> Option<usize> {
        let at = self.at.checked_sub(states.len() * STATE)?;
        for (bytes, x) in self.bytes[at..].chunks_exact_mut(STATE).zip(states) {
            bytes.copy_from_slice(&x.to_le_bytes());
        }
        Some(at)
    }
}

/// The lanes at the front of a stream, and the words behind them.
pub(super) fn read_states(bytes: &[u8], count: usize) -> Result<(Lanes, Words<'_>)> {
    let at = count * STATE;
    let Some(head) = bytes.get(..at) else {
        return Err(Error::Truncated { needed: at, actual: bytes.len() });
    };
    let mut lanes = Lanes { x: [LOW; LANES], walk: [0; LANES] };
    for (x, bytes) in lanes.x.iter_mut().zip(head.as_chunks::<STATE>().0) {
        *x = u32::from_le_bytes(*bytes);
        if *x < LOW {
            return Err(Error::Corrupt { what: "state of a lane", found: (*x).into() });
        }
    }
    Ok((lanes, Words { bytes, at }))
}

/// A state that is too small takes the next word.
#[inline(always)]
pub(super) fn refill(x: &mut u32, words: &mut Words<'_>) -> Result<()> {
    if *x < LOW {
        let Words { bytes, at } = *words;
        let Some(&[low, high]) = bytes.get(at..).and_then(<[u8]>::first_chunk) else {
            return Err(Error::Truncated { needed: 2, actual: bytes.len().saturating_sub(at) });
        };
        *x = *x << WORD | u32::from(u16::from_le_bytes([low, high]));
        words.at += 2;
    }
    Ok(())
}

/// Up to 16 bits as they are.
#[inline(always)]
pub(super) fn raw(x: &mut u32, words: &mut Words<'_>, bits: u32) -> Result<u32> {
    let value = *x & ((1 << bits) - 1);
    *x >>= bits;
    refill(x, words)?;
    Ok(value)
}

/// Lanes end in the state in which they began.
pub(super) fn finish(lanes: &Lanes, words: Words<'_>) -> Result<usize> {
    match lanes.x.iter().find(|&&x| x != LOW) {
        None => Ok(words.at),
        Some(&x) => Err(Error::Corrupt { what: "final state of a lane", found: x.into() }),
    }
}

/// Fills `piece` with one stretch of codes after another, of `count` in all, and hands them on.
pub(super) fn in_pieces<C: Code>(
    count: usize,
    piece: &mut [C],
    sink: &mut dyn FnMut(&mut [C]) -> Result<()>,
    mut decode: impl FnMut(&mut [C]) -> Result<()>,
) -> Result<()> {
    // Nowhere to put them: one after another.
    let mut one = [C::default()];
    let piece = if piece.is_empty() { &mut one } else { piece };
    let mut left = count;
    while left > 0 {
        let len = piece.len().min(left);
        let codes = &mut piece[..len];
        decode(codes)?;
        sink(codes)?;
        left -= len;
    }
    Ok(())
}

/// An escaped code in parts of at most 16 bits, the lowest first.
#[inline(always)]
pub(super) fn parts(width: u32) -> impl DoubleEndedIterator<Item = (u32, u32)> {
    (0..width.div_ceil(WORD)).map(move |part| (part * WORD, (width - part * WORD).min(WORD)))
}

impl Table {
    /// Codes to bytes; returns how many, or none if there is no room for them. Bytes are at the end of `bytes` then.
    pub(super) fn encode_back<C: Code>(&self, codes: &[C], lanes: usize, bytes: &mut [u8]) -> Option<usize> {
        let len = bytes.len();
        let mut out = Back { at: len, bytes };
        let mut states = [LOW; LANES];
        let bits = self.bits();
        // What is behind the last round of all lanes, then whole rounds, and one by one where they cannot be encoded at once.
        let (mut rest, mut tail) = codes.split_at(codes.len() / lanes * lanes);
        loop {
            for (&code, x) in tail.iter().zip(&mut states).rev() {
                if !out.code(self, bits, x, code) {
                    return None;
                }
            }
            if let Some((symbols, span)) = self.encoder() {
                let encoding = Encoding { symbols, spans: &[span], bits, side_bits: 0, classed: false };
                let done = encode(&encoding, lanes, &mut states, &mut out, rest, &[]);
                rest = &rest[..rest.len() - done];
            }
            if rest.is_empty() {
                break;
            }
            (rest, tail) = rest.split_at(rest.len() - lanes);
        }
        out.states(&states[..lanes]).map(|at| len - at)
    }

    /// Codes below `2^width`, or an error that names the first that is not.
    pub(super) fn check<C: Code>(&self, start: usize, codes: &[C]) -> Result<()> {
        let used = codes.iter().fold(0, |used, code| used | code.to_u32());
        if u64::from(used) >> self.width() == 0 {
            return Ok(());
        }
        let index = codes.iter().position(|code| u64::from(code.to_u32()) >> self.width() != 0).unwrap_or(0);
        let (index, code) = (start.saturating_add(index), codes[index].to_u32());
        Err(Error::Code { index, code, level_count: 1 << self.width() })
    }

    /// Codes to a payload: the states of `lanes` lanes (1, 2, 4 ... 32; 4 bytes each), then words of 16 bits. Code `i` is in
    /// lane `i % lanes`; more lanes decode faster. Neither the number of codes nor that of lanes is in the payload.
    pub fn encode<C: Code>(&self, codes: &[C], lanes: usize) -> Result<Vec<u8>> {
        check_lanes(lanes)?;
        self.check(0, codes)?;
        // A word for the symbol, and for each part of an escaped code.
        let words = 1 + self.width().div_ceil(WORD) as usize;
        let mut bytes = vec![0; lanes * STATE + codes.len().saturating_mul(2 * words)];
        let len = self.encode_back(codes, lanes, &mut bytes).unwrap_or(0);
        bytes.drain(..bytes.len() - len);
        Ok(bytes)
    }

    /// All of a payload to `count` codes.
    pub fn decode<C: Code>(&self, payload: &[u8], count: usize, lanes: usize) -> Result<Vec<C>> {
        let mut codes = crate::memory::filled(count)?;
        self.decode_into(payload, &mut codes, lanes)?;
        Ok(codes)
    }

    /// All of a payload to codes, which they fill exactly.
    pub fn decode_into<C: Code>(&self, payload: &[u8], codes: &mut [C], lanes: usize) -> Result<()> {
        check_lanes(lanes)?;
        let level_count = self.symbols().last().map_or(0, |&(code, _)| (u64::from(code) + 1) << self.low_bits());
        if level_count > 1 << C::BITS {
            return Err(Error::CodeWidth { level_count, code_bits: C::BITS });
        }
        let mut decoder = Decoder::new(self, payload, lanes)?;
        decoder.decode(codes)?;
        crate::codec::all_read(decoder.finish()?, payload)
    }
}

fn check_lanes(lanes: usize) -> Result<()> {
    if lanes.is_power_of_two() && lanes <= LANES {
        return Ok(());
    }
    Err(Error::Setting { name: "lanes", value: lanes as f64, allowed: "1, 2, 4, 8, 16 or 32 lanes" })
}

/// A payload that is being decoded, piece by piece.
pub(super) struct Decoder<'a> {
    table: &'a Table,
    lanes: Lanes,
    count: usize,
    /// Codes decoded so far, modulo the number of lanes.
    lane: usize,
    words: Words<'a>,
}

impl<'a> Decoder<'a> {
    /// `count` lanes: a power of two of at most 32.
    pub(super) fn new(table: &'a Table, bytes: &'a [u8], count: usize) -> Result<Self> {
        let (lanes, words) = read_states(bytes, count)?;
        Ok(Self { table, lanes, count, lane: 0, words })
    }

    /// The next codes.
    pub(super) fn decode<C: Code>(&mut self, codes: &mut [C]) -> Result<()> {
        // To the next round of all lanes, whole rounds, and what is left.
        let head = codes.len().min((self.count - self.lane) % self.count);
        let (head, mut rest) = codes.split_at_mut(head);
        self.one_by_one(head)?;
        while !rest.is_empty() {
            let done = self.rounds(rest);
            // A round with an escape, or near the end of the bytes.
            let len = self.count.min(rest.len() - done);
            let (round, later) = rest[done..].split_at_mut(len);
            self.one_by_one(round)?;
            rest = later;
        }
        Ok(())
    }

    /// Whole rounds of all lanes, as many as can be decoded at once.
    fn rounds<C: Code>(&mut self, codes: &mut [C]) -> usize {
        let symbols = slice::from_ref(self.table.symbols_word());
        let Self { table, lanes, count, words, .. } = self;
        match table.slots() {
            Positions::Narrow(slots) => {
                let tables = Tables::one(Narrow(slots.as_chunks().0), symbols);
                rans::decode(&tables, *count, lanes, words, codes, &[])
            }
            Positions::Wide(slots) => {
                let tables = Tables::one(Wide(slots, table.bits()), symbols);
                rans::decode_wide(&tables, *count, lanes, words, codes, &[])
            }
        }
    }

    fn one_by_one<C: Code>(&mut self, codes: &mut [C]) -> Result<()> {
        let (table, bits) = (self.table, self.table.bits());
        for code in codes {
            let x = &mut self.lanes.x[self.lane];
            let position = *x & ((1 << bits) - 1);
            let mut slot = table.slots().slot(0, bits, position);
            let escaped = slot.frequency == 0;
            if escaped {
                slot = table.escaped(position);
            }
            *x = u32::from(slot.frequency) * (*x >> bits) + u32::from(slot.offset);
            refill(x, &mut self.words)?;
            let value = if escaped {
                let mut value = 0;
                for (shift, bits) in parts(table.width()) {
                    value |= raw(x, &mut self.words, bits)? << shift;
                }
                value
            } else {
                let first = table.symbols_word() & ((1 << FIRST_BITS) - 1);
                (slot.symbol + first) << table.low_bits() | raw(x, &mut self.words, table.low_bits())?
            };
            if u64::from(value) >> C::BITS != 0 {
                return Err(Error::Corrupt { what: "code", found: value.into() });
            }
            *code = C::from_u32(value);
            self.lane = (self.lane + 1) % self.count;
        }
        Ok(())
    }

    /// All codes have been decoded: bytes that were read.
    pub(super) fn finish(self) -> Result<usize> {
        finish(&self.lanes, self.words)
    }
}
