//! How large values are in their rows, columns and blocks.

use crate::{
    classes::{Classes, MOST_CLASSES},
    error::{Error, Result},
    groups::Groups,
    kernel::{
        exp::{exp, ln},
        extrema::enclose,
        sums::sums as sums_of,
    },
};
use alloc::{vec, vec::Vec};
use core::f64::consts::LN_2;

/// Values whose weights are found at once.
const PIECE: usize = 1024;

/// Levels for each group of each grouping, in quarters of an octave, whose products of scales come near the mean squares of
/// values: groupings in turn, given the others. Values that are `apart`, if there are such, count for nothing.
pub(crate) fn classes(
    groupings: &[Groups],
    values: &[f32],
    apart: Option<impl Fn(f32) -> bool + Copy>,
) -> Result<Classes> {
    /// Rounds over all groupings: where there are two, the second barely changes anything.
    const ROUNDS: usize = 2;
    if groupings.is_empty() {
        return Ok(Classes::default());
    }
    for groups in groupings {
        groups.check(0, values.len())?;
        if groups.count() > values.len() {
            return Err(Error::Length { what: "values", expected: groups.count(), actual: values.len() });
        }
    }
    let mut logs: Vec<Vec<f64>> = groupings.iter().map(|groups| vec![0.0; groups.count()]).collect();
    let mut weights: Vec<Vec<f32>> = groupings.iter().map(|groups| vec![1.0; groups.count()]).collect();
    // Squares of the largest values are within f32 then.
    let largest = match apart {
        None => largest(values),
        Some(apart) => values.iter().filter(|&&x| !apart(x)).fold(0.0_f32, |largest, x| largest.max(x.abs())),
    };
    let unit = if largest > 1e-30 { 1.0 / largest } else { 1e30 };
    for _ in 0..if groupings.len() > 1 { ROUNDS } else { 1 } {
        for (part, groups) in groupings.iter().enumerate() {
            let (mut sums, mut counts) = (vec![0.0_f64; groups.count()], vec![0_u64; groups.count()]);
            let (mut weight, mut counted) = ([0.0_f32; PIECE], [1_u32; PIECE]);
            for (piece, values) in values.chunks(PIECE).enumerate() {
                let (start, weight) = (piece * PIECE, &mut weight[..values.len()]);
                weight.iter_mut().zip(values).for_each(|(w, &x)| *w = (x * unit) * (x * unit));
                if let Some(apart) = apart {
                    weight.iter_mut().zip(&mut counted).zip(values).for_each(|((w, count), &x)| {
                        (*w, *count) = if apart(x) { (0.0, 0) } else { (*w, 1) };
                    });
                }
                for (other, groups) in groupings.iter().enumerate().filter(|&(other, _)| other != part) {
                    if groups.run() == 1 {
                        groups.for_each_row(start, weight.len(), |group, from, to| {
                            let scales = &weights[other][group..group + (to - from)];
                            weight[from..to].iter_mut().zip(scales).for_each(|(w, s)| *w *= s);
                        });
                    } else {
                        groups.for_each_run(start, weight.len(), |group, from, to| {
                            let scale = weights[other][group];
                            weight[from..to].iter_mut().for_each(|w| *w *= scale);
                        });
                    }
                }
                if groups.run() == 1 {
                    groups.for_each_row(start, weight.len(), |group, from, to| {
                        let groups = group..group + (to - from);
                        sums[groups.clone()]
                            .iter_mut()
                            .zip(&weight[from..to])
                            .for_each(|(sum, &w)| *sum += f64::from(w));
                        counts[groups]
                            .iter_mut()
                            .zip(&counted[from..to])
                            .for_each(|(count, n)| *count += u64::from(*n));
                    });
                } else {
                    groups.for_each_run(start, weight.len(), |group, from, to| {
                        let run = &weight[from..to];
                        let [energy] = sums_of(run, run, |w, _| [f64::from(w)]);
                        sums[group] += energy;
                        counts[group] += u64::from(counted[from..to].iter().sum::<u32>());
                    });
                }
            }
            let count = counts.iter().sum::<u64>();
            let mean = sums.iter().sum::<f64>() / count.max(1) as f64;
            let found = sums.iter().zip(&counts);
            for ((log, weight), (&sum, &count)) in logs[part].iter_mut().zip(&mut weights[part]).zip(found) {
                // Nothing there counts as 60 dB less.
                let square = (sum / count.max(1) as f64 / mean.max(f64::MIN_POSITIVE)).max(1e-9);
                *log = 2.0 * ln(square) / LN_2;
                *weight = exp(-ln(square)) as f32;
            }
        }
    }
    let most = (MOST_CLASSES - 1) / groupings.len();
    let levels = logs.iter().map(|logs| {
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let least = logs.iter().copied().fold(f64::INFINITY, f64::min).max(largest - most as f64 + 0.5);
        let from = (least + 1e6 + 0.5) as i64;
        logs.iter().map(|log| ((log + 1e6 + 0.5) as i64 - from).clamp(0, most as i64) as u8).collect()
    });
    Classes::new(groupings.iter().copied().zip(levels).collect(), 0)
}

/// The largest magnitude.
fn largest(values: &[f32]) -> f32 {
    let (mut low, mut high) = (0.0, 0.0);
    enclose(values, &mut low, &mut high);
    high.max(-low)
}

#[cfg(test)]
mod tests {
    use super::classes;
    use crate::groups::Groups;
    use alloc::vec::Vec;

    #[test]
    fn nothing_apart_is_none_apart_and_what_is_apart_counts_for_nothing() {
        let value = |i: usize| (i as f32 * 0.7).sin() * (1 + i / 40 % 5) as f32 * (1 + i % 40) as f32;
        let values: Vec<f32> = (0..40 * 50).map(value).collect();
        let groupings = [Groups::blocks(40, values.len()).unwrap(), Groups::axis(&[1, 40], 1).unwrap()];
        let of = |values: &[f32], spike: f32| classes(&groupings, values, Some(|x| x == spike)).unwrap();
        let plain = classes(&groupings, &values, None::<fn(f32) -> bool>).unwrap();
        assert_eq!(of(&values, 1e9), plain);
        assert!(plain.count() > 8);
        // One value in seven is a spike, however large it is.
        let spiked = |spike: f32| values.iter().enumerate().map(move |(i, &x)| if i % 7 == 0 { spike } else { x });
        let [small, large] = [1e-9, 1e9].map(|spike| of(&spiked(spike).collect::<Vec<_>>(), spike));
        assert_eq!(small, large);
    }
}
