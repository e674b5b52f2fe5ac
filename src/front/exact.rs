//! Frames that lose nothing, and the smallest of them.

use super::{
    codecs::FEW,
    compressor::{Compressed, Compressor},
    report::RunnerUp,
    search::Data,
};
use crate::{
    automaton::Automaton,
    calibrate,
    codec::{
        ContextRans, Rans, RansCodec,
        rans::{Shapes, side_bytes},
    },
    element::Element,
    error::Result,
    fit::Fit,
    groups::Groups,
    kernel::exp::information,
    metrics::bits_per_value,
    pipeline::{Coded, Planes, seen},
    quantizer::{BoundedQuantizer, Codebook, ErrorBound, Quantizer, QuantizerExt, ScaleType, Scaled, Scales},
};
use alloc::{borrow::Cow, vec, vec::Vec};

impl Compressor {
    /// The smallest frame that loses nothing; none if it is expected to have more bytes than `most`.
    pub(super) fn exact<T: Element>(&self, values: &[T], present: &[T], most: usize) -> Result<Option<Compressed>> {
        // Tables by rows and columns take their time, and never bring a half.
        let beyond = 2.0 * most as f64;
        let planes = Planes::of(values, beyond);
        let least = planes.least_len();
        let mut best =
            if least > most as f64 { None } else { Some(self.finish(values, &planes.fit()?, "lossless")?) };
        if present.is_empty() {
            return Ok(best);
        }
        let row = self.axes().last().copied().filter(|_| present.len() == values.len());
        let few = few_levels(present).filter(|_| may_take(present, row.unwrap_or(1), most)).and_then(|levels| {
            let scales = Scales::new(ScaleType::F32, vec![1.0]).ok()?;
            Scaled::<_, u32>::new(Codebook::new(levels).ok()?, Groups::tensor(), scales, Vec::new()).ok()
        });
        let near = size_of::<T>() == 2 && least <= beyond;
        if few.is_none() && !near {
            return Ok(best);
        }
        let finite =
            if self.policy.masks() { Cow::Owned(seen(self.policy, values, 1)?) } else { Cow::Borrowed(values) };
        let data = Data { values, present, finite: &finite, mean: None };
        // A zero with a sign is no level of its own, and some values are too far apart for contexts.
        let few = few.and_then(|quantizer| self.coded(&data, quantizer, "lossless, few levels").ok());
        let rows = if near { self.exact_rows(&data).ok().flatten() } else { None };
        for found in few.into_iter().chain(rows).filter(|found| found.exact) {
            let Some(other) = best else {
                best = Some(found);
                continue;
            };
            let (more, less) =
                if found.as_bytes().len() < other.as_bytes().len() { (other, found) } else { (found, other) };
            let bytes = more.as_bytes().len() - less.as_bytes().len();
            let second = RunnerUp::new(more.report.method, bits_per_value(bytes, values.len()));
            best = Some(less.beating(Some(second)));
        }
        Ok(best)
    }

    /// A frame of exact values of 16 bits, whose first bits depend on how large others of their row are; none for other values.
    fn exact_rows<T: Element>(&self, data: &Data<'_, T>) -> Result<Option<Compressed>> {
        if size_of::<T>() != 2 || data.finite.len() < FEW {
            return Ok(None);
        }
        let quantizer: BoundedQuantizer<u32> = ErrorBound::max_abs_error(0.0).fit(data.present)?;
        let codes = quantizer.quantize(data.finite)?;
        let mut groupings = vec![Vec::new()];
        if let Some((row, column)) = self.row_and_column(codes.len())? {
            groupings.extend([vec![row], vec![column], vec![row, column]]);
        }
        let mut wide = vec![0.0; codes.len()];
        T::widen_into(data.finite, &mut wide)?;
        let mut best = None;
        let mut least = f64::INFINITY;
        let shapes = &mut Shapes::default();
        for groupings in groupings {
            let classes = calibrate::classes(&groupings, &wide, None::<fn(f32) -> bool>)?;
            let levels: usize = classes.parts().iter().map(|(_, levels)| side_bytes(levels)).sum();
            let settings = ContextRans::new(Automaton::memoryless().lanes(8)?).classes(classes).written();
            let fit = settings.fit_codes(&codes, quantizer.level_count(), shapes)?;
            let bits = fit.bits + 8.0 * (levels + fit.table_bytes) as f64;
            if bits < least {
                (least, best) = (bits, Some(fit));
            }
        }
        let plain: RansCodec<u32> = Rans::new().fit_below(&codes, quantizer.level_count())?;
        let plain = self.masked(data.values, Coded::new(&quantizer, plain), "lossless, entropy coded")?;
        let Some(fit) = best else { return Ok(Some(plain)) };
        let codec = fit.codec(shapes)?;
        let contexts = self.masked(data.values, Coded::new(&quantizer, codec), "lossless, contexts")?;
        Ok(Some(if contexts.as_bytes().len() < plain.as_bytes().len() { contexts } else { plain }))
    }
}

/// Whether few levels may take no more than so many bytes: by runs of them, as they are or by what predictions from those before
/// and a row before leave.
fn may_take<T: Element>(values: &[T], row: usize, most: usize) -> bool {
    /// Runs, evenly spaced, and values of each.
    const RUNS: usize = 16;
    const RUN: usize = 256;
    /// Tables by rows and columns may save a part of it.
    const PART: f64 = 0.7;
    let reach = if row < values.len() / 2 { row + 1 } else { 2 };
    let row = reach - 1;
    let Some(step) = values.len().checked_sub(reach + RUN).map(|room| room / (RUNS - 1)) else { return true };
    let looked_at = (0..RUNS).flat_map(|run| (0..RUN).map(move |i| reach + run * step + i));
    let key = |i: usize| i64::from(values[i].to_ordered().unwrap_or(0));
    let line = |i: usize| key(i) - key(i - 1);
    let rests: [&dyn Fn(usize) -> i64; 5] =
        [&key, &line, &|i| line(i) - line(i - 1), &|i| key(i) - key(i - row), &|i| line(i) - line(i - row)];
    rests.into_iter().any(|rest| {
        let mut rests: Vec<i64> = looked_at.clone().map(rest).collect();
        rests.sort_unstable();
        let counts = rests.chunk_by(|a, b| a == b).map(|same| same.len() as u64);
        let bits = PART * information(counts) / (RUNS * RUN) as f64;
        bits / 8.0 * values.len() as f64 <= most as f64
    })
}

/// All values in ascending order, each once, if they are few enough to be written. Of equal ones, zeros of either sign, the
/// first stands for both.
fn few_levels<T: Element>(values: &[T]) -> Option<Vec<f32>> {
    const MOST: usize = 4096;
    /// At most a quarter full, so that more tries in a row than these are those of values that are meant to have them.
    const PLACES: usize = 4 * MOST;
    const TRIES: usize = 64;
    let most = MOST.min(values.len() / 8);
    let mut levels: Vec<(i32, T)> = Vec::new();
    // By hash: the number of a level, counted from one. Where another one is, the next place is tried.
    let mut places = vec![0_u16; PLACES];
    for &value in values {
        let key = value.to_ordered()?;
        let hash = (key.cast_unsigned().wrapping_mul(0x9e37_79b1) >> (u32::BITS - PLACES.ilog2())) as usize;
        let is_here = |&place: &usize| match usize::from(places[place]) {
            0 => true,
            number => levels[number - 1].0 == key,
        };
        let place = (hash..hash + TRIES).map(|place| place % PLACES).find(is_here)?;
        if places[place] == 0 {
            levels.push((key, value));
            places[place] = levels.len() as u16;
        }
        if levels.len() > most {
            return None;
        }
    }
    levels.sort_unstable_by_key(|level| level.0);
    let levels: Vec<T> = levels.into_iter().map(|level| level.1).collect();
    let mut wide = vec![0.0; levels.len()];
    T::widen_into(&levels, &mut wide).ok()?;
    (!wide.is_empty()).then_some(wide)
}
