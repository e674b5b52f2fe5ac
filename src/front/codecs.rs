//! From codes to the codec that makes the least of them.

use super::{
    compressor::{Compressed, Compressor},
    report::RunnerUp,
    search::Data,
};
use crate::{
    automaton::Automaton,
    codec::{Codec, ContextRans, ContextRansCodec, Difference, Rans, RansCodec},
    element::Element,
    error::{Error, Result},
    fit::Fit,
    groups::Groups,
    metrics::bits_per_value,
    pipeline::Coded,
    quantizer::{Quantizer, QuantizerExt},
    then::Then,
};
use alloc::{boxed::Box, format, vec, vec::Vec};

/// Bytes of a stretch of codes, what is done, and by which codec.
type Way = (usize, &'static str, Box<dyn Codec<Code = u32>>);

/// Fewer codes are not worth tables by rows and columns.
pub(super) const FEW: usize = 256;

impl Compressor {
    /// A frame of a quantizer whose levels are near each other where codes are, with whichever codec is smallest.
    pub(super) fn coded<T: Element, Q>(&self, data: &Data<'_, T>, quantizer: Q, steps: &str) -> Result<Compressed>
    where
        Q: Quantizer<Code = u32>,
    {
        let codes = quantizer.quantize(data.finite)?;
        let level_count = quantizer.level_count();
        // Chunks of masked values may have other codes.
        let plain: RansCodec<u32> = Rans::new().fit_below(&codes, level_count)?;
        let mut ways: Vec<Way> = vec![(stretch_len(&codes, &plain)?, "", Box::new(plain))];
        for (method, map) in self.predictors(&quantizer)? {
            let codec = Then::new(map, Rans::new()).fit(&codes)?;
            ways.push((stretch_len(&codes, &codec)?, method, Box::new(codec)));
        }
        for (method, codec) in self.contexts(&codes, level_count)? {
            // Levels of rows count for as many codes as are looked at.
            let side = codec.side_bytes() as f64 * codes.len().min(STRETCH) as f64 / codes.len().max(1) as f64;
            ways.push((stretch_len(&codes, &codec)? + side as usize, method, Box::new(codec)));
        }
        ways.sort_by_key(|way| way.0);
        let name = |method: &str| format!("{steps}{method}, entropy coded");
        let mut ways = ways.into_iter();
        let Some((bytes, method, codec)) = ways.next() else { return Err(Error::Empty) };
        let second = ways.next().map(|(more, method, _)| {
            RunnerUp::new(name(method), bits_per_value(more - bytes, codes.len().min(STRETCH)))
        });
        let found = self.masked(data.values, Coded::new(quantizer, codec), &name(method))?;
        Ok(found.beating(second))
    }

    /// Rows and columns of a matrix, which the first axis and all others make, if there are such.
    pub(super) fn row_and_column(&self, values: usize) -> Result<Option<(Groups, Groups)>> {
        let shape = self.axes();
        let columns: usize = shape.iter().skip(1).product();
        if shape.len() < 2 {
            return Ok(None);
        }
        Ok(Some((Groups::blocks(columns, values)?, Groups::axis(&[1, columns], 1)?)))
    }

    /// Coders that tell rows and columns apart, where that may pay.
    fn contexts(&self, codes: &[u32], level_count: u32) -> Result<Vec<(&'static str, ContextRansCodec<u32>)>> {
        let Some((row, column)) = self.row_and_column(codes.len())?.filter(|_| codes.len() >= FEW) else {
            return Ok(Vec::new());
        };
        let settings = ContextRans::new(Automaton::memoryless().lanes(8)?).written();
        let ways = [
            (", contexts by row", settings.clone().by(row)),
            (", contexts by column", settings.clone().by(column)),
            (", contexts by row and column", settings.by(row).by(column)),
        ];
        // Codes of 2^24 symbols are too many for tables of contexts.
        let fitted = ways.into_iter().filter_map(|(name, way)| Some((name, way.fit_below(codes, level_count).ok()?)));
        Ok(fitted.collect())
    }

    fn predictors<Q: Quantizer<Code = u32>>(&self, quantizer: &Q) -> Result<Vec<(&'static str, Difference<u32>)>> {
        let line = Difference::of(quantizer)?;
        let mut predictors =
            vec![(", differences", line.clone()), (", differences of differences", line.clone().order(2)?)];
        let axes: Vec<usize> = (0..self.shape.len()).filter(|&axis| self.shape[axis] > 1).collect();
        if axes.len() > 1 && !self.shape.contains(&0) {
            // The nearest axes, as many as can be.
            let near = axes.iter().rev().take(4);
            let field = near.into_iter().try_fold(line, |map, &axis| map.along(&self.shape, axis))?;
            let again = field.clone().order(2)?;
            predictors.push((", differences along all axes", field));
            predictors.push((", differences of differences along all axes", again));
        }
        Ok(predictors)
    }
}

/// Codes whose bytes are counted to compare codecs.
const STRETCH: usize = 1 << 17;

/// Bytes of a stretch of codes from the middle.
fn stretch_len<K: Codec<Code = u32>>(codes: &[u32], codec: &K) -> Result<usize> {
    let len = codes.len().min(STRETCH);
    let start = (codes.len() - len) / 2;
    let mut bytes = vec![0; codec.max_encoded_len(len)];
    codec.encode_at(start, &codes[start..start + len], &mut bytes)
}
