//! Entropy coding with several tables: one for each class of values, and for each side of an automaton.

use super::{
    Table, bits_of,
    context_codec::{ContextRansCodec, written_bytes},
    context_stream::{BITS, Contexts},
    counts::Counts,
    density::Shapes,
    model::Model,
};
use crate::{
    automaton::Automaton,
    calibrate,
    classes::Classes,
    code::Code,
    error::Result,
    fit::Fit,
    groups::Groups,
    rates::{Prices, Rates},
};
use alloc::vec::Vec;
use core::ops::Range;

/// Settings of a static entropy coder with a table for each context: for codes whose spread depends on where they are, and
/// for those of an [`Automaton`].
///
/// Groups of values, such as rows and columns, get a level each, a quarter of an octave of how far their codes are from the
/// centre, and levels of a value add up to its class. Tables are those of one density, a shape and a scale, which costs a few
/// bytes; without groups, tables of the codes themselves where they are smaller. Costs as [`Rans`](crate::Rans), with 32 KiB in
/// memory for each table, and somewhat more to encode: 7 MiB at most, for 64 classes of two sides.
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
    /// A density whose shape is known to be near.
    like: Option<Model>,
}

/// Without [`ContextRans::written`], tables are written if there are at most so many classes.
const FEW_CLASSES: usize = 4;

impl ContextRans {
    /// For codes of this automaton, without groups.
    pub const fn new(automaton: Automaton) -> Self {
        Self { automaton, groups: Vec::new(), centre: None, classes: None, written: false, like: None }
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
        let largest = codes.iter().fold(0, |largest, code| code.to_u32().max(largest));
        let last = level_count.saturating_sub(1).max(largest) >> automaton.side_bits();
        ContextRansCodec::<C>::check_last(automaton, last)?;
        let centre = self.centre.unwrap_or_else(|| {
            let sum: u64 = codes.iter().map(|code| u64::from(code.to_u32())).sum();
            (sum / codes.len().max(1) as u64) as u32
        });
        let centre = (centre >> automaton.side_bits()).min(last);
        let classes = if let Some(classes) = &self.classes {
            classes.clone()
        } else {
            let centre = f64::from(centre << automaton.side_bits());
            let size = |code: &C| (f64::from(code.to_u32()) - centre) as f32;
            let far: Vec<f32> = if self.groups.is_empty() { Vec::new() } else { codes.iter().map(size).collect() };
            calibrate::classes(&self.groups, &far)?
        };
        let tables = classes.count() * automaton.sides();
        let mut counts = Counts::new(tables, centre, last);
        if self.classes.is_some() {
            // Made by this automaton, and so known to be right.
            let mut rest = codes;
            for run in runs {
                let (codes, later) = rest.split_at(run.len().min(rest.len()));
                counts.add_all(&classes, automaton.side_bits(), run.start, codes);
                rest = later;
            }
        } else {
            Contexts::for_each(automaton, &classes, 0, codes, |_, table, symbol| counts.add(table, symbol))?;
        }
        let pairs: Vec<_> = (0..tables).map(|table| counts.pairs(table)).collect();
        let (density, bits) = Model::nearest(&pairs, automaton.sides(), centre, last, self.like, shapes)?;
        // What rounding to frequencies adds.
        let bits = bits + 0.002 * codes.len() as f64;
        let sum = |prices: &[Prices]| prices.iter().zip(&pairs).map(|(prices, pairs)| prices.sum(pairs)).sum();
        let fit = |prices: Vec<Prices>, tables: Vec<Table>, table_bytes: usize| {
            let (own, classes) = (sum(&prices), classes.clone());
            let gain = if tables.is_empty() { 0.0 } else { bits - own };
            let rates = Rates { classes, prices };
            ContextFit { automaton, last, tables, density, rates, bits: own, table_bytes, gain }
        };
        if self.written || classes.count() <= FEW_CLASSES {
            let width = bits_of(last);
            let tables: Vec<Table> =
                pairs.iter().map(|pairs| Table::of_bits(pairs, width, BITS)).collect::<Result<_>>()?;
            let prices: Vec<Prices> = tables.iter().map(Table::prices).collect();
            let table_bytes = written_bytes(&tables);
            if sum(&prices) + 8.0 * table_bytes as f64 <= bits {
                return Ok(fit(prices, tables, table_bytes));
            }
        }
        Ok(fit(density.prices(tables, automaton.sides(), last, shapes)?, Vec::new(), 0))
    }
}

/// What a codec is made of, which takes longer, and what it would do.
#[derive(Debug)]
pub(crate) struct ContextFit {
    automaton: Automaton,
    last: u32,
    /// If they are to be written.
    tables: Vec<Table>,
    /// The nearest density, though tables may be better.
    pub(crate) density: Model,
    pub(crate) rates: Rates,
    /// What the codes cost, without side information.
    pub(crate) bits: f64,
    /// Bytes of tables, if they are written, and bits that they save.
    pub(crate) table_bytes: usize,
    pub(crate) gain: f64,
}

impl ContextFit {
    pub(crate) fn codec<C: Code>(self, shapes: &mut Shapes) -> Result<ContextRansCodec<C>> {
        let Self { automaton, last, tables, density, rates, .. } = self;
        if tables.is_empty() {
            return ContextRansCodec::of_model(automaton, rates.classes, density, last, shapes);
        }
        ContextRansCodec::of_tables(automaton, rates.classes, tables, last)
    }
}

impl<C: Code> Fit<C> for ContextRans {
    type Fitted = ContextRansCodec<C>;

    fn fit(&self, codes: &[C]) -> Result<ContextRansCodec<C>> {
        self.fit_below(codes, 0)
    }

    fn fit_below(&self, codes: &[C], level_count: u32) -> Result<ContextRansCodec<C>> {
        let mut shapes = Shapes::default();
        self.fit_codes(codes, level_count, &mut shapes)?.codec(&mut shapes)
    }
}
