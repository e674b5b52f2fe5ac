//! Where levels lie, how scales are told, and where the bytes of a superblock are.

use core::ops::Range;

/// Values of a superblock, and of a block, which share a scale.
pub(super) const SUPERBLOCK: usize = 256;
pub(super) const BLOCK: usize = 16;
/// Blocks of a superblock.
pub(super) const BLOCKS: usize = SUPERBLOCK / BLOCK;
/// Eighths of an octave from one scale of a block to the next.
pub(super) const STEP: u32 = 2;
/// The scale of a block whose values are all the offset.
pub(super) const NOTHING: u8 = 15;
/// States that a path can begin with.
pub(super) const STARTS: usize = 8;
/// The most bits of a symbol, and levels of these.
pub(super) const MOST_BITS: u32 = 8;
pub(super) const MOST_LEVELS: usize = 2 << MOST_BITS;

/// `2^(-k/8)`, as f32.
const EIGHTHS: [f32; 8] =
    [1.0, 0.917_004_05, 0.840_896_4, 0.771_105_4, 0.707_106_77, 0.648_419_8, 0.594_603_54, 0.545_253_9];

/// `2^(-eighths/8)`, for eighths of an octave up to 1000.
#[inline(always)]
pub(super) fn octaves_down(eighths: u32) -> f32 {
    EIGHTHS[(eighths % 8) as usize] * f32::from_bits((127 - eighths / 8) << 23)
}

/// The most eighths of an octave, up to 1000, that a scale can be below 1 and not below `x`, which is positive.
pub(super) fn eighths_below(x: f32) -> u32 {
    // Of the power of two that is at least as large, and from there on by looking.
    let octaves = 127_u32.saturating_sub(x.to_bits() >> 23).min(124);
    let from = 8 * octaves.saturating_sub(1);
    (from + 1..from + 17).find(|&eighths| octaves_down(eighths) < x).map_or(from, |eighths| eighths - 1)
}

/// Where the path of a superblock with this scale begins. Scales of blocks are below it, by less than they could be, so that
/// several scales of the superblock tell the same ones: which of them it is says the state.
pub(super) const fn start_of(scale: u32) -> usize {
    (scale / STEP) as usize % STARTS
}

/// Where levels lie, in units of a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// From -1 to 1.
    Both,
    /// From 0 to 1.
    One,
}

/// Levels of symbols of `bits` bits: `(u + u^3) / 2`, where `u` are as many equal steps.
#[derive(Debug, Clone)]
pub(super) struct Levels {
    table: [f32; MOST_LEVELS],
    count: usize,
}

impl Levels {
    pub(super) fn new(bits: u32, side: Side) -> Self {
        let count = 2 << bits.min(MOST_BITS);
        let mut table = [0.0; MOST_LEVELS];
        let last = (count - 1) as f32;
        for (i, level) in table[..count].iter_mut().enumerate() {
            let u = match side {
                Side::Both => (2 * i as i32 - count as i32 + 1) as f32 / last,
                Side::One => i as f32 / last,
            };
            *level = u * (1.0 + u * u) * 0.5;
        }
        Self { table, count }
    }

    /// In ascending order.
    pub(super) fn all(&self) -> &[f32] {
        &self.table[..self.count]
    }

    pub(super) const fn table(&self) -> &[f32; MOST_LEVELS] {
        &self.table
    }
}

/// Where the bytes of a superblock are: a byte of its scale, four bits for each scale of a block, symbols.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) scales: Range<usize>,
    pub(super) symbols: Range<usize>,
}

impl Layout {
    pub(super) const fn new(bits: u32, values: usize) -> Self {
        let scales = 1 + values.div_ceil(BLOCK).div_ceil(2);
        let end = scales + (values * bits as usize).div_ceil(8);
        Self { scales: 1..scales, symbols: scales..end }
    }

    pub(super) const fn len(&self) -> usize {
        self.symbols.end
    }
}
