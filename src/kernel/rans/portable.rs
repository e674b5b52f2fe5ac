//! Lane by lane, without branches.

use super::{FIRST_BITS, LANES, LOW, Lanes, Slots, Tables, WORD, Words, each_kind};
use crate::code::Code;

pub(super) fn decode<S: Slots, C: Code>(
    tables: &Tables<'_, S>,
    count: usize,
    lanes: &mut Lanes,
    words: &mut Words<'_>,
    codes: &mut [C],
    classes: &[u8],
) -> usize {
    match count {
        1 => each_kind!(tables, rounds::<S, C, 1>(tables, lanes, words, codes, classes)),
        2 => each_kind!(tables, rounds::<S, C, 2>(tables, lanes, words, codes, classes)),
        4 => each_kind!(tables, rounds::<S, C, 4>(tables, lanes, words, codes, classes)),
        8 => each_kind!(tables, rounds::<S, C, 8>(tables, lanes, words, codes, classes)),
        16 => each_kind!(tables, rounds::<S, C, 16>(tables, lanes, words, codes, classes)),
        _ => each_kind!(tables, rounds::<S, C, 32>(tables, lanes, words, codes, classes)),
    }
}

fn rounds<S: Slots, C: Code, const WIDTH: usize, const SIDES: bool, const CLASSED: bool, const PLAIN: bool>(
    tables: &Tables<'_, S>,
    lanes: &mut Lanes,
    words: &mut Words<'_>,
    codes: &mut [C],
    classes: &[u8],
) -> usize {
    let bits = tables.slots.bits();
    let side_bits = if SIDES { tables.side_bits } else { 0 };
    let first = |all: &[u32; LANES]| -> [u32; WIDTH] { core::array::from_fn(|lane| all[lane]) };
    let (mut x, mut walk, mut at) = (first(&lanes.x), first(&lanes.walk), words.at);
    // Words that each lane may need.
    let most = 2 * WIDTH * if PLAIN { 1 } else { 2 };
    let mut classes = classes.as_chunks::<WIDTH>().0.iter();
    let mut done = 0;
    for round in codes.as_chunks_mut::<WIDTH>().0 {
        if words.bytes.len() - at < most {
            break;
        }
        let classes = if CLASSED { classes.next() } else { None };
        let (mut y, mut walked, mut ahead, mut escaped) = (x, walk, at, false);
        for lane in 0..WIDTH {
            let class = classes.map_or(0, |classes| u32::from(classes[lane]));
            let still = CLASSED && class < tables.idle;
            let side = if SIDES && !still { walk[lane] & side_bits } else { 0 };
            let table = (if CLASSED { class << side_bits } else { 0 } + side) as usize;
            let slot = tables.slots.slot(table, x[lane] & ((1 << bits) - 1));
            escaped |= slot.frequency == 0;
            let mut z = u32::from(slot.frequency) * (x[lane] >> bits) + u32::from(slot.offset);
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
            y[lane] = z;
            if SIDES && !still {
                let (h0, h1) = tables.taps;
                walked[lane] =
                    (walk[lane] >> 1) ^ ((walk[lane] & 1).wrapping_neg() & h0) ^ ((symbol & 1).wrapping_neg() & h1);
            }
            round[lane] = C::from_u32(symbol << side_bits | side);
        }
        if escaped {
            break;
        }
        (x, walk, at) = (y, walked, ahead);
        done += WIDTH;
    }
    lanes.x[..WIDTH].copy_from_slice(&x);
    lanes.walk[..WIDTH].copy_from_slice(&walk);
    words.at = at;
    done
}
