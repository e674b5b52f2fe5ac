//! Random signs, then the Walsh-Hadamard transform: outliers are spread over their block.

use super::{Guarantee, Transform, blocks::for_each_run, check_call, check_coefficients};
use crate::{
    description::{Describe, Description, Restore, Stages},
    element::check_finite,
    error::{Error, Result},
    fit::Fit,
    kernel::hadamard,
    seed::Seed,
};

/// A randomized Hadamard transform in blocks: `H D x / sqrt(n)`, with random signs `D` and the Hadamard matrix `H` of
/// order `n`, both known from a seed.
///
/// It is orthonormal: errors keep their energy. Whatever values were like, coefficients are nearly Gaussian, so that one
/// huge value no longer widens the scale of all others. Put it in front of a quantizer with a fixed number of bits, at
/// most 4 or so. In front of an entropy coder it costs: Gaussian coefficients have the most entropy of all of their
/// variance.
///
/// Blocks are a power of two, up to 4096; the rest of an array, if it is no whole block, is cut into powers of two in
/// descending order. Sign `i` of the array is bit `i mod 64` of number `floor(i / 64)` of the [`Seed`]. Cost: `log2(n)`
/// additions per value and a multiplication. Coefficients may exceed `f32::MAX` where values come near it, which is an
/// error.
///
/// Ailon and Chazelle, "The Fast Johnson-Lindenstrauss Transform", 2009.
///
/// ```
/// use fewbits::{ErrorStats, Fit, Hadamard, KMeans, QuantizerExt, Seed, Then};
///
/// let mut weights: Vec<f32> = (0..4096).map(|i| (i as f32 * 0.37).sin()).collect();
/// weights[77] = 50.0;
/// let alone = fewbits::Uniform::new(4).fit(&weights)?;
/// let rotated = Then::new(Hadamard::new(512, Seed::new(3))?, fewbits::Uniform::new(4)).fit(&weights)?;
/// let sqnr = |restored: Vec<f32>| ErrorStats::measure(&weights, &restored).map(|stats| stats.sqnr_db());
/// assert!(sqnr(rotated.fake_quantize(&weights)?)? > sqnr(alone.fake_quantize(&weights)?)? + 10.0);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "raw::Hadamard", into = "raw::Hadamard"))]
pub struct Hadamard {
    block: usize,
    seed: Seed,
}

impl Hadamard {
    pub(crate) const TAG: u8 = 0x21;

    /// Blocks of `block` values, a power of two from 2 to 4096.
    pub const fn new(block: usize, seed: Seed) -> Result<Self> {
        if block.is_power_of_two() && 2 <= block && block <= 4096 {
            return Ok(Self { block, seed });
        }
        Err(Error::Setting { name: "block", value: block as f64, allowed: "a power of two from 2 to 4096" })
    }

    /// The seed of the signs.
    pub const fn seed(&self) -> Seed {
        self.seed
    }
}

impl Transform for Hadamard {
    fn forward_at(&self, start: usize, values: &[f32], coefficients: &mut [f32]) -> Result<()> {
        check_call(start, values.len(), coefficients.len(), self.block)?;
        for_each_run(self.block, values.len(), |from, to, block| {
            hadamard::forward(self.seed, start + from, block, &values[from..to], &mut coefficients[from..to]);
        });
        Ok(())
    }

    fn checked_forward_at(&self, start: usize, values: &[f32], coefficients: &mut [f32]) -> Result<()> {
        check_call(start, values.len(), coefficients.len(), self.block)?;
        let mut finite = true;
        for_each_run(self.block, values.len(), |from, to, block| {
            let (values, coefficients) = (&values[from..to], &mut coefficients[from..to]);
            finite &= hadamard::checked_forward(self.seed, start + from, block, values, coefficients);
        });
        if finite {
            return Ok(());
        }
        // A value that is not finite leaves no coefficient of its block that is.
        check_finite(values, start)?;
        check_coefficients(coefficients, start)
    }

    fn inverse_at(&self, start: usize, coefficients: &[f32], values: &mut [f32]) -> Result<()> {
        check_call(start, values.len(), coefficients.len(), self.block)?;
        for_each_run(self.block, values.len(), |from, to, block| {
            hadamard::inverse(self.seed, start + from, block, &coefficients[from..to], &mut values[from..to]);
        });
        Ok(())
    }

    fn block(&self) -> usize {
        self.block
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Orthonormal
    }
}

/// There is nothing to fit: the settings are the stage.
impl<T> Fit<T> for Hadamard {
    type Fitted = Self;

    fn fit(&self, _data: &[T]) -> Result<Self> {
        Ok(*self)
    }
}

impl Describe for Hadamard {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            out.u8(self.block.trailing_zeros() as u8);
            out.bytes(&self.seed.get().to_le_bytes());
        });
    }
}

impl Restore for Hadamard {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        stages.stage(Self::TAG, "a Hadamard transform", |bytes| {
            let log = bytes.u8()?;
            let seed = Seed::new(bytes.u64()?);
            let block = 1_usize.checked_shl(log.into()).unwrap_or(0);
            Self::new(block, seed).map_err(|_| Error::Corrupt { what: "block of a transform", found: log.into() })
        })
    }
}

/// What serde sees.
#[cfg(feature = "serde")]
mod raw {
    use crate::{
        error::{Error, Result},
        seed::Seed,
    };

    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Hadamard {
        block: usize,
        seed: Seed,
    }

    impl From<super::Hadamard> for Hadamard {
        fn from(super::Hadamard { block, seed }: super::Hadamard) -> Self {
            Self { block, seed }
        }
    }

    impl TryFrom<Hadamard> for super::Hadamard {
        type Error = Error;

        fn try_from(Hadamard { block, seed }: Hadamard) -> Result<Self> {
            Self::new(block, seed)
        }
    }
}
