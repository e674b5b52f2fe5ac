//! Sums and maxima over pairs of values, in a fixed order.

/// Independent sums, so that a reduction is not one chain of dependent additions.
const LANES: usize = 8;

/// Sums of `terms` over finite pairs. The terms of pair `i` go to lane `i % 8`; lanes are added pairwise.
#[inline(always)]
pub(super) fn sums<const N: usize>(x: &[f32], y: &[f32], terms: impl Fn(f64, f64) -> [f64; N]) -> [f64; N] {
    let (xs, x_tail) = x.as_chunks::<LANES>();
    let (ys, y_tail) = y.as_chunks::<LANES>();
    let mut lanes = [[0.0; LANES]; N];
    for (x, y) in xs.iter().zip(ys) {
        for lane in 0..LANES {
            let terms = terms(x[lane].into(), y[lane].into());
            for (sum, term) in lanes.iter_mut().zip(terms) {
                sum[lane] += term;
            }
        }
    }
    // Apart from the others, for an index that is not constant would keep the sums out of registers.
    let mut last = [[0.0; LANES]; N];
    for (lane, (&x, &y)) in x_tail.iter().zip(y_tail).enumerate() {
        let terms = terms(x.into(), y.into());
        for (sum, term) in last.iter_mut().zip(terms) {
            sum[lane] = term;
        }
    }
    core::array::from_fn(|sum| {
        let s: [f64; LANES] = core::array::from_fn(|lane| lanes[sum][lane] + last[sum][lane]);
        ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
    })
}

/// The largest `size` of a finite pair, 0 at least.
#[inline(always)]
pub(super) fn largest(x: &[f32], y: &[f32], size: impl Fn(f64, f64) -> f64) -> f64 {
    let (xs, x_tail) = x.as_chunks::<LANES>();
    let (ys, y_tail) = y.as_chunks::<LANES>();
    let mut lanes = [0.0_f64; LANES];
    for (x, y) in xs.iter().zip(ys) {
        for lane in 0..LANES {
            let size = size(x[lane].into(), y[lane].into());
            // `f64::max` also handles NaN, which costs more instructions.
            lanes[lane] = if size > lanes[lane] { size } else { lanes[lane] };
        }
    }
    let tail = x_tail.iter().zip(y_tail).map(|(&x, &y)| size(x.into(), y.into()));
    lanes.into_iter().chain(tail).fold(0.0, f64::max)
}

/// Mean values of pairs and sums about them, which can be combined without cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
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
    /// Of finite pairs, at least one.
    pub(super) fn of(x: &[f32], y: &[f32]) -> Self {
        let count = x.len() as f64;
        let [sum_x, sum_y] = sums(x, y, |x, y| [x, y]);
        let (mean_x, mean_y) = (sum_x / count, sum_y / count);
        let [xx, yy, xy] = sums(x, y, |x, y| {
            let (x, y) = (x - mean_x, y - mean_y);
            [x * x, y * y, x * y]
        });
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
