//! The discrete cosine transform: smooth values become few large coefficients.

use super::{Guarantee, Transform, blocks::for_each_block, check_call};
use crate::{
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result},
    fit::Fit,
    kernel::cosines::quarter_wave,
    wire::Reader,
};
use alloc::vec::Vec;
use core::f32::consts::FRAC_1_SQRT_2;
use num_traits::Float;

/// The longest block.
const LONGEST: usize = 256;

/// An orthonormal discrete cosine transform of type II in blocks:
/// `c_k = s_k Σ x_i cos(π (2i + 1) k / (2n))`, with `s_0 = sqrt(1/n)` and `s_k = sqrt(2/n)` otherwise.
///
/// It is orthonormal: errors keep their energy. Values that change slowly from one to the next, as in signals, images and
/// feature maps, become a few large coefficients and many small ones, which blocks of scales as long as one of the
/// transform can't make use of, but an entropy coder or scales per index can. Weights, whose neighbours have nothing to do
/// with each other, gain nothing.
///
/// Blocks are a power of two from 4 to 256 consecutive values; the rest of an array, if it is no whole block, is cut into
/// powers of two in descending order. Cost: `n / 3` multiplications and additions per value. Coefficients may exceed
/// `f32::MAX` where values come near it, which is an error.
///
/// Ahmed, Natarajan and Rao, "Discrete Cosine Transform", 1974.
///
/// ```
/// use fewbits::{Dct, TransformExt};
///
/// let ramp: Vec<f32> = (0..64).map(|i| i as f32).collect();
/// let dct = Dct::new(64)?;
/// let coefficients = dct.forward(&ramp)?;
/// let energy = |values: &[f32]| values.iter().map(|x| x * x).sum::<f32>();
/// assert!(energy(&coefficients[..4]) > 0.999 * energy(&ramp));
/// assert!(dct.inverse(&coefficients, 64)?.iter().zip(&ramp).all(|(a, b)| (a - b).abs() < 1e-4));
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dct {
    block: usize,
    /// For the half of 2, 4, ... `block` values, the orthonormal cosine transform of type IV of half as many, row by row.
    halves: Vec<Vec<f32>>,
}

impl Dct {
    pub(crate) const TAG: u8 = 0x22;

    /// Blocks of `block` values, a power of two from 4 to 256. Allocates up to 90 KB of cosines.
    pub fn new(block: usize) -> Result<Self> {
        if !(block.is_power_of_two() && (4..=LONGEST).contains(&block)) {
            return Err(Error::Setting { name: "block", value: block as f64, allowed: "a power of two from 4 to 256" });
        }
        let cosines = quarter_wave(2 * block);
        // cos(π j / (4 block)), for any j.
        let cosine = |j: usize| match j % (8 * block) {
            j if j <= 2 * block => cosines[j],
            j if j <= 4 * block => -cosines[4 * block - j],
            j if j <= 6 * block => -cosines[j - 4 * block],
            j => cosines[8 * block - j],
        };
        let half = |log: u32| -> Vec<f32> {
            let (half, factor) = (1_usize << log, Float::sqrt(2.0 / f64::from(1_u32 << log)));
            // cos(π (2i + 1) (2k + 1) / (4 half)).
            let entry = |k: usize, i: usize| factor * cosine((2 * i + 1) * (2 * k + 1) * (block / half));
            (0..half * half).map(|at| entry(at / half, at % half) as f32).collect()
        };
        Ok(Self { block, halves: (0..block.ilog2()).map(half).collect() })
    }

    /// One block; `scratch` is as long.
    fn forward_block(&self, x: &mut [f32], scratch: &mut [f32]) {
        let half = x.len() / 2;
        if half == 0 {
            return;
        }
        let (sums, differences) = scratch.split_at_mut(half);
        fold(x, sums, differences);
        let (odd, free) = x.split_at_mut(half);
        self.multiply(differences, odd);
        self.forward_block(sums, free);
        // The odd coefficients make room for the even ones between them.
        differences.copy_from_slice(odd);
        for (pair, (even, odd)) in x.chunks_exact_mut(2).zip(sums.iter().zip(&*differences)) {
            (pair[0], pair[1]) = (*even, *odd);
        }
    }

    fn inverse_block(&self, x: &mut [f32], scratch: &mut [f32]) {
        let half = x.len() / 2;
        if half == 0 {
            return;
        }
        let (sums, differences) = scratch.split_at_mut(half);
        for (pair, (even, odd)) in x.chunks_exact(2).zip(sums.iter_mut().zip(&mut *differences)) {
            (*even, *odd) = (pair[0], pair[1]);
        }
        let (odd, free) = x.split_at_mut(half);
        self.multiply(differences, odd);
        self.inverse_block(sums, free);
        differences.copy_from_slice(odd);
        let (low, high) = x.split_at_mut(half);
        let outer = low.iter_mut().zip(high.iter_mut().rev());
        for ((low, high), (sum, difference)) in outer.zip(sums.iter().zip(&*differences)) {
            let (sum, difference) = (sum * FRAC_1_SQRT_2, difference * FRAC_1_SQRT_2);
            (*low, *high) = (sum + difference, sum - difference);
        }
    }

    /// The cosine transform of type IV, which is its own inverse. Products are added in the order of `x`, so that all
    /// sums go on at once.
    fn multiply(&self, x: &[f32], out: &mut [f32]) {
        out.fill(0.0);
        let matrix = &self.halves[x.len().ilog2() as usize];
        for (x, row) in x.iter().zip(matrix.chunks_exact(x.len())) {
            for (sum, entry) in out.iter_mut().zip(row) {
                *sum += entry * x;
            }
        }
    }
}

/// Sums and differences of what is equally far from both ends, over the square root of 2.
fn fold(x: &[f32], sums: &mut [f32], differences: &mut [f32]) {
    let (low, high) = x.split_at(x.len() / 2);
    let outer = low.iter().zip(high.iter().rev());
    for ((low, high), (sum, difference)) in outer.zip(sums.iter_mut().zip(differences)) {
        // Factors first, so that no sum is beyond what it stands for.
        let (low, high) = (low * FRAC_1_SQRT_2, high * FRAC_1_SQRT_2);
        (*sum, *difference) = (low + high, low - high);
    }
}

impl Transform for Dct {
    fn forward_at(&self, start: usize, values: &[f32], coefficients: &mut [f32]) -> Result<()> {
        check_call(start, values.len(), coefficients.len(), self.block)?;
        coefficients.copy_from_slice(values);
        let mut scratch = [0.0; LONGEST];
        for_each_block(self.block, values.len(), |from, len| {
            self.forward_block(&mut coefficients[from..from + len], &mut scratch[..len]);
        });
        Ok(())
    }

    fn inverse_at(&self, start: usize, coefficients: &[f32], values: &mut [f32]) -> Result<()> {
        check_call(start, values.len(), coefficients.len(), self.block)?;
        values.copy_from_slice(coefficients);
        let mut scratch = [0.0; LONGEST];
        for_each_block(self.block, coefficients.len(), |from, len| {
            self.inverse_block(&mut values[from..from + len], &mut scratch[..len]);
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
impl<T> Fit<T> for Dct {
    type Fitted = Self;

    fn fit(&self, _data: &[T]) -> Result<Self> {
        Ok(self.clone())
    }
}

impl Describe for Dct {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| out.u8(self.block.ilog2() as u8));
    }
}

impl Restore for Dct {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let log = stages.stage(Self::TAG, "a cosine transform", Reader::u8)?;
        let block = 1_usize.checked_shl(log.into()).unwrap_or(0);
        Self::new(block).map_err(|_| Error::Corrupt { what: "block of a transform", found: log.into() })
    }
}
