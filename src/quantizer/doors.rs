//! The doors of every quantizer: any element, checked, into buffers or vectors.

use super::Quantizer;
use crate::{
    element::{Element, PIECE, check_finite},
    error::{Error, Result, check_piece, same_length},
};
use alloc::{vec, vec::Vec};

/// What every [`Quantizer`] can do, `dyn` ones included, with slices of any [`Element`].
///
/// Methods that end in `_into` fill the caller's buffer and allocate nothing, for quantizers whose
/// [`block`](Quantizer::block) is at most 4096 values; others need a buffer of the size of their input.
///
/// Half-precision output is the nearest value to the level, which adds half a unit in its last place to the error. A
/// level just above the largest finite element, where rounding a scale outward put it, becomes that element.
///
/// ```
/// use fewbits::{Fit, QuantizerExt, Uniform, f16};
///
/// let values: Vec<f16> = [0.1, -0.7, 0.35].map(f16::from_f32).to_vec();
/// let quantizer = Uniform::new(8).fit(&values)?;
/// let mut codes = [0_u8; 3];
/// quantizer.quantize_into(&values, &mut codes)?;
/// let restored: Vec<f32> = quantizer.dequantize(&codes, 3)?;
/// assert!(restored.iter().zip(&values).all(|(r, v)| (r - v.to_f32()).abs() < 0.51 * quantizer.scales()[0]));
/// # Ok::<(), fewbits::Error>(())
/// ```
pub trait QuantizerExt: Quantizer {
    /// Values to codes; `codes` has [`code_len`](Quantizer::code_len)`(values.len())` items.
    fn quantize_into<T: Element>(&self, values: &[T], codes: &mut [Self::Code]) -> Result<()> {
        self.check_len(values.len())?;
        quantize_range(self, 0, values, codes)
    }

    /// Values to a vector of codes.
    fn quantize<T: Element>(&self, values: &[T]) -> Result<Vec<Self::Code>> {
        let mut codes = vec![Self::Code::default(); self.code_len(values.len())];
        self.quantize_into(values, &mut codes)?;
        Ok(codes)
    }

    /// Codes to values; `codes` has [`code_len`](Quantizer::code_len)`(values.len())` items.
    fn dequantize_into<T: Element>(&self, codes: &[Self::Code], values: &mut [T]) -> Result<()> {
        self.check_len(values.len())?;
        dequantize_range(self, 0, codes, values)
    }

    /// Codes to a vector of `count` values. Nothing is allocated for a count that the codes rule out.
    fn dequantize<T: Element>(&self, codes: &[Self::Code], count: usize) -> Result<Vec<T>> {
        same_length("codes", self.code_len(count), codes.len())?;
        let mut values = vec![T::default(); count];
        self.dequantize_into(codes, &mut values)?;
        Ok(values)
    }

    /// As [`quantize_into`](Self::quantize_into) for the piece of an array that begins at value `start`, a multiple of
    /// [`block`](Quantizer::block).
    fn quantize_piece_into<T: Element>(&self, start: usize, values: &[T], codes: &mut [Self::Code]) -> Result<()> {
        quantize_range(self, start, values, codes)
    }

    /// As [`dequantize_into`](Self::dequantize_into) for the piece of an array that begins at value `start`, a multiple
    /// of [`block`](Quantizer::block).
    fn dequantize_piece_into<T: Element>(&self, start: usize, codes: &[Self::Code], values: &mut [T]) -> Result<()> {
        dequantize_range(self, start, codes, values)
    }

    /// Values to what they decode to, for training with quantized weights; `out` is as long as `values`.
    fn fake_quantize_into<T: Element>(&self, values: &[T], out: &mut [T]) -> Result<()> {
        same_length("out", values.len(), out.len())?;
        self.check_len(values.len())?;
        let Some(step) = piece_of(self, self.block()) else {
            return self.dequantize_into(&self.quantize(values)?, out);
        };
        let mut codes = [Self::Code::default(); PIECE];
        for (i, (values, out)) in values.chunks(step).zip(out.chunks_mut(step)).enumerate() {
            let codes = room(&mut codes, self.code_len(values.len()))?;
            quantize_range(self, i * step, values, codes)?;
            dequantize_range(self, i * step, codes, out)?;
        }
        Ok(())
    }

    /// As [`fake_quantize_into`](Self::fake_quantize_into), into a vector.
    fn fake_quantize<T: Element>(&self, values: &[T]) -> Result<Vec<T>> {
        let mut out = vec![T::default(); values.len()];
        self.fake_quantize_into(values, &mut out)?;
        Ok(out)
    }

    /// The straight-through gradient: `upstream` is the gradient with respect to the restored values, `gradient`
    /// becomes the one with respect to `values`. In f32, as gradients are in training.
    fn straight_through_into(&self, values: &[f32], upstream: &[f32], gradient: &mut [f32]) -> Result<()> {
        same_length("upstream", values.len(), upstream.len())?;
        same_length("gradient", values.len(), gradient.len())?;
        self.check_len(values.len())?;
        check_finite(values, 0)?;
        gradient.copy_from_slice(upstream);
        self.straight_through_at(0, values, gradient)
    }

    /// As [`straight_through_into`](Self::straight_through_into), into a vector.
    fn straight_through(&self, values: &[f32], upstream: &[f32]) -> Result<Vec<f32>> {
        let mut gradient = vec![0.0; values.len()];
        self.straight_through_into(values, upstream, &mut gradient)?;
        Ok(gradient)
    }
}

impl<Q: Quantizer + ?Sized> QuantizerExt for Q {}

/// The longest piece that a quantizer can work on and that fits the stack, its codes included.
fn piece_of<Q: Quantizer + ?Sized>(quantizer: &Q, block: usize) -> Option<usize> {
    let block = block.max(1);
    let blocks = PIECE / block.max(quantizer.code_len(block));
    (blocks > 0).then_some(blocks * block)
}

/// The front of a buffer, for as many codes as a quantizer of another crate says it needs.
pub(crate) fn room<C>(buffer: &mut [C; PIECE], expected: usize) -> Result<&mut [C]> {
    buffer.get_mut(..expected).ok_or(Error::Length { what: "codes", expected, actual: PIECE })
}

/// Values of any element to codes.
pub(crate) fn quantize_range<Q, T>(quantizer: &Q, start: usize, values: &[T], codes: &mut [Q::Code]) -> Result<()>
where
    Q: Quantizer + ?Sized,
    T: Element,
{
    let block = quantizer.block().max(1);
    same_length("codes", quantizer.code_len(values.len()), codes.len())?;
    check_piece(start, values.len(), block)?;
    if let Some(values) = T::as_f32(values) {
        check_finite(values, start)?;
        return quantizer.quantize_at(start, values, codes);
    }
    let Some(step) = piece_of(quantizer, block) else {
        let mut wide = vec![0.0; values.len()];
        T::widen_into(values, &mut wide)?;
        check_finite(&wide, start)?;
        return quantizer.quantize_at(start, &wide, codes);
    };
    let mut buffer = [0.0; PIECE];
    for (i, values) in values.chunks(step).enumerate() {
        let (at, wide) = (i * step, &mut buffer[..values.len()]);
        T::widen_into(values, wide)?;
        check_finite(wide, start + at)?;
        let (from, to) = (quantizer.code_len(at), quantizer.code_len(at + values.len()));
        quantizer.quantize_at(start + at, wide, &mut codes[from..to])?;
    }
    Ok(())
}

/// Codes to values of any element.
pub(crate) fn dequantize_range<Q, T>(quantizer: &Q, start: usize, codes: &[Q::Code], values: &mut [T]) -> Result<()>
where
    Q: Quantizer + ?Sized,
    T: Element,
{
    let block = quantizer.dequantize_block().max(1);
    same_length("codes", quantizer.code_len(values.len()), codes.len())?;
    check_piece(start, values.len(), block)?;
    if T::as_f32_mut(values).is_some() {
        // Asked twice, because a borrow that is returned on one path only would last for both.
        return T::as_f32_mut(values).map_or(Ok(()), |values| quantizer.dequantize_at(start, codes, values));
    }
    let bound = |index| quantizer.narrowing_bound(index);
    let Some(step) = piece_of(quantizer, block) else {
        let mut wide = vec![0.0; values.len()];
        quantizer.dequantize_at(start, codes, &mut wide)?;
        return narrow(start, &mut wide, values, bound);
    };
    let mut buffer = [0.0; PIECE];
    for (i, values) in values.chunks_mut(step).enumerate() {
        let (at, wide) = (i * step, &mut buffer[..values.len()]);
        let (from, to) = (quantizer.code_len(at), quantizer.code_len(at + values.len()));
        quantizer.dequantize_at(start + at, &codes[from..to], wide)?;
        narrow(start + at, wide, values, bound)?;
    }
    Ok(())
}

/// Narrows levels, the first of which is at `start`; one beyond the largest element becomes it if within its `bound`.
pub(crate) fn narrow<T: Element>(
    start: usize,
    wide: &mut [f32],
    values: &mut [T],
    bound: impl Fn(usize) -> f64,
) -> Result<()> {
    if wide.iter().fold(false, |beyond, x| beyond | (x.abs() > T::MAX)) {
        for (i, x) in wide.iter_mut().enumerate() {
            let excess = f64::from(x.abs()) - f64::from(T::MAX);
            let within = excess <= 0.0 || excess <= bound(start + i);
            if !within {
                return Err(Error::Overflow { index: start + i, value: *x, requested: T::DTYPE });
            }
            *x = x.clamp(-T::MAX, T::MAX);
        }
    }
    T::narrow_into(wide, values)
}
