//! The loops with more than one table: which one follows from the class of a value and from the codes before it.

use super::{
    spike_mask::{PIECE, SpikeFlags, SpikeMask},
    stream::{Back, LOW, WORD, finish, parts, read_states, refill},
    table::{Slot, Table},
};
use crate::{
    automaton::{Automaton, LANES},
    classes::Classes,
    code::Code,
    error::{Error, Result},
};
use alloc::vec::Vec;

/// Symbols are below this.
pub(super) const MOST_SYMBOL: u32 = 1 << 24;
const ESCAPE: u32 = 1 << 31;
const LOW_SHIFT: u32 = 24;
/// Bits of the sum of frequencies.
pub(super) const BITS: u32 = 12;
const MASK: u32 = (1 << BITS) - 1;

/// Tables for all sides of all classes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Contexts {
    pub(super) automaton: Automaton,
    pub(super) classes: Classes,
    /// Where spikes are, if there are some.
    pub(super) mask: Option<SpikeMask>,
    pub(super) tables: Vec<Table>,
    /// Those of all tables, one after the other. Codes are symbols, with the number of their low bits from bit 24 on, or
    /// escapes.
    slots: Vec<Slot>,
    any_low: bool,
    width: u32,
}

impl Contexts {
    /// Without tables, which follow: one for each side of each class.
    pub(super) fn new(automaton: Automaton, mask: Option<SpikeMask>, width: u32) -> Self {
        let classes = Classes::default();
        Self { automaton, classes, mask, tables: Vec::new(), slots: Vec::new(), any_low: false, width }
    }

    pub(super) fn set_classes(&mut self, classes: Classes) {
        self.classes = if self.mask.is_some() { classes.with_spikes() } else { classes };
    }

    /// Symbols from this on are those of spikes.
    pub(super) fn first_spike(&self) -> u32 {
        self.mask.as_ref().map_or(u32::MAX, |mask| mask.first)
    }

    /// Room for so many tables.
    pub(super) fn reserve(&mut self, tables: usize) {
        self.tables.reserve_exact(tables);
        self.slots.reserve_exact(tables << BITS);
    }

    pub(super) fn push(&mut self, mut table: Table) {
        let (escape, low) = (table.escape_first(), table.low_bits());
        for (position, slot) in (0..).zip(table.take_slots()) {
            let code = if position < escape { slot.code | low << LOW_SHIFT } else { ESCAPE };
            self.slots.push(Slot { code, ..slot });
        }
        self.any_low |= low > 0;
        self.tables.push(table);
    }

    /// Calls `each(index, table)` for all codes, whose sides have to be those of the automaton; symbols from `first_spike` on are
    /// spikes.
    pub(super) fn for_each<C: Code>(
        automaton: Automaton,
        (classes, first_spike): (&Classes, u32),
        start: usize,
        codes: &[C],
        mut each: impl FnMut(usize, usize, u32),
    ) -> Result<()> {
        let (lanes, sides) = (automaton.lane_count(), automaton.sides());
        let mut walk = [0; LANES];
        let mut classed = [0; PIECE];
        let mut right = true;
        for (piece, codes) in codes.chunks(PIECE).enumerate() {
            let at = start + piece * PIECE;
            classes.fill(at, &mut classed[..codes.len()]);
            for (i, code) in codes.iter().enumerate() {
                let code = code.to_u32();
                if sides > 1 && (at + i).is_multiple_of(automaton.block()) {
                    walk = [0; LANES];
                }
                let state = &mut walk[i % lanes];
                let (side, symbol) = (code & automaton.side_bits(), code >> automaton.side_bits());
                let class = if symbol >= first_spike { 0 } else { usize::from(classed[i]) };
                if class < classes.idle() {
                    right &= side == 0;
                } else {
                    right &= side == automaton.side(*state);
                    *state = automaton.next(*state, symbol);
                }
                each(piece * PIECE + i, class * sides + side as usize, symbol);
            }
        }
        if right {
            return Ok(());
        }
        Err(Error::Unsuited { setting: "automaton", remedy: "quantize with the automaton of the codec" })
    }

    /// As for one table: bytes are at the end of `bytes` then.
    pub(super) fn encode_back<C: Code>(&self, start: usize, codes: &[C], bytes: &mut [u8]) -> Option<usize> {
        let (lanes, sides) = (self.automaton.lane_count(), self.automaton.sides());
        let (shift, first_spike) = (self.automaton.side_bits(), self.first_spike());
        let len = bytes.len();
        let mut out = Back { at: len, bytes };
        let mut states = [LOW; LANES];
        let (mut classed, all) = ([0; PIECE], codes);
        for (piece, codes) in codes.chunks(PIECE).enumerate().rev() {
            self.classes.fill(start + piece * PIECE, &mut classed[..codes.len()]);
            for (i, code) in codes.iter().enumerate().rev() {
                let code = code.to_u32();
                let side = (code & shift) as usize;
                let symbol = code >> shift;
                let class = if symbol >= first_spike { 0 } else { usize::from(classed[i]) };
                if !out.code(&self.tables[class * sides + side], BITS, &mut states[i % lanes], symbol) {
                    return None;
                }
            }
            if let Some(mask) = &self.mask {
                let (from, is_spike) = (piece * PIECE, |i: usize| all[i].to_u32() >> shift >= first_spike);
                if !mask.encode_back((from, from + codes.len()), is_spike, &mut states[..lanes], &mut out) {
                    return None;
                }
            }
        }
        out.states(&states[..lanes]).map(|at| len - at)
    }
}

/// A stream that is being decoded, piece by piece.
pub(super) struct ContextDecoder<'a> {
    contexts: &'a Contexts,
    /// Of the coder, and of the automaton.
    states: [u32; LANES],
    walk: [u32; LANES],
    /// The position of the next code, in the array and in the stream.
    start: usize,
    done: usize,
    /// Codes in all.
    count: usize,
    flags: Option<SpikeFlags>,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> ContextDecoder<'a> {
    pub(super) fn new(contexts: &'a Contexts, start: usize, count: usize, bytes: &'a [u8]) -> Result<Self> {
        let (states, at) = read_states(bytes, contexts.automaton.lane_count())?;
        let flags = contexts.mask.as_ref().map(|_| SpikeFlags::new());
        Ok(Self { contexts, states, walk: [0; LANES], start, done: 0, count, flags, bytes, at })
    }

    /// The next codes.
    pub(super) fn decode<C: Code>(&mut self, codes: &mut [C]) -> Result<()> {
        let mut classed = [0; PIECE];
        let block = self.contexts.automaton.block();
        let mut rest = codes;
        while !rest.is_empty() {
            // To the next round of all lanes, then as far as classes are found at once and no lane begins anew.
            let lane = self.done % LANES;
            let mut len = rest.len().min(if lane > 0 { LANES - lane } else { PIECE });
            if block > 1 {
                let position = (self.start + self.done) % block;
                if position == 0 {
                    self.walk = [0; LANES];
                }
                len = len.min(block - position);
            }
            let place = self.done % PIECE;
            if let (Some(mask), Some(flags)) = (&self.contexts.mask, &mut self.flags) {
                if place == 0 {
                    let pairs = (self.done / 2, PIECE.min(self.count - self.done));
                    let lanes = &mut self.states[..self.contexts.automaton.lane_count()];
                    flags.decode(mask, pairs, lanes, (self.bytes, &mut self.at))?;
                }
                len = len.min(PIECE - place);
            }
            let (piece, later) = rest.split_at_mut(len);
            rest = later;
            let classed = &mut classed[..len];
            self.contexts.classes.fill(self.start + self.done, classed);
            if let Some(flags) = &self.flags {
                flags.apply(place, classed);
            }
            let rounds = if lane > 0 { 0 } else { len / LANES * LANES };
            let (rounds, tail) = piece.split_at_mut(rounds);
            self.all_lanes(rounds, classed)?;
            self.one_by_one(tail, &classed[rounds.len()..])?;
        }
        Ok(())
    }

    fn all_lanes<C: Code>(&mut self, codes: &mut [C], classes: &[u8]) -> Result<()> {
        match self.contexts.automaton.lane_count() {
            32 => self.kind::<32, C>(codes, classes),
            16 => self.kind::<16, C>(codes, classes),
            8 => self.kind::<8, C>(codes, classes),
            _ => self.one_by_one(codes, classes),
        }
    }

    fn kind<const WIDTH: usize, C: Code>(&mut self, codes: &mut [C], classes: &[u8]) -> Result<()> {
        match (self.contexts.any_low, self.contexts.classes.is_one()) {
            (false, true) => self.rounds::<WIDTH, false, false, C>(codes, classes),
            (false, false) => self.rounds::<WIDTH, false, true, C>(codes, classes),
            (true, true) => self.rounds::<WIDTH, true, false, C>(codes, classes),
            (true, false) => self.rounds::<WIDTH, true, true, C>(codes, classes),
        }
    }

    /// Whole rounds of all lanes.
    fn rounds<const WIDTH: usize, const LOW_BITS: bool, const CLASSED: bool, C: Code>(
        &mut self,
        codes: &mut [C],
        classes: &[u8],
    ) -> Result<()> {
        let Contexts { automaton, slots, .. } = self.contexts;
        let (automaton, idle) = (*automaton, self.contexts.classes.idle() as u32);
        let sides = automaton.side_bits();
        let first = |all: &[u32; LANES]| -> [u32; WIDTH] { core::array::from_fn(|lane| all[lane]) };
        let (mut x, mut walk, mut at) = (first(&self.states), first(&self.walk), self.at);
        // As long as the words that each lane may need are there, and no escape; otherwise one by one.
        let most = 2 * WIDTH * if LOW_BITS { 2 } else { 1 };
        let rounds = codes.as_chunks_mut::<WIDTH>().0.iter_mut().zip(classes.as_chunks::<WIDTH>().0);
        for (round, classes) in rounds {
            let (mut y, mut walked, mut ahead, mut escaped) = (x, walk, at, 0);
            if self.bytes.len() - at >= most {
                for lane in 0..WIDTH {
                    let class = u32::from(classes[lane]);
                    let still = CLASSED && class < idle;
                    let side = if still { 0 } else { walk[lane] & sides };
                    let table = if CLASSED { (class << sides) + side } else { side };
                    let slot = slots[(table << BITS | (y[lane] & MASK)) as usize];
                    escaped |= slot.code;
                    let mut z = u32::from(slot.frequency) * (y[lane] >> BITS) + u32::from(slot.offset);
                    let mut refill = |z: u32| {
                        let word = u32::from(u16::from_le_bytes([self.bytes[ahead], self.bytes[ahead + 1]]));
                        let short = z < LOW;
                        ahead += 2 * usize::from(short);
                        if short { z << WORD | word } else { z }
                    };
                    z = refill(z);
                    let mut symbol = slot.code;
                    if LOW_BITS {
                        let low = (slot.code >> LOW_SHIFT) & 31;
                        symbol = (symbol & (MOST_SYMBOL - 1)) | (z & ((1 << low) - 1));
                        z = refill(z >> low);
                    }
                    y[lane] = z;
                    walked[lane] = if still { walk[lane] } else { automaton.next(walk[lane], symbol) };
                    round[lane] = C::from_u32(symbol << sides | side);
                }
            } else {
                escaped = ESCAPE;
            }
            if escaped & ESCAPE == 0 {
                (x, walk, at) = (y, walked, ahead);
                self.done += WIDTH;
            } else {
                self.keep(&x, &walk, at);
                self.one_by_one(round, classes)?;
                (x, walk, at) = (first(&self.states), first(&self.walk), self.at);
            }
        }
        self.keep(&x, &walk, at);
        Ok(())
    }

    fn keep(&mut self, x: &[u32], walk: &[u32], at: usize) {
        self.states[..x.len()].copy_from_slice(x);
        self.walk[..walk.len()].copy_from_slice(walk);
        self.at = at;
    }

    fn one_by_one<C: Code>(&mut self, codes: &mut [C], classes: &[u8]) -> Result<()> {
        let Contexts { automaton, slots, width, .. } = self.contexts;
        let (lanes, sides) = (automaton.lane_count(), automaton.side_bits());
        for (code, &class) in codes.iter_mut().zip(classes) {
            let lane = self.done % lanes;
            let still = usize::from(class) < self.contexts.classes.idle();
            let side = if still { 0 } else { automaton.side(self.walk[lane]) };
            let x = &mut self.states[lane];
            let slot = slots[((((u32::from(class) << sides) + side) << BITS) | (*x & MASK)) as usize];
            *x = u32::from(slot.frequency) * (*x >> BITS) + u32::from(slot.offset);
            self.refill(lane)?;
            let mut symbol = slot.code & (MOST_SYMBOL - 1);
            if slot.code & ESCAPE != 0 {
                symbol = 0;
                for (shift, bits) in parts(*width) {
                    symbol |= self.raw(lane, bits)? << shift;
                }
            } else {
                symbol |= self.raw(lane, (slot.code >> LOW_SHIFT) & 31)?;
            }
            if !still {
                self.walk[lane] = automaton.next(self.walk[lane], symbol);
            }
            *code = C::from_u32(symbol << sides | side);
            self.done += 1;
        }
        Ok(())
    }

    /// Up to 16 bits as they are.
    #[inline(always)]
    fn raw(&mut self, lane: usize, bits: u32) -> Result<u32> {
        let x = &mut self.states[lane];
        let value = *x & ((1 << bits) - 1);
        *x >>= bits;
        self.refill(lane)?;
        Ok(value)
    }

    #[inline(always)]
    fn refill(&mut self, lane: usize) -> Result<()> {
        refill(&mut self.states[lane], self.bytes, &mut self.at)
    }

    /// All codes have been decoded: bytes that were read.
    pub(super) fn finish(self) -> Result<usize> {
        finish(&self.states, self.at)
    }
}
