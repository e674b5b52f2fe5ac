//! Where tables of contexts come from: one density for all, or codes themselves.

use super::{
    Table, bits_of,
    density::{CLASS, Cumulative, FINE, Frequencies, GAUSSIAN, SCALES, SHAPE_COUNT, Shapes, TABLE_SCALES},
};
use crate::{
    automaton::Automaton,
    classes::Classes,
    error::{Error, Result},
    kernel::exp::ln,
    rates::{Prices, Rates},
    wire::{Reader, unzigzag},
};
use alloc::vec::Vec;
use core::f64::consts::LN_2;

/// Where tables come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Model {
    /// They are written.
    Tables,
    /// They follow from a shape, the scale of the first class in steps of 1/32 octave of a symbol, and the symbol of level 0,
    /// below which there is nothing if there is one side only.
    Density { shape: usize, scale: i32, centre: u32, one_sided: bool },
}

/// Of the byte that has the shape.
pub(super) const ONE_SIDED: u8 = 1 << 4;

/// Symbols of a table, and how often they occur.
type Pairs = Vec<(u32, u64)>;

impl Model {
    /// The Gaussian one, or half of it, with a scale in octaves of a symbol.
    pub(crate) fn gaussian(octaves: f64, centre: u32, one_sided: bool) -> Self {
        Self::Density { shape: GAUSSIAN, scale: 0, centre, one_sided }.rescaled(octaves, centre)
    }

    /// Wider by so many octaves.
    pub(crate) fn rescaled(self, octaves: f64, centre: u32) -> Self {
        let Self::Density { shape, scale, one_sided, .. } = self else { return self };
        let more = (octaves * f64::from(FINE)).clamp(-1e6, 1e6) as i32;
        Self::Density { shape, scale: (scale + more).clamp(*SCALES.start(), *SCALES.end()), centre, one_sided }
    }

    /// The first `count` tables, `sides` for each class: of symbols up to the last one, with escapes of so many bits.
    pub(super) fn each_table(
        &self,
        (count, sides): (usize, usize),
        last_and_width: (u32, u32),
        shapes: &mut Shapes,
        mut each: impl FnMut(Frequencies) -> Result<()>,
    ) -> Result<()> {
        let Self::Density { shape, scale, centre, one_sided } = *self else { return Ok(()) };
        let sums = shapes.of(shape)?;
        (0..count).try_for_each(|table| {
            let scale = (scale + (table / sides) as i32 * CLASS).clamp(TABLE_SCALES.0, TABLE_SCALES.1);
            each(sums.frequencies(scale, (table % sides) as f64 * 0.5, (centre, one_sided), last_and_width))
        })
    }

    /// What codes cost under its tables: symbols up to `last`, and spikes from there to `top`, of which nothing is known.
    pub(crate) fn rates(
        self,
        automaton: Automaton,
        classes: Classes,
        (last, top): (u32, u32),
        shapes: &mut Shapes,
    ) -> Result<Rates> {
        let (sides, first) = (automaton.sides(), classes.first());
        let mut prices = Vec::with_capacity(classes.count() * sides);
        for _ in 0..first * sides {
            prices.push(Table::of_none(top)?.prices());
        }
        let count = (classes.count() - first) * sides;
        prices.extend(self.prices((count, sides), (last, bits_of(top)), shapes)?);
        Ok(Rates { classes, prices })
    }

    /// What symbols of these tables cost.
    pub(super) fn prices(
        &self,
        (count, sides): (usize, usize),
        last_and_width: (u32, u32),
        shapes: &mut Shapes,
    ) -> Result<Vec<Prices>> {
        let mut prices = Vec::with_capacity(count);
        self.each_table((count, sides), last_and_width, shapes, |frequencies| {
            prices.push(frequencies.prices());
            Ok(())
        })?;
        Ok(prices)
    }

    pub(super) fn read(bytes: &mut Reader<'_>, last: u32) -> Result<Self> {
        let (kind, scale, centre) = (bytes.u8()?, bytes.varint()?, bytes.varint()?);
        let (shape, one_sided) = (kind & !ONE_SIDED, kind & ONE_SIDED != 0);
        let wide = unzigzag(scale);
        let found = i32::try_from(wide).ok().filter(|scale| SCALES.contains(scale));
        let Some(scale) = found.filter(|_| centre <= u64::from(last)) else {
            return Err(Error::Corrupt { what: "scale of a density", found: scale });
        };
        Ok(Self::Density { shape: shape.into(), scale, centre: centre as u32, one_sided })
    }

    /// The density that takes the fewest bits for these symbols, and how many; `like` is one whose shape was best for symbols
    /// like these.
    pub(super) fn nearest(
        pairs: &[Pairs],
        sides: usize,
        centre: u32,
        last: u32,
        like: Option<Self>,
        shapes: &mut Shapes,
    ) -> Result<(Self, f64)> {
        let mut search = Search { pairs, sides, centre, last, one_sided: false };
        // Where little is below level 0, the density may as well end there.
        let (below, all) = search.below();
        if below * 16 > all {
            return search.nearest(like, shapes);
        }
        let both = search.nearest(like, shapes)?;
        search.one_sided = true;
        let one = search.nearest(Some(both.0), shapes)?;
        Ok(if one.1 < both.1 { one } else { both })
    }
}

struct Search<'a> {
    pairs: &'a [Pairs],
    sides: usize,
    centre: u32,
    last: u32,
    one_sided: bool,
}

impl Search<'_> {
    fn nearest(&self, like: Option<Model>, shapes: &mut Shapes) -> Result<(Model, f64)> {
        // Shapes are in an order, so that a better one is near: first coarsely, then finely.
        let (shape, scale, strides): (_, _, &[usize]) = match like {
            Some(Model::Density { shape, scale, .. }) => (shape, scale, &[1]),
            _ => (GAUSSIAN, self.scale(), &[4, 2, 1]),
        };
        let (scale, bits) = self.best_scale(shapes.of(shape)?, scale, like.is_none());
        let mut best = (shape, scale, bits);
        for &stride in strides {
            for lighter in [false, true] {
                loop {
                    let shape = if lighter { best.0 + stride } else { best.0.wrapping_sub(stride) };
                    if shape >= SHAPE_COUNT {
                        break;
                    }
                    let (scale, bits) = self.best_scale(shapes.of(shape)?, best.1, like.is_none());
                    if bits >= best.2 {
                        break;
                    }
                    best = (shape, scale, bits);
                }
            }
        }
        let (shape, scale, bits) = best;
        Ok((Model::Density { shape, scale, centre: self.centre, one_sided: self.one_sided }, bits))
    }

    /// How many symbols are below level 0, and how many there are.
    fn below(&self) -> (u64, u64) {
        let (mut below, mut all) = (0, 0);
        for &(symbol, count) in self.pairs.iter().flatten() {
            below += if symbol < self.centre { count } else { 0 };
            all += count;
        }
        (below, all)
    }

    /// The distance of a symbol from level 0, in symbols.
    fn position(&self, table: usize, symbol: u32) -> f64 {
        f64::from(symbol) - f64::from(self.centre) + (table % self.sides) as f64 * 0.5
    }

    /// The root of the mean square in units of the classes' scales.
    fn scale(&self) -> i32 {
        let (mut sum, mut count) = (0.0, 0.0);
        for (table, pairs) in self.pairs.iter().enumerate() {
            let class = (table / self.sides) as f64;
            let unit = crate::kernel::exp::exp(-class * 2.0 * f64::from(CLASS) / f64::from(FINE) * LN_2);
            for &(symbol, n) in pairs {
                let far = self.position(table, symbol);
                sum += n as f64 * (far * far + 1.0 / 24.0) * unit;
                count += n as f64;
            }
        }
        if count == 0.0 {
            return *SCALES.start();
        }
        let log2 = 0.5 * ln((sum / count).max(f64::MIN_POSITIVE)) / LN_2;
        ((log2 * f64::from(FINE)) as i32).clamp(*SCALES.start(), *SCALES.end())
    }

    /// Downhill from a scale, in steps that get finer; `far` says that it may be a long way.
    fn best_scale(&self, sums: &Cumulative, from: i32, far: bool) -> (i32, f64) {
        let (mut at, mut least) = (from, self.bits(sums, from));
        let steps: &[i32] = if far { &[8, 3, 1] } else { &[2, 1] };
        for &step in steps {
            let before = at;
            for step in [-step, step] {
                while SCALES.contains(&(at + step)) {
                    let bits = self.bits(sums, at + step);
                    if bits >= least {
                        break;
                    }
                    (at, least) = (at + step, bits);
                }
                // The other way leads back up.
                if at != before {
                    break;
                }
            }
        }
        (at, least)
    }

    /// Bits of all symbols.
    fn bits(&self, sums: &Cumulative, scale: i32) -> f64 {
        let mut bits = 0.0;
        for (table, pairs) in self.pairs.iter().enumerate().filter(|(_, pairs)| !pairs.is_empty()) {
            let scale = (scale + (table / self.sides) as i32 * CLASS).clamp(TABLE_SCALES.0, TABLE_SCALES.1);
            let half = (table % self.sides) as f64 * 0.5;
            let centre = f64::from(self.centre);
            let low = if self.one_sided { 0.0 } else { -centre };
            let ends = (half - 0.5 + low, half + 0.5 + f64::from(self.last) - centre);
            bits += sums.bits(scale, pairs, half - centre, ends);
        }
        bits
    }
}
