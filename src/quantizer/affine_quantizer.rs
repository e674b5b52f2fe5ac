//! Integers with a zero point, as ONNX and torch have them.

use super::{Grid, Levels, Quantizer, ScaleType, Scales, check_codes, pass_between, rounding_bound};
use crate::{
    code::Code,
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result, check_piece, same_length},
    groups::Groups,
    kernel::scale,
};
use alloc::{vec, vec::Vec};
use core::marker::PhantomData;

/// A uniform quantizer whose zero is an integer: `q = clamp(round(x / scale) + zero_point)`, and back
/// `x = (q - zero_point) * scale`. These are `QuantizeLinear` and `DequantizeLinear` of ONNX, and `per_tensor_affine` and
/// `per_channel_affine` of torch.
///
/// `round` is to nearest, ties to even; division, subtraction and product are in f32. For finite values the results
/// are those of ONNX for f32 scales, bit for bit. torch multiplies by the reciprocal of the scale instead of dividing,
/// which gives the other of two equally near integers now and then: 3 of 4 million at 8 bits. Where ONNX would give an
/// infinite value, this gives the largest finite one.
///
/// The integers are those of a [`Grid`], such as [`Grid::I8`]. As everywhere, codes count from 0, so that an integer is
/// `code + grid.min()`; [`Grid::to_integers_into`] gives signed views. Zero is always exact. Data far from zero
/// is what offsets are for: see [`Uniform::asymmetric`](super::Uniform::asymmetric).
///
/// Not covered: integers of 32 bits, 8-bit floats, and blocks along another axis than the last. Nibbles of `int4` are
/// codes of [`Grid::I4`] with the sign bit flipped (`nibble ^ 8`), those of `uint4` codes of [`Grid::U4`] as they are;
/// [`BitPack`](crate::BitPack) of 4 bits reads and writes them in ONNX's order.
///
/// Cost: as [`Scaled`](super::Scaled).
///
/// ```
/// use fewbits::{AffineQuantizer, Grid, QuantizerExt};
///
/// let quantizer = AffineQuantizer::<u8>::quantize_linear(Grid::I8, 0.5, -3)?;
/// let codes = quantizer.quantize(&[0.0_f32, 0.25, 0.75, -1.0, 1000.0])?;
/// let mut integers = [0_i8; 5];
/// quantizer.unit().to_integers_into(&codes, &mut integers)?;
/// assert_eq!(integers, [-3, -3, -1, -5, 127]);
/// assert_eq!(quantizer.dequantize::<f32>(&codes, 5)?, [0.0, 0.0, 1.0, -1.0, 65.0]);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AffineQuantizer<C = u8> {
    grid: Grid,
    groups: Groups,
    scales: Scales,
    zero_points: Vec<i32>,
    /// Some level exceeds `f32::MAX`.
    wide: bool,
    code: PhantomData<C>,
}

impl<C: Code> AffineQuantizer<C> {
    /// From stored parameters: the integers, and a scale and a zero point among the integers for each group.
    ///
    /// ```
    /// use fewbits::{AffineQuantizer, Grid, Groups, QuantizerExt, ScaleType, Scales};
    ///
    /// // int8 weights of 2 x 3, one scale and zero point per row, as they stand in an ONNX file.
    /// let (integers, scales, zero_points) = ([-128_i8, 0, 127, 5, 6, 7], vec![0.5, 0.25], vec![0, 5]);
    /// let rows = Groups::axis(&[2, 3], 0)?;
    /// let quantizer = AffineQuantizer::<u8>::new(Grid::I8, rows, Scales::new(ScaleType::F32, scales)?, zero_points)?;
    /// let codes: Vec<u8> = quantizer.unit().to_codes(&integers)?;
    /// assert_eq!(quantizer.dequantize::<f32>(&codes, 6)?, [-64.0, 0.0, 63.5, 0.0, 0.25, 0.5]);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn new(grid: Grid, groups: Groups, scales: Scales, zero_points: Vec<i32>) -> Result<Self> {
        if grid.is_mid_rise() {
            return Err(Error::Setting {
                name: "shift of the grid",
                value: 0.5,
                allowed: "0: a grid that is not mid-rise",
            });
        }
        if u64::from(grid.level_count()) > 1 << C::BITS {
            return Err(Error::CodeWidth { level_count: grid.level_count().into(), code_bits: C::BITS });
        }
        same_length("scales", groups.count(), scales.values().len())?;
        same_length("zero points", groups.count(), zero_points.len())?;
        if let Some(index) = zero_points.iter().position(|zero| !(grid.min()..=grid.max()).contains(zero)) {
            return Err(Error::Parameter {
                what: "zero points",
                index,
                value: zero_points[index].into(),
                allowed: "integers of the grid",
            });
        }
        let mut quantizer = Self { grid, groups, scales, zero_points, wide: false, code: PhantomData };
        quantizer.wide = (0..groups.count()).any(|group| {
            let (scale, unit) = quantizer.group(group);
            [unit.min(), unit.max()].iter().any(|&end| !(end as f32 * scale).is_finite())
        });
        Ok(quantizer)
    }

    /// One f32 scale and zero point for all values: the parameters of ONNX's `QuantizeLinear` and `DequantizeLinear`.
    #[doc(alias = "QuantizeLinear")]
    #[doc(alias = "DequantizeLinear")]
    pub fn quantize_linear(grid: Grid, scale: f32, zero_point: i32) -> Result<Self> {
        Self::new(grid, Groups::tensor(), Scales::new(ScaleType::F32, vec![scale])?, vec![zero_point])
    }
}

impl<C> AffineQuantizer<C> {
    pub(crate) const TAG: u8 = 0x03;

    /// The integers.
    pub fn unit(&self) -> &Grid {
        &self.grid
    }

    /// Which values share a scale and a zero point.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The scales with how they are stored: as bytes for other formats, or to build a quantizer from again.
    pub fn stored_scales(&self) -> &Scales {
        &self.scales
    }

    /// How scales are stored.
    pub fn scale_type(&self) -> ScaleType {
        self.scales.scale_type()
    }

    /// One positive scale per group.
    pub fn scales(&self) -> &[f32] {
        self.scales.values()
    }

    /// The integer that stands for zero, per group.
    pub fn zero_points(&self) -> &[i32] {
        &self.zero_points
    }

    /// The scale of a group, and the integers as seen from its zero point.
    #[inline(always)]
    fn group(&self, group: usize) -> (f32, Grid) {
        (self.scales.values()[group], self.grid.seen_from(self.zero_points[group]))
    }

    fn check(&self, start: usize, values: usize, codes: usize) -> Result<()> {
        same_length("codes", values, codes)?;
        check_piece(start, values, 1)?;
        self.groups.check(start, values)
    }

    /// Calls `each(group, value, code)` for groups of single values, which change from value to value.
    #[inline(always)]
    fn for_each_value<X, Y>(
        &self,
        start: usize,
        inputs: &[X],
        outputs: &mut [Y],
        each: impl Fn(f32, Grid, &X, &mut Y),
    ) {
        self.groups.for_each_row(start, inputs.len(), |group, from, to| {
            let parameters = self.scales()[group..].iter().zip(&self.zero_points[group..]);
            for ((x, y), (&scale, &zero)) in inputs[from..to].iter().zip(&mut outputs[from..to]).zip(parameters) {
                each(scale, self.grid.seen_from(zero), x, y);
            }
        });
    }
}

impl<C: Code> Quantizer for AffineQuantizer<C> {
    type Code = C;

    fn level_count(&self) -> u32 {
        self.grid.level_count()
    }

    fn quantize_at(&self, start: usize, values: &[f32], codes: &mut [C]) -> Result<()> {
        self.check(start, values.len(), codes.len())?;
        if self.groups.run() == 1 {
            self.for_each_value(start, values, codes, |scale, unit, x, code| {
                *code = C::from_u32(unit.nearest(x / scale));
            });
            return Ok(());
        }
        self.groups.for_each_run(start, values.len(), |group, from, to| {
            let (scale, unit) = self.group(group);
            scale::quantize_run(scale, 0.0, &values[from..to], &mut codes[from..to], |x| unit.nearest(x));
        });
        Ok(())
    }

    fn dequantize_at(&self, start: usize, codes: &[C], values: &mut [f32]) -> Result<()> {
        self.check(start, values.len(), codes.len())?;
        check_codes(start, codes, self.grid.level_count())?;
        if self.groups.run() == 1 && !self.wide {
            self.for_each_value(start, codes, values, |scale, unit, code, x| *x = unit.level(code.to_u32()) * scale);
            return Ok(());
        }
        self.groups.for_each_run(start, values.len(), |group, from, to| {
            let (scale, unit) = self.group(group);
            let (codes, values, level) = (&codes[from..to], &mut values[from..to], |code| unit.level(code));
            if self.wide {
                scale::dequantize_run_wide(scale, 0.0, codes, values, level);
            } else {
                scale::dequantize_run(scale, 0.0, codes, values, level);
            }
        });
        Ok(())
    }

    fn check_len(&self, values: usize) -> Result<()> {
        self.groups.check_len(values)
    }

    /// `scale * (1/2 + 2^-22 * largest |q - zero_point|)`, plus the smallest f32.
    fn error_bound(&self, index: usize) -> Option<f64> {
        self.groups.check(index, 1).ok()?;
        let (scale, unit) = self.group(self.groups.group_of(index));
        Some(rounding_bound(scale, 0.5, (unit.min() as f32, unit.max() as f32)))
    }

    fn straight_through_at(&self, start: usize, values: &[f32], gradient: &mut [f32]) -> Result<()> {
        self.check(start, values.len(), gradient.len())?;
        self.groups.for_each_run(start, values.len(), |group, from, to| {
            let (scale, unit) = self.group(group);
            let end = |integer: i32, half: f64| (f64::from(integer) + half) * f64::from(scale);
            pass_between(end(unit.min(), -0.5), end(unit.max(), 0.5), &values[from..to], &mut gradient[from..to]);
        });
        Ok(())
    }
}

impl<C: Code> Describe for AffineQuantizer<C> {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            out.u8(self.scale_type().to_byte());
            self.groups.write(out);
        });
        self.scales.write(&mut out.side());
        for zero in &self.zero_points {
            // As the code that stands for zero: there are at most 2^16.
            out.side().bytes(&((zero - self.grid.min()) as u16).to_le_bytes());
        }
        self.grid.describe(out);
    }
}

impl<C: Code> Restore for AffineQuantizer<C> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let (scale_type, groups) = stages.stage(Self::TAG, "a scale with zero points", |bytes| {
            Ok((ScaleType::from_byte(bytes.u8()?)?, Groups::read(bytes)?))
        })?;
        // Nothing is allocated for a count that the bytes at hand do not fill.
        let zeros_len = groups.count().saturating_mul(size_of::<u16>());
        let mut side = stages.side(scale_type.side_len(groups.count()).saturating_add(zeros_len))?;
        let scales = Scales::read(scale_type, groups.count(), &mut side)?;
        let grid = Grid::restore(stages)?;
        let mut zero_points = Vec::with_capacity(groups.count());
        for _ in 0..groups.count() {
            let code = u16::from_le_bytes([side.u8()?, side.u8()?]);
            if u32::from(code) >= grid.level_count() {
                return Err(Error::Corrupt { what: "zero point", found: code.into() });
            }
            zero_points.push(i32::from(code) + grid.min());
        }
        if grid.is_mid_rise() {
            return Err(Error::Corrupt { what: "zero points of a mid-rise grid", found: 1 });
        }
        Self::new(grid, groups, scales, zero_points)
    }
}
