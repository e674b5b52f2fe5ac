//! Lane by lane, without branches.

use super::{Back, Encoding, LANES, WORD};
use crate::code::Code;

pub(super) fn encode<C: Code>(
    encoding: &Encoding<'_>,
    count: usize,
    lanes: &mut [u32; LANES],
    back: &mut Back<'_>,
    codes: &[C],
    classes: &[u8],
) -> usize {
    match count {
        1 => kind::<C, 1>(encoding, lanes, back, codes, classes),
        2 => kind::<C, 2>(encoding, lanes, back, codes, classes),
        4 => kind::<C, 4>(encoding, lanes, back, codes, classes),
        8 => kind::<C, 8>(encoding, lanes, back, codes, classes),
        16 => kind::<C, 16>(encoding, lanes, back, codes, classes),
        _ => kind::<C, 32>(encoding, lanes, back, codes, classes),
    }
}

fn kind<C: Code, const WIDTH: usize>(
    encoding: &Encoding<'_>,
    lanes: &mut [u32; LANES],
    back: &mut Back<'_>,
    codes: &[C],
    classes: &[u8],
) -> usize {
    let sides = encoding.side_bits > 0;
    match (sides, encoding.classed, encoding.has_low_bits()) {
        (false, false, false) => rounds::<C, WIDTH, false, false, false>(encoding, lanes, back, codes, classes),
        (false, false, true) => rounds::<C, WIDTH, false, false, true>(encoding, lanes, back, codes, classes),
        (true, false, false) => rounds::<C, WIDTH, true, false, false>(encoding, lanes, back, codes, classes),
        (true, false, true) => rounds::<C, WIDTH, true, false, true>(encoding, lanes, back, codes, classes),
        (_, true, false) => rounds::<C, WIDTH, true, true, false>(encoding, lanes, back, codes, classes),
        (_, true, true) => rounds::<C, WIDTH, true, true, true>(encoding, lanes, back, codes, classes),
    }
}

fn rounds<C: Code, const WIDTH: usize, const SIDES: bool, const CLASSED: bool, const LOW_BITS: bool>(
    encoding: &Encoding<'_>,
    lanes: &mut [u32; LANES],
    back: &mut Back<'_>,
    codes: &[C],
    classes: &[u8],
) -> usize {
    let Encoding { symbols, spans, bits, .. } = *encoding;
    let side_bits = if SIDES { encoding.side_bits } else { 0 };
    let ends = spans.first().zip(spans.get(side_bits as usize));
    let Some((&even, &odd)) = ends.filter(|_| !symbols.is_empty()) else { return 0 };
    let mut x: [u32; WIDTH] = core::array::from_fn(|lane| lanes[lane]);
    // Bytes that a round may need.
    let most = 2 * WIDTH * if LOW_BITS { 2 } else { 1 };
    let mut classes = classes.as_chunks::<WIDTH>().0.iter().rev();
    let mut done = 0;
    for round in codes.as_chunks::<WIDTH>().0.iter().rev() {
        if back.at < most {
            break;
        }
        let classes = if CLASSED { classes.next() } else { None };
        let (mut y, mut ahead, mut escaped) = (x, back.at, false);
        for lane in (0..WIDTH).rev() {
            let code = round[lane].to_u32();
            let class = classes.map_or(0, |classes| u32::from(classes[lane]));
            let [base, first, len, low] = if CLASSED {
                spans[(class << side_bits | code & side_bits) as usize]
            } else if code & side_bits == 0 {
                even
            } else {
                odd
            };
            let symbol = code >> side_bits;
            let number = (symbol >> low).wrapping_sub(first);
            let known = number < len;
            let found = symbols[if known { (base + number) as usize } else { 0 }];
            escaped |= !known | (found.frequency() == 0);
            let mut z = y[lane];
            let mut word = |needed: bool, z: u32| {
                back.bytes[ahead - 2..ahead].copy_from_slice(&(z as u16).to_le_bytes());
                ahead -= 2 * usize::from(needed);
                if needed { z >> WORD } else { z }
            };
            if LOW_BITS {
                z = word(u64::from(z) >= 1 << (u32::BITS - low), z);
                z = z << low | symbol & ((1 << low) - 1);
            }
            z = word(z >> (u32::BITS - bits) >= found.frequency(), z);
            y[lane] = found.put(z, bits);
        }
        if escaped {
            break;
        }
        (x, back.at) = (y, ahead);
        done += WIDTH;
    }
    lanes[..WIDTH].copy_from_slice(&x);
    done
}
