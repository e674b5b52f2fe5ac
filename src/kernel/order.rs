//! The order of f32 as integers: values become keys of 32 bits that sort as the values do.
//!
//! The upper 16 bits of a key are its bucket, of which there are few enough to count; the lower 16 bits tell the values
//! of a bucket apart.

/// Buckets of keys, and keys of a bucket.
pub(crate) const BUCKETS: usize = 1 << 16;

/// The key of every NaN, above all others. The last bucket holds nothing else.
pub(crate) const NAN: u32 = u32::MAX;

/// Values whose buckets are computed before they are looked up, so that the first loop vectorises.
const STAGED: usize = 512;

/// Negative values count down from the middle, others up; -0.0 stands just below 0.0.
#[inline(always)]
pub(crate) fn key(x: f32) -> u32 {
    let bits = x.to_bits();
    let flip = ((bits as i32) >> 31) as u32 | 0x8000_0000;
    if x.is_nan() { NAN } else { bits ^ flip }
}

/// The value that a key stands for.
pub(crate) fn value(key: u32) -> f32 {
    if key == NAN {
        return f32::NAN;
    }
    f32::from_bits(if key >> 31 == 1 { key ^ 0x8000_0000 } else { !key })
}

#[inline(always)]
fn bucket(x: f32) -> u16 {
    (key(x) >> 16) as u16
}

/// Adds the values of each bucket to `counts`.
pub(crate) fn count_buckets(values: &[f32], counts: &mut [usize; BUCKETS]) {
    let mut staged = [0_u16; STAGED];
    for values in values.chunks(STAGED) {
        for (staged, &x) in staged.iter_mut().zip(values) {
            *staged = bucket(x);
        }
        for &bucket in &staged[..values.len()] {
            counts[usize::from(bucket)] += 1;
        }
    }
}

/// Copies the lower halves of the keys whose bucket has `wanted` = 1, others have 0, to where `ends` of the bucket
/// points, and moves that on.
pub(crate) fn gather(values: &[f32], wanted: &[u8; BUCKETS], ends: &mut [usize; BUCKETS], lower: &mut [u16]) {
    let mut staged = [0_u16; STAGED];
    let mut positions = [0_u16; STAGED];
    for values in values.chunks(STAGED) {
        for (staged, &x) in staged.iter_mut().zip(values) {
            *staged = bucket(x);
        }
        // Every position is written and only those that are wanted are kept: no branch that depends on the values.
        let mut kept = 0;
        for (i, &bucket) in staged[..values.len()].iter().enumerate() {
            positions[kept % STAGED] = i as u16;
            kept += usize::from(wanted[usize::from(bucket)]);
        }
        for &i in &positions[..kept] {
            let key = key(values[usize::from(i)]);
            let end = &mut ends[(key >> 16) as usize];
            lower[*end] = key as u16;
            *end += 1;
        }
    }
}

/// Finds the keys of several ranks by partition around the middle one, then on either side: `found(i, key)` gets the
/// key with the rank `ranks[i]`. Ranks are ascending and distinct; the first of `keys` has the rank `below`.
///
/// About `keys.len() * log2(ranks.len() + 1)` steps, whatever the keys.
pub(crate) fn select<K: Ord + Copy>(keys: &mut [K], below: usize, ranks: &[usize], found: &mut impl FnMut(usize, K)) {
    select_from(keys, below, ranks, 0, found);
}

fn select_from<K: Ord + Copy>(
    keys: &mut [K],
    below: usize,
    ranks: &[usize],
    first: usize,
    found: &mut impl FnMut(usize, K),
) {
    let middle = ranks.len() / 2;
    let Some(&rank) = ranks.get(middle) else { return };
    let (lower, &mut key, upper) = keys.select_nth_unstable(rank - below);
    found(first + middle, key);
    select_from(lower, below, &ranks[..middle], first, found);
    select_from(upper, rank + 1, &ranks[middle + 1..], first + middle + 1, found);
}
