//! Lists of scales, as they are stored.

use super::{Levels, Minifloat, ScaleRule, ScaleType};
use crate::{
    error::{Error, Result, same_length},
    wire::{Reader, Writer},
};
use alloc::vec::Vec;

/// Positive scales, one per group of values, exactly as they are stored.
///
/// ```
/// use fewbits::{ScaleType, Scales};
///
/// assert!(Scales::new(ScaleType::F16, vec![0.125, 3.0]).is_ok());
/// assert!(Scales::new(ScaleType::F16, vec![0.1]).is_err()); // no f16 is 0.1
///
/// // In two levels: bytes, and an f32 for every 256 of them.
/// let scales = Scales::two_level(ScaleType::U8, vec![0.5], vec![1, 255, 3])?;
/// assert_eq!(scales.values(), [0.5, 127.5, 1.5]);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Scales {
    scale_type: ScaleType,
    values: Vec<f32>,
    /// What scales in two levels share, and their own bytes; or nothing.
    shared: Vec<f32>,
    bytes: Vec<u8>,
}

impl Scales {
    /// Scales that `scale_type` can hold as they are. It is not one of two levels.
    pub fn new(scale_type: ScaleType, values: Vec<f32>) -> Result<Self> {
        if scale_type.sharing().is_some() {
            let remedy = "it takes a shared f32 as well; use `two_level`";
            return Err(Error::Unsuited { setting: "a scale in two levels", remedy });
        }
        match values.iter().position(|&scale| !scale_type.holds(scale)) {
            Some(index) => Err(wrong(&values, index)),
            None => Ok(Self { scale_type, values, shared: Vec::new(), bytes: Vec::new() }),
        }
    }

    /// Scales in two levels: `shared[i / n]` times the number that `bytes[i]` stands for, where `n` scales share one:
    /// 256 for [`ScaleType::U8`], all for [`ScaleType::E4M3`]. Shared numbers are positive; products are rounded to f32,
    /// and neither zero nor infinite.
    pub fn two_level(scale_type: ScaleType, shared: Vec<f32>, bytes: Vec<u8>) -> Result<Self> {
        let Some(sharing) = scale_type.sharing() else {
            let remedy = "nothing is shared; use `new`";
            return Err(Error::Unsuited { setting: "a scale in one level", remedy });
        };
        same_length("shared", bytes.len().div_ceil(sharing), shared.len())?;
        let values: Vec<f32> =
            bytes.iter().enumerate().map(|(i, &x)| shared[i / sharing] * number(scale_type, x)).collect();
        let is_scale = |i: usize| shared[i / sharing] > 0.0 && values[i] > 0.0 && values[i].is_finite();
        match (0..values.len()).find(|&i| !is_scale(i)) {
            Some(index) => Err(wrong(&values, index)),
            None => Ok(Self { scale_type, values, shared, bytes }),
        }
    }

    /// Scales in two levels that come near `wanted`, by `rule`. Zero says that any scale will do.
    pub(super) fn fit_two_level(scale_type: ScaleType, wanted: &[f32], rule: ScaleRule) -> Result<Self> {
        let sharing = scale_type.sharing().unwrap_or(usize::MAX);
        let (mut shared, mut bytes) = (Vec::new(), Vec::new());
        for (i, wanted) in wanted.chunks(sharing).enumerate() {
            let largest = wanted.iter().copied().fold(0.0, f32::max);
            let share = share(scale_type, largest);
            shared.push(share);
            for (j, &scale) in wanted.iter().enumerate() {
                let byte = byte(scale_type, share, scale, rule);
                let stored = share * number(scale_type, byte);
                let coarse = rule == ScaleRule::Outward && scale > 0.0 && f64::from(stored) > 2.0 * f64::from(scale);
                if coarse || !stored.is_finite() {
                    let group = i.saturating_mul(sharing).saturating_add(j);
                    return Err(Error::ScaleOutOfRange { group, scale: scale.into(), stored_as: scale_type.name() });
                }
                bytes.push(byte);
            }
        }
        Self::two_level(scale_type, shared, bytes)
    }

    /// How they are stored.
    pub fn scale_type(&self) -> ScaleType {
        self.scale_type
    }

    /// The scales.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// What scales in two levels share, one f32 for every 256 or for all; empty for others.
    pub fn shared(&self) -> &[f32] {
        &self.shared
    }

    /// The scales as they are stored, each in [`size`](ScaleType::size) bytes, little-endian, without what they share.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.values.len() * self.scale_type.size());
        self.write_own(&mut Writer { bytes: &mut bytes });
        bytes
    }

    fn write_own(&self, out: &mut Writer<'_>) {
        out.bytes(&self.bytes);
        if self.bytes.is_empty() {
            for &scale in &self.values {
                out.bytes(&self.scale_type.encode(scale)[..self.scale_type.size()]);
            }
        }
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        self.shared.iter().for_each(|&share| out.f32(share));
        self.write_own(out);
    }

    pub(crate) fn read(scale_type: ScaleType, count: usize, bytes: &mut Reader<'_>) -> Result<Self> {
        // The caller has checked that the bytes are there.
        let Some(sharing) = scale_type.sharing() else {
            let mut values = Vec::with_capacity(count);
            for _ in 0..count {
                values.push(scale_type.read(bytes)?);
            }
            return Ok(Self { scale_type, values, shared: Vec::new(), bytes: Vec::new() });
        };
        let mut shared = Vec::with_capacity(count.div_ceil(sharing));
        for _ in 0..count.div_ceil(sharing) {
            shared.push(bytes.f32()?);
        }
        let bytes = bytes.bytes(count)?.to_vec();
        Self::two_level(scale_type, shared, bytes).map_err(|_| Error::Corrupt { what: "scale", found: count as u64 })
    }
}

fn wrong(values: &[f32], index: usize) -> Error {
    let allowed = "positive scales that their type can hold as they are";
    Error::Parameter { what: "scales", index, value: values[index].into(), allowed }
}

/// The largest number that a byte stands for.
fn largest_number(scale_type: ScaleType) -> f32 {
    if scale_type == ScaleType::U8 { 255.0 } else { Minifloat::E4M3.max() }
}

/// The number that a byte stands for: 0 or NaN for bytes that are never stored.
fn number(scale_type: ScaleType, byte: u8) -> f32 {
    match scale_type {
        ScaleType::U8 => byte.into(),
        // Without a sign, and no NaN.
        _ if byte < 0x7f => Minifloat::E4M3.from_bits(byte.into()),
        _ => 0.0,
    }
}

/// What scales share of which this is the largest.
fn share(scale_type: ScaleType, largest: f32) -> f32 {
    if largest == 0.0 {
        return 1.0;
    }
    let ideal = largest / largest_number(scale_type);
    // Rounded up, so that the largest number reaches; and never so small that the smallest product is zero.
    let up = if f64::from(ideal) * f64::from(largest_number(scale_type)) < f64::from(largest) {
        ideal.next_up()
    } else {
        ideal
    };
    up.max(f32::from_bits(1) / number(scale_type, 1))
}

/// The byte for a scale, never one that stands for zero.
fn byte(scale_type: ScaleType, share: f32, scale: f32, rule: ScaleRule) -> u8 {
    let exact = f64::from(scale) / f64::from(share);
    let nearest = if scale_type == ScaleType::U8 {
        ((exact + 0.5) as u32).clamp(1, 255) as u8
    } else {
        let zero = Minifloat::E4M3.level_count() / 2;
        (Minifloat::E4M3.nearest(exact as f32) - zero).max(1) as u8
    };
    // Bytes are in the order of their numbers.
    let short = rule == ScaleRule::Outward && share * number(scale_type, nearest) < scale;
    if short && number(scale_type, nearest) < largest_number(scale_type) { nearest + 1 } else { nearest }
}
