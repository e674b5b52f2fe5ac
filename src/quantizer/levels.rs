//! Where levels lie, in units of a scale.

use crate::{code::Code, description::Description};

/// Where the levels of a scalar quantizer lie, in units of a scale: the law of one value.
///
/// [`Scaled`](super::Scaled) turns it into a quantizer: per tensor, per block, per index of an axis, with stored scales
/// and, where [`has_offset`](Self::has_offset) says so, offsets. The uniform [`Grid`](super::Grid) is one such law.
/// Kernels inline these functions, so they should be branch-free.
pub trait Levels {
    /// Type of the codes.
    type Code: Code;

    /// Number of levels; codes are below it. Codes are at most 16 bits wide here.
    fn level_count(&self) -> u32;

    /// The level of a code below [`level_count`](Self::level_count), non-decreasing in the code; any finite value for
    /// other codes.
    fn level(&self, code: u32) -> f32;

    /// The code of the level nearest to `x`, saturating at both ends; below [`level_count`](Self::level_count) for
    /// every `x`, infinities included.
    fn nearest(&self, x: f32) -> u32;

    /// What the largest magnitude of a group is mapped to, or, with an offset, the span between its extremes.
    fn reach(&self) -> f32;

    /// Whether groups get an offset: level 0 then stands for the smallest value of the group.
    fn has_offset(&self) -> bool {
        false
    }

    /// The largest distance of a value within reach from its nearest level.
    fn radius(&self) -> f32 {
        let last = self.level_count().saturating_sub(1);
        let gap = (0..last).map(|code| self.level(code + 1) - self.level(code)).fold(0.0, f32::max);
        let low_end = if self.has_offset() { 0.0 } else { -self.reach() };
        (gap / 2.0).max(self.reach() - self.level(last)).max(self.level(0) - low_end)
    }

    /// Appends what a decoder needs to rebuild the law.
    fn describe(&self, out: &mut Description) {
        out.foreign(u8::MAX, |_| ());
    }
}
