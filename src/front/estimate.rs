//! What a plan takes, before anything is searched: by histograms, or by equal steps on a sample.

use super::{
    sample::{PIECE, scattered},
    spikes::others,
};
use crate::{
    automaton::Automaton,
    classes::Classes,
    codec::{
        ContextRans,
        rans::{Shapes, SpikeMask},
    },
    error::Result,
    fit::Fit,
    kernel::{
        exp::{exp, ln},
        sums::sums,
    },
    quantizer::{Quantizer, Trellis},
    spikes::Spikes,
};
use alloc::{vec, vec::Vec};
use core::{f64::consts::LN_2, ops::Range};

/// Spikes, and what they are among.
#[derive(Debug, Clone, Copy)]
pub(super) struct Apart {
    pub(super) spikes: Spikes,
    /// Values that are in a row: see [`ContextRans::spikes`].
    row: usize,
    /// The share of values that are no spikes.
    pub(super) share: f64,
    /// Bits of their mask, for each value.
    pub(super) mask_bits: f64,
}

impl Apart {
    /// Spikes of values of this shape.
    pub(super) fn new(values: &[f32], shape: &[usize], spikes: Spikes) -> Self {
        let share = if spikes.is_empty() { 1.0 } else { others(values, spikes).0 };
        // What is longer than that is not remembered.
        let row = shape.last().copied().filter(|row| (2..=4096).contains(row));
        let mut apart = Self { spikes, row: row.unwrap_or(2), share, mask_bits: 0.0 };
        if let Some(mask) = apart.mask(0) {
            let bits = mask.fit(values.len(), |i| spikes.contains(values[i])).1;
            apart.mask_bits = bits / values.len().max(1) as f64;
        }
        apart
    }

    pub(super) fn settings(&self, settings: ContextRans) -> Result<ContextRans> {
        if self.spikes.is_empty() { Ok(settings) } else { settings.spikes(self.spikes.len(), self.row) }
    }

    /// A mask of which nothing is known, for symbols up to `last`.
    pub(super) fn mask(&self, last: u32) -> Option<SpikeMask> {
        (!self.spikes.is_empty()).then(|| SpikeMask::even(last + 1, self.spikes.len() as u32, self.row))
    }
}

/// The square of the scale of the first class, if those of the others are quarters of an octave apart; of values that are no
/// spikes, in these runs.
pub(super) fn first_scale(values: &[f32], classes: &Classes, spikes: Spikes, runs: &[Range<usize>]) -> f64 {
    let sizes: Vec<f32> = (0..classes.count()).map(|class| exp(class as f64 * -0.5 * LN_2) as f32).collect();
    let (mut sum, mut count) = (0.0, 0);
    for_each_run(values, classes, &sizes, spikes, runs, |_, values, sizes, _| {
        let [part] = sums(values, sizes, |x, size| [f64::from(x) * f64::from(x) * f64::from(size)]);
        sum += part;
        count += values.len();
    });
    (sum / count.max(1) as f64).max(f64::MIN_POSITIVE)
}

/// Of each run where it starts, its values that are no spikes, what `table` has for their classes, and the classes.
fn for_each_run(
    values: &[f32],
    classes: &Classes,
    table: &[f32],
    spikes: Spikes,
    runs: &[Range<usize>],
    mut each: impl FnMut(usize, &[f32], &[f32], &[u8]),
) {
    let mut classed = [0; PIECE];
    let mut found = [table[0]; PIECE];
    let mut others = [0.0; PIECE];
    for run in runs {
        let mut values = &values[run.clone()];
        if !classes.is_one() {
            classes.fill(run.start, &mut classed[..values.len()]);
        }
        if !spikes.is_empty() {
            let mut count = 0;
            for (i, &x) in values.iter().enumerate() {
                (others[count], classed[count]) = (x, classed[i]);
                count += usize::from(!spikes.contains(x));
            }
            values = &others[..count];
        }
        let (classed, found) = (&classed[..values.len()], &mut found[..values.len()]);
        if !classes.is_one() {
            found.iter_mut().zip(classed).for_each(|(found, &class)| *found = table[usize::from(class)]);
        }
        each(run.start, values, found, classed);
    }
}

/// Bits that equal steps of a width do take in these runs, without a trellis, and those that their error is worth.
///
/// Spikes have no error, and where they are a part of the values, bits for the others buy more: with a share `s` of others,
/// half the step takes `s` bits. So an error is worth `s` times as many bits as without them.
pub(super) fn coded_cost(
    values: &[f32],
    classes: Classes,
    width: f64,
    apart: Apart,
    (runs, all): (&[Range<usize>], usize),
    shapes: &mut Shapes,
) -> Result<f64> {
    let automaton = Automaton::memoryless();
    let quantizer = Trellis::new(width as f32).lambda(0.0).spikes(apart.spikes.as_slice())?.fit(values)?;
    let mut codes = vec![0; runs.iter().map(Range::len).sum()];
    quantizer.quantize_runs(runs, values, &mut codes)?;
    let (mut done, mut error, mut restored) = (0, 0.0, [0.0; PIECE]);
    for run in runs {
        let restored = &mut restored[..run.len()];
        quantizer.dequantize_at(0, &codes[done..done + run.len()], restored)?;
        let [sum] = sums(&values[run.clone()], restored, |x, y| [f64::from(x - y) * f64::from(x - y)]);
        error += sum;
        done += run.len();
    }
    let zero = quantizer.zero().max(0).cast_unsigned();
    let settings = apart.settings(ContextRans::new(automaton).centre(zero).classes(classes))?;
    let fit = settings.fit_runs(&codes, runs, quantizer.level_count(), shapes)?;
    let count = codes.len().max(1) as f64;
    // Tables are written once for all values, of which these are a sample; a mask needs all that is above.
    let tables = 8.0 * fit.table_bytes as f64 / all.max(1) as f64;
    let relative = 12.0 * error / count / width / width;
    let bits = (fit.bits - fit.mask_bits) / count + apart.mask_bits + tables;
    Ok(bits + 0.5 * apart.share * ln(relative.max(f64::MIN_POSITIVE)) / LN_2)
}

/// About how many bits equal steps of a width take: the differential entropy of values with even noise as wide as a step, in
/// units of what is known of their class, less that of the noise. The histogram has eight bars to an octave. Spikes take what
/// their mask does, and save what their error would be worth. Of all values, by these runs of them.
pub(super) fn bits(values: &[f32], classes: &Classes, width: f64, apart: Apart, runs: &[Range<usize>]) -> f64 {
    const BARS: usize = 256;
    let noise = width * width / 12.0;
    let first = first_scale(values, classes, apart.spikes, runs);
    let scales: Vec<f64> =
        (0..classes.count()).map(|class| exp(0.5 * ln(first * exp(class as f64 * 0.5 * LN_2) + noise))).collect();
    let inverses: Vec<f32> = scales.iter().map(|scale| (1.0 / scale).min(3e38) as f32).collect();
    // Neighbours are counted apart, so that none waits for the one before.
    let mut counts = [[0_u32; BARS]; 4];
    let mut members = vec![0_u64; classes.count()];
    let mut negative = 0_u64;
    // Noise that each run takes from anywhere, so that no period of the values is one of it.
    let dither: [f32; 2 * PIECE] =
        core::array::from_fn(|i| ((scattered(i) >> 8) as i32 as f32 / 16_777_216.0 - 0.5) * width as f32);
    let mut keys = [0_u8; PIECE];
    for_each_run(values, classes, &inverses, apart.spikes, runs, |start, values, inverses, classed| {
        let mut below = 0_u32;
        let dither = &dither[(scattered(start) >> 8) as usize % PIECE..];
        for (((key, &x), dither), inverse) in keys.iter_mut().zip(values).zip(dither).zip(inverses) {
            let u = ((x + dither) * inverse).clamp(-60_000.0, 60_000.0);
            // The exponent and three bits of the mantissa, from 2^-16 on; 2^16 is beyond all.
            let bar = ((u.abs().to_bits() >> 20) as i32 - ((127 - 16) << 3)).max(0);
            *key = bar as u8;
            below += u32::from(u < 0.0);
        }
        negative += u64::from(below);
        for keys in keys[..values.len()].chunks(4) {
            keys.iter().zip(&mut counts).for_each(|(&key, bars)| bars[usize::from(key)] += 1);
        }
        if members.len() > 1 {
            for &class in classed {
                members[usize::from(class)] += 1;
            }
        } else {
            members[0] += values.len() as u64;
        }
    });
    let bars: [u32; BARS] = core::array::from_fn(|bar| counts.iter().map(|bars| bars[bar]).sum());
    let count = members.iter().sum::<u64>().max(1) as f64;
    let log2 = |x: f64| ln(x.max(f64::MIN_POSITIVE)) / LN_2;
    let surprise = |n: f64| if n > 0.0 { -n / count * log2(n / count) } else { 0.0 };
    let mut bits = surprise(negative as f64) + surprise(count - negative as f64);
    for (bar, &n) in bars.iter().enumerate().filter(|&(_, &n)| n > 0) {
        let wide = if bar == 0 { -16.0 } else { (bar / 8) as f64 - 16.0 - 3.0 };
        bits += surprise(n.into()) + f64::from(n) / count * wide;
    }
    for (&n, &scale) in members.iter().zip(&scales) {
        bits += n as f64 / count * log2(scale);
    }
    let bits = (bits - log2(width)).max(0.0);
    if apart.spikes.is_empty() { bits } else { apart.share * (bits + 0.5 * log2(apart.share)) + apart.mask_bits }
}
