//! 16 lanes in a vector: words are compressed out of the lanes that have too much.

#![allow(unsafe_code)]

use super::{Back, Codes, Encoding, LANES, Span, Symbol, WORD, each_kind};
use crate::kernel::x86::{load_u8x16, load_u8x32, load_u8x64, load_u32x16, store_u8x64, store_u32x16};
use core::arch::x86_64::*;

/// Lanes of a vector.
const WIDTH: usize = 16;
/// Bytes of the vector that holds all words which a vector of lanes may need.
const WINDOW: usize = 64;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi2,popcnt")]
pub(super) fn encode(
    encoding: &Encoding<'_>,
    count: usize,
    lanes: &mut [u32; LANES],
    back: &mut Back<'_>,
    codes: Codes<&[u8]>,
    classes: &[u8],
) -> usize {
    match count {
        16 => each_kind!(encoding, rounds[1](encoding, lanes, back, codes, classes)),
        32 => each_kind!(encoding, rounds[2](encoding, lanes, back, codes, classes)),
        // Half a vector, or less.
        _ => super::avx2::encode(encoding, count, lanes, back, codes, classes),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi2,popcnt")]
fn rounds<const VECTORS: usize, const CONTEXTS: bool, const LOW_BITS: bool>(
    encoding: &Encoding<'_>,
    lanes: &mut [u32; LANES],
    back: &mut Back<'_>,
    codes: Codes<&[u8]>,
    classes: &[u8],
) -> usize {
    let all = |x: u32| _mm512_set1_epi32(x.cast_signed());
    let Some(first) = encoding.spans.first().filter(|_| !encoding.symbols.is_empty()) else { return 0 };
    let mut only = [_mm512_setzero_si512(); 4];
    only.iter_mut().zip(first).for_each(|(only, &word)| *only = all(word));
    let (bits, side_bits) = (all(encoding.bits), all(encoding.side_bits));
    let (whole, rest_bits) = (all(1 << encoding.bits), all(u32::BITS - encoding.bits));
    // A little less than 1, so that quotients are never too large.
    let one = _mm512_set1_ps(1.0 - 1.0 / (1 << 22) as f32);
    let iota = _mm512_cvtepu8_epi16(load_u8x32(&core::array::from_fn(|lane| lane as u8)));
    let mut x = [_mm512_setzero_si512(); VECTORS];
    x.iter_mut().zip(lanes.as_chunks::<WIDTH>().0).for_each(|(x, lanes)| *x = load_u32x16(lanes));
    let mut classes = classes.as_chunks::<WIDTH>().0.iter().rev();
    let mut done = 0;
    'rounds: for round in codes.bytes.chunks_exact(WIDTH * VECTORS * codes.size).rev() {
        let (mut y, mut ahead, mut escaped) = (x, back.at, 0);
        if ahead < WINDOW * VECTORS {
            break;
        }
        for v in (0..VECTORS).rev() {
            let Some(code) = load(&round[v * WIDTH * codes.size..], codes.size) else { break 'rounds };
            let (mut span, mut symbol) = (only, code);
            if CONTEXTS {
                let mut table = _mm512_and_si512(code, side_bits);
                if encoding.classed {
                    let Some(classes) = classes.next() else { break 'rounds };
                    let class = _mm512_cvtepu8_epi32(load_u8x16(classes));
                    table = _mm512_or_si512(_mm512_sllv_epi32(class, side_bits), table);
                }
                span = spans(encoding.spans, table);
                symbol = _mm512_srlv_epi32(code, side_bits);
            }
            let [base, first, len, low] = span;
            let high = if LOW_BITS { _mm512_srlv_epi32(symbol, low) } else { symbol };
            let number = _mm512_sub_epi32(high, first);
            let known = _mm512_cmplt_epu32_mask(number, len);
            let range = ranges(encoding.symbols, _mm512_maskz_add_epi32(known, base, number));
            let frequency = _mm512_srli_epi32::<16>(range);
            escaped |= !known | _mm512_testn_epi32_mask(frequency, frequency);
            let mut z = y[v];
            let (mut words, mut take) = (_mm512_setzero_si512(), 0);
            if LOW_BITS {
                let shift = _mm512_sub_epi32(all(u32::BITS), low);
                let over = _mm512_srlv_epi32(z, shift);
                let over = _mm512_test_epi32_mask(over, over);
                words = _mm512_slli_epi32::<WORD>(z);
                take = _pdep_u32(over.into(), 0xaaaa_aaaa);
                z = _mm512_mask_srli_epi32::<WORD>(z, over, z);
                let raw = _mm512_andnot_si512(_mm512_sllv_epi32(all(u32::MAX), low), symbol);
                z = _mm512_or_si512(_mm512_sllv_epi32(z, low), raw);
            }
            let over = _mm512_cmpge_epu32_mask(_mm512_srlv_epi32(z, rest_bits), frequency);
            // What is read last is written first: words that are read before others have the lower halves.
            words = _mm512_mask_blend_epi16(0x5555_5555, words, z);
            take |= _pdep_u32(over.into(), 0x5555_5555);
            let n = take.count_ones() as usize;
            // To the end of the window, so that it ends where words begin that were written before.
            let words = _mm512_maskz_compress_epi16(take, words);
            let words = _mm512_permutexvar_epi16(_mm512_add_epi16(iota, _mm512_set1_epi16(n as i16)), words);
            let Some(window) = back.bytes[..ahead].last_chunk_mut() else { break 'rounds };
            store_u8x64(window, words);
            ahead -= 2 * n;
            z = _mm512_mask_srli_epi32::<WORD>(z, over, z);
            // The quotient or one less.
            let reciprocal = _mm512_div_ps(one, _mm512_cvtepi32_ps(frequency));
            let quotient = _mm512_cvttps_epu32(_mm512_mul_ps(_mm512_cvtepu32_ps(z), reciprocal));
            let rest = _mm512_sub_epi32(z, _mm512_mullo_epi32(quotient, frequency));
            let less = _mm512_cmpge_epu32_mask(rest, frequency);
            let put = _mm512_add_epi32(rest, _mm512_and_si512(range, all(0xffff)));
            let put = _mm512_add_epi32(put, _mm512_sllv_epi32(quotient, bits));
            y[v] = _mm512_mask_add_epi32(put, less, put, _mm512_sub_epi32(whole, frequency));
        }
        if escaped != 0 {
            break;
        }
        (x, back.at) = (y, ahead);
        done += WIDTH * VECTORS;
    }
    for (lanes, x) in lanes.as_chunks_mut::<WIDTH>().0.iter_mut().zip(x) {
        store_u32x16(lanes, x);
    }
    done
}

/// The spans of tables, which there are.
#[target_feature(enable = "avx512f")]
#[inline]
fn spans(from: &[Span], table: __m512i) -> [__m512i; 4] {
    let mut at = [0; WIDTH];
    store_u32x16(&mut at, table);
    let mut found = [[0; WIDTH]; 4];
    for (lane, at) in at.into_iter().enumerate() {
        let span = from[at as usize];
        for (found, word) in found.iter_mut().zip(span) {
            found[lane] = word;
        }
    }
    let mut vectors = [_mm512_setzero_si512(); 4];
    vectors.iter_mut().zip(&found).for_each(|(vector, found)| *vector = load_u32x16(found));
    vectors
}

/// The ranges of symbols, which there are.
#[target_feature(enable = "avx512f")]
#[inline]
fn ranges(from: &[Symbol], number: __m512i) -> __m512i {
    let len = _mm512_set1_epi32(u32::try_from(from.len()).unwrap_or(u32::MAX).cast_signed());
    assert!(_mm512_cmpge_epu32_mask(number, len) == 0, "no such symbol");
    let (mut at, mut found) = ([0; WIDTH], [0; WIDTH]);
    store_u32x16(&mut at, number);
    for (found, at) in found.iter_mut().zip(at) {
        // SAFETY: all numbers have been compared with the length.
        *found = unsafe { from.get_unchecked(at as usize) }.range;
    }
    load_u32x16(&found)
}

/// Codes of so many bytes.
#[target_feature(enable = "avx512f")]
#[inline]
fn load(from: &[u8], size: usize) -> Option<__m512i> {
    match size {
        1 => from.first_chunk().map(|from| _mm512_cvtepu8_epi32(load_u8x16(from))),
        2 => from.first_chunk().map(|from| _mm512_cvtepu16_epi32(load_u8x32(from))),
        _ => from.first_chunk().map(|from| load_u8x64(from)),
    }
}
