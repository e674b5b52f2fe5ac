//! f16 by the `half` crate, and bf16 by loops without branches, which compilers vectorise.

use half::{f16, slice::HalfBitsSliceExt, slice::HalfFloatSliceExt};

pub(super) fn narrow_f16(values: &[f32], out: &mut [u16]) {
    let out: &mut [f16] = out.reinterpret_cast_mut();
    out.convert_from_f32_slice(values);
}

pub(super) fn widen_f16(values: &[u16], out: &mut [f32]) {
    let values: &[f16] = values.reinterpret_cast();
    values.convert_to_f32_slice(out);
}

#[inline(always)]
pub(super) fn narrow_bf16(values: &[f32], out: &mut [u16]) {
    for (out, x) in out.iter_mut().zip(values) {
        let bits = x.to_bits();
        // Half a unit, or a hair less where the unit is even.
        let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
        let quiet = bits | 0x0040_0000;
        *out = (if x.is_nan() { quiet } else { rounded } >> 16) as u16;
    }
}

#[inline(always)]
pub(super) fn widen_bf16(values: &[u16], out: &mut [f32]) {
    for (out, &x) in out.iter_mut().zip(values) {
        let bits = u32::from(x) << 16;
        let quiet = if f32::from_bits(bits).is_nan() { 0x0040_0000 } else { 0 };
        *out = f32::from_bits(bits | quiet);
    }
}
