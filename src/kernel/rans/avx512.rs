//! Eight lanes in a vector, and two or four vectors in a round.
//!
//! Slots are loaded one by one, which on Zen 4 takes less than half the time of a gather. Which words a lane takes follows
//! from masks alone, so that words are expanded from the stream into the lanes that are short of one. Lanes wait for
//! themselves, so that longer vectors would be no faster.

#![allow(unsafe_code)]

use super::{
    BITS, Codes, LANES, LOW, Lanes, Narrow, Tables, WORD, Words,
    avx2::{Known, look_up, look_up_within},
    each_kind,
};
use crate::kernel::x86::{
    load_u8x8, load_u8x16, load_u8x32, load_u32x8, store_u8x8, store_u8x16, store_u8x32, store_u32x8,
};
use core::arch::x86_64::*;

/// Lanes of a vector.
const WIDTH: usize = 8;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi2,popcnt")]
pub(super) fn decode(
    tables: &Tables<'_, Narrow<'_>>,
    count: usize,
    lanes: &mut Lanes,
    words: &mut Words<'_>,
    codes: Codes<&mut [u8]>,
    classes: &[u8],
) -> usize {
    match count {
        16 => each_kind!(tables, rounds[2](tables, lanes, words, codes, classes)),
        32 => each_kind!(tables, rounds[4](tables, lanes, words, codes, classes)),
        // One vector gains a tenth, which is not worth another copy of all.
        _ => super::avx2::decode(tables, count, lanes, words, codes, classes),
    }
}

/// Rounds of `VECTORS` vectors, two or four.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi2,popcnt")]
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
    let (least, word) = (_mm256_set1_epi32(LOW as i32), _mm256_set1_epi32((1 << WORD) - 1));
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
    let mut done = 0;
    'rounds: for round in bytes.chunks_exact_mut(count * size) {
        if words.bytes.len() - at < most {
            break;
        }
        let (mut y, mut walked, mut ahead, mut escaped) = (x, walk, at, 0);
        // A macro, so that vectors are indexed by constants and stay in registers.
        macro_rules! vectors {
            ($($v:literal)+) => {$( if $v < VECTORS {
            let odd = _mm256_test_epi32_mask(walk[$v], _mm256_set1_epi32(1));
            let (mut still, mut table) = (0, _mm256_setzero_si256());
            if CLASSED {
                let Some(classes) = classes.next() else { break 'rounds };
                let class = _mm256_cvtepu8_epi32(load_u8x8(classes));
                still = _mm256_cmplt_epu32_mask(class, known.idle);
                table = _mm256_sllv_epi32(class, known.side_bits);
            }
            let side = _mm256_maskz_set1_epi32(odd & !still, 1);
            if SIDES {
                table = _mm256_or_si256(table, side);
            }
            let index = _mm256_or_si256(_mm256_slli_epi32::<{ BITS as i32 }>(table), _mm256_and_si256(x[$v], known.mask));
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
            escaped |= _mm256_testn_epi32_mask(slot, known.mask);
            let z = _mm256_add_epi32(_mm256_mullo_epi32(frequency, _mm256_srli_epi32::<{ BITS as i32 }>(x[$v])), offset);
            let short = _mm256_cmplt_epu32_mask(z, least);
            let mut symbol = _mm256_srli_epi32::<{ 2 * BITS as i32 }>(slot);
            if PLAIN {
                let Some(next) = words.bytes[ahead..].first_chunk() else { break 'rounds };
                let next = _mm256_maskz_expand_epi32(short, _mm256_cvtepu16_epi32(load_u8x16(next)));
                ahead += 2 * short.count_ones() as usize;
                y[$v] = _mm256_or_si256(_mm256_mask_slli_epi32::<WORD>(z, short, z), next);
            } else {
                let (first, low) = known.symbols::<SIDES, CLASSED>(tables, table, side);
                // Whether there is a second word does not depend on the first.
                let z = _mm256_mask_slli_epi32::<WORD>(z, short, z);
                let again = _mm256_cmplt_epu32_mask(_mm256_srlv_epi32(z, low), least);
                let Some(next) = words.bytes[ahead..].first_chunk() else { break 'rounds };
                let take = (_pdep_u32(short.into(), 0x5555) | _pdep_u32(again.into(), 0xaaaa)) as u16;
                let next = _mm256_maskz_expand_epi16(take, load_u8x32(next));
                ahead += 2 * take.count_ones() as usize;
                let (one, two) = (_mm256_and_si256(next, word), _mm256_srli_epi32::<{ WORD as i32 }>(next));
                let z = _mm256_or_si256(z, one);
                let rest = _mm256_andnot_si256(_mm256_sllv_epi32(_mm256_set1_epi32(-1), low), z);
                symbol = _mm256_or_si256(_mm256_sllv_epi32(_mm256_add_epi32(symbol, first), low), rest);
                let z = _mm256_srlv_epi32(z, low);
                y[$v] = _mm256_or_si256(_mm256_mask_slli_epi32::<WORD>(z, again, z), two);
            }
            if SIDES {
                let next = _mm256_srli_epi32::<1>(walk[$v]);
                let next = _mm256_mask_xor_epi32(next, odd, next, known.taps.0);
                let bit = _mm256_test_epi32_mask(symbol, _mm256_set1_epi32(1));
                let next = _mm256_mask_xor_epi32(next, bit, next, known.taps.1);
                walked[$v] = if CLASSED { _mm256_mask_mov_epi32(next, still, walk[$v]) } else { next };
                symbol = _mm256_or_si256(_mm256_sllv_epi32(symbol, known.side_bits), side);
            }
            store(&mut round[$v * WIDTH * size..], size, symbol);
            })+};
        }
        vectors!(0 1 2 3);
        if escaped != 0 {
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

/// The lowest bytes of all lanes.
#[target_feature(enable = "avx512f,avx512vl,avx512bw")]
#[inline]
fn store(to: &mut [u8], size: usize, vector: __m256i) {
    match size {
        1 => {
            if let Some(to) = to.first_chunk_mut() {
                store_u8x8(to, _mm256_cvtepi32_epi8(vector));
            }
        }
        2 => {
            if let Some(to) = to.first_chunk_mut() {
                store_u8x16(to, _mm256_cvtepi32_epi16(vector));
            }
        }
        _ => {
            if let Some(to) = to.first_chunk_mut() {
                store_u8x32(to, vector);
            }
        }
    }
}
