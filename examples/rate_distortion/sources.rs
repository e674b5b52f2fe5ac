//! Random values, and how far any code for them can get.

use fewbits::Seed;
use std::f64::consts::TAU;

/// A distribution of independent values with variance 1.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Source {
    Gaussian,
    Laplace,
    /// Student's with 4 degrees of freedom.
    Student4,
}

impl Source {
    pub(crate) const ALL: [Self; 3] = [Self::Gaussian, Self::Laplace, Self::Student4];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gaussian => "Gaussian",
            Self::Laplace => "Laplace",
            Self::Student4 => "Student's t, 4 degrees",
        }
    }

    pub(crate) fn values(self, count: usize) -> Vec<f32> {
        (0..count as u64).map(|i| self.value(Seed::new(7).derive(i)) as f32).collect()
    }

    fn value(self, seed: Seed) -> f64 {
        // Never 0.
        let unit = |index| ((seed.derive(index).get() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        let normal = || (-2.0 * unit(0).ln()).sqrt() * (TAU * unit(1)).cos();
        match self {
            Self::Gaussian => normal(),
            Self::Laplace => {
                let side = unit(0) - 0.5;
                -side.signum() * (1.0 - 2.0 * side.abs()).ln() * 0.5_f64.sqrt()
            }
            // Its variance is 2.
            Self::Student4 => normal() / (-(unit(2) * unit(3)).ln() / 2.0).sqrt() * 0.5_f64.sqrt(),
        }
    }

    /// Shannon's lower bound on the error, in decibels below the variance: what a Gaussian source takes, and less for others
    /// by `ln(2 pi e) / 2` less their differential entropy. It is reached by a Gaussian source at any rate, by the others from
    /// about 2 bits on.
    pub(crate) fn bound_db(self, bits: f64) -> f64 {
        let shape = match self {
            Self::Gaussian => 0.0,
            // 10 log10(pi / e).
            Self::Laplace => 0.6286,
            // The entropy is 5/2 (psi(5/2) - psi(2)) + ln(2 B(2, 1/2)), less ln(2) / 2 for the variance.
            Self::Student4 => 0.7274,
        };
        20.0 * 2_f64.log10() * bits + shape
    }

    /// Decibels that an error is above the bound.
    pub(crate) fn gap_db(self, bits: f64, mse: f64) -> f64 {
        self.bound_db(bits) + 10.0 * mse.log10()
    }
}
