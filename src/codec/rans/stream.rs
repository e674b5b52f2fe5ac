//! The loops: codes to words of 16 bits and back, in interleaved lanes.

use super::table::{Symbol, Table};
use crate::{
    code::Code,
    error::{Error, Result},
};
use alloc::{vec, vec::Vec};

/// States are at least this between codes; at the end of a stream they are this again.
pub(super) const LOW: u32 = 1 << 16;

/// The most lanes.
pub(super) const MOST_LANES: usize = 32;
/// Bytes of a state.
const STATE: usize = 4;
/// Bits of a word.
pub(super) const WORD: u32 = 16;

/// Writes words from the end of a buffer to its front.
pub(super) struct Back<'a> {
    pub(super) bytes: &'a mut [u8],
    pub(super) at: usize,
}

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
        if symbol.frequency == 0 {
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
        if u64::from(*x) >= u64::from(symbol.frequency) << (32 - bits) {
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

/// The states of all lanes from the front of a stream, and the bytes that they take.
pub(super) fn read_states(bytes: &[u8], lanes: usize) -> Result<([u32; MOST_LANES], usize)> {
    let needed = lanes * STATE;
    let Some(head) = bytes.get(..needed) else {
        return Err(Error::Truncated { needed, actual: bytes.len() });
    };
    let mut states = [LOW; MOST_LANES];
    for (x, bytes) in states.iter_mut().zip(head.as_chunks::<STATE>().0) {
        *x = u32::from_le_bytes(*bytes);
        if *x < LOW {
            return Err(Error::Corrupt { what: "state of a lane", found: (*x).into() });
        }
    }
    Ok((states, needed))
}

/// A state that is too small takes the next word.
#[inline(always)]
pub(super) fn refill(x: &mut u32, bytes: &[u8], at: &mut usize) -> Result<()> {
    if *x < LOW {
        let Some(&[low, high]) = bytes.get(*at..).and_then(<[u8]>::first_chunk) else {
            return Err(Error::Truncated { needed: 2, actual: bytes.len().saturating_sub(*at) });
        };
        *x = *x << WORD | u32::from(u16::from_le_bytes([low, high]));
        *at += 2;
    }
    Ok(())
}

/// Lanes end in the state in which they began.
pub(super) fn finish(states: &[u32], at: usize) -> Result<usize> {
    match states.iter().find(|&&x| x != LOW) {
        None => Ok(at),
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
        let mut states = [LOW; MOST_LANES];
        let bits = self.bits();
        for (i, &code) in codes.iter().enumerate().rev() {
            if !out.code(self, bits, &mut states[i % lanes], code) {
                return None;
            }
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
    if lanes.is_power_of_two() && lanes <= MOST_LANES {
        return Ok(());
    }
    Err(Error::Setting { name: "lanes", value: lanes as f64, allowed: "1, 2, 4, 8, 16 or 32 lanes" })
}

/// A payload that is being decoded, piece by piece.
pub(super) struct Decoder<'a> {
    table: &'a Table,
    states: [u32; MOST_LANES],
    lanes: usize,
    /// Codes decoded so far, modulo the number of lanes.
    lane: usize,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    /// `lanes` is a power of two of at most 32.
    pub(super) fn new(table: &'a Table, bytes: &'a [u8], lanes: usize) -> Result<Self> {
        let (states, at) = read_states(bytes, lanes)?;
        Ok(Self { table, states, lanes, lane: 0, bytes, at })
    }

    /// The next codes.
    pub(super) fn decode<C: Code>(&mut self, codes: &mut [C]) -> Result<()> {
        // To the next round of all lanes, whole rounds, and what is left.
        let head = codes.len().min((self.lanes - self.lane) % self.lanes);
        let (head, rest) = codes.split_at_mut(head);
        self.one_by_one(head)?;
        let rounds = rest.len() / self.lanes * self.lanes;
        let (rounds, tail) = rest.split_at_mut(rounds);
        if self.table.low_bits() == 0 {
            self.each_lane::<false, C>(rounds)
        } else {
            self.each_lane::<true, C>(rounds)
        }?;
        self.one_by_one(tail)
    }

    fn each_lane<const LOW_BITS: bool, C: Code>(&mut self, rounds: &mut [C]) -> Result<()> {
        match self.lanes {
            1 => self.rounds::<1, LOW_BITS, C>(rounds),
            2 => self.rounds::<2, LOW_BITS, C>(rounds),
            4 => self.rounds::<4, LOW_BITS, C>(rounds),
            8 => self.rounds::<8, LOW_BITS, C>(rounds),
            16 => self.rounds::<16, LOW_BITS, C>(rounds),
            _ => self.rounds::<32, LOW_BITS, C>(rounds),
        }
    }

    /// Whole rounds of all lanes, from the first.
    fn rounds<const LANES: usize, const LOW_BITS: bool, C: Code>(&mut self, codes: &mut [C]) -> Result<()> {
        let low = self.table.low_bits();
        let mut x: [u32; LANES] = core::array::from_fn(|lane| self.states[lane]);
        let (bits, mask) = (self.table.bits(), (1 << self.table.bits()) - 1);
        let (slots, escape) = (self.table.slots(), self.table.escape_first());
        let mut at = self.at;
        let mut rounds = codes.as_chunks_mut::<LANES>().0.iter_mut();
        // As long as the words that each lane may need are there, and no escape; otherwise one by one.
        let most = 2 * LANES * if LOW_BITS { 2 } else { 1 };
        while self.bytes.len() - at >= most {
            let Some(round) = rounds.next() else { break };
            let (mut y, mut ahead, mut escaped) = (x, at, false);
            for (y, code) in y.iter_mut().zip(&mut *round) {
                let position = *y & mask;
                let slot = slots[position as usize];
                escaped |= position >= escape;
                *y = u32::from(slot.frequency) * (*y >> bits) + u32::from(slot.offset);
                let mut refill = |y: u32| {
                    let word = u32::from(u16::from_le_bytes([self.bytes[ahead], self.bytes[ahead + 1]]));
                    let short = y < LOW;
                    ahead += 2 * usize::from(short);
                    if short { y << WORD | word } else { y }
                };
                *y = refill(*y);
                let mut value = slot.code;
                if LOW_BITS {
                    value |= *y & ((1 << low) - 1);
                    *y = refill(*y >> low);
                }
                *code = C::from_u32(value);
            }
            if escaped {
                self.states[..LANES].copy_from_slice(&x);
                self.at = at;
                self.one_by_one(round)?;
                (x, at) = (core::array::from_fn(|lane| self.states[lane]), self.at);
            } else {
                (x, at) = (y, ahead);
            }
        }
        self.states[..LANES].copy_from_slice(&x);
        self.at = at;
        rounds.try_for_each(|round| self.one_by_one(round))
    }

    fn one_by_one<C: Code>(&mut self, codes: &mut [C]) -> Result<()> {
        let (bits, mask) = (self.table.bits(), (1 << self.table.bits()) - 1);
        for code in codes {
            let position = self.states[self.lane] & mask;
            let slot = self.table.slots()[position as usize];
            self.states[self.lane] =
                u32::from(slot.frequency) * (self.states[self.lane] >> bits) + u32::from(slot.offset);
            self.refill()?;
            let mut value = slot.code;
            if position >= self.table.escape_first() {
                value = 0;
                for (shift, bits) in parts(self.table.width()) {
                    let x = &mut self.states[self.lane];
                    value |= (*x & ((1 << bits) - 1)) << shift;
                    *x >>= bits;
                    self.refill()?;
                }
            } else if self.table.low_bits() > 0 {
                let low = self.table.low_bits();
                let x = &mut self.states[self.lane];
                value |= *x & ((1 << low) - 1);
                *x >>= low;
                self.refill()?;
            }
            if u64::from(value) >> C::BITS != 0 {
                return Err(Error::Corrupt { what: "code", found: value.into() });
            }
            *code = C::from_u32(value);
            self.lane = (self.lane + 1) % self.lanes;
        }
        Ok(())
    }

    #[inline(always)]
    fn refill(&mut self) -> Result<()> {
        refill(&mut self.states[self.lane], self.bytes, &mut self.at)
    }

    /// All codes have been decoded: bytes that were read.
    pub(super) fn finish(self) -> Result<usize> {
        finish(&self.states, self.at)
    }
}
