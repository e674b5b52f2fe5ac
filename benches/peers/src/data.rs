//! What is measured on, and whether a result is right.

/// Gaussian values, the same for a seed everywhere.
pub fn gaussian(count: usize, sigma: f64, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut unit = move || {
        // SplitMix64, Steele and others, 2014.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        // Box and Muller: a pair from a radius and an angle.
        let radius = sigma * (-2.0 * (1.0 - unit()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * unit()).sin_cos();
        values.extend([(radius * cos) as f32, (radius * sin) as f32]);
    }
    values.truncate(count);
    values
}

/// Codes of `width` bits, evenly spread.
pub fn codes(count: usize, width: u32) -> Vec<u8> {
    (0..count as u32).map(|i| (i.wrapping_mul(0x9e37_79b9) >> (32 - width)) as u8).collect()
}

/// Signal over noise in decibels, by a loop that has nothing to do with what is measured.
pub fn sqnr_db(original: &[f32], restored: &[f32]) -> f64 {
    assert_eq!(original.len(), restored.len());
    let square = |x: f64| x * x;
    let signal: f64 = original.iter().map(|&x| square(x.into())).sum();
    let noise: f64 = original.iter().zip(restored).map(|(&x, &y)| square(f64::from(x) - f64::from(y))).sum();
    10.0 * (signal / noise).log10()
}

pub fn bits(bytes: usize, values: usize) -> f64 {
    bytes as f64 * 8.0 / values as f64
}
