//! Entropy coding with several tables: one for each class of values, and for each side of an automaton.

use super::{
    Table, bits_of,
    context_codec::{ContextRansCodec, written_bytes},
    context_tables::{BITS, Contexts},
    counts::Counts,
    density::Shapes,
    model::Model,
    spike_mask::{FARTHEST, NEAREST, SpikeMask},
};
use crate::{
    automaton::Automaton,
    calibrate,
    classes::Classes,
    code::Code,
    error::{Error, Result},
    fit::Fit,
    groups::Groups,
    rates::{Prices, Rates},
    spikes::MOST_SPIKES,
    wire::Writer,
};
use alloc::{vec, vec::Vec};
use core::ops::Range;

/// Settings of a static entropy coder with a table for each context: for codes whose spread depends on where they are, and
/// for those of an [`Automaton`].
///
/// Groups of values, such as rows and columns, get a level each, a quarter of an octave of how far their codes are from the
/// centre, and levels of a value add up to its class. Tables are those of one density, a shape and a scale, which costs a few
/// bytes; without groups, tables of the codes themselves where they are smaller. Costs as [`Rans`](crate::Rans), with 16 KiB in
/// memory for each table, 32 for some with more than 256 symbols, and somewhat more to encode: 9 MiB at most, for 64 classes
/// of two sides.
///
/// ```
/// use fewbits::{Automaton, Coded, ContextRans, Fit, Frame, Groups, Rans, Uniform};
///
/// // Rows of very different size, and one step for all.
/// let weights: Vec<f32> = (0..64 * 512).map(|i| (i as f32 * 0.7).sin() * 2_f32.powi((i / 512) % 8)).collect();
/// let rows = Groups::axis(&[64, 512], 0)?;
/// let quantizer = Uniform::new(8).fit(&weights)?;
/// let plain = Coded::new(quantizer.clone(), Rans::new().fit(&fewbits::QuantizerExt::quantize(&quantizer, &weights)?)?);
/// let contexts = Coded::new(Uniform::new(8), ContextRans::new(Automaton::memoryless()).by(rows)).fit(&weights)?;
/// assert!(Frame::encode(&contexts, &weights)?.len() * 10 < Frame::encode(&plain, &weights)?.len() * 9);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ContextRans {
    automaton: Automaton,
    groups: Vec<Groups>,
    centre: Option<u32>,
    classes: Option<Classes>,
    written: bool,
    /// How many, and how far before a value is the one above it.
    spikes: Option<(u32, usize)>,
    /// A density whose shape is known to be near.
    like: Option<Model>,
}

/// Without [`ContextRans::written`], tables are written if there are at most so many classes.
const FEW_CLASSES: usize = 4;

impl ContextRans {
    /// For codes of this automaton, without groups.
    pub const fn new(automaton: Automaton) -> Self {
        Self { automaton, groups: Vec::new(), centre: None, classes: None, written: false, spikes: None, like: None }
    }

    /// With tables of the codes themselves for any number of classes, where they are smaller with all that they take: for
    /// codes of odd distributions. Fits take longer.
    #[must_use]
    pub const fn written(mut self) -> Self {
        self.written = true;
        self
    }

    /// With a level for each of these groups too; at most 4 times.
    #[must_use]
    pub fn by(mut self, groups: Groups) -> Self {
        self.groups.push(groups);
        self
    }

    /// The code around which others lie, which is the mean of them unless told otherwise.
    #[must_use]
    pub fn centre(self, code: u32) -> Self {
        Self { centre: Some(code), ..self }
    }

    /// With a mask of where spikes are, whose codes are the last `count` (1 to 4): see [`Trellis::spikes`](crate::Trellis::spikes).
    /// What lies before and above a value says how likely a spike is; `row` is the length of rows, 2 to 4,096, and 2 where
    /// there are none. Fits need to know how many codes there can be ([`Fit::fit_below`]), as [`Coded`](crate::Coded) does.
    pub fn spikes(self, count: usize, row: usize) -> Result<Self> {
        if !(1..=MOST_SPIKES).contains(&count) {
            return Err(Error::Setting { name: "spikes", value: count as f64, allowed: "1 to 4" });
        }
        if !(NEAREST..=FARTHEST).contains(&row) {
            return Err(Error::Setting { name: "row", value: row as f64, allowed: "2 to 4096 values" });
        }
        Ok(Self { spikes: Some((count as u32, row)), ..self })
    }

    /// Nearly the density of the codes.
    pub(crate) fn like(self, density: Model) -> Self {
        Self { like: Some(density), ..self }
    }

    /// Classes that are known.
    pub(crate) fn classes(self, classes: Classes) -> Self {
        Self { classes: Some(classes), ..self }
    }

    pub(crate) fn fit_codes<C: Code>(&self, codes: &[C], level_count: u32, shapes: &mut Shapes) -> Result<ContextFit> {
        let all = 0..codes.len();
        self.fit_runs(codes, core::slice::from_ref(&all), level_count, shapes)
    }

    /// Likewise for codes of some runs of values, one after another.
    pub(crate) fn fit_runs<C: Code>(
        &self,
        codes: &[C],
        runs: &[Range<usize>],
        level_count: u32,
        shapes: &mut Shapes,
    ) -> Result<ContextFit> {
        let automaton = self.automaton;
        let (side_bits, sides) = (automaton.side_bits(), automaton.sides());
        let largest = codes.iter().fold(0, |largest, code| code.to_u32().max(largest));
        let top = level_count.saturating_sub(1).max(largest) >> side_bits;
        ContextRansCodec::<C>::check_last(automaton, top)?;
        let count = self.spikes.map_or(0, |(count, _)| count);
        let Some(last) = top.checked_sub(count) else {
            return Err(Error::Setting { name: "spikes", value: count.into(), allowed: "fewer than there are codes" });
        };
        let mask = self.spikes.map(|(count, row)| SpikeMask::even(last + 1, count, row));
        let first_spike = if mask.is_some() { last + 1 } else { u32::MAX };
        let others = codes.iter().map(|code| code.to_u32()).filter(|code| code >> side_bits < first_spike);
        let centre = self.centre.unwrap_or_else(|| {
            let (sum, count) = others.fold((0, 0), |(sum, count), code| (sum + u64::from(code), count + 1));
            (sum / count.max(1)) as u32
        });
        let centre = (centre >> side_bits).min(last);
        let classes = if let Some(classes) = &self.classes {
            classes.clone()
        } else {
            let middle = f64::from(centre << side_bits);
            let size = |code: &C| {
                let code = code.to_u32();
                if code >> side_bits < first_spike { (f64::from(code) - middle) as f32 } else { f32::INFINITY }
            };
            let far: Vec<f32> = if self.groups.is_empty() { Vec::new() } else { codes.iter().map(size).collect() };
            calibrate::classes(&self.groups, &far, mask.as_ref().map(|_| f32::is_infinite))?
        };
        let classes = if mask.is_some() { classes.with_spikes() } else { classes };
        let (first, tables) = (classes.first() * sides, classes.count() * sides);
        let mut counts = Counts::new(tables, centre, last);
        let mut spikes = [0; MOST_SPIKES];
        if self.classes.is_some() {
            // Made by this automaton, and so known to be right.
            let mut rest = codes;
            for run in runs {
                let (codes, later) = rest.split_at(run.len().min(rest.len()));
                counts.add_all((&classes, first_spike), side_bits, run.start, codes, &mut spikes);
                rest = later;
            }
        } else {
            Contexts::for_each(automaton, (&classes, first_spike), 0, codes, |_, table, symbol| {
                if symbol < first_spike {
                    counts.add(table, symbol);
                } else {
                    spikes[(symbol - first_spike) as usize % MOST_SPIKES] += 1;
                }
            })?;
        }
        let pairs: Vec<_> = (first..tables).map(|table| counts.pairs(table)).collect();
        let width = bits_of(top);
        let spiked = mask.map(|mask| {
            // As if runs were one: where they are apart, these bits are no more than a guess.
            let (mask, bits) = mask.fit(codes.len(), |i| codes[i].to_u32() >> side_bits >= first_spike);
            let pairs: Vec<_> = (first_spike..).zip(spikes).filter(|&(_, count)| count > 0).collect();
            SpikeFit::new(mask, &pairs, width, bits)
        });
        let spiked = spiked.transpose()?;
        let (density, bits) = Model::nearest(&pairs, sides, centre, last, self.like, shapes)?;
        // What rounding to frequencies adds.
        let bits = bits + 0.002 * codes.len() as f64;
        let sum = |prices: &[Prices]| prices.iter().zip(&pairs).map(|(prices, pairs)| prices.sum(pairs)).sum::<f64>();
        let fit = |prices: Vec<Prices>, tables: Vec<Table>, table_bytes: usize| {
            let own = sum(&prices);
            let gain = if tables.is_empty() { 0.0 } else { bits - own };
            let spikes = spiked.as_ref();
            let spike_prices = spikes.map_or(Ok(Vec::new()), |spikes| spikes.prices(sides, top))?;
            Ok(ContextFit {
                automaton,
                last,
                tables,
                density,
                bits: own + spikes.map_or(0.0, |spikes| spikes.mask_bits + spikes.code_bits),
                mask_bits: spikes.map_or(0.0, |spikes| spikes.mask_bits),
                table_bytes: table_bytes + spikes.map_or(0, SpikeFit::bytes),
                gain,
                rates: Rates { classes: classes.clone(), prices: spike_prices.into_iter().chain(prices).collect() },
                spikes: spiked.clone().map(|spikes| (spikes.mask, spikes.table)),
            })
        };
        if self.written || classes.count() - classes.first() <= FEW_CLASSES {
            let tables: Vec<Table> =
                pairs.iter().map(|pairs| Table::of_bits(pairs, width, BITS)).collect::<Result<_>>()?;
            let prices: Vec<Prices> = tables.iter().map(Table::prices).collect();
            let table_bytes = written_bytes(&tables);
            if sum(&prices) + 8.0 * table_bytes as f64 <= bits {
                return fit(prices, tables, table_bytes);
            }
        }
        fit(density.prices((tables - first, sides), (last, width), shapes)?, Vec::new(), 0)
    }
}

/// The mask of spikes and the table of which they are, and what they take.
#[derive(Debug, Clone)]
struct SpikeFit {
    mask: SpikeMask,
    table: Table,
    mask_bits: f64,
    code_bits: f64,
}

impl SpikeFit {
    fn new(mask: SpikeMask, pairs: &[(u32, u64)], width: u32, mask_bits: f64) -> Result<Self> {
        let table = Table::of_bits(pairs, width, BITS)?;
        let code_bits = table.prices().sum(pairs);
        Ok(Self { mask, table, mask_bits, code_bits })
    }

    /// Of a class of its own; spikes have one side.
    fn prices(&self, sides: usize, top: u32) -> Result<Vec<Prices>> {
        let mut prices = vec![self.table.prices()];
        if sides > 1 {
            prices.push(Table::of_none(top)?.prices());
        }
        Ok(prices)
    }

    /// Bytes of mask and table.
    fn bytes(&self) -> usize {
        let mut bytes = Vec::new();
        let out = &mut Writer { bytes: &mut bytes };
        self.mask.write(out);
        self.table.write(out);
        bytes.len()
    }
}

/// What a codec is made of, which takes longer, and what it would do.
#[derive(Debug)]
pub(crate) struct ContextFit {
    automaton: Automaton,
    last: u32,
    /// If they are to be written.
    tables: Vec<Table>,
    spikes: Option<(SpikeMask, Table)>,
    /// The nearest density, though tables may be better.
    pub(crate) density: Model,
    pub(crate) rates: Rates,
    /// What the codes cost, without side information.
    pub(crate) bits: f64,
    /// Those of the mask of spikes among them.
    pub(crate) mask_bits: f64,
    /// Bytes of tables, if they are written, with those of spikes; and bits that written ones save.
    pub(crate) table_bytes: usize,
    pub(crate) gain: f64,
}

impl ContextFit {
    pub(crate) fn codec<C: Code>(self, shapes: &mut Shapes) -> Result<ContextRansCodec<C>> {
        let Self { automaton, last, tables, spikes, density, rates, .. } = self;
        if tables.is_empty() {
            return ContextRansCodec::of_model(automaton, rates.classes, spikes, density, last, shapes);
        }
        ContextRansCodec::of_tables(automaton, rates.classes, spikes, tables, last)
    }
}

impl<C: Code> Fit<C> for ContextRans {
    type Fitted = ContextRansCodec<C>;

    fn fit(&self, codes: &[C]) -> Result<ContextRansCodec<C>> {
        if self.spikes.is_some() {
            let remedy = "say how many codes there are, with `fit_below`: spikes are the last of them";
            return Err(Error::Unsuited { setting: "spikes", remedy });
        }
        self.fit_below(codes, 0)
    }

    fn fit_below(&self, codes: &[C], level_count: u32) -> Result<ContextRansCodec<C>> {
        let mut shapes = Shapes::default();
        self.fit_codes(codes, level_count, &mut shapes)?.codec(&mut shapes)
    }
}
