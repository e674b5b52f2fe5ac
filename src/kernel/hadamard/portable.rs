//! Stage by stage, for all machines.

/// Values that the first three stages work on at once.
const FIRST: usize = 8;

pub(super) fn butterflies(values: &mut [f32]) {
    let len = values.len();
    let (groups, rest) = values.as_chunks_mut::<FIRST>();
    groups.iter_mut().for_each(first_stages);
    // Lengths below 8.
    let mut half = 1;
    while half < rest.len() {
        stage(rest, half);
        half *= 2;
    }
    let mut half = FIRST;
    while half < len {
        stage(values, half);
        half *= 2;
    }
}

/// The stages at distances 1, 2 and 4.
#[inline(always)]
fn first_stages(x: &mut [f32; FIRST]) {
    let a = [x[0] + x[1], x[0] - x[1], x[2] + x[3], x[2] - x[3], x[4] + x[5], x[4] - x[5], x[6] + x[7], x[6] - x[7]];
    let b = [a[0] + a[2], a[1] + a[3], a[0] - a[2], a[1] - a[3], a[4] + a[6], a[5] + a[7], a[4] - a[6], a[5] - a[7]];
    *x = [b[0] + b[4], b[1] + b[5], b[2] + b[6], b[3] + b[7], b[0] - b[4], b[1] - b[5], b[2] - b[6], b[3] - b[7]];
}

/// Sums and differences of values that are `half` apart.
#[inline(always)]
fn stage(values: &mut [f32], half: usize) {
    for pair in values.chunks_exact_mut(2 * half) {
        let (low, high) = pair.split_at_mut(half);
        for (a, b) in low.iter_mut().zip(high) {
            (*a, *b) = (*a + *b, *a - *b);
        }
    }
}
