//! A bound on the error of every value, kept.

mod exact;
mod ratios;
mod settings;
mod spacing;
mod steps;

pub use settings::ErrorBound;

use super::{Quantizer, check_codes};
use crate::{
    code::Code,
    description::{Describe, Description, Restore, Stages},
    dtype::DType,
    error::{Error, Result, check_piece, same_length},
    wire::{Reader, Writer, unzigzag, zigzag},
};
use core::marker::PhantomData;
use exact::Exact;
use ratios::Ratios;
use spacing::Spacing;
use steps::{FARTHEST, Steps, WIDEST};

/// A quantizer fitted by [`ErrorBound`]: no value of the fitted element is ever off by more than it says.
///
/// It works in one of three ways, whichever needs the fewest levels: equal steps (bounds on the error itself), steps of
/// a logarithm (bounds on the relative error), or all values of the element one by one, which returns them bit for bit,
/// where a bound is finer than their spacing or takes too many levels.
///
/// Values outside the range it was fitted to have no level, nor have values that are not of the fitted element. They are
/// errors, not clipped or rounded, which would break the bound. Restore values as the fitted element, as frames do, or
/// as a wider one: narrowing them is a loss of its own.
///
/// ```
/// use fewbits::{ErrorBound, Fit, Quantizer, QuantizerExt};
///
/// let quantizer = ErrorBound::max_abs_error(0.01).fit(&[20.0_f32, 21.5, 19.25])?;
/// assert_eq!((quantizer.error_bound(0), quantizer.level_count()), (Some(0.01), 113));
/// assert!(quantizer.step().is_some_and(|step| 0.0199 < step && step < 0.02));
/// assert!(quantizer.quantize(&[25.0_f32]).is_err());
/// # Ok::<(), fewbits::Error>(())
/// ```
///
/// Cost per value: an f64 division to quantize, an f64 product to restore; for relative bounds two divisions, and a
/// square root.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundedQuantizer<C = u32> {
    spacing: Spacing,
    law: Law,
    /// The largest error of a value; in parts of the value, where the law is `Ratios`.
    bound: f64,
    code: PhantomData<C>,
}

/// Where levels lie.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Law {
    Steps(Steps),
    Ratios(Ratios),
    Exact(Exact),
}

impl Law {
    fn level_count(&self) -> u32 {
        match self {
            Self::Steps(steps) => steps.level_count,
            Self::Ratios(ratios) => ratios.level_count,
            Self::Exact(exact) => exact.level_count,
        }
    }
}

impl<C: Code> BoundedQuantizer<C> {
    pub(crate) const TAG: u8 = 0x04;

    fn new(spacing: Spacing, law: Law, bound: f64) -> Result<Self> {
        let level_count = law.level_count();
        if u64::from(level_count) > 1 << C::BITS {
            return Err(Error::CodeWidth { level_count: level_count.into(), code_bits: C::BITS });
        }
        Ok(Self { spacing, law, bound, code: PhantomData })
    }

    /// The element it was fitted to, for values of which the bound holds.
    pub fn dtype(&self) -> DType {
        self.spacing.dtype
    }

    /// Whether it returns values bit for bit.
    pub fn is_lossless(&self) -> bool {
        matches!(self.law, Law::Exact(_))
    }

    /// The distance of levels, where it is the same for all; values are its multiples, rounded to the element.
    pub fn step(&self) -> Option<f64> {
        if let Law::Steps(steps) = self.law { Some(steps.step) } else { None }
    }

    /// The largest error in parts of a value, if that is what is bounded.
    pub fn relative_bound(&self) -> Option<f64> {
        if let Law::Ratios(_) = self.law { Some(self.bound) } else { None }
    }

    /// The value that a code decodes to, if there is such a code.
    pub fn level(&self, code: u32) -> Option<f32> {
        let mut level = [match self.law {
            _ if code >= self.law.level_count() => return None,
            Law::Steps(steps) => self.spacing.narrow(steps.level(code)),
            Law::Ratios(ratios) => self.spacing.narrow(ratios.level(code)),
            Law::Exact(exact) => exact.level(self.spacing.dtype, code),
        }];
        self.spacing.round(&mut level);
        Some(level[0])
    }

    /// All values are of the element that the bound is for.
    fn check_element(&self, start: usize, values: &[f32]) -> Result<()> {
        const PIECE: usize = 512;
        if self.spacing.dtype == DType::F32 {
            return Ok(());
        }
        let mut rounded = [0.0; PIECE];
        for (i, values) in values.chunks(PIECE).enumerate() {
            let rounded = &mut rounded[..values.len()];
            rounded.copy_from_slice(values);
            self.spacing.round(rounded);
            if let Some(at) = (0..values.len()).find(|&at| values[at] != rounded[at]) {
                return Err(Error::BeyondRange { index: start + i * PIECE + at, value: values[at] });
            }
        }
        Ok(())
    }

    /// Runs `nearest` on all values; a number that is not below the number of levels says that the value has none.
    #[inline(always)]
    fn quantize_with(&self, start: usize, values: &[f32], codes: &mut [C], nearest: impl Fn(f32) -> i64) -> Result<()> {
        let level_count = i64::from(self.law.level_count());
        let mut inside = true;
        for (code, &x) in codes.iter_mut().zip(values) {
            let number = nearest(x);
            inside &= (0..level_count).contains(&number);
            *code = C::from_u32(number as u32);
        }
        if inside {
            return Ok(());
        }
        let index = values.iter().position(|&x| !(0..level_count).contains(&nearest(x))).unwrap_or(0);
        Err(Error::BeyondRange { index: start + index, value: values[index] })
    }
}

impl<C: Code> Quantizer for BoundedQuantizer<C> {
    type Code = C;

    fn level_count(&self) -> u32 {
        self.law.level_count()
    }

    fn quantize_at(&self, start: usize, values: &[f32], codes: &mut [C]) -> Result<()> {
        same_length("codes", values.len(), codes.len())?;
        check_piece(start, values.len(), 1)?;
        self.check_element(start, values)?;
        let dtype = self.spacing.dtype;
        match self.law {
            Law::Steps(steps) => self.quantize_with(start, values, codes, |x| steps.nearest(x)),
            Law::Ratios(ratios) => self.quantize_with(start, values, codes, |x| ratios.nearest(x)),
            Law::Exact(exact) => self.quantize_with(start, values, codes, |x| exact.nearest(dtype, x)),
        }
    }

    fn dequantize_at(&self, start: usize, codes: &[C], values: &mut [f32]) -> Result<()> {
        same_length("codes", values.len(), codes.len())?;
        check_piece(start, values.len(), 1)?;
        check_codes(start, codes, self.level_count())?;
        let (spacing, codes) = (&self.spacing, codes.iter().map(|code| code.to_u32()));
        match self.law {
            Law::Steps(steps) => {
                values.iter_mut().zip(codes).for_each(|(x, code)| *x = spacing.narrow(steps.level(code)));
            }
            Law::Ratios(ratios) => {
                values.iter_mut().zip(codes).for_each(|(x, code)| *x = spacing.narrow(ratios.level(code)));
            }
            Law::Exact(exact) => {
                values.iter_mut().zip(codes).for_each(|(x, code)| *x = exact.level(spacing.dtype, code));
                return Ok(());
            }
        }
        spacing.round(values);
        Ok(())
    }

    /// The bound. Where it is relative, what it is for the largest value of the range.
    fn error_bound(&self, _index: usize) -> Option<f64> {
        let Law::Ratios(ratios) = self.law else { return Some(self.bound) };
        let largest = ratios.level(0).abs().max(ratios.level(ratios.level_count - 1).abs());
        // Levels may lie a little farther out than values, but never less far than the bound allows.
        Some(self.bound * largest.min(self.spacing.largest) / (1.0 - self.bound))
    }
}

const STEPS: u8 = 0;
const RATIOS: u8 = 1;
const EXACT: u8 = 2;

impl<C: Code> Describe for BoundedQuantizer<C> {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out: &mut Writer<'_>| {
            let dtype = self.spacing.dtype.to_byte();
            match self.law {
                Law::Steps(Steps { step, first, level_count }) => {
                    out.u8(STEPS | dtype << 4);
                    out.varint(level_count.into());
                    out.f64(self.bound);
                    out.f64(step);
                    out.varint(zigzag(first));
                }
                Law::Ratios(Ratios { step, least, exact, first, level_count }) => {
                    out.u8(RATIOS | dtype << 4);
                    out.varint(level_count.into());
                    out.f64(self.bound);
                    out.f64(step);
                    out.varint(zigzag(first));
                    out.f32(least as f32);
                    out.varint(exact.into());
                }
                Law::Exact(Exact { first, level_count }) => {
                    out.u8(EXACT | dtype << 4);
                    out.varint(level_count.into());
                    out.varint(first.into());
                }
            }
        });
    }
}

impl<C: Code> Restore for BoundedQuantizer<C> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let (spacing, law, bound) = stages.stage(Self::TAG, "a bounded quantizer", read)?;
        Self::new(spacing, law, bound)
    }
}

fn read(bytes: &mut Reader<'_>) -> Result<(Spacing, Law, f64)> {
    let kind = bytes.u8()?;
    let corrupt = |what, found| Error::Corrupt { what, found };
    let dtype = DType::from_byte(kind >> 4);
    let spacing = Spacing::of(dtype.ok_or(corrupt("element of a bounded quantizer", kind.into()))?);
    let count = bytes.varint()?;
    let level_count = u32::try_from(count).map_err(|_| corrupt("levels", count))?;
    if level_count == 0 {
        return Err(corrupt("levels", count));
    }
    if kind & 0xf == EXACT {
        let first = bytes.varint()?;
        let exact = u32::try_from(first).map(|first| Exact { first, level_count }).ok();
        let exact = exact.filter(|exact| exact.is_valid(spacing.dtype)).ok_or(corrupt("first value", first))?;
        return Ok((spacing, Law::Exact(exact), 0.0));
    }
    let (bound, step) = (bytes.magnitude()?, bytes.magnitude()?);
    let first = bytes.varint()?;
    let number = unzigzag(first);
    if !(f64::MIN_POSITIVE..=WIDEST).contains(&step) || number.unsigned_abs() > FARTHEST as u64 {
        return Err(corrupt("first level", first));
    }
    match kind & 0xf {
        STEPS => Ok((spacing, Law::Steps(Steps { step, first: number, level_count }), bound)),
        RATIOS => {
            let (least, exact) = (f64::from(bytes.f32()?), bytes.varint()?);
            let units = u32::try_from(exact).ok().filter(|units| (1..=1 << 23).contains(units));
            let exact = units.filter(|_| least > 0.0 && bound < 1.0).ok_or(corrupt("least magnitude", exact))?;
            Ok((spacing, Law::Ratios(Ratios { step, least, exact, first: number, level_count }), bound))
        }
        _ => Err(corrupt("kind of a bounded quantizer", kind.into())),
    }
}
