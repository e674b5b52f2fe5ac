//! Bytes of a superblock to values: sides of eight levels at once.

use super::layout::{
    BLOCK, BLOCKS, Layout, Levels, MOST_LEVELS, NOTHING, STARTS, STEP, SUPERBLOCK, octaves_down, start_of,
};
use crate::{
    automaton::Automaton,
    error::{Error, Result},
    kernel::bits::unpack,
};

/// What all superblocks of an array share.
#[derive(Debug, Clone)]
pub(super) struct Decoder {
    pub(super) bits: u32,
    pub(super) states: u16,
    pub(super) base: f32,
    pub(super) offset: f32,
    pub(super) levels: Levels,
}

/// Symbols that are looked at together: bytes of a word.
const GROUP: usize = 8;
/// The lowest bit of each byte.
const LOWEST: u64 = 0x0101_0101_0101_0101;

impl Decoder {
    /// Fills `values`, a superblock or the rest of an array, from bytes that are just as many as they take.
    pub(super) fn decode(&self, bytes: &[u8], values: &mut [f32]) -> Result<()> {
        match (self.states, self.bits) {
            (8, ..WIDE_BITS) => self.superblock::<8, false>(bytes, values),
            (8, _) => self.superblock::<8, true>(bytes, values),
            (64, ..WIDE_BITS) => self.superblock::<64, false>(bytes, values),
            (64, _) => self.superblock::<64, true>(bytes, values),
            (_, ..WIDE_BITS) => self.superblock::<256, false>(bytes, values),
            (_, _) => self.superblock::<256, true>(bytes, values),
        }
    }

    fn superblock<const STATES: u16, const WIDE: bool>(&self, bytes: &[u8], values: &mut [f32]) -> Result<()> {
        let layout = Layout::new(self.bits, values.len());
        let (needed, actual) = (layout.len(), bytes.len());
        let bytes = bytes.get(..needed).ok_or(Error::Truncated { needed, actual })?;
        let scales = self.scales(bytes, values.len().div_ceil(BLOCK))?;
        let mut symbols = [0_u8; SUPERBLOCK];
        let pad = unpack(self.bits, &bytes[layout.symbols], &mut symbols[..values.len()]);
        if pad != 0 {
            return Err(Error::Corrupt { what: "pad bits", found: pad.into() });
        }
        let mut sides = Sides::<STATES>::new(start_of(bytes[0].into()));
        for ((values, symbols), scale) in values.chunks_mut(BLOCK).zip(symbols.as_chunks::<BLOCK>().0).zip(scales) {
            let mut levels = [0.0; BLOCK];
            let groups = levels.as_chunks_mut::<GROUP>().0.iter_mut().zip(symbols.as_chunks::<GROUP>().0);
            for (levels, symbols) in groups {
                let word = u64::from_le_bytes(*symbols);
                let side = sides.next(word & LOWEST);
                *levels = if WIDE { self.wide(word, side) } else { self.narrow(word << 1 | side) };
            }
            for (value, level) in values.iter_mut().zip(levels) {
                *value = (self.offset + scale * level).clamp(f32::MIN, f32::MAX);
            }
        }
        Ok(())
    }

    /// Of each block; of those that are not there too.
    fn scales(&self, bytes: &[u8], blocks: usize) -> Result<[f32; BLOCKS]> {
        let (first, packed) = bytes.split_first().ok_or(Error::Truncated { needed: 1, actual: 0 })?;
        let mut scales = [0.0; BLOCKS];
        for (pair, byte) in scales.as_chunks_mut::<2>().0.iter_mut().zip(packed) {
            *pair = [byte & 15, byte >> 4].map(|below| {
                let eighths = u32::from(*first) + STEP * u32::from(below);
                if below == NOTHING { 0.0 } else { self.base * octaves_down(eighths) }
            });
        }
        match packed.get(blocks / 2) {
            Some(byte) if blocks % 2 == 1 && byte >> 4 != 0 => {
                Err(Error::Corrupt { what: "pad bits", found: (byte >> 4).into() })
            }
            _ => Ok(scales),
        }
    }

    /// Of levels that a byte can name.
    #[inline(always)]
    fn narrow(&self, codes: u64) -> [f32; GROUP] {
        let levels = self.levels.table();
        codes.to_le_bytes().map(|code| levels[usize::from(code)])
    }

    #[inline(always)]
    fn wide(&self, symbols: u64, sides: u64) -> [f32; GROUP] {
        let (symbols, sides) = (symbols.to_le_bytes(), sides.to_le_bytes());
        core::array::from_fn(|i| {
            let code = usize::from(symbols[i]) << 1 | usize::from(sides[i]);
            self.levels.table()[code % MOST_LEVELS]
        })
    }
}

/// With symbols of so many bits, codes are longer than a byte.
const WIDE_BITS: u32 = 8;

/// The sides of levels, from the lowest bits of symbols, eight at a time.
///
/// States are what is behind two polynomials. Side `t` is the sum, modulo 2, of the sides `t - 1 - i` where bit `i` of `h0` is
/// set, and the lowest bits of the symbols `t - 1 - i` where bit `i` of `h1` is. With `D` for a delay, sides are the bits times
/// `D h1(D)`, divided by `h(D) = 1 + D h0(D)`. Modulo 2, `h(D)^8` is `h(D^8)`, which is 1 for eight at a time, so that dividing
/// by `h(D)` is multiplying by `h(D) h(D^2) h(D^4)`: a few shifts of a word with a bit in each byte.
struct Sides<const STATES: u16> {
    /// The eight bits and sides before.
    bits: u64,
    past: u64,
    /// What the first state adds to the sides to come.
    started: u64,
}

impl<const STATES: u16> Sides<STATES> {
    const TAPS: (u16, u16) = Automaton::taps(STATES);

    /// Eight sides from each first state on, if all bits are 0. Later ones follow from these.
    const STARTED: [u64; STARTS] = {
        let mut words = [0; STARTS];
        let mut start = 0;
        while start < STARTS {
            let (mut state, mut i) = (start as u64, 0);
            while i < GROUP {
                words[start] |= (state & 1) << (8 * i);
                state = (state >> 1) ^ ((state & 1).wrapping_neg() & Self::TAPS.0 as u64);
                i += 1;
            }
            start += 1;
        }
        words
    };

    const fn new(start: usize) -> Self {
        Self { bits: 0, past: 0, started: Self::STARTED[start % STARTS] }
    }

    #[inline(always)]
    fn next(&mut self, bits: u64) -> u64 {
        let (h0, h1) = Self::TAPS;
        let mut sides = 0;
        // What those before add.
        for i in 0..GROUP as u32 {
            let delay = 8 * (i + 1);
            if h0 >> i & 1 == 1 {
                sides ^= self.past.unbounded_shr(64 - delay);
            }
            if h1 >> i & 1 == 1 {
                sides ^= self.bits.unbounded_shr(64 - delay) ^ bits.unbounded_shl(delay);
            }
        }
        for power in [1, 2, 4] {
            let before = sides;
            for i in 0..GROUP as u32 {
                if h0 >> i & 1 == 1 {
                    sides ^= before.unbounded_shl(8 * (i + 1) * power);
                }
            }
        }
        sides ^= self.started;
        *self = Self { bits, past: sides, started: 0 };
        sides
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_of_words_are_those_of_the_automaton() {
        fn check<const STATES: u16>() {
            let automaton = Automaton::trellis(STATES).unwrap();
            let mut random = 1_u64;
            let (mut state, mut sides) = (0, Sides::<STATES>::new(0));
            for i in 0..800 {
                if i % 100 == 0 {
                    (state, sides) = (i / 100, Sides::new(i as usize / 100));
                }
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let bits = (random >> 7) & LOWEST;
                for (bit, side) in bits.to_le_bytes().into_iter().zip(sides.next(bits).to_le_bytes()) {
                    assert_eq!(u32::from(side), automaton.side(state));
                    state = automaton.next(state, bit.into());
                }
            }
        }
        check::<8>();
        check::<64>();
        check::<256>();
    }
}
