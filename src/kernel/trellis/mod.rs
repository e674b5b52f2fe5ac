//! The cheapest path through an automaton: Viterbi's algorithm, all lanes at once.
//!
//! Codes that are alike modulo 4 are a class: the lowest bit is the side, the other one the lowest bit of the symbol. Both
//! ways into a state are from states of one side, so that two states lead to two others: with parity checks `h0` and `h1`,
//! those to `t` and to `t ^ h1` are `2 (t ^ c h0) + c` and `2 (t ^ h1 ^ c h0) + c`, where `c` is the highest bit of `t`.

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512;
mod portable;

use super::level::dispatch;
use crate::{
    automaton::{Automaton, LANES},
    error::Result,
    memory::filled,
};
use alloc::{boxed::Box, vec};
use core::ops::Range;

/// Rounds that are done at once: then costs are made small again.
pub(crate) const ROUNDS: usize = 32;
/// Values of so many rounds, and of those that the last lanes of a group may reach into.
pub(crate) const PIECE: usize = ROUNDS * LANES + 16;
/// No path leads to a state yet.
const NEVER: f32 = 1e30;

/// What values cost, one after another: value `i` is of round `i / lanes` and lane `i % lanes`.
#[derive(Debug, Clone)]
pub(crate) struct Branches<const N: usize> {
    /// By class of the code.
    pub(crate) cost: [[f32; N]; 4],
    /// Where the automaton stands still, if it does anywhere: 1, and what that costs.
    pub(crate) idle: Option<([u8; N], [f32; N])>,
}

impl<const N: usize> Branches<N> {
    pub(crate) const fn new() -> Self {
        Self { cost: [[0.0; N]; 4], idle: None }
    }

    /// Idle values, of which there are none yet.
    pub(crate) fn idle_mut(&mut self) -> &mut ([u8; N], [f32; N]) {
        self.idle.get_or_insert(([0; N], [0.0; N]))
    }
}

/// The cheapest paths to each state of `G` lanes.
pub(crate) type Paths<const STATES: usize, const G: usize> = [[f32; G]; STATES];

/// Some rounds of `G` lanes, which start at `first` and are `lanes` apart: costs of the paths to all states after them, and for
/// each round, eight states and lane a byte with the lowest bits of the symbols that lead to them. `decisions` are `apart` from
/// one round to the next.
pub(crate) fn advance<const STATES: usize, const G: usize, const N: usize>(
    paths: &mut Paths<STATES, G>,
    branches: &Branches<N>,
    (first, lanes, rounds): (usize, usize, usize),
    decisions: &mut [u8],
    apart: usize,
) {
    dispatch!(advance(paths, branches, (first, lanes, rounds), decisions, apart): avx512 avx2);
}

/// The state before a state, if the lowest bit of the symbol between them is `bit`.
#[inline(always)]
pub(crate) const fn before<const STATES: usize>(state: u8, bit: u8) -> u8 {
    let (h0, h1) = Automaton::taps(STATES as u16);
    let side = (state as usize / (STATES / 2)) as u8 & 1;
    ((state ^ (side.wrapping_neg() & h0 as u8) ^ (bit.wrapping_neg() & h1 as u8)) << 1) | side
}

/// The state that is reached from the same two as this one.
#[inline(always)]
const fn partner<const STATES: usize>(state: usize) -> usize {
    state ^ Automaton::taps(STATES as u16).1 as usize
}

/// Whether partners of these eight states are others that come later, or among them.
#[inline(always)]
const fn is_first<const STATES: usize>(eight: usize) -> bool {
    eight <= partner::<STATES>(8 * eight) / 8
}

/// Back through some rounds: `states` of all lanes after the last one become those before the first, and `classes` of values are
/// those on their way. Where lanes are idle, classes are 0.
fn trace<const STATES: usize, const G: usize>(
    decisions: &[u8],
    lanes: usize,
    idle: Option<&[u8]>,
    states: &mut [u8; LANES],
    classes: &mut [u8],
) {
    if STATES == 8 && lanes >= 16 && idle.is_none() {
        trace_eight(decisions, lanes, states, classes);
    } else {
        portable::trace::<STATES, G>(decisions, lanes, idle, states, classes);
    }
}

/// Likewise with eight states and 16 lanes or 32, none of them idle.
fn trace_eight(decisions: &[u8], lanes: usize, states: &mut [u8; LANES], classes: &mut [u8]) {
    dispatch!(trace_eight(decisions, lanes, states, classes): avx2);
}

/// Decides all codes of `len` values: `branches` is asked for the costs of each piece; then `idle` for where the automaton stood
/// still, if it did, and `decide` is told the classes of the codes, from the last piece to the first.
///
/// Memory: an eighth of a byte for each state and value, with 8 lanes or more.
pub(crate) fn viterbi(
    automaton: Automaton,
    len: usize,
    branches: &mut dyn FnMut(Range<usize>, &mut Branches<PIECE>),
    idle: &dyn Fn(Range<usize>, &mut [u8]) -> bool,
    decide: &mut dyn FnMut(Range<usize>, &mut [u8]),
) -> Result<()> {
    // Groups are as wide as vectors are, or as there are lanes.
    match (automaton.states(), automaton.lane_count()) {
        (8, 16..) => path::<8, 16>(automaton, len, branches, idle, decide),
        (8, _) => path::<8, 8>(automaton, len, branches, idle, decide),
        (64, 16..) => path::<64, 16>(automaton, len, branches, idle, decide),
        (64, _) => path::<64, 8>(automaton, len, branches, idle, decide),
        (_, 16..) => path::<256, 16>(automaton, len, branches, idle, decide),
        (_, _) => path::<256, 8>(automaton, len, branches, idle, decide),
    }
}

fn path<const STATES: usize, const G: usize>(
    automaton: Automaton,
    len: usize,
    branches: &mut dyn FnMut(Range<usize>, &mut Branches<PIECE>),
    idle: &dyn Fn(Range<usize>, &mut [u8]) -> bool,
    decide: &mut dyn FnMut(Range<usize>, &mut [u8]),
) -> Result<()> {
    let lanes = automaton.lane_count();
    let group = STATES / 8 * G;
    let round = lanes.div_ceil(G) * group;
    let mut decisions = filled::<u8>(len.div_ceil(lanes).saturating_mul(round))?;
    // Every lane starts in state 0.
    let mut paths = vec![[[NEVER; G]; STATES]; lanes.div_ceil(G)];
    for paths in &mut paths {
        paths[0] = [0.0; G];
    }
    let mut branch = Box::new(Branches::new());
    let piece = ROUNDS * lanes;
    for (i, decisions) in decisions.chunks_mut(ROUNDS * round).enumerate() {
        let values = i * piece..len.min((i + 1) * piece);
        branch.idle = None;
        branches(values.clone(), &mut branch);
        let rounds = values.len().div_ceil(lanes);
        if values.len() < rounds * lanes {
            // Lanes that have ended are where they were, at no cost.
            branch.idle_mut().0[values.len()..].fill(1);
            branch.idle_mut().1[values.len()..].fill(0.0);
        }
        for (g, paths) in paths.iter_mut().enumerate() {
            advance(paths, &branch, (g * G, lanes, rounds), &mut decisions[g * group..], round);
            lower(paths);
        }
    }
    let mut states = [0; LANES];
    for (g, paths) in paths.iter().enumerate() {
        let states = states[g * G..].iter_mut().enumerate().take(G);
        for (lane, state) in states {
            let mut least = f32::INFINITY;
            for (s, path) in (0..=u8::MAX).zip(paths) {
                if path[lane] < least {
                    (*state, least) = (s, path[lane]);
                }
            }
        }
    }
    let mut still = [0; ROUNDS * LANES];
    let mut classes = [0; ROUNDS * LANES];
    for (i, decisions) in decisions.chunks(ROUNDS * round).enumerate().rev() {
        let values = i * piece..len.min((i + 1) * piece);
        let (count, all) = (values.len(), values.len().next_multiple_of(lanes));
        let mut any = idle(values.clone(), &mut still[..count]);
        if count < all {
            if !any {
                still[..count].fill(0);
            }
            still[count..all].fill(1);
            any = true;
        }
        trace::<STATES, G>(decisions, lanes, any.then_some(&still[..all]), &mut states, &mut classes[..all]);
        decide(values, &mut classes[..count]);
    }
    Ok(())
}

/// Makes costs small again, so that what they differ by is not lost.
fn lower<const STATES: usize, const G: usize>(paths: &mut Paths<STATES, G>) {
    let mut least = paths[0];
    for row in paths.iter() {
        least.iter_mut().zip(row).for_each(|(least, &cost)| *least = if cost < *least { cost } else { *least });
    }
    for row in paths {
        row.iter_mut().zip(&least).for_each(|(cost, least)| *cost -= least);
    }
}
