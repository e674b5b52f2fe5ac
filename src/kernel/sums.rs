//! Sums and maxima over pairs of values, in a fixed order.

/// Independent sums, so that a reduction is not one chain of dependent additions.
const LANES: usize = 8;

/// Sums of `terms` over finite pairs. The terms of pair `i` go to lane `i % 8`; lanes are added pairwise.
#[inline(always)]
pub(crate) fn sums<const N: usize>(x: &[f32], y: &[f32], terms: impl Fn(f32, f32) -> [f64; N]) -> [f64; N] {
    let (xs, x_tail) = x.as_chunks::<LANES>();
    let (ys, y_tail) = y.as_chunks::<LANES>();
    let mut lanes = [[0.0; LANES]; N];
    for (x, y) in xs.iter().zip(ys) {
        for lane in 0..LANES {
            let terms = terms(x[lane], y[lane]);
            for (sum, term) in lanes.iter_mut().zip(terms) {
                sum[lane] += term;
            }
        }
    }
    // Apart from the others, for an index that is not constant would keep the sums out of registers.
    let mut last = [[0.0; LANES]; N];
    for (lane, (&x, &y)) in x_tail.iter().zip(y_tail).enumerate() {
        let terms = terms(x, y);
        for (sum, term) in last.iter_mut().zip(terms) {
            sum[lane] = term;
        }
    }
    core::array::from_fn(|sum| total(core::array::from_fn(|lane| lanes[sum][lane] + last[sum][lane])))
}

/// The sum of lanes, pairwise.
#[inline(always)]
pub(crate) fn total(s: [f64; LANES]) -> f64 {
    ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

/// The largest `size` of a finite pair, 0 at least.
#[inline(always)]
pub(crate) fn largest(x: &[f32], y: &[f32], size: impl Fn(f32, f32) -> f64) -> f64 {
    let (xs, x_tail) = x.as_chunks::<LANES>();
    let (ys, y_tail) = y.as_chunks::<LANES>();
    let mut lanes = [0.0_f64; LANES];
    for (x, y) in xs.iter().zip(ys) {
        for lane in 0..LANES {
            let size = size(x[lane], y[lane]);
            // `f64::max` also handles NaN, which costs more instructions.
            lanes[lane] = if size > lanes[lane] { size } else { lanes[lane] };
        }
    }
    let tail = x_tail.iter().zip(y_tail).map(|(&x, &y)| size(x, y));
    lanes.into_iter().chain(tail).fold(0.0, f64::max)
}
