//! Automatic choice: several ways to compress the same values, measured, and the best of them.

use crate::{
    element::Element,
    error::Result,
    frame::{Frame, Limits},
    metrics::{ErrorStats, bits_per_value},
    pipeline::Pipeline,
    target::Target,
};
use alloc::{borrow::Cow, boxed::Box, string::String, vec::Vec};
use core::{cmp::Ordering, fmt};

/// From values to a fitted pipeline.
type FitAny<'a, T> = Box<dyn Fn(&[T]) -> Result<Box<dyn Pipeline>> + 'a>;

/// Ways to compress values, by name: each is fitted to values, and turns out what it costs.
///
/// Nothing is guessed: frames are made, counted and decoded again, so that scales, tables of levels and the basis of a
/// transform have to pay for their bytes. Measuring takes the time and the memory of encoding and decoding with each
/// candidate, one after another; on a [`sample`](Self::sample), of so much.
///
/// ```
/// use fewbits::{Candidates, Coded, Fit, Frame, Hadamard, KMeans, Seed, Target, Then, Uniform};
///
/// let mut weights: Vec<f32> = (0..20_000).map(|i| (i as f32 * 0.37).sin()).collect();
/// weights.iter_mut().step_by(500).for_each(|x| *x *= 20.0);
/// let rotation = Hadamard::new(256, Seed::new(1))?;
/// let choice = Candidates::new()
///     .with("one scale", |values| Ok(Coded::packed(Uniform::new(4).fit(values)?)))
///     .with("blocks", |values| Ok(Coded::packed(Uniform::new(4).per_block(64).fit(values)?)))
///     .with("rotated", |values| Ok(Coded::packed(Then::new(rotation, KMeans::new(16)).fit(values)?)))
///     .choose(&weights, Target::BitsPerValue(4.1))?;
/// let best = choice.best.ok_or("nothing is as small")?;
/// assert_eq!(choice.table[best.index].name, "rotated");
/// let bytes = Frame::encode(&best.pipeline, &weights)?;
/// assert_eq!(bytes.len(), best.cost.bytes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Candidates<'a, T> {
    list: Vec<(String, FitAny<'a, T>)>,
    sample: usize,
    row: usize,
}

impl<T> fmt::Debug for Candidates<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list.iter().map(|(name, _)| name)).finish()
    }
}

impl<T: Element> Default for Candidates<'_, T> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a frame of a candidate takes and loses.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Cost {
    /// Bytes of the frame.
    pub bytes: usize,
    /// Values in it.
    pub values: usize,
    /// Errors of what it decodes to.
    pub stats: ErrorStats,
    /// Whether the target is met.
    pub meets_target: bool,
}

impl Cost {
    /// Bits per value, of the whole frame.
    pub fn bits_per_value(&self) -> f64 {
        bits_per_value(self.bytes, self.values)
    }
}

/// A candidate, measured.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// What it cost, on the sample if there was one; or why it could not be fitted or refused the values.
    pub cost: Result<Cost>,
}

/// The best candidate, fitted to all values.
#[derive(Debug)]
#[non_exhaustive]
pub struct Best {
    /// Its place in the table.
    pub index: usize,
    /// What encodes the values.
    pub pipeline: Box<dyn Pipeline>,
    /// What that costs, measured on all values.
    pub cost: Cost,
}

/// What was measured, and what is best.
#[derive(Debug)]
#[non_exhaustive]
pub struct Choice {
    /// All candidates, in the order in which they were added.
    pub table: Vec<Measured>,
    /// The best of those that meet the target; none if none does.
    pub best: Option<Best>,
}

impl<'a, T: Element> Candidates<'a, T> {
    /// None yet; measured on all values.
    pub const fn new() -> Self {
        Self { list: Vec::new(), sample: usize::MAX, row: 1 }
    }

    /// One more: `fit` makes a pipeline for the values that it is given. They may be a sample of all, so shapes have to follow
    /// from their number.
    #[must_use]
    pub fn with<P: Pipeline + 'static>(
        mut self,
        name: impl Into<String>,
        fit: impl Fn(&[T]) -> Result<P> + 'a,
    ) -> Self {
        self.list.push((name.into(), Box::new(move |values| Ok(Box::new(fit(values)?)))));
        self
    }

    /// Measures on about `values` values, taken from all parts in whole rows of `row` values (1 if there are none), and then
    /// looks whether the best one meets the target on all; if not, the next best, and so on.
    ///
    /// What does not grow with the number of values, such as a table of levels or a basis, weighs more on a sample.
    #[must_use]
    pub fn sample(self, values: usize, row: usize) -> Self {
        Self { sample: values, row: row.max(1), ..self }
    }

    /// Measures all, and picks the best that meets the target: the one with the least squared error if the target is a size,
    /// the one with the fewest bytes if it is an error. The first added of equals.
    pub fn choose(&self, values: &[T], target: Target) -> Result<Choice> {
        target.check()?;
        let sample = self.sample_of(values);
        let sampled = sample.len() < values.len();
        // A size in bytes is one of all values.
        let share = match target {
            Target::Bytes(most) if sampled => Target::BitsPerValue(bits_per_value(most, values.len())),
            target => target,
        };
        let mut fitted = Vec::with_capacity(self.list.len());
        let mut table = Vec::with_capacity(self.list.len());
        for (name, fit) in &self.list {
            let (pipeline, cost) =
                match fit(&sample).and_then(|pipeline| Ok((measure(&pipeline, &sample, share)?, pipeline))) {
                    Ok((cost, pipeline)) => (Some(pipeline), Ok(cost)),
                    Err(error) => (None, Err(error)),
                };
            fitted.push(pipeline.filter(|_| !sampled));
            table.push(Measured { name: name.clone(), cost });
        }
        let mut ranked: Vec<(usize, &Cost)> =
            table.iter().enumerate().filter_map(|(i, measured)| Some((i, measured.cost.as_ref().ok()?))).collect();
        ranked.sort_by(|(_, a), (_, b)| better(target, a, b));
        let mut best = None;
        for (index, cost) in ranked {
            let (pipeline, cost) = if let Some(pipeline) = fitted[index].take() {
                (pipeline, cost.clone())
            } else {
                let Ok(pipeline) = self.list[index].1(values) else { continue };
                let Ok(cost) = measure(&pipeline, values, target) else { continue };
                (pipeline, cost)
            };
            if cost.meets_target {
                best = Some(Best { index, pipeline, cost });
                break;
            }
        }
        Ok(Choice { table, best })
    }

    /// All values, or stretches of whole rows, evenly spaced.
    fn sample_of<'v>(&self, values: &'v [T]) -> Cow<'v, [T]> {
        /// Long enough for blocks and neighbours.
        const STRETCH: usize = 4096;
        let rows = values.len() / self.row;
        if self.sample >= values.len() || rows < 2 {
            return Cow::Borrowed(values);
        }
        let wanted = (self.sample / self.row).clamp(1, rows);
        let stretches = wanted.div_ceil((STRETCH / self.row).max(1)).clamp(2, wanted.max(2));
        let stretch = (wanted / stretches).max(1);
        let mut sample = Vec::with_capacity(stretches.min(wanted) * stretch * self.row);
        for i in 0..stretches.min(wanted) {
            // From the first row to the last.
            let first = ((rows - stretch) as u64 * i as u64 / (stretches as u64 - 1)) as usize;
            sample.extend_from_slice(&values[first * self.row..(first + stretch) * self.row]);
        }
        Cow::Owned(sample)
    }
}

/// A frame of the values, decoded again.
fn measure<T: Element>(pipeline: &dyn Pipeline, values: &[T], target: Target) -> Result<Cost> {
    let bytes = Frame::encode(pipeline, values)?;
    let restored: Vec<T> = Frame::parse(&bytes)?.decoder_with(pipeline)?.decode_within(Limits::none())?;
    let stats = ErrorStats::measure(values, &restored)?;
    let exact = T::as_bytes(values) == T::as_bytes(&restored);
    let meets_target = target.is_met(bytes.len(), values.len(), &stats, exact);
    Ok(Cost { bytes: bytes.len(), values: values.len(), stats, meets_target })
}

/// Those that meet the target first. Of these, and of the others if they meet it on all values after all: what the target
/// leaves open decides.
fn better(target: Target, a: &Cost, b: &Cost) -> Ordering {
    let lost = |cost: &Cost| (cost.stats.non_finite_changed(), cost.stats.mse());
    let by_error = || {
        let (a, b) = (lost(a), lost(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    };
    let by_bytes = || a.bytes.cmp(&b.bytes);
    let met = b.meets_target.cmp(&a.meets_target);
    let nearest_first = target.is_rate() != a.meets_target;
    met.then_with(|| if nearest_first { by_bytes().then_with(by_error) } else { by_error().then_with(by_bytes) })
}
