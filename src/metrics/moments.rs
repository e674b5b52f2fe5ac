//! Means of pairs and sums about them, which combine without cancellation.

use crate::kernel::pairs;

/// Mean values of pairs and sums about them, which can be combined without cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Moments {
    count: f64,
    mean_x: f64,
    mean_y: f64,
    /// Σ(x - mean x)², Σ(y - mean y)², Σ(x - mean x)(y - mean y).
    pub(super) xx: f64,
    pub(super) yy: f64,
    pub(super) xy: f64,
}

impl Moments {
    /// Of finite pairs, at least one, with the sums of both sides.
    pub(super) fn of(x: &[f32], y: &[f32], [sum_x, sum_y]: [f64; 2]) -> Self {
        let count = x.len() as f64;
        let (mean_x, mean_y) = (sum_x / count, sum_y / count);
        let [xx, yy, xy] = pairs::moments(x, y, [mean_x, mean_y]);
        Self { count, mean_x, mean_y, xx, yy, xy }
    }

    /// Σx², Σy² and Σxy.
    pub(super) fn about_zero(&self) -> [f64; 3] {
        let Self { count, mean_x, mean_y, xx, yy, xy } = self;
        [xx + count * mean_x * mean_x, yy + count * mean_y * mean_y, xy + count * mean_x * mean_y]
    }

    /// Of these pairs and those of `next`: Chan, Golub and `LeVeque`, "Updating Formulae and a Pairwise Algorithm for
    /// Computing Sample Variances", 1979.
    pub(super) fn merge(self, next: Self) -> Self {
        if self.count == 0.0 || next.count == 0.0 {
            return if self.count == 0.0 { next } else { self };
        }
        let count = self.count + next.count;
        let (dx, dy) = (next.mean_x - self.mean_x, next.mean_y - self.mean_y);
        let (share, weight) = (next.count / count, self.count * next.count / count);
        Self {
            count,
            mean_x: self.mean_x + dx * share,
            mean_y: self.mean_y + dy * share,
            xx: self.xx + next.xx + dx * dx * weight,
            yy: self.yy + next.yy + dy * dy * weight,
            xy: self.xy + next.xy + dx * dy * weight,
        }
    }
}
