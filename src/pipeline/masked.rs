//! A pipeline for what is finite, and a mask for the rest.

use super::{
    Pipeline,
    non_finite::{Fate, NonFinite},
};
use crate::{
    codec::take,
    description::{Describe, Description, Restore, Stages},
    element::{Element, Values, ValuesMut, each_element, for_each_piece, values_from_le_bytes_into},
    error::{Error, Result, check_piece},
    wire::{Reader, put_varint},
};
use alloc::vec::Vec;

/// A pipeline behind a policy for values that are not finite ([`NonFinite`]).
///
/// If the policy keeps values, each stream begins with a mask: where they are and which bits they have. A stream without
/// any costs one byte more than that of the pipeline alone; a run of equal ones costs 2 to 7 bytes, or more if it is
/// far from the last, however long it is. The rate is no longer fixed. A stream of nothing else holds no stream of the
/// pipeline.
///
/// Otherwise bytes are those of the pipeline, and the policy is a matter of the encoder alone.
///
/// Encoding allocates a copy of the values and the mask, if there is something to mask or to saturate; decoding nothing.
/// Cost: one more pass over the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Masked<P> {
    policy: NonFinite,
    pipeline: P,
}

impl<P> Masked<P> {
    pub(crate) const TAG: u8 = 0x11;

    /// A policy in front of a pipeline that was fitted to what [`NonFinite::finite`] makes of the values.
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

impl<P: Pipeline> Masked<P> {
    fn encode_values<T: Element>(&self, start: usize, values: &[T], bytes: &mut [u8]) -> Result<usize> {
        check_piece(start, values.len(), self.block())?;
        let replaced = self.policy.replaced(start, values)?;
        let (passed, masked) = replaced.as_ref().map_or((values, 0), |(replaced, masked)| (&replaced[..], *masked));
        if !self.policy.masks() {
            return self.pipeline.encode_at(start, T::erase(passed), bytes);
        }
        let mut mask = Vec::new();
        if masked > 0 {
            self.write_mask(values, &mut mask)?;
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
        Ok(head.len() + self.pipeline.encode_at(start, T::erase(passed), rest)?)
    }

    /// Appends runs of neighbours with the same bits.
    fn write_mask<T: Element>(&self, values: &[T], mask: &mut Vec<u8>) -> Result<()> {
        let bits = |i: usize| T::as_bytes(&values[i..=i]);
        // Where the last run began and ended, if there was one.
        let mut last: Option<(usize, usize)> = None;
        let mut open: Option<usize> = None;
        let mut close = |from: usize, to: usize, mask: &mut Vec<u8>| {
            let same = last.is_some_and(|(first, _)| bits(first) == bits(from));
            put_varint(mask, (from - last.map_or(0, |(_, end)| end)) as u64);
            put_varint(mask, ((to - from - 1) as u64) << 1 | u64::from(same));
            if !same {
                mask.extend(crate::values_to_le_bytes(&values[from..=from]));
            }
            last = Some((from, to));
        };
        for_each_piece(values, |at, wide| {
            for (i, &x) in wide.iter().enumerate() {
                let i = at + i;
                let is_masked = self.policy.fate(x) == Fate::Mask;
                if let Some(from) = open
                    && !(is_masked && bits(from) == bits(i))
                {
                    close(from, i, mask);
                    open = None;
                }
                if is_masked && open.is_none() {
                    open = Some(i);
                }
            }
            Ok(())
        })?;
        if let Some(from) = open {
            close(from, values.len(), mask);
        }
        Ok(())
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
        // What a policy refuses or saturates is a matter of the encoder alone.
        if self.policy.masks() {
            out.stage(Self::TAG, |_| {});
        }
        self.pipeline.describe(out);
    }
}

/// A policy that keeps values is restored as [`NonFinite::keep`], any other as [`NonFinite::refuse`].
impl<P: Restore> Restore for Masked<P> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let masks = stages.peek() == Some(Self::TAG);
        if masks {
            stages.stage(Self::TAG, "a mask", |_| Ok(()))?;
        }
        let policy = if masks { NonFinite::keep() } else { NonFinite::refuse() };
        Ok(Self { policy, pipeline: P::restore(stages)? })
    }
}
