//! Which error may not be exceeded, and what follows for the levels.

use super::{
    BoundedQuantizer, Law,
    exact::Exact,
    ratios::Ratios,
    spacing::{Spacing, power_of_two, round},
    steps::Steps,
};
use crate::{
    calibrate::Histogram,
    code::Code,
    dtype::DType,
    element::{Element, check_finite, for_each_piece},
    error::{Error, Result, same_length},
    fit::Fit,
    kernel::{exp::exp, extrema},
    non_finite::NonFinite,
    quantizer::calibration::check_range,
};
use core::marker::PhantomData;
use num_traits::Float;

#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Target {
    MaxAbsError(f64),
    MaxErrorOfRange(f64),
    MaxRelativeError(f64),
    Rmse(f64),
    PsnrDb(f64),
}

/// Settings of a quantizer that keeps a bound on the error: say how much may be lost, and the levels follow.
///
/// Each constructor bears the name of the metric that it bounds ([`ErrorStats`](crate::ErrorStats)). The bounds on
/// single values hold for every value in the fitted range, whatever its size, computed in f64 on the value as the
/// element stores it: nothing is left out, nothing is stored verbatim beside. They are kept by the choice of the step
/// (see `radius` in the source for the argument), not by trying. The bounds on means are kept for the very values that
/// were fitted, by measuring.
///
/// | constructor | bound | levels |
/// | --- | --- | --- |
/// | [`max_abs_error`](Self::max_abs_error) | `abs(y - x) <= e` | equal steps, nearly `2 e` wide |
/// | [`max_error_of_range`](Self::max_error_of_range) | `abs(y - x) <= r (max - min)` | equal steps |
/// | [`max_relative_error`](Self::max_relative_error) | `abs(y - x) <= r abs(x)` | steps of a logarithm; zero is exact, signs are kept (-0.0 becomes 0.0) |
/// | [`rmse`](Self::rmse) | `sqrt(mean (y - x)²) <= e` | equal steps, about `sqrt(12) e` wide |
/// | [`psnr_db`](Self::psnr_db) | `20 log₁₀((max - min) / rmse) >= d` | equal steps |
///
/// Where values are spaced more widely than the bound asks for, or more than 2^32 - 1 levels would be needed, the values
/// come back bit for bit. Codes are `u32` unless [`codes`](Self::codes) says otherwise: how many levels there are
/// depends on the data. Pack them with [`Coded::packed`](crate::Coded::packed), which takes as few bits as they need.
///
/// Fitting takes two passes; for the bounds on means about 15. From a [`Histogram`] bounds on means are kept by bounding
/// each value, which costs 0.8 bits a value.
///
/// ```
/// use fewbits::{ErrorBound, ErrorStats, Fit, QuantizerExt};
///
/// let temperatures: Vec<f32> = (0..1000).map(|i| 280.0 + 10.0 * (i as f32 / 50.0).sin()).collect();
/// let quantizer = ErrorBound::max_abs_error(0.01).fit(&temperatures)?;
/// let restored = quantizer.fake_quantize(&temperatures)?;
/// assert!(ErrorStats::measure(&temperatures, &restored)?.max_abs_error() <= 0.01);
///
/// let concentrations: Vec<f32> = (0..1000).map(|i| (-0.05 * i as f32).exp()).collect();
/// let quantizer = ErrorBound::max_relative_error(0.001).fit(&concentrations)?;
/// let restored = quantizer.fake_quantize(&concentrations)?;
/// assert!(concentrations.iter().zip(&restored).all(|(x, y)| (y - x).abs() <= 0.001 * x));
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, bound = ""))]
pub struct ErrorBound<C = u32> {
    target: Target,
    #[cfg_attr(feature = "serde", serde(default))]
    non_finite: NonFinite,
    #[cfg_attr(feature = "serde", serde(skip))]
    code: PhantomData<C>,
}

impl ErrorBound<u32> {
    /// No value is off by more than `error`, in the unit of the values.
    pub const fn max_abs_error(error: f64) -> Self {
        Self::of(Target::MaxAbsError(error))
    }

    /// No value is off by more than this part of the range, from the smallest to the largest value.
    pub const fn max_error_of_range(part: f64) -> Self {
        Self::of(Target::MaxErrorOfRange(part))
    }

    /// No value is off by more than this part of itself, below 1; zero stays zero.
    pub const fn max_relative_error(part: f64) -> Self {
        Self::of(Target::MaxRelativeError(part))
    }

    /// The root of the mean squared error is at most this, in the unit of the values.
    pub const fn rmse(rmse: f64) -> Self {
        Self::of(Target::Rmse(rmse))
    }

    /// The ratio of the range to the root of the mean squared error is at least this many decibels.
    pub const fn psnr_db(decibels: f64) -> Self {
        Self::of(Target::PsnrDb(decibels))
    }

    const fn of(target: Target) -> Self {
        Self { target, non_finite: NonFinite::refuse(), code: PhantomData }
    }
}

impl<C: Code> ErrorBound<C> {
    /// The type of the codes in memory; `u32` by default. It changes no byte of an encoded array.
    #[must_use]
    pub const fn codes<D: Code>(self) -> ErrorBound<D> {
        ErrorBound { target: self.target, non_finite: self.non_finite, code: PhantomData }
    }

    /// What becomes of values that are not finite, or missing: refused by default, else not looked at by the fit, so that
    /// bounds on means are kept for the others. [`Masked`](crate::Masked) then keeps them out of the quantizer.
    #[must_use]
    pub const fn non_finite(self, policy: NonFinite) -> Self {
        Self { non_finite: policy, ..self }
    }

    /// A quantizer for values of the element `T` in `low..=high`, without looking at data; the bounds on means are kept
    /// by bounding each value.
    pub fn fit_range<T: Element>(&self, low: f32, high: f32) -> Result<BoundedQuantizer<C>> {
        check_range(low, high)?;
        if let Some(&end) = [low, high].iter().find(|end| end.abs() > T::MAX) {
            return Err(Error::Setting { name: "range", value: end.into(), allowed: "finite values of the element" });
        }
        let same_sign = low > 0.0 || high < 0.0;
        let nearest = if same_sign { low.abs().min(high.abs()) } else { 0.0 };
        let limits = Limits { low, high, nearest, spacing: Spacing::of(T::DTYPE) };
        self.quantizer(&limits, |bound, limits| Ok(limits.steps(bound)))
    }

    /// `for_rmse` finds the levels for a bound on the root of the mean squared error.
    fn quantizer(
        &self,
        limits: &Limits,
        for_rmse: impl FnOnce(f64, &Limits) -> Result<(Law, f64)>,
    ) -> Result<BoundedQuantizer<C>> {
        let range = f64::from(limits.high) - f64::from(limits.low);
        let refuse = |name, value, allowed| Err(Error::Setting { name, value, allowed });
        // Rounding of the bound itself may not go up.
        let down = 1.0 - power_of_two(-50);
        let (law, bound) = match self.target {
            Target::MaxAbsError(x) if !(x >= 0.0 && x.is_finite()) => {
                return refuse("max_abs_error", x, "a finite error, 0 or more");
            }
            Target::MaxErrorOfRange(x) if !(x >= 0.0 && x.is_finite()) => {
                return refuse("max_error_of_range", x, "a part of the range, 0 or more");
            }
            Target::MaxRelativeError(x) if !(0.0..1.0).contains(&x) => {
                return refuse("max_relative_error", x, "a part of each value, from 0 to less than 1");
            }
            Target::Rmse(x) if !(x >= 0.0 && x.is_finite()) => return refuse("rmse", x, "a finite error, 0 or more"),
            Target::PsnrDb(x) if x.is_nan() || x.abs() > 2000.0 => {
                return refuse("psnr_db", x, "-2000 to 2000 decibels");
            }
            Target::MaxAbsError(bound) => limits.steps(bound),
            Target::MaxErrorOfRange(part) => limits.steps((part * range * down).min(f64::MAX)),
            Target::MaxRelativeError(part) => limits.ratios(part),
            Target::Rmse(rmse) => for_rmse(rmse, limits)?,
            Target::PsnrDb(decibels) => {
                for_rmse(range * exp(-decibels / 20.0 * core::f64::consts::LN_10) * down, limits)?
            }
        };
        BoundedQuantizer::new(limits.spacing, law, bound)
    }
}

impl<T: Element, C: Code> Fit<T> for ErrorBound<C> {
    type Fitted = BoundedQuantizer<C>;

    fn fit(&self, data: &[T]) -> Result<Self::Fitted> {
        let present = self.non_finite.present(data)?;
        // Where nothing counts, any levels will do.
        let data = if present.is_empty() && !data.is_empty() { &[T::default()] } else { &present[..] };
        let limits = Limits::of(data)?;
        self.quantizer(&limits, |rmse, limits| measured(data, rmse, limits))
    }

    fn policy(&self) -> NonFinite {
        self.non_finite
    }
}

/// One histogram of all values.
impl<C: Code> Fit<Histogram> for ErrorBound<C> {
    type Fitted = BoundedQuantizer<C>;

    fn fit(&self, data: &[Histogram]) -> Result<Self::Fitted> {
        same_length("histograms", 1, data.len())?;
        let histogram = &data[0];
        let (Some(low), Some(high)) = (histogram.min(), histogram.max()) else { return Err(Error::Empty) };
        let spacing = Spacing::of(histogram.dtype().unwrap_or(DType::F32));
        let nearest = histogram.least_magnitude();
        let limits = Limits { low, high, nearest, spacing };
        self.quantizer(&limits, |rmse, limits| Ok(limits.steps(rmse)))
    }
}

/// What levels have to reach.
struct Limits {
    low: f32,
    high: f32,
    /// The smallest magnitude but zero, or less.
    nearest: f32,
    spacing: Spacing,
}

impl Limits {
    fn of<T: Element>(data: &[T]) -> Result<Self> {
        if data.is_empty() {
            return Err(Error::Empty);
        }
        let (mut low, mut high, mut nearest) = (f32::INFINITY, f32::NEG_INFINITY, f32::INFINITY);
        for_each_piece(data, |start, values| {
            check_finite(values, start)?;
            extrema::enclose(values, &mut low, &mut high);
            // Zeros become infinite.
            let magnitude = |x: &f32| if *x == 0.0 { f32::INFINITY } else { x.abs() };
            nearest = values.iter().map(magnitude).fold(nearest, |a, b| if b < a { b } else { a });
            Ok(())
        })?;
        Ok(Self { low, high, nearest, spacing: Spacing::of(T::DTYPE) })
    }

    fn exact(&self) -> Law {
        Law::Exact(Exact::within(self.low, self.high, &self.spacing))
    }

    /// The levels that keep a bound on the error: the fewest.
    fn fewest(&self, law: Option<Law>, bound: f64) -> (Law, f64) {
        let exact = self.exact();
        match law {
            Some(law) if law.level_count() < exact.level_count() => (law, bound),
            _ => (exact, 0.0),
        }
    }

    fn steps(&self, bound: f64) -> (Law, f64) {
        let steps = Steps::within(bound, self.low.into(), self.high.into(), &self.spacing);
        self.fewest(steps.map(Law::Steps), bound)
    }

    fn ratios(&self, bound: f64) -> (Law, f64) {
        // Where all values are zero, any magnitude will do.
        let nearest = if self.nearest.is_finite() { f64::from(self.nearest) } else { self.spacing.normal };
        let ratios = Ratios::within(bound, self.low.into(), self.high.into(), nearest, &self.spacing);
        self.fewest(ratios.map(Law::Ratios), bound)
    }
}

/// The widest equal steps that keep the root of the mean squared error of `data`, among those that are tried.
fn measured<T: Element>(data: &[T], rmse: f64, limits: &Limits) -> Result<(Law, f64)> {
    let (low, high) = (f64::from(limits.low), f64::from(limits.high));
    let keeps = |step: f64| -> Result<Option<Steps>> {
        let Some(steps) = Steps::new(step, low, high) else { return Ok(None) };
        let error = squared_error(data, &steps, &limits.spacing)? / data.len() as f64;
        // Less by more than what another order of additions could change.
        Ok((Float::sqrt(error) <= rmse * (1.0 - power_of_two(-40))).then_some(steps))
    };
    // Evenly spread errors have a root mean square of a step over sqrt(12). Others are smaller, such as those of values
    // that all become zero, or a little larger.
    let mut step = rmse * Float::sqrt(12.0);
    let mut best = None;
    let farthest = 4.0 * low.abs().max(high.abs());
    while let Some(steps) = keeps(step)? {
        best = Some(steps);
        if step > farthest {
            break;
        }
        step *= 2.0;
    }
    for _ in 0..4 {
        if best.is_some() || step == 0.0 {
            break;
        }
        step /= 2.0;
        best = keeps(step)?;
    }
    let Some(mut best) = best else { return Ok((limits.exact(), 0.0)) };
    // Between one that keeps the bound and one that doesn't, which is twice as wide.
    let (mut low_step, mut high_step) = (best.step, 2.0 * best.step);
    for _ in 0..10 {
        let middle = f64::midpoint(low_step, high_step);
        match keeps(middle)? {
            Some(steps) => (best, low_step) = (steps, middle),
            None => high_step = middle,
        }
    }
    let far = low.abs().max(high.abs()) + 2.0 * best.step;
    let bound = best.step * (0.5 + power_of_two(-18)) + limits.spacing.at(far) / 2.0 * (1.0 + power_of_two(-9));
    Ok(limits.fewest(Some(Law::Steps(best)), bound))
}

/// The sum of squared errors, in f64 and in the order of the values.
fn squared_error<T: Element>(data: &[T], steps: &Steps, spacing: &Spacing) -> Result<f64> {
    const PIECE: usize = 512;
    let mut restored = [0.0; PIECE];
    let mut sum = 0.0;
    for_each_piece(data, |_, values| {
        for values in values.chunks(PIECE) {
            let restored = &mut restored[..values.len()];
            for (y, &x) in restored.iter_mut().zip(values) {
                *y = spacing.narrow(round(f64::from(x) / steps.step) * steps.step);
            }
            spacing.round(restored);
            let square = |(&y, &x): (&f32, &f32)| (f64::from(y) - f64::from(x)) * (f64::from(y) - f64::from(x));
            sum += restored.iter().zip(values).map(square).sum::<f64>();
        }
        Ok(())
    })?;
    Ok(sum)
}
