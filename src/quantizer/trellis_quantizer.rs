//! Equal steps that are chosen together: the path of levels that costs the least in error and bits.

use super::{
    Quantizer, check_codes, pass_between,
    trellis_choice::{Choice, Paths},
};
use crate::{
    automaton::Automaton,
    code::Code,
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result, check_piece, same_length},
    kernel::multiples::multiples,
    rates::Rates,
    spikes::{MOST_SPIKES, Spikes},
    wire::{Reader, unzigzag, zigzag},
};
use core::{marker::PhantomData, ops::Range};

/// The slope of error by bits, `2 ln 2` of the mean squared error, in squares of two steps.
pub(super) const LAMBDA: f32 = 0.09;
/// Numbers of levels are below this in magnitude.
pub(super) const FARTHEST: i64 = 1 << 23;
/// Values that are quantized at once where there is one state.
const PIECE: usize = 4096;

/// A quantizer fitted by [`Trellis`](crate::Trellis): its levels are multiples of a step, and its codes a path of an [`Automaton`].
///
/// Restoring knows nothing of all this: the level of code `c` is `(first + c) * step`, rounded to f32, or a spike. Quantizing
/// needs pieces that start where lanes do. Values outside the range it was fitted to are clipped.
#[derive(Debug, Clone, PartialEq)]
pub struct TrellisQuantizer<C = u32> {
    step: f32,
    /// The number of the first level, a multiple of 4.
    first: i32,
    /// Levels at multiples of the step; codes of spikes follow.
    steps: u32,
    automaton: Automaton,
    spikes: Spikes,
    lambda: f32,
    /// What codes cost, if it is known; only quantizing asks.
    rates: Option<Rates>,
    code: PhantomData<C>,
}

impl<C: Code> TrellisQuantizer<C> {
    pub(crate) const TAG: u8 = 0x07;

    pub(super) fn new(step: f32, first: i64, steps: u32, automaton: Automaton, spikes: Spikes) -> Result<Self> {
        let first = first as i32;
        let quantizer = Self { step, first, steps, automaton, spikes, lambda: LAMBDA, rates: None, code: PhantomData };
        let level_count = u64::from(quantizer.spike_code(spikes.len()));
        if level_count > 1 << C::BITS {
            return Err(Error::CodeWidth { level_count, code_bits: C::BITS });
        }
        Ok(quantizer)
    }

    pub(crate) fn with_lambda(self, lambda: f32) -> Self {
        Self { lambda, ..self }
    }

    /// The distance of levels.
    pub const fn step(&self) -> f32 {
        self.step
    }

    /// The automaton.
    pub const fn automaton(&self) -> Automaton {
        self.automaton
    }

    /// The code of the level 0; codes below and above are those of negative and positive values. It may lie outside the
    /// levels.
    pub const fn zero(&self) -> i32 {
        -self.first
    }

    /// The code of a spike: one of the side 0.
    const fn spike_code(&self, index: usize) -> u32 {
        self.steps + ((index as u32) << self.automaton.side_bits())
    }

    /// How paths are found, if there is more than one state.
    fn paths(&self) -> Option<Paths<'_>> {
        let levels = (self.first, self.steps);
        let paths = || Paths::new((self.step, self.lambda), levels, self.automaton, self.rates.as_ref(), self.spikes);
        (self.automaton.states() > 1).then(paths)
    }

    /// Values that start where lanes do: wherever they are, it is state 0 that each lane begins with.
    fn quantize_by(&self, paths: Option<&Paths<'_>>, start: usize, values: &[f32], codes: &mut [C]) -> Result<()> {
        if let Some(paths) = paths {
            paths.find(start, values, codes)?;
        } else {
            self.quantize_alone(start, values, codes);
        }
        for (index, &spike) in self.spikes.as_slice().iter().enumerate() {
            let of_spike = C::from_u32(self.spike_code(index));
            codes.iter_mut().zip(values).filter(|&(_, &x)| x == spike).for_each(|(code, _)| *code = of_spike);
        }
        Ok(())
    }

    /// With one state, which has nothing to stand still: spikes are as others, until they get their codes.
    fn quantize_alone(&self, start: usize, values: &[f32], codes: &mut [C]) {
        let levels = self.first..self.first.wrapping_add_unsigned(self.steps);
        let choice = Choice::new((self.step, self.lambda), levels, self.rates.as_ref());
        let mut room = [0; PIECE];
        for (i, (values, codes)) in values.chunks(PIECE).zip(codes.chunks_mut(PIECE)).enumerate() {
            let mut classes = &room[..0];
            if let Some(rates) = self.rates.as_ref().filter(|rates| !rates.classes.is_one()) {
                rates.classes.fill(start + i * PIECE, &mut room[..values.len()]);
                classes = &room[..values.len()];
            }
            choice.each(values, classes, codes);
        }
    }

    /// Some runs of values, one after another, as if a period began with each: what they would cost.
    pub(crate) fn quantize_runs(&self, runs: &[Range<usize>], values: &[f32], codes: &mut [C]) -> Result<()> {
        let paths = self.paths();
        let mut rest = codes;
        for run in runs {
            let (codes, later) = rest.split_at_mut(run.len());
            rest = later;
            self.quantize_by(paths.as_ref(), run.start, &values[run.clone()], codes)?;
        }
        Ok(())
    }

    /// The level of a code that is no spike.
    #[inline(always)]
    fn level(&self, code: u32) -> f32 {
        self.first.wrapping_add_unsigned(code) as f32 * self.step
    }
}

impl<C: Code> Quantizer for TrellisQuantizer<C> {
    type Code = C;

    fn level_count(&self) -> u32 {
        self.spike_code(self.spikes.len())
    }

    fn quantize_at(&self, start: usize, values: &[f32], codes: &mut [C]) -> Result<()> {
        same_length("codes", values.len(), codes.len())?;
        self.automaton.check(start, values.len())?;
        if let Some(rates) = &self.rates {
            rates.classes.check(start, values.len())?;
        }
        let paths = self.paths();
        let period = if self.automaton.states() > 1 { self.automaton.block() } else { values.len().max(1) };
        for (i, (values, codes)) in values.chunks(period).zip(codes.chunks_mut(period)).enumerate() {
            self.quantize_by(paths.as_ref(), start + i * period, values, codes)?;
        }
        Ok(())
    }

    fn dequantize_at(&self, start: usize, codes: &[C], values: &mut [f32]) -> Result<()> {
        same_length("codes", values.len(), codes.len())?;
        check_piece(start, values.len(), 1)?;
        if multiples(self.first, self.step, codes, values) >= self.level_count() {
            // Says which it is.
            check_codes(start, codes, self.level_count())?;
        }
        for (index, &spike) in self.spikes.as_slice().iter().enumerate() {
            let codes = codes.iter().map(|code| code.to_u32().wrapping_sub(self.spike_code(index)));
            for (x, off) in values.iter_mut().zip(codes) {
                *x = if off <= self.automaton.side_bits() { spike } else { *x };
            }
        }
        Ok(())
    }

    /// Values to be quantized start where lanes do.
    fn block(&self) -> usize {
        self.automaton.block()
    }

    fn dequantize_block(&self) -> usize {
        1
    }

    /// Levels are chosen for all values together, so whatever lies beyond an element becomes its end.
    fn narrowing_bound(&self, _index: usize) -> f64 {
        f64::INFINITY
    }

    fn straight_through_at(&self, _start: usize, values: &[f32], gradient: &mut [f32]) -> Result<()> {
        same_length("gradient", values.len(), gradient.len())?;
        let (low, high) = (f64::from(self.level(0)), f64::from(self.level(self.steps - 1)));
        if self.spikes.is_empty() {
            pass_between(low, high, values, gradient);
            return Ok(());
        }
        // Spikes come back as they are, wherever they lie.
        for (g, x) in gradient.iter_mut().zip(values) {
            let passes = (low..=high).contains(&f64::from(*x)) || self.spikes.contains(*x);
            *g = if passes { *g } else { 0.0 };
        }
        Ok(())
    }

    /// Takes those of a codec for the same automaton.
    fn set_rates(&mut self, rates: Rates) -> bool {
        let sides = self.automaton.sides();
        if rates.prices.len() != rates.classes.count() * sides || rates.classes.has_spikes() == self.spikes.is_empty() {
            return false;
        }
        self.rates = Some(rates);
        true
    }
}

impl<C: Code> Describe for TrellisQuantizer<C> {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            self.automaton.write(out);
            out.f32(self.step);
            out.varint(zigzag((self.first / 4).into()));
            out.varint(u64::from(self.steps) | u64::from(!self.spikes.is_empty()));
            if !self.spikes.is_empty() {
                out.u8(self.spikes.len() as u8 - 1);
                self.spikes.as_slice().iter().for_each(|&spike| out.f32(spike));
            }
        });
    }
}

impl<C: Code> Restore for TrellisQuantizer<C> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let (automaton, step, first, steps, spikes) = stages.stage(Self::TAG, "a trellis quantizer", |bytes| {
            let (automaton, step) = (Automaton::read(bytes)?, bytes.f32()?);
            let (first, both) = (bytes.varint()?, bytes.varint()?);
            let steps = both & !1;
            let corrupt = |what, found| Err(Error::Corrupt { what, found });
            if step < f32::MIN_POSITIVE {
                return corrupt("step of a trellis quantizer", step.to_bits().into());
            }
            let number = unzigzag(first).saturating_mul(4);
            if !(-FARTHEST..=FARTHEST).contains(&number) {
                return corrupt("first level", first);
            }
            // Two symbols of each side at least, so that both neighbours of a value exist.
            let most = (FARTHEST - number + 1).cast_unsigned();
            if !(6..=most).contains(&steps) {
                return corrupt("levels", both);
            }
            let spikes = if both & 1 == 1 { read_spikes(bytes)? } else { Spikes::none() };
            Ok((automaton, step, number, steps as u32, spikes))
        })?;
        Self::new(step, first, steps, automaton, spikes)
    }
}

/// At least one, in ascending order.
fn read_spikes(bytes: &mut Reader<'_>) -> Result<Spikes> {
    let more = bytes.u8()?;
    let corrupt = Error::Corrupt { what: "spikes of a trellis quantizer", found: more.into() };
    if usize::from(more) >= MOST_SPIKES {
        return Err(corrupt);
    }
    let mut values = [0.0; MOST_SPIKES];
    let values = &mut values[..=usize::from(more)];
    for value in &mut *values {
        *value = bytes.f32()?;
    }
    let spikes = Spikes::new(values).map_err(|_| corrupt.clone())?;
    // In this order, and without signs of zeros, there is one spelling.
    let same = spikes.as_slice().iter().zip(&*values).all(|(a, b)| a.to_bits() == b.to_bits());
    if same { Ok(spikes) } else { Err(corrupt) }
}
