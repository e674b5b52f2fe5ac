//! Eight values at a time.

use super::{Blocks, HEAD, Half, TABLE, each_kind, usable};
use crate::kernel::x86::*;
use core::arch::x86_64::*;

const LANES: usize = 8;

#[target_feature(enable = "avx2,f16c,fma")]
pub(super) fn integers(blocks: Blocks, first: i32, bytes: &[u8], values: &mut [f32]) -> Option<u8> {
    each_kind!(blocks, integers_of / 1(first, bytes, values))
}

#[target_feature(enable = "avx2,f16c,fma")]
fn integers_of<const F16: bool, const BLOCK: usize, const LEN: usize>(
    first: i32,
    bytes: &[u8],
    values: &mut [f32],
) -> Option<u8> {
    let first = _mm256_set1_ps(first as f32);
    let (mut scales, mut most) = (Scales::new::<F16>(), _mm256_setzero_si256());
    for (bytes, values) in bytes.as_chunks::<LEN>().0.iter().zip(values.as_chunks_mut::<BLOCK>().0) {
        let (&head, codes) = bytes.split_first_chunk::<HEAD>()?;
        let scale = _mm256_broadcastss_ps(scales.next::<F16>(head));
        // Sums and products are exact.
        let start = _mm256_mul_ps(first, scale);
        for codes in codes.as_chunks::<{ 4 * LANES }>().0 {
            most = _mm256_max_epu8(most, load_u8x32(codes));
        }
        for (codes, row) in codes.as_chunks::<LANES>().0.iter().zip(values.as_chunks_mut::<LANES>().0) {
            let codes = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(load_u8x8(codes)));
            store_f32x8(row, _mm256_fmadd_ps(codes, scale, start));
        }
    }
    let most = _mm_max_epu8(_mm256_castsi256_si128(most), _mm256_extracti128_si256::<1>(most));
    scales.all_usable().then(|| largest_byte(most))
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn table(blocks: Blocks, table: &[f32; TABLE], bytes: &[u8], values: &mut [f32]) -> Option<u8> {
    each_kind!(blocks, levels_of / 2(table, bytes, values))
}

#[target_feature(enable = "avx2,f16c")]
fn levels_of<const F16: bool, const BLOCK: usize, const LEN: usize>(
    table: &[f32; TABLE],
    bytes: &[u8],
    values: &mut [f32],
) -> Option<u8> {
    let [front, back] = table.as_chunks::<LANES>().0 else { return None };
    let (front, back) = (load_f32x8(front), load_f32x8(back));
    let mut scales = Scales::new::<F16>();
    let (mut low, mut high, mask) = (_mm_setzero_si128(), _mm_setzero_si128(), _mm_set1_epi8(15));
    for (bytes, values) in bytes.as_chunks::<LEN>().0.iter().zip(values.as_chunks_mut::<BLOCK>().0) {
        let (&head, codes) = bytes.split_first_chunk::<HEAD>()?;
        let scale = _mm256_broadcastss_ps(scales.next::<F16>(head));
        let (front, back) = (_mm256_mul_ps(front, scale), _mm256_mul_ps(back, scale));
        for (codes, rows) in codes.as_chunks::<16>().0.iter().zip(values.as_chunks_mut::<{ 4 * LANES }>().0) {
            let codes = load_u8x16(codes);
            low = _mm_max_epu8(low, _mm_and_si128(codes, mask));
            high = _mm_max_epu8(high, codes);
            let odd = _mm_srli_epi16::<4>(codes);
            let (lower, upper) = (_mm_unpacklo_epi8(codes, odd), _mm_unpackhi_epi8(codes, odd));
            let eights = [lower, _mm_unpackhi_epi64(lower, lower), upper, _mm_unpackhi_epi64(upper, upper)];
            for (row, codes) in rows.as_chunks_mut::<LANES>().0.iter_mut().zip(eights) {
                let codes = _mm256_cvtepu8_epi32(codes);
                // Look-ups ignore what is above three bits; the fourth says which of the two counts.
                let (x, y) = (_mm256_permutevar8x32_ps(front, codes), _mm256_permutevar8x32_ps(back, codes));
                let in_back = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(codes));
                store_f32x8(row, _mm256_blendv_ps(x, y, in_back));
            }
        }
    }
    scales.all_usable().then(|| largest_byte(low).max(largest_byte(high) / 16))
}

/// Scales one after another, and whether they are usable.
pub(super) struct Scales {
    least: __m128i,
    /// The largest distance from the least one.
    most: __m128i,
    allowed: u16,
}

impl Scales {
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn new<const F16: bool>() -> Self {
        let (least, most) = usable(if F16 { Half::F16 } else { Half::Bf16 });
        Self { least: _mm_set1_epi16(least.cast_signed()), most: _mm_setzero_si128(), allowed: most - least }
    }

    /// In the first lane.
    #[target_feature(enable = "avx2,f16c")]
    #[inline]
    pub(super) fn next<const F16: bool>(&mut self, bytes: [u8; HEAD]) -> __m128 {
        let halves = _mm_set1_epi16(u16::from_le_bytes(bytes).cast_signed());
        self.most = _mm_max_epu16(self.most, _mm_sub_epi16(halves, self.least));
        if F16 { _mm_cvtph_ps(halves) } else { _mm_castsi128_ps(_mm_slli_epi32::<16>(halves)) }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn all_usable(&self) -> bool {
        _mm_extract_epi16::<0>(self.most) as u16 <= self.allowed
    }
}
