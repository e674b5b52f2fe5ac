//! One value after another, for all machines.

use super::{Ends, Half, Integers, Layout, TABLE, THRESHOLDS};

/// Adding it to a smaller number rounds that to an integer, ties to even.
const ROUNDER: f32 = 12_582_912.0; // 1.5 * 2^23

/// Values whose largest is found at once.
const LANES: usize = 32;

/// Codes that are found before they go two to a byte.
const PIECE: usize = 32;

#[inline(always)]
pub(super) fn largest(block: usize, values: &[f32], largest: &mut [u32]) {
    for (values, largest) in values.chunks(block).zip(largest) {
        *largest = largest_of(values);
    }
}

#[inline(always)]
pub(super) fn largest_of(values: &[f32]) -> u32 {
    // Signed, for unsigned maxima are slow in SSE2.
    let larger = |most: i32, x: &f32| {
        let size = (x.to_bits() & !(1 << 31)).cast_signed();
        if size > most { size } else { most }
    };
    // Of known lengths, so that maxima are found by vectors to the end.
    let (rows, rest) = values.as_chunks::<LANES>();
    let most = rows.iter().fold(0, |most, row| row.iter().fold(most, larger));
    rest.iter().fold(most, larger).cast_unsigned()
}

#[inline(always)]
pub(super) fn outward(reach: f32, mask: u32, extents: &[u32], scales: &mut [f32]) -> Ends {
    for (&extent, scale) in extents.iter().zip(scales.iter_mut()) {
        let extent = f32::from_bits(extent);
        let nearest = extent / reach;
        // Exact, and so is what is compared.
        let short = f64::from(nearest) * f64::from(reach) < f64::from(extent);
        let bits = nearest.to_bits().wrapping_add(short.into()).wrapping_add(mask);
        *scale = f32::from_bits(bits & !mask);
    }
    ends(scales)
}

#[inline(always)]
pub(super) fn ends(numbers: &[f32]) -> Ends {
    numbers.iter().fold((i32::MAX, i32::MIN), |(least, most), x| {
        let bits = x.to_bits().cast_signed();
        (if bits < least { bits } else { least }, if bits > most { bits } else { most })
    })
}

pub(super) fn read_halves(half: Half, stride: usize, bytes: &[u8], numbers: &mut [f32]) -> Ends {
    let mut rest = bytes;
    for x in numbers.iter_mut() {
        let bits = rest.first_chunk().map_or(0, |bytes| u32::from(u16::from_le_bytes(*bytes)));
        *x = f32::from_bits(bits << 16);
        rest = rest.get(stride..).unwrap_or_default();
    }
    if let Half::F16 = half {
        for x in numbers.iter_mut() {
            *x = widened(x.to_bits());
        }
    }
    ends(numbers)
}

/// The f16 in the upper half of 32 bits.
#[inline(always)]
pub(super) fn widened(bits: u32) -> f32 {
    // The bias of f32 is larger by 112, and subnormal numbers become normal. Neither infinity nor NaN is kept: negative.
    let finite = f32::from_bits((bits >> 3) & 0x0fff_e000) * f32::from_bits((127 + 112) << 23);
    let special = u32::from(bits & 0x7c00_0000 == 0x7c00_0000) << 31;
    f32::from_bits(finite.to_bits() | bits & (1 << 31) | special)
}

pub(super) fn write_halves(half: Half, stride: usize, numbers: &[f32], bytes: &mut [u8]) {
    let mut rest = bytes;
    for x in numbers {
        let Some(front) = rest.first_chunk_mut() else { break };
        let bits = match half {
            Half::F16 => x.to_bits().wrapping_sub(112 << 23) >> 13,
            Half::Bf16 => x.to_bits() >> 16,
        };
        *front = (bits as u16).to_le_bytes();
        rest = core::mem::take(&mut rest).get_mut(stride..).unwrap_or_default();
    }
}

pub(super) fn quantize_integers(ends: Integers, layout: Layout, scales: &[f32], values: &[f32], codes: &mut [u8]) {
    let blocks = values.chunks(layout.block).zip(codes.chunks_mut(layout.stride));
    for (&scale, (values, codes)) in scales.iter().zip(blocks) {
        integer_codes(ends, layout.nibbles, scale, values, codes);
    }
}

/// The codes of a block, or of a part of one that begins with a byte.
#[inline(always)]
pub(super) fn integer_codes(ends: Integers, nibbles: bool, scale: f32, values: &[f32], codes: &mut [u8]) {
    let (low, high) = (ends.first as f32, ends.last as f32);
    let first = ROUNDER.to_bits().wrapping_add_signed(ends.first);
    each_code(nibbles, values, codes, |x| {
        // Clamped first, so that the integer lands in the low bits of the sum whatever it was.
        let level = x / scale;
        // `f32::max` also handles NaN, which takes more instructions; values are finite here.
        let level = if level > low { level } else { low };
        let level = if level < high { level } else { high };
        (level + ROUNDER).to_bits().wrapping_sub(first)
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
        thresholds.iter().map(|&threshold| u32::from(x > threshold)).sum::<u32>()
    });
}

#[inline(always)]
fn each_code(nibbles: bool, values: &[f32], codes: &mut [u8], law: impl Fn(f32) -> u32) {
    if !nibbles {
        for (code, &x) in codes.iter_mut().zip(values) {
            *code = law(x) as u8;
        }
        return;
    }
    let (pieces, rest) = values.as_chunks::<PIECE>();
    let (packed, _) = codes.as_chunks_mut::<{ PIECE / 2 }>();
    for (values, bytes) in pieces.iter().zip(packed) {
        let mut codes = [0; PIECE];
        for (code, &x) in codes.iter_mut().zip(values) {
            *code = law(x);
        }
        for (byte, pair) in bytes.iter_mut().zip(codes.as_chunks::<2>().0) {
            *byte = (pair[0] | pair[1] << 4) as u8;
        }
    }
    let packed = codes.iter_mut().skip(pieces.len() * (PIECE / 2));
    for (byte, pair) in packed.zip(rest.chunks(2)) {
        *byte = (law(pair[0]) | pair.get(1).map_or(0, |&x| law(x) << 4)) as u8;
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
    let table = table.map(|level| level * scale);
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
