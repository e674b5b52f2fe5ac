//! What a slice holds: f32, f16 or bf16. Everything inside runs on f32, converted by whole slices.

use crate::{
    dtype::DType,
    error::{Error, Result, same_length},
    kernel::{
        finite::all_finite,
        half::{narrow_bf16, narrow_f16, widen_bf16, widen_f16},
    },
};
use alloc::{vec, vec::Vec};
use core::fmt::{Debug, Display};
use half::{bf16, f16, slice::HalfFloatSliceExt};

mod sealed {
    pub trait Sealed {}
}

/// A slice of any element, for interfaces that are decided at run time.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Values<'a> {
    /// f32 values.
    F32(&'a [f32]),
    /// f16 values.
    F16(&'a [f16]),
    /// bf16 values.
    Bf16(&'a [bf16]),
}

/// A mutable slice of any element, for interfaces that are decided at run time.
#[derive(Debug)]
#[non_exhaustive]
pub enum ValuesMut<'a> {
    /// f32 values.
    F32(&'a mut [f32]),
    /// f16 values.
    F16(&'a mut [f16]),
    /// bf16 values.
    Bf16(&'a mut [bf16]),
}

/// Runs the same code for whichever element a [`Values`] or [`ValuesMut`] holds.
macro_rules! each_element {
    ($erased:ident, $values:ident => $run:expr) => {
        match $values {
            $erased::F32($values) => $run,
            $erased::F16($values) => $run,
            $erased::Bf16($values) => $run,
        }
    };
}
pub(crate) use each_element;

macro_rules! facts {
    ($values:ident) => {
        impl $values<'_> {
            /// Number of values.
            pub fn len(&self) -> usize {
                match self {
                    Self::F32(values) => values.len(),
                    Self::F16(values) => values.len(),
                    Self::Bf16(values) => values.len(),
                }
            }

            /// Whether there are none.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// The element.
            pub fn dtype(&self) -> DType {
                match self {
                    Self::F32(_) => DType::F32,
                    Self::F16(_) => DType::F16,
                    Self::Bf16(_) => DType::Bf16,
                }
            }
        }
    };
}
facts!(Values);
facts!(ValuesMut);

/// `f32`, `f16` or `bf16`.
///
/// f64 is not among them: narrow it to f32 first, which costs half a unit in the last place of an f32.
///
/// ```
/// use fewbits::{DType, Element, f16};
///
/// let halves = [f16::from_f32(1.5), f16::from_f32(-0.25)];
/// let mut wide = [0.0; 2];
/// f16::widen_into(&halves, &mut wide)?;
/// assert_eq!(wide, [1.5, -0.25]);
/// assert_eq!(f16::DTYPE, DType::F16);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an element: slices hold f32, f16 or bf16",
    note = "narrow f64 to f32 first; integers need no quantizer, give them to a codec"
)]
pub trait Element: sealed::Sealed + Copy + PartialOrd + Default + Debug + Display + Send + Sync + 'static {
    /// Its name.
    const DTYPE: DType;
    /// The largest finite value.
    const MAX: f32;
    /// Widens exactly; both slices have the same length.
    fn widen_into(values: &[Self], out: &mut [f32]) -> Result<()>;
    /// Narrows to the nearest value, ties to even; both slices have the same length. Too large becomes infinite.
    fn narrow_into(values: &[f32], out: &mut [Self]) -> Result<()>;
    /// The slice as a run-time choice.
    fn erase(values: &[Self]) -> Values<'_>;
    /// The mutable slice as a run-time choice.
    fn erase_mut(values: &mut [Self]) -> ValuesMut<'_>;

    /// The slice itself where it already holds f32, so that nothing is copied.
    #[doc(hidden)]
    fn as_f32(_values: &[Self]) -> Option<&[f32]> {
        None
    }
    /// Likewise for output.
    #[doc(hidden)]
    fn as_f32_mut(_values: &mut [Self]) -> Option<&mut [f32]> {
        None
    }
    /// An integer that counts values from zero, in their order; none for NaN.
    #[doc(hidden)]
    fn to_ordered(self) -> Option<i32>;
    /// The bytes of the values in the order of this machine.
    #[doc(hidden)]
    fn as_bytes(values: &[Self]) -> &[u8];
    /// Likewise for output.
    #[doc(hidden)]
    fn as_bytes_mut(values: &mut [Self]) -> &mut [u8];
}

impl sealed::Sealed for f32 {}
impl Element for f32 {
    const DTYPE: DType = DType::F32;
    const MAX: f32 = f32::MAX;
    fn widen_into(values: &[f32], out: &mut [f32]) -> Result<()> {
        same_length("out", values.len(), out.len())?;
        out.copy_from_slice(values);
        Ok(())
    }
    fn narrow_into(values: &[f32], out: &mut [f32]) -> Result<()> {
        Self::widen_into(values, out)
    }
    fn erase(values: &[f32]) -> Values<'_> {
        Values::F32(values)
    }
    fn erase_mut(values: &mut [f32]) -> ValuesMut<'_> {
        ValuesMut::F32(values)
    }
    fn as_f32(values: &[f32]) -> Option<&[f32]> {
        Some(values)
    }
    fn as_f32_mut(values: &mut [f32]) -> Option<&mut [f32]> {
        Some(values)
    }
    fn to_ordered(self) -> Option<i32> {
        let size = (self.to_bits() & 0x7fff_ffff).cast_signed();
        (!self.is_nan()).then_some(if self.is_sign_negative() { -size } else { size })
    }
    fn as_bytes(values: &[f32]) -> &[u8] {
        bytemuck::cast_slice(values)
    }
    fn as_bytes_mut(values: &mut [f32]) -> &mut [u8] {
        bytemuck::cast_slice_mut(values)
    }
}

macro_rules! half_element {
    ($element:ident, $variant:ident, $max:expr, $widen:ident, $narrow:ident) => {
        impl sealed::Sealed for $element {}
        impl Element for $element {
            const DTYPE: DType = DType::$variant;
            const MAX: f32 = $max;
            fn widen_into(values: &[$element], out: &mut [f32]) -> Result<()> {
                same_length("out", values.len(), out.len())?;
                $widen(values, out);
                Ok(())
            }
            fn narrow_into(values: &[f32], out: &mut [$element]) -> Result<()> {
                same_length("out", values.len(), out.len())?;
                $narrow(values, out);
                Ok(())
            }
            fn erase(values: &[$element]) -> Values<'_> {
                Values::$variant(values)
            }
            fn erase_mut(values: &mut [$element]) -> ValuesMut<'_> {
                ValuesMut::$variant(values)
            }
            fn to_ordered(self) -> Option<i32> {
                let size = i32::from(self.to_bits() & 0x7fff);
                (!self.is_nan()).then_some(if self.is_sign_negative() { -size } else { size })
            }
            fn as_bytes(values: &[$element]) -> &[u8] {
                bytemuck::cast_slice(values.reinterpret_cast())
            }
            fn as_bytes_mut(values: &mut [$element]) -> &mut [u8] {
                bytemuck::cast_slice_mut(values.reinterpret_cast_mut())
            }
        }
    };
}
half_element!(f16, F16, 65504.0, widen_f16, narrow_f16);
half_element!(bf16, Bf16, f32::from_bits(0x7f7f_0000), widen_bf16, narrow_bf16);

/// Reads little-endian values from bytes of any alignment, as they stand in a safetensors or raw file.
///
/// `bytes` holds `out.len()` values of `size_of::<T>()` bytes each.
///
/// ```
/// let mut values = [0.0_f32; 2];
/// fewbits::values_from_le_bytes_into(&[0, 0, 128, 63, 0, 0, 0, 192], &mut values)?;
/// assert_eq!(values, [1.0, -2.0]);
/// # Ok::<(), fewbits::Error>(())
/// ```
pub fn values_from_le_bytes_into<T: Element>(bytes: &[u8], out: &mut [T]) -> Result<()> {
    let raw = T::as_bytes_mut(out);
    same_length("bytes", raw.len(), bytes.len())?;
    raw.copy_from_slice(bytes);
    swap_on_big_endian::<T>(raw);
    Ok(())
}

/// As [`values_from_le_bytes_into`], into a vector.
pub fn values_from_le_bytes<T: Element>(bytes: &[u8]) -> Result<Vec<T>> {
    let mut out = vec![T::default(); bytes.len() / size_of::<T>()];
    values_from_le_bytes_into(bytes, &mut out)?;
    Ok(out)
}

/// Writes values as little-endian bytes; `bytes` holds `values.len() * size_of::<T>()` bytes.
pub fn values_to_le_bytes_into<T: Element>(values: &[T], bytes: &mut [u8]) -> Result<()> {
    let raw = T::as_bytes(values);
    same_length("bytes", raw.len(), bytes.len())?;
    bytes.copy_from_slice(raw);
    swap_on_big_endian::<T>(bytes);
    Ok(())
}

/// As [`values_to_le_bytes_into`], into a vector.
pub fn values_to_le_bytes<T: Element>(values: &[T]) -> Vec<u8> {
    let mut bytes = T::as_bytes(values).to_vec();
    swap_on_big_endian::<T>(&mut bytes);
    bytes
}

fn swap_on_big_endian<T>(bytes: &mut [u8]) {
    if cfg!(target_endian = "big") {
        bytes.chunks_exact_mut(size_of::<T>()).for_each(<[u8]>::reverse);
    }
}

/// The one check for NaN and infinities. `start` is the position of the first value.
pub(crate) fn check_finite(values: &[f32], start: usize) -> Result<()> {
    // Reduce first, look for the culprit after: an early exit would keep the loop scalar.
    if all_finite(values) {
        return Ok(());
    }
    let index = values.iter().position(|x| !x.is_finite()).unwrap_or(0);
    Err(Error::NonFinite { index: start.saturating_add(index) })
}

/// Values that are converted in one piece of the stack.
pub(crate) const PIECE: usize = 4096;

/// The fewest values, in whole blocks of `block` that make `len` items each, whose items are whole blocks of `inner`.
pub(crate) fn joint_block(block: usize, len: usize, inner: usize) -> usize {
    let (mut a, mut b) = (len.max(1), inner.max(1));
    while b > 0 {
        (a, b) = (b, a % b);
    }
    (inner.max(1) / a).saturating_mul(block)
}

/// Calls `each(position of the first value, values as f32)` for one piece after another, borrowed where they are f32.
pub(crate) fn for_each_piece<T: Element>(
    values: &[T],
    mut each: impl FnMut(usize, &[f32]) -> Result<()>,
) -> Result<()> {
    let mut buffer = [0.0; PIECE];
    for (i, values) in values.chunks(PIECE).enumerate() {
        if let Some(values) = T::as_f32(values) {
            each(i * PIECE, values)?;
        } else {
            let wide = &mut buffer[..values.len()];
            T::widen_into(values, wide)?;
            each(i * PIECE, wide)?;
        }
    }
    Ok(())
}
