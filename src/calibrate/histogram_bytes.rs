//! Histograms as bytes.

use super::histogram::{Histogram, MANTISSA, MOST, PAGES, Tally, sum_of_counts};
use crate::{
    dtype::DType,
    error::{Error, Result},
    kernel::order,
    wire::{FORMAT_VERSION, Reader, Writer, check_checksum, check_version, checksum},
};
use alloc::{vec, vec::Vec};
use half::{bf16, f16};

impl Histogram {
    /// Bytes to send or store, the same for equal histograms; `docs/format.md` describes them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT_VERSION];
        let mut out = Writer { bytes: &mut bytes };
        out.u8(self.mantissa_bits as u8 | self.dtype.unwrap_or(DType::F32).to_byte() << 4);
        out.varint(self.tallies().count() as u64);
        let mut next = 0;
        for (bucket, tally) in self.tallies() {
            out.varint((bucket - next).into());
            out.varint(tally.count);
            out.varint(tally.rest);
            next = bucket + 1;
        }
        if let Some((low, high)) = self.ends {
            out.f32(low);
            out.f32(high);
        }
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. The bytes may come from anywhere; memory stays below 8.5 MiB.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        check_version(reader.u8()?)?;
        let truncated = Error::Truncated { needed: 4, actual: reader.remaining() };
        let (checked, stored) = bytes.split_last_chunk().ok_or(truncated)?;
        check_checksum("a histogram", checked, u32::from_le_bytes(*stored))?;
        let mut reader = Reader::new(checked.get(1..).unwrap_or_default());
        let settings = reader.u8()?;
        let corrupt = |what, found| Error::Corrupt { what, found };
        let mut histogram = Self::with_mantissa_bits(u32::from(settings & 0xf))
            .map_err(|_| corrupt("mantissa bits", settings.into()))?;
        let dtype = DType::from_byte(settings >> 4).ok_or(corrupt("element of a histogram", settings.into()))?;
        let mut next = 0;
        for _ in 0..reader.varint()? {
            next = histogram.read_bucket(next, &mut reader)?;
        }
        if histogram.count == 0 && dtype != DType::F32 {
            return Err(corrupt("element of a histogram", settings.into()));
        }
        if histogram.count > 0 {
            histogram.dtype = Some(dtype);
            histogram.ends = Some((reader.f32()?, reader.f32()?));
        }
        reader.finish()?;
        if histogram.is_consistent() { Ok(histogram) } else { Err(corrupt("extremes of a histogram", histogram.count)) }
    }

    /// Reads a bucket, the number of which is at least `next`, and returns the number after.
    fn read_bucket(&mut self, next: u64, reader: &mut Reader<'_>) -> Result<u64> {
        let corrupt = |what, found| Error::Corrupt { what, found };
        let bucket = next.saturating_add(reader.varint()?);
        let (count, rest) = (reader.varint()?, reader.varint()?);
        let shift = MANTISSA - self.mantissa_bits;
        let last = (1_u64 << shift) - 1;
        // Infinities and NaN have keys beyond those of finite values, at either end.
        let is_finite = |bucket: u32| {
            order::value(bucket << shift).is_finite() && order::value(bucket << shift | last as u32).is_finite()
        };
        if bucket >> self.mantissa_bits >= PAGES as u64 || !is_finite(bucket as u32) {
            return Err(corrupt("bucket", bucket));
        }
        if count == 0 || count > MOST || rest > count * last {
            return Err(corrupt("count of a bucket", count));
        }
        self.count = sum_of_counts(self.count, count).map_err(|_| corrupt("count of a histogram", count))?;
        *self.tally(bucket as u32) = Tally { count, rest };
        Ok(bucket + 1)
    }

    /// The extremes lie in the outermost buckets, and are values of the element.
    fn is_consistent(&self) -> bool {
        let outermost = self.buckets().next().zip(self.buckets().last());
        match (self.ends, outermost) {
            (Some((low, high)), Some((first, last))) => {
                let possible = |x: f32| match self.dtype {
                    Some(DType::F16) => f16::from_f32(x).to_f32() == x,
                    Some(DType::Bf16) => bf16::from_f32(x).to_f32() == x,
                    _ => true,
                };
                // There is one zero.
                let ends = [low, high].iter().all(|&x| possible(x) && x.to_bits() != (-0.0_f32).to_bits());
                ends && low <= high && (first.low..=first.high).contains(&low) && (last.low..=last.high).contains(&high)
            }
            (ends, _) => ends.is_none(),
        }
    }
}
