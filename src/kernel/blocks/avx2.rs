//! Eight values at a time, thirty-two where they become bytes; what is left of a block goes one by one.

use super::{Ends, Half, Integers, Layout, TABLE, THRESHOLDS, by_block, by_ends, each_block, portable};
use crate::kernel::x86::*;
use core::arch::x86_64::*;

const LANES: usize = 8;
/// Values whose codes fill a vector.
const BYTES: usize = 32;

#[target_feature(enable = "avx2")]
pub(super) fn largest(block: usize, values: &[f32], largest: &mut [u32]) {
    if block != 4 * LANES {
        for (values, largest) in values.chunks(block).zip(largest) {
            let (rows, rest) = values.as_chunks::<LANES>();
            let most = rows.iter().fold(_mm256_setzero_si256(), |most, row| _mm256_max_epu32(most, magnitudes(row)));
            let half = _mm_max_epu32(_mm256_castsi256_si128(most), _mm256_extracti128_si256::<1>(most));
            let half = _mm_max_epu32(half, _mm_shuffle_epi32::<0b01_00_11_10>(half));
            let half = _mm_max_epu32(half, _mm_shuffle_epi32::<0b10_11_00_01>(half));
            *largest = _mm_cvtsi128_si32(half).cast_unsigned().max(portable::largest_of(rest));
        }
        return;
    }
    // The block of most formats: eight of them are reduced together, half of the vectors at each step.
    let (groups, rest) = values.as_chunks::<{ 4 * LANES * LANES }>();
    let (largest, rest_largest) = largest.split_at_mut(groups.len() * LANES);
    for (group, largest) in groups.iter().zip(largest.as_chunks_mut::<LANES>().0) {
        let mut most = [_mm256_setzero_si256(); LANES];
        for (most, rows) in most.iter_mut().zip(group.as_chunks::<LANES>().0.as_chunks::<4>().0) {
            let (a, b) = (magnitudes(&rows[0]), magnitudes(&rows[1]));
            let (c, d) = (magnitudes(&rows[2]), magnitudes(&rows[3]));
            *most = _mm256_max_epu32(_mm256_max_epu32(a, b), _mm256_max_epu32(c, d));
        }
        for i in 0..4 {
            let (a, b) = (most[2 * i], most[2 * i + 1]);
            most[i] = _mm256_max_epu32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
        }
        for i in 0..2 {
            let (a, b) = (most[2 * i], most[2 * i + 1]);
            most[i] = _mm256_max_epu32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
        }
        let (a, b) = (most[0], most[1]);
        let (even, odd) = (_mm256_permute2x128_si256::<0x20>(a, b), _mm256_permute2x128_si256::<0x31>(a, b));
        store_u32x8(largest, _mm256_max_epu32(even, odd));
    }
    portable::largest(block, rest, rest_largest);
}

#[target_feature(enable = "avx2")]
#[inline]
fn magnitudes(row: &[f32; LANES]) -> __m256i {
    _mm256_and_si256(_mm256_castps_si256(load_f32x8(row)), _mm256_set1_epi32(i32::MAX))
}

#[target_feature(enable = "avx2")]
pub(super) fn outward(reach: f32, mask: u32, extents: &[u32], scales: &mut [f32]) -> Ends {
    portable::outward(reach, mask, extents, scales)
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn read_halves(half: Half, stride: usize, bytes: &[u8], numbers: &mut [f32]) -> Ends {
    let (mut least, mut most) = (_mm256_set1_epi32(i32::MAX), _mm256_set1_epi32(i32::MIN));
    let (mut rest, mut done) = (bytes, 0);
    for eight in numbers.as_chunks_mut::<LANES>().0 {
        let Some(halves) = load_strided_u16x8(rest, stride) else { break };
        let x = match half {
            Half::F16 => {
                let x = _mm256_castps_si256(_mm256_cvtph_ps(halves));
                // Neither infinity nor NaN is kept: negative.
                let special = _mm256_cmpgt_epi32(x, _mm256_set1_epi32(f32::MAX.to_bits().cast_signed()));
                _mm256_or_si256(x, _mm256_slli_epi32::<31>(special))
            }
            Half::Bf16 => _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(halves)),
        };
        (least, most) = (_mm256_min_epi32(least, x), _mm256_max_epi32(most, x));
        store_f32x8(eight, _mm256_castsi256_ps(x));
        rest = rest.get(LANES * stride..).unwrap_or_default();
        done += LANES;
    }
    let rest = match &mut numbers[done..] {
        [] => (i32::MAX, i32::MIN),
        numbers => portable::read_halves(half, stride, rest, numbers),
    };
    let (mut lows, mut highs) = ([0; LANES], [0; LANES]);
    store_i32x8(&mut lows, least);
    store_i32x8(&mut highs, most);
    (lows.into_iter().fold(rest.0, i32::min), highs.into_iter().fold(rest.1, i32::max))
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn write_halves(half: Half, stride: usize, numbers: &[f32], bytes: &mut [u8]) {
    let (mut numbers, mut bytes) = (numbers, bytes);
    while let Some((eight, next)) = numbers.split_first_chunk::<LANES>() {
        let x = load_f32x8(eight);
        let halves = match half {
            Half::F16 => _mm256_cvtps_ph::<{ _MM_FROUND_TO_NEAREST_INT }>(x),
            Half::Bf16 => {
                let upper = _mm256_srli_epi32::<16>(_mm256_castps_si256(x));
                _mm_packus_epi32(_mm256_castsi256_si128(upper), _mm256_extracti128_si256::<1>(upper))
            }
        };
        if !store_strided_u16x8(bytes, stride, halves) {
            break;
        }
        bytes = core::mem::take(&mut bytes).get_mut(LANES * stride..).unwrap_or_default();
        numbers = next;
    }
    portable::write_halves(half, stride, numbers, bytes);
}

/// A block's scale, its reciprocal, and the values beyond which nothing but the first or the last integer is near.
struct Division {
    by: __m256,
    reciprocal: __m256,
    low: __m256,
    high: __m256,
}

impl Division {
    #[target_feature(enable = "avx")]
    #[inline]
    fn new(scale: f32, ends: Integers) -> Self {
        Self {
            by: _mm256_set1_ps(scale),
            reciprocal: _mm256_set1_ps(1.0 / scale),
            low: _mm256_mul_ps(_mm256_set1_ps(scale), _mm256_set1_ps(ends.first as f32)),
            high: _mm256_mul_ps(_mm256_set1_ps(scale), _mm256_set1_ps(ends.last as f32)),
        }
    }

    /// As the one of AVX-512, where the reasons are.
    #[target_feature(enable = "avx,fma")]
    #[inline]
    fn divide<const SHORT: bool, const WITHIN: bool>(&self, x: __m256) -> __m256 {
        let x = if WITHIN { x } else { _mm256_min_ps(_mm256_max_ps(x, self.low), self.high) };
        let guess = _mm256_mul_ps(x, self.reciprocal);
        let near = _mm256_fmadd_ps(_mm256_fnmadd_ps(guess, self.by, x), self.reciprocal, guess);
        if SHORT { near } else { _mm256_fmadd_ps(_mm256_fnmadd_ps(near, self.by, x), self.reciprocal, near) }
    }
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn quantize_integers(ends: Integers, layout: Layout, scales: &[f32], values: &[f32], codes: &mut [u8]) {
    by_ends!(ends, layout, scales, values, codes);
}

#[target_feature(enable = "avx2,fma")]
fn integers<const BLOCK: usize, const SHORT: bool, const WITHIN: bool, const NIBBLES: bool>(
    ends: Integers,
    layout: Layout,
    scales: &[f32],
    values: &[f32],
    codes: &mut [u8],
) {
    let first = _mm256_set1_epi32(ends.first);
    each_block!(layout, scales, |scale, values, codes| {
        let law = Division::new(scale, ends);
        let code = |x| _mm256_sub_epi32(_mm256_cvtps_epi32(law.divide::<SHORT, WITHIN>(x)), first);
        let (rows, rest) = values.as_chunks::<BYTES>();
        let width = if NIBBLES { BYTES / 2 } else { BYTES };
        let (bytes, rest_codes) = codes.split_at_mut(rows.len() * width);
        for (row, bytes) in rows.iter().zip(bytes.chunks_exact_mut(width)) {
            let [a, b, c, d] = quarters(row);
            let codes = bytes_of([code(a), code(b), code(c), code(d)]);
            if NIBBLES {
                if let Some(bytes) = bytes.first_chunk_mut() {
                    store_u8x16(bytes, nibbles(codes));
                }
            } else if let Some(bytes) = bytes.first_chunk_mut() {
                store_u8x32(bytes, codes);
            }
        }
        portable::integer_codes(ends, NIBBLES, scale, rest, rest_codes);
    });
}

#[target_feature(enable = "avx")]
#[inline]
fn quarters(row: &[f32; BYTES]) -> [__m256; 4] {
    let mut quarters = [_mm256_setzero_ps(); 4];
    for (quarter, row) in quarters.iter_mut().zip(row.as_chunks::<LANES>().0) {
        *quarter = load_f32x8(row);
    }
    quarters
}

/// Integers below 256, in order.
#[target_feature(enable = "avx2")]
#[inline]
fn bytes_of([a, b, c, d]: [__m256i; 4]) -> __m256i {
    let bytes = _mm256_packus_epi16(_mm256_packus_epi32(a, b), _mm256_packus_epi32(c, d));
    _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
}

/// Bytes below 16, two to a byte: pairs are added with weights of 1 and 16.
#[target_feature(enable = "avx2")]
#[inline]
fn nibbles(codes: __m256i) -> __m128i {
    let pairs = _mm256_maddubs_epi16(codes, _mm256_set1_epi16(0x1001));
    _mm_packus_epi16(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256::<1>(pairs))
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn quantize_table(
    thresholds: &[f32; THRESHOLDS],
    layout: Layout,
    scales: &[f32],
    values: &[f32],
    codes: &mut [u8],
) {
    if layout.nibbles {
        by_block!(values, layout, table::<true>(thresholds, layout, scales, values, codes));
    } else {
        by_block!(values, layout, table::<false>(thresholds, layout, scales, values, codes));
    }
}

#[target_feature(enable = "avx2,fma")]
fn table<const BLOCK: usize, const NIBBLES: bool>(
    thresholds: &[f32; THRESHOLDS],
    layout: Layout,
    scales: &[f32],
    values: &[f32],
    codes: &mut [u8],
) {
    // A step of the search looks at the threshold in the middle of those that are left: one of 1, 2, 4 and 8.
    let t = thresholds;
    let quarter = _mm256_setr_ps(t[3], t[11], t[3], t[11], t[3], t[11], t[3], t[11]);
    let eighth = _mm256_setr_ps(t[1], t[5], t[9], t[13], t[1], t[5], t[9], t[13]);
    let sixteenth = _mm256_setr_ps(t[0], t[2], t[4], t[6], t[8], t[10], t[12], t[14]);
    let middle = _mm256_set1_ps(t[7]);
    each_block!(layout, scales, |scale, values, codes| {
        let divisor = _mm256_set1_ps(scale);
        let code = |x| {
            let x = _mm256_div_ps(x, divisor);
            let below = _mm256_srli_epi32::<31>(_mm256_castps_si256(_mm256_cmp_ps::<_CMP_GT_OQ>(x, middle)));
            searched(x, sixteenth, searched(x, eighth, searched(x, quarter, below)))
        };
        let (rows, rest) = values.as_chunks::<BYTES>();
        let width = if NIBBLES { BYTES / 2 } else { BYTES };
        let (bytes, rest_codes) = codes.split_at_mut(rows.len() * width);
        for (row, bytes) in rows.iter().zip(bytes.chunks_exact_mut(width)) {
            let [a, b, c, d] = quarters(row);
            let codes = bytes_of([code(a), code(b), code(c), code(d)]);
            if NIBBLES {
                if let Some(bytes) = bytes.first_chunk_mut() {
                    store_u8x16(bytes, nibbles(codes));
                }
            } else if let Some(bytes) = bytes.first_chunk_mut() {
                store_u8x32(bytes, codes);
            }
        }
        portable::table_codes(thresholds, NIBBLES, scale, rest, rest_codes);
    });
}

/// Twice as much, and one more where the value is above what the step looks at.
#[target_feature(enable = "avx2")]
#[inline]
fn searched(x: __m256, step: __m256, below: __m256i) -> __m256i {
    // Minus one where it is.
    let above = _mm256_cmp_ps::<_CMP_GT_OQ>(x, _mm256_permutevar8x32_ps(step, below));
    _mm256_sub_epi32(_mm256_add_epi32(below, below), _mm256_castps_si256(above))
}

#[target_feature(enable = "avx2")]
pub(super) fn dequantize_integers(first: i32, layout: Layout, scales: &[f32], codes: &[u8], values: &mut [f32]) -> u8 {
    by_block!(values, layout, integers_of(first, layout, scales, codes, values))
}

#[target_feature(enable = "avx2")]
fn integers_of<const BLOCK: usize>(first: i32, layout: Layout, scales: &[f32], codes: &[u8], values: &mut [f32]) -> u8 {
    let (mut most, mut most_rest) = (_mm_setzero_si128(), 0);
    let from = _mm256_set1_epi32(first);
    each_block!(layout, scales, |scale, codes / 1, values| {
        let (rows, rest) = values.as_chunks_mut::<LANES>();
        let (code_rows, rest_codes) = codes.as_chunks::<LANES>();
        let factor = _mm256_set1_ps(scale);
        for (row, codes) in rows.iter_mut().zip(code_rows) {
            let codes = load_u8x8(codes);
            most = _mm_max_epu8(most, codes);
            let integers = _mm256_add_epi32(_mm256_cvtepu8_epi32(codes), from);
            store_f32x8(row, _mm256_mul_ps(_mm256_cvtepi32_ps(integers), factor));
        }
        most_rest = most_rest.max(portable::integers_of(first, scale, rest_codes, rest));
    });
    largest_byte(most).max(most_rest)
}

#[target_feature(enable = "avx2")]
pub(super) fn dequantize_table(
    table: &[f32; TABLE],
    layout: Layout,
    scales: &[f32],
    codes: &[u8],
    values: &mut [f32],
) -> u8 {
    if layout.nibbles {
        by_block!(values, layout, nibble_levels(table, layout, scales, codes, values))
    } else {
        by_block!(values, layout, byte_levels(table, layout, scales, codes, values))
    }
}

/// The bytes of a table's levels: the lowest of all of them, and so on, twice.
#[target_feature(enable = "avx2")]
#[inline]
fn planes(table: &[f32; TABLE]) -> [__m256i; 4] {
    let mut planes = [_mm256_setzero_si256(); 4];
    for (i, plane) in planes.iter_mut().enumerate() {
        let mut bytes = [0; TABLE];
        for (byte, level) in bytes.iter_mut().zip(table) {
            *byte = level.to_le_bytes()[i];
        }
        *plane = _mm256_broadcastsi128_si256(load_u8x16(&bytes));
    }
    planes
}

/// The levels of 32 codes below 16: byte by byte, and put together. In each half, codes are of four values, of the four
/// after the next four, and so on: then levels are in order.
#[target_feature(enable = "avx2")]
#[inline]
fn look_up(planes: &[__m256i; 4], codes: __m256i, scale: __m256, values: &mut [f32; BYTES]) {
    let [a, b, c, d] = [
        _mm256_shuffle_epi8(planes[0], codes),
        _mm256_shuffle_epi8(planes[1], codes),
        _mm256_shuffle_epi8(planes[2], codes),
        _mm256_shuffle_epi8(planes[3], codes),
    ];
    let (low, low_upper) = (_mm256_unpacklo_epi8(a, b), _mm256_unpacklo_epi8(c, d));
    let (high, high_upper) = (_mm256_unpackhi_epi8(a, b), _mm256_unpackhi_epi8(c, d));
    let levels = [
        _mm256_unpacklo_epi16(low, low_upper),
        _mm256_unpackhi_epi16(low, low_upper),
        _mm256_unpacklo_epi16(high, high_upper),
        _mm256_unpackhi_epi16(high, high_upper),
    ];
    for (row, levels) in values.as_chunks_mut::<LANES>().0.iter_mut().zip(levels) {
        store_f32x8(row, _mm256_mul_ps(_mm256_castsi256_ps(levels), scale));
    }
}

#[target_feature(enable = "avx2")]
fn byte_levels<const BLOCK: usize>(
    table: &[f32; TABLE],
    layout: Layout,
    scales: &[f32],
    codes: &[u8],
    values: &mut [f32],
) -> u8 {
    let (mut most, mut most_rest) = (_mm256_setzero_si256(), 0);
    let planes = planes(table);
    let order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
    each_block!(layout, scales, |scale, codes / 1, values| {
        let (rows, rest) = values.as_chunks_mut::<BYTES>();
        let (code_rows, rest_codes) = codes.as_chunks::<BYTES>();
        for (row, codes) in rows.iter_mut().zip(code_rows) {
            let codes = load_u8x32(codes);
            most = _mm256_max_epu8(most, codes);
            let codes = _mm256_and_si256(_mm256_permutevar8x32_epi32(codes, order), _mm256_set1_epi8(15));
            look_up(&planes, codes, _mm256_set1_ps(scale), row);
        }
        most_rest = most_rest.max(portable::levels_of(table, false, scale, rest_codes, rest));
    });
    let half = _mm_max_epu8(_mm256_castsi256_si128(most), _mm256_extracti128_si256::<1>(most));
    largest_byte(half).max(most_rest)
}

#[target_feature(enable = "avx2")]
fn nibble_levels<const BLOCK: usize>(
    table: &[f32; TABLE],
    layout: Layout,
    scales: &[f32],
    codes: &[u8],
    values: &mut [f32],
) -> u8 {
    let (mut low, mut high, mut most_rest) = (_mm_setzero_si128(), _mm_setzero_si128(), 0);
    let planes = planes(table);
    // Pairs of bytes: the even ones, then the odd ones.
    let order = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
    let mask = _mm_set1_epi8(15);
    each_block!(layout, scales, |scale, codes / 2, values| {
        let (rows, rest) = values.as_chunks_mut::<BYTES>();
        let (byte_rows, rest_bytes) = codes.as_chunks::<{ BYTES / 2 }>();
        for (row, bytes) in rows.iter_mut().zip(byte_rows) {
            let bytes = _mm_shuffle_epi8(load_u8x16(bytes), order);
            let (lower, upper) = (_mm_and_si128(bytes, mask), _mm_and_si128(_mm_srli_epi16::<4>(bytes), mask));
            (low, high) = (_mm_max_epu8(low, lower), _mm_max_epu8(high, upper));
            let (even, odd) = (_mm_unpacklo_epi8(lower, upper), _mm_unpackhi_epi8(lower, upper));
            look_up(&planes, _mm256_set_m128i(odd, even), _mm256_set1_ps(scale), row);
        }
        most_rest = most_rest.max(portable::levels_of(table, true, scale, rest_bytes, rest));
    });
    largest_byte(_mm_max_epu8(low, high)).max(most_rest)
}
