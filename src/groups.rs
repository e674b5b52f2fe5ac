//! Who shares a parameter: per tensor, per block and per index of an axis are one formula.

use crate::{
    error::{Error, Result, same_length, whole_rows},
    wire::{Reader, Writer},
};
use alloc::vec::Vec;
use core::ops::Range;

/// Which values share a scale, as a setting.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Granularity {
    /// All values share one scale.
    #[default]
    Tensor,
    /// Every `n` neighbours share one; the last block may be shorter.
    Block(usize),
    /// Values with the same index along `axis` of a row-major `shape` share one.
    Axis {
        /// Row-major shape of the values.
        shape: Vec<usize>,
        /// Position in `shape`.
        axis: usize,
    },
}

impl Granularity {
    /// The groups of `len` values.
    pub fn groups(&self, len: usize) -> Result<Groups> {
        match self {
            Self::Tensor => Ok(Groups::tensor()),
            Self::Block(run) => Groups::blocks(*run, len),
            Self::Axis { shape, axis } => {
                let product = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
                same_length("values", product.unwrap_or(usize::MAX), len)?;
                Groups::axis(shape, *axis)
            }
        }
    }

    /// The groups of any number of values, or of whole rows.
    pub(crate) fn groups_of_any_length(&self) -> Result<Groups> {
        match self {
            Self::Tensor => Ok(Groups::tensor()),
            Self::Axis { shape, axis } => Groups::axis(shape, *axis),
            Self::Block(n) => {
                let allowed = "one scale per tensor or axis, for blocks belong to the values they are fitted to";
                Err(Error::Setting { name: "block", value: *n as f64, allowed })
            }
        }
    }
}

/// Which values share a scale, resolved: value `i` belongs to group `(i / run) % count`.
///
/// Blocks end with the array they were made for; the groups of an axis repeat for as many rows as come.
///
/// ```
/// use fewbits::Groups;
///
/// let rows = Groups::axis(&[3, 4], 0)?; // 3 x 4 values, row-major, one group per row
/// assert_eq!((rows.count(), rows.group_of(0), rows.group_of(5), rows.group_of(11)), (3, 0, 1, 2));
/// let blocks = Groups::blocks(4, 10)?;
/// assert_eq!((blocks.count(), blocks.group_of(9), blocks.fitted_len()), (3, 2, Some(10)));
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    run: usize,
    count: usize,
    /// Values in all where groups do not repeat.
    len: Option<usize>,
}

impl Groups {
    /// One group for everything.
    pub const fn tensor() -> Self {
        Self { run: usize::MAX, count: 1, len: None }
    }

    /// Blocks of `run` of `len` values; the last may be shorter.
    pub fn blocks(run: usize, len: usize) -> Result<Self> {
        if run == 0 {
            return Err(Error::Setting { name: "block", value: 0.0, allowed: "1 value or more" });
        }
        Ok(Self { run, count: len.div_ceil(run), len: Some(len) })
    }

    /// One group per index along `axis` of a row-major `shape`.
    pub fn axis(shape: &[usize], axis: usize) -> Result<Self> {
        let Some((&count, inner)) = shape.get(axis..).and_then(<[usize]>::split_first) else {
            return Err(Error::Setting {
                name: "axis",
                value: axis as f64,
                allowed: "an axis of the shape, counted from 0",
            });
        };
        let run = inner.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
        match run {
            Some(run) if run > 0 && count > 0 => Ok(Self { run, count, len: None }),
            Some(_) => Err(Error::Empty),
            None => {
                let value = inner.iter().map(|&n| n as f64).product();
                Err(Error::Setting { name: "product of the shape", value, allowed: "the shape of values in memory" })
            }
        }
    }

    /// Neighbours that share a group.
    pub const fn run(&self) -> usize {
        self.run
    }

    /// Groups.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// How many values there are in all, if the groups belong to one array.
    pub const fn fitted_len(&self) -> Option<usize> {
        self.len
    }

    /// Whether `values` values are the array that blocks belong to, or whole rows of an axis.
    pub fn check_len(&self, values: usize) -> Result<()> {
        if let Some(fitted) = self.len {
            return same_length("values", fitted, values);
        }
        if *self == Self::tensor() { Ok(()) } else { whole_rows(values, self.run.saturating_mul(self.count)) }
    }

    /// The group of value `i`.
    #[inline]
    pub const fn group_of(&self, i: usize) -> usize {
        if self.count == 0 { 0 } else { (i / self.run) % self.count }
    }

    /// Whether the groups cover `len` values from `start` on.
    pub fn check(&self, start: usize, len: usize) -> Result<()> {
        let end = start.saturating_add(len);
        match self.len {
            Some(fitted) if end > fitted => Err(Error::BeyondFit { fitted, end }),
            _ => Ok(()),
        }
    }

    /// Calls `each(group, from, to)` for every run inside `start..start + len`, with positions relative to `start`.
    #[inline]
    pub(crate) fn for_each_run(&self, start: usize, len: usize, mut each: impl FnMut(usize, usize, usize)) {
        let mut group = self.group_of(start);
        let mut left = self.run - start % self.run;
        let mut from = 0;
        while from < len {
            let to = len.min(from.saturating_add(left));
            each(group, from, to);
            from = to;
            left = self.run;
            group = if group + 1 == self.count { 0 } else { group + 1 };
        }
    }

    /// Calls `each(groups, from, to, run)` for every stretch of whole runs of consecutive groups inside `start..start + len`,
    /// and for parts of runs, which are runs of their own length; with positions relative to `start`.
    #[inline]
    pub(crate) fn for_each_stretch(
        &self,
        start: usize,
        len: usize,
        mut each: impl FnMut(Range<usize>, usize, usize, usize),
    ) {
        let mut from = 0;
        while from < len {
            let (group, done) = (self.group_of(start + from), (start + from) % self.run);
            let whole = if done == 0 { ((len - from) / self.run).min(self.count - group) } else { 0 };
            let (groups, to) = match whole {
                0 => (1, len.min(from.saturating_add(self.run - done))),
                _ => (whole, from + whole * self.run),
            };
            each(group..group + groups, from, to, self.run.min(to - from));
            from = to;
        }
    }

    /// Where a run is one value: calls `each(first group, from, to)` for every row of consecutive groups inside
    /// `start..start + len`.
    #[inline]
    pub(crate) fn for_each_row(&self, start: usize, len: usize, mut each: impl FnMut(usize, usize, usize)) {
        let (mut group, mut from) = (self.group_of(start), 0);
        while from < len {
            let to = len.min(from.saturating_add(self.count - group));
            each(group, from, to);
            (group, from) = (0, to);
        }
    }

    const TENSOR: u8 = 0;
    const BLOCKS: u8 = 1;
    const AXIS: u8 = 2;

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        match self.len {
            Some(len) => {
                out.u8(Self::BLOCKS);
                out.varint(self.run as u64);
                out.varint(len as u64);
            }
            None if *self == Self::tensor() => out.u8(Self::TENSOR),
            None => {
                out.u8(Self::AXIS);
                out.varint(self.run as u64);
                out.varint(self.count as u64);
            }
        }
    }

    /// As [`read`](Self::read), of an axis.
    pub(crate) fn read_axis(bytes: &mut Reader<'_>) -> Result<Self> {
        let axis = Self::read(bytes)?;
        if axis.len.is_none() && axis != Self::tensor() {
            return Ok(axis);
        }
        Err(Error::Corrupt { what: "axis of a stage", found: axis.run as u64 })
    }

    pub(crate) fn read(bytes: &mut Reader<'_>) -> Result<Self> {
        match bytes.u8()? {
            Self::TENSOR => Ok(Self::tensor()),
            Self::BLOCKS => {
                let (run, len) = (bytes.size()?, bytes.size()?);
                if run == 0 {
                    return Err(Error::Corrupt { what: "block length", found: 0 });
                }
                Self::blocks(run, len)
            }
            Self::AXIS => {
                let (run, count) = (bytes.size()?, bytes.size()?);
                if run == 0 || count == 0 {
                    return Err(Error::Corrupt { what: "empty axis", found: 0 });
                }
                let axis = Self { run, count, len: None };
                // One spelling for each: a single group without end is a tensor.
                if axis == Self::tensor() {
                    return Err(Error::Corrupt { what: "axis that is a tensor", found: run as u64 });
                }
                Ok(axis)
            }
            other => Err(Error::Corrupt { what: "layout of groups", found: other.into() }),
        }
    }
}
