//! Vectors to and from memory, checked by the types of what is there.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

macro_rules! vectors {
    ($($feature:literal $load:ident $store:ident [$item:ty; $lanes:literal] $vector:ident: $loadu:ident $storeu:ident;)+) => {$(
        #[target_feature(enable = $feature)]
        #[inline]
        #[allow(dead_code, reason = "some vectors go one way only")]
        pub(crate) fn $load(from: &[$item; $lanes]) -> $vector {
            // SAFETY: the array is as long as the vector, and no alignment is asked for.
            unsafe { $loadu(from.as_ptr().cast()) }
        }

        #[target_feature(enable = $feature)]
        #[inline]
        #[allow(dead_code, reason = "some vectors go one way only")]
        pub(crate) fn $store(to: &mut [$item; $lanes], vector: $vector) {
            // SAFETY: the array is as long as the vector, and no alignment is asked for.
            unsafe { $storeu(to.as_mut_ptr().cast(), vector) }
        }
    )+};
}

vectors! {
    "sse2" load_u8x16 store_u8x16 [u8; 16] __m128i: _mm_loadu_si128 _mm_storeu_si128;
    "sse2" load_u16x8 store_u16x8 [u16; 8] __m128i: _mm_loadu_si128 _mm_storeu_si128;
    "avx" load_u8x32 store_u8x32 [u8; 32] __m256i: _mm256_loadu_si256 _mm256_storeu_si256;
    "avx" load_u16x16 store_u16x16 [u16; 16] __m256i: _mm256_loadu_si256 _mm256_storeu_si256;
    "avx512f" load_u8x64 store_u8x64 [u8; 64] __m512i: _mm512_loadu_si512 _mm512_storeu_si512;
    "avx" load_f32x8 store_f32x8 [f32; 8] __m256: _mm256_loadu_ps _mm256_storeu_ps;
    "avx" load_f64x4 store_f64x4 [f64; 4] __m256d: _mm256_loadu_pd _mm256_storeu_pd;
    "avx512f" load_f64x8 store_f64x8 [f64; 8] __m512d: _mm512_loadu_pd _mm512_storeu_pd;
    "avx512f" load_f32x16 store_f32x16 [f32; 16] __m512: _mm512_loadu_ps _mm512_storeu_ps;
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
