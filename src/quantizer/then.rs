//! A transform, then a quantizer: a quantizer.

use super::Quantizer;
use crate::{
    element::{Element, PIECE, check_finite, joint_block},
    error::{Error, Result, check_piece, same_length},
    fit::Fit,
    kernel::finite::saturate,
    memory::resize,
    rates::Rates,
    then::Then,
    transform::{Guarantee, Transform, check_coefficients},
};
use alloc::{vec, vec::Vec};

impl<T: Element, X, Q> Fit<T> for Then<X, Q>
where
    X: Fit<T, Fitted: Transform>,
    Q: Fit<f32, Fitted: Quantizer>,
{
    type Fitted = Then<X::Fitted, Q::Fitted>;

    fn fit(&self, data: &[T]) -> Result<Self::Fitted> {
        if !self.second.policy().is_strict() {
            let remedy =
                "a policy is about values, and behind a transform there are none: fit to those of its `present`";
            return Err(Error::Unsuited { setting: "policy for values that are not finite", remedy });
        }
        let transform = self.first.fit(data)?;
        transform.check_len(data.len())?;
        let mut values = vec![0.0; data.len()];
        T::widen_into(data, &mut values)?;
        check_finite(&values, 0)?;
        let mut coefficients = vec![0.0; transform.coefficient_len(values.len())];
        transform.forward_at(0, &values, &mut coefficients)?;
        check_coefficients(&coefficients, 0)?;
        drop(values);
        let quantizer = self.second.fit(&coefficients)?;
        Ok(Then::new(transform, quantizer))
    }
}

impl<X: Transform, Q: Quantizer> Then<X, Q> {
    /// The longest window of whole blocks whose values and coefficients both fit the stack.
    fn window(&self, block: usize) -> Option<usize> {
        let window = PIECE.checked_div(block)?.checked_mul(block)?;
        (window > 0 && self.first.coefficient_len(window) <= PIECE).then_some(window)
    }

    /// Calls `each(start, values, first code, last code, buffer)` for one window after another, with room for the
    /// coefficients of each.
    fn for_each_window(
        &self,
        block: usize,
        start: usize,
        values: usize,
        mut each: impl FnMut(usize, core::ops::Range<usize>, &mut [f32]) -> Result<()>,
    ) -> Result<()> {
        let (mut stack, mut heap) = ([0.0; PIECE], Vec::new());
        let (window, buffer) = if let Some(window) = self.window(block) {
            (window, &mut stack[..])
        } else {
            let block = block.min(values.max(1));
            resize(&mut heap, self.first.coefficient_len(block))?;
            (block, &mut heap[..])
        };
        for from in (0..values).step_by(window) {
            let to = values.min(from + window);
            let (len, actual) = (self.first.coefficient_len(to - from), buffer.len());
            let buffer = buffer.get_mut(..len).ok_or(Error::Length { what: "coefficients", expected: len, actual })?;
            each(start + from, from..to, buffer)?;
        }
        Ok(())
    }

    /// Where the codes of a range of values lie.
    fn codes(&self, values: &core::ops::Range<usize>) -> core::ops::Range<usize> {
        self.code_len(values.start)..self.code_len(values.end)
    }

    fn forward(&self, start: usize, values: &[f32], coefficients: &mut [f32]) -> Result<()> {
        self.first.forward_at(start, values, coefficients)?;
        check_coefficients(coefficients, self.first.coefficient_len(start))
    }
}

impl<X: Transform, Q: Quantizer> Quantizer for Then<X, Q> {
    type Code = Q::Code;

    fn level_count(&self) -> u32 {
        self.second.level_count()
    }

    fn quantize_at(&self, start: usize, values: &[f32], codes: &mut [Q::Code]) -> Result<()> {
        let block = self.block();
        same_length("codes", self.code_len(values.len()), codes.len())?;
        check_piece(start, values.len(), block)?;
        self.for_each_window(block, start, values.len(), |at, range, coefficients| {
            let place = self.codes(&range);
            self.forward(at, &values[range], coefficients)?;
            self.second.quantize_at(self.first.coefficient_len(at), coefficients, &mut codes[place])
        })
    }

    fn dequantize_at(&self, start: usize, codes: &[Q::Code], values: &mut [f32]) -> Result<()> {
        let block = self.dequantize_block();
        same_length("codes", self.code_len(values.len()), codes.len())?;
        check_piece(start, values.len(), block)?;
        self.for_each_window(block, start, values.len(), |at, range, coefficients| {
            let place = self.codes(&range);
            self.second.dequantize_at(self.first.coefficient_len(at), &codes[place], coefficients)?;
            let values = &mut values[range];
            self.first.inverse_at(at, coefficients, values)?;
            saturate(values);
            Ok(())
        })
    }

    /// An error of a coefficient can be one of any value of its block, so whatever lies beyond an element becomes its end.
    fn narrowing_bound(&self, _index: usize) -> f64 {
        f64::INFINITY
    }

    /// Whole blocks of the transform whose coefficients are whole blocks of the quantizer.
    fn block(&self) -> usize {
        let values = self.first.block().max(1);
        joint_block(values, self.first.coefficient_len(values), self.second.block())
    }

    fn dequantize_block(&self) -> usize {
        let values = self.first.block().max(1);
        joint_block(values, self.first.coefficient_len(values), self.second.dequantize_block())
    }

    fn set_rates(&mut self, rates: Rates) -> bool {
        self.second.set_rates(rates)
    }

    fn code_len(&self, values: usize) -> usize {
        self.second.code_len(self.first.coefficient_len(values))
    }

    fn check_len(&self, values: usize) -> Result<()> {
        self.first.check_len(values)?;
        self.second.check_len(self.first.coefficient_len(values))
    }

    fn straight_through_at(&self, start: usize, values: &[f32], gradient: &mut [f32]) -> Result<()> {
        same_length("gradient", values.len(), gradient.len())?;
        check_piece(start, values.len(), self.block())?;
        let guarantee = self.first.guarantee();
        self.for_each_window(self.block(), start, values.len(), |at, range, coefficients| {
            let first = self.first.coefficient_len(at);
            self.forward(at, &values[range.clone()], coefficients)?;
            let gradient = &mut gradient[range.clone()];
            let (mut stack, mut heap) = ([0.0; PIECE], Vec::new());
            let others = if let Some(others) = stack.get_mut(..coefficients.len()) {
                others
            } else {
                resize(&mut heap, coefficients.len())?;
                &mut heap[..]
            };
            match guarantee {
                // The derivatives of the curve and of its inverse, with what lies between.
                Guarantee::Elementwise => {
                    self.first.slopes_at(at, &values[range], others)?;
                    let good = |slope: f32| slope > 0.0 && slope.is_finite();
                    // A power of two less, which cancels, so that gradients stay within range.
                    let largest = others.iter().copied().filter(|&slope| good(slope)).fold(0.0, f32::max);
                    let power = f32::from_bits(largest.to_bits() & 0x7f80_0000);
                    let power = if power > 0.0 { power } else { 1.0 };
                    let slope = |&slope: &f32| if good(slope) { slope / power } else { 1.0 };
                    gradient.iter_mut().zip(&*others).for_each(|(g, s)| *g /= slope(s));
                    self.second.straight_through_at(first, coefficients, gradient)?;
                    gradient.iter_mut().zip(&*others).for_each(|(g, s)| *g *= slope(s));
                    Ok(())
                }
                Guarantee::Orthonormal => {
                    self.first.forward_linear_at(at, gradient, others)?;
                    self.second.straight_through_at(first, coefficients, others)?;
                    self.first.inverse_linear_at(at, others, gradient)
                }
                // No estimate is better than none.
                Guarantee::Other => Ok(()),
            }
        })
    }
}
