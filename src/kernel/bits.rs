//! Fixed-width bit streams, least significant bit first: value i occupies bits i * width .. (i + 1) * width.

use crate::code::Code;

/// Codes of one group fill whole bytes at every width.
const GROUP: usize = 8;

/// Packs `codes`, each below 2^width, into `bytes`, which they fill exactly; pad bits become zero.
pub(crate) fn pack<C: Code>(width: u32, codes: &[C], bytes: &mut [u8]) {
    // Eight codes of up to 8 bits fit one u64, of up to 16 bits one u128; wider ones go four at a time.
    match width {
        0..=8 => pack_groups(width, codes, bytes, |group, out| {
            let word = (0..GROUP).fold(0_u64, |word, i| word | u64::from(group[i].to_u32()) << (i as u32 * width));
            out.copy_from_slice(&word.to_le_bytes()[..out.len()]);
        }),
        9..=16 => pack_groups(width, codes, bytes, |group, out| {
            let word = (0..GROUP).fold(0_u128, |word, i| word | u128::from(group[i].to_u32()) << (i as u32 * width));
            out.copy_from_slice(&word.to_le_bytes()[..out.len()]);
        }),
        _ => pack_groups(width, codes, bytes, |group, out| {
            out.fill(0);
            pack_slowly(width, group, out);
        }),
    }
}

#[inline(always)]
fn pack_groups<C: Code>(width: u32, codes: &[C], bytes: &mut [u8], pack_group: impl Fn(&[C; GROUP], &mut [u8])) {
    let (groups, tail) = codes.as_chunks::<GROUP>();
    let (packed, packed_tail) = bytes.split_at_mut(groups.len() * width as usize);
    for (group, out) in groups.iter().zip(packed.chunks_exact_mut(width as usize)) {
        pack_group(group, out);
    }
    packed_tail.fill(0);
    pack_slowly(width, tail, packed_tail);
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

/// Unpacks `codes` from `bytes`, which hold exactly them; returns the pad bits.
pub(crate) fn unpack<C: Code>(width: u32, bytes: &[u8], codes: &mut [C]) -> u8 {
    let mask = u32::MAX >> (32 - width);
    match width {
        0..=8 => unpack_groups(width, bytes, codes, |packed, group| {
            let mut word = [0; 8];
            word[..packed.len()].copy_from_slice(packed);
            let word = u64::from_le_bytes(word);
            for (i, code) in group.iter_mut().enumerate() {
                *code = C::from_u32((word >> (i as u32 * width)) as u32 & mask);
            }
        }),
        9..=16 => unpack_groups(width, bytes, codes, |packed, group| {
            let mut word = [0; 16];
            word[..packed.len()].copy_from_slice(packed);
            let word = u128::from_le_bytes(word);
            for (i, code) in group.iter_mut().enumerate() {
                *code = C::from_u32((word >> (i as u32 * width)) as u32 & mask);
            }
        }),
        _ => unpack_groups(width, bytes, codes, |packed, group| {
            unpack_slowly(width, packed, group);
        }),
    }
}

#[inline(always)]
fn unpack_groups<C: Code>(
    width: u32,
    bytes: &[u8],
    codes: &mut [C],
    unpack_group: impl Fn(&[u8], &mut [C; GROUP]),
) -> u8 {
    let (groups, tail) = codes.as_chunks_mut::<GROUP>();
    let (packed, packed_tail) = bytes.split_at(groups.len() * width as usize);
    for (group, packed) in groups.iter_mut().zip(packed.chunks_exact(width as usize)) {
        unpack_group(packed, group);
    }
    unpack_slowly(width, packed_tail, tail)
}

fn unpack_slowly<C: Code>(width: u32, bytes: &[u8], codes: &mut [C]) -> u8 {
    let mask = (1_u64 << width) - 1;
    let mut bytes = bytes.iter();
    let (mut word, mut held) = (0_u64, 0);
    for code in codes {
        while held < width {
            word |= u64::from(bytes.next().copied().unwrap_or(0)) << held;
            held += 8;
        }
        *code = C::from_u32((word & mask) as u32);
        word >>= width;
        held -= width;
    }
    word as u8
}
