//! Fixed-width bit streams, least significant bit first: value i occupies bits i * width .. (i + 1) * width.
//!
//! Up to 8 bits wide, codes of any type go through bytes, so that there is one loop for each machine.

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512;
mod portable;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod tables;

use super::level::dispatch;
use crate::code::Code;

/// Codes that become bytes before they are packed, a multiple of all groups.
const PIECE: usize = 1024;

/// Bytes that fill half of a first-level cache together with what they are packed into.
const LONG_PIECE: usize = 8 * PIECE;

/// The lowest `n` bits, up to all 64.
const fn low(n: u32) -> u64 {
    if n >= u64::BITS { u64::MAX } else { (1 << n) - 1 }
}

/// Packs `codes` into `bytes`, which they fill exactly; pad bits become zero. Returns the bits that any code has: beyond
/// `width` there must be none, otherwise the bytes mean nothing.
pub(crate) fn pack<C: Code>(width: u32, codes: &[C], bytes: &mut [u8]) -> u32 {
    if width == 0 || width > 8 {
        portable::pack_wide(width, codes, bytes);
        return any(codes);
    }
    let mut used = 0;
    if C::BITS == 8 {
        // In pieces too, which stay in the first-level cache between both loops.
        let codes: &[u8] = bytemuck::cast_slice(codes);
        for (codes, bytes) in codes.chunks(LONG_PIECE).zip(bytes.chunks_mut(LONG_PIECE / 8 * width as usize)) {
            used |= any(codes);
            pack_bytes(width, codes, bytes);
        }
        return used;
    }
    let mut narrow = [0; PIECE];
    for (codes, bytes) in codes.chunks(PIECE).zip(bytes.chunks_mut(PIECE / 8 * width as usize)) {
        let mut any = C::default();
        for (narrow, code) in narrow.iter_mut().zip(codes) {
            any = C::from_u32(any.to_u32() | code.to_u32());
            *narrow = code.to_u32() as u8;
        }
        used |= any.to_u32();
        pack_bytes(width, &narrow[..codes.len()], bytes);
    }
    used
}

/// The bits that any code has.
#[inline(always)]
fn any<C: Code>(codes: &[C]) -> u32 {
    codes.iter().fold(C::default(), |any, &code| C::from_u32(any.to_u32() | code.to_u32())).to_u32()
}

/// Unpacks `codes` from `bytes`, which hold exactly them; returns the pad bits.
pub(crate) fn unpack<C: Code>(width: u32, bytes: &[u8], codes: &mut [C]) -> u8 {
    let bits_in_last = codes.len() % 8 * width as usize % 8;
    let pad = if bits_in_last == 0 { 0 } else { bytes.last().map_or(0, |last| last >> bits_in_last) };
    if width == 0 || width > 8 {
        portable::unpack_wide(width, bytes, codes);
    } else if C::BITS == 8 {
        unpack_bytes(width, bytes, bytemuck::cast_slice_mut(codes));
    } else {
        let mut narrow = [0; PIECE];
        for (bytes, codes) in bytes.chunks(PIECE / 8 * width as usize).zip(codes.chunks_mut(PIECE)) {
            unpack_bytes(width, bytes, &mut narrow[..codes.len()]);
            for (code, &narrow) in codes.iter_mut().zip(&narrow) {
                *code = C::from_u32(narrow.into());
            }
        }
    }
    pad
}

fn pack_bytes(width: u32, codes: &[u8], bytes: &mut [u8]) {
    if width == 8 {
        return bytes.copy_from_slice(codes);
    }
    dispatch!(pack(width, codes, bytes): avx512 avx2);
}

fn unpack_bytes(width: u32, bytes: &[u8], codes: &mut [u8]) {
    if width == 8 {
        return codes.copy_from_slice(bytes);
    }
    dispatch!(unpack(width, bytes, codes): avx512 avx2);
}
