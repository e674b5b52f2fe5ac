//! Values by rank, exactly and without sorting: the engine of quantiles.

use crate::{
    element::{Element, for_each_piece},
    error::Result,
    kernel::order::{self, BUCKETS},
};
use alloc::{boxed::Box, vec, vec::Vec};

/// From this number on values are counted, fewer are partitioned. Where both take the same time for one rank, by
/// `cargo bench --bench quantiles`; with more ranks counting gains.
const COUNT_FROM: usize = 1 << 14;

/// Buckets that are passed over at once, if they hold no rank that is asked for: in most arrays most are empty.
const SKIPPED: usize = 64;

/// Finds the values of given ranks in slices, one slice after another in the same memory.
///
/// Memory: 4 bytes a value for short slices. For long ones 576 KiB of tables, and 2 bytes for each value whose bucket
/// (one of 65,536, by the upper half of its bits) holds a rank that is asked for: at most 2 bytes a value.
#[derive(Default)]
pub(super) struct Ranks {
    /// All keys of a short slice.
    keys: Vec<u32>,
    tables: Option<Tables>,
    buckets: Vec<Bucket>,
    /// Lower halves of keys, bucket by bucket.
    lower: Vec<u16>,
}

/// One entry for each bucket.
struct Tables {
    /// Values in it; where they end in `lower` while those are gathered; then counts of lower halves.
    counts: Box<[usize; BUCKETS]>,
    /// 1 if it holds a rank that is asked for, otherwise 0.
    wanted: Box<[u8; BUCKETS]>,
}

/// A bucket that holds a rank that is asked for.
struct Bucket {
    upper: u32,
    /// Values below the bucket.
    below: usize,
    len: usize,
    /// How many of the ranks it holds.
    ranks: usize,
}

#[expect(clippy::unnecessary_box_returns, reason = "a table is too large to be anywhere but on the heap")]
fn table<T: Copy + Default>() -> Box<[T; BUCKETS]> {
    vec![T::default(); BUCKETS].try_into().unwrap_or_else(|_| unreachable!("the length is the one asked for"))
}

impl Ranks {
    /// Takes in a slice and returns how many of its values are NaN, which rank above all others.
    pub(super) fn survey<T: Element>(&mut self, values: &[T]) -> Result<usize> {
        if values.len() < COUNT_FROM {
            let keys = &mut self.keys;
            keys.clear();
            keys.reserve(values.len());
            for_each_piece(values, |_, values| {
                keys.extend(values.iter().map(|&x| order::key(x)));
                Ok(())
            })?;
            return Ok(keys.iter().filter(|&&key| key == order::NAN).count());
        }
        let tables = self.tables.get_or_insert_with(|| Tables { counts: table(), wanted: table() });
        tables.counts.fill(0);
        for_each_piece(values, |_, values| {
            order::count_buckets(values, &mut tables.counts);
            Ok(())
        })?;
        Ok(tables.counts[BUCKETS - 1])
    }

    /// The value of each rank, counted from 0, in the slice that was surveyed last. `ranks` are ascending, distinct and
    /// below its length, `found` is as long.
    pub(super) fn find<T: Element>(&mut self, values: &[T], ranks: &[usize], found: &mut [f32]) -> Result<()> {
        let tables = match &mut self.tables {
            Some(tables) if values.len() >= COUNT_FROM => tables,
            _ => {
                order::select(&mut self.keys, 0, ranks, &mut |i, key| found[i] = order::value(key));
                return Ok(());
            }
        };
        let gathered = tables.choose(ranks, &mut self.buckets);
        self.lower.resize(gathered, 0);
        let (lower, Tables { counts, wanted }) = (&mut self.lower, tables);
        for_each_piece(values, |_, values| {
            order::gather(values, wanted, counts, lower);
            Ok(())
        })?;

        let (mut lower, mut ranks, mut found) = (&mut self.lower[..], ranks, found);
        for bucket in &self.buckets {
            let (in_bucket, of_bucket, to_find);
            (in_bucket, lower) = lower.split_at_mut(bucket.len);
            (of_bucket, ranks) = ranks.split_at(bucket.ranks);
            (to_find, found) = found.split_at_mut(bucket.ranks);
            let mut each = |i: usize, key: u16| to_find[i] = order::value(bucket.upper << 16 | u32::from(key));
            if in_bucket.len() < COUNT_FROM {
                order::select(in_bucket, bucket.below, of_bucket, &mut each);
            } else {
                find_by_counting(in_bucket, bucket.below, of_bucket, counts, &mut each);
            }
        }
        Ok(())
    }
}

impl Tables {
    /// Lists the buckets that hold `ranks`, marks them, and turns their counts into places one behind another. Returns
    /// the values in all of them.
    fn choose(&mut self, ranks: &[usize], buckets: &mut Vec<Bucket>) -> usize {
        self.wanted.fill(0);
        buckets.clear();
        let (mut ranks, mut below, mut place) = (ranks, 0, 0);
        for (first_upper, counts) in (0..).step_by(SKIPPED).zip(self.counts.chunks_mut(SKIPPED)) {
            let Some(&first) = ranks.first() else { break };
            let in_all: usize = counts.iter().sum();
            if first >= below + in_all {
                below += in_all;
                continue;
            }
            for (upper, count) in (first_upper..).zip(counts) {
                let Some(&first) = ranks.first() else { break };
                let (len, end) = (*count, below + *count);
                if first < end {
                    let inside = ranks.partition_point(|&rank| rank < end);
                    buckets.push(Bucket { upper: upper as u32, below, len, ranks: inside });
                    (self.wanted[upper], *count) = (1, place);
                    place += len;
                    ranks = &ranks[inside..];
                }
                below = end;
            }
        }
        place
    }
}

/// Where one bucket holds many values, its lower halves are counted like the upper ones before: exact, and as fast on
/// equal values as on any others.
fn find_by_counting(
    keys: &[u16],
    below: usize,
    ranks: &[usize],
    counts: &mut [usize; BUCKETS],
    found: &mut impl FnMut(usize, u16),
) {
    counts.fill(0);
    for &key in keys {
        counts[usize::from(key)] += 1;
    }
    let (mut next, mut end) = (0, below);
    for (key, &count) in counts.iter().enumerate() {
        end += count;
        while ranks.get(next).is_some_and(|&rank| rank < end) {
            found(next, key as u16);
            next += 1;
        }
    }
}

/// The position of the first NaN.
pub(super) fn first_nan<T: Element>(values: &[T]) -> usize {
    // A NaN is the one value that is not ordered to itself.
    values.iter().position(|x| x.partial_cmp(x).is_none()).unwrap_or(0)
}
