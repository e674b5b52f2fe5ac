//! Prediction from neighbours: codes of smooth data become small ones.

use super::{
    CodeMap,
    map::{last_code, read_last},
};
use crate::{
    code::Code,
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result, check_piece, same_length},
    groups::Groups,
    quantizer::Quantizer,
};
use alloc::vec::Vec;
use core::{iter::repeat_n, marker::PhantomData};

/// Differences of neighbouring codes, along one axis or several: a predictor that keeps every error bound, for it works on
/// codes.
///
/// Of codes below `n`, the difference to the code before is taken modulo `n` and folded, so that 0, -1, 1, -2, 2 ... are 0,
/// 1, 2, 3, 4 ...: as many codes as before, small where data are smooth. Where there is no code before, at the beginning of
/// a stream or an axis, it counts as 0. The second [order](Self::order) takes differences of differences: it predicts that
/// a slope goes on. [Along](Self::along) several axes each takes the differences of those before, which predicts a corner
/// from the other three of a square, as Lorenzo predictors do.
///
/// Alone it saves nothing: put it in front of an entropy coder, for data that change slowly from value to value, such as
/// signals and fields. Noise takes half a bit more per order and axis. Cost: a subtraction per code, order and axis; the way
/// back is a running sum.
///
/// Ibarria, Lindstrom, Rossignac and Szymczak, "Out-of-core compression and decompression of large n-dimensional scalar
/// fields", 2003.
///
/// ```
/// use fewbits::{CodeMapExt, Difference, ErrorBound, Fit, QuantizerExt};
///
/// let signal: Vec<f32> = (0..1000).map(|i| (i as f32 / 100.0).sin()).collect();
/// let quantizer = ErrorBound::max_abs_error(1e-4).codes::<u16>().fit(&signal)?;
/// let codes = quantizer.quantize(&signal)?;
/// let difference = Difference::of(&quantizer)?.order(2)?;
/// let mapped = difference.forward(&codes)?;
/// assert!(codes.iter().any(|&code| code > 9000) && mapped[2..].iter().all(|&code| code < 8));
/// assert_eq!(difference.inverse(&mapped)?, codes);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference<C> {
    /// The largest code, `n - 1`.
    last: u32,
    order: u8,
    /// None: all codes in a line.
    axes: Vec<Groups>,
    code: PhantomData<C>,
}

/// More axes than this are not kept.
const MOST_AXES: usize = 8;

impl<C: Code> Difference<C> {
    pub(crate) const TAG: u8 = 0x31;

    /// First differences of codes below `level_count` that lie in a line.
    pub fn new(level_count: u32) -> Result<Self> {
        Ok(Self { last: last_code::<C>(level_count)?, order: 1, axes: Vec::new(), code: PhantomData })
    }

    /// First differences of a quantizer's codes.
    pub fn of<Q: Quantizer<Code = C> + ?Sized>(quantizer: &Q) -> Result<Self> {
        Self::new(quantizer.level_count())
    }

    /// 1, as by default: values stay what they are. 2: slopes do.
    pub fn order(self, order: u8) -> Result<Self> {
        if matches!(order, 1 | 2) {
            return Ok(Self { order, ..self });
        }
        Err(Error::Setting { name: "order", value: order.into(), allowed: "1 or 2" })
    }

    /// Differences along `axis` of a row-major `shape`; called again, along that axis as well, up to 8 in all.
    ///
    /// ```
    /// use fewbits::{CodeMapExt, Difference};
    ///
    /// let plane = Difference::<u8>::new(100)?.along(&[2, 3], 1)?.along(&[2, 3], 0)?;
    /// // 5, 6, 7 and 8, 9, 10: one corner is new, edges have a slope, what lies within is known from them.
    /// assert_eq!(plane.forward(&[5, 6, 7, 8, 9, 10])?, [10, 2, 2, 6, 0, 0]);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn along(mut self, shape: &[usize], axis: usize) -> Result<Self> {
        if self.axes.len() == MOST_AXES {
            let value = MOST_AXES as f64 + 1.0;
            return Err(Error::Setting { name: "axes", value, allowed: "8 axes or fewer" });
        }
        self.axes.push(Groups::axis(shape, axis)?);
        Ok(self)
    }

    /// Each pass: how far the code before is, and how many such steps an axis has.
    fn passes(&self) -> impl DoubleEndedIterator<Item = (usize, usize)> {
        let line = self.axes.is_empty().then_some((1, usize::MAX));
        // An axis of one step has no neighbours.
        let axes = self.axes.iter().map(|axis| (axis.run(), axis.count())).filter(|&(_, count)| count > 1);
        line.into_iter().chain(axes).flat_map(|pass| repeat_n(pass, self.order.into()))
    }

    /// All codes are below `n`.
    fn check(&self, start: usize, codes: &[C]) -> Result<()> {
        check_piece(start, codes.len(), 1)?;
        let largest = codes.iter().fold(0, |largest, code| code.to_u32().max(largest));
        if largest <= self.last {
            return Ok(());
        }
        let index = codes.iter().position(|code| code.to_u32() > self.last).unwrap_or(0);
        let level_count = u64::from(self.last) + 1;
        Err(Error::Code { index: start + index, code: codes[index].to_u32(), level_count })
    }

    /// `a - b` modulo `n`.
    #[inline(always)]
    fn less(&self, a: C, b: C) -> C {
        let (a, b) = (a.to_u32(), b.to_u32());
        let turn = if a < b { self.last.wrapping_add(1) } else { 0 };
        C::from_u32(a.wrapping_sub(b).wrapping_add(turn))
    }

    /// `a + b` modulo `n`.
    #[inline(always)]
    fn more(&self, a: C, b: C) -> C {
        let (a, b) = (a.to_u32(), b.to_u32());
        let turn = if b > self.last - a { self.last.wrapping_add(1) } else { 0 };
        C::from_u32(a.wrapping_add(b).wrapping_sub(turn))
    }

    /// 0, -1, 1, -2, 2 ... modulo `n` as 0, 1, 2, 3, 4 ...
    #[inline(always)]
    fn fold(&self, difference: C) -> C {
        let d = difference.to_u32();
        let negative = self.last - d;
        C::from_u32(if d <= self.last / 2 { d << 1 } else { negative << 1 | 1 })
    }

    #[inline(always)]
    fn unfold(&self, code: C) -> C {
        let code = code.to_u32();
        C::from_u32(if code & 1 == 0 { code >> 1 } else { self.last - (code >> 1) })
    }
}

/// Calls `each(from, to)` for the codes of a slice from `start` on that have one before them, `run` earlier, on an axis of
/// `count` steps; the earlier one may lie before the slice.
fn for_each_line(start: usize, len: usize, (run, count): (usize, usize), mut each: impl FnMut(usize, usize)) {
    let line = run.saturating_mul(count);
    let mut begin = 0;
    while begin < len {
        let within = (start + begin) % line;
        let end = len.min(begin.saturating_add(line - within));
        // What is on the first step has none before it.
        let first = end.min(begin.saturating_add(run.saturating_sub(within)));
        if first < end {
            each(first, end);
        }
        begin = end;
    }
}

impl<C: Code> CodeMap for Difference<C> {
    type Code = C;

    fn forward_at(&self, start: usize, codes: &mut [C]) -> Result<()> {
        self.check(start, codes)?;
        for pass in self.passes() {
            for_each_line(start, codes.len(), pass, |from, to| {
                let run = pass.0;
                for i in (from.max(run)..to).rev() {
                    codes[i] = self.less(codes[i], codes[i - run]);
                }
            });
        }
        for code in codes {
            *code = self.fold(*code);
        }
        Ok(())
    }

    fn inverse_at(&self, start: usize, codes: &mut [C], history: &mut [C]) -> Result<()> {
        self.check(start, codes)?;
        if !history.is_empty() {
            same_length("history", self.history_len(), history.len())?;
        }
        for code in &mut *codes {
            *code = self.unfold(*code);
        }
        let mut rest = history;
        for pass in self.passes().rev() {
            let run = pass.0;
            let (before, others) = rest.split_at_mut(run.min(rest.len()));
            for_each_line(start, codes.len(), pass, |from, to| {
                // Those whose neighbour lies in the piece before, which is nowhere if this is a whole stream.
                let edge = to.min(run).max(from);
                for i in from..edge.min(before.len().max(from)) {
                    codes[i] = self.more(codes[i], before[i]);
                }
                for i in edge..to {
                    codes[i] = self.more(codes[i], codes[i - run]);
                }
            });
            remember(before, codes);
            rest = others;
        }
        Ok(())
    }

    fn level_count(&self) -> u32 {
        self.last + 1
    }

    fn history_len(&self) -> usize {
        self.passes().fold(0, |len, (run, _)| len.saturating_add(run))
    }
}

/// The last codes of `before` and `codes` together.
fn remember<C: Code>(before: &mut [C], codes: &[C]) {
    let kept = before.len().saturating_sub(codes.len());
    before.copy_within(before.len() - kept.., 0);
    let new = before.len() - kept;
    before[kept..].copy_from_slice(&codes[codes.len() - new..]);
}

impl<C: Code> Describe for Difference<C> {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            out.varint(self.last.into());
            out.u8(self.order);
            out.varint(self.axes.len() as u64);
            for axis in &self.axes {
                axis.write(out);
            }
        });
    }
}

impl<C: Code> Restore for Difference<C> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        stages.stage(Self::TAG, "differences of codes", |bytes| {
            let level_count = read_last(bytes)?;
            let (order, axes) = (bytes.u8()?, bytes.size()?);
            if !matches!(order, 1 | 2) {
                return Err(Error::Corrupt { what: "order of differences", found: order.into() });
            }
            if axes > MOST_AXES {
                return Err(Error::Corrupt { what: "axes of differences", found: axes as u64 });
            }
            let mut difference = Self::new(level_count)?;
            difference.order = order;
            for _ in 0..axes {
                difference.axes.push(Groups::read_axis(bytes)?);
            }
            Ok(difference)
        })
    }
}
