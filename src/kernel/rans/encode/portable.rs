//! Lane by lane, without branches.

use super::{Back, Codes, Encoding, LANES, WORD, each_kind};

pub(super) fn encode(
    encoding: &Encoding<'_>,
    count: usize,
    lanes: &mut [u32; LANES],
    back: &mut Back<'_>,
    codes: Codes<&[u8]>,
    classes: &[u8],
) -> usize {
    match count {
        1 => each_kind!(encoding, rounds[1](encoding, count, lanes, back, codes, classes)),
        2 => each_kind!(encoding, rounds[2](encoding, count, lanes, back, codes, classes)),
        4 => each_kind!(encoding, rounds[4](encoding, count, lanes, back, codes, classes)),
        _ => each_kind!(encoding, rounds[LANES](encoding, count, lanes, back, codes, classes)),
    }
}

/// Rounds of `MOST` lanes, which are few and whose states stay in registers, or with the most of any number of lanes.
fn rounds<const MOST: usize, const CONTEXTS: bool, const LOW_BITS: bool>(
    encoding: &Encoding<'_>,
    count: usize,
    lanes: &mut [u32; LANES],
    back: &mut Back<'_>,
    codes: Codes<&[u8]>,
    classes: &[u8],
) -> usize {
    let Codes { bytes, size } = codes;
    let Encoding { symbols, spans, bits, .. } = *encoding;
    let side_bits = if CONTEXTS { encoding.side_bits } else { 0 };
    let Some(&span) = spans.first().filter(|_| !symbols.is_empty()) else { return 0 };
    let count = if MOST < LANES { MOST } else { count.min(LANES) };
    let mut now = lanes.first_chunk::<MOST>().copied().unwrap_or([0; MOST]);
    let mut next = now;
    // Nothing is lost if a round cannot be encoded: states are left where they are until it has been.
    let (mut now, mut next) = (&mut now, &mut next);
    let mut words = [0; MOST];
    // Bytes that a round may need.
    let most = 2 * count * if LOW_BITS { 2 } else { 1 };
    let mut classes = classes;
    let mut done = 0;
    for round in bytes.chunks_exact(count * size).rev() {
        if back.at < most {
            break;
        }
        match size {
            _ if MOST < LANES => {}
            1 => words.iter_mut().zip(round).for_each(|(word, &code)| *word = code.into()),
            2 => {
                let round = round.as_chunks::<2>().0;
                words.iter_mut().zip(round).for_each(|(word, &code)| *word = u16::from_ne_bytes(code).into());
            }
            _ => {
                let round = round.as_chunks::<4>().0;
                words.iter_mut().zip(round).for_each(|(word, &code)| *word = u32::from_ne_bytes(code));
            }
        }
        let mut of_round = &[][..];
        if CONTEXTS && encoding.classed {
            (classes, of_round) = classes.split_at(classes.len() - count);
        }
        let (mut ahead, mut escaped) = (back.at, false);
        for lane in (0..count).rev() {
            let code = match size {
                _ if MOST == LANES => words[lane],
                // One by one, as codes are decoded.
                1 => round[lane].into(),
                2 => u16::from_ne_bytes([round[2 * lane], round[2 * lane + 1]]).into(),
                _ => {
                    let at = 4 * lane;
                    u32::from_ne_bytes([round[at], round[at + 1], round[at + 2], round[at + 3]])
                }
            };
            let [base, first, len, low] = if CONTEXTS {
                let class = of_round.get(lane).map_or(0, |&class| u32::from(class));
                spans[(class << side_bits | code & side_bits) as usize]
            } else {
                span
            };
            let symbol = code >> side_bits;
            let number = (if LOW_BITS { symbol >> low } else { symbol }).wrapping_sub(first);
            let known = number < len;
            let found = symbols[if known { (base + number) as usize } else { 0 }];
            escaped |= !known | (found.frequency() == 0);
            let mut z = now[lane];
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
            next[lane] = found.put(z, bits);
        }
        if escaped {
            break;
        }
        if MOST < LANES {
            *now = *next;
        } else {
            core::mem::swap(&mut now, &mut next);
        }
        back.at = ahead;
        done += count;
    }
    lanes[..MOST].copy_from_slice(now);
    done
}
