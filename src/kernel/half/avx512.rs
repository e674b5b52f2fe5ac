//! 16 values at a time, and the portable loops with wider vectors.

use super::portable;
use crate::kernel::{
    level::twins,
    x86::{load_f32x16, load_u16x16, store_f32x16, store_u16x16},
};
use core::arch::x86_64::*;

const LANES: usize = 16;

#[target_feature(enable = "avx512f")]
pub(super) fn narrow_f16(values: &[f32], out: &mut [u16]) {
    let narrow = |from: &[f32; LANES], to: &mut [u16; LANES]| {
        store_u16x16(to, _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(load_f32x16(from)));
    };
    let (whole, rest) = values.as_chunks();
    let (whole_out, rest_out) = out.as_chunks_mut();
    for (from, to) in whole.iter().zip(whole_out) {
        narrow(from, to);
    }
    let (mut from, mut to) = ([0.0; LANES], [0; LANES]);
    from[..rest.len()].copy_from_slice(rest);
    narrow(&from, &mut to);
    rest_out.copy_from_slice(&to[..rest_out.len()]);
}

#[target_feature(enable = "avx512f")]
pub(super) fn widen_f16(values: &[u16], out: &mut [f32]) {
    let widen = |from: &[u16; LANES], to: &mut [f32; LANES]| store_f32x16(to, _mm512_cvtph_ps(load_u16x16(from)));
    let (whole, rest) = values.as_chunks();
    let (whole_out, rest_out) = out.as_chunks_mut();
    for (from, to) in whole.iter().zip(whole_out) {
        widen(from, to);
    }
    let (mut from, mut to) = ([0; LANES], [0.0; LANES]);
    from[..rest.len()].copy_from_slice(rest);
    widen(&from, &mut to);
    rest_out.copy_from_slice(&to[..rest_out.len()]);
}

twins! {"avx512f,avx512bw,avx512vl":
    fn narrow_bf16(values: &[f32], out: &mut [u16]);
    fn widen_bf16(values: &[u16], out: &mut [f32]);
}
