//! A budget for a whole model: how many bytes each of its slices gets.

use super::{
    compressor::{Compressor, check_shape},
    plan::Plan,
    ranking::{Goal, Ranking},
    search::in_range,
    weighed::Wanted,
    weighing::{Extent, Weighing},
};
use crate::{
    codec::rans::{Model, Shapes},
    element::{Element, check_finite, for_each_piece},
    error::{Error, Result},
    kernel::exp::{exp, ln},
    target::Target,
};
use alloc::{vec, vec::Vec};
use core::f64::consts::LN_2;

/// Slices with so few values are compressed to see how many bytes they take.
const SMALL: usize = 4096;
/// So are those whose frames are about as small as this.
const HEADERS: usize = 256;
/// Mean squared error of a trellis of steps, two of which are one wide.
const ERROR: f64 = 0.065;

/// A target for each of several slices, with their row-major shapes (or none), so that all together take at most
/// `total_bytes` and lose as little as possible: every byte saves as much squared error wherever it is spent, which is when
/// all have steps of one width. Slices whose lossless frame is smaller than that get it.
///
/// Pass the targets to [`Compressor`] with the same shapes. Frames then take `total_bytes`, or up to 1 % less, unless sizes
/// jump there, as those of few levels do. A total that is too small for all slices is an error ([`Error::OutOfReach`]), as
/// values that are not finite are.
///
/// Cost: all slices are quantized about four times. Memory: 20 to 40 bytes for each value of the slices together.
///
/// ```
/// use fewbits::{Compressor, allocate};
///
/// let small: Vec<f32> = (0..20_000).map(|i| (i as f32 * 0.7).sin().powi(5)).collect();
/// let large: Vec<f32> = (0..30_000).map(|i| (i as f32 * 1.3).sin() * 20.0).collect();
/// let targets = allocate(&[(&small[..], &[]), (&large[..], &[])], 25_000)?;
/// let mut total = 0;
/// for (values, target) in [(&small, targets[0]), (&large, targets[1])] {
///     total += Compressor::new(target).compress(values)?.as_bytes().len();
/// }
/// assert!(total <= 25_000 && total > 24_700);
/// # Ok::<(), fewbits::Error>(())
/// ```
pub fn allocate<T: Element>(slices: &[(&[T], &[usize])], total_bytes: usize) -> Result<Vec<Target>> {
    /// Rounds of looking at all slices.
    const ROUNDS: usize = 10;
    let values: usize = slices.iter().map(|(values, _)| values.len()).sum();
    let bits = total_bytes as f64 * 8.0 / values.max(1) as f64;
    let mut parts = slices.iter().map(|&(values, shape)| Part::new(values, shape, bits)).collect::<Result<Vec<_>>>()?;
    let exact: usize = parts.iter().map(|part| part.exact).sum();
    if exact <= total_bytes {
        return Ok(vec![Target::Lossless; parts.len()]);
    }
    let wide: Vec<f32> = widened(slices)?;
    let mut at = ln(Goal::Bits(bits).width(&wide)) / LN_2;
    drop(wide);
    let (mut fine, mut coarse) = (f64::NEG_INFINITY, f64::INFINITY);
    let mut best: Option<Vec<Target>> = None;
    let mut least = usize::MAX;
    for _ in 0..ROUNDS {
        let width = exp(at.clamp(-148.0, 128.0) * LN_2);
        let mut targets = Vec::with_capacity(parts.len());
        let (mut sum, mut lossy) = (0, 0);
        for part in &mut parts {
            let (bytes, target) = part.at_width(width)?;
            lossy += if target == Target::Lossless { 0 } else { part.values.len() };
            sum += bytes;
            targets.push(target);
        }
        least = least.min(sum);
        let met = sum <= total_bytes;
        if met {
            best = Some(targets);
            if sum as f64 > 0.9993 * total_bytes as f64 {
                break;
            }
        }
        // An octave is a bit for each value that is not lossless.
        let off = (sum as f64 - 0.9997 * total_bytes as f64) * 8.0 / lossy.max(1) as f64;
        if met {
            coarse = at;
        } else {
            fine = at;
        }
        let next = at + off.clamp(-4.0, 4.0);
        at = if fine.is_finite() && coarse.is_finite() && !(fine < next && next < coarse) {
            0.5 * (fine + coarse)
        } else {
            next
        };
        if (coarse - fine).abs() < 1e-4 {
            break;
        }
    }
    best.ok_or(Error::OutOfReach { what: "bytes", wanted: total_bytes as f64, reached: least as f64 })
}

/// A slice, and what is known of it.
struct Part<'a, T> {
    values: &'a [T],
    shape: Vec<usize>,
    /// Bytes of the frame that loses nothing.
    exact: usize,
    wide: Vec<f32>,
    plan: Plan,
    bits: f64,
    density: Option<(Model, f64)>,
    shapes: Shapes,
}

impl<'a, T: Element> Part<'a, T> {
    fn new(values: &'a [T], shape: &[usize], bits: f64) -> Result<Self> {
        check_shape(shape, values.len())?;
        for_each_piece(values, |start, values| check_finite(values, start))?;
        let exact = Compressor::new(Target::Lossless).shape(shape).compress(values)?.as_bytes().len();
        let shape: Vec<usize> = shape.iter().copied().filter(|&n| n > 1).collect();
        let mut wide = Vec::new();
        let mut plan = Plan::plain();
        let mut shapes = Shapes::default();
        if values.len() >= SMALL {
            wide.resize(values.len(), 0.0);
            T::widen_into(values, &mut wide)?;
            plan = Ranking::best(&wide, &shape, Goal::Bits(bits), &mut shapes)?.best;
        }
        Ok(Self { values, shape, exact, wide, plan, bits, density: None, shapes })
    }

    /// Bytes of a frame with steps so wide, or of the lossless one if that is smaller; and a target that leads to it.
    fn at_width(&mut self, width: f64) -> Result<(usize, Target)> {
        let estimated = if self.values.len() < SMALL { None } else { in_range(self.estimated(width))?.flatten() };
        // Headers are most of what is so small.
        let (bytes, target) = if let Some(bytes) = estimated.filter(|&bytes| bytes > HEADERS) {
            (bytes, Target::Bytes(bytes))
        } else {
            let target = Target::Rms(exp(0.5 * ln((ERROR * width * width).max(f64::MIN_POSITIVE))));
            let compressor = Compressor::new(target).shape(&self.shape);
            (compressor.compress(self.values).map_or(usize::MAX, |found| found.as_bytes().len()), target)
        };
        Ok(if bytes < self.exact { (bytes, target) } else { (self.exact, Target::Lossless) })
    }

    /// About how many bytes a frame with steps so wide has; none if they are too fine or too wide to be steps.
    fn estimated(&mut self, width: f64) -> Result<Option<usize>> {
        let wanted = Wanted::Bits(self.bits);
        let weighing = Weighing::new(&self.wide, self.plan.clone(), self.shape.clone(), 8, 1 << 18, wanted)?;
        let tried = weighing.try_width(width, 1.0, self.density, wanted, Extent::All, &mut self.shapes)?;
        self.density = tried.as_ref().map(|tried| (tried.density(), width));
        Ok(tried.map(|tried| (tried.bits * self.values.len() as f64 / 8.0) as usize + 1))
    }
}

/// All slices behind each other.
fn widened<T: Element>(slices: &[(&[T], &[usize])]) -> Result<Vec<f32>> {
    let mut wide = vec![0.0; slices.iter().map(|(values, _)| values.len()).sum()];
    let mut at = 0;
    for (values, _) in slices {
        T::widen_into(values, &mut wide[at..at + values.len()])?;
        at += values.len();
    }
    Ok(wide)
}
