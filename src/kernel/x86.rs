//! Vectors to and from memory, checked by the types of what is there.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

macro_rules! vectors {
    ($($feature:literal $load:ident $store:ident [$item:ty; $lanes:literal] $vector:ident: $loadu:ident $storeu:ident;)+) => {$(
        #[target_feature(enable = $feature)]
        #[inline]
        pub(crate) fn $load(from: &[$item; $lanes]) -> $vector {
            // SAFETY: the array is as long as the vector, and no alignment is asked for.
            unsafe { $loadu(from.as_ptr().cast()) }
        }

        #[target_feature(enable = $feature)]
        #[inline]
        pub(crate) fn $store(to: &mut [$item; $lanes], vector: $vector) {
            // SAFETY: the array is as long as the vector, and no alignment is asked for.
            unsafe { $storeu(to.as_mut_ptr().cast(), vector) }
        }
    )+};
}

vectors! {
    "avx" load_f32x8 store_f32x8 [f32; 8] __m256: _mm256_loadu_ps _mm256_storeu_ps;
    "avx512f" load_f32x16 store_f32x16 [f32; 16] __m512: _mm512_loadu_ps _mm512_storeu_ps;
}
