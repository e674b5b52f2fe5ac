//! The exponential function, the same on every machine.

/// `e^x` for magnitudes up to 700, of exactly rounded operations: a power of two and a series.
pub(crate) fn exp(x: f64) -> f64 {
    use core::f64::consts::LN_2;
    const ROUNDER: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
    let power = (x / LN_2 + ROUNDER) - ROUNDER;
    // At most 0.35 in magnitude.
    let rest = x - power * LN_2;
    let series = (1..=16).rev().fold(1.0, |sum, k| 1.0 + rest / f64::from(k) * sum);
    series * f64::from_bits(((power as i64 + 1023) as u64) << 52)
}
