//! Eight lanes in a vector.
//!
//! No instruction compresses words out of the lanes that have too much, so a table has a byte permutation for each mask of
//! eight.

#![allow(unsafe_code)]

use super::{Back, Codes, Encoding, LANES, Span, Symbol, WORD, each_kind};
use crate::kernel::{
    rans::avx2::checked,
    x86::{load_u8x8, load_u8x16, load_u8x32, load_u32x4, load_u32x8, load_u64x4, store_u8x16, store_u32x8},
};
use core::arch::x86_64::*;

/// Lanes of a vector, and the most vectors of a round.
const WIDTH: usize = 8;
const MOST: usize = LANES / WIDTH;

#[target_feature(enable = "avx2,popcnt")]
pub(super) fn encode(
    encoding: &Encoding<'_>,
    count: usize,
    lanes: &mut [u32; LANES],
    back: &mut Back<'_>,
    codes: Codes<&[u8]>,
    classes: &[u8],
) -> usize {
    match count / WIDTH {
        0 => super::portable::encode(encoding, count, lanes, back, codes, classes),
        1 => each_kind!(encoding, rounds[1](encoding, 1, lanes, back, codes, classes)),
        vectors => each_kind!(encoding, rounds[MOST](encoding, vectors, lanes, back, codes, classes)),
    }
}

/// Rounds of so many vectors: one, whose states stay in registers, or at most `MOST`.
#[target_feature(enable = "avx2,popcnt")]
fn rounds<const ROOM: usize, const CONTEXTS: bool, const LOW_BITS: bool>(
    encoding: &Encoding<'_>,
    vectors: usize,
    lanes: &mut [u32; LANES],
    back: &mut Back<'_>,
    codes: Codes<&[u8]>,
    classes: &[u8],
) -> usize {
    let all = |x: u32| _mm256_set1_epi32(x.cast_signed());
    let Some(only) = encoding.spans.first().filter(|_| !encoding.symbols.is_empty()) else { return 0 };
    let only = only.map(all);
    let (bits, side_bits) = (all(encoding.bits), all(encoding.side_bits));
    let (whole, rest_bits) = (all(1 << encoding.bits), all(u32::BITS - encoding.bits));
    let (zero, word_bits) = (_mm256_setzero_si256(), all(WORD));
    let vectors = if ROOM == 1 { 1 } else { vectors.min(ROOM) };
    let mut x = [zero; ROOM];
    x.iter_mut().zip(lanes.as_chunks::<WIDTH>().0).for_each(|(x, lanes)| *x = load_u32x8(lanes));
    // Bytes that a round may need.
    let most = 2 * WIDTH * vectors * if LOW_BITS { 2 } else { 1 };
    let mut classes = classes.as_chunks::<WIDTH>().0.iter().rev();
    let mut done = 0;
    'rounds: for round in codes.bytes.chunks_exact(WIDTH * vectors * codes.size).rev() {
        let (mut y, mut ahead, mut least) = (x, back.at, whole);
        if ahead < most {
            break;
        }
        for (v, y) in y[..vectors].iter_mut().enumerate().rev() {
            let Some(code) = load(&round[v * WIDTH * codes.size..], codes.size) else { break 'rounds };
            let (mut span, mut symbol) = (only, code);
            if CONTEXTS {
                let mut table = _mm256_and_si256(code, side_bits);
                if encoding.classed {
                    let Some(classes) = classes.next() else { break 'rounds };
                    let class = _mm256_cvtepu8_epi32(load_u8x8(classes));
                    table = _mm256_or_si256(_mm256_sllv_epi32(class, side_bits), table);
                }
                span = spans(encoding.spans, table);
                symbol = _mm256_srlv_epi32(code, side_bits);
            }
            let [base, first, len, low] = span;
            let number = _mm256_sub_epi32(if LOW_BITS { _mm256_srlv_epi32(symbol, low) } else { symbol }, first);
            let unknown = _mm256_cmpeq_epi32(_mm256_max_epu32(number, len), number);
            let number = _mm256_andnot_si256(unknown, _mm256_add_epi32(base, number));
            let (reciprocal, range) = look_up(encoding.symbols, number);
            let frequency = _mm256_srli_epi32::<16>(range);
            least = _mm256_min_epi32(least, _mm256_andnot_si256(unknown, frequency));
            let mut z = *y;
            let mut raw_word = None;
            if LOW_BITS {
                let over = _mm256_srlv_epi32(z, _mm256_sub_epi32(all(u32::BITS), low));
                let fits = _mm256_cmpeq_epi32(over, zero);
                raw_word = Some((_mm256_slli_epi32::<{ WORD as i32 }>(z), fits));
                z = _mm256_srlv_epi32(z, _mm256_andnot_si256(fits, word_bits));
                let raw = _mm256_andnot_si256(_mm256_sllv_epi32(all(u32::MAX), low), symbol);
                z = _mm256_or_si256(_mm256_sllv_epi32(z, low), raw);
            }
            let fits = _mm256_cmpgt_epi32(frequency, _mm256_srlv_epi32(z, rest_bits));
            if let Some((raw_word, raw_fits)) = raw_word {
                // What is read last is written first: words that are read before others have the lower halves.
                let words = _mm256_blend_epi16::<0xaa>(z, raw_word);
                let fit = _mm256_packs_epi16(_mm256_blend_epi16::<0xaa>(fits, raw_fits), zero);
                let take = !_mm256_movemask_epi8(fit);
                let (front, behind) = (_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
                let is_room =
                    write(back, &mut ahead, (take >> 16) as u8, behind) && write(back, &mut ahead, take as u8, front);
                if !is_room {
                    break 'rounds;
                }
            } else {
                let words = _mm256_blend_epi16::<0xaa>(z, zero);
                let (front, behind) = (_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
                let take = !_mm256_movemask_ps(_mm256_castsi256_ps(fits));
                if !write(back, &mut ahead, take as u8, _mm_packus_epi32(front, behind)) {
                    break 'rounds;
                }
            }
            z = _mm256_srlv_epi32(z, _mm256_andnot_si256(fits, word_bits));
            // The quotient or one less: the reciprocal is at most 1 too small, and z is below 2^32.
            let quotient = upper_product(z, reciprocal);
            let rest = _mm256_sub_epi32(z, _mm256_mullo_epi32(quotient, frequency));
            let is_rest = _mm256_cmpgt_epi32(frequency, rest);
            let put = _mm256_add_epi32(rest, _mm256_blend_epi16::<0xaa>(range, zero));
            let put = _mm256_add_epi32(put, _mm256_sllv_epi32(quotient, bits));
            *y = _mm256_add_epi32(put, _mm256_andnot_si256(is_rest, _mm256_sub_epi32(whole, frequency)));
        }
        // What has to be escaped has a frequency of 0.
        if _mm256_movemask_epi8(_mm256_cmpeq_epi32(least, zero)) != 0 {
            break;
        }
        (x, back.at) = (y, ahead);
        done += WIDTH * vectors;
    }
    for (lanes, x) in lanes.as_chunks_mut::<WIDTH>().0.iter_mut().zip(x) {
        store_u32x8(lanes, x);
    }
    done
}

/// Where words of a mask come from, so that they are one behind another, and the last one is at the end.
static COMPRESS: [[u8; 16]; 256] = {
    let mut table = [[0x80; 16]; 256];
    let mut mask = 0;
    while mask < 256 {
        let (mut lane, mut word) = (8, 8);
        while lane > 0 {
            lane -= 1;
            if mask >> lane & 1 == 1 {
                word -= 1;
                table[mask][2 * word] = 2 * lane;
                table[mask][2 * word + 1] = 2 * lane + 1;
            }
        }
        mask += 1;
    }
    table
};

/// Writes the words of a mask, and anything in front of them; returns whether there was room.
#[target_feature(enable = "avx2,popcnt")]
#[inline]
fn write(back: &mut Back<'_>, ahead: &mut usize, take: u8, words: __m128i) -> bool {
    let Some(window) = back.bytes[..*ahead].last_chunk_mut() else { return false };
    store_u8x16(window, _mm_shuffle_epi8(words, load_u8x16(&COMPRESS[usize::from(take)])));
    *ahead -= 2 * take.count_ones() as usize;
    true
}

/// The upper halves of products.
#[target_feature(enable = "avx2")]
#[inline]
fn upper_product(x: __m256i, y: __m256i) -> __m256i {
    let even = _mm256_srli_epi64::<32>(_mm256_mul_epu32(x, y));
    let odd = _mm256_mul_epu32(_mm256_srli_epi64::<32>(x), _mm256_srli_epi64::<32>(y));
    _mm256_blend_epi32::<0b1010_1010>(even, odd)
}

/// Codes of so many bytes.
#[target_feature(enable = "avx2")]
#[inline]
fn load(from: &[u8], size: usize) -> Option<__m256i> {
    match size {
        1 => from.first_chunk().map(|from| _mm256_cvtepu8_epi32(load_u8x8(from))),
        2 => from.first_chunk().map(|from| _mm256_cvtepu16_epi32(load_u8x16(from))),
        _ => from.first_chunk().map(|from| load_u8x32(from)),
    }
}

/// The spans of tables, which there are.
#[target_feature(enable = "avx2")]
#[inline]
fn spans(from: &[Span], table: __m256i) -> [__m256i; 4] {
    let at = checked(table, from.len());
    // SAFETY: all numbers have been compared with the length.
    let span = |lane: usize| load_u32x4(unsafe { from.get_unchecked(at[lane] as usize) });
    let a = _mm256_set_m128i(span(4), span(0));
    let b = _mm256_set_m128i(span(5), span(1));
    let c = _mm256_set_m128i(span(6), span(2));
    let d = _mm256_set_m128i(span(7), span(3));
    // Four lanes of four words to four words of four lanes.
    let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
    let (base, first) = (_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
    let (ab, cd) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
    [base, first, _mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd)]
}

/// The upper halves of reciprocals and the ranges of symbols, which there are.
#[target_feature(enable = "avx2")]
#[inline]
fn look_up(from: &[Symbol], number: __m256i) -> (__m256i, __m256i) {
    let at = checked(number, from.len());
    let pair = |lane: usize| {
        // SAFETY: all numbers have been compared with the length.
        let symbol = unsafe { from.get_unchecked(at[lane] as usize) };
        u64::from(symbol.upper) | u64::from(symbol.range) << 32
    };
    let front = _mm256_castsi256_ps(load_u64x4(&[pair(0), pair(1), pair(4), pair(5)]));
    let behind = _mm256_castsi256_ps(load_u64x4(&[pair(2), pair(3), pair(6), pair(7)]));
    let (upper, range) =
        (_mm256_shuffle_ps::<0b10_00_10_00>(front, behind), _mm256_shuffle_ps::<0b11_01_11_01>(front, behind));
    (_mm256_castps_si256(upper), _mm256_castps_si256(range))
}
