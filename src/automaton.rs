//! What codes before a code say about it: a shift register that a quantizer and a codec both run, so that neither has to
//! know the other.

use crate::{
    error::{Error, Result, check_piece},
    wire::{Reader, Writer},
};

/// The most lanes.
pub(crate) const LANES: usize = 32;

/// A shift register with `states` states. Codes are numbers of levels, in ascending order; in state `s` only those are used
/// whose lowest bit is that of `s`: the *side*. The rest of the code is its *symbol* `k`, and the state after it is
///
/// ```text
/// (s >> 1) ^ (if s is odd: h0) ^ (if k is odd: h1)
/// ```
///
/// Neighbouring levels are on different sides, so a code of one side is half as long as one of both, and the sequence of
/// sides, which costs nothing, brings back part of the accuracy: trellis-coded quantization.
///
/// Value `i` runs in lane `i % lanes`, each with a state of its own, which is 0 at multiples of `period` values. One state
/// has one side, and symbols that are the codes.
///
/// Ungerboeck, "Channel coding with multilevel/phase signals", 1982, table I, for one uncoded and one coded bit; Marcellin
/// and Fischer, "Trellis coded quantization of memoryless and Gauss-Markov sources", 1990.
///
/// ```
/// use fewbits::Automaton;
///
/// let automaton = Automaton::trellis(8)?.lanes(4)?.period(4096)?;
/// assert_eq!((automaton.states(), automaton.sides()), (8, 2));
/// assert_eq!(Automaton::memoryless().sides(), 1);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "raw::Automaton", into = "raw::Automaton"))]
pub struct Automaton {
    h0: u16,
    h1: u16,
    states: u16,
    lanes: u8,
    period: usize,
}

/// The number of states, and the parity checks without their lowest bits, which shift out.
const CODES: [(u16, u16, u16); 4] =
    [(1, 0, 0), (8, 0o13 >> 1, 0o4 >> 1), (64, 0o103 >> 1, 0o24 >> 1), (256, 0o515 >> 1, 0o362 >> 1)];

impl Automaton {
    /// One state: codes say nothing about each other.
    pub const fn memoryless() -> Self {
        Self { h0: 0, h1: 0, states: 1, lanes: LANES as u8, period: 1 << 18 }
    }

    /// With 8, 64 or 256 states (or 1, which remembers nothing), 32 lanes, and a period of 2^18 values.
    pub fn trellis(states: u16) -> Result<Self> {
        let Some(&(states, h0, h1)) = CODES.iter().find(|code| code.0 == states) else {
            return Err(Error::Setting { name: "states", value: states.into(), allowed: "1, 8, 64 or 256" });
        };
        Ok(Self { h0, h1, states, ..Self::memoryless() })
    }

    /// With 1, 2, 4, 8, 16 or 32 lanes, of which few are for few values: each costs 4 bytes in an entropy coded stream, and
    /// all are decoded at once.
    pub fn lanes(self, lanes: usize) -> Result<Self> {
        if !lanes.is_power_of_two() || lanes > LANES {
            return Err(Error::Setting { name: "lanes", value: lanes as f64, allowed: "1, 2, 4, 8, 16 or 32 lanes" });
        }
        let lanes = lanes as u8;
        Ok(Self { lanes, ..self })
    }

    /// With another period: a multiple of 32 values. Pieces of an array start at multiples of it. One state has none.
    pub fn period(self, values: usize) -> Result<Self> {
        if values == 0 || !values.is_multiple_of(LANES) {
            return Err(Error::Setting { name: "period", value: values as f64, allowed: "a multiple of 32 values" });
        }
        let period = if self.states > 1 { values } else { self.period };
        Ok(Self { period, ..self })
    }

    /// Number of states.
    pub const fn states(&self) -> usize {
        self.states as usize
    }

    /// 2, or 1 if there is one state.
    pub const fn sides(&self) -> usize {
        if self.states > 1 { 2 } else { 1 }
    }

    /// Number of lanes.
    pub const fn lane_count(&self) -> usize {
        self.lanes as usize
    }

    /// Values after which all lanes begin anew; 1 if there is nothing to remember.
    pub const fn block(&self) -> usize {
        if self.states > 1 { self.period } else { 1 }
    }

    /// The parity checks of so many states: none if there is no such automaton.
    pub(crate) const fn taps(states: u16) -> (u16, u16) {
        let mut i = 0;
        while i < CODES.len() {
            if CODES[i].0 == states {
                return (CODES[i].1, CODES[i].2);
            }
            i += 1;
        }
        (0, 0)
    }

    /// Bits of a code that are not its symbol.
    pub(crate) const fn side_bits(&self) -> u32 {
        self.sides() as u32 - 1
    }

    /// The side of a state.
    #[inline(always)]
    pub(crate) const fn side(&self, state: u32) -> u32 {
        state & self.side_bits()
    }

    /// The state after a symbol.
    #[inline(always)]
    pub(crate) const fn next(&self, state: u32, symbol: u32) -> u32 {
        (state >> 1) ^ ((state & 1).wrapping_neg() & self.h0 as u32) ^ ((symbol & 1).wrapping_neg() & self.h1 as u32)
    }

    /// A piece of an array starts where lanes do.
    pub(crate) fn check(&self, start: usize, values: usize) -> Result<()> {
        check_piece(start, values, self.block())
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        out.u8(self.states.ilog2() as u8 | (self.lanes.ilog2() as u8) << 4);
        if self.states > 1 {
            out.varint((self.period / LANES) as u64);
        }
    }

    pub(crate) fn read(bytes: &mut Reader<'_>) -> Result<Self> {
        let both = bytes.u8()?;
        let corrupt = |_| Error::Corrupt { what: "automaton", found: both.into() };
        let automaton = Self::trellis(1 << (both & 15)).and_then(|automaton| automaton.lanes(1 << (both >> 4)));
        let automaton = automaton.map_err(corrupt)?;
        if automaton.states == 1 {
            return Ok(automaton);
        }
        let period = bytes.size()?;
        let damaged = Error::Corrupt { what: "period of an automaton", found: period as u64 };
        let values = period.checked_mul(LANES).ok_or(damaged.clone())?;
        automaton.period(values).map_err(|_| damaged)
    }
}

/// What serde sees.
#[cfg(feature = "serde")]
mod raw {
    use crate::error::{Error, Result};

    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Automaton {
        states: u16,
        lanes: usize,
        period: usize,
    }

    impl From<super::Automaton> for Automaton {
        fn from(automaton: super::Automaton) -> Self {
            let super::Automaton { states, period, .. } = automaton;
            Self { states, lanes: automaton.lane_count(), period }
        }
    }

    impl TryFrom<Automaton> for super::Automaton {
        type Error = Error;

        fn try_from(Automaton { states, lanes, period }: Automaton) -> Result<Self> {
            Self::trellis(states)?.lanes(lanes)?.period(period)
        }
    }
}
