//! Vectors to and from memory, checked by the types of what is there.

#![allow(unsafe_code)]

use crate::code::Code;
use core::arch::x86_64::*;

macro_rules! loads {
    ($($feature:literal $load:ident [$item:ty; $lanes:literal] $vector:ident: $loadu:ident;)+) => {$(
        #[target_feature(enable = $feature)]
        #[inline]
        pub(crate) fn $load(from: &[$item; $lanes]) -> $vector {
            // SAFETY: the array is as long as the vector, and no alignment is asked for.
            unsafe { $loadu(from.as_ptr().cast()) }
        }
    )+};
}

macro_rules! stores {
    ($($feature:literal $store:ident [$item:ty; $lanes:literal] $vector:ident: $storeu:ident;)+) => {$(
        #[target_feature(enable = $feature)]
        #[inline]
        pub(crate) fn $store(to: &mut [$item; $lanes], vector: $vector) {
            // SAFETY: the array is as long as the vector, and no alignment is asked for.
            unsafe { $storeu(to.as_mut_ptr().cast(), vector) }
        }
    )+};
}

loads! {
    "sse2" load_u8x8 [u8; 8] __m128i: _mm_loadu_si64;
    "sse2" load_u8x16 [u8; 16] __m128i: _mm_loadu_si128;
    "avx" load_u8x32 [u8; 32] __m256i: _mm256_loadu_si256;
    "avx512f" load_u8x64 [u8; 64] __m512i: _mm512_loadu_si512;
    "sse2" load_u16x8 [u16; 8] __m128i: _mm_loadu_si128;
    "avx" load_u16x16 [u16; 16] __m256i: _mm256_loadu_si256;
    "sse2" load_u32x4 [u32; 4] __m128i: _mm_loadu_si128;
    "avx" load_u32x8 [u32; 8] __m256i: _mm256_loadu_si256;
    "avx512f" load_u32x16 [u32; 16] __m512i: _mm512_loadu_si512;
    "avx" load_u64x4 [u64; 4] __m256i: _mm256_loadu_si256;
    "avx" load_f32x8 [f32; 8] __m256: _mm256_loadu_ps;
    "avx512f" load_f32x16 [f32; 16] __m512: _mm512_loadu_ps;
}

stores! {
    "sse2" store_u8x8 [u8; 8] __m128i: _mm_storeu_si64;
    "sse2" store_u8x16 [u8; 16] __m128i: _mm_storeu_si128;
    "avx" store_u8x32 [u8; 32] __m256i: _mm256_storeu_si256;
    "avx512f" store_u8x64 [u8; 64] __m512i: _mm512_storeu_si512;
    "sse2" store_u16x8 [u16; 8] __m128i: _mm_storeu_si128;
    "avx" store_u16x16 [u16; 16] __m256i: _mm256_storeu_si256;
    "avx" store_u32x8 [u32; 8] __m256i: _mm256_storeu_si256;
    "avx512f" store_u32x16 [u32; 16] __m512i: _mm512_storeu_si512;
    "avx" store_i32x8 [i32; 8] __m256i: _mm256_storeu_si256;
    "avx" store_f32x8 [f32; 8] __m256: _mm256_storeu_ps;
    "avx512f" store_f32x16 [f32; 16] __m512: _mm512_storeu_ps;
    "avx" store_f64x4 [f64; 4] __m256d: _mm256_storeu_pd;
    "avx512f" store_f64x8 [f64; 8] __m512d: _mm512_storeu_pd;
}

/// The largest of 16 bytes.
#[target_feature(enable = "sse2")]
#[inline]
pub(crate) fn largest_byte(bytes: __m128i) -> u8 {
    let mut array = [0; 16];
    store_u8x16(&mut array, bytes);
    array.into_iter().fold(0, u8::max)
}

/// Eight little-endian numbers of two bytes, one every `stride` bytes; none if the last would be beyond the end.
#[target_feature(enable = "sse2")]
#[inline]
pub(crate) fn load_strided_u16x8(bytes: &[u8], stride: usize) -> Option<__m128i> {
    if stride > usize::MAX / 8 || bytes.len() < 7 * stride + 2 {
        return None;
    }
    // SAFETY: `i` is at most 7, and the last two bytes are within the slice.
    let at = |i: usize| unsafe { i32::from(bytes.as_ptr().add(i * stride).cast::<u16>().read_unaligned()) };
    let x = _mm_insert_epi16::<1>(_mm_cvtsi32_si128(at(0)), at(1));
    let x = _mm_insert_epi16::<3>(_mm_insert_epi16::<2>(x, at(2)), at(3));
    let x = _mm_insert_epi16::<5>(_mm_insert_epi16::<4>(x, at(4)), at(5));
    Some(_mm_insert_epi16::<7>(_mm_insert_epi16::<6>(x, at(6)), at(7)))
}

/// The way back; returns whether there was room.
#[target_feature(enable = "sse4.1")]
#[inline]
pub(crate) fn store_strided_u16x8(bytes: &mut [u8], stride: usize, numbers: __m128i) -> bool {
    if stride > usize::MAX / 8 || bytes.len() < 7 * stride + 2 {
        return false;
    }
    macro_rules! store {
        ($($i:literal)+) => {$(
            let number = _mm_extract_epi16::<$i>(numbers) as u16;
            // SAFETY: the last two bytes are within the slice.
            unsafe { bytes.as_mut_ptr().add($i * stride).cast::<u16>().write_unaligned(number) }
        )+};
    }
    store!(0 1 2 3 4 5 6 7);
    true
}

/// The lanes of the first `len` of 64.
const fn first_of_64(len: usize) -> u64 {
    if len < 64 { (1 << len) - 1 } else { u64::MAX }
}

/// At most 64 bytes, zeros behind them.
#[target_feature(enable = "avx512bw")]
#[inline]
pub(crate) fn load_part_u8x64(from: &[u8]) -> __m512i {
    // SAFETY: lanes beyond the slice are masked out, and memory behind those is not touched.
    unsafe { _mm512_maskz_loadu_epi8(first_of_64(from.len()), from.as_ptr().cast()) }
}

/// As many bytes as there is room for, at most 64.
#[target_feature(enable = "avx512bw")]
#[inline]
pub(crate) fn store_part_u8x64(to: &mut [u8], vector: __m512i) {
    // SAFETY: lanes beyond the slice are masked out, and memory behind those is not touched.
    unsafe { _mm512_mask_storeu_epi8(to.as_mut_ptr().cast(), first_of_64(to.len()), vector) }
}

/// 16 codes as numbers.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
#[inline]
pub(crate) fn load_codes<C: Code>(codes: &[C; 16]) -> __m512i {
    let codes = codes.as_slice();
    match C::BITS {
        8 => bytemuck::cast_slice(codes).first_chunk().map(|codes| _mm512_cvtepu8_epi32(load_u8x16(codes))),
        16 => bytemuck::cast_slice(codes).first_chunk().map(|codes| _mm512_cvtepu16_epi32(load_u16x16(codes))),
        _ => bytemuck::cast_slice(codes).first_chunk().map(|codes| load_u32x16(codes)),
    }
    .unwrap_or(_mm512_setzero_si512())
}
