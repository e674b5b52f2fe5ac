//! Lane by lane in arrays, for all machines.

use super::{Branches, Paths, before, is_first, partner};
use crate::automaton::LANES;

pub(super) fn advance<const STATES: usize, const G: usize, const N: usize>(
    paths: &mut Paths<STATES, G>,
    branches: &Branches<N>,
    (first, lanes, rounds): (usize, usize, usize),
    decisions: &mut [u8],
    apart: usize,
) {
    let mut other = [[0.0; G]; STATES];
    let (mut from, mut to) = (paths, &mut other);
    for (round, decisions) in decisions.chunks_mut(apart).take(rounds).enumerate() {
        let at = first + round * lanes;
        let cost = branches.cost.each_ref().map(|cost| row(&cost[at..]));
        let bytes = decisions.as_chunks_mut::<G>().0;
        for eight in (0..STATES / 8).filter(|&eight| is_first::<STATES>(eight)) {
            eight_states(eight, from, to, &cost, bytes);
        }
        if let Some((idle, idle_cost)) = &branches.idle {
            let (idle, idle_cost): ([u8; G], [f32; G]) = (row(&idle[at..]), row(&idle_cost[at..]));
            for (to, from) in to.iter_mut().zip(&*from) {
                for lane in 0..G {
                    to[lane] = if idle[lane] == 0 { to[lane] } else { from[lane] + idle_cost[lane] };
                }
            }
        }
        core::mem::swap(&mut from, &mut to);
    }
    if rounds % 2 == 1 {
        // The last ones are in the other array, which `from` is now.
        *to = *from;
    }
}

/// So many items from the front.
#[inline(always)]
fn row<T: Copy, const G: usize>(items: &[T]) -> [T; G] {
    core::array::from_fn(|lane| items[..G][lane])
}

/// Eight states and their partners.
#[inline(always)]
fn eight_states<const STATES: usize, const G: usize>(
    eight: usize,
    from: &Paths<STATES, G>,
    to: &mut Paths<STATES, G>,
    cost: &[[f32; G]; 4],
    bytes: &mut [[u8; G]],
) {
    let mut bits = [[0_u32; G]; 2];
    let side = usize::from(eight * 8 >= STATES / 2);
    for k in 0..8 {
        let t = eight * 8 + k;
        let u = partner::<STATES>(t);
        // Within one eight, each pair once.
        if u / 8 == eight && u < t {
            continue;
        }
        // With 8 states, they differ in side.
        let side = if STATES == 8 { t / 4 } else { side };
        let (x, y) = (usize::from(before::<STATES>(t as u8, 0)), usize::from(before::<STATES>(t as u8, 1)));
        let (x, y) = (&from[x % STATES], &from[y % STATES]);
        let (even, odd) = (&cost[side % 2], &cost[side % 2 + 2]);
        let partners = usize::from(u / 8 != eight);
        for lane in 0..G {
            let (a, b) = (x[lane] + even[lane], y[lane] + odd[lane]);
            to[t % STATES][lane] = if b < a { b } else { a };
            bits[0][lane] |= u32::from(b < a) << k;
            // Of paths that cost the same, that from the lower state.
            let (a, b) = (y[lane] + even[lane], x[lane] + odd[lane]);
            to[u % STATES][lane] = if b <= a { b } else { a };
            bits[partners][lane] |= u32::from(b <= a) << (u % 8);
        }
    }
    bytes[eight] = bits[0].map(|bits| bits as u8);
    let other = partner::<STATES>(eight * 8) / 8;
    if other != eight {
        bytes[other] = bits[1].map(|bits| bits as u8);
    }
}

pub(super) fn trace<const STATES: usize, const G: usize>(
    decisions: &[u8],
    lanes: usize,
    idle: Option<&[u8]>,
    states: &mut [u8; LANES],
    classes: &mut [u8],
) {
    let apart = STATES / 8 * G * lanes.div_ceil(G);
    for (round, (decisions, classes)) in decisions.chunks(apart).zip(classes.chunks_mut(lanes)).enumerate().rev() {
        for (lane, (class, state)) in classes.iter_mut().zip(&mut *states).enumerate() {
            let at = usize::from(*state) / 8 * G + lane % G + lane / G * (STATES / 8 * G);
            let bit = decisions[at] >> (*state % 8) & 1;
            let from = before::<STATES>(*state, bit);
            let still = idle.is_some_and(|idle| idle[round * lanes + lane] != 0);
            *class = if still { 0 } else { bit << 1 | (from & 1) };
            *state = if still { *state } else { from };
        }
    }
}

pub(super) fn trace_eight(decisions: &[u8], lanes: usize, states: &mut [u8; LANES], classes: &mut [u8]) {
    trace::<8, 16>(decisions, lanes, None, states, classes);
}
