//! Values that are not finite.

use super::level::dispatch;

/// Whether all are finite.
pub(crate) fn all_finite(values: &[f32]) -> bool {
    dispatch!(all_finite(values): avx512 avx2)
}

/// Values beyond the largest finite one become that; NaN, which is on neither side, becomes the negative one.
pub(crate) fn saturate(values: &mut [f32]) {
    dispatch!(saturate(values): avx512 avx2);
}

mod portable {
    #[inline(always)]
    pub(super) fn all_finite(values: &[f32]) -> bool {
        // No early exit, which would keep the loop scalar. One more than an exponent of all ones carries into the sign bit,
        // which is cleared before.
        let carries = values.iter().fold(0, |carries, x| carries | ((x.to_bits() & 0x7fff_ffff) + 0x0080_0000));
        carries >> 31 == 0
    }

    #[inline(always)]
    pub(super) fn saturate(values: &mut [f32]) {
        for x in values {
            // Not `clamp`, which keeps NaN.
            let above = if *x > f32::MIN { *x } else { f32::MIN };
            *x = if above < f32::MAX { above } else { f32::MAX };
        }
    }
}

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2 {
    use super::portable;
    use crate::kernel::level::twins;

    twins! {"avx2":
        fn all_finite(values: &[f32]) -> bool;
        fn saturate(values: &mut [f32]);
    }
}

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512 {
    use super::portable;
    use crate::kernel::level::twins;

    twins! {"avx512f,avx512bw,avx512vl,avx512dq":
        fn all_finite(values: &[f32]) -> bool;
        fn saturate(values: &mut [f32]);
    }
}
