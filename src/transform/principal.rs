//! Principal components of data: the settings and the fit.

use super::{
    PcaTransform, PrincipalComponents,
    pca::{MOST_COLUMNS, check_stored_as, wrong_components},
};
use crate::{
    dtype::DType,
    element::{Element, check_finite},
    error::{Error, Result, whole_rows},
    fit::Fit,
    kernel::covariance::{ROWS, add_products},
};
use alloc::{vec, vec::Vec};
use nalgebra::{DMatrix, SymmetricEigen};

/// How many components are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Kept {
    All,
    Components(usize),
    Variance(f64),
}

/// Settings of a principal component analysis of rows of `columns` values, 1 to 4096: feature `pca`.
///
/// Fitting finds the mean of each column, the covariance `C = Σ (x - mean)(x - mean)ᵀ / rows`, and its eigenvectors in
/// the order of their eigenvalues, the largest first; the largest entry of each is positive. They are the rows of `V` of
/// the fitted [`PcaTransform`]. Of all linear maps to `k` coefficients and back, the first `k` have the smallest mean
/// squared error: the sum of the other eigenvalues. And of all orthonormal transforms it is the one after which
/// coefficients of Gaussian rows cost the fewest bits (Karhunen-Loève transform).
///
/// All components are kept unless [`components`](Self::components) or [`variance`](Self::variance) says otherwise.
/// [`analyse`](Self::analyse) tells what each number of them keeps, and whether the basis pays for its bytes.
///
/// Use it where columns move together and rows are many times as many: embeddings, features, spectra. Columns of very
/// different units want scaling first. Values that are not finite are an error.
///
/// Cost: `rows * columns² / 2` additions and products for the covariance, about `10 columns³` for its eigenvectors, and
/// `16 columns²` bytes, in f64: 0.06 s for 2,000 rows of 384. Fits may differ in their last bits between machines and
/// versions of libraries; what their bytes decode to never does.
///
/// Pearson, "On lines and planes of closest fit to systems of points in space", 1901; Hotelling, "Analysis of a complex
/// of statistical variables into principal components", 1933.
///
/// ```
/// use fewbits::{Coded, ErrorStats, Fit, Frame, Pca, Then, Uniform};
///
/// // Rows of 16 values that depend on two numbers each.
/// let row = |i: i32| (0..16).map(move |j| (i as f32 * 0.3).sin() * j as f32 + (i as f32 * 0.7).cos());
/// let rows: Vec<f32> = (0..200).flat_map(row).collect();
/// let settings = Then::new(Pca::new(16).components(2), Uniform::new(8));
/// let pipeline = Coded::packed(settings.fit(&rows)?);
/// let restored: Vec<f32> = fewbits::decompress(&Frame::encode(&pipeline, &rows)?)?;
/// assert!(ErrorStats::measure(&rows, &restored)?.sqnr_db() > 35.0); // at a bit per value
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Pca {
    columns: usize,
    kept: Kept,
    stored_as: DType,
}

impl Pca {
    /// Rows of `columns` values, 1 to 4096; all components, stored as f32.
    pub const fn new(columns: usize) -> Self {
        Self { columns, kept: Kept::All, stored_as: DType::F32 }
    }

    /// Keeps the first `components`, 1 to as many as there are columns.
    #[must_use]
    pub const fn components(self, components: usize) -> Self {
        Self { kept: Kept::Components(components), ..self }
    }

    /// Keeps the fewest components whose eigenvalues sum to at least `share` of all, above 0 to 1.
    #[must_use]
    pub const fn variance(self, share: f64) -> Self {
        Self { kept: Kept::Variance(share), ..self }
    }

    /// How the basis is stored: see [`PcaTransform::stored_as`].
    #[must_use]
    pub const fn stored_as(self, dtype: DType) -> Self {
        Self { stored_as: dtype, ..self }
    }

    /// All principal components of rows, of which there is at least one.
    ///
    /// ```
    /// use fewbits::Pca;
    ///
    /// let found = Pca::new(2).analyse(&[0.0_f32, 0.0, 3.0, 4.0])?;
    /// assert_eq!(found.mean(), [1.5, 2.0]);
    /// assert!((found.eigenvalues()[0] - 6.25).abs() < 1e-9 && found.explained(1) > 0.999_999);
    /// assert!((found.transform(1)?.basis()[1] - 0.8).abs() < 1e-6);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn analyse<T: Element>(&self, data: &[T]) -> Result<PrincipalComponents> {
        let columns = self.columns;
        if !(1..=MOST_COLUMNS).contains(&columns) {
            return Err(Error::Setting { name: "columns", value: columns as f64, allowed: "1 to 4096 columns" });
        }
        check_stored_as(self.stored_as)?;
        whole_rows(data.len(), columns)?;
        if data.is_empty() {
            return Err(Error::Empty);
        }
        let mean = means(data, columns)?;
        let covariance = covariance(data, &mean)?;
        let variances = (0..columns).map(|j| covariance[j * (columns + 1)]).collect();
        let (eigenvalues, basis) = eigenvectors(covariance, columns)?;
        Ok(PrincipalComponents {
            rows: data.len() / columns,
            mean,
            variances,
            eigenvalues,
            basis,
            stored_as: self.stored_as,
        })
    }
}

impl<T: Element> Fit<T> for Pca {
    type Fitted = PcaTransform;

    fn fit(&self, data: &[T]) -> Result<PcaTransform> {
        // Settings that cannot be are found before the work.
        match self.kept {
            Kept::Components(k) if !(1..=self.columns).contains(&k) => return Err(wrong_components(k)),
            Kept::Variance(share) if !(share > 0.0 && share <= 1.0) => {
                return Err(Error::Setting { name: "variance", value: share, allowed: "a share of it, above 0 to 1" });
            }
            _ => {}
        }
        let found = self.analyse(data)?;
        found.transform(match self.kept {
            Kept::All => self.columns,
            Kept::Components(k) => k,
            Kept::Variance(share) => found.components_for(share),
        })
    }
}

/// The nearest f32 to the mean of each column. It is what is stored, so that it is what second moments are about.
fn means<T: Element>(data: &[T], columns: usize) -> Result<Vec<f32>> {
    let mut sums = vec![0.0_f64; columns];
    let mut wide = vec![0.0; columns];
    for (i, row) in data.chunks_exact(columns).enumerate() {
        T::widen_into(row, &mut wide)?;
        check_finite(&wide, i * columns)?;
        for (sum, &x) in sums.iter_mut().zip(&wide) {
            *sum += f64::from(x);
        }
    }
    let rows = (data.len() / columns) as f64;
    Ok(sums.into_iter().map(|sum| (sum / rows) as f32).collect())
}

/// Row-major; below the diagonal there are zeros.
fn covariance<T: Element>(data: &[T], mean: &[f32]) -> Result<Vec<f64>> {
    let columns = mean.len();
    let mut sums = vec![0.0; columns * columns];
    let (mut wide, mut rows) = (vec![0.0; columns], vec![0.0; ROWS * columns]);
    for some in data.chunks(ROWS * columns) {
        rows[some.len()..].fill(0.0);
        for (values, row) in some.chunks_exact(columns).zip(rows.chunks_exact_mut(columns)) {
            T::widen_into(values, &mut wide)?;
            for ((out, &x), &mean) in row.iter_mut().zip(&wide).zip(mean) {
                *out = f64::from(x) - f64::from(mean);
            }
        }
        add_products(&rows, columns, &mut sums);
    }
    let count = (data.len() / columns) as f64;
    for sum in &mut sums {
        *sum /= count;
    }
    Ok(sums)
}

/// Eigenvalues in descending order and their vectors, one after another, as f32.
fn eigenvectors(mut covariance: Vec<f64>, columns: usize) -> Result<(Vec<f64>, Vec<f32>)> {
    // Squares of what is so small vanish, and quotients of them are NaN.
    let largest = covariance.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    for x in covariance.iter_mut().filter(|x| x.abs() < 1e-100 * largest) {
        *x = 0.0;
    }
    // By columns, what was above the diagonal is below, where alone it is read.
    let matrix = DMatrix::from_vec(columns, columns, covariance);
    let most_steps = 30 * columns + 100;
    let found = SymmetricEigen::try_new(matrix, f64::EPSILON, most_steps)
        .filter(|found| found.eigenvalues.iter().chain(&found.eigenvectors).all(|x| x.is_finite()));
    let remedy = "the search for eigenvectors did not converge; leave out columns that are many powers of ten smaller";
    let found = found.ok_or(Error::Unsuited { setting: "a basis of principal components", remedy })?;
    let values = found.eigenvalues.as_slice();
    let mut order: Vec<usize> = (0..columns).collect();
    order.sort_by(|&i, &j| values[j].total_cmp(&values[i]));
    let mut basis = Vec::with_capacity(columns * columns);
    for &i in &order {
        let from = basis.len();
        basis.extend(found.eigenvectors.column(i).iter().map(|&x| x as f32));
        let vector = &mut basis[from..];
        // The first of the largest, for a vector and its negative are both right.
        let largest = vector.iter().fold(0.0_f32, |largest, &x| if x.abs() > largest.abs() { x } else { largest });
        if largest < 0.0 {
            for x in vector {
                *x = -*x;
            }
        }
    }
    // What is smaller came of roundings.
    let noise = columns as f64 * f64::EPSILON * order.first().map_or(0.0, |&i| values[i].abs());
    let told = |i: usize| if values[i] > noise { values[i] } else { 0.0 };
    Ok((order.into_iter().map(told).collect(), basis))
}
