//! Bits and bytes for values.

use crate::element::Element;

/// Bits per value: `8 * bytes / values`. Count everything a decoder needs, side information included. NaN for no
/// values.
///
/// ```
/// assert_eq!(fewbits::bits_per_value(192, 384), 4.0);
/// ```
pub fn bits_per_value(bytes: usize, values: usize) -> f64 {
    if values == 0 { f64::NAN } else { 8.0 * bytes as f64 / values as f64 }
}

/// Compression ratio: bytes of the values as they are, over bytes now. NaN for no bytes.
///
/// ```
/// assert_eq!(fewbits::compression_ratio::<f32>(192, 384), 8.0);
/// ```
pub fn compression_ratio<T: Element>(bytes: usize, values: usize) -> f64 {
    if bytes == 0 { f64::NAN } else { (values as f64 * size_of::<T>() as f64) / bytes as f64 }
}
