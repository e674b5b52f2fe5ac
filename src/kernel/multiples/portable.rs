//! A plain loop, for all machines.

use crate::code::Code;

#[inline(always)]
pub(super) fn multiples<C: Code>(first: i32, step: f32, codes: &[C], values: &mut [f32]) -> u32 {
    let mut largest = 0;
    for (x, code) in values.iter_mut().zip(codes) {
        let code = code.to_u32();
        largest = code.max(largest);
        *x = (first.wrapping_add_unsigned(code) as f32 * step).clamp(f32::MIN, f32::MAX);
    }
    largest
}
