//! Which values occur so often that it may pay to keep them apart.

use crate::spikes::{MOST_SPIKES, Spikes};
use alloc::vec::Vec;

/// Values that are looked at.
const SAMPLE: usize = 4096;
/// Bits of a hash of a value.
const HASH: u32 = 10;
/// Less than this share is no spike by itself.
const HEAVY: f64 = 1.0 / 32.0;
/// Beside a heavy one, less will do.
const LIGHT: f64 = 1.0 / 512.0;

/// The values that occur most often, if one of them is a spike; most arrays have none.
pub(super) fn frequent(values: &[f32]) -> Spikes {
    let step = values.len().div_ceil(SAMPLE).max(1);
    // One of each step, so that periods of the values are none of the sample.
    let mut hash = 0_u32;
    let one_of = |run: &[f32]| {
        hash = hash.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // A zero has no sign.
        run[(hash >> 8) as usize % run.len()] + 0.0
    };
    let mut sample: Vec<f32> = values.chunks(step).map(one_of).collect();
    let count = sample.len() as f64;
    // Most arrays are done here: no value occurs more often than its hash does.
    let mut hashes = [0_u32; 1 << HASH];
    for x in &sample {
        hashes[(x.to_bits().wrapping_mul(0x9e37_79b1) >> (u32::BITS - HASH)) as usize] += 1;
    }
    if hashes.iter().all(|&len| f64::from(len) < HEAVY * count) {
        return Spikes::none();
    }
    sample.sort_unstable_by(f32::total_cmp);
    let mut runs: Vec<(usize, f32)> = sample.chunk_by(|a, b| a == b).map(|run| (run.len(), run[0])).collect();
    // Two equal ones of few values say nothing.
    runs.retain(|&(len, _)| len > 4 && len as f64 >= LIGHT * count);
    runs.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.total_cmp(&b.1)));
    if runs.first().is_none_or(|&(len, _)| (len as f64) < HEAVY * count) {
        return Spikes::none();
    }
    let most: Vec<f32> = runs.iter().take(MOST_SPIKES).map(|&(_, value)| value).collect();
    Spikes::new(&most).unwrap_or_default()
}

/// The share of values that are none of the spikes, and their mean.
pub(super) fn others(values: &[f32], spikes: Spikes) -> (f64, f64) {
    let others = values.iter().filter(|&&x| !spikes.contains(x));
    let (sum, count) = others.fold((0.0, 0_usize), |(sum, count), &x| (sum + f64::from(x), count + 1));
    (count as f64 / values.len().max(1) as f64, sum / count.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::{Spikes, frequent, others};
    use alloc::vec::Vec;

    #[test]
    fn what_occurs_often_is_found() {
        // Columns of zeros, and a few ends of the range.
        let value = |i: usize| match i % 64 {
            0..20 => -0.0,
            20 if i.is_multiple_of(3) => 6.0,
            _ => 1.0 + i as f32,
        };
        let values: Vec<f32> = (0..64 * 4096).map(value).collect();
        let spikes = frequent(&values);
        assert_eq!(spikes.as_slice(), [0.0, 6.0]);
        assert!((others(&values, spikes).0 - (1.0 - 20.0 / 64.0 - 1.0 / 192.0)).abs() < 1e-4);
    }

    #[test]
    fn values_that_hardly_come_again_are_none() {
        let values: Vec<f32> = (0..100_000).map(|i| if i % 50 == 0 { 0.0 } else { i as f32 }).collect();
        assert_eq!(frequent(&values), Spikes::none());
        assert_eq!(frequent(&[1.0, 1.0, 1.0]), Spikes::none());
        assert_eq!(frequent(&[]), Spikes::none());
    }
}
