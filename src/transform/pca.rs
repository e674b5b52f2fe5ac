//! A basis of principal components and a mean: what a fit leaves to remember.

use super::{Guarantee, Transform};
use crate::{
    description::{Describe, Description, Restore, Stages},
    dtype::DType,
    element::{PIECE, check_finite},
    error::{Error, Result, check_piece, same_length, whole_rows},
    fit::Fit,
    kernel::basis::combine,
};
use alloc::vec::Vec;
use half::f16;

/// The most columns; a row of them fits the stack.
pub(super) const MOST_COLUMNS: usize = PIECE;

/// A fitted principal component analysis: rows of `columns` values, 1 to 4096, to `components` coefficients, 1 to
/// `columns`: `c = V (x - mean)`, and back `x = mean + Vᵀ c`.
///
/// Where columns move together, as in embeddings and spectra, a few coefficients hold nearly all of a row. Each of them is
/// a number for the quantizer behind, so that 384 values become 128 codes. With as many components as columns nothing is
/// lost but roundings. `Pca`, with the feature `pca`, fits it; what a fit made decodes without that feature.
///
/// The rows of `V` are orthonormal, which is what makes errors keep their energy ([`Guarantee::Orthonormal`]); what other
/// components would have held is lost on top. Mean and basis are side information, of `4 columns` and
/// `4 components * columns` bytes, or half of the latter for a basis [stored as](Self::stored_as) f16; what is stored is
/// what is used.
///
/// Values come in whole rows. Cost: `components` multiplications and additions per value, in both directions.
/// Coefficients beyond `f32::MAX` are an error, and so are values that far from their mean.
///
/// Pearson, "On lines and planes of closest fit to systems of points in space", 1901.
///
/// ```
/// use fewbits::{PcaTransform, TransformExt};
///
/// // Points near a line through (1, 2), in the direction (0.6, 0.8).
/// let line = PcaTransform::new(vec![1.0, 2.0], vec![0.6, 0.8])?;
/// let coefficients = line.forward(&[1.6, 2.8, -2.0, -2.0])?;
/// assert!((coefficients[0] - 1.0).abs() < 1e-6 && (coefficients[1] + 5.0).abs() < 1e-6);
/// let points = line.inverse(&coefficients, 4)?;
/// assert!((points[0] - 1.6).abs() < 1e-6 && (points[3] + 2.0).abs() < 1e-6);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PcaTransform {
    /// One per column.
    mean: Vec<f32>,
    /// One component after another, as stored.
    basis: Vec<f32>,
    /// The same numbers, one column after another, so that both directions add up vectors.
    by_column: Vec<f32>,
    stored_as: DType,
}

impl PcaTransform {
    pub(crate) const TAG: u8 = 0x25;

    /// From the mean of each column and the components, one after another, as many values each; stored as f32.
    ///
    /// That components have length 1 and right angles between them is up to the caller, for a check would cost as much as
    /// a fit: whatever they are, bytes decode to `mean + Vᵀ c`, but errors and gradients are those of an orthonormal
    /// basis only if it is one. Lengths other than whole components, and numbers that are not finite, are errors.
    pub fn new(mean: Vec<f32>, basis: Vec<f32>) -> Result<Self> {
        let columns = mean.len();
        if !(1..=MOST_COLUMNS).contains(&columns) {
            return Err(Error::Setting { name: "columns", value: columns as f64, allowed: "1 to 4096 columns" });
        }
        let components = basis.len().div_ceil(columns);
        if !(1..=columns).contains(&components) {
            return Err(wrong_components(components));
        }
        same_length("basis", components * columns, basis.len())?;
        for (what, list) in [("mean", &mean), ("basis", &basis)] {
            if let Err(Error::NonFinite { index }) = check_finite(list, 0) {
                return Err(Error::Parameter { what, index, value: list[index].into(), allowed: "finite numbers" });
            }
        }
        Ok(Self::of(mean, basis, DType::F32))
    }

    fn of(mean: Vec<f32>, basis: Vec<f32>, stored_as: DType) -> Self {
        let columns = mean.len();
        let mut by_column = Vec::with_capacity(basis.len());
        for j in 0..columns {
            by_column.extend(basis[j..].iter().step_by(columns));
        }
        Self { mean, basis, by_column, stored_as }
    }

    /// With the basis rounded to f16, or as it is for f32: half the bytes, for errors within 2^-11 of each entry (2^-25 of 1
    /// for the smallest) and a basis that is orthonormal to about 1e-4. bf16 is refused: it has an eighth of the precision.
    /// What f16 has rounded, f32 does not bring back.
    pub fn stored_as(mut self, dtype: DType) -> Result<Self> {
        check_stored_as(dtype)?;
        if dtype == DType::F16 {
            for (index, entry) in self.basis.iter_mut().enumerate() {
                let stored = f16::from_f32(*entry).to_f32();
                if !stored.is_finite() {
                    let (value, allowed) = (f64::from(*entry), "numbers within f16");
                    return Err(Error::Parameter { what: "basis", index, value, allowed });
                }
                *entry = stored;
            }
        }
        Ok(Self::of(self.mean, self.basis, dtype))
    }

    /// Values of a row.
    pub fn columns(&self) -> usize {
        self.mean.len()
    }

    /// Coefficients of a row.
    pub fn components(&self) -> usize {
        self.basis.len() / self.mean.len()
    }

    /// The mean of each column.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The components, one after another, as they are stored and used.
    pub fn basis(&self) -> &[f32] {
        &self.basis
    }

    /// How the basis is stored.
    pub fn dtype(&self) -> DType {
        self.stored_as
    }

    fn check(&self, start: usize, values: usize, coefficients: usize) -> Result<()> {
        whole_rows(values, self.columns())?;
        same_length("coefficients", self.coefficient_len(values), coefficients)?;
        check_piece(start, values, self.columns())
    }

    /// `V x`, after `before` has been done to each row.
    fn project(&self, values: &[f32], coefficients: &mut [f32], before: impl Fn(&mut [f32])) {
        let mut buffer = [0.0; MOST_COLUMNS];
        let row = &mut buffer[..self.columns()];
        let rows = values.chunks_exact(row.len());
        for (values, coefficients) in rows.zip(coefficients.chunks_exact_mut(self.components())) {
            row.copy_from_slice(values);
            before(row);
            coefficients.fill(0.0);
            combine(row, &self.by_column, coefficients);
        }
    }

    /// `Vᵀ c`, added to what `first` puts into each row.
    fn expand(&self, coefficients: &[f32], values: &mut [f32], first: impl Fn(&mut [f32])) {
        let rows = values.chunks_exact_mut(self.columns());
        for (row, coefficients) in rows.zip(coefficients.chunks_exact(self.components())) {
            first(row);
            combine(coefficients, &self.basis, row);
        }
    }
}

pub(super) fn wrong_components(components: usize) -> Error {
    let allowed = "1 component, or as many as there are columns at most";
    Error::Setting { name: "components", value: components as f64, allowed }
}

/// The storage of a basis is one that its entries stand.
pub(super) fn check_stored_as(dtype: DType) -> Result<()> {
    if dtype != DType::Bf16 {
        return Ok(());
    }
    Err(Error::Unsuited {
        setting: "a basis stored as bf16",
        remedy: "it is eight times as coarse as f16, which takes as many bytes; choose that",
    })
}

impl Transform for PcaTransform {
    fn forward_at(&self, start: usize, values: &[f32], coefficients: &mut [f32]) -> Result<()> {
        self.check(start, values.len(), coefficients.len())?;
        self.project(values, coefficients, |row| row.iter_mut().zip(&self.mean).for_each(|(x, mean)| *x -= mean));
        Ok(())
    }

    fn inverse_at(&self, start: usize, coefficients: &[f32], values: &mut [f32]) -> Result<()> {
        self.check(start, values.len(), coefficients.len())?;
        self.expand(coefficients, values, |row| row.copy_from_slice(&self.mean));
        Ok(())
    }

    fn forward_linear_at(&self, start: usize, values: &[f32], coefficients: &mut [f32]) -> Result<()> {
        self.check(start, values.len(), coefficients.len())?;
        self.project(values, coefficients, |_| ());
        Ok(())
    }

    fn inverse_linear_at(&self, start: usize, coefficients: &[f32], values: &mut [f32]) -> Result<()> {
        self.check(start, values.len(), coefficients.len())?;
        self.expand(coefficients, values, |row| row.fill(0.0));
        Ok(())
    }

    fn block(&self) -> usize {
        self.columns()
    }

    /// Of whole rows.
    fn coefficient_len(&self, values: usize) -> usize {
        values / self.columns() * self.components()
    }

    fn check_len(&self, values: usize) -> Result<()> {
        whole_rows(values, self.columns())
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Orthonormal
    }
}

/// There is nothing left to fit.
impl<T> Fit<T> for PcaTransform {
    type Fitted = Self;

    fn fit(&self, _data: &[T]) -> Result<Self> {
        Ok(self.clone())
    }
}

impl Describe for PcaTransform {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            out.u8(self.stored_as.to_byte());
            out.varint(self.columns() as u64);
            out.varint(self.components() as u64);
        });
        let mut side = out.side();
        self.mean.iter().for_each(|&x| side.f32(x));
        match self.stored_as {
            DType::F16 => self.basis.iter().for_each(|&x| side.bytes(&f16::from_f32(x).to_le_bytes())),
            _ => self.basis.iter().for_each(|&x| side.f32(x)),
        }
    }
}

impl Restore for PcaTransform {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let (stored_as, columns, components) = stages.stage(Self::TAG, "principal components", |bytes| {
            let byte = bytes.u8()?;
            let stored_as = DType::from_byte(byte).filter(|&dtype| check_stored_as(dtype).is_ok());
            let stored_as = stored_as.ok_or(Error::Corrupt { what: "storage of a basis", found: byte.into() })?;
            Ok((stored_as, bytes.size()?, bytes.size()?))
        })?;
        if !(1..=MOST_COLUMNS).contains(&columns) {
            return Err(Error::Corrupt { what: "columns", found: columns as u64 });
        }
        if !(1..=columns).contains(&components) {
            return Err(Error::Corrupt { what: "components", found: components as u64 });
        }
        let entries = columns * components;
        // The bytes are there before memory is taken.
        let (mut side, mut basis_side) =
            (stages.side(columns * size_of::<f32>())?, stages.side(entries * stored_as.size())?);
        let mut mean = Vec::with_capacity(columns);
        for _ in 0..columns {
            mean.push(side.f32()?);
        }
        let mut basis = Vec::with_capacity(entries);
        if stored_as == DType::F16 {
            for bytes in basis_side.bytes(2 * entries)?.as_chunks().0 {
                let bits = u16::from_le_bytes(*bytes);
                let entry = f16::from_bits(bits);
                if !entry.is_finite() {
                    return Err(Error::Corrupt { what: "parameter is not finite", found: bits.into() });
                }
                basis.push(entry.to_f32());
            }
        } else {
            for _ in 0..entries {
                basis.push(basis_side.f32()?);
            }
        }
        Ok(Self::of(mean, basis, stored_as))
    }
}
