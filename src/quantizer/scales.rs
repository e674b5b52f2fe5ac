//! Scales: how they are stored, and used as they are stored.

use crate::{
    error::{Error, Result},
    kernel::blocks::{self, Ends, Half, USABLE},
    wire::Reader,
};
use core::{fmt, ops::RangeInclusive};
use half::{bf16, f16};

/// How scales are stored. A quantizer works with its scales exactly as they are stored.
///
/// Scales are rounded outward, to the next storable number up, so that the largest value of a group stays in range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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
    /// 1 byte, in two levels: an unsigned number from 1 to 255 times an f32 that 256 consecutive scales share: double
    /// quantization, at the rate of `QLoRA`'s but with bytes of its own. The smallest scale is a 255th of the largest of
    /// its 256, and a group that needs less than half of that is an error, unless [`ScaleRule::Nearest`] says otherwise.
    U8,
    /// 1 byte, in two levels: a positive [`E4M3`](super::Minifloat::E4M3) number, 2^-9 to 448, times an f32 that all
    /// scales share, as NVFP4 has it. Up to an eighth coarser than needed, coarser still below a 2^14th of the largest,
    /// and an error below a 2^19th, unless [`ScaleRule::Nearest`] says otherwise.
    E4M3,
}

/// Which of two neighbouring scales that can be stored becomes the scale of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ScaleRule {
    /// The larger one, so that all values stay in range and error bounds hold. A scale that would be more than twice as
    /// coarse as needed is an error.
    #[default]
    Outward,
    /// The nearer one, so that the largest values of a group may be clipped a little; the smallest there is for groups of
    /// tiny values. The rule of NVFP4.
    Nearest,
    /// A power of two: the one at or below the largest magnitude of the group, divided by the one at or below the largest
    /// level. What is beyond the largest level is clipped: up to a quarter of the largest magnitude for E2M1, up to half for
    /// levels that end at a power of two. The rule of the OCP microscaling formats, made for E8M0, and for levels on both
    /// sides of zero: not with offsets.
    Floor,
}

/// 2^-14, the smallest f16 that is not subnormal.
const F16_NORMAL: f32 = f32::from_bits((127 - 14) << 23);
/// 2^-127, the smallest power of two of E8M0, and 2^127.
const E8M0_MIN: f32 = f32::from_bits(0x0040_0000);
const E8M0_MAX: f32 = f32::from_bits(0x7f00_0000);

/// The largest power of two that is not above a positive f64.
pub(crate) fn power_at_or_below(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & 0x7ff0_0000_0000_0000)
}

impl ScaleType {
    /// Bytes of one scale.
    pub const fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::E8M0 | Self::U8 | Self::E4M3 => 1,
        }
    }

    /// Bytes of `count` scales, with what they share.
    pub(crate) fn side_len(self, count: usize) -> usize {
        count
            .saturating_mul(self.size())
            .saturating_add(size_of::<f32>() * self.sharing().map_or(0, |n| count.div_ceil(n)))
    }

    /// How many scales share an f32, for scales in two levels.
    pub(crate) const fn sharing(self) -> Option<usize> {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 | Self::E8M0 => None,
            Self::U8 => Some(256),
            Self::E4M3 => Some(usize::MAX),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::E8M0 => "E8M0",
            Self::U8 => "u8 times a shared f32",
            Self::E4M3 => "E4M3 times a shared f32",
        }
    }

    /// The smallest positive scale.
    pub(crate) fn smallest(self) -> f32 {
        match self {
            Self::F32 | Self::U8 | Self::E4M3 => f32::from_bits(1),
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
            // Values are multiples of the smallest f32, so that even this scale resolves them fully. Scales in two levels
            // are found as f32 first.
            Self::F32 | Self::U8 | Self::E4M3 => return exact.is_finite().then_some(exact),
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

    /// The storable scale nearest to a positive one, the smallest or the largest there is at least.
    pub(crate) fn round_nearest(self, scale: f64) -> f32 {
        let nearest = match self {
            Self::F32 | Self::U8 | Self::E4M3 => (scale as f32).min(f32::MAX),
            Self::F16 => f16::from_f32(scale as f32).min(f16::MAX).to_f32(),
            Self::Bf16 => bf16::from_f32(scale as f32).min(bf16::MAX).to_f32(),
            Self::E8M0 => {
                let power = power_at_or_below(scale);
                (if power * 1.5 < scale { 2.0 * power } else { power }).min(E8M0_MAX.into()) as f32
            }
        };
        nearest.max(self.smallest())
    }

    /// Whether a scale can be stored as it is.
    pub(super) fn holds(self, scale: f32) -> bool {
        let stored = match self {
            // In two levels any will do, by itself.
            Self::F32 | Self::U8 | Self::E4M3 => scale,
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
            Self::F32 | Self::U8 | Self::E4M3 => scale.to_le_bytes(),
            Self::F16 => u32::from(f16::from_f32(scale).to_bits()).to_le_bytes(),
            Self::Bf16 => u32::from(bf16::from_f32(scale).to_bits()).to_le_bytes(),
            Self::E8M0 => (scale.to_bits() >> 23).to_le_bytes(),
        }
    }

    pub(crate) fn read(self, bytes: &mut Reader<'_>) -> Result<f32> {
        let scale = match self {
            Self::F32 | Self::U8 | Self::E4M3 => f32::from_bits(bytes.u32()?),
            Self::F16 => f16::from_le_bytes([bytes.u8()?, bytes.u8()?]).to_f32(),
            Self::Bf16 => bf16::from_le_bytes([bytes.u8()?, bytes.u8()?]).to_f32(),
            Self::E8M0 => match bytes.u8()? {
                0 => E8M0_MIN,
                exponent => f32::from_bits(u32::from(exponent) << 23),
            },
        };
        if self.holds(scale) { Ok(scale) } else { Err(Error::Corrupt { what: "scale", found: scale.to_bits().into() }) }
    }

    /// As [`encode`](Self::encode), at the front of `bytes` and every `stride` bytes.
    pub(crate) fn write_strided(self, scales: &[f32], stride: usize, bytes: &mut [u8]) {
        match self {
            // Subnormal numbers are rare.
            Self::F16 if scales.iter().fold(0, |some, &x| some | u8::from(x < F16_NORMAL)) == 0 => {
                blocks::write_halves(Half::F16, stride, scales, bytes);
            }
            Self::Bf16 => blocks::write_halves(Half::Bf16, stride, scales, bytes),
            Self::F32 => blocks::write_f32(stride, scales, bytes),
            _ => {
                for (&scale, bytes) in scales.iter().zip(bytes.chunks_mut(stride)) {
                    bytes[..self.size()].copy_from_slice(&self.encode(scale)[..self.size()]);
                }
            }
        }
    }

    /// If scales are numbers of 16 bits.
    pub(crate) const fn half(self) -> Option<Half> {
        match self {
            Self::F16 => Some(Half::F16),
            Self::Bf16 => Some(Half::Bf16),
            _ => None,
        }
    }

    /// As [`read`](Self::read), from the front of `bytes` and every `stride` bytes; returns whether kernels can work with
    /// all of them.
    pub(crate) fn read_strided(self, bytes: &[u8], stride: usize, scales: &mut [f32]) -> Result<bool> {
        let ends = match (self.half(), self) {
            (Some(half), _) => blocks::read_halves(half, stride, bytes, scales),
            (None, Self::F32) => blocks::read_f32(stride, bytes, scales),
            _ => (0, 0),
        };
        if are_within(&USABLE, ends) {
            return Ok(true);
        }
        for (scale, bytes) in scales.iter_mut().zip(bytes.chunks(stride)) {
            *scale = self.read(&mut Reader::new(bytes))?;
        }
        Ok(scales.iter().all(|scale| USABLE.contains(&scale.to_bits())))
    }

    /// If scales that [cover](Self::round_outward) are those of f32 with the bits under a mask cleared, after it was added:
    /// the mask, and the bits of scales for which that holds, and which kernels can work with.
    pub(crate) fn plain(self) -> Option<(u32, RangeInclusive<u32>)> {
        match self {
            Self::F32 => Some((0, USABLE)),
            Self::Bf16 => Some((0xffff, USABLE)),
            Self::E8M0 => Some((0x007f_ffff, USABLE)),
            // Normal numbers.
            Self::F16 => Some((0x1fff, F16_NORMAL.to_bits()..=65504_f32.to_bits())),
            Self::U8 | Self::E4M3 => None,
        }
    }

    pub(crate) fn to_byte(self) -> u8 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::E8M0 => 2,
            Self::Bf16 => 3,
            Self::U8 => 4,
            Self::E4M3 => 5,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Result<Self> {
        match byte {
            0 => Ok(Self::F32),
            1 => Ok(Self::F16),
            2 => Ok(Self::E8M0),
            3 => Ok(Self::Bf16),
            4 => Ok(Self::U8),
            5 => Ok(Self::E4M3),
            _ => Err(Error::Corrupt { what: "scale type", found: byte.into() }),
        }
    }
}

/// Whether numbers with these ends have their bits within a range of positive numbers.
pub(crate) fn are_within(range: &RangeInclusive<u32>, (least, most): Ends) -> bool {
    least > 0 && range.contains(&least.cast_unsigned()) && range.contains(&most.cast_unsigned())
}

impl fmt::Display for ScaleType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
