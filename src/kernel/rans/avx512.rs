//! 16 lanes in a vector.
//!
//! Slots are loaded one by one, which on Zen 4 takes less than half the time of a gather. Which words a lane takes follows
//! from masks alone, so that words are expanded from the stream into the lanes that are short of one.

#![allow(unsafe_code)]

use super::{BITS, Codes, FIRST_BITS, LANES, LOW, Lanes, MASK, Narrow, Tables, WORD, Words, each_kind};
use crate::kernel::x86::{
    load_u8x16, load_u8x32, load_u8x64, load_u32x16, store_u8x16, store_u8x32, store_u8x64, store_u32x16,
};
use core::arch::x86_64::*;

/// Lanes of a vector, and vectors of a round.
const WIDTH: usize = 16;
const VECTORS: usize = LANES / WIDTH;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi2,popcnt")]
pub(super) fn decode(
    tables: &Tables<'_, Narrow<'_>>,
    count: usize,
    lanes: &mut Lanes,
    words: &mut Words<'_>,
    codes: Codes<&mut [u8]>,
    classes: &[u8],
) -> usize {
    // One vector would wait for itself longer than two of half its length.
    if count < LANES {
        return super::avx2::decode(tables, count, lanes, words, codes, classes);
    }
    each_kind!(tables, rounds[](tables, lanes, words, codes, classes))
}

/// Rounds of all lanes.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi2,popcnt")]
fn rounds<const SIDES: bool, const CLASSED: bool, const PLAIN: bool>(
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
        let mut vectors = [_mm512_setzero_si512(); VECTORS];
        vectors.iter_mut().zip(all.as_chunks::<WIDTH>().0).for_each(|(vector, lanes)| *vector = load_u32x16(lanes));
        vectors
    };
    let (mut x, mut walk, mut at) = (load(&lanes.x), load(&lanes.walk), words.at);
    // Bytes that a round may need.
    let most = 2 * WIDTH * VECTORS * if PLAIN { 1 } else { 2 };
    let mut classes = classes.as_chunks::<WIDTH>().0.iter();
    let mut done = 0;
    'rounds: for round in bytes.chunks_exact_mut(LANES * size) {
        if words.bytes.len() - at < most {
            break;
        }
        let (mut y, mut walked, mut ahead, mut escaped) = (x, walk, at, 0);
        for (v, to) in halves(round).into_iter().enumerate() {
            let odd = _mm512_test_epi32_mask(walk[v], _mm512_set1_epi32(1));
            let (mut still, mut table) = (0, _mm512_setzero_si512());
            if CLASSED {
                let Some(classes) = classes.next() else { break 'rounds };
                let class = _mm512_cvtepu8_epi32(load_u8x16(classes));
                still = _mm512_cmplt_epu32_mask(class, known.idle);
                table = _mm512_sllv_epi32(class, known.side_bits);
            }
            let side = _mm512_maskz_set1_epi32(odd & !still, 1);
            if SIDES {
                table = _mm512_or_si512(table, side);
            }
            let index = _mm512_or_si512(_mm512_slli_epi32::<BITS>(table), _mm512_and_si512(x[v], known.mask));
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
            let frequency = _mm512_and_si512(slot, known.mask);
            let offset = _mm512_and_si512(_mm512_srli_epi32::<BITS>(slot), known.mask);
            escaped |= _mm512_testn_epi32_mask(slot, known.mask);
            let z = _mm512_add_epi32(_mm512_mullo_epi32(frequency, _mm512_srli_epi32::<BITS>(x[v])), offset);
            let short = _mm512_cmplt_epu32_mask(z, known.low);
            let mut symbol = _mm512_srli_epi32::<{ 2 * BITS }>(slot);
            if PLAIN {
                let Some(next) = words.bytes[ahead..].first_chunk() else { break 'rounds };
                let next = _mm512_maskz_expand_epi32(short, _mm512_cvtepu16_epi32(load_u8x32(next)));
                ahead += 2 * short.count_ones() as usize;
                y[v] = _mm512_or_si512(_mm512_mask_slli_epi32::<WORD>(z, short, z), next);
            } else {
                let (first, low) = known.symbols::<SIDES, CLASSED>(tables, table, odd & !still);
                // Whether there is a second word does not depend on the first.
                let z = _mm512_mask_slli_epi32::<WORD>(z, short, z);
                let again = _mm512_cmplt_epu32_mask(_mm512_srlv_epi32(z, low), known.low);
                let Some(next) = words.bytes[ahead..].first_chunk() else { break 'rounds };
                let take = _pdep_u32(short.into(), 0x5555_5555) | _pdep_u32(again.into(), 0xaaaa_aaaa);
                let next = _mm512_maskz_expand_epi16(take, load_u8x64(next));
                ahead += 2 * take.count_ones() as usize;
                let (one, two) = (_mm512_and_si512(next, known.word), _mm512_srli_epi32::<WORD>(next));
                let z = _mm512_or_si512(z, one);
                let rest = _mm512_andnot_si512(_mm512_sllv_epi32(_mm512_set1_epi32(-1), low), z);
                symbol = _mm512_or_si512(_mm512_sllv_epi32(_mm512_add_epi32(symbol, first), low), rest);
                let z = _mm512_srlv_epi32(z, low);
                y[v] = _mm512_or_si512(_mm512_mask_slli_epi32::<WORD>(z, again, z), two);
            }
            if SIDES {
                let next = _mm512_srli_epi32::<1>(walk[v]);
                let next = _mm512_mask_xor_epi32(next, odd, next, known.taps.0);
                let bit = _mm512_test_epi32_mask(symbol, _mm512_set1_epi32(1));
                let next = _mm512_mask_xor_epi32(next, bit, next, known.taps.1);
                walked[v] = if CLASSED { _mm512_mask_mov_epi32(next, still, walk[v]) } else { next };
                symbol = _mm512_or_si512(_mm512_sllv_epi32(symbol, known.side_bits), side);
            }
            store(to, size, symbol);
        }
        if escaped != 0 {
            break;
        }
        (x, walk, at) = (y, walked, ahead);
        done += WIDTH * VECTORS;
    }
    for v in 0..VECTORS {
        store_u32x16(&mut lanes.x.as_chunks_mut::<WIDTH>().0[v], x[v]);
        store_u32x16(&mut lanes.walk.as_chunks_mut::<WIDTH>().0[v], walk[v]);
    }
    words.at = at;
    done
}

/// What is the same in all rounds.
struct Known {
    mask: __m512i,
    low: __m512i,
    word: __m512i,
    idle: __m512i,
    side_bits: __m512i,
    taps: (__m512i, __m512i),
    /// Those of the first two tables.
    symbols: [__m512i; 2],
}

impl Known {
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn new(tables: &Tables<'_, Narrow<'_>>) -> Self {
        let all = |x: u32| _mm512_set1_epi32(x.cast_signed());
        Self {
            mask: all(MASK),
            low: all(LOW),
            word: all((1 << WORD) - 1),
            idle: all(tables.idle),
            side_bits: all(tables.side_bits),
            taps: (all(tables.taps.0), all(tables.taps.1)),
            symbols: [0, 1].map(|table| all(tables.symbols.get(table).copied().unwrap_or_default())),
        }
    }

    /// The first symbols of tables, and the numbers of their low bits.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn symbols<const SIDES: bool, const CLASSED: bool>(
        &self,
        tables: &Tables<'_, Narrow<'_>>,
        table: __m512i,
        odd: __mmask16,
    ) -> (__m512i, __m512i) {
        let symbols = if CLASSED {
            look_up(tables.symbols, table)
        } else if SIDES {
            _mm512_mask_mov_epi32(self.symbols[0], odd, self.symbols[1])
        } else {
            self.symbols[0]
        };
        let first = _mm512_and_si512(symbols, _mm512_set1_epi32((1 << FIRST_BITS) - 1));
        (first, _mm512_srli_epi32::<FIRST_BITS>(symbols))
    }
}

/// Entries of a table, whose length is a power of two; indices are taken modulo it.
#[target_feature(enable = "avx512f")]
#[inline]
fn look_up_within<const LEN: usize>(from: &[u32; LEN], index: __m512i) -> __m512i {
    let (mut at, mut found) = ([0; WIDTH], [0; WIDTH]);
    store_u32x16(&mut at, index);
    for (found, at) in found.iter_mut().zip(at) {
        *found = from[at as usize % LEN];
    }
    load_u32x16(&found)
}

/// Entries of a table, which has them.
#[target_feature(enable = "avx512f")]
#[inline]
fn look_up(from: &[u32], index: __m512i) -> __m512i {
    let len = _mm512_set1_epi32(u32::try_from(from.len()).unwrap_or(u32::MAX).cast_signed());
    assert!(_mm512_cmpge_epu32_mask(index, len) == 0, "no such table");
    let (mut at, mut found) = ([0; WIDTH], [0; WIDTH]);
    store_u32x16(&mut at, index);
    for (found, at) in found.iter_mut().zip(at) {
        // SAFETY: all indices have been compared with the length.
        *found = unsafe { *from.get_unchecked(at as usize) };
    }
    load_u32x16(&found)
}

/// A round for each of its vectors.
#[inline(always)]
fn halves(round: &mut [u8]) -> [&mut [u8]; VECTORS] {
    let (front, back) = round.split_at_mut(round.len() / VECTORS);
    [front, back]
}

/// The lowest bytes of all lanes.
#[target_feature(enable = "avx512f")]
#[inline]
fn store(to: &mut [u8], size: usize, vector: __m512i) {
    match size {
        1 => {
            if let Some(to) = to.first_chunk_mut() {
                store_u8x16(to, _mm512_cvtepi32_epi8(vector));
            }
        }
        2 => {
            if let Some(to) = to.first_chunk_mut() {
                store_u8x32(to, _mm512_cvtepi32_epi16(vector));
            }
        }
        _ => {
            if let Some(to) = to.first_chunk_mut() {
                store_u8x64(to, vector);
            }
        }
    }
}
