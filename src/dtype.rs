//! Elements by name.

use crate::{
    error::Result,
    wire::{Reader, Writer},
};
use core::fmt::{self, Display};
use half::{bf16, f16};

/// An element type by name, for decisions at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum DType {
    /// IEEE single precision, 4 bytes.
    F32,
    /// IEEE half precision, 2 bytes.
    F16,
    /// The upper half of an f32, 2 bytes.
    Bf16,
}

impl DType {
    /// Bytes of one value.
    pub const fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// A parameter as it will be stored; infinite if there is no room for it.
    pub(crate) fn round(self, x: f64) -> f64 {
        match self {
            Self::F32 => f64::from(x as f32),
            Self::F16 => f16::from_f64(x).into(),
            Self::Bf16 => bf16::from_f64(x).into(),
        }
    }

    /// The smallest positive number.
    pub(crate) fn smallest(self) -> f64 {
        match self {
            Self::F32 => f32::from_bits(1).into(),
            Self::F16 => f16::from_bits(1).into(),
            Self::Bf16 => bf16::from_bits(1).into(),
        }
    }

    /// Stores a parameter, which has been rounded.
    pub(crate) fn write(self, x: f32, out: &mut Writer<'_>) {
        match self {
            Self::F32 => out.f32(x),
            Self::F16 => out.bytes(&f16::from_f32(x).to_le_bytes()),
            Self::Bf16 => out.bytes(&bf16::from_f32(x).to_le_bytes()),
        }
    }

    /// A parameter that was stored.
    pub(crate) fn read(self, bytes: &mut Reader<'_>) -> Result<f32> {
        match self {
            Self::F32 => bytes.f32(),
            Self::F16 => Ok(f16::from_le_bytes([bytes.u8()?, bytes.u8()?]).to_f32()),
            Self::Bf16 => Ok(bf16::from_le_bytes([bytes.u8()?, bytes.u8()?]).to_f32()),
        }
    }

    /// Its number on the wire.
    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Bf16 => 2,
        }
    }

    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::F32),
            1 => Some(Self::F16),
            2 => Some(Self::Bf16),
            _ => None,
        }
    }
}

impl Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
