//! Cosines, the same on every machine.

use alloc::{vec, vec::Vec};
use num_traits::Float;

/// `cos(π j / (2 n))` for `j` from 0 to `n`, a power of two, by halving angles: sums, quotients and square roots.
pub(crate) fn quarter_wave(n: usize) -> Vec<f64> {
    let mut table = vec![0.0; n + 1];
    table[0] = 1.0;
    // Half the angle between neighbours that are known, at first π / 4.
    let mut step = n;
    let mut half = Float::sqrt(0.5_f64);
    while step > 1 {
        for j in (0..n).step_by(step) {
            table[j + step / 2] = (table[j] + table[j + step]) / (2.0 * half);
        }
        half = Float::sqrt(f64::midpoint(1.0, half));
        step /= 2;
    }
    table
}
