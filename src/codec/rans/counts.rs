//! How often each symbol occurs under each table.

use crate::{classes::Classes, code::Code, spikes::MOST_SPIKES};
use alloc::{collections::BTreeMap, vec, vec::Vec};

/// Counters for symbols near the middle in a row, and a map for the others.
#[derive(Debug)]
pub(super) struct Counts {
    first: u32,
    window: usize,
    near: Vec<u64>,
    far: Vec<BTreeMap<u32, u64>>,
}

/// Symbols of a window.
const WINDOW: u32 = 1 << 11;

impl Counts {
    /// For symbols up to `last`, most of them near `centre`.
    pub(super) fn new(tables: usize, centre: u32, last: u32) -> Self {
        let first = centre.saturating_sub(WINDOW / 2).min(last.saturating_sub(WINDOW - 1));
        let window = (last - first).min(WINDOW - 1) as usize + 1;
        Self { first, window, near: vec![0; tables * window], far: vec![BTreeMap::new(); tables] }
    }

    #[inline(always)]
    pub(super) fn add(&mut self, table: usize, symbol: u32) {
        let index = symbol.wrapping_sub(self.first) as usize;
        if index < self.window {
            self.near[table * self.window + index] += 1;
        } else {
            *self.far[table].entry(symbol).or_default() += 1;
        }
    }

    /// All codes, those of values from `start` on, of which the lowest `side_bits` bits are the side, with tables for each side
    /// of each class; symbols from `first_spike` on are counted in `spikes` instead.
    pub(super) fn add_all<C: Code>(
        &mut self,
        (classes, first_spike): (&Classes, u32),
        side_bits: u32,
        start: usize,
        codes: &[C],
        spikes: &mut [u64; MOST_SPIKES],
    ) {
        const PIECE: usize = 1024;
        let mut classed = [0; PIECE];
        let (first, window) = (self.first, self.window.min(first_spike.saturating_sub(self.first) as usize));
        for (piece, codes) in codes.chunks(PIECE).enumerate() {
            let classed = &mut classed[..codes.len()];
            classes.fill(start + piece * PIECE, classed);
            let near = &mut *self.near;
            for (code, &class) in codes.iter().zip(&*classed) {
                let code = code.to_u32();
                let (table, symbol) =
                    (usize::from(class) << side_bits | (code & side_bits) as usize, code >> side_bits);
                let index = symbol.wrapping_sub(first) as usize;
                if index < window {
                    near[table * self.window + index] += 1;
                } else if symbol < first_spike {
                    *self.far[table].entry(symbol).or_default() += 1;
                } else {
                    spikes[(symbol - first_spike) as usize % MOST_SPIKES] += 1;
                }
            }
        }
    }

    /// Symbols of a table that occur, in ascending order, and how often.
    pub(super) fn pairs(&self, table: usize) -> Vec<(u32, u64)> {
        let near = &self.near[table * self.window..(table + 1) * self.window];
        let near = near.iter().zip(self.first..).filter(|&(&count, _)| count > 0);
        let near = near.map(|(&count, symbol)| (symbol, count));
        let far = &self.far[table];
        let below = far.range(..self.first).map(|(&symbol, &count)| (symbol, count));
        let above = far.range(self.first..).map(|(&symbol, &count)| (symbol, count));
        below.chain(near).chain(above).collect()
    }
}
