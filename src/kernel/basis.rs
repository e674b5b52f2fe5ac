//! Linear combinations of the vectors of a basis.

/// Vectors that are added in one pass over the sum.
const AT_ONCE: usize = 4;

/// `sum += c_0 v_0 + c_1 v_1 + ...`, with one product after another added to each value; `vectors` stand one after
/// another, as long as the sum.
pub(crate) fn combine(coefficients: &[f32], vectors: &[f32], sum: &mut [f32]) {
    let len = sum.len();
    let (fours, rest) = coefficients.as_chunks::<AT_ONCE>();
    let (whole, last) = vectors.split_at(fours.len() * AT_ONCE * len);
    for ([c0, c1, c2, c3], vectors) in fours.iter().zip(whole.chunks_exact(AT_ONCE * len)) {
        let (low, high) = vectors.split_at(2 * len);
        let ((v0, v1), (v2, v3)) = (low.split_at(len), high.split_at(len));
        for ((((x, v0), v1), v2), v3) in sum.iter_mut().zip(v0).zip(v1).zip(v2).zip(v3) {
            *x = (((*x + c0 * v0) + c1 * v1) + c2 * v2) + c3 * v3;
        }
    }
    for (c, vector) in rest.iter().zip(last.chunks_exact(len)) {
        for (x, v) in sum.iter_mut().zip(vector) {
            *x += c * v;
        }
    }
}
