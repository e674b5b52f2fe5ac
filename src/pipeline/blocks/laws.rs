//! Levels as kernels want them.

use super::Blocks;
use crate::{
    kernel::blocks::{TABLE, THRESHOLDS},
    quantizer::{Law, Levels},
};

/// How values become codes of up to 8 bits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Nearest {
    /// To one of the integers from the first to the second.
    Integers(i32, i32),
    /// By the thresholds that they are above.
    Table([f32; THRESHOLDS]),
}

/// How codes of up to 8 bits become levels.
#[derive(Debug, Clone, Copy)]
pub(super) enum Restored {
    /// Integers from this on.
    Integers(i32),
    /// One of as many as 4 bits can tell apart.
    Table([f32; TABLE]),
}

/// Levels farther out could overflow under a scale that kernels take.
const FARTHEST: f32 = (1 << 20) as f32;
/// Levels nearer to zero could underflow.
const NEAREST: f32 = 1.0 / (1 << 20) as f32;

impl<L: Levels> Blocks<L> {
    /// None if no kernel knows the levels.
    pub(super) fn nearest_law(&self) -> Option<Nearest> {
        match self.levels.law() {
            Law::Integers { min, max } if self.width() <= u8::BITS => Some(Nearest::Integers(min, max)),
            Law::Thresholds(few) if few.len() <= THRESHOLDS && self.is_near() => {
                let mut thresholds = [f32::INFINITY; THRESHOLDS];
                thresholds[..few.len()].copy_from_slice(few);
                Some(Nearest::Table(thresholds))
            }
            _ => None,
        }
    }

    /// None if no kernel knows the levels.
    pub(super) fn restored_law(&self) -> Option<Restored> {
        let count = self.levels.level_count();
        match self.levels.law() {
            _ if count as usize <= TABLE && self.is_near() => {
                // Codes without a level are refused after the kernel.
                let level = |code| self.levels.level((code as u32).min(count - 1)) + 0.0;
                let table: [f32; TABLE] = core::array::from_fn(level);
                // Zero is to have no sign, neither here nor where a product underflows.
                table.iter().all(|x| *x == 0.0 || x.abs() >= NEAREST).then_some(Restored::Table(table))
            }
            Law::Integers { min, .. } if self.width() <= u8::BITS => Some(Restored::Integers(min)),
            _ => None,
        }
    }

    fn is_near(&self) -> bool {
        let (lowest, highest) = self.ends();
        -FARTHEST <= lowest && highest <= FARTHEST
    }
}
