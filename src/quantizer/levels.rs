//! Where levels lie, in units of a scale.

use super::law::Law;
use crate::description::Describe;
use core::fmt::Debug;

/// Where the levels of a scalar quantizer lie, in units of a scale: the law of one value.
///
/// [`Scale`](super::Scale) fits scales to it, per tensor, per block or per index of an axis, with offsets where asked
/// for, and makes it a quantizer, [`Scaled`](super::Scaled). The uniform [`Grid`](super::Grid) is one such law.
///
/// Kernels inline these functions, so they should be branch-free.
pub trait Levels: Describe + Debug + Send + Sync {
    /// Number of levels, 1 to 65536; codes are below it.
    fn level_count(&self) -> u32;

    /// The finite level of a code below [`level_count`](Self::level_count), non-decreasing in the code; any finite
    /// value for other codes.
    fn level(&self, code: u32) -> f32;

    /// The code of the level nearest to `x`, saturating at both ends; below [`level_count`](Self::level_count) for
    /// every `x`, infinities included.
    fn nearest(&self, x: f32) -> u32;

    /// As [`nearest`](Self::nearest), but between two levels the one farther from zero, in the units of the levels. By
    /// default nothing differs.
    fn nearest_half_away(&self, x: f32) -> u32 {
        self.nearest(x)
    }

    /// Whether neighbouring levels are 1 apart, which dither needs.
    fn has_unit_steps(&self) -> bool {
        false
    }

    /// What kernels know of the law; nothing by default.
    #[doc(hidden)]
    fn law(&self) -> Law<'_> {
        Law::Any
    }

    /// The interval that values are scaled into. Without an offset, zero stays zero: the scale is the smallest that
    /// brings all values of a group inside, except those on a side of zero that the interval does not reach. With an
    /// offset, the extremes of a group are mapped to its ends.
    fn range(&self) -> (f32, f32);

    /// The largest distance of a value within [`range`](Self::range) from its nearest level, or a little more: by default
    /// the smallest f32 that is not below it. All levels are looked at; a quantizer asks once.
    fn radius(&self) -> f32 {
        let last = self.level_count().saturating_sub(1);
        let level = |code| f64::from(self.level(code));
        let (low, high) = self.range();
        let gap = (0..last).map(|code| level(code + 1) - level(code)).fold(0.0, f64::max);
        let radius = (gap / 2.0).max(level(0) - f64::from(low)).max(f64::from(high) - level(last));
        let nearest = radius as f32;
        if f64::from(nearest) < radius { nearest.next_up() } else { nearest }
    }
}
