//! Values, codecs and pipelines from the input.

use arbitrary::Unstructured;
use fewbits::{
    Affine, Automaton, BitPack, Blocks, ByteShuffle, Code, Codebook, Codec, Coded, Compand, ContextRans, DType, Dct, Difference, Element, ErrorBound, Fit, Grid, Groups, Hadamard, KMeans, Lossless, Masked, Minifloat, NonFinite, Pipeline, Quantile, Quantizer, QuantizerExt, Range, Rans, Result, Rounding, Scale, ScaleType, Seed, Standardize, Then, Trellis, TrellisBlocks, Uniform, ZigZag, bf16,
};

/// A number below `n`; 0 where the input has ended.
fn below(u: &mut Unstructured<'_>, n: usize) -> usize {
    u.int_in_range(0..=n - 1).unwrap_or(0)
}

/// A byte; 0 where the input has ended.
pub fn byte(u: &mut Unstructured<'_>) -> u8 {
    u.arbitrary().unwrap_or(0)
}

/// Up to `most` values: of any bits, a ramp, or a few that come again.
pub fn values(u: &mut Unstructured<'_>, most: usize) -> Vec<f32> {
    let (kind, len) = (byte(u), below(u, most + 1));
    let start: f32 = u.arbitrary().unwrap_or(0.0);
    match kind % 4 {
        0 => (0..len).map(|_| f32::from_bits(u.arbitrary().unwrap_or(0))).collect(),
        1 => (0..len).map(|i| start + i as f32 * 0.01).collect(),
        // Small integers over a few powers of two.
        2 => (0..len).map(|_| f32::from(byte(u) as i8) * 2.0_f32.powi(i32::from(kind >> 2) - 32)).collect(),
        _ => {
            let few: Vec<u16> = (0..4).map(|_| u.arbitrary().unwrap_or(0)).collect();
            (0..len).map(|i| bf16::from_bits(few[(i * i + i / 3) % 4]).to_f32()).collect()
        }
    }
}

/// A codec for codes below `level_count`, or for any others; the sample is what tables are made of.
pub fn codec<C: Code>(u: &mut Unstructured<'_>, level_count: u32, sample: &[C]) -> Result<Box<dyn Codec<Code = C>>>
where
    Rans: Fit<C, Fitted: Codec<Code = C> + 'static>,
{
    let bits = (u32::BITS - level_count.saturating_sub(1).leading_zeros()).clamp(1, C::BITS);
    let kind = byte(u);
    let plain: Box<dyn Codec<Code = C>> = match kind % 4 + 4 * u8::from(kind >> 5 == 7) {
        0 => Box::new(BitPack::new(bits)?),
        1 => {
            let codec = BitPack::<C>::new(bits.next_power_of_two().min(C::BITS))?;
            Box::new(codec.high_first().unwrap_or(codec))
        }
        2 => Box::new(Rans::new().levels(level_count).fit(sample)?),
        4 | 5 => {
            let columns = Groups::axis(&[2, 1 + below(u, 9)], 1)?;
            let settings = ContextRans::new(Automaton::memoryless().lanes(1 << below(u, 6))?);
            let settings = if kind % 4 == 0 { settings } else { settings.by(columns) };
            Box::new(settings.fit_below(sample, level_count)?)
        }
        // The sample is on no path, so that it is packed; streams are not.
        6 | 7 => Box::new(ContextRans::new(automaton(u)?.period(32)?).fit_below(&[], level_count)?),
        _ => Box::new(Rans::new().levels(level_count).fit(&sample[..sample.len() / 2])?),
    };
    let shape = [1 + below(u, 4), 1 + below(u, 40), 1 + below(u, 3)];
    Ok(match kind >> 2 & 7 {
        1 => Box::new(Then::new(Difference::new(level_count)?.order(1 + (kind >> 7))?, plain)),
        2 => Box::new(Then::new(Difference::new(level_count)?.along(&shape, 0)?.along(&shape, 1)?, plain)),
        3 => {
            let inner = Then::new(Difference::new(level_count)?, plain);
            Box::new(Then::new(Difference::new(level_count)?.along(&shape, 1)?.order(2)?, inner))
        }
        4 => Box::new(Then::new(
            ZigZag::new(level_count)?.centre(u.int_in_range(0..=level_count - 1).unwrap_or(0))?,
            plain,
        )),
        5 => {
            let inner = Then::new(ZigZag::new(level_count)?, plain);
            Box::new(Then::new(ByteShuffle::new(level_count, shape[1] + 1)?, inner))
        }
        _ => plain,
    })
}

/// Any automaton, with short periods.
fn automaton(u: &mut Unstructured<'_>) -> Result<Automaton> {
    let states = [1, 8, 64, 256][below(u, 4)];
    Automaton::trellis(states)?.lanes(1 << below(u, 6))?.period(32 * (1 + below(u, 4)))
}

/// A path of levels, and contexts for its codes.
fn trellis<T: Element>(u: &mut Unstructured<'_>, values: &[T]) -> Result<Box<dyn Pipeline>> {
    let (automaton, kind, fine) = (automaton(u)?, byte(u), byte(u));
    let mut wide = vec![0.0; values.len()];
    T::widen_into(values, &mut wide)?;
    let far = wide.iter().fold(f32::MIN_POSITIVE, |far, x| far.max(x.abs()));
    let step = (far * 2.0_f32.powi(1 - i32::from(fine % 28))).clamp(f32::MIN_POSITIVE, f32::MAX);
    let trellis = Trellis::new(step).automaton(automaton).lambda(f32::from(fine / 28) * 0.05);
    let rows = Groups::blocks(1 + below(u, 40), values.len())?;
    let columns = Groups::axis(&[1 + below(u, 20), 1 + below(u, 3)], 0)?;
    let codec = ContextRans::new(automaton);
    // Values that come again, where there are some.
    let spikes: Vec<f32> = wide.iter().copied().filter(|&x| kind >> 6 > 1 && x == wide[0]).take(1).collect();
    let trellis = trellis.spikes(&spikes)?;
    let codec = if spikes.is_empty() { codec } else { codec.spikes(1, 2 + below(u, 60))? };
    let codec = match kind % 4 {
        0 => codec,
        1 => codec.by(rows),
        2 => codec.by(columns),
        _ => codec.by(rows).by(columns),
    };
    Ok(match kind >> 2 & 3 {
        0 => Box::new(Coded::new(Then::new(Dct::new(8)?, trellis), codec).fit(values)?),
        _ => Box::new(Coded::new(trellis, codec).fit(values)?),
    })
}

type AnyQuantizer<C> = Box<dyn Quantizer<Code = C>>;

fn scale_type(u: &mut Unstructured<'_>) -> ScaleType {
    use ScaleType::{Bf16, E4M3, E8M0, F16, F32, U8};
    [F32, F16, Bf16, E8M0, U8, E4M3][below(u, 6)]
}

/// A quantizer that is fitted to the values.
fn quantizer<T: Element>(u: &mut Unstructured<'_>, values: &[T]) -> Result<AnyQuantizer<u16>> {
    let (kind, bits) = (byte(u), 1 + u32::from(byte(u) % 16));
    let run = 1 + below(u, 40);
    let seed = Seed::new(kind.into());
    let uniform = Uniform::new(bits).codes::<u16>();
    let uniform = [uniform.clone().full_range(), uniform.clone().asymmetric(), uniform.clone().mid_rise(), uniform]
        [below(u, 4)]
    .clone();
    let uniform = match byte(u) % 8 {
        0 => uniform.rounding(Rounding::HalfAway),
        1 => uniform.rounding(Rounding::Stochastic(seed)),
        2 => uniform.rounding(Rounding::Dither(seed)),
        3 => uniform.range(Range::Mse),
        4 => uniform.range(Range::Percentile(0.9)),
        _ => uniform,
    };
    let uniform = match byte(u) % 4 {
        0 => uniform.per_block(run).scale_type(scale_type(u)),
        1 => uniform.scale_type(scale_type(u)),
        2 => uniform.per_axis(&[values.len() / 3, 3], usize::from(kind >> 7)),
        _ => uniform,
    };
    Ok(match kind % 16 {
        0 => Box::new(Affine::torch(Grid::U8).codes::<u16>().per_block(run).fit(values)?),
        1 => Box::new(Affine::dynamic_quantize_linear().codes::<u16>().fit(values)?),
        2 => Box::new(Quantile::new(1 + bits as usize).codes::<u16>().fit(values)?),
        3 => Box::new(KMeans::new(1 + bits as usize).codes::<u16>().fit(values)?),
        4 => Box::new(Scale::new(Codebook::nf4()).codes::<u16>().per_block(run).scale_type(scale_type(u)).fit(values)?),
        5 => Box::new(Scale::mx(Minifloat::E4M3).codes::<u16>().fit(values)?),
        6 => Box::new(Scale::nvfp4().codes::<u16>().fit(values)?),
        7 => Box::new(Then::new(Hadamard::new(1 << (1 + bits % 8), seed)?, uniform).fit(values)?),
        8 => Box::new(Then::new(Dct::new(1 << (2 + bits % 3))?, uniform).fit(values)?),
        9 => {
            let dct = Dct::new(4)?.along(&[values.len() / 3, 3], 0)?;
            Box::new(
                Then::new(Standardize::new().per_block(run).stored_as(DType::Bf16), Then::new(dct, uniform))
                    .fit(values)?,
            )
        }
        10 => {
            let curve = [Compand::MuLaw(255.0), Compand::Asinh(0.1), Compand::Power(0.5)][bits as usize % 3];
            Box::new(Then::new(curve, uniform).fit(values)?)
        }
        11 => {
            let size = f64::from(byte(u)) / 200.0 * 10.0_f64.powi(i32::from(byte(u) % 12) - 8);
            let bound = match bits % 5 {
                0 => ErrorBound::max_abs_error(size),
                1 => ErrorBound::max_error_of_range(size),
                2 => ErrorBound::max_relative_error(size.min(0.99)),
                3 => ErrorBound::rmse(size),
                _ => ErrorBound::psnr_db(20.0 + size),
            };
            Box::new(bound.codes::<u16>().fit(values)?)
        }
        _ => Box::new(uniform.fit(values)?),
    })
}

/// A pipeline that is fitted to values of any element.
pub fn pipeline<T: Element>(u: &mut Unstructured<'_>, values: &[T]) -> Result<Box<dyn Pipeline>>
where
    Lossless: Fit<T, Fitted: Pipeline + 'static>,
{
    let kind = byte(u);
    let policy =
        [NonFinite::keep(), NonFinite::saturate(), NonFinite::keep().missing(-1.0)][usize::from(kind >> 4) % 3];
    let present = policy.present(values)?;
    let masked = kind & 8 != 0;
    let pipeline: Box<dyn Pipeline> = match kind % 8 {
        0 => Box::new(Blocks::uniform(1 + u32::from(byte(u) % 16), 1 + below(u, 40))?.scale_type(scale_type(u))),
        1 => Box::new(Blocks::new(Codebook::nf4(), 1 + below(u, 40))?),
        2 => Box::new(Lossless.fit(values)?),
        3 if byte(u) % 2 == 0 => trellis(u, if masked { &present } else { values })?,
        3 => {
            let wide = ErrorBound::max_abs_error(f64::from(byte(u)) * 1e-6).codes::<u32>().fit(&present[..])?;
            let codes = wide.quantize(&present)?;
            let codec = codec(u, wide.level_count(), &codes)?;
            Box::new(Coded::new(wide, codec))
        }
        4 => {
            let states = [8, 64, 256][usize::from(byte(u) % 3)];
            Box::new(TrellisBlocks::new(1 + u32::from(byte(u) % 8)).states(states).fit(&present[..])?)
        }
        _ => {
            let quantizer = quantizer(u, if masked { &present } else { values })?;
            // Blocks of what is present belong to another array.
            quantizer.check_len(values.len())?;
            let sample = quantizer.quantize(values).unwrap_or_default();
            let codec = codec(u, quantizer.level_count(), &sample)?;
            Box::new(Coded::new(quantizer, codec))
        }
    };
    Ok(if masked { Box::new(Masked::new(policy, pipeline)) } else { pipeline })
}

/// Values of the element, with what is beyond it infinite.
pub fn narrowed<T: Element>(values: &[f32]) -> Result<Vec<T>> {
    let mut narrow = vec![T::default(); values.len()];
    T::narrow_into(values, &mut narrow)?;
    Ok(narrow)
}
