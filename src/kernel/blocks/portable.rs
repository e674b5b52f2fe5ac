//! One value after another, for all machines.

use super::{Layout, TABLE, THRESHOLDS};

/// Adding it to a smaller number rounds that to an integer, ties to even.
const ROUNDER: f32 = 12_582_912.0; // 1.5 * 2^23

/// Independent maxima, so that a reduction is not one chain of dependent operations.
const LANES: usize = 16;

/// Codes that are found before they go two to a byte.
const PIECE: usize = 64;

#[inline(always)]
pub(super) fn largest(block: usize, values: &[f32], largest: &mut [u32]) {
    for (values, largest) in values.chunks(block).zip(largest) {
        *largest = largest_of(values);
    }
}

#[inline(always)]
pub(super) fn largest_of(values: &[f32]) -> u32 {
    let larger = |a: u32, x: f32| {
        // Signed, for unsigned maxima are slow in SSE2.
        let b = (x.to_bits() & !(1 << 31)).cast_signed();
        if b > a.cast_signed() { b.cast_unsigned() } else { a }
    };
    let (rows, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0; LANES];
    for row in rows {
        for (lane, &x) in lanes.iter_mut().zip(row) {
            *lane = larger(*lane, x);
        }
    }
    let most = lanes.into_iter().fold(0, u32::max);
    rest.iter().fold(most, |most, &x| larger(most, x))
}

#[inline(always)]
pub(super) fn outward(reach: f32, mask: u32, extents: &[u32], scales: &mut [f32]) {
    for (&extent, scale) in extents.iter().zip(scales) {
        let extent = f32::from_bits(extent);
        let nearest = extent / reach;
        // Exact, and so is what is compared.
        let short = f64::from(nearest) * f64::from(reach) < f64::from(extent);
        let bits = nearest.to_bits().wrapping_add(short.into()).wrapping_add(mask);
        *scale = f32::from_bits(bits & !mask);
    }
}

pub(super) fn quantize_integers(ends: (i32, i32), layout: Layout, scales: &[f32], values: &[f32], codes: &mut [u8]) {
    let blocks = values.chunks(layout.block).zip(codes.chunks_mut(layout.stride));
    for (&scale, (values, codes)) in scales.iter().zip(blocks) {
        integer_codes(ends, layout.nibbles, scale, values, codes);
    }
}

/// The codes of a block, or of a part of one that begins with a byte.
#[inline(always)]
pub(super) fn integer_codes((min, max): (i32, i32), nibbles: bool, scale: f32, values: &[f32], codes: &mut [u8]) {
    let (low, high, first) = (min as f32, max as f32, ROUNDER.to_bits().wrapping_add_signed(min));
    each_code(nibbles, values, codes, |x| {
        // Clamped first, so that the integer lands in the low bits of the sum whatever it was.
        let level = (x / scale).max(low).min(high);
        (level + ROUNDER).to_bits().wrapping_sub(first) as u8
    });
}

pub(super) fn quantize_table(
    thresholds: &[f32; THRESHOLDS],
    layout: Layout,
    scales: &[f32],
    values: &[f32],
    codes: &mut [u8],
) {
    let blocks = values.chunks(layout.block).zip(codes.chunks_mut(layout.stride));
    for (&scale, (values, codes)) in scales.iter().zip(blocks) {
        table_codes(thresholds, layout.nibbles, scale, values, codes);
    }
}

#[inline(always)]
pub(super) fn table_codes(thresholds: &[f32; THRESHOLDS], nibbles: bool, scale: f32, values: &[f32], codes: &mut [u8]) {
    each_code(nibbles, values, codes, |x| {
        let x = x / scale;
        thresholds.iter().map(|&threshold| u32::from(x > threshold)).sum::<u32>() as u8
    });
}

#[inline(always)]
fn each_code(nibbles: bool, values: &[f32], codes: &mut [u8], law: impl Fn(f32) -> u8) {
    if !nibbles {
        for (code, &x) in codes.iter_mut().zip(values) {
            *code = law(x);
        }
        return;
    }
    let mut piece = [0; PIECE];
    for (values, bytes) in values.chunks(PIECE).zip(codes.chunks_mut(PIECE / 2)) {
        for (code, &x) in piece.iter_mut().zip(values) {
            *code = law(x);
        }
        if let Some(last) = piece.get_mut(values.len()) {
            *last = 0;
        }
        let pairs = piece.as_chunks::<2>().0.iter().take(values.len().div_ceil(2));
        for (byte, &[low, high]) in bytes.iter_mut().zip(pairs) {
            *byte = low | high << 4;
        }
    }
}

pub(super) fn dequantize_integers(first: i32, layout: Layout, scales: &[f32], codes: &[u8], values: &mut [f32]) -> u8 {
    let blocks = codes.chunks(layout.stride).zip(values.chunks_mut(layout.block));
    let each = |(&scale, (codes, values)): (&f32, (&[u8], &mut [f32]))| integers_of(first, scale, codes, values);
    scales.iter().zip(blocks).map(each).fold(0, u8::max)
}

#[inline(always)]
pub(super) fn integers_of(first: i32, scale: f32, codes: &[u8], values: &mut [f32]) -> u8 {
    let mut most = 0;
    for (x, &code) in values.iter_mut().zip(codes) {
        *x = (i32::from(code) + first) as f32 * scale;
        most = most.max(code);
    }
    most
}

pub(super) fn dequantize_table(
    table: &[f32; TABLE],
    layout: Layout,
    scales: &[f32],
    codes: &[u8],
    values: &mut [f32],
) -> u8 {
    let blocks = codes.chunks(layout.stride).zip(values.chunks_mut(layout.block));
    let each =
        |(&scale, (codes, values)): (&f32, (&[u8], &mut [f32]))| levels_of(table, layout.nibbles, scale, codes, values);
    scales.iter().zip(blocks).map(each).fold(0, u8::max)
}

/// The levels of a block, or of a part of one that begins with a byte.
#[inline(always)]
pub(super) fn levels_of(table: &[f32; TABLE], nibbles: bool, scale: f32, codes: &[u8], values: &mut [f32]) -> u8 {
    let table = table.map(|level| level * scale + 0.0);
    let mut most = 0;
    if !nibbles {
        for (x, &code) in values.iter_mut().zip(codes) {
            *x = table[usize::from(code) % TABLE];
            most = most.max(code);
        }
        return most;
    }
    let (pairs, rest) = values.as_chunks_mut::<2>();
    for (pair, &byte) in pairs.iter_mut().zip(codes) {
        let (low, high) = (byte % 16, byte / 16);
        *pair = [table[usize::from(low)], table[usize::from(high)]];
        most = most.max(low).max(high);
    }
    if let ([x], Some(&byte)) = (rest, codes.get(pairs.len())) {
        *x = table[usize::from(byte % 16)];
        most = most.max(byte % 16);
    }
    most
}
