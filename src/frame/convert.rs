//! A frame to values of another element.

use super::{FrameDecoder, Limits, chunks::Chunk, decode::check_rate};
use crate::{
    dtype::DType,
    element::{Element, PIECE},
    error::{Error, Result, same_length},
    memory::resize,
    pipeline::{LosslessPipeline, Pipeline},
    quantizer::BoundedQuantizer,
};
use alloc::vec::Vec;
use half::{bf16, f16};

impl<P: Pipeline> FrameDecoder<'_, P> {
    /// All values as another element, within default [`Limits`]: see [`decompress_as`](crate::decompress_as).
    pub fn decode_as<T: Element>(&self) -> Result<Vec<T>> {
        self.decode_as_within(Limits::default())
    }

    /// As [`decode_as`](Self::decode_as), into a vector that grows one chunk ahead of those that have decoded.
    pub fn decode_as_within<T: Element>(&self, limits: Limits) -> Result<Vec<T>> {
        if self.frame().dtype() == T::DTYPE {
            return self.decode_within(limits);
        }
        self.check_promise::<T>()?;
        limits.check(self.frame().len(), size_of::<T>(), self.frame().byte_len)?;
        let mut values = Vec::new();
        let mut converted = Converted::default();
        self.for_each_chunk(0..self.frame().len(), |chunk| {
            check_rate(self.pipeline(), chunk)?;
            let done = values.len();
            resize(&mut values, done + chunk.values.len())?;
            self.convert_chunk(chunk, &mut converted, &mut values[done..])
        })?;
        Ok(values)
    }

    /// All values as another element, into a buffer of their number: see
    /// [`decompress_as_into`](crate::decompress_as_into).
    pub fn decode_as_into<T: Element>(&self, values: &mut [T]) -> Result<()> {
        if self.frame().dtype() == T::DTYPE {
            return self.decode_into(values);
        }
        self.check_promise::<T>()?;
        same_length("values", self.frame().len(), values.len())?;
        let mut converted = Converted::default();
        self.for_each_chunk(0..self.frame().len(), |chunk| {
            check_rate(self.pipeline(), chunk)?;
            self.convert_chunk(chunk, &mut converted, &mut values[chunk.values.clone()])
        })
    }

    /// Widening loses nothing; rounding would break the promise of some stages.
    fn check_promise<T: Element>(&self) -> Result<()> {
        if T::DTYPE == DType::F32 {
            return Ok(());
        }
        let mut stages = self.frame().stages();
        while stages.peek().is_some() {
            let (tag, _) = stages.next()?;
            if tag == BoundedQuantizer::<u8>::TAG || tag == LosslessPipeline::TAG {
                return Err(Error::Promise { stored: self.frame().dtype(), requested: T::DTYPE });
            }
        }
        Ok(())
    }

    fn convert_chunk<T: Element>(&self, chunk: &Chunk<'_>, memory: &mut Converted, out: &mut [T]) -> Result<()> {
        match self.frame().dtype() {
            DType::F32 => self.convert_from(chunk, &mut memory.f32, out),
            DType::F16 => self.convert_from(chunk, &mut memory.f16, out),
            DType::Bf16 => self.convert_from(chunk, &mut memory.bf16, out),
        }
    }

    fn convert_from<S: Element, T: Element>(
        &self,
        chunk: &Chunk<'_>,
        memory: &mut Vec<S>,
        out: &mut [T],
    ) -> Result<()> {
        // Pieces where the bytes of a piece can be found; all of the chunk where not.
        let (block, len) = (self.pipeline().block().max(1), chunk.values.len());
        let pieces = self.pipeline().encoded_len(len).is_some() && block <= PIECE;
        let step = if pieces { len.min(PIECE / block * block) } else { len };
        if memory.len() < step {
            resize(memory, step)?;
        }
        let mut at = chunk.values.start;
        loop {
            let wanted = at..chunk.values.end.min(at.saturating_add(step));
            let stored = &mut memory[..wanted.len()];
            self.decode_wanted(chunk, wanted.clone(), stored)?;
            let from = wanted.start - chunk.values.start;
            convert(stored, at, &mut out[from..from + wanted.len()])?;
            at = wanted.end;
            if at >= chunk.values.end {
                return Ok(());
            }
        }
    }
}

/// Memory for values as they are stored, of whichever element that is.
#[derive(Default)]
struct Converted {
    f32: Vec<f32>,
    f16: Vec<f16>,
    bf16: Vec<bf16>,
}

/// The nearest values; the first one is at position `start`.
fn convert<S: Element, T: Element>(stored: &[S], start: usize, out: &mut [T]) -> Result<()> {
    let (mut wide, mut again) = ([0.0; PIECE], [0.0; PIECE]);
    for (i, (stored, out)) in stored.chunks(PIECE).zip(out.chunks_mut(PIECE)).enumerate() {
        let (wide, again) = (&mut wide[..stored.len()], &mut again[..stored.len()]);
        S::widen_into(stored, wide)?;
        T::narrow_into(wide, out)?;
        if T::DTYPE == DType::F32 {
            continue;
        }
        T::widen_into(out, again)?;
        if let Some(at) = wide.iter().zip(&*again).position(|(x, y)| x.is_finite() && !y.is_finite()) {
            let index = start.saturating_add(i * PIECE + at);
            return Err(Error::Overflow { index, value: wide[at], requested: T::DTYPE });
        }
    }
    Ok(())
}
