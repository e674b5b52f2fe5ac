//! From a target to the blocks of a fixed rate that keep to it.

use super::compressor::{Compressed, Compressor};
use crate::{
    element::Element, error::Result, fit::Fit, metrics::bits_per_value, pipeline::TrellisBlocks, target::Target,
};
use alloc::format;

/// Bits of a symbol, from and to.
const FEWEST: u32 = 1;
const MOST: u32 = 8;

impl Compressor {
    /// Of the frames of a fixed rate, the one with the most bits that is small enough, or with the fewest whose error is small
    /// enough; none if none is, or if the target is about single values.
    pub(super) fn fixed<T: Element>(&self, values: &[T], finite: &[T]) -> Result<Option<Compressed>> {
        let frame = |bits: u32| {
            let pipeline = TrellisBlocks::new(bits).fit(finite)?;
            let found = self.masked(values, pipeline, &format!("trellis-coded blocks of {bits} bits"))?;
            Ok(Some(found).filter(|found| found.report.cost.meets_target))
        };
        match self.target {
            Target::BitsPerValue(most) => largest(most, frame),
            Target::Bytes(most) => largest(bits_per_value(most, values.len()), frame),
            Target::Sqnr(_) | Target::Psnr(_) | Target::Rms(_) => smallest(frame),
            Target::MaxError(_) | Target::MaxErrorOfRange(_) | Target::PointwiseRelative(_) | Target::Lossless => {
                Ok(None)
            }
        }
    }
}

/// The first from above that symbols alone leave room for, and headers too.
fn largest<F>(most: f64, frame: impl Fn(u32) -> Result<Option<F>>) -> Result<Option<F>> {
    for bits in (FEWEST..=MOST).rev().filter(|&bits| f64::from(bits) < most) {
        if let Some(found) = frame(bits)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// By bisection: more bits are smaller errors.
fn smallest<F>(frame: impl Fn(u32) -> Result<Option<F>>) -> Result<Option<F>> {
    let mut best = None;
    let (mut from, mut to) = (FEWEST, MOST);
    while from <= to {
        let bits = u32::midpoint(from, to);
        if let Some(found) = frame(bits)? {
            best = Some(found);
            to = bits - 1;
        } else {
            from = bits + 1;
        }
    }
    Ok(best)
}
