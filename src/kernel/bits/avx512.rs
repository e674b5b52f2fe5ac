//! 64 codes at a time: multiplications fold them, a permutation of bytes closes the gaps, and one instruction takes bytes
//! from any bit of a word.

use super::tables::{Widths, closed, opened};
use crate::kernel::x86::{load_part_u8x64, load_u8x64, store_part_u8x64, store_u8x64};
use core::arch::x86_64::*;

const GROUP: usize = 64;

static CLOSED: Widths<GROUP> = closed();
static OPENED: Widths<GROUP> = opened();

/// Up to 7 bits wide.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn pack(width: u32, codes: &[u8], bytes: &mut [u8]) {
    let shift = |by: u32| _mm_cvtsi32_si128(by as i32);
    let pairs = _mm512_set1_epi16(1 << (width + 8) | 1);
    let fours = _mm512_set1_epi32(1 << (2 * width + 16) | 1);
    let (low, gap) = (_mm512_set1_epi64((1 << (4 * width)) - 1), shift(32 - 4 * width));
    let order = load_u8x64(&CLOSED[width as usize % 8]);
    let fold = |codes: __m512i| {
        // Codes are the signed factor, for 1 << 7 would not be positive.
        let x = _mm512_madd_epi16(_mm512_maddubs_epi16(pairs, codes), fours);
        // x where `low` is set, otherwise x shifted.
        let x = _mm512_ternarylogic_epi64::<0xca>(low, x, _mm512_srl_epi64(x, gap));
        _mm512_permutexvar_epi8(order, x)
    };
    let (groups, rest) = codes.as_chunks::<GROUP>();
    let (mut bytes, step) = (bytes, GROUP / 8 * width as usize);
    for group in groups {
        let packed = fold(load_u8x64(group));
        match bytes.first_chunk_mut() {
            // The next group overwrites what is too much.
            Some(to) => store_u8x64(to, packed),
            None => store_part_u8x64(&mut bytes[..step], packed),
        }
        bytes = &mut bytes[step..];
    }
    store_part_u8x64(bytes, fold(load_part_u8x64(rest)));
}

/// Up to 7 bits wide.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn unpack(width: u32, bytes: &[u8], codes: &mut [u8]) {
    let order = load_u8x64(&OPENED[width as usize % 8]);
    let first_bits = _mm512_set1_epi64((0..8).fold(0, |bits, code| bits | i64::from(code * width) << (8 * code)));
    let low = _mm512_set1_epi8((u8::MAX >> (8 - width)) as i8);
    let spread = |bytes: __m512i| {
        let words = _mm512_permutexvar_epi8(order, bytes);
        _mm512_and_si512(_mm512_multishift_epi64_epi8(first_bits, words), low)
    };
    let (groups, rest) = codes.as_chunks_mut::<GROUP>();
    let (mut bytes, step) = (bytes, GROUP / 8 * width as usize);
    for group in groups {
        let packed = match bytes.first_chunk() {
            Some(from) => load_u8x64(from),
            None => load_part_u8x64(bytes),
        };
        store_u8x64(group, spread(packed));
        bytes = &bytes[step..];
    }
    store_part_u8x64(rest, spread(load_part_u8x64(bytes)));
}
