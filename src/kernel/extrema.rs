//! Smallest and largest values.

use super::level::dispatch;

/// Independent minima and maxima, so that a reduction is not one chain of dependent operations.
const LANES: usize = 32;

/// Lowers `low` and raises `high` to enclose the finite `values`.
pub(crate) fn enclose(values: &[f32], low: &mut f32, high: &mut f32) {
    if values.len() < LANES {
        for &x in values {
            (*low, *high) = (lower(*low, x), higher(*high, x));
        }
        return;
    }
    dispatch!(enclose(values, low, high): avx512 avx2);
}

/// Likewise value by value: `values[i]` only moves `lows[i]` and `highs[i]`.
#[inline(always)]
pub(crate) fn enclose_each(values: &[f32], lows: &mut [f32], highs: &mut [f32]) {
    for ((&x, low), high) in values.iter().zip(lows).zip(highs) {
        *low = lower(*low, x);
        *high = higher(*high, x);
    }
}

// `f32::min` also handles NaN, which costs two more instructions; values are finite here.
#[inline(always)]
fn lower(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

#[inline(always)]
fn higher(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

mod portable {
    use super::{LANES, enclose_each, higher, lower};

    #[inline(always)]
    pub(super) fn enclose(values: &[f32], low: &mut f32, high: &mut f32) {
        let mut lows = [*low; LANES];
        let mut highs = [*high; LANES];
        let (blocks, tail) = values.as_chunks::<LANES>();
        for block in blocks {
            enclose_each(block, &mut lows, &mut highs);
        }
        enclose_each(tail, &mut lows, &mut highs);
        *low = lows.into_iter().fold(*low, lower);
        *high = highs.into_iter().fold(*high, higher);
    }
}

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2 {
    use super::portable;
    use crate::kernel::level::twins;

    twins! {"avx2":
        fn enclose(values: &[f32], low: &mut f32, high: &mut f32);
    }
}

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512 {
    use super::portable;
    use crate::kernel::level::twins;

    twins! {"avx512f,avx512bw,avx512vl,avx512dq":
        fn enclose(values: &[f32], low: &mut f32, high: &mut f32);
    }
}

#[cfg(test)]
mod tests {
    use super::enclose;
    use crate::kernel::level::{Level, limit};
    use alloc::vec::Vec;

    #[test]
    fn ends_are_the_same_bits_at_each_level() {
        for len in [0, 1, 15, 16, 31, 32, 33, 64, 95, 1000] {
            for scale in [0.0_f32, -0.0, 1.0, 1e-42, f32::MAX] {
                let values: Vec<f32> = (0..len).map(|i| (i as f32 * 0.7).sin() * scale).collect();
                let ends = |start: f32| {
                    let (mut low, mut high) = (start, start);
                    enclose(&values, &mut low, &mut high);
                    assert!(values.iter().all(|x| (low..=high).contains(x)));
                    assert!(low == start || values.contains(&low));
                    [low.to_bits(), high.to_bits()]
                };
                for start in [0.0, -0.0, 0.5] {
                    limit(Level::Portable);
                    let portable = ends(start);
                    for level in Level::ALL {
                        limit(level);
                        assert_eq!(ends(start), portable, "{len} values, {scale}, {level:?}");
                    }
                }
            }
        }
        limit(Level::Avx512);
    }
}
