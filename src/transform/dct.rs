//! The discrete cosine transform: smooth values become few large coefficients.

use super::{Guarantee, Transform, blocks::for_each_block};
use crate::{
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result, check_piece, same_length},
    fit::Fit,
    groups::Groups,
    kernel::{cosines::quarter_wave, product::product},
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
/// Blocks are a power of two from 4 to 256 consecutive values, or neighbours [along](Self::along) an axis; the rest of an
/// array, or of the axis, if it is no whole block, is cut into powers of two in descending order. Cost: `n / 3` multiplications and additions per value. Coefficients may exceed
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
///
/// Two dimensions are two transforms, as in JPEG:
///
/// ```
/// use fewbits::{Dct, Fit, QuantizerExt, Then, Uniform};
///
/// let image: Vec<f32> = (0..48 * 64).map(|i| (i / 64 + i % 64) as f32).collect();
/// let (across, down) = (Dct::new(8)?.along(&[48, 64], 1)?, Dct::new(8)?.along(&[48, 64], 0)?);
/// let quantizer = Then::new(across, Then::new(down, Uniform::new(8))).fit(&image)?;
/// let codes = quantizer.quantize(&image)?;
/// let zeros = codes.iter().filter(|&&code| code == 127).count();
/// assert!(zeros > image.len() / 2);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "raw::Dct", into = "raw::Dct"))]
pub struct Dct {
    block: usize,
    /// The axis, where it is not the last one: neighbours are a run of it apart.
    along: Option<Groups>,
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
        Ok(Self { block, along: None, halves: (0..block.ilog2()).map(half).collect() })
    }

    /// Blocks of neighbours along `axis` of a row-major `shape` instead. Blocks end with the axis; arrays are whole numbers of `shape[axis..]`.
    ///
    /// Pieces start at multiples of whole blocks with all that lies between their values, or of whole axes if those are no
    /// multiples of the block; so that much is held in memory where it is more than 4,096 values.
    pub fn along(self, shape: &[usize], axis: usize) -> Result<Self> {
        let along = Groups::axis(shape, axis)?;
        if self.along.is_some() {
            let remedy = "each stage has one axis; put one stage in front of the other with `Then`";
            return Err(Error::Unsuited { setting: "a second axis", remedy });
        }
        Ok(Self { along: Some(along), ..self })
    }

    /// `each` block of the slice from `start` on, with room for one more.
    fn for_each(&self, start: usize, x: &mut [f32], each: impl Fn(&mut [f32], &mut [f32])) -> Result<()> {
        check_piece(start, x.len(), self.block())?;
        let mut scratch = [0.0; LONGEST];
        let Some(axis) = self.along else {
            for_each_block(self.block, x.len(), |from, len| each(&mut x[from..from + len], &mut scratch[..len]));
            return Ok(());
        };
        let (run, count) = (axis.run(), axis.count());
        same_length("values", x.len().next_multiple_of(run), x.len())?;
        let mut gathered = [0.0; LONGEST];
        let mut from = 0;
        while from < x.len() {
            let rows = (count - axis.group_of(start + from)).min((x.len() - from) / run);
            let lines = &mut x[from..from + rows * run];
            for_each_block(self.block, rows, |row, len| {
                let (block, gathered) = (&mut lines[row * run..(row + len) * run], &mut gathered[..len]);
                for column in 0..run {
                    for (x, line) in gathered.iter_mut().zip(block.chunks_exact(run)) {
                        *x = line[column];
                    }
                    each(gathered, &mut scratch[..len]);
                    for (&x, line) in gathered.iter().zip(block.chunks_exact_mut(run)) {
                        line[column] = x;
                    }
                }
            });
            from += rows * run;
        }
        Ok(())
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

    /// The cosine transform of type IV, which is its own inverse.
    fn multiply(&self, x: &[f32], out: &mut [f32]) {
        product(&self.halves[x.len().ilog2() as usize], x, out);
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
        same_length("coefficients", values.len(), coefficients.len())?;
        coefficients.copy_from_slice(values);
        self.for_each(start, coefficients, |block, scratch| self.forward_block(block, scratch))
    }

    fn inverse_at(&self, start: usize, coefficients: &[f32], values: &mut [f32]) -> Result<()> {
        same_length("coefficients", values.len(), coefficients.len())?;
        values.copy_from_slice(coefficients);
        self.for_each(start, values, |block, scratch| self.inverse_block(block, scratch))
    }

    fn block(&self) -> usize {
        match self.along {
            None => self.block,
            Some(axis) => {
                let rows = if axis.count().is_multiple_of(self.block) { self.block } else { axis.count() };
                rows.saturating_mul(axis.run())
            }
        }
    }

    fn check_len(&self, values: usize) -> Result<()> {
        self.along.map_or(Ok(()), |axis| axis.check_len(values))
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

/// The bit of the block on the wire that says so.
const ALONG_AXIS: u8 = 1 << 7;

impl Describe for Dct {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            let log = self.block.ilog2() as u8;
            match self.along {
                None => out.u8(log),
                Some(axis) => {
                    out.u8(log | ALONG_AXIS);
                    axis.write(out);
                }
            }
        });
    }
}

impl Restore for Dct {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        stages.stage(Self::TAG, "a cosine transform", |bytes| {
            let log = bytes.u8()?;
            let block = 1_usize.checked_shl((log & !ALONG_AXIS).into()).unwrap_or(0);
            let dct =
                Self::new(block).map_err(|_| Error::Corrupt { what: "block of a transform", found: log.into() })?;
            if log & ALONG_AXIS == 0 {
                return Ok(dct);
            }
            Ok(Self { along: Some(Groups::read_axis(bytes)?), ..dct })
        })
    }
}

/// What serde sees.
#[cfg(feature = "serde")]
mod raw {
    use crate::error::{Error, Result};

    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Dct {
        block: usize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        along: Option<Axis>,
    }

    /// So many steps, neighbours a run apart.
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Axis {
        run: usize,
        steps: usize,
    }

    impl From<super::Dct> for Dct {
        fn from(dct: super::Dct) -> Self {
            let along = dct.along.map(|groups| Axis { run: groups.run(), steps: groups.count() });
            Self { block: dct.block, along }
        }
    }

    impl TryFrom<Dct> for super::Dct {
        type Error = Error;

        fn try_from(Dct { block, along }: Dct) -> Result<Self> {
            let flat = Self::new(block)?;
            match along {
                None => Ok(flat),
                Some(Axis { run, steps }) => flat.along(&[steps, run], 0),
            }
        }
    }
}
