//! What codes cost: known to a codec, asked for by quantizers that weigh errors against bits.

use crate::classes::Classes;
use alloc::vec::Vec;

/// Bits of every code: the price list of a codec, for quantizers that weigh errors against bits.
///
/// An entropy coder makes one ([`Codec::rates`](crate::Codec::rates)), a quantizer may use it
/// ([`Quantizer::set_rates`](crate::Quantizer::set_rates)). Decoders need none of this.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    pub(crate) classes: Classes,
    /// One for each side of each class.
    pub(crate) prices: Vec<Prices>,
}

/// Bits of symbols without their `low` lowest bits, from `first` on, and of all others.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prices {
    pub(crate) first: u32,
    pub(crate) low: u32,
    pub(crate) bits: Vec<f32>,
    pub(crate) other: f32,
}

impl Prices {
    /// Bits of symbols that occur so often.
    pub(crate) fn sum(&self, pairs: &[(u32, u64)]) -> f64 {
        pairs.iter().map(|&(symbol, count)| f64::from(self.of(symbol)) * count as f64).sum()
    }

    /// Symbols from the first on whose prices are their own, and up to where.
    pub(crate) fn ends(&self) -> Option<(u32, u32)> {
        let end = self.first.saturating_add(self.bits.len() as u32);
        let whole = |high: u32| (u64::from(high) << self.low).min(1 << 30) as u32;
        (!self.bits.is_empty()).then(|| (whole(self.first), whole(end)))
    }

    #[inline(always)]
    pub(crate) fn of(&self, symbol: u32) -> f32 {
        self.bits.get((symbol >> self.low).wrapping_sub(self.first) as usize).copied().unwrap_or(self.other)
    }
}
