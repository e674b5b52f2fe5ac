//! All values of an element between two of them, by their bits.

use super::spacing::Spacing;
use crate::{dtype::DType, kernel::order};
use half::{bf16, f16};

/// Levels at consecutive values of the element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Exact {
    pub(super) first: u32,
    pub(super) level_count: u32,
}

impl Exact {
    /// All values in `low..=high`, both zeros where it has one.
    pub(super) fn within(low: f32, high: f32, spacing: &Spacing) -> Self {
        let low = if low == 0.0 { -0.0 } else { low };
        let first = key(spacing.dtype, low);
        Self { first, level_count: key(spacing.dtype, high + 0.0) - first + 1 }
    }

    /// The number of the value, counted from 0; a number that is not of the range says that `x` is not.
    #[inline(always)]
    pub(super) fn nearest(self, dtype: DType, x: f32) -> i64 {
        i64::from(key(dtype, x)) - i64::from(self.first)
    }

    #[inline(always)]
    pub(super) fn level(self, dtype: DType, code: u32) -> f32 {
        value(dtype, self.first + code)
    }

    /// All values are finite, and there is at least one.
    pub(super) fn is_valid(self, dtype: DType) -> bool {
        let last = self.level_count.checked_sub(1).and_then(|rest| self.first.checked_add(rest));
        let below = match dtype {
            DType::F32 => u32::MAX,
            DType::F16 | DType::Bf16 => u16::MAX.into(),
        };
        last.is_some_and(|last| last <= below && value(dtype, self.first).is_finite() && value(dtype, last).is_finite())
    }
}

/// An integer in the order of the values; -0.0 stands just below 0.0.
#[inline(always)]
fn key(dtype: DType, x: f32) -> u32 {
    match dtype {
        DType::F32 => order::key(x),
        DType::F16 => half_key(f16::from_f32(x).to_bits()),
        DType::Bf16 => half_key(bf16::from_f32(x).to_bits()),
    }
}

#[inline(always)]
fn half_key(bits: u16) -> u32 {
    u32::from(if bits >> 15 == 1 { !bits } else { bits | 0x8000 })
}

/// The value that a key stands for.
#[inline(always)]
fn value(dtype: DType, key: u32) -> f32 {
    let half = if key >> 15 == 1 { key as u16 & 0x7fff } else { !(key as u16) };
    match dtype {
        DType::F32 => order::value(key),
        DType::F16 => f16::from_bits(half).to_f32(),
        DType::Bf16 => bf16::from_bits(half).to_f32(),
    }
}
