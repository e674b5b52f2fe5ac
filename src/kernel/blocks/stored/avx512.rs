//! Sixteen values at a time.

use super::{Blocks, HEAD, Half, TABLE, avx2::Scales, each_kind};
use crate::kernel::{blocks::avx512::look_up, x86::*};
use core::arch::x86_64::*;

const LANES: usize = 16;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,f16c")]
pub(super) fn table(blocks: Blocks, table: &[f32; TABLE], bytes: &[u8], values: &mut [f32]) -> Option<u8> {
    each_kind!(blocks, levels_of / 2(table, bytes, values))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,f16c")]
fn levels_of<const F16: bool, const BLOCK: usize, const LEN: usize>(
    table: &[f32; TABLE],
    bytes: &[u8],
    values: &mut [f32],
) -> Option<u8> {
    let table = load_f32x16(table);
    let mut scales = Scales::new::<F16>();
    let (mut low, mut high, mask) = (_mm_setzero_si128(), _mm_setzero_si128(), _mm_set1_epi8(15));
    for (bytes, values) in bytes.as_chunks::<LEN>().0.iter().zip(values.as_chunks_mut::<BLOCK>().0) {
        let (&head, codes) = bytes.split_first_chunk::<HEAD>()?;
        let levels = _mm512_mul_ps(table, _mm512_broadcastss_ps(scales.next::<F16>(head)));
        for codes in codes.as_chunks::<LANES>().0 {
            let codes = load_u8x16(codes);
            low = _mm_max_epu8(low, _mm_and_si128(codes, mask));
            high = _mm_max_epu8(high, codes);
        }
        for (codes, row) in codes.as_chunks::<{ LANES / 2 }>().0.iter().zip(values.as_chunks_mut::<LANES>().0) {
            store_f32x16(row, look_up(*codes, levels));
        }
    }
    scales.all_usable().then(|| largest_byte(low).max(largest_byte(high) / 16))
}
