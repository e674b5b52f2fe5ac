//! Where a quantile lies among sorted values: thirteen definitions.

/// Which definition of a quantile: where it lies among the sorted values, and what lies between two of them.
///
/// The values sorted ascending are `x[0] ..= x[n - 1]`, and `p` is the probability. Interpolating methods take a
/// position `h`, clamped to `0 ..= n - 1`, and go the fraction of `h` from `x[floor(h)]` to the next value. The others
/// give one of the values. H&F is the number in Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996.
///
/// Names, formulas and roundings are those of `numpy.quantile`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum QuantileMethod {
    /// H&F 1: `x[ceil(n p) - 1]`, the least value that has at least the part `p` of all values at or below it.
    InvertedCdf,
    /// H&F 2: as H&F 1, but the mean of `x[n p - 1]` and `x[n p]` where `n p` is an integer.
    AveragedInvertedCdf,
    /// H&F 3: the value whose rank, counted from 1, is nearest to `n p`; of two, the even rank.
    ClosestObservation,
    /// H&F 4: `h = n p - 1`.
    InterpolatedInvertedCdf,
    /// H&F 5: `h = n p - 1/2`.
    Hazen,
    /// H&F 6: `h = (n + 1) p - 1`.
    Weibull,
    /// H&F 7, the default here, in numpy, R and torch: `h = (n - 1) p`.
    #[default]
    Linear,
    /// H&F 8: `h = (n + 1/3) p - 2/3`, nearly unbiased for the median whatever the distribution.
    MedianUnbiased,
    /// H&F 9: `h = (n + 1/4) p - 5/8`, nearly unbiased for Gaussian values.
    NormalUnbiased,
    /// `x[floor((n - 1) p)]`.
    Lower,
    /// `x[ceil((n - 1) p)]`.
    Higher,
    /// The mean of [`Lower`](Self::Lower) and [`Higher`](Self::Higher).
    Midpoint,
    /// `x[round((n - 1) p)]`, halves to the even position.
    Nearest,
}

/// A quantile as ranks, counted from 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    pub(super) low: usize,
    pub(super) high: usize,
    /// Where between the two; none if the quantile is the value at `low`.
    weight: Option<f64>,
}

impl Position {
    const fn at(rank: usize) -> Self {
        Self { low: rank, high: rank, weight: None }
    }

    /// The quantile, from the values at its ranks.
    pub(super) fn interpolate(self, low: f64, high: f64) -> f64 {
        let Some(weight) = self.weight else { return low };
        // From the nearer one, so that a weight of 1 gives `high` exactly.
        let difference = high - low;
        if weight < 0.5 { low + difference * weight } else { high - difference * (1.0 - weight) }
    }
}

impl QuantileMethod {
    /// Where the quantile of `p` in 0..=1 lies among `count` values, at least one.
    pub(super) fn position(self, p: f64, count: usize) -> Position {
        let n = count as f64;
        // Each formula keeps its order of operations: another would round otherwise, and take another rank where a
        // product is an integer.
        let linear = (n - 1.0) * p;
        let position = match self {
            Self::InvertedCdf => Position::at(ceil(n * p - 1.0)),
            Self::ClosestObservation => Position::at(closest(n * p - 1.0 - 0.5)),
            Self::Lower => Position::at(linear as usize),
            Self::Higher => Position::at(ceil(linear)),
            Self::Nearest => Position::at(nearest(linear)),
            Self::AveragedInvertedCdf => {
                let position = between(n * p - 1.0, count);
                Position { weight: position.weight.map(|weight| if weight == 0.0 { 0.5 } else { 1.0 }), ..position }
            }
            Self::Midpoint => {
                let position = between(linear, count);
                let weight = if ceil(linear) == linear as usize { 0.0 } else { 0.5 };
                Position { weight: Some(weight), ..position }
            }
            Self::Linear => between(linear, count),
            Self::InterpolatedInvertedCdf => between(plotting(n, p, 0.0, 1.0), count),
            Self::Hazen => between(plotting(n, p, 0.5, 0.5), count),
            Self::Weibull => between(plotting(n, p, 0.0, 0.0), count),
            Self::MedianUnbiased => between(plotting(n, p, 1.0 / 3.0, 1.0 / 3.0), count),
            Self::NormalUnbiased => between(plotting(n, p, 3.0 / 8.0, 3.0 / 8.0), count),
        };
        let last = count.saturating_sub(1);
        Position { low: position.low.min(last), high: position.high.min(last), ..position }
    }
}

/// The position of plotting positions with parameters `alpha` and `beta`.
fn plotting(n: f64, p: f64, alpha: f64, beta: f64) -> f64 {
    n * p + (alpha + p * (1.0 - alpha - beta)) - 1.0
}

/// Between the ranks on either side of `h`; both are the first or the last beyond the ends.
fn between(h: f64, count: usize) -> Position {
    // Beyond the ends the weight falls on two equal values and only says how their difference rounds: 0, or NaN if they
    // are infinite.
    if h < 0.0 {
        return Position { low: 0, high: 0, weight: Some(h) };
    }
    let low = h as usize;
    if h >= count as f64 - 1.0 {
        return Position { low, high: low, weight: Some(h + 1.0) };
    }
    Position { low, high: low + 1, weight: Some(h - low as f64) }
}

// Positions are at least -1.5 and casts saturate: below 0 they are 0. `ceil` and its kin need `std`.

fn ceil(h: f64) -> usize {
    let floor = h as usize;
    floor + usize::from((floor as f64) < h)
}

/// The next integer, or `h` itself if it is an odd integer.
fn closest(h: f64) -> usize {
    let floor = h as usize;
    if h < 0.0 || (floor as f64 == h && floor % 2 == 1) { floor } else { floor + 1 }
}

/// To the nearest integer, halves to even.
fn nearest(h: f64) -> usize {
    let floor = h as usize;
    let rest = h - floor as f64;
    floor + usize::from(rest > 0.5 || (rest == 0.5 && floor % 2 == 1))
}
