//! Grids as the integer types of other libraries, and their codes as integers.

use super::{Grid, Levels, check_codes};
use crate::{
    code::Code,
    error::{Error, Result, same_length},
};
use alloc::{vec, vec::Vec};
use num_traits::PrimInt;

impl Grid {
    /// The integers of `uint2`.
    pub const U2: Self = Self::integers(0, 3);
    /// The integers of `int2`.
    pub const I2: Self = Self::integers(-2, 1);
    /// The integers of `uint4`.
    pub const U4: Self = Self::integers(0, 15);
    /// The integers of `int4`.
    pub const I4: Self = Self::integers(-8, 7);
    /// The integers of `u8`.
    pub const U8: Self = Self::integers(0, 255);
    /// The integers of `i8`.
    pub const I8: Self = Self::integers(-128, 127);
    /// The integers of `u16`.
    pub const U16: Self = Self::integers(0, 65535);
    /// The integers of `i16`.
    pub const I16: Self = Self::integers(-32768, 32767);

    /// The integers that codes stand for, `code + min`: the signed view of codes, for inference on integers or for
    /// other libraries. `integers` is as long as `codes`, and of a type that holds them. The levels of a mid-rise grid are no
    /// integers.
    ///
    /// ```
    /// use fewbits::{Fit, Grid, QuantizerExt, Uniform};
    ///
    /// let quantizer = Uniform::new(8).fit(&[0.25_f32, -1.0])?;
    /// let codes = quantizer.quantize(&[0.25_f32, -1.0])?;
    /// let mut integers = [0_i8; 2];
    /// quantizer.unit().to_integers_into(&codes, &mut integers)?;
    /// assert_eq!(integers, [32, -127]); // times the scale, 1 / 127
    ///
    /// let mut again = [0_u8; 2];
    /// quantizer.unit().to_codes_into(&integers, &mut again)?;
    /// assert_eq!(again, codes[..]);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn to_integers_into<C: Code, I: PrimInt>(&self, codes: &[C], integers: &mut [I]) -> Result<()> {
        same_length("integers", codes.len(), integers.len())?;
        self.check_integers()?;
        check_codes(0, codes, self.level_count())?;
        if let Some(end) = [self.min(), self.max()].into_iter().find(|&end| I::from(end).is_none()) {
            let allowed = "a type that holds all integers of the grid";
            return Err(Error::Setting { name: "integers", value: end.into(), allowed });
        }
        for (integer, code) in integers.iter_mut().zip(codes) {
            *integer = I::from(code.to_u32().cast_signed() + self.min()).unwrap_or_else(I::zero);
        }
        Ok(())
    }

    /// As [`to_integers_into`](Self::to_integers_into), into a vector.
    pub fn to_integers<C: Code, I: PrimInt>(&self, codes: &[C]) -> Result<Vec<I>> {
        let mut integers = vec![I::zero(); codes.len()];
        self.to_integers_into(codes, &mut integers)?;
        Ok(integers)
    }

    /// The codes of integers, `integer - min`: the way back from [`to_integers_into`](Self::to_integers_into), and the
    /// way in for integers of other libraries. An integer that is not of the grid is an error.
    pub fn to_codes_into<C: Code, I: PrimInt>(&self, integers: &[I], codes: &mut [C]) -> Result<()> {
        same_length("codes", integers.len(), codes.len())?;
        self.check_integers()?;
        if u64::from(self.level_count()) > 1 << C::BITS {
            return Err(Error::CodeWidth { level_count: self.level_count().into(), code_bits: C::BITS });
        }
        for (index, (code, integer)) in codes.iter_mut().zip(integers).enumerate() {
            let Some(integer) = integer.to_i32().filter(|integer| (self.min()..=self.max()).contains(integer)) else {
                let value = integer.to_f64().unwrap_or(f64::NAN);
                return Err(Error::Parameter { what: "integers", index, value, allowed: "integers of the grid" });
            };
            *code = C::from_u32((integer - self.min()).cast_unsigned());
        }
        Ok(())
    }

    /// As [`to_codes_into`](Self::to_codes_into), into a vector.
    pub fn to_codes<C: Code, I: PrimInt>(&self, integers: &[I]) -> Result<Vec<C>> {
        let mut codes = vec![C::default(); integers.len()];
        self.to_codes_into(integers, &mut codes)?;
        Ok(codes)
    }

    /// Levels halfway between integers are none.
    fn check_integers(&self) -> Result<()> {
        if self.is_mid_rise() {
            return Err(Error::Setting {
                name: "shift of the grid",
                value: 0.5,
                allowed: "0: a grid that is not mid-rise",
            });
        }
        Ok(())
    }
}
