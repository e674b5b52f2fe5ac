//! Sums over pairs of values in a fixed order.

/// Independent sums, so that a reduction is not one chain of dependent additions.
const LANES: usize = 8;

/// The sums of d², x², y² and xy, with d = y - x.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Sums {
    pub(super) error: f64,
    pub(super) original: f64,
    pub(super) restored: f64,
    pub(super) product: f64,
}

impl Sums {
    /// Sums over finite pairs, and the largest |d|. Value `i` goes to lane `i % 8`; lanes are added pairwise.
    pub(super) fn of(x: &[f32], y: &[f32]) -> (Self, f64) {
        let (xs, x_tail) = x.as_chunks::<LANES>();
        let (ys, y_tail) = y.as_chunks::<LANES>();
        // Zeros fill the last lanes and add nothing.
        let (mut x_last, mut y_last) = ([0.0; LANES], [0.0; LANES]);
        x_last[..x_tail.len()].copy_from_slice(x_tail);
        y_last[..y_tail.len()].copy_from_slice(y_tail);
        let (lanes, largest) = lanes(xs, ys);
        let (last_lanes, last_largest) = self::lanes(&[x_last], &[y_last]);
        let [error, original, restored, product] = core::array::from_fn(|sum| {
            let s: [f64; LANES] = core::array::from_fn(|lane| lanes[sum][lane] + last_lanes[sum][lane]);
            ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
        });
        let largest = largest.into_iter().chain(last_largest).fold(0.0, f64::max);
        (Self { error, original, restored, product }, largest)
    }

    pub(super) fn add(&mut self, other: Self) {
        self.error += other.error;
        self.original += other.original;
        self.restored += other.restored;
        self.product += other.product;
    }
}

/// The four sums and the largest |d| of each lane. The accumulators are plain arrays, which stay in registers.
#[inline(always)]
fn lanes(xs: &[[f32; LANES]], ys: &[[f32; LANES]]) -> ([[f64; LANES]; 4], [f64; LANES]) {
    let [mut error, mut original, mut restored, mut product, mut largest] = [[0.0_f64; LANES]; 5];
    for (x, y) in xs.iter().zip(ys) {
        for lane in 0..LANES {
            let (x, y) = (f64::from(x[lane]), f64::from(y[lane]));
            let d = y - x;
            error[lane] += d * d;
            original[lane] += x * x;
            restored[lane] += y * y;
            product[lane] += x * y;
            let size = d.abs();
            largest[lane] = if size > largest[lane] { size } else { largest[lane] };
        }
    }
    ([error, original, restored, product], largest)
}
