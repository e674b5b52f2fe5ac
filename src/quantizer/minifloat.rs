//! Floats of few bits.

use super::{Levels, Scale, ScaleRule, ScaleType, check_codes};
use crate::{
    code::Code,
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result, same_length},
    wire::Reader,
};
use core::fmt;
use num_traits::PrimInt;

/// What stands at the top of a format's bit patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Top {
    /// Numbers only.
    Finite,
    /// One pattern is NaN: all ones. There is no infinity.
    OneNan,
    /// The largest exponent is for infinity and NaN, as in IEEE 754.
    Ieee,
}

/// What becomes of a number beyond the largest, or of an infinite one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Overflow {
    /// The largest finite number, with the sign.
    #[default]
    Saturate,
    /// Infinity, or NaN where the format has no infinity; nothing where it has neither.
    NonFinite,
}

/// A float format of at most 16 bits with a sign, an exponent and a mantissa: as a conversion, and as [`Levels`] under
/// scales.
///
/// | format | exponent, mantissa bits | smallest, largest | infinity, NaN | defined by |
/// | --- | --- | --- | --- | --- |
/// | [`E4M3`](Self::E4M3) | 4, 3 | 2^-9, 448 | no, yes | OCP 8-bit floating point, 2023 |
/// | [`E5M2`](Self::E5M2) | 5, 2 | 2^-16, 57344 | yes, yes | the same |
/// | [`E3M2`](Self::E3M2) | 3, 2 | 2^-4, 28 | no, no | OCP microscaling formats, 2023 |
/// | [`E2M3`](Self::E2M3) | 2, 3 | 2^-3, 7.5 | no, no | the same |
/// | [`E2M1`](Self::E2M1) | 2, 1 | 1/2, 6 | no, no | the same |
/// | [`F16`](Self::F16) | 5, 10 | 2^-24, 65504 | yes, yes | IEEE 754 |
/// | [`BF16`](Self::BF16) | 8, 7 | 2^-133, 3.39e38 | yes, yes | the upper half of an f32 |
///
/// As levels, the finite numbers are in ascending order, both zeros as one, and values beyond the largest saturate: 15
/// levels of E2M1, 253 of E4M3. Rounding is to nearest, ties to even, or what
/// [`Rounding`](super::Rounding) says. [`code_of`](Self::code_of) and [`bits_of`](Self::bits_of) lead from bit patterns
/// to codes and back.
///
/// Numbers are those of `ml_dtypes`, on all patterns and for all f16. It differs, by design, in what is no number: its
/// 8-bit formats never saturate (as [`Overflow::NonFinite`]) and the others always (as [`Overflow::Saturate`]), NaN becomes
/// a zero there in formats without NaN, which is `None` here, and its conversion to E8M0 rounds to nearest, where scales
/// are rounded outward.
///
/// E8M0, which has neither sign nor mantissa nor zero, is for scales: [`ScaleType::E8M0`](super::ScaleType::E8M0).
///
/// ```
/// use fewbits::{Minifloat, Overflow};
///
/// let format = Minifloat::E4M3;
/// assert_eq!(format.to_bits(0.3, Overflow::Saturate), Some(0x2a));
/// assert_eq!(format.from_bits(0x2a), 0.3125);
/// assert_eq!(format.to_bits(1e9, Overflow::Saturate).map(|bits| format.from_bits(bits)), Some(448.0));
/// assert!(format.to_bits(1e9, Overflow::NonFinite).is_some_and(|bits| format.from_bits(bits).is_nan()));
/// assert_eq!(Minifloat::E2M1.to_bits(f32::NAN, Overflow::Saturate), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "raw::Minifloat", into = "raw::Minifloat"))]
pub struct Minifloat {
    exponent_bits: u32,
    mantissa_bits: u32,
    top: Top,
}

impl Minifloat {
    pub(crate) const TAG: u8 = 0x05;

    /// 8 bits: more precision, less range. "E4M3FN" in some libraries.
    pub const E4M3: Self = Self::new(4, 3, Top::OneNan);
    /// 8 bits: more range, less precision.
    pub const E5M2: Self = Self::new(5, 2, Top::Ieee);
    /// 6 bits: more range.
    pub const E3M2: Self = Self::new(3, 2, Top::Finite);
    /// 6 bits: more precision.
    pub const E2M3: Self = Self::new(2, 3, Top::Finite);
    /// 4 bits: 0, 1/2, 1, 3/2, 2, 3, 4, 6 and their negatives.
    pub const E2M1: Self = Self::new(2, 1, Top::Finite);
    /// IEEE half precision.
    pub const F16: Self = Self::new(5, 10, Top::Ieee);
    /// The upper half of an f32.
    pub const BF16: Self = Self::new(8, 7, Top::Ieee);

    /// In the order in which they are numbered on the wire.
    const ALL: [Self; 7] = [Self::E4M3, Self::E5M2, Self::E3M2, Self::E2M3, Self::E2M1, Self::F16, Self::BF16];

    const fn new(exponent_bits: u32, mantissa_bits: u32, top: Top) -> Self {
        Self { exponent_bits, mantissa_bits, top }
    }

    /// Bits of a number, its sign included.
    pub const fn bits(self) -> u32 {
        1 + self.exponent_bits + self.mantissa_bits
    }

    /// The largest finite number.
    pub fn max(self) -> f32 {
        self.magnitude(self.last())
    }

    const fn bias(self) -> u32 {
        (1 << (self.exponent_bits - 1)) - 1
    }

    /// The bits of the largest finite number.
    const fn last(self) -> u32 {
        let patterns = 1 << (self.exponent_bits + self.mantissa_bits);
        match self.top {
            Top::Finite => patterns - 1,
            Top::OneNan => patterns - 2,
            Top::Ieee => patterns - (1 << self.mantissa_bits) - 1,
        }
    }

    /// The bits of infinity, or of NaN where there is none; nothing where there is neither.
    const fn beyond(self) -> Option<u32> {
        match self.top {
            Top::Finite => None,
            Top::OneNan | Top::Ieee => Some(self.last() + 1),
        }
    }

    /// The bits of NaN.
    const fn nan(self) -> Option<u32> {
        match self.top {
            Top::Finite => None,
            Top::OneNan => Some(self.last() + 1),
            // The upper bit of the mantissa: a quiet NaN.
            Top::Ieee => Some(self.last() + 1 + (1 << (self.mantissa_bits - 1))),
        }
    }

    /// The number with these bits and without a sign; it is finite.
    #[inline(always)]
    fn magnitude(self, bits: u32) -> f32 {
        // Exponent and mantissa where f32 has its own, then the difference of the biases. Products with powers of two
        // are exact; subnormal numbers come right by themselves.
        let rebias = f32::from_bits((254 - self.bias()) << 23);
        f32::from_bits(bits << (23 - self.mantissa_bits)) * rebias
    }

    /// The bits of the nearest number to a finite magnitude, ties to even, and of the largest for all beyond it.
    #[inline(always)]
    fn nearest_magnitude(self, x: f32) -> u32 {
        let x = x.min(self.max());
        let dropped = 23 - self.mantissa_bits;
        // Below the smallest normal number, multiples of the spacing count themselves: adding 2^23 spacings leaves no
        // room for what is to be rounded off.
        let least = 128 - self.bias();
        let rounder = f32::from_bits((least + dropped) << 23);
        let subnormal = (x + rounder).to_bits() & 0x007f_ffff;
        // Above, bits are rounded as an integer, and the exponent is the difference of the biases less.
        let bits = x.to_bits();
        let rounded = (bits + ((1 << (dropped - 1)) - 1) + (bits >> dropped & 1)) >> dropped;
        let normal = rounded.wrapping_sub((least - 1) << self.mantissa_bits);
        if bits >> 23 < least { subnormal } else { normal }
    }

    /// The bits of the nearest number, ties to even. None if the format cannot hold it: NaN in a format without, or too
    /// large a number without NaN and infinity if `overflow` asks for those.
    pub fn to_bits(self, x: f32, overflow: Overflow) -> Option<u16> {
        let sign = u32::from(x.is_sign_negative()) << (self.bits() - 1);
        let magnitude = if x.is_nan() {
            self.nan()?
        } else if overflow == Overflow::NonFinite && self.overflows(x.abs()) {
            self.beyond()?
        } else {
            self.nearest_magnitude(x.abs())
        };
        Some((sign | magnitude) as u16)
    }

    /// Whether a magnitude is nearer to what would follow the largest number than to that.
    fn overflows(self, x: f32) -> bool {
        let spacing = f64::from(self.max()) - f64::from(self.magnitude(self.last() - 1));
        let middle = f64::from(self.max()) + spacing / 2.0;
        // A tie goes to the even one of both.
        f64::from(x) > middle || f64::from(x) == middle && self.last() % 2 == 1
    }

    /// The number with these bits; bits above those of the format are ignored.
    pub fn from_bits(self, bits: u16) -> f32 {
        let sign = 1 << (self.bits() - 1);
        let (negative, magnitude) = (u32::from(bits) & sign != 0, u32::from(bits) & (sign - 1));
        let x = if magnitude <= self.last() {
            self.magnitude(magnitude)
        } else if self.top == Top::Ieee && Some(magnitude) == self.beyond() {
            f32::INFINITY
        } else {
            f32::NAN
        };
        if negative { -x } else { x }
    }

    /// Bit patterns of finite numbers to codes, which are in the order of the numbers: the way in for data of other
    /// libraries, beside their scales. `codes` is as long as `patterns`; a pattern of NaN or infinity, or with bits above
    /// those of the format, is an error.
    ///
    /// ```
    /// use fewbits::{Groups, Minifloat, QuantizerExt, ScaleType, Scaled, Scales};
    ///
    /// // An E4M3 tensor and its scale, as they stand in a file.
    /// let (patterns, scale) = ([0x38_u8, 0xc4, 0x00], 0.5);
    /// let scales = Scales::new(ScaleType::F32, vec![scale])?;
    /// let quantizer = Scaled::<Minifloat>::new(Minifloat::E4M3, Groups::tensor(), scales, vec![])?;
    /// let mut codes = [0_u8; 3];
    /// quantizer.unit().to_codes_into(&patterns, &mut codes)?;
    /// assert_eq!(quantizer.dequantize::<f32>(&codes, 3)?, [0.5, -1.5, 0.0]);
    ///
    /// let mut again = [0_u8; 3];
    /// quantizer.unit().to_patterns_into(&codes, &mut again)?;
    /// assert_eq!(again, patterns);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn to_codes_into<B: PrimInt, C: Code>(&self, patterns: &[B], codes: &mut [C]) -> Result<()> {
        same_length("codes", patterns.len(), codes.len())?;
        if u64::from(self.level_count()) > 1 << C::BITS {
            return Err(Error::CodeWidth { level_count: self.level_count().into(), code_bits: C::BITS });
        }
        for (index, (code, pattern)) in codes.iter_mut().zip(patterns).enumerate() {
            let bits = pattern.to_u16().filter(|bits| u32::from(*bits) < 1 << self.bits());
            let Some(found) = bits.and_then(|bits| self.code_of(bits)) else {
                let (value, allowed) = (pattern.to_f64().unwrap_or(f64::NAN), "bits of finite numbers");
                return Err(Error::Parameter { what: "patterns", index, value, allowed });
            };
            *code = C::from_u32(found);
        }
        Ok(())
    }

    /// Codes to the bit patterns of their numbers: the way back from [`to_codes_into`](Self::to_codes_into), but zero is
    /// positive.
    pub fn to_patterns_into<C: Code, B: PrimInt>(&self, codes: &[C], patterns: &mut [B]) -> Result<()> {
        same_length("patterns", codes.len(), patterns.len())?;
        check_codes(0, codes, self.level_count())?;
        let largest = (1_u32 << self.bits()) - 1;
        if B::from(largest).is_none() {
            let allowed = "a type that holds all patterns of the format";
            return Err(Error::Setting { name: "patterns", value: largest.into(), allowed });
        }
        for (pattern, code) in patterns.iter_mut().zip(codes) {
            *pattern = self.bits_of(code.to_u32()).and_then(B::from).unwrap_or_else(B::zero);
        }
        Ok(())
    }

    /// The code, as a level, of a finite number's bits; none for NaN and infinity.
    pub fn code_of(self, bits: u16) -> Option<u32> {
        let sign = 1 << (self.bits() - 1);
        let magnitude = u32::from(bits) & (sign - 1);
        let code =
            if u32::from(bits) & sign == 0 { self.last() + magnitude } else { self.last().checked_sub(magnitude)? };
        (magnitude <= self.last()).then_some(code)
    }

    /// The bits of the level with this code; the way back from [`code_of`](Self::code_of), but zero is positive.
    pub fn bits_of(self, code: u32) -> Option<u16> {
        let sign = 1 << (self.bits() - 1);
        let bits = match code.checked_sub(self.last()) {
            Some(magnitude) => magnitude,
            None => sign | (self.last() - code),
        };
        (code < self.level_count()).then_some(bits as u16)
    }
}

impl Scale<Minifloat> {
    /// The OCP microscaling formats (version 1.0, 2023): blocks of 32 with a power of two as scale, which is the one at or
    /// below the largest magnitude divided by that of the largest number. MXFP4 with [`Minifloat::E2M1`], MXFP6 with
    /// [`E3M2`](Minifloat::E3M2) or [`E2M3`](Minifloat::E2M3), MXFP8 with [`E4M3`](Minifloat::E4M3) or
    /// [`E5M2`](Minifloat::E5M2).
    ///
    /// ```
    /// use fewbits::{Coded, Fit, Minifloat, PipelineExt, Scale};
    ///
    /// let weights: Vec<f32> = (0..64).map(|i| (i as f32).sin()).collect();
    /// let mxfp4 = Scale::mx(Minifloat::E2M1).fit(&weights)?;
    /// assert_eq!(mxfp4.scales(), [0.125, 0.125]); // 1/2 is at or below 0.99..., 4 at or below 6
    /// assert_eq!(Coded::packed(mxfp4).encode(&weights)?.len(), 32);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn mx(format: Minifloat) -> Self {
        Self::new(format).per_block(32).scale_type(ScaleType::E8M0).scale_rule(ScaleRule::Floor)
    }

    /// NVFP4: E2M1 numbers in blocks of 16 with E4M3 scales, to the nearest, times an f32 for all that brings the largest
    /// of them to 448 (NVIDIA, "Introducing NVFP4", 2025).
    ///
    /// ```
    /// use fewbits::{Fit, Scale};
    ///
    /// let weights: Vec<f32> = (0..32).map(|i| if i < 16 { 2688.0 } else { 3.0 }).collect();
    /// let nvfp4 = Scale::nvfp4().fit(&weights)?;
    /// assert_eq!((nvfp4.stored_scales().shared(), nvfp4.scales()), (&[1.0][..], &[448.0, 0.5][..]));
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn nvfp4() -> Self {
        Self::new(Minifloat::E2M1).per_block(16).scale_type(ScaleType::E4M3).scale_rule(ScaleRule::Nearest)
    }
}

impl fmt::Debug for Minifloat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E{}M{}", self.exponent_bits, self.mantissa_bits)
    }
}

impl Levels for Minifloat {
    fn level_count(&self) -> u32 {
        2 * self.last() + 1
    }

    #[inline(always)]
    fn level(&self, code: u32) -> f32 {
        let number = code.cast_signed().wrapping_sub(self.last().cast_signed());
        let magnitude = self.magnitude(number.unsigned_abs().min(self.last()));
        if number < 0 { -magnitude } else { magnitude }
    }

    #[inline(always)]
    fn nearest(&self, x: f32) -> u32 {
        let magnitude = self.nearest_magnitude(x.abs());
        if x < 0.0 { self.last() - magnitude } else { self.last() + magnitude }
    }

    fn range(&self) -> (f32, f32) {
        (-self.max(), self.max())
    }

    /// Half the spacing of the largest numbers.
    fn radius(&self) -> f32 {
        (self.max() - self.magnitude(self.last() - 1)) / 2.0
    }
}

impl Describe for Minifloat {
    fn describe(&self, out: &mut Description) {
        let number = Self::ALL.iter().position(|format| format == self).unwrap_or_default();
        out.stage(Self::TAG, |out| out.u8(number as u8));
    }
}

impl Restore for Minifloat {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let number = stages.stage(Self::TAG, "a float format", Reader::u8)?;
        let format = Self::ALL.get(usize::from(number));
        format.copied().ok_or(Error::Corrupt { what: "float format", found: number.into() })
    }
}

/// What serde sees.
#[cfg(feature = "serde")]
mod raw {
    /// By name, in the order of [`ALL`](super::Minifloat::ALL).
    #[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
    pub(super) enum Minifloat {
        E4M3,
        E5M2,
        E3M2,
        E2M3,
        E2M1,
        F16,
        BF16,
    }

    const ALL: [Minifloat; 7] = [
        Minifloat::E4M3,
        Minifloat::E5M2,
        Minifloat::E3M2,
        Minifloat::E2M3,
        Minifloat::E2M1,
        Minifloat::F16,
        Minifloat::BF16,
    ];

    impl From<super::Minifloat> for Minifloat {
        fn from(format: super::Minifloat) -> Self {
            let number = super::Minifloat::ALL.iter().position(|&other| other == format);
            ALL[number.unwrap_or_default()]
        }
    }

    impl From<Minifloat> for super::Minifloat {
        fn from(format: Minifloat) -> Self {
            Self::ALL[format as usize]
        }
    }
}
