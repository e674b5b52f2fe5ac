//! Eight lanes in a vector, and as many vectors in a round as lanes need.
//!
//! No instruction expands words into the lanes that are short of one, so a table has a byte permutation for each mask of
//! eight. Slots are loaded one by one, as gathers are slow on most machines.

#![allow(unsafe_code)]

use super::{BITS, Codes, FIRST_BITS, LANES, LOW, Lanes, MASK, Narrow, Tables, WORD, Words, each_kind};
use crate::kernel::x86::{load_u8x8, load_u8x16, load_u32x8, store_u8x8, store_u8x16, store_u8x32, store_u32x8};
use core::arch::x86_64::*;

/// Lanes of a vector.
const WIDTH: usize = 8;

#[target_feature(enable = "avx2,popcnt")]
pub(super) fn decode(
    tables: &Tables<'_, Narrow<'_>>,
    count: usize,
    lanes: &mut Lanes,
    words: &mut Words<'_>,
    codes: Codes<&mut [u8]>,
    classes: &[u8],
) -> usize {
    match count {
        8 => each_kind!(tables, rounds[1](tables, lanes, words, codes, classes)),
        16 => each_kind!(tables, rounds[2](tables, lanes, words, codes, classes)),
        32 => each_kind!(tables, rounds[4](tables, lanes, words, codes, classes)),
        _ => super::portable::decode(tables, count, lanes, words, codes, classes),
    }
}

/// Rounds of `VECTORS` vectors, at most 4.
#[target_feature(enable = "avx2,popcnt")]
fn rounds<const VECTORS: usize, const SIDES: bool, const CLASSED: bool, const PLAIN: bool>(
    tables: &Tables<'_, Narrow<'_>>,
    lanes: &mut Lanes,
    words: &mut Words<'_>,
    codes: Codes<&mut [u8]>,
    classes: &[u8],
) -> usize {
    let Codes { bytes, size } = codes;
    let slots = tables.slots.0.as_flattened();
    let known = Known::new(tables);
    let load = |all: &[u32; LANES]| {
        let mut vectors = [_mm256_setzero_si256(); LANES / WIDTH];
        vectors.iter_mut().zip(all.as_chunks::<WIDTH>().0).for_each(|(vector, lanes)| *vector = load_u32x8(lanes));
        vectors
    };
    let (mut x, mut walk, mut at) = (load(&lanes.x), load(&lanes.walk), words.at);
    let count = WIDTH * VECTORS;
    // Bytes that a round may need.
    let most = 2 * count * if PLAIN { 1 } else { 2 };
    let mut classes = classes.as_chunks::<WIDTH>().0.iter();
    let (zero, one) = (_mm256_setzero_si256(), _mm256_set1_epi32(1));
    let mut done = 0;
    'rounds: for round in bytes.chunks_exact_mut(count * size) {
        if words.bytes.len() - at < most {
            break;
        }
        let (mut y, mut walked, mut ahead, mut least) = (x, walk, at, one);
        // A macro, so that vectors are indexed by constants and stay in registers.
        macro_rules! vectors {
            ($($v:literal)+) => {$( if $v < VECTORS {
                let (x, walk) = (x[$v], walk[$v]);
                let mut side = _mm256_and_si256(walk, known.side_bits);
                let (mut still, mut table) = (zero, zero);
                if CLASSED {
                    let Some(classes) = classes.next() else { break 'rounds };
                    let class = _mm256_cvtepu8_epi32(load_u8x8(classes));
                    still = _mm256_cmpgt_epi32(known.idle, class);
                    side = _mm256_andnot_si256(still, side);
                    table = _mm256_sllv_epi32(class, known.side_bits);
                }
                if SIDES {
                    table = _mm256_or_si256(table, side);
                }
                let position = _mm256_and_si256(x, known.mask);
                let index = _mm256_or_si256(_mm256_slli_epi32::<{ BITS as i32 }>(table), position);
                // Tables of all sides and classes; those of one class are known to be there.
                let slot = if CLASSED {
                    look_up(slots, index)
                } else if SIDES {
                    let Some(slots) = slots.first_chunk::<{ 2 << BITS }>() else { break 'rounds };
                    look_up_within(slots, index)
                } else {
                    let Some(slots) = slots.first_chunk::<{ 1 << BITS }>() else { break 'rounds };
                    look_up_within(slots, index)
                };
                let frequency = _mm256_and_si256(slot, known.mask);
                let offset = _mm256_and_si256(_mm256_srli_epi32::<{ BITS as i32 }>(slot), known.mask);
                least = _mm256_min_epi32(least, frequency);
                let z = _mm256_mullo_epi32(frequency, _mm256_srli_epi32::<{ BITS as i32 }>(x));
                let z = _mm256_add_epi32(z, offset);
                let short = short(z);
                // Room for a word.
                let z = _mm256_sllv_epi32(z, _mm256_and_si256(short, known.word_bits));
                let mut symbol = _mm256_srli_epi32::<{ 2 * BITS as i32 }>(slot);
                if PLAIN {
                    let take = _mm256_movemask_ps(_mm256_castsi256_ps(short)) as u8;
                    let Some(next) = expanded(words, &mut ahead, take) else { break 'rounds };
                    y[$v] = _mm256_or_si256(z, _mm256_cvtepu16_epi32(next));
                } else {
                    let (first, low) = known.symbols::<SIDES, CLASSED>(tables, table, side);
                    // Whether there is a second word does not depend on the first.
                    let again = self::short(_mm256_srlv_epi32(z, low));
                    let take = _mm256_packs_epi16(_mm256_blend_epi16::<0xaa>(short, again), zero);
                    let take = _mm256_movemask_epi8(take);
                    let Some(front) = expanded(words, &mut ahead, take as u8) else { break 'rounds };
                    let Some(back) = expanded(words, &mut ahead, (take >> 16) as u8) else { break 'rounds };
                    let next = _mm256_set_m128i(back, front);
                    let z = _mm256_or_si256(z, _mm256_blend_epi16::<0xaa>(next, zero));
                    let rest = _mm256_andnot_si256(_mm256_sllv_epi32(_mm256_set1_epi32(-1), low), z);
                    symbol = _mm256_or_si256(_mm256_sllv_epi32(_mm256_add_epi32(symbol, first), low), rest);
                    let z = _mm256_srlv_epi32(z, low);
                    let z = _mm256_sllv_epi32(z, _mm256_and_si256(again, known.word_bits));
                    y[$v] = _mm256_or_si256(z, _mm256_srli_epi32::<{ WORD as i32 }>(next));
                }
                if SIDES {
                    let all = |bits| _mm256_sub_epi32(zero, _mm256_and_si256(bits, one));
                    let next = _mm256_srli_epi32::<1>(walk);
                    let next = _mm256_xor_si256(next, _mm256_and_si256(all(walk), known.taps.0));
                    let next = _mm256_xor_si256(next, _mm256_and_si256(all(symbol), known.taps.1));
                    walked[$v] = if CLASSED { _mm256_blendv_epi8(next, walk, still) } else { next };
                    symbol = _mm256_or_si256(_mm256_sllv_epi32(symbol, known.side_bits), side);
                }
                store(&mut round[$v * WIDTH * size..], size, symbol);
            })+};
        }
        vectors!(0 1 2 3);
        // An escape has a frequency of 0.
        if _mm256_movemask_epi8(_mm256_cmpeq_epi32(least, zero)) != 0 {
            break;
        }
        (x, walk, at) = (y, walked, ahead);
        done += count;
    }
    lanes.x.as_chunks_mut::<WIDTH>().0.iter_mut().zip(x).for_each(|(lanes, x)| store_u32x8(lanes, x));
    lanes.walk.as_chunks_mut::<WIDTH>().0.iter_mut().zip(walk).for_each(|(lanes, walk)| store_u32x8(lanes, walk));
    words.at = at;
    done
}

/// Where words go that are read one after another, for each mask of the lanes that take one; nothing is in the others.
static EXPAND: [[u8; 16]; 256] = {
    let mut table = [[0x80; 16]; 256];
    let mut mask = 0;
    while mask < 256 {
        let (mut lane, mut word) = (0, 0);
        while lane < 8 {
            if mask >> lane & 1 == 1 {
                table[mask][2 * lane] = 2 * word;
                table[mask][2 * lane + 1] = 2 * word + 1;
                word += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    table
};

/// The next words, in the lanes of a mask.
#[target_feature(enable = "avx2,popcnt")]
#[inline]
fn expanded(words: &Words<'_>, ahead: &mut usize, take: u8) -> Option<__m128i> {
    let next = words.bytes[*ahead..].first_chunk()?;
    *ahead += 2 * take.count_ones() as usize;
    Some(_mm_shuffle_epi8(load_u8x16(next), load_u8x16(&EXPAND[usize::from(take)])))
}

/// States that are below the least one: the upper word is 0.
#[target_feature(enable = "avx2")]
#[inline]
fn short(z: __m256i) -> __m256i {
    const { assert!(LOW == 1 << WORD) }
    _mm256_cmpeq_epi32(_mm256_srli_epi32::<{ WORD as i32 }>(z), _mm256_setzero_si256())
}

/// What is the same in all rounds.
pub(super) struct Known {
    pub(super) mask: __m256i,
    word_bits: __m256i,
    pub(super) idle: __m256i,
    pub(super) side_bits: __m256i,
    pub(super) taps: (__m256i, __m256i),
    /// Those of the first two tables.
    symbols: [__m256i; 2],
}

impl Known {
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn new(tables: &Tables<'_, Narrow<'_>>) -> Self {
        let all = |x: u32| _mm256_set1_epi32(x.cast_signed());
        Self {
            mask: all(MASK),
            word_bits: all(WORD),
            idle: all(tables.idle),
            side_bits: all(tables.side_bits),
            taps: (all(tables.taps.0), all(tables.taps.1)),
            symbols: [0, 1].map(|table| all(tables.symbols.get(table).copied().unwrap_or_default())),
        }
    }

    /// The first symbols of tables, and the numbers of their low bits.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn symbols<const SIDES: bool, const CLASSED: bool>(
        &self,
        tables: &Tables<'_, Narrow<'_>>,
        table: __m256i,
        side: __m256i,
    ) -> (__m256i, __m256i) {
        let symbols = if CLASSED {
            look_up(tables.symbols, table)
        } else if SIDES {
            let even = _mm256_cmpeq_epi32(side, _mm256_setzero_si256());
            _mm256_blendv_epi8(self.symbols[1], self.symbols[0], even)
        } else {
            self.symbols[0]
        };
        let first = _mm256_and_si256(symbols, _mm256_set1_epi32((1 << FIRST_BITS) - 1));
        (first, _mm256_srli_epi32::<{ FIRST_BITS as i32 }>(symbols))
    }
}

/// Entries of a table, whose length is a power of two; indices are taken modulo it.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn look_up_within<const LEN: usize>(from: &[u32; LEN], index: __m256i) -> __m256i {
    let (mut at, mut found) = ([0; WIDTH], [0; WIDTH]);
    store_u32x8(&mut at, index);
    for (found, at) in found.iter_mut().zip(at) {
        *found = from[at as usize % LEN];
    }
    load_u32x8(&found)
}

/// Numbers of entries, which there are in a table of so many.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn checked(number: __m256i, len: usize) -> [u32; WIDTH] {
    let len = _mm256_set1_epi32(u32::try_from(len).unwrap_or(u32::MAX).cast_signed());
    let beyond = _mm256_cmpeq_epi32(_mm256_max_epu32(number, len), number);
    assert!(_mm256_movemask_epi8(beyond) == 0, "no such entry");
    let mut at = [0; WIDTH];
    store_u32x8(&mut at, number);
    at
}

/// Entries of a table, which has them.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn look_up(from: &[u32], index: __m256i) -> __m256i {
    // SAFETY: all numbers have been compared with the length.
    let found = checked(index, from.len()).map(|at| unsafe { *from.get_unchecked(at as usize) });
    load_u32x8(&found)
}

/// The lowest bytes of all lanes.
#[target_feature(enable = "avx2")]
#[inline]
fn store(to: &mut [u8], size: usize, vector: __m256i) {
    match size {
        1 => {
            if let Some(to) = to.first_chunk_mut() {
                let lowest = _mm256_shuffle_epi8(vector, _mm256_set1_epi32(0x0c08_0400));
                let (front, back) = (_mm256_castsi256_si128(lowest), _mm256_extracti128_si256::<1>(lowest));
                store_u8x8(to, _mm_unpacklo_epi32(front, back));
            }
        }
        2 => {
            if let Some(to) = to.first_chunk_mut() {
                let lowest = _mm256_shuffle_epi8(vector, _mm256_set1_epi64x(0x0d0c_0908_0504_0100));
                store_u8x16(to, _mm256_castsi256_si128(_mm256_permute4x64_epi64::<0b1000>(lowest)));
            }
        }
        _ => {
            if let Some(to) = to.first_chunk_mut() {
                store_u8x32(to, vector);
            }
        }
    }
}
