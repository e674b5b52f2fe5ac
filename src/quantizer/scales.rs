//! Scales: how they are stored, and used as they are stored.

use crate::{
    error::{Error, Result},
    wire::{Reader, Writer},
};
use alloc::vec::Vec;
use core::fmt;
use half::{bf16, f16};

/// How scales are stored. A quantizer works with its scales exactly as they are stored.
///
/// Scales are rounded outward, to the next storable number up, so that the largest value of a group stays in range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum ScaleType {
    /// 4 bytes. Every finite scale.
    #[default]
    F32,
    /// 2 bytes, 6e-8 to 65504. Up to 0.1 % coarser than needed; coarser still below 6e-5. A scale below 3e-8 is an
    /// error, for what it could resolve is lost.
    F16,
    /// 2 bytes, 9e-41 to 3.39e38. Up to 0.8 % coarser than needed, coarser below 1e-38, and below 5e-41 an error.
    Bf16,
    /// 1 byte: a power of two from 2^-127 to 2^127, as in the OCP microscaling formats. Up to twice as coarse as
    /// needed.
    E8M0,
}

/// 2^-127, the smallest power of two of E8M0.
const E8M0_MIN: f32 = f32::from_bits(0x0040_0000);

impl ScaleType {
    /// Bytes of one scale.
    pub const fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::E8M0 => 1,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::E8M0 => "E8M0",
        }
    }

    /// The smallest positive scale.
    pub(crate) fn smallest(self) -> f32 {
        match self {
            Self::F32 => f32::from_bits(1),
            Self::F16 => f16::from_bits(1).to_f32(),
            Self::Bf16 => bf16::from_bits(1).to_f32(),
            Self::E8M0 => E8M0_MIN,
        }
    }

    /// The smallest storable scale with `scale * reach >= extent`, both positive; none if there is none, or if it
    /// would be more than twice the scale that is needed.
    pub(crate) fn round_outward(self, extent: f64, reach: f64) -> Option<f32> {
        let ideal = extent / reach;
        // Products are exact in f64 for a reach of up to 29 bits, such as those of grids.
        let covers = |scale: f32| f64::from(scale) * reach >= extent;
        let nearest = ideal as f32;
        let exact = if covers(nearest) { nearest } else { nearest.next_up() };
        let scale = match self {
            // Values are multiples of the smallest f32, so that even this scale resolves them fully.
            Self::F32 => return exact.is_finite().then_some(exact),
            Self::F16 => {
                let nearest = f16::from_f32(exact);
                let up = if covers(nearest.to_f32()) { nearest } else { f16::from_bits(nearest.to_bits() + 1) };
                up.to_f32()
            }
            Self::Bf16 => {
                let nearest = bf16::from_f32(exact);
                let up = if covers(nearest.to_f32()) { nearest } else { bf16::from_bits(nearest.to_bits() + 1) };
                up.to_f32()
            }
            Self::E8M0 if exact <= E8M0_MIN => E8M0_MIN,
            // Adding the mantissa mask carries into the exponent unless the mantissa is zero.
            Self::E8M0 => f32::from_bits((exact.to_bits() + 0x007f_ffff) & 0x7f80_0000),
        };
        (scale.is_finite() && f64::from(scale) <= 2.0 * ideal).then_some(scale)
    }

    /// Whether a scale can be stored as it is.
    fn holds(self, scale: f32) -> bool {
        let stored = match self {
            Self::F32 => scale,
            Self::F16 => f16::from_f32(scale).to_f32(),
            Self::Bf16 => bf16::from_f32(scale).to_f32(),
            Self::E8M0 if scale == E8M0_MIN => scale,
            Self::E8M0 => f32::from_bits(scale.to_bits() & 0x7f80_0000),
        };
        stored == scale && scale > 0.0 && scale.is_finite()
    }

    /// The scale in the first [`size`](Self::size) bytes.
    pub(crate) fn encode(self, scale: f32) -> [u8; 4] {
        match self {
            Self::F32 => scale.to_le_bytes(),
            Self::F16 => u32::from(f16::from_f32(scale).to_bits()).to_le_bytes(),
            Self::Bf16 => u32::from(bf16::from_f32(scale).to_bits()).to_le_bytes(),
            Self::E8M0 => (scale.to_bits() >> 23).to_le_bytes(),
        }
    }

    pub(crate) fn read(self, bytes: &mut Reader<'_>) -> Result<f32> {
        let scale = match self {
            Self::F32 => f32::from_bits(bytes.u32()?),
            Self::F16 => f16::from_le_bytes([bytes.u8()?, bytes.u8()?]).to_f32(),
            Self::Bf16 => bf16::from_le_bytes([bytes.u8()?, bytes.u8()?]).to_f32(),
            Self::E8M0 => match bytes.u8()? {
                0 => E8M0_MIN,
                exponent => f32::from_bits(u32::from(exponent) << 23),
            },
        };
        if self.holds(scale) { Ok(scale) } else { Err(Error::Corrupt { what: "scale", found: scale.to_bits().into() }) }
    }

    pub(crate) fn to_byte(self) -> u8 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::E8M0 => 2,
            Self::Bf16 => 3,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Result<Self> {
        match byte {
            0 => Ok(Self::F32),
            1 => Ok(Self::F16),
            2 => Ok(Self::E8M0),
            3 => Ok(Self::Bf16),
            _ => Err(Error::Corrupt { what: "scale type", found: byte.into() }),
        }
    }
}

impl fmt::Display for ScaleType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Positive scales, one per group of values, exactly as they are stored.
///
/// ```
/// use fewbits::{ScaleType, Scales};
///
/// assert!(Scales::new(ScaleType::F16, vec![0.125, 3.0]).is_ok());
/// assert!(Scales::new(ScaleType::F16, vec![0.1]).is_err()); // no f16 is 0.1
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Scales {
    scale_type: ScaleType,
    values: Vec<f32>,
}

impl Scales {
    /// Scales that `scale_type` can hold as they are.
    pub fn new(scale_type: ScaleType, values: Vec<f32>) -> Result<Self> {
        match values.iter().position(|&scale| !scale_type.holds(scale)) {
            Some(index) => Err(Error::Parameter {
                what: "scales",
                index,
                value: values[index].into(),
                allowed: "positive scales that their type can hold as they are",
            }),
            None => Ok(Self { scale_type, values }),
        }
    }

    /// How they are stored.
    pub fn scale_type(&self) -> ScaleType {
        self.scale_type
    }

    /// The scales.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        for &scale in &self.values {
            out.bytes(&self.scale_type.encode(scale)[..self.scale_type.size()]);
        }
    }

    pub(crate) fn read(scale_type: ScaleType, count: usize, bytes: &mut Reader<'_>) -> Result<Self> {
        // The caller has checked that the bytes are there.
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(scale_type.read(bytes)?);
        }
        Ok(Self { scale_type, values })
    }
}
