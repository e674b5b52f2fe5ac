//! Lane by lane, without branches.

use super::{Codes, FIRST_BITS, LANES, LOW, Lanes, Slots, Tables, WORD, Words, each_kind};

pub(super) fn decode<S: Slots>(
    tables: &Tables<'_, S>,
    count: usize,
    lanes: &mut Lanes,
    words: &mut Words<'_>,
    codes: Codes<&mut [u8]>,
    classes: &[u8],
) -> usize {
    match count {
        2 => each_kind!(tables, rounds[S, 2](tables, count, lanes, words, codes, classes)),
        4 => each_kind!(tables, rounds[S, 4](tables, count, lanes, words, codes, classes)),
        _ => each_kind!(tables, rounds[S, LANES](tables, count, lanes, words, codes, classes)),
    }
}

/// Rounds of `MOST` lanes, which are few and whose states stay in registers, or with the most of any number of lanes.
fn rounds<S: Slots, const MOST: usize, const SIDES: bool, const CLASSED: bool, const PLAIN: bool>(
    tables: &Tables<'_, S>,
    count: usize,
    lanes: &mut Lanes,
    words: &mut Words<'_>,
    codes: Codes<&mut [u8]>,
    classes: &[u8],
) -> usize {
    let Codes { bytes, size } = codes;
    let bits = tables.slots.bits();
    let side_bits = if SIDES { tables.side_bits } else { 0 };
    let count = if MOST < LANES { MOST } else { count.min(LANES) };
    let first = |all: &[u32; LANES]| all.first_chunk::<MOST>().copied().unwrap_or([0; MOST]);
    let mut now = [first(&lanes.x), first(&lanes.walk)];
    let mut next = now;
    // Nothing is lost if a round cannot be decoded: states are left where they are until it has been.
    let (mut now, mut next) = (&mut now, &mut next);
    let mut decoded = [0; MOST];
    let mut at = words.at;
    // Bytes that a round may need.
    let most = 2 * count * if PLAIN { 1 } else { 2 };
    let mut done = 0;
    for round in bytes.chunks_exact_mut(count * size) {
        if words.bytes.len() - at < most {
            break;
        }
        let classes = if CLASSED { &classes[done..done + count] } else { &[] };
        let (mut ahead, mut escaped) = (at, false);
        for lane in 0..count {
            let [x, walk] = [now[0][lane], now[1][lane]];
            let class = if CLASSED { u32::from(classes[lane]) } else { 0 };
            let still = CLASSED && class < tables.idle;
            let side = if SIDES && !still { walk & side_bits } else { 0 };
            let table = ((class << side_bits) + side) as usize;
            let slot = tables.slots.slot(table, x & ((1 << bits) - 1));
            escaped |= slot.frequency == 0;
            let mut z = u32::from(slot.frequency) * (x >> bits) + u32::from(slot.offset);
            let mut refill = |z: u32| {
                let word = u32::from(u16::from_le_bytes([words.bytes[ahead], words.bytes[ahead + 1]]));
                let short = z < LOW;
                ahead += 2 * usize::from(short);
                if short { z << WORD | word } else { z }
            };
            z = refill(z);
            let mut symbol = slot.symbol;
            if !PLAIN {
                let symbols = tables.symbols[table];
                let (first, low) = (symbols & ((1 << FIRST_BITS) - 1), symbols >> FIRST_BITS);
                symbol = (symbol + first) << low | z & ((1 << low) - 1);
                z = refill(z >> low);
            }
            next[0][lane] = z;
            if SIDES {
                let (h0, h1) = tables.taps;
                let moved = (walk >> 1) ^ ((walk & 1).wrapping_neg() & h0) ^ ((symbol & 1).wrapping_neg() & h1);
                next[1][lane] = if still { walk } else { moved };
            }
            let code = symbol << side_bits | side;
            if MOST < LANES {
                // One by one: compilers make vectors of four codes, and then of all that leads to them, which takes longer.
                match size {
                    1 => round[lane] = code as u8,
                    2 => round[2 * lane..2 * lane + 2].copy_from_slice(&(code as u16).to_ne_bytes()),
                    _ => round[4 * lane..4 * lane + 4].copy_from_slice(&code.to_ne_bytes()),
                }
            } else {
                decoded[lane] = code;
            }
        }
        if escaped {
            break;
        }
        match size {
            _ if MOST < LANES => {}
            1 => round.iter_mut().zip(&decoded).for_each(|(code, &symbol)| *code = symbol as u8),
            2 => {
                let round = round.as_chunks_mut::<2>().0;
                round.iter_mut().zip(&decoded).for_each(|(code, &symbol)| *code = (symbol as u16).to_ne_bytes());
            }
            _ => {
                let round = round.as_chunks_mut::<4>().0;
                round.iter_mut().zip(&decoded).for_each(|(code, &symbol)| *code = symbol.to_ne_bytes());
            }
        }
        if MOST < LANES {
            *now = *next;
        } else {
            core::mem::swap(&mut now, &mut next);
        }
        at = ahead;
        done += count;
    }
    lanes.x[..MOST].copy_from_slice(&now[0]);
    lanes.walk[..MOST].copy_from_slice(&now[1]);
    words.at = at;
    done
}
