//! Levels with the least squared error.

use super::{
    CodebookQuantizer,
    placed::{Placed, dedup},
    points::Points,
    quantile::{Representative, by_density},
};
use crate::{
    calibrate::Histogram,
    code::Code,
    element::Element,
    error::Result,
    fit::Fit,
    non_finite::NonFinite,
    quantizer::scaling::{Scaling, scaling_settings},
};
use alloc::{collections::BinaryHeap, vec, vec::Vec};
use core::{iter, marker::PhantomData};

/// Settings of the levels with the least squared error: k-means in one dimension.
///
/// Up to 256 levels: by dynamic programming, which finds the optimum as far as sums of squares in f64 can tell, over the
/// distinct values if they are at most 4,096. More values or levels: Lloyd's iterations on the values from a good start,
/// the better of 256 levels at most that are optimal for some thousand means of neighbours and those of
/// [`Quantile`](super::Quantile), with the costliest intervals split until there are enough; never worse than either.
///
/// Levels are values, under the scale 1, or with [`per_block`](Self::per_block) and [`per_axis`](Self::per_axis) parts of
/// the largest magnitude of a group, where the error is that of the parts. Fewer distinct values than levels give as many
/// levels as values.
///
/// Cost of a fit: values are copied and sorted, 4 bytes each, with up to 48 bytes for each distinct one; the dynamic
/// program takes up to 10 ms for 16 levels and 0.2 s for 256.
///
/// Levels that were learned serve other data through [`Scale`](crate::Scale): learn them per block or axis, where they are
/// parts of the largest magnitude, and give the new data scales of its own.
///
/// Grønlund and others, "Fast Exact k-Means, k-Medians and Bregman Divergence Clustering in 1D", 2017; Lloyd, "Least
/// Squares Quantization in PCM", 1982.
///
/// ```
/// use fewbits::{Fit, KMeans, QuantizerExt};
///
/// let quantizer = KMeans::new(3).fit(&[1.0_f32, 1.5, 9.0, 10.0, 11.0, 30.0])?;
/// assert_eq!(quantizer.unit().values(), [1.25, 10.0, 30.0]);
///
/// // Learned on one batch, used for another, whose rows are larger.
/// let (learn, other) = ([0.1_f32, -0.4, 0.2, 0.3, -0.1, 0.4, -0.3, -0.2], [10.0_f32, -4.0, 2.0, 3.0]);
/// let levels = KMeans::new(4).per_block(4).fit(&learn)?.unit().clone();
/// let quantizer = fewbits::Scale::new(levels).per_axis(&[2, 2], 0).fit(&other)?;
/// assert_eq!(quantizer.scales(), [10.0, 3.0]);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, bound = ""))]
pub struct KMeans<C = u8> {
    levels: usize,
    #[cfg_attr(feature = "serde", serde(default))]
    scaling: Scaling,
    #[cfg_attr(feature = "serde", serde(skip))]
    code: PhantomData<C>,
}

impl KMeans<u8> {
    /// So many levels, 1 to 65,536; codes of more than 256 levels need a wider type.
    pub fn new(levels: usize) -> Self {
        Self { levels, scaling: Scaling::default(), code: PhantomData }
    }
}

impl<C: Code> KMeans<C> {
    scaling_settings!();

    /// The type of the codes in memory; `u8` by default. It changes no byte of an encoded array.
    #[must_use]
    pub fn codes<D: Code>(self) -> KMeans<D> {
        KMeans { levels: self.levels, scaling: self.scaling, code: PhantomData }
    }

    fn placed(&self) -> Placed<'_> {
        Placed { scaling: &self.scaling, levels: self.levels }
    }
}

impl<T: Element, C: Code> Fit<T> for KMeans<C> {
    type Fitted = CodebookQuantizer<C>;

    fn fit(&self, data: &[T]) -> Result<Self::Fitted> {
        self.placed().fit(data, |points| Ok(place(points, self.levels)))
    }

    fn policy(&self) -> NonFinite {
        self.scaling.calibration.non_finite
    }
}

/// One histogram of all values.
impl<C: Code> Fit<Histogram> for KMeans<C> {
    type Fitted = CodebookQuantizer<C>;

    fn fit(&self, data: &[Histogram]) -> Result<Self::Fitted> {
        self.placed().fit_histogram(data, |points| Ok(place(points, self.levels)))
    }
}

/// Points that the dynamic program looks at, and levels that it finds, at most.
const MOST_POINTS: usize = 4096;
const MOST_LEVELS: usize = 256;

fn place(points: &Points, levels: usize) -> Vec<f64> {
    if points.len() <= levels {
        return points.values.clone();
    }
    if levels <= MOST_LEVELS && points.len() <= MOST_POINTS {
        return optimum(points, levels);
    }
    // Merged points resolve outliers but not what is far from zero and dense; densities the other way round.
    let few = levels.min(MOST_LEVELS);
    let merged = points.merged(MOST_POINTS);
    let sought = if merged.len() > few { optimum(&merged, few) } else { merged.values };
    let [sought, dense] = [sought, by_density(points, levels, 1.0 / 3.0, Representative::Mean)]
        .map(|start| split(points, &bounds(points, &start), levels));
    lloyd(points, if sought.0 <= dense.0 { sought.1 } else { dense.1 })
}

/// Splits the costliest interval at its mean until there are `levels` of them, if there are so many points: the cost of
/// all, and their means.
fn split(points: &Points, bounds: &[usize], levels: usize) -> (f64, Vec<f64>) {
    // Costs are not negative, so their bits are in their order.
    let interval = |from: usize, to: usize| (points.cost(from, to).to_bits(), from, to);
    let filled = bounds.windows(2).filter(|pair| pair[0] < pair[1]);
    let mut intervals: BinaryHeap<_> = filled.map(|pair| interval(pair[0], pair[1])).collect();
    while intervals.len() < levels {
        match intervals.pop() {
            Some((cost, from, to)) if cost > 0 => {
                let middle = points.first_above(points.mean(from, to)).clamp(from + 1, to - 1);
                intervals.extend([interval(from, middle), interval(middle, to)]);
            }
            // Nothing is left to gain.
            last => {
                intervals.extend(last);
                break;
            }
        }
    }
    let mut ascending: Vec<_> = intervals.into_iter().map(|(cost, from, to)| (from, to, cost)).collect();
    ascending.sort_unstable();
    let cost = ascending.iter().map(|interval| f64::from_bits(interval.2)).sum();
    (cost, ascending.iter().map(|&(from, to, _)| points.mean(from, to)).collect())
}

/// Where the points that are nearest to each of the levels begin, and the end of all.
fn bounds(points: &Points, levels: &[f64]) -> Vec<usize> {
    let between = levels.windows(2).map(|pair| points.first_above(f64::midpoint(pair[0], pair[1])));
    iter::once(0).chain(between).chain([points.len()]).collect()
}

/// The means of the best partition of the points into `levels` intervals, fewer than points.
fn optimum(points: &Points, levels: usize) -> Vec<f64> {
    let count = points.len();
    // costs[i]: the least cost of the first i points with as many intervals as rows have been made.
    let mut costs: Vec<f64> = (0..=count).map(|to| points.cost(0, to)).collect();
    let mut next = vec![0.0; count + 1];
    // For each row after the first, where the last interval of the first i points begins.
    let mut begins = vec![0_u16; (levels - 1) * (count + 1)];
    for (row, begins) in begins.chunks_mut(count + 1).enumerate() {
        // Fewer points than intervals cost nothing.
        let first = row + 1;
        next[..=first].fill(0.0);
        for (i, begin) in begins.iter_mut().enumerate().take(first + 1) {
            *begin = i.saturating_sub(1) as u16;
        }
        best_begins(points, &costs, first + 1, count + 1, first, count, &mut next, begins);
        core::mem::swap(&mut costs, &mut next);
    }
    let mut bounds = vec![count];
    let mut to = count;
    for row in begins.chunks(count + 1).rev() {
        to = row[to].into();
        bounds.push(to);
    }
    bounds.push(0);
    bounds.reverse();
    let intervals = bounds.windows(2).filter(|pair| pair[0] < pair[1]);
    dedup(intervals.map(|pair| points.mean(pair[0], pair[1])).collect())
}

/// Fills one row of the dynamic program for the ends `from..to`, whose last intervals begin in `low..=high`: the middle
/// one first, for beginnings never move back when ends move on.
#[expect(clippy::too_many_arguments, reason = "the state of a recursion, passed on")]
fn best_begins(
    points: &Points,
    costs: &[f64],
    from: usize,
    to: usize,
    low: usize,
    high: usize,
    next: &mut [f64],
    begins: &mut [u16],
) {
    if from >= to {
        return;
    }
    let end = usize::midpoint(from, to);
    let (mut best, mut begin) = (f64::INFINITY, low);
    for (i, cost) in costs.iter().enumerate().take(high.min(end - 1) + 1).skip(low) {
        let cost = cost + points.cost(i, end);
        if cost < best {
            (best, begin) = (cost, i);
        }
    }
    (next[end], begins[end]) = (best, begin as u16);
    best_begins(points, costs, from, end, low, begin, next, begins);
    best_begins(points, costs, end + 1, to, begin, high, next, begins);
}

/// Moves levels to the means of what is nearest to them until nothing moves, or for 100 rounds.
fn lloyd(points: &Points, mut levels: Vec<f64>) -> Vec<f64> {
    let mut before = Vec::new();
    for _ in 0..100 {
        let bounds = bounds(points, &levels);
        if bounds == before {
            break;
        }
        for (level, pair) in levels.iter_mut().zip(bounds.windows(2)) {
            if pair[0] < pair[1] {
                *level = points.mean(pair[0], pair[1]);
            }
        }
        before = bounds;
    }
    dedup(levels)
}
