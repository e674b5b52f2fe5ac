//! 32 codes at a time, 16 in each half of a vector: multiplications fold them and shift them, and bytes are permuted within
//! halves.

use super::tables::{Widths, closed};
use crate::kernel::x86::{load_u8x16, load_u8x32, load_u16x8, store_u8x16, store_u8x32};
use core::arch::x86_64::*;

const GROUP: usize = 32;
const HALF: usize = GROUP / 2;

static CLOSED: Widths<HALF> = closed();

/// Where every other code of 16 lies: two bytes for each, and the power of two that brings it to bit 8 of them.
struct Places {
    order: [u8; HALF],
    factor: [u16; HALF / 2],
}

/// Even codes and odd ones, for each width from 0 to 7.
static PLACES: [[Places; 2]; 8] = {
    let mut places = [const { [const { Places { order: [0; HALF], factor: [0; HALF / 2] } }; 2] }; 8];
    let mut i = 0;
    while i < 8 * HALF {
        let (width, code) = (i / HALF, i % HALF);
        let (lane, bit) = (code / 2, code * width);
        let to = &mut places[width][code % 2];
        to.order[2 * lane] = (bit / 8) as u8;
        to.order[2 * lane + 1] = (bit / 8 + 1) as u8;
        to.factor[lane] = 1 << (8 - bit % 8);
        i += 1;
    }
    places
};

/// Up to 7 bits wide.
#[target_feature(enable = "avx2")]
pub(super) fn pack(width: u32, codes: &[u8], bytes: &mut [u8]) {
    let shift = |by: u32| _mm_cvtsi32_si128(by as i32);
    let pairs = _mm256_set1_epi16(1 << (width + 8) | 1);
    let fours = _mm256_set1_epi32(1 << (2 * width + 16) | 1);
    let (gap, gaps) = (shift(32 - 4 * width), _mm256_set1_epi64x(i64::from(32 - 4 * width)));
    let order = _mm256_broadcastsi128_si256(load_u8x16(&CLOSED[width as usize % 8]));
    let fold = |codes: __m256i| {
        // Codes are the signed factor, for 1 << 7 would not be positive.
        let x = _mm256_madd_epi16(_mm256_maddubs_epi16(pairs, codes), fours);
        // The lower four codes of eight go up to the upper ones, and all down again.
        let x = _mm256_srl_epi64(_mm256_sllv_epi32(x, gaps), gap);
        _mm256_shuffle_epi8(x, order)
    };
    let (groups, _) = codes.as_chunks::<GROUP>();
    let (mut bytes, step, mut done) = (bytes, GROUP / 8 * width as usize, 0);
    for group in groups {
        let Some(to) = bytes.first_chunk_mut() else { break };
        store_halves(to, step / 2, fold(load_u8x32(group)));
        bytes = &mut bytes[step..];
        done += GROUP;
    }
    // Groups at the end, with whose bytes there is no room for more.
    for (codes, bytes) in codes[done..].chunks(GROUP).zip(bytes.chunks_mut(step)) {
        let (mut group, mut to) = ([0; GROUP], [0; GROUP]);
        group[..codes.len()].copy_from_slice(codes);
        store_halves(&mut to, step / 2, fold(load_u8x32(&group)));
        bytes.copy_from_slice(&to[..bytes.len()]);
    }
}

/// The second half from byte `at` on, over what the first has too much.
#[target_feature(enable = "avx2")]
#[inline]
fn store_halves(to: &mut [u8; GROUP], at: usize, x: __m256i) {
    if let Some(to) = to.first_chunk_mut() {
        store_u8x16(to, _mm256_castsi256_si128(x));
    }
    if let Some(to) = to[at % HALF..].first_chunk_mut() {
        store_u8x16(to, _mm256_extracti128_si256::<1>(x));
    }
}

/// Up to 7 bits wide.
#[target_feature(enable = "avx2")]
pub(super) fn unpack(width: u32, bytes: &[u8], codes: &mut [u8]) {
    let [even, odd] = &PLACES[width as usize % 8];
    let twice = |half: __m128i| _mm256_broadcastsi128_si256(half);
    let orders = [twice(load_u8x16(&even.order)), twice(load_u8x16(&odd.order))];
    let factors = [twice(load_u16x8(&even.factor)), twice(load_u16x8(&odd.factor))];
    let low = _mm256_set1_epi16((1 << width) - 1);
    let high = _mm256_slli_epi16::<8>(low);
    let spread = |from: &[u8; GROUP], at: usize| {
        let (Some(first), Some(second)) = (from.first_chunk(), from[at % HALF..].first_chunk()) else {
            return _mm256_setzero_si256();
        };
        let bytes = _mm256_set_m128i(load_u8x16(second), load_u8x16(first));
        let even = _mm256_mullo_epi16(_mm256_shuffle_epi8(bytes, orders[0]), factors[0]);
        let odd = _mm256_mullo_epi16(_mm256_shuffle_epi8(bytes, orders[1]), factors[1]);
        let even = _mm256_and_si256(_mm256_srli_epi16::<8>(even), low);
        _mm256_or_si256(even, _mm256_and_si256(odd, high))
    };
    let (groups, _) = codes.as_chunks_mut::<GROUP>();
    let (mut bytes, step, mut done) = (bytes, GROUP / 8 * width as usize, 0);
    for group in groups {
        let Some(from) = bytes.first_chunk() else { break };
        store_u8x32(group, spread(from, step / 2));
        bytes = &bytes[step..];
        done += GROUP;
    }
    for (codes, bytes) in codes[done..].chunks_mut(GROUP).zip(bytes.chunks(step)) {
        let (mut group, mut from) = ([0; GROUP], [0; GROUP]);
        from[..bytes.len()].copy_from_slice(bytes);
        store_u8x32(&mut group, spread(&from, step / 2));
        codes.copy_from_slice(&group[..codes.len()]);
    }
}
