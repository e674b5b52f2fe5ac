//! A pipeline for what is finite, and a mask for the rest.

use super::Pipeline;
use crate::{
    codec::take,
    description::{Describe, Description, Restore, Stages},
    element::{Element, Values, ValuesMut, each_element, values_from_le_bytes_into, values_to_le_bytes},
    error::{Error, Result, check_piece},
    non_finite::{Fate, NonFinite},
    wire::{Reader, put_varint},
};
use alloc::vec::Vec;

/// A pipeline behind a policy for values that are not finite ([`NonFinite`]).
///
/// If the policy keeps values, each stream begins with a mask: where they are and which bits they have. A stream without
/// any costs one byte more than that of the pipeline alone; a run of equal ones costs 2 to 6 bytes, or a few more if it
/// is long or far from the last. The rate is no longer fixed. A stream of nothing else holds no stream of the pipeline.
/// Otherwise streams are those of the pipeline.
///
/// In place of a value that is kept, the pipeline sees another one of its block, or of the array if the block holds
/// nothing else, so that no block is scaled by what is not there.
///
/// Cost: one more pass over the values. Encoding allocates a copy of the values, a byte for each and the mask, if there
/// is something to mask or to saturate, and a few bytes if not; decoding nothing. Room for a mask is 6 bytes a value
/// ([`max_encoded_len`](Pipeline::max_encoded_len)), hardly any of which is used. Frames of millions of missing values can
/// be so small that default [`Limits`](crate::Limits) refuse what they decode to: raise them, or decode into a buffer.
///
/// ```
/// use fewbits::{Blocks, Masked, NonFinite, PipelineExt};
///
/// let readings = [0.5_f32, f32::NAN, f32::NAN, 0.75, f32::NEG_INFINITY, 0.25];
/// let pipeline = Masked::new(NonFinite::keep(), Blocks::uniform(8, 64)?);
/// let bytes = pipeline.encode(&readings)?;
/// assert_eq!(bytes.len(), 1 + 2 * (1 + 1 + 4) + 2 + 6); // two runs with their bits, a scale, six codes
/// let restored: Vec<f32> = pipeline.decode(&bytes, 6)?;
/// assert!(restored[1].is_nan() && restored[4] == f32::NEG_INFINITY && (restored[3] - 0.75).abs() < 0.005);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Masked<P> {
    policy: NonFinite,
    pipeline: P,
}

impl<P> Masked<P> {
    pub(crate) const TAG: u8 = 0x11;

    /// A policy in front of a pipeline that was fitted with the same policy, or needs no fit. A fit without it has looked
    /// at fill values as at any others.
    pub const fn new(policy: NonFinite, pipeline: P) -> Self {
        Self { policy, pipeline }
    }

    /// What becomes of values that are not finite.
    pub const fn policy(&self) -> NonFinite {
        self.policy
    }

    /// The pipeline that finite values go through.
    pub const fn pipeline(&self) -> &P {
        &self.pipeline
    }
}

/// Bytes of the longest variable-length number.
const VARINT: usize = 10;

/// Bytes of the longest mask: a run for each value, with a byte for where it is, one for its length and up to four for
/// what it holds. Positions and lengths that need more bytes cover more values.
const fn max_mask_len(values: usize) -> usize {
    values.saturating_mul(6).saturating_add(VARINT)
}

/// Values with others in place of those that do not pass; `block` is that of the pipeline.
fn replaced<T: Element>(values: &[T], fates: &[Fate], block: usize) -> Result<Vec<T>> {
    let mut ends = [T::default(); 2];
    T::narrow_into(&[-T::MAX, T::MAX], &mut ends)?;
    let mut replaced = values.to_vec();
    for (x, _) in replaced.iter_mut().zip(fates).filter(|(_, fate)| **fate == Fate::Saturate) {
        *x = ends[usize::from(*x > T::default())];
    }
    let there = |fates: &[Fate]| fates.iter().position(|&fate| fate != Fate::Mask);
    let mut last = there(fates).map_or(T::default(), |first| replaced[first]);
    for (out, fates) in replaced.chunks_mut(block).zip(fates.chunks(block)) {
        last = there(fates).map_or(last, |first| out[first]);
        for (x, &fate) in out.iter_mut().zip(fates) {
            if fate == Fate::Mask {
                *x = last;
            }
            last = *x;
        }
    }
    Ok(replaced)
}

/// Values with the largest ones of the element where the policy saturates; what it masks stays.
pub(crate) fn saturated<T: Element>(policy: NonFinite, values: &[T]) -> Result<Vec<T>> {
    let mut ends = [T::default(); 2];
    T::narrow_into(&[-T::MAX, T::MAX], &mut ends)?;
    let mut saturated = values.to_vec();
    policy.narrowed::<T>().for_each(0, values, |i, x, fate| {
        if fate == Fate::Saturate {
            saturated[i] = ends[usize::from(x > 0.0)];
        }
    })?;
    Ok(saturated)
}

/// What a pipeline behind a policy sees of values.
pub(crate) fn seen<T: Element>(policy: NonFinite, values: &[T], block: usize) -> Result<Vec<T>> {
    let mut fates = Vec::with_capacity(values.len());
    policy.narrowed::<T>().for_each(0, values, |_, _, fate| fates.push(fate))?;
    replaced(values, &fates, block)
}

/// Runs of neighbours that are masked and have the same bits.
fn mask_of<T: Element>(values: &[T], fates: &[Fate]) -> Vec<u8> {
    let bits = |i: usize| T::as_bytes(&values[i..=i]);
    let mut mask = Vec::new();
    let (mut end, mut held) = (0, None);
    let mut at = 0;
    while at < values.len() {
        let is_masked = |i: usize| fates[i] == Fate::Mask;
        if !is_masked(at) {
            at += 1;
            continue;
        }
        let from = at;
        while at < values.len() && is_masked(at) && bits(at) == bits(from) {
            at += 1;
        }
        let same = held.is_some_and(|held| bits(held) == bits(from));
        put_varint(&mut mask, (from - end) as u64);
        put_varint(&mut mask, ((at - from - 1) as u64) << 1 | u64::from(same));
        if !same {
            mask.extend(values_to_le_bytes(&values[from..=from]));
        }
        (end, held) = (at, Some(from));
    }
    mask
}

impl<P: Pipeline> Masked<P> {
    fn encode_values<T: Element>(&self, start: usize, values: &[T], bytes: &mut [u8]) -> Result<usize> {
        check_piece(start, values.len(), self.block())?;
        let policy = self.policy.narrowed::<T>();
        let (mut passed, mut masked) = (0, 0);
        policy.for_each(start, values, |_, _, fate| {
            passed += usize::from(fate == Fate::Pass);
            masked += usize::from(fate == Fate::Mask);
        })?;
        let (mut mask, mut others) = (Vec::new(), None);
        if passed < values.len() {
            let mut fates = Vec::with_capacity(values.len());
            policy.for_each(start, values, |_, _, fate| fates.push(fate))?;
            mask = mask_of(values, &fates);
            others = Some(replaced(values, &fates, self.block())?);
        }
        let values = others.as_deref().unwrap_or(values);
        if !policy.masks() {
            return self.pipeline.encode_at(start, T::erase(values), bytes);
        }
        let mut head = Vec::new();
        put_varint(&mut head, mask.len() as u64);
        head.append(&mut mask);
        let short = Error::Length { what: "bytes", expected: head.len(), actual: bytes.len() };
        let (front, rest) = bytes.split_at_mut_checked(head.len()).ok_or(short)?;
        front.copy_from_slice(&head);
        if masked == values.len() && masked > 0 {
            return Ok(head.len());
        }
        Ok(head.len() + self.pipeline.encode_at(start, T::erase(values), rest)?)
    }

    fn decode_values<T: Element>(&self, start: usize, bytes: &[u8], values: &mut [T]) -> Result<usize> {
        check_piece(start, values.len(), self.block())?;
        if !self.policy.masks() {
            return self.pipeline.decode_at(start, bytes, T::erase_mut(values));
        }
        let mut reader = Reader::new(bytes);
        let mask_len = reader.size()?;
        let mask = take(reader.rest, mask_len)?;
        let head = bytes.len() - reader.remaining() + mask_len;
        let mut masked = 0;
        for_each_run::<T>(mask, values.len(), |from, to, _| masked += to - from)?;
        if masked == values.len() && masked > 0 {
            for_each_run(mask, values.len(), |from, to, value| values[from..to].fill(value))?;
            return Ok(head);
        }
        let read = self.pipeline.decode_at(start, &bytes[head..], T::erase_mut(values))?;
        for_each_run(mask, values.len(), |from, to, value| values[from..to].fill(value))?;
        Ok(head.saturating_add(read))
    }
}

/// Calls `each(first, end, value)` for the runs of a mask over `count` values.
fn for_each_run<T: Element>(mask: &[u8], count: usize, mut each: impl FnMut(usize, usize, T)) -> Result<()> {
    let mut reader = Reader::new(mask);
    let mut value: Option<&[u8]> = None;
    let mut end = 0_usize;
    while reader.remaining() > 0 {
        let (gap, run) = (reader.size()?, reader.varint()?);
        let corrupt = Error::Corrupt { what: "mask", found: end as u64 };
        let before = value;
        if run & 1 == 0 {
            value = Some(reader.bytes(size_of::<T>())?);
        }
        // Runs that could have been written in fewer bytes never are.
        let same = run & 1 == 1;
        let wasteful = if same { gap == 0 || before.is_none() } else { value == before };
        let from = end.checked_add(gap);
        let to = usize::try_from(run >> 1).ok().and_then(|rest| from?.checked_add(rest)?.checked_add(1));
        let (Some(from), Some(to), Some(bits), false) = (from, to.filter(|&to| to <= count), value, wasteful) else {
            return Err(corrupt);
        };
        let mut held = [T::default()];
        values_from_le_bytes_into(bits, &mut held)?;
        each(from, to, held[0]);
        end = to;
    }
    Ok(())
}

impl<P: Pipeline> Pipeline for Masked<P> {
    fn max_encoded_len(&self, values: usize) -> usize {
        let mask = if self.policy.masks() { max_mask_len(values) } else { 0 };
        self.pipeline.max_encoded_len(values).saturating_add(mask)
    }

    fn encoded_len(&self, values: usize) -> Option<usize> {
        if self.policy.masks() { None } else { self.pipeline.encoded_len(values) }
    }

    fn block(&self) -> usize {
        self.pipeline.block().max(1)
    }

    fn check_len(&self, values: usize) -> Result<()> {
        self.pipeline.check_len(values)
    }

    fn encode_at(&self, start: usize, values: Values<'_>, bytes: &mut [u8]) -> Result<usize> {
        each_element!(Values, values => self.encode_values(start, values, bytes))
    }

    fn decode_at(&self, start: usize, bytes: &[u8], values: ValuesMut<'_>) -> Result<usize> {
        each_element!(ValuesMut, values => self.decode_values(start, bytes, values))
    }
}

impl<P: Describe> Describe for Masked<P> {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| self.policy.write(out));
        self.pipeline.describe(out);
    }
}

impl<P: Restore> Restore for Masked<P> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let policy = stages.stage(Self::TAG, "a mask", NonFinite::read)?;
        Ok(Self { policy, pipeline: P::restore(stages)? })
    }
}
