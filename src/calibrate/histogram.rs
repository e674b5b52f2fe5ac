//! How often values of each size occur: what calibration remembers of data it can't keep.

use crate::{
    dtype::DType,
    element::{Element, check_finite, for_each_piece},
    error::{Error, Result, same_length},
    groups::Groups,
    kernel::{extrema, order},
    non_finite::{Fate, NonFinite},
};
use alloc::{boxed::Box, vec, vec::Vec};
use core::fmt;

/// Bits of an f32 behind the first one that is explicitly stored: its mantissa.
pub(super) const MANTISSA: u32 = 23;
/// Signs and exponents: one page of buckets for each that occurs.
pub(super) const PAGES: usize = 1 << 9;
/// Sums stay below 2^64 up to this many values.
pub(super) const MOST: u64 = 1 << 40;

/// A histogram of finite values over the ordered bits of f32: calibration in pieces, batches, shards and machines.
///
/// A bucket holds the values that agree in sign, exponent and the first `m` bits of the mantissa, so its width is at
/// most `2^-m` of its values, whatever their size. For each bucket that occurs it keeps the number of values and their
/// exact sum, both as integers: histograms made apart and [merged](Self::merge) in any order are equal, bit for bit, to
/// the one made of everything at once. The extremes are exact. With 7 bits, as by default, bf16 values have buckets
/// of their own.
///
/// Settings are fitted to histograms as to values: [`fit`](crate::Fit::fit) takes one for all values, or one for each
/// index of an axis; what a histogram has left out is left out. Fits to the extremes are the same as from the values
/// themselves, and quantiles are within a bucket's width. Levels that are placed by data and
/// [`Range::Mse`](crate::Range::Mse) see up to four points a bucket: values that all lie close together, but far from
/// zero, want 10 bits.
///
/// Cost: about 2 ns a value to add (`cargo bench --bench quantiles -- histogram`). Memory: 2 KiB for each sign and
/// exponent that occurs, at 7 bits, so about 100 KiB, and 8 KiB before that. Bytes: 3 to 10 for each bucket that occurs,
/// 20 KB for a million
/// Gaussian values. The design follows `DDSketch` (Masson, Rim and Lee, 2019), with the bits of a float in place of its
/// logarithm.
///
/// ```
/// use fewbits::{Fit, Histogram, Uniform};
///
/// let (first, second) = ([0.5_f32, -1.0, 0.25], [2.0_f32, 0.0]);
/// let mut sent = Histogram::new();
/// sent.add(&first)?;
/// let bytes = sent.to_bytes(); // from one machine ...
///
/// let mut all = Histogram::from_bytes(&bytes)?; // ... to another
/// all.add(&second)?;
/// assert_eq!((all.count(), all.min(), all.max(), all.mean()), (5, Some(-1.0), Some(2.0), Some(0.35)));
/// assert_eq!(Uniform::new(8).fit(&[all])?, Uniform::new(8).fit(&[0.5_f32, -1.0, 0.25, 2.0, 0.0])?);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Histogram {
    pub(super) mantissa_bits: u32,
    /// By sign and exponent, in the order of the values.
    pub(super) pages: Vec<Option<Box<[Tally]>>>,
    pub(super) count: u64,
    pub(super) ends: Option<(f32, f32)>,
    pub(super) dtype: Option<DType>,
}

/// What is known of the values of a bucket.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) count: u64,
    /// Sum of the distances from the smallest value that the bucket can hold, in units in the last place.
    pub(super) rest: u64,
}

/// A bucket of a [`Histogram`] that holds values: see [`Histogram::buckets`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The smallest value that it can hold.
    pub low: f32,
    /// The largest value that it can hold.
    pub high: f32,
    /// How many values it holds.
    pub count: u64,
    /// Their mean: exact, rounded to f64.
    pub mean: f64,
}

impl Bucket {
    /// How far its values spread around the mean, if evenly: 0 if they all are the smallest it can hold.
    pub(super) fn spread(&self) -> f64 {
        2.0 * (self.mean - f64::from(self.low)).min(f64::from(self.high) - self.mean)
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// Nothing yet; 7 bits of the mantissa tell buckets apart.
    pub fn new() -> Self {
        Self { mantissa_bits: 7, pages: vec![None; PAGES], count: 0, ends: None, dtype: None }
    }

    /// Nothing yet; `bits` bits of the mantissa, 0 to 10, tell buckets apart. With 10, f16 values have buckets of their
    /// own, which take 8 times the memory of 7.
    pub fn with_mantissa_bits(bits: u32) -> Result<Self> {
        if bits > 10 {
            return Err(Error::Setting { name: "mantissa bits", value: bits.into(), allowed: "0 to 10 bits" });
        }
        Ok(Self { mantissa_bits: bits, ..Self::new() })
    }

    /// Adds finite values; if one is not finite, nothing is added. -0.0 counts as 0.0.
    pub fn add<T: Element>(&mut self, values: &[T]) -> Result<()> {
        sum_of_counts(self.count, values.len() as u64)?;
        for_each_piece(values, |start, values| check_finite(values, start))?;
        for_each_piece(values, |_, values| {
            self.add_run(T::DTYPE, values);
            Ok(())
        })
    }

    /// As [`add`](Self::add), but leaves out what the policy leaves out of fits.
    ///
    /// ```
    /// use fewbits::{Histogram, NonFinite};
    ///
    /// let mut histogram = Histogram::new();
    /// histogram.add_present(NonFinite::keep().missing(-9999.0), &[1.5_f32, f32::NAN, -9999.0, 2.0])?;
    /// assert_eq!((histogram.count(), histogram.min()), (2, Some(1.5)));
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn add_present<T: Element>(&mut self, policy: NonFinite, values: &[T]) -> Result<()> {
        self.add(&policy.present(values)?)
    }

    /// Adds values to the histograms of their groups, such as one for each channel, but leaves out what the policy leaves
    /// out of fits; if one is refused, nothing is added.
    ///
    /// ```
    /// use fewbits::{Fit, Groups, Histogram, NonFinite, Uniform};
    ///
    /// // Batches of any number of rows, three columns each: one histogram for each column.
    /// let columns = Groups::axis(&[1, 3], 1)?;
    /// let mut histograms = vec![Histogram::new(); 3];
    /// let policy = NonFinite::keep();
    /// Histogram::add_grouped(&mut histograms, &columns, policy, &[1.0_f32, 20.0, 300.0, -2.0, 10.0, f32::NAN])?;
    /// Histogram::add_grouped(&mut histograms, &columns, policy, &[0.5_f32, 30.0, 100.0])?;
    /// let quantizer = Uniform::new(8).per_axis(&[1, 3], 1).fit(&histograms)?;
    /// let largest: Vec<f32> = quantizer.scales().iter().map(|scale| (scale * 127.0).round()).collect();
    /// assert_eq!(largest, [2.0, 30.0, 300.0]);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn add_grouped<T: Element>(
        histograms: &mut [Self],
        groups: &Groups,
        policy: NonFinite,
        values: &[T],
    ) -> Result<()> {
        same_length("histograms", groups.count(), histograms.len())?;
        groups.check_len(values.len())?;
        let policy = policy.narrowed::<T>();
        policy.for_each(0, values, |_, _, _| {})?;
        let largest = histograms.iter().map(|histogram| histogram.count).max().unwrap_or(0);
        sum_of_counts(largest, values.len() as u64)?;
        for_each_piece(values, |start, values| {
            groups.for_each_run(start, values.len(), |group, from, to| {
                let run = &values[from..to];
                let passes = |x: &f32| policy.fate(*x) == Fate::Pass;
                if run.iter().all(passes) {
                    return histograms[group].add_run(T::DTYPE, run);
                }
                for x in run.iter().filter(|x| passes(x)) {
                    histograms[group].add_run(T::DTYPE, &[*x]);
                }
            });
            Ok(())
        })
    }

    /// Adds finite values that are not too many.
    fn add_run(&mut self, dtype: DType, values: &[f32]) {
        if values.is_empty() {
            return;
        }
        let (mut low, mut high) = self.ends.unwrap_or((f32::INFINITY, f32::NEG_INFINITY));
        extrema::enclose(values, &mut low, &mut high);
        for &x in values {
            self.count_one(x);
        }
        self.count += values.len() as u64;
        self.ends = Some((low + 0.0, high + 0.0));
        self.dtype = wider(self.dtype, Some(dtype));
    }

    #[inline(always)]
    fn count_one(&mut self, x: f32) {
        let key = order::key(x + 0.0);
        let shift = MANTISSA - self.mantissa_bits;
        let tally = self.tally(key >> shift);
        tally.count += 1;
        tally.rest += u64::from(key & ((1 << shift) - 1));
    }

    /// What is known of a bucket, by its number.
    #[inline(always)]
    pub(super) fn tally(&mut self, bucket: u32) -> &mut Tally {
        let len = 1 << self.mantissa_bits;
        let page = &mut self.pages[(bucket >> self.mantissa_bits) as usize];
        &mut page.get_or_insert_with(|| vec![Tally::default(); len].into())[bucket as usize & (len - 1)]
    }

    /// Adds all values of another histogram with as many bits of the mantissa. The result does not depend on the order
    /// of merges.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.mantissa_bits != other.mantissa_bits {
            return Err(Error::Setting {
                name: "mantissa bits",
                value: other.mantissa_bits.into(),
                allowed: "the same in both histograms",
            });
        }
        self.count = sum_of_counts(self.count, other.count)?;
        for (bucket, added) in other.tallies() {
            let tally = self.tally(bucket);
            tally.count += added.count;
            tally.rest += added.rest;
        }
        self.ends = match (self.ends, other.ends) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.dtype = wider(self.dtype, other.dtype);
        Ok(())
    }

    /// Buckets that hold values, by number: the upper bits of the keys of their values.
    pub(super) fn tallies(&self) -> impl Iterator<Item = (u32, Tally)> {
        let bits = self.mantissa_bits;
        let pages = self.pages.iter().enumerate().filter_map(|(i, page)| Some((i as u32, page.as_ref()?)));
        pages
            .flat_map(move |(i, page)| page.iter().zip(i << bits..).map(|(&tally, bucket)| (bucket, tally)))
            .filter(|(_, tally)| tally.count > 0)
    }

    /// Buckets that hold values, in ascending order. Their counts are what [`entropy`](crate::entropy) takes.
    ///
    /// ```
    /// let mut histogram = fewbits::Histogram::new();
    /// histogram.add(&[1.0_f32, 1.001, 5.0, -2.0])?;
    /// let counts: Vec<u64> = histogram.buckets().map(|bucket| bucket.count).collect();
    /// assert_eq!((counts.as_slice(), fewbits::entropy(&counts)), (&[1, 2, 1][..], 1.5));
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> {
        let shift = MANTISSA - self.mantissa_bits;
        self.tallies().map(move |(bucket, Tally { count, rest })| {
            let keys = (bucket << shift, (bucket << shift) | ((1 << shift) - 1));
            let (low, high) = (order::value(keys.0), order::value(keys.1));
            // Neighbours in a bucket are equally far apart, but for -0.0, which never occurs.
            let unit = (f64::from(high) - f64::from(low)) / f64::from((1_u32 << shift) - 1);
            Bucket {
                low: low + 0.0,
                high: high + 0.0,
                count,
                mean: f64::from(low) + rest as f64 / count as f64 * unit + 0.0,
            }
        })
    }

    /// Bits of the mantissa that tell buckets apart.
    pub fn mantissa_bits(&self) -> u32 {
        self.mantissa_bits
    }

    /// How many values were added.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The smallest value; none if there are no values.
    pub fn min(&self) -> Option<f32> {
        self.ends.map(|ends| ends.0)
    }

    /// The largest value; none if there are no values.
    pub fn max(&self) -> Option<f32> {
        self.ends.map(|ends| ends.1)
    }

    /// The widest element that was added: f16 and bf16 together make f32.
    pub fn dtype(&self) -> Option<DType> {
        self.dtype
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("mantissa_bits", &self.mantissa_bits)
            .field("count", &self.count)
            .field("ends", &self.ends)
            .field("dtype", &self.dtype)
            .field("buckets", &self.buckets().count())
            .finish_non_exhaustive()
    }
}

pub(super) fn sum_of_counts(count: u64, more: u64) -> Result<u64> {
    let value = count.saturating_add(more);
    if value <= MOST {
        return Ok(value);
    }
    Err(Error::Setting { name: "values of a histogram", value: value as f64, allowed: "at most 2^40 values" })
}

/// The element that holds the values of both.
fn wider(a: Option<DType>, b: Option<DType>) -> Option<DType> {
    match (a, b) {
        (Some(a), Some(b)) if a != b => Some(DType::F32),
        (a, b) => a.or(b),
    }
}
