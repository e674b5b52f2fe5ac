//! How far apart the values of an element are.

use crate::{
    dtype::DType,
    kernel::half::{narrow_bf16, narrow_f16, widen_bf16, widen_f16},
};
use half::{bf16, f16};

/// The grid that the values of an element form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spacing {
    pub(super) dtype: DType,
    /// Significant bits.
    pub(super) bits: i32,
    /// The distance of the smallest values.
    pub(super) least: f64,
    /// The smallest value with all its bits: below it, values are `least` apart.
    pub(super) normal: f64,
    /// The largest value.
    pub(super) largest: f64,
}

impl Spacing {
    pub(super) fn of(dtype: DType) -> Self {
        let (bits, least, largest) = match dtype {
            DType::F32 => (24, power_of_two(-149), f32::MAX.into()),
            DType::F16 => (11, power_of_two(-24), f16::MAX.to_f64()),
            DType::Bf16 => (8, power_of_two(-133), bf16::MAX.to_f64()),
        };
        Self { dtype, bits, least, normal: least * power_of_two(bits - 1), largest }
    }

    /// The distance from a magnitude to the next larger one.
    pub(super) fn at(&self, magnitude: f64) -> f64 {
        if magnitude < self.normal {
            return self.least;
        }
        let power = f64::from_bits(magnitude.min(self.largest).to_bits() & 0x7ff0_0000_0000_0000);
        power * power_of_two(1 - self.bits)
    }

    /// Half the distance of two neighbours, in parts of the smaller: what rounding to the element can be off by.
    pub(super) fn unit_roundoff(&self) -> f64 {
        power_of_two(-self.bits)
    }

    /// Rounds to values of the element.
    pub(super) fn round(&self, values: &mut [f32]) {
        match self.dtype {
            DType::F32 => {}
            DType::F16 => round_halves(values, narrow_f16, widen_f16),
            DType::Bf16 => round_halves(values, narrow_bf16, widen_bf16),
        }
    }

    /// The nearest f32, or the largest value where that is nearer.
    pub(super) fn narrow(&self, x: f64) -> f32 {
        x.clamp(-self.largest, self.largest) as f32
    }
}

/// `2^exponent`, for exponents of normal f64 values.
pub(super) const fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// The nearest integer, ties to even, to a magnitude below 2^51.
#[inline(always)]
pub(super) fn round(x: f64) -> f64 {
    const ROUNDER: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
    (x + ROUNDER) - ROUNDER
}

fn round_halves<T: Copy + Default>(
    values: &mut [f32],
    narrow: impl Fn(&[f32], &mut [T]),
    widen: impl Fn(&[T], &mut [f32]),
) {
    const PIECE: usize = 512;
    let mut halves = [T::default(); PIECE];
    for values in values.chunks_mut(PIECE) {
        let halves = &mut halves[..values.len()];
        narrow(values, halves);
        widen(halves, values);
    }
}
