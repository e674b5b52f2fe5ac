//! Levels for Gaussian values scaled by their largest magnitude.

use super::{Codebook, Kind};
use crate::{
    error::{Error, Result},
    kernel::exp::exp,
};
use alloc::vec::Vec;

/// `bitsandbytes` ships these digits; computed anew, some differ in the last bits.
const NF4: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

impl Codebook {
    /// The 16 levels of `NormalFloat` for Gaussian values scaled by the largest magnitude of 64: Dettmers and others,
    /// "`QLoRA`: Efficient Finetuning of Quantized LLMs", 2023. The table is the one that is in use everywhere; see
    /// [`normal_float`](Self::normal_float) for the rule.
    pub fn nf4() -> Self {
        Self::of_kind(NF4.to_vec(), Kind::Nf4).unwrap_or_else(|_| unreachable!("a constant that tests look at"))
    }

    /// `2^bits` levels, 2 to 8 bits, by the rule of NF4: zero; of the normal distribution, quantiles at equal
    /// distances from 0.5 to a probability near 1 for `2^(bits - 1)` positive levels, and one fewer on the negative
    /// side; all divided by the largest. The outermost probability is the mean of `1 - 1/2^(bits+1)` and
    /// `1 - 1/(2^(bits+1) - 2)`.
    ///
    /// At 4 bits it is within 1e-6 of [`nf4`](Self::nf4).
    pub fn normal_float(bits: u32) -> Result<Self> {
        if !(2..=8).contains(&bits) {
            return Err(Error::Setting { name: "bits", value: bits.into(), allowed: "2 to 8 bits" });
        }
        let patterns = f64::from(1 << (bits + 1));
        let outermost = 1.0 - f64::midpoint(1.0 / patterns, 1.0 / (patterns - 2.0));
        let half = 1 << (bits - 1);
        // Quantiles at `count` probabilities from the outermost one towards 1/2, which is left out.
        let side = |count: i32| {
            let step = (outermost - 0.5) / f64::from(count);
            (0..count).map(move |i| normal_quantile(outermost - f64::from(i) * step))
        };
        let largest = normal_quantile(outermost);
        let negative = side(half - 1).map(|x| -x / largest);
        let positive: Vec<f64> = side(half).map(|x| x / largest).collect();
        let levels = negative.chain([0.0]).chain(positive.into_iter().rev());
        Self::new(levels.map(|level| level as f32).collect())
    }
}

/// The `x` that a standard normal variable exceeds with probability `1 - p`, for `p` from 1/2 on: by bisection, so that
/// nothing but sums, products and quotients decides, and levels are the same everywhere.
fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 8.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if normal_probability(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The probability that a standard normal variable is below `x`, which is 0 to 8: `1/2 + x φ(x) Σ x^2k / (2k+1)!!`.
fn normal_probability(x: f64) -> f64 {
    const DENSITY_AT_ZERO: f64 = 0.398_942_280_401_432_7;
    let (mut term, mut sum) = (x, x);
    for k in 1..200 {
        term *= x * x / f64::from(2 * k + 1);
        sum += term;
    }
    0.5 + sum * DENSITY_AT_ZERO * exp(-x * x / 2.0)
}
