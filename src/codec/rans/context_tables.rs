//! Tables for each side of each class, and which codes are a path that they can code.

use super::{
    spike_mask::{PIECE, SpikeMask},
    table::{Positions, Table},
};
use crate::{
    automaton::Automaton,
    classes::Classes,
    code::Code,
    error::{Error, Result},
    kernel::rans::{
        self, FIRST_BITS, LANES, Slot,
        encode::{Span, Symbol},
    },
};
use alloc::vec::Vec;
use core::slice;

/// Symbols are below this.
pub(super) const MOST_SYMBOL: u32 = 1 << 24;
/// Bits of the sum of frequencies.
pub(super) const BITS: u32 = rans::BITS;
pub(super) const MASK: u32 = (1 << BITS) - 1;
/// More symbols of all tables, 12 bytes each, are not kept twice, and encoded one by one.
const MOST_ENCODED: usize = 1 << 17;

/// Tables for all sides of all classes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Contexts {
    pub(super) automaton: Automaton,
    pub(super) classes: Classes,
    /// Where spikes are, if there are some.
    pub(super) mask: Option<SpikeMask>,
    pub(super) tables: Vec<Table>,
    /// Those of all tables, one after the other.
    pub(super) slots: Positions,
    /// What slots do not say of each table: see [`symbols`](rans::symbols).
    pub(super) symbols: Vec<u32>,
    /// How codes are encoded: that of all tables, one after the other, if all are found at once.
    pub(super) encoder: Option<(Vec<Symbol>, Vec<Span>)>,
    pub(super) width: u32,
}

impl Contexts {
    /// Without tables, which follow: one for each side of each class.
    pub(super) fn new(automaton: Automaton, mask: Option<SpikeMask>, width: u32) -> Self {
        let (tables, slots, symbols) = (Vec::new(), Positions::Narrow(Vec::new()), Vec::new());
        let encoder = Some((Vec::new(), Vec::new()));
        Self { automaton, classes: Classes::default(), mask, tables, slots, symbols, encoder, width }
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
        self.symbols.reserve_exact(tables);
        match &mut self.slots {
            Positions::Narrow(slots) => slots.reserve_exact(tables << BITS),
            Positions::Wide(slots) => slots.reserve_exact(tables << BITS),
        }
    }

    pub(super) fn push(&mut self, mut table: Table) {
        let mut word = *table.symbols_word();
        match (&mut self.slots, table.take_slots()) {
            (Positions::Narrow(all), Positions::Narrow(slots)) => all.extend(slots),
            (Positions::Wide(all), slots) => all.extend(widened(&slots, slice::from_mut(&mut word))),
            (Positions::Narrow(_), Positions::Wide(slots)) => {
                let mut all = widened(&self.slots, &mut self.symbols);
                all.extend(slots);
                self.slots = Positions::Wide(all);
            }
        }
        self.symbols.push(word);
        match (&mut self.encoder, table.encoder()) {
            (Some((all, spans)), Some((symbols, [_, first, len, low])))
                if all.len() + symbols.len() <= MOST_ENCODED =>
            {
                spans.push([all.len() as u32, first, len, low]);
                all.extend(symbols);
            }
            _ => self.encoder = None,
        }
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

    /// The classes of codes that start at `start`.
    pub(super) fn fill<C: Code>(&self, start: usize, codes: &[C], classed: &mut [u8]) {
        self.classes.fill(start, classed);
        if self.mask.is_some() {
            let (shift, first_spike) = (self.automaton.side_bits(), self.first_spike());
            for (class, code) in classed.iter_mut().zip(codes) {
                *class = if code.to_u32() >> shift >= first_spike { 0 } else { *class };
            }
        }
    }

    /// Whether codes are a path of the automaton.
    pub(super) fn fits<C: Code>(&self, start: usize, codes: &[C]) -> bool {
        match self.automaton.lane_count() {
            1 => self.all_fit::<C, 1>(start, codes),
            2 => self.all_fit::<C, 2>(start, codes),
            4 => self.all_fit::<C, 4>(start, codes),
            8 => self.all_fit::<C, 8>(start, codes),
            16 => self.all_fit::<C, 16>(start, codes),
            _ => self.all_fit::<C, 32>(start, codes),
        }
    }

    fn all_fit<C: Code, const WIDTH: usize>(&self, start: usize, codes: &[C]) -> bool {
        let (automaton, idle) = (self.automaton, self.classes.idle());
        if automaton.sides() == 1 {
            return true;
        }
        let mut walk = [0; WIDTH];
        let mut classed = [0; PIECE];
        let mut wrong = 0;
        for (piece, codes) in codes.chunks(PIECE).enumerate() {
            let at = start + piece * PIECE;
            self.fill(at, codes, &mut classed[..codes.len()]);
            for (round, codes) in codes.chunks(WIDTH).enumerate() {
                if (at + round * WIDTH).is_multiple_of(automaton.block()) {
                    walk = [0; WIDTH];
                }
                let classes = &classed[round * WIDTH..];
                for ((state, code), &class) in walk.iter_mut().zip(codes).zip(classes) {
                    let code = code.to_u32();
                    let next = automaton.next(*state, code >> 1);
                    let still = usize::from(class) < idle;
                    wrong |= (code ^ if still { 0 } else { *state }) & 1;
                    *state = if still { *state } else { next };
                }
            }
        }
        wrong == 0
    }
}

/// Slots of whole tables, whose symbols are what they are; says so in what else is known of them.
fn widened(slots: &Positions, symbols: &mut [u32]) -> Vec<Slot> {
    let slot = |table: usize, position| {
        let slot = slots.slot(table, BITS, position);
        let first = if slot.frequency > 0 { symbols[table] & ((1 << FIRST_BITS) - 1) } else { 0 };
        Slot { symbol: slot.symbol + first, ..slot }
    };
    let all = (0..symbols.len()).flat_map(|table| (0..=MASK).map(move |position| (table, position)));
    let all = all.map(|(table, position)| slot(table, position)).collect();
    for word in symbols {
        *word = rans::symbols(0, *word >> FIRST_BITS);
    }
    all
}
