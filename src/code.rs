//! What a quantizer emits: unsigned integers below the number of levels.

use core::fmt::{Debug, Display};

mod sealed {
    pub trait Sealed {}
}

/// The integer that stands for a value: `u8`, `u16` or `u32`.
///
/// Codes are level indices, `0..level_count`, in the order of the levels: a larger code never stands for a smaller
/// value. Their width in memory has nothing to do with their width in bytes on a wire, which is the codec's choice.
///
/// ```
/// use fewbits::Code;
///
/// assert_eq!(u8::BITS, 8);
/// assert_eq!(<u16 as Code>::from_u32(513).to_u32(), 513);
/// ```
pub trait Code: sealed::Sealed + bytemuck::Pod + Ord + Default + Debug + Display + Send + Sync + 'static {
    /// Bits of the type.
    const BITS: u32;
    /// The code as a `u32`.
    fn to_u32(self) -> u32;
    /// The low bits of `code`; the caller knows that the rest is zero.
    fn from_u32(code: u32) -> Self;
}

macro_rules! code {
    ($($integer:ty),*) => {$(
        impl sealed::Sealed for $integer {}
        impl Code for $integer {
            const BITS: u32 = <$integer>::BITS;
            #[inline(always)]
            fn to_u32(self) -> u32 {
                self as u32
            }
            #[inline(always)]
            fn from_u32(code: u32) -> Self {
                code as $integer
            }
        }
    )*};
}
code!(u8, u16, u32);
