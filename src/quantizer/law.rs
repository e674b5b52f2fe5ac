//! Levels as kernels want them.

use super::Levels;
use crate::kernel::blocks::{self, Integers, Layout, TABLE, THRESHOLDS, stored};

/// Laws that kernels know.
#[derive(Debug, Clone, Copy)]
pub enum Law<'a> {
    /// Code `c` stands for `min + c`, and `nearest` rounds ties to even.
    Integers {
        /// The first integer.
        min: i32,
        /// The last.
        max: i32,
    },
    /// `nearest` counts the thresholds that a value is above. They ascend.
    Thresholds(&'a [f32]),
    /// No other.
    Any,
}

/// How values become codes of a byte.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Nearest {
    /// To one of the integers from the first to the second.
    Integers(i32, i32),
    /// By the thresholds that they are above.
    Table([f32; THRESHOLDS]),
}

/// How codes of a byte become levels.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Restored {
    /// Integers from this on.
    Integers(i32),
    /// One of as many as 4 bits can tell apart.
    Table([f32; TABLE]),
}

/// Levels farther out could overflow under a scale that kernels take.
const FARTHEST: f32 = (1 << 20) as f32;
/// Levels nearer to zero could underflow.
const NEAREST: f32 = 1.0 / (1 << 20) as f32;

fn are_near<L: Levels>(levels: &L) -> bool {
    let (lowest, highest) = (levels.level(0), levels.level(levels.level_count().saturating_sub(1)));
    -FARTHEST <= lowest && highest <= FARTHEST
}

impl Nearest {
    /// None if no kernel knows the levels, or they need more than a byte.
    pub(crate) fn of<L: Levels>(levels: &L) -> Option<Self> {
        match levels.law() {
            Law::Integers { min, max } if levels.level_count() <= 1 << u8::BITS => Some(Self::Integers(min, max)),
            Law::Thresholds(few) if few.len() <= THRESHOLDS && are_near(levels) => {
                let mut thresholds = [f32::INFINITY; THRESHOLDS];
                thresholds[..few.len()].copy_from_slice(few);
                Some(Self::Table(thresholds))
            }
            _ => None,
        }
    }

    /// Values to codes, under scales that kernels can work with; `within` says that no value is farther out than levels are.
    pub(crate) fn quantize(&self, within: bool, layout: Layout, scales: &[f32], values: &[f32], codes: &mut [u8]) {
        match *self {
            Self::Integers(first, last) => {
                blocks::quantize_integers(Integers { first, last, within }, layout, scales, values, codes);
            }
            Self::Table(ref thresholds) => blocks::quantize_table(thresholds, layout, scales, values, codes),
        }
    }
}

impl Restored {
    /// None if no kernel knows the levels, or they need more than a byte.
    pub(crate) fn of<L: Levels>(levels: &L) -> Option<Self> {
        let count = levels.level_count();
        match levels.law() {
            _ if count as usize <= TABLE && are_near(levels) => {
                // Codes without a level are refused after the kernel.
                let level = |code| levels.level((code as u32).min(count - 1)) + 0.0;
                let table: [f32; TABLE] = core::array::from_fn(level);
                // Zero is to have no sign, neither here nor where a product underflows.
                table.iter().all(|x| *x == 0.0 || x.abs() >= NEAREST).then_some(Self::Table(table))
            }
            Law::Integers { min, .. } if count <= 1 << u8::BITS => Some(Self::Integers(min)),
            _ => None,
        }
    }

    /// Whole blocks behind scales of 16 bits to values; returns the largest code. Integers take a byte each, and levels of a table
    /// half of one. None if kernels cannot work with blocks or scales like these: then values are anything.
    pub(crate) fn dequantize_stored(&self, blocks: stored::Blocks, bytes: &[u8], values: &mut [f32]) -> Option<u8> {
        match self {
            Self::Integers(min) => stored::integers(blocks, *min, bytes, values),
            Self::Table(table) => stored::table(blocks, table, bytes, values),
        }
    }

    /// Codes to values, under scales that kernels can work with; returns the largest code. Integers take a byte each.
    pub(crate) fn dequantize(&self, layout: Layout, scales: &[f32], codes: &[u8], values: &mut [f32]) -> u8 {
        match self {
            Self::Integers(min) => blocks::dequantize_integers(*min, layout, scales, codes, values),
            Self::Table(table) => blocks::dequantize_table(table, layout, scales, codes, values),
        }
    }
}
