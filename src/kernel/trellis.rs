//! The cheapest path through an automaton: Viterbi's algorithm, all lanes at once.

use crate::{
    automaton::{Automaton, LANES},
    error::Result,
    memory::filled,
};

/// What a round of values costs in each lane.
#[derive(Debug, Clone)]
pub(crate) struct Branches {
    /// By side and lowest bit of the symbol: `2 * side + bit`.
    pub(crate) cost: [[f32; LANES]; 4],
    /// In lanes where the automaton stands still; `any_idle` says whether there are some.
    pub(crate) idle_cost: [f32; LANES],
    pub(crate) idle: [bool; LANES],
    pub(crate) any_idle: bool,
}

impl Branches {
    pub(crate) const fn new() -> Self {
        let row = [0.0; LANES];
        Self { cost: [row; 4], idle_cost: row, idle: [false; LANES], any_idle: false }
    }
}

/// For each state, the states before it and the bits of their symbols.
pub(crate) type Sources<const STATES: usize> = [[(u8, u8); 2]; STATES];

/// The states before and the bits of their symbols that lead to a state.
pub(crate) fn sources<const STATES: usize>(automaton: Automaton) -> Sources<STATES> {
    let mut sources = [[(0, 0); 2]; STATES];
    let mut found = [0; STATES];
    for state in 0..STATES as u32 {
        for bit in 0..2 {
            let to = automaton.next(state, bit) as usize % STATES;
            sources[to][found[to] % 2] = (state as u8, bit as u8);
            found[to] += 1;
        }
    }
    sources
}

/// Decides the lowest bits of all symbols: calls `branches` for each of `rounds`, and then `decide` with the side and the bit of
/// each lane, from the last round to the first. `idle` says in which lanes the automaton stood still, where both are 0.
///
/// Memory: an eighth of a byte for each state and value, with 8 lanes or more.
pub(crate) fn viterbi(
    automaton: Automaton,
    rounds: usize,
    branches: impl FnMut(usize, &mut Branches),
    decide: impl FnMut(usize, [(u32, u32); LANES]),
    idle: impl Fn(usize, &mut [bool; LANES]),
) -> Result<()> {
    // Rows are as wide as vectors are, or as there are lanes.
    match (automaton.states(), automaton.lane_count()) {
        (8, 32) => path::<8, 32>(automaton, rounds, branches, decide, idle),
        (8, 16) => path::<8, 16>(automaton, rounds, branches, decide, idle),
        (8, _) => path::<8, 8>(automaton, rounds, branches, decide, idle),
        (64, 32) => path::<64, 32>(automaton, rounds, branches, decide, idle),
        (64, 16) => path::<64, 16>(automaton, rounds, branches, decide, idle),
        (64, _) => path::<64, 8>(automaton, rounds, branches, decide, idle),
        (_, 32) => path::<256, 32>(automaton, rounds, branches, decide, idle),
        (_, 16) => path::<256, 16>(automaton, rounds, branches, decide, idle),
        (_, _) => path::<256, 8>(automaton, rounds, branches, decide, idle),
    }
}

fn path<const STATES: usize, const WIDTH: usize>(
    automaton: Automaton,
    rounds: usize,
    mut branches: impl FnMut(usize, &mut Branches),
    mut decide: impl FnMut(usize, [(u32, u32); LANES]),
    idle: impl Fn(usize, &mut [bool; LANES]),
) -> Result<()> {
    let sources = sources::<STATES>(automaton);
    let mut decisions = filled::<u8>(rounds.saturating_mul(STATES / 8 * WIDTH))?;
    // Every lane starts in state 0.
    let mut costs = [[1e30_f32; WIDTH]; STATES];
    costs[0] = [0.0; WIDTH];
    let mut branch = Branches::new();
    for (round, decisions) in decisions.chunks_exact_mut(STATES / 8 * WIDTH).enumerate() {
        branches(round, &mut branch);
        costs = step(&sources, &costs, &branch, decisions);
        // Costs stay small, so that what they differ by is not lost.
        if round % 32 == 31 {
            let mut least = costs[0];
            for row in &costs {
                least.iter_mut().zip(row).for_each(|(least, &cost)| *least = if cost < *least { cost } else { *least });
            }
            for row in &mut costs {
                row.iter_mut().zip(&least).for_each(|(cost, least)| *cost -= least);
            }
        }
    }
    let mut states: [u8; WIDTH] = core::array::from_fn(|lane| {
        let best = (0..STATES).min_by(|&a, &b| costs[a][lane].total_cmp(&costs[b][lane]));
        best.unwrap_or(0) as u8
    });
    let mut still = [false; LANES];
    for (round, decisions) in decisions.chunks_exact(STATES / 8 * WIDTH).enumerate().rev() {
        idle(round, &mut still);
        let mut bits = [(0, 0); LANES];
        for lane in 0..WIDTH {
            let state = usize::from(states[lane]) % STATES;
            let decision = (decisions[state / 8 * WIDTH + lane] >> (state % 8)) & 1;
            let (before, bit) = sources[state][usize::from(decision)];
            if !still[lane] {
                states[lane] = before;
                bits[lane] = (u32::from(before) & 1, u32::from(bit));
            }
        }
        decide(round, bits);
    }
    Ok(())
}

/// One round: costs of all states after it, and for each which of two sources is cheaper.
#[inline(always)]
pub(crate) fn step<const STATES: usize, const WIDTH: usize>(
    sources: &Sources<STATES>,
    costs: &[[f32; WIDTH]; STATES],
    branch: &Branches,
    decisions: &mut [u8],
) -> [[f32; WIDTH]; STATES] {
    let mut after = [[0.0; WIDTH]; STATES];
    for (eight, decisions) in decisions.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate() {
        let mut bits = [0_u32; WIDTH];
        for offset in 0..8 {
            let state = eight * 8 + offset;
            let [(a, a_bit), (b, b_bit)] = sources[state];
            let (from_a, from_b) = (&costs[usize::from(a) % STATES], &costs[usize::from(b) % STATES]);
            let cost_a = &branch.cost[usize::from(a % 2 * 2 + a_bit) % 4];
            let cost_b = &branch.cost[usize::from(b % 2 * 2 + b_bit) % 4];
            for lane in 0..WIDTH {
                let (x, y) = (from_a[lane] + cost_a[lane], from_b[lane] + cost_b[lane]);
                after[state][lane] = if y < x { y } else { x };
                bits[lane] |= u32::from(y < x) << offset;
            }
        }
        for (decision, bits) in decisions.iter_mut().zip(bits) {
            *decision = bits as u8;
        }
    }
    if branch.any_idle {
        for (after, costs) in after.iter_mut().zip(costs) {
            for lane in 0..WIDTH {
                after[lane] = if branch.idle[lane] { costs[lane] + branch.idle_cost[lane] } else { after[lane] };
            }
        }
    }
    after
}
