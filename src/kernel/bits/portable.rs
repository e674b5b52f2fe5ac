//! Eight codes fill whole bytes at every width, so they are the unit: up to 8 bits wide they meet in one u64, whose
//! lanes are folded together or spread apart in three steps; up to 16 bits wide, four codes a u64 and two steps. Whole
//! words are loaded and stored, overlapping their neighbours, because a copy of `width` bytes would be a call.

use super::low;
use crate::code::Code;

/// Codes that fill whole bytes.
const GROUP: usize = 8;

/// One step of folding: two fields of `width` bits in the halves of each lane of `lane` bits become one of twice the
/// width at its bottom.
#[inline(always)]
const fn fold(x: u64, width: u32, lane: u32) -> u64 {
    let field = every(lane) * low(width);
    (x & field) | ((x >> (lane / 2)) & field) << width
}

/// The way back from [`fold`].
#[inline(always)]
const fn spread(x: u64, width: u32, lane: u32) -> u64 {
    let field = every(lane) * low(width);
    (x & field) | ((x >> width) & field) << (lane / 2)
}

/// A one at the bottom of each lane.
#[inline(always)]
const fn every(lane: u32) -> u64 {
    match lane {
        16 => 0x0001_0001_0001_0001,
        32 => 0x0000_0001_0000_0001,
        _ => 1,
    }
}

/// Up to 8 bits wide.
pub(super) fn pack(width: u32, codes: &[u8], bytes: &mut [u8]) {
    pack_groups(width, codes, bytes, |group| {
        let word = u64::from_le_bytes(*group);
        let word = fold(fold(word, width, 16), 2 * width, 32);
        fold(word, 4 * width, 64).to_le_bytes()
    });
}

/// 9 bits wide and more, or none.
pub(super) fn pack_wide<C: Code>(width: u32, codes: &[C], bytes: &mut [u8]) {
    if width == 0 || width > 16 {
        bytes.fill(0);
        return pack_slowly(width, codes, bytes);
    }
    pack_groups(width, codes, bytes, |&[a, b, c, d, e, f, g, h]| {
        let half = |[a, b, c, d]: [C; 4]| {
            let lanes = [a, b, c, d].map(|code| u64::from(code.to_u32()));
            lanes[0] | lanes[1] << width | lanes[2] << (2 * width) | lanes[3] << (3 * width)
        };
        let word = u128::from(half([a, b, c, d])) | u128::from(half([e, f, g, h])) << (4 * width);
        word.to_le_bytes()
    });
}

#[inline(always)]
fn pack_groups<C: Code, const WORD: usize>(
    width: u32,
    codes: &[C],
    bytes: &mut [u8],
    pack_group: impl Fn(&[C; GROUP]) -> [u8; WORD],
) {
    let (groups, _) = codes.as_chunks::<GROUP>();
    let (mut at, mut done) = (0, 0);
    for group in groups {
        // The bytes of the word beyond `width` are zero, and the next group overwrites them.
        let Some(word) = bytes.get_mut(at..at + WORD) else { break };
        word.copy_from_slice(&pack_group(group));
        at += width as usize;
        done += GROUP;
    }
    bytes[at..].fill(0);
    pack_slowly(width, &codes[done..], &mut bytes[at..]);
}

/// Any number of codes into zeroed bytes.
fn pack_slowly<C: Code>(width: u32, codes: &[C], bytes: &mut [u8]) {
    let mut bytes = bytes.iter_mut();
    let (mut word, mut held) = (0_u64, 0);
    for code in codes {
        word |= u64::from(code.to_u32()) << held;
        held += width;
        while held >= 8 {
            if let Some(byte) = bytes.next() {
                *byte = word as u8;
            }
            word >>= 8;
            held -= 8;
        }
    }
    if let (true, Some(byte)) = (held > 0, bytes.next()) {
        *byte = word as u8;
    }
}

/// Up to 8 bits wide.
pub(super) fn unpack(width: u32, bytes: &[u8], codes: &mut [u8]) {
    unpack_groups(width, bytes, codes, |word: &[u8; 8]| {
        let word = spread(u64::from_le_bytes(*word), 4 * width, 64);
        spread(spread(word, 2 * width, 32), width, 16).to_le_bytes()
    });
}

/// 9 bits wide and more, or none.
pub(super) fn unpack_wide<C: Code>(width: u32, bytes: &[u8], codes: &mut [C]) {
    if width == 0 || width > 16 {
        return unpack_slowly(width, bytes, codes);
    }
    unpack_groups(width, bytes, codes, |word: &[u8; 16]| {
        let word = u128::from_le_bytes(*word);
        let halves = [word as u64 & low(4 * width), (word >> (4 * width)) as u64];
        let code = |i: u32| C::from_u32((halves[i as usize / 4] >> (i % 4 * width) & low(width)) as u32);
        [code(0), code(1), code(2), code(3), code(4), code(5), code(6), code(7)]
    });
}

#[inline(always)]
fn unpack_groups<C: Code, const WORD: usize>(
    width: u32,
    bytes: &[u8],
    codes: &mut [C],
    unpack_group: impl Fn(&[u8; WORD]) -> [C; GROUP],
) {
    let (groups, _) = codes.as_chunks_mut::<GROUP>();
    // Groups whose whole word is there.
    let whole = (bytes.len() + width as usize).saturating_sub(WORD) / width as usize;
    let whole = whole.min(groups.len());
    let mut at = 0;
    for group in &mut groups[..whole] {
        // Always there.
        let Some(word) = bytes[at..].first_chunk() else { break };
        *group = unpack_group(word);
        at += width as usize;
    }
    unpack_slowly(width, &bytes[at..], &mut codes[whole * GROUP..]);
}

fn unpack_slowly<C: Code>(width: u32, bytes: &[u8], codes: &mut [C]) {
    let mut bytes = bytes.iter();
    let (mut word, mut held) = (0_u64, 0);
    for code in codes {
        while held < width {
            word |= u64::from(bytes.next().copied().unwrap_or(0)) << held;
            held += 8;
        }
        *code = C::from_u32((word & low(width)) as u32);
        word >>= width;
        held -= width;
    }
}
