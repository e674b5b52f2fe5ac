//! Means of pairs and sums about them, which combine without cancellation.

use crate::kernel::pairs::{Errors, about_first};

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

/// Less than this share of Σx² is left of it about the mean where values deviate from that by less than 1/256 of their root mean
/// square.
const LEFT: f64 = 1.0 / (1 << 16) as f64;

impl Moments {
    /// Of finite pairs, at least one. Sums about zero lose at most 16 of 53 bits to the square of the mean; where they would lose
    /// more, sums are taken about the first pair, which deviates from the mean by at most `count` of its mean square.
    pub(super) fn of(x: &[f32], y: &[f32], errors: &Errors) -> Self {
        let (total, [xx, yy, _]) = (errors.total, errors.products);
        let moments = Self::about([0.0; 2], x.len(), [total, total + errors.sums[0]], errors.products);
        // The sum of y has the rounding of that of x.
        if moments.xx >= LEFT * xx && (moments.yy >= LEFT * xx.max(yy) || yy == 0.0) {
            return moments;
        }
        let (first, totals, products) = about_first(x, y);
        Self::about(first, x.len(), totals, products)
    }

    /// From sums of what values are more than `from`, and of squares and products of that.
    fn about(from: [f64; 2], count: usize, totals: [f64; 2], products: [f64; 3]) -> Self {
        let count = count as f64;
        let [more_x, more_y] = totals.map(|total| total / count);
        let [xx, yy, xy] = products;
        Self {
            count,
            mean_x: from[0] + more_x,
            mean_y: from[1] + more_y,
            xx: (xx - totals[0] * more_x).max(0.0),
            yy: (yy - totals[1] * more_y).max(0.0),
            xy: xy - totals[0] * more_y,
        }
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
