//! What a plan takes, before anything is searched: by histograms, or by equal steps on a sample.

use super::spikes::others;
use crate::{
    automaton::Automaton,
    classes::Classes,
    codec::{ContextRans, rans::SpikeMask},
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
use core::f64::consts::LN_2;

/// Spikes, and what they are among.
#[derive(Debug, Clone, Copy)]
pub(super) struct Apart {
    pub(super) spikes: Spikes,
    /// Values that are in a row: see [`ContextRans::spikes`].
    row: usize,
    /// The share of values that are no spikes.
    pub(super) share: f64,
}

impl Apart {
    /// Spikes of values of this shape.
    pub(super) fn new(values: &[f32], shape: &[usize], spikes: Spikes) -> Self {
        let share = if spikes.is_empty() { 1.0 } else { others(values, spikes).0 };
        // What is longer than that is not remembered.
        let row = shape.last().copied().filter(|row| (2..=4096).contains(row));
        Self { spikes, row: row.unwrap_or(2), share }
    }

    pub(super) fn settings(&self, settings: ContextRans) -> Result<ContextRans> {
        if self.spikes.is_empty() { Ok(settings) } else { settings.spikes(self.spikes.len(), self.row) }
    }

    /// A mask of which nothing is known, for symbols up to `last`.
    pub(super) fn mask(&self, last: u32) -> Option<SpikeMask> {
        (!self.spikes.is_empty()).then(|| SpikeMask::even(last + 1, self.spikes.len() as u32, self.row))
    }

    /// Bits of the mask, for each value.
    fn mask_bits(&self, values: &[f32]) -> f64 {
        let is_spike = |i: usize| self.spikes.contains(values[i]);
        let bits = self.mask(0).map_or(0.0, |mask| mask.fit(values.len(), is_spike).1);
        bits / values.len().max(1) as f64
    }
}

/// The square of the scale of the first class, if those of the others are quarters of an octave apart; of values that are no
/// spikes.
pub(super) fn first_scale(values: &[f32], classes: &Classes, spikes: Spikes) -> f64 {
    let sizes: Vec<f32> = (0..classes.count()).map(|class| exp(class as f64 * -0.5 * LN_2) as f32).collect();
    let (mut sum, mut lane) = ([0.0_f64; 8], 0_usize);
    for_each_class(values, classes, spikes, |x, class| {
        sum[lane % 8] += f64::from(x) * f64::from(x) * f64::from(sizes[class]);
        lane += 1;
    });
    (sum.iter().sum::<f64>() / lane.max(1) as f64).max(f64::MIN_POSITIVE)
}

/// Of all values that are no spikes.
fn for_each_class(values: &[f32], classes: &Classes, spikes: Spikes, mut each: impl FnMut(f32, usize)) {
    const PIECE: usize = 1024;
    let mut classed = [0; PIECE];
    for (piece, values) in values.chunks(PIECE).enumerate() {
        let classed = &mut classed[..values.len()];
        classes.fill(piece * PIECE, classed);
        if spikes.is_empty() {
            values.iter().zip(&*classed).for_each(|(&x, &class)| each(x, class.into()));
        } else {
            let others = values.iter().zip(&*classed).filter(|&(&x, _)| !spikes.contains(x));
            others.for_each(|(&x, &class)| each(x, class.into()));
        }
    }
}

/// Bits that equal steps of a width do take, without a trellis, and those that their error is worth.
///
/// Spikes have no error, and where they are a part of the values, bits for the others buy more: with a share `s` of others,
/// half the step takes `s` bits. So an error is worth `s` times as many bits as without them.
pub(super) fn coded_cost(values: &[f32], classes: Classes, width: f64, apart: Apart, all: usize) -> Result<f64> {
    let automaton = Automaton::memoryless();
    let quantizer = Trellis::new(width as f32).lambda(0.0).spikes(apart.spikes.as_slice())?.fit(values)?;
    let (mut codes, mut restored) = (vec![0; values.len()], vec![0.0; values.len()]);
    quantizer.quantize_at(0, values, &mut codes)?;
    quantizer.dequantize_at(0, &codes, &mut restored)?;
    let [error] = sums(values, &restored, |x, y| [f64::from(x - y) * f64::from(x - y)]);
    let zero = quantizer.zero().max(0).cast_unsigned();
    let settings = apart.settings(ContextRans::new(automaton).centre(zero).classes(classes))?;
    let fit = settings.fit_codes(&codes, quantizer.level_count())?;
    let count = values.len().max(1) as f64;
    // Tables are written once for all values, of which these are a sample.
    let tables = 8.0 * fit.codec.table_bytes() as f64 / all.max(1) as f64;
    let relative = 12.0 * error / count / width / width;
    Ok(fit.bits / count + tables + 0.5 * apart.share * ln(relative.max(f64::MIN_POSITIVE)) / LN_2)
}

/// About how many bits equal steps of a width take: the differential entropy of values with even noise as wide as a step, in
/// units of what is known of their class, less that of the noise. The histogram has eight bars to an octave. Spikes take what
/// their mask does, and save what their error would be worth.
pub(super) fn bits(values: &[f32], classes: &Classes, width: f64, apart: Apart) -> f64 {
    const BARS: usize = 256;
    let noise = width * width / 12.0;
    let first = first_scale(values, classes, apart.spikes);
    let scales: Vec<f64> =
        (0..classes.count()).map(|class| exp(0.5 * ln(first * exp(class as f64 * 0.5 * LN_2) + noise))).collect();
    let inverses: Vec<f32> = scales.iter().map(|scale| (1.0 / scale).min(3e38) as f32).collect();
    let mut bars = [0_u32; BARS];
    let mut members = vec![0_u64; classes.count()];
    let (mut negative, mut hash) = (0_u64, 0_u32);
    for_each_class(values, classes, apart.spikes, |x, class| {
        hash = hash.wrapping_add(0x9e37_79b9);
        let mixed = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
        let dither = ((mixed >> 8) as f32 / 16_777_216.0 - 0.5) * width as f32;
        let u = ((x + dither) * inverses[class]).clamp(-60_000.0, 60_000.0);
        negative += u64::from(u < 0.0);
        members[class] += 1;
        // The exponent and three bits of the mantissa, from 2^-16 on.
        let bar = (u.abs().to_bits() >> 20).saturating_sub((127 - 16) << 3);
        bars[(bar as usize).min(BARS - 1)] += 1;
    });
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
    if apart.spikes.is_empty() {
        bits
    } else {
        apart.share * (bits + 0.5 * log2(apart.share)) + apart.mask_bits(values)
    }
}
