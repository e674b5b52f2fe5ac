//! The loops with more than one table: which one follows from the class of a value and from the codes before it.

use super::{
    context_tables::{BITS, Contexts, MASK},
    spike_mask::{PIECE, SpikeFlags},
    stream::{finish, parts, raw, read_states, refill},
    table::Positions,
};
use crate::{
    automaton::Automaton,
    code::Code,
    error::Result,
    kernel::rans::{
        self, FIRST_BITS, LANES, LOW, Lanes, Narrow, Tables, Wide, Words,
        encode::{Back, Encoding, encode},
    },
};

impl Contexts {
    fn decoding<S>(&self, slots: S) -> Tables<'_, S> {
        let Self { automaton, classes, symbols, .. } = self;
        let plain = symbols.iter().all(|&word| word == 0);
        let (h0, h1) = Automaton::taps(automaton.states() as u16);
        Tables {
            slots,
            symbols,
            side_bits: automaton.side_bits(),
            taps: (h0.into(), h1.into()),
            idle: classes.idle() as u32,
            classed: !classes.is_one(),
            plain,
        }
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
            let classed = &mut classed[..codes.len()];
            self.fill(start + piece * PIECE, codes, classed);
            // What is behind the last round of all lanes, then whole rounds, and one by one where they cannot be encoded at
            // once.
            let (mut rest, mut tail) = codes.split_at(codes.len() / lanes * lanes);
            loop {
                for ((&code, &class), x) in tail.iter().zip(&classed[rest.len()..]).zip(&mut states).rev() {
                    let code = code.to_u32();
                    let table = &self.tables[usize::from(class) * sides + (code & shift) as usize];
                    if !out.code(table, BITS, x, code >> shift) {
                        return None;
                    }
                }
                if let Some((symbols, spans)) = &self.encoder {
                    let classed_too = !self.classes.is_one();
                    let encoding = Encoding { symbols, spans, bits: BITS, side_bits: shift, classed: classed_too };
                    let done = encode(&encoding, lanes, &mut states, &mut out, rest, &classed[..rest.len()]);
                    rest = &rest[..rest.len() - done];
                }
                if rest.is_empty() {
                    break;
                }
                (rest, tail) = rest.split_at(rest.len() - lanes);
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
    lanes: Lanes,
    /// The position of the next code, in the array and in the stream.
    start: usize,
    done: usize,
    /// Codes in all.
    count: usize,
    flags: Option<SpikeFlags>,
    words: Words<'a>,
}

impl<'a> ContextDecoder<'a> {
    pub(super) fn new(contexts: &'a Contexts, start: usize, count: usize, bytes: &'a [u8]) -> Result<Self> {
        let (lanes, words) = read_states(bytes, contexts.automaton.lane_count())?;
        let flags = contexts.mask.as_ref().map(|_| SpikeFlags::new());
        Ok(Self { contexts, lanes, start, done: 0, count, flags, words })
    }

    /// The next codes.
    pub(super) fn decode<C: Code>(&mut self, codes: &mut [C]) -> Result<()> {
        let mut classed = [0; PIECE];
        let (block, count) = (self.contexts.automaton.block(), self.contexts.automaton.lane_count());
        let mut rest = codes;
        while !rest.is_empty() {
            // To the next round of all lanes, then as far as classes are found at once and no lane begins anew.
            let lane = self.done % count;
            let mut len = rest.len().min(if lane > 0 { count - lane } else { PIECE });
            if block > 1 {
                let position = (self.start + self.done) % block;
                if position == 0 {
                    self.lanes.walk = [0; LANES];
                }
                len = len.min(block - position);
            }
            let place = self.done % PIECE;
            if let (Some(mask), Some(flags)) = (&self.contexts.mask, &mut self.flags) {
                if place == 0 {
                    let pairs = (self.done / 2, PIECE.min(self.count - self.done));
                    flags.decode(mask, pairs, &mut self.lanes.x[..count], &mut self.words)?;
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
            if lane > 0 {
                self.one_by_one(piece, classed)?;
            } else {
                self.rounds(piece, classed)?;
            }
        }
        Ok(())
    }

    /// From the first lane on.
    fn rounds<C: Code>(&mut self, codes: &mut [C], classes: &[u8]) -> Result<()> {
        let count = self.contexts.automaton.lane_count();
        let (mut codes, mut classes) = (codes, classes);
        while !codes.is_empty() {
            let done = self.whole_rounds(codes, classes);
            self.done += done;
            // A round with an escape, or near the end of the bytes.
            let len = count.min(codes.len() - done);
            let (round, later) = codes[done..].split_at_mut(len);
            self.one_by_one(round, &classes[done..done + len])?;
            (codes, classes) = (later, &classes[done + len..]);
        }
        Ok(())
    }

    /// As many as can be decoded at once.
    fn whole_rounds<C: Code>(&mut self, codes: &mut [C], classes: &[u8]) -> usize {
        let Self { contexts, lanes, words, .. } = self;
        let count = contexts.automaton.lane_count();
        match &contexts.slots {
            Positions::Narrow(slots) => {
                let tables = contexts.decoding(Narrow(slots.as_chunks().0));
                rans::decode(&tables, count, lanes, words, codes, classes)
            }
            Positions::Wide(slots) => {
                let tables = contexts.decoding(Wide(slots, BITS));
                rans::decode_wide(&tables, count, lanes, words, codes, classes)
            }
        }
    }

    fn one_by_one<C: Code>(&mut self, codes: &mut [C], classes: &[u8]) -> Result<()> {
        let Contexts { automaton, slots, symbols, tables, width, .. } = self.contexts;
        let (lanes, sides) = (automaton.lane_count(), automaton.side_bits());
        for (code, &class) in codes.iter_mut().zip(classes) {
            let lane = self.done % lanes;
            let still = usize::from(class) < self.contexts.classes.idle();
            let walk = &mut self.lanes.walk[lane];
            let side = if still { 0 } else { automaton.side(*walk) };
            let table = ((u32::from(class) << sides) + side) as usize;
            let x = &mut self.lanes.x[lane];
            let position = *x & MASK;
            let mut slot = slots.slot(table, BITS, position);
            let escaped = slot.frequency == 0;
            if escaped {
                slot = tables[table].escaped(position);
            }
            *x = u32::from(slot.frequency) * (*x >> BITS) + u32::from(slot.offset);
            refill(x, &mut self.words)?;
            let symbol = if escaped {
                let mut symbol = 0;
                for (shift, bits) in parts(*width) {
                    symbol |= raw(x, &mut self.words, bits)? << shift;
                }
                symbol
            } else {
                let (first, low) = (symbols[table] & ((1 << FIRST_BITS) - 1), symbols[table] >> FIRST_BITS);
                (slot.symbol + first) << low | raw(x, &mut self.words, low)?
            };
            if !still {
                *walk = automaton.next(*walk, symbol);
            }
            *code = C::from_u32(symbol << sides | side);
            self.done += 1;
        }
        Ok(())
    }

    /// All codes have been decoded: bytes that were read.
    pub(super) fn finish(self) -> Result<usize> {
        finish(&self.lanes, self.words)
    }
}
