//! Products with square matrices.

use super::level::dispatch;

/// A row vector times a matrix, which has as many rows and columns, row by row, as `x` and `out` have values. Products are added
/// in the order of `x`, so that all sums go on at once.
pub(crate) fn product(matrix: &[f32], x: &[f32], out: &mut [f32]) {
    dispatch!(product(matrix, x, out): avx512 avx2);
}

mod portable {
    #[inline(always)]
    pub(super) fn product(matrix: &[f32], x: &[f32], out: &mut [f32]) {
        let n = x.len();
        out.fill(0.0);
        // Four rows at once, so that sums are loaded and stored a quarter as often.
        let (quads, rest) = x.as_chunks::<4>();
        for (x, rows) in quads.iter().zip(matrix.chunks_exact(4 * n)) {
            let (a, rows) = rows.split_at(n);
            let (b, rows) = rows.split_at(n);
            let (c, d) = rows.split_at(n);
            for ((((sum, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *sum = (((*sum + a * x[0]) + b * x[1]) + c * x[2]) + d * x[3];
            }
        }
        let done = quads.len() * 4 * n;
        for (x, row) in rest.iter().zip(matrix[done..].chunks_exact(n)) {
            for (sum, entry) in out.iter_mut().zip(row) {
                *sum += entry * x;
            }
        }
    }
}

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2 {
    use super::portable;
    use crate::kernel::level::twins;

    twins! {"avx2":
        fn product(matrix: &[f32], x: &[f32], out: &mut [f32]);
    }
}

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512 {
    use super::portable;
    use crate::kernel::level::twins;

    twins! {"avx512f,avx512bw,avx512vl,avx512dq":
        fn product(matrix: &[f32], x: &[f32], out: &mut [f32]);
    }
}

#[cfg(test)]
mod tests {
    use super::product;
    use crate::kernel::level::{Level, limit};
    use alloc::{vec, vec::Vec};

    #[test]
    fn sums_are_in_order_at_each_level() {
        for n in [1, 2, 3, 4, 7, 8, 32, 37, 128] {
            let x: Vec<f32> = (0..n).map(|i| (i as f32 * 0.7).sin()).collect();
            let matrix: Vec<f32> = (0..n * n).map(|i| (i as f32 * 1.3).cos() * 3.0).collect();
            let column = |column: usize| (0..n).fold(0.0, |sum, row| sum + matrix[row * n + column] * x[row]);
            let expected: Vec<f32> = (0..n).map(column).collect();
            for level in Level::ALL {
                limit(level);
                let mut out = vec![f32::NAN; n];
                product(&matrix, &x, &mut out);
                assert_eq!(out, expected, "{n} {level:?}");
            }
            limit(Level::Avx512);
        }
    }
}
