//! Values of a superblock to bytes: scales and symbols with the least squared error, found together.

use super::layout::{
    BLOCK, BLOCKS, Layout, Levels, NOTHING, STARTS, STEP, SUPERBLOCK, Side, eighths_below, octaves_down, start_of,
};
use crate::kernel::{
    bits,
    trellis::{Branches, Paths, advance, before},
};
use alloc::{vec, vec::Vec};

/// Scales that are tried for a block, each in a lane: an octave of eighths. Twice as many gain 0.01 dB.
const WIDTH: usize = 8;

/// Where the octave begins, in eighths below 1, if the largest value of a block is `largest`: above the scale that brings it to
/// the last level, or below where levels are so few that more is clipped.
fn first_scale(bits: u32, largest: f32) -> u32 {
    let exact = eighths_below(largest);
    match bits {
        1 => exact + 2,
        2 => exact.saturating_sub(1),
        _ => exact.saturating_sub(3),
    }
}

/// Scales of blocks are whole steps below that of their superblock, so those of a superblock have one remainder.
const PHASES: usize = STEP as usize;
/// Pieces of the axis of values, each with its nearest levels, and how far it goes in units of the last level.
const BINS: usize = 2048;
const REACH: f32 = 1.25;
/// No path has led to a state yet.
const NEVER: f32 = 1e30;

/// The axis of values, cut into bins.
#[derive(Debug)]
struct Bins {
    /// For each bin, the nearest level of each class: those whose codes are so modulo 4.
    nearest: Vec<[f32; 4]>,
    lowest: f32,
    per_unit: f32,
}

impl Bins {
    fn new(levels: &Levels, side: Side) -> Self {
        let lowest = if side == Side::Both { -REACH } else { 0.0 };
        let per_unit = (BINS - 1) as f32 / (REACH - lowest);
        let mut nearest = vec![[0.0; 4]; BINS];
        for class in 0..4 {
            let mut levels = levels.all().iter().copied().skip(class).step_by(4).peekable();
            let mut level = levels.next().unwrap_or_default();
            for (i, nearest) in nearest.iter_mut().enumerate() {
                let middle = lowest + i as f32 / per_unit;
                while let Some(next) = levels.next_if(|next| (next - middle).abs() < (level - middle).abs()) {
                    level = next;
                }
                nearest[class] = level;
            }
        }
        Self { nearest, lowest, per_unit }
    }

    /// Which one a value is in.
    #[inline(always)]
    fn of(&self, t: f32) -> usize {
        /// Added to a number up to 2^22, it leaves the nearest integer in the lowest bits: casts take longer.
        const ROUNDER: f32 = 8_388_608.0; // 2^23
        let bin = ((t - self.lowest) * self.per_unit).clamp(0.0, (BINS - 1) as f32);
        (bin + ROUNDER).to_bits() as usize % BINS
    }
}

/// Finds the best bytes, one superblock after another.
#[derive(Debug)]
pub(super) struct Search<const STATES: usize> {
    bits: u32,
    levels: Levels,
    bins: Bins,
    /// For each value, by eight states and lane: which source was cheaper.
    decisions: Vec<u8>,
    /// For each block and remainder, the cheapest lane of each state after it.
    lanes: Vec<[[u8; STATES]; PHASES]>,
}

impl<const STATES: usize> Search<STATES> {
    pub(super) fn new(bits: u32, side: Side) -> Self {
        let levels = Levels::new(bits, side);
        let bins = Bins::new(&levels, side);
        Self {
            bits,
            levels,
            bins,
            decisions: vec![0; SUPERBLOCK * STATES / 8 * WIDTH],
            lanes: vec![[[0; STATES]; PHASES]; BLOCKS],
        }
    }

    /// The bytes of `values`, a superblock or the rest of an array in units of the base, which fill `bytes`.
    pub(super) fn encode(&mut self, values: &[f32], bytes: &mut [u8]) {
        let mut largest = [0.0_f32; BLOCKS];
        for (largest, values) in largest.iter_mut().zip(values.chunks(BLOCK)) {
            *largest = values.iter().fold(0.0, |largest, x| largest.max(x.abs()));
        }
        let all = largest.iter().fold(0.0_f32, |all, &x| all.max(x));
        let mut found = Found { first: 0, below: [0; BLOCKS], symbols: [0; SUPERBLOCK] };
        if all > 0.0 {
            let top = first_scale(self.bits, all).min(u32::from(u8::MAX) + 1 - STEP);
            let last = top + STEP * u32::from(NOTHING) - 1;
            let from = largest.map(|largest| {
                let highest = if largest > 0.0 { first_scale(self.bits, largest) } else { top };
                highest.clamp(top, last + 1 - WIDTH as u32)
            });
            let (phase, state) = self.forward(values, &from, top);
            self.back(values, &from, top, phase, state, &mut found);
        } else {
            found.below = [NOTHING; BLOCKS];
        }
        found.write(self.bits, values.len(), bytes);
    }

    /// What each path costs: one after another through blocks, all scales of a block side by side. Returns the remainder and
    /// the state that the cheapest one ends with.
    fn forward(&mut self, values: &[f32], from: &[u32; BLOCKS], top: u32) -> (usize, usize) {
        let mut reached = [[NEVER; STATES]; PHASES];
        for (phase, reached) in reached.iter_mut().enumerate() {
            for scale in scales(from, top, phase) {
                reached[start_of(scale)] = 0.0;
            }
        }
        let mut branches = Branches::<{ BLOCK * WIDTH }>::new();
        let per_value = STATES / 8 * WIDTH;
        for (b, values) in values.chunks(BLOCK).enumerate() {
            let eighths: [u32; WIDTH] = core::array::from_fn(|lane| from[b] + lane as u32);
            let phases = eighths.map(|eighths| eighths as usize % PHASES);
            let inverses = eighths.map(|eighths| 1.0 / octaves_down(eighths));
            let weights = eighths.map(|eighths| {
                let part = octaves_down(eighths) / octaves_down(top);
                part * part
            });
            let mut paths: Paths<STATES, WIDTH> =
                core::array::from_fn(|state| phases.map(|phase| reached[phase][state]));
            for (i, x) in values.iter().enumerate() {
                let parts = inverses.map(|inverse| x * inverse);
                let bins = parts.map(|t| self.bins.of(t));
                let mut levels = [[0.0; WIDTH]; 4];
                for (lane, bin) in bins.into_iter().enumerate() {
                    for (levels, level) in levels.iter_mut().zip(self.bins.nearest[bin]) {
                        levels[lane] = level;
                    }
                }
                for (class, levels) in levels.iter().enumerate() {
                    let cost = &mut branches.cost[class][i * WIDTH..];
                    for lane in 0..WIDTH {
                        let rest = parts[lane] - levels[lane];
                        cost[lane] = rest * rest * weights[lane];
                    }
                }
            }
            let decisions = &mut self.decisions[b * BLOCK * per_value..];
            advance(&mut paths, &branches, (0, WIDTH, values.len()), decisions, per_value);
            reached = [[NEVER; STATES]; PHASES];
            for (state, costs) in paths.iter().enumerate() {
                for (lane, (&cost, &phase)) in costs.iter().zip(&phases).enumerate() {
                    if cost < reached[phase][state] {
                        reached[phase][state] = cost;
                        self.lanes[b][phase][state] = lane as u8;
                    }
                }
            }
        }
        let ends = (0..PHASES).flat_map(|phase| (0..STATES).map(move |state| (phase, state)));
        let best = ends.min_by(|a, b| reached[a.0][a.1].total_cmp(&reached[b.0][b.1]));
        best.unwrap_or_default()
    }

    /// The cheapest path, from its end.
    fn back(&self, values: &[f32], from: &[u32; BLOCKS], top: u32, phase: usize, mut state: usize, found: &mut Found) {
        let mut below = [None; BLOCKS];
        let per_value = STATES / 8 * WIDTH;
        for (b, values) in values.chunks(BLOCK).enumerate().rev() {
            let lane = usize::from(self.lanes[b][phase][state]);
            let eighths = from[b] + lane as u32;
            let (scale, inverse) = (octaves_down(eighths), 1.0 / octaves_down(eighths));
            let (mut error, mut energy) = (0.0, 0.0);
            for (i, &x) in values.iter().enumerate().rev() {
                let at = b * BLOCK + i;
                let bit = self.decisions[at * per_value + state / 8 * WIDTH + lane] >> (state % 8) & 1;
                let before = before::<STATES>(state as u8, bit);
                let level = self.bins.nearest[self.bins.of(x * inverse)][usize::from(2 * bit + before % 2)];
                let code = self.levels.all().partition_point(|&other| other < level);
                found.symbols[at] = (code / 2) as u8;
                let rest = x - scale * level;
                error += rest * rest;
                energy += x * x;
                state = usize::from(before);
            }
            below[b] = (error < energy).then_some(eighths);
        }
        let first = scales(from, top, phase).find(|&scale| start_of(scale) == state).unwrap_or(top);
        found.first = first as u8;
        found.below = below.map(|below| below.map_or(NOTHING, |eighths| ((eighths - first) / STEP) as u8));
    }
}

/// The scales that a superblock can have, from the lowest on, if scales of its blocks have this remainder: none is below what
/// some block may have, and all blocks are within reach. Each is another state to begin with.
fn scales(from: &[u32; BLOCKS], top: u32, phase: usize) -> impl Iterator<Item = u32> {
    let first = top + (phase as u32 + STEP - top % STEP) % STEP;
    let last = from.iter().fold(top, |last, &from| last.max(from)) + WIDTH as u32 - 1;
    let spare = (u32::from(NOTHING) - 1).saturating_sub((last - first) / STEP);
    (0..=spare.min(first / STEP).min(STARTS as u32 - 1)).map(move |i| first - STEP * i)
}

/// What a superblock is written as.
struct Found {
    first: u8,
    below: [u8; BLOCKS],
    symbols: [u8; SUPERBLOCK],
}

impl Found {
    fn write(mut self, width: u32, values: usize, bytes: &mut [u8]) {
        let layout = Layout::new(width, values);
        self.below[values.div_ceil(BLOCK)..].fill(0);
        bytes[0] = self.first;
        for (byte, pair) in bytes[layout.scales].iter_mut().zip(self.below.as_chunks::<2>().0) {
            *byte = pair[0] | pair[1] << 4;
        }
        bits::pack(width, &self.symbols[..values], &mut bytes[layout.symbols]);
    }
}
