//! Exponential function and logarithm, the same on every machine: exactly rounded operations alone.

use core::f64::consts::{LN_2, LOG2_E, SQRT_2};

/// `1 / k!` for `k` from 0 to 13. Factorials are exact, so each is rounded once.
const RECIPROCAL_FACTORIALS: [f64; 14] = {
    let mut table = [1.0; 14];
    let (mut factorial, mut k) = (1_u64, 1);
    while k < table.len() {
        factorial *= k as u64;
        table[k] = 1.0 / factorial as f64;
        k += 1;
    }
    table
};

/// Added to a number of magnitude up to 2^51, it leaves the nearest integer in the lowest bits of the mantissa. The ways of
/// converting to and from integers that a processor has are slower or work one at a time.
const ROUNDER: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52

/// `e^x` for magnitudes up to 700, within 2^-43 of it: a power of two and a series.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    let rounded = x * LOG2_E + ROUNDER;
    // At most 0.35 in magnitude.
    let rest = x - (rounded - ROUNDER) * LN_2;
    let series = RECIPROCAL_FACTORIALS.iter().rev().fold(0.0, |sum, coefficient| coefficient + rest * sum);
    series * f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52)
}

/// The natural logarithm of a positive normal number, within 2^-50 of it or of 2^-53 times the number of binary digits
/// before the point: `m 2^e`, and the series of `artanh((m - 1) / (m + 1))`.
#[inline(always)]
pub(crate) fn ln(x: f64) -> f64 {
    const HALF_ROOT: u64 = (SQRT_2 / 2.0).to_bits();
    // `m` is between the roots of 1/2 and 2; the exponent is positive here, for signed shifts are slow.
    let shifted = x.to_bits().wrapping_sub(HALF_ROOT).wrapping_add(1024 << 52) >> 52;
    let m = f64::from_bits(x.to_bits().wrapping_sub(shifted.wrapping_sub(1024) << 52));
    let exponent = f64::from_bits(ROUNDER.to_bits() + shifted) - (ROUNDER + 1024.0);
    let z = (m - 1.0) / (m + 1.0);
    let square = z * z;
    let series = (0..10).rev().fold(0.0, |sum, k| 1.0 / f64::from(2 * k + 1) + square * sum);
    2.0 * z * series + exponent * LN_2
}

/// Bits of symbols that occur so often, each by its share: what no code has less of that gives each symbol its own.
/// Which tables are made depends on it, so that no math library may.
pub(crate) fn information(counts: impl Iterator<Item = u64> + Clone) -> f64 {
    let total = counts.clone().sum::<u64>() as f64;
    let bits = |count: u64| if count == 0 { 0.0 } else { count as f64 * (ln(total) - ln(count as f64)) };
    counts.map(bits).sum::<f64>() / LN_2
}
