//! Sums of products of columns.

/// Rows that are added in one pass over the sums.
pub(crate) const ROWS: usize = 8;

/// Adds the products of all pairs of columns of [`ROWS`] rows: `sums[i * columns + j] += Σ x_i x_j` for `j >= i`, one row
/// after another.
pub(crate) fn add_products(rows: &[f64], columns: usize, sums: &mut [f64]) {
    let row: [&[f64]; ROWS] = core::array::from_fn(|r| &rows[r * columns..(r + 1) * columns]);
    for (i, sums) in sums.chunks_exact_mut(columns).enumerate() {
        let sums = &mut sums[i..];
        let len = sums.len();
        let x: [&[f64]; ROWS] = core::array::from_fn(|r| &row[r][i..][..len]);
        let first: [f64; ROWS] = core::array::from_fn(|r| x[r][0]);
        for (j, sum) in sums.iter_mut().enumerate() {
            let mut s = *sum;
            for r in 0..ROWS {
                s += first[r] * x[r][j];
            }
            *sum = s;
        }
    }
}
