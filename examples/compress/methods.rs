//! The methods, in one table.

use crate::args::Goal;
use fewbits::{
    Affine, Blocks, Codebook, Coded, Compressor, Effort, Element, Error, ErrorBound, Fit, Frame, Grid, Hadamard,
    KMeans, Lossless, Minifloat, Quantile, Quantizer, Range, Rans, Result, Scale, ScaleRule, ScaleType, Seed, Target,
    Then, TrellisBlocks, Uniform,
};
use std::ops::RangeInclusive;

/// What a method is given.
pub(crate) struct Input<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) shape: &'a [usize],
    /// Bits of a code.
    pub(crate) bits: u32,
    /// What `fast`, `default`, `best`, `target` and `budget` keep to.
    pub(crate) target: Target,
}

/// A way from values to a frame.
pub(crate) struct Method<T> {
    pub(crate) name: &'static str,
    /// The bits it can work with.
    pub(crate) bits: RangeInclusive<u32>,
    /// Whether bits can be fractions.
    pub(crate) fractions: bool,
    pub(crate) frame: fn(&Input<'_, T>) -> Result<Vec<u8>>,
}

impl<T: Element> Method<T> {
    /// Names go into file names: letters, digits, dots, dashes and underscores only.
    pub(crate) const ALL: &[Self] = &[
        Self::new("symmetric", 2..=16, |i| uniform(i, Uniform::symmetric)),
        Self::new("full-range", 1..=16, |i| uniform(i, Uniform::full_range)),
        Self::new("asymmetric", 1..=16, |i| uniform(i, Uniform::asymmetric)),
        Self::new("mid-rise", 1..=16, |i| uniform(i, Uniform::mid_rise)),
        Self::new("symmetric-row", 2..=16, |i| uniform(i, |u| per_row(u, i.shape))),
        Self::new("symmetric-row-mse", 2..=16, |i| uniform(i, |u| per_row(u, i.shape).range(Range::Mse))),
        Self::new("symmetric-block32-f16", 2..=16, |i| uniform(i, |u| u.per_block(32).scale_type(ScaleType::F16))),
        Self::new("symmetric-block32-bf16", 2..=16, |i| uniform(i, |u| u.per_block(32).scale_type(ScaleType::Bf16))),
        Self::new("self-scaled-64", 1..=16, |i| Frame::encode(&Blocks::uniform(i.bits, 64)?, i.values)),
        Self::new("trellis-blocks", 1..=8, |i| trellis_blocks(i, 8)),
        Self::new("trellis-blocks-64", 1..=8, |i| trellis_blocks(i, 64)),
        Self::new("torch-affine-row", 1..=16, torch_affine),
        Self::new("max-error-of-range", 1..=16, |i| {
            // As many levels as codes of so many bits have, or one more.
            fitted(&ErrorBound::max_error_of_range(0.5 / f64::from((1_u32 << i.bits) - 1)), i)
        }),
        Self::new("equal-mass", 1..=16, |i| placed(i, |levels| Quantile::equal_mass(levels).codes::<u16>())),
        Self::new("density", 1..=16, |i| placed(i, |levels| Quantile::new(levels).codes::<u16>())),
        Self::new("k-means", 1..=16, |i| placed(i, |levels| KMeans::new(levels).codes::<u16>())),
        Self::new("k-means-block32-bf16", 1..=16, |i| {
            placed(i, |levels| KMeans::new(levels).per_block(32).scale_type(ScaleType::Bf16).codes::<u16>())
        }),
        Self::new("hadamard128-k-means-block128", 1..=16, |i| {
            let levels = KMeans::new(1 << i.bits).per_block(128).scale_type(ScaleType::Bf16).codes::<u16>();
            fitted(&Then::new(Hadamard::new(128, Seed::new(1))?, levels), i)
        }),
        Self::new("entropy-coded", 1..=16, entropy_coded),
        Self::aimed("fast", Effort::Fast),
        Self::aimed("default", Effort::Default),
        Self::aimed("best", Effort::Best),
        Self::new("lossless", 1..=16, |i| Frame::encode(&Lossless.fit(i.values)?, i.values)),
        Self::new("nf4-block64-bf16", 4..=4, |i| fitted(&nf4().scale_type(ScaleType::Bf16), i)),
        Self::new("nf4-block64-double", 4..=4, |i| {
            fitted(&nf4().scale_type(ScaleType::U8).scale_rule(ScaleRule::Nearest), i)
        }),
        Self::new("mxfp4", 4..=4, |i| fitted(&Scale::mx(Minifloat::E2M1), i)),
        Self::new("nvfp4", 4..=4, |i| fitted(&Scale::nvfp4(), i)),
        Self::new("symmetric-block32-e8m0", 2..=16, |i| uniform(i, |u| u.per_block(32).scale_type(ScaleType::E8M0))),
    ];

    const fn new(name: &'static str, bits: RangeInclusive<u32>, frame: fn(&Input<'_, T>) -> Result<Vec<u8>>) -> Self {
        Self { name, bits, fractions: false, frame }
    }

    /// By the front door.
    const fn aimed(name: &'static str, effort: Effort) -> Self {
        let frame: fn(&Input<'_, T>) -> Result<Vec<u8>> = match effort {
            Effort::Fast => |i| aimed(i, Effort::Fast),
            Effort::Best => |i| aimed(i, Effort::Best),
            _ => |i| aimed(i, Effort::Default),
        };
        Self { name, bits: 1..=16, fractions: true, frame }
    }

    /// Whether it can work with this many bits.
    pub(crate) fn suits(&self, bits: f64) -> bool {
        let range = f64::from(*self.bits.start())..=f64::from(*self.bits.end());
        self.fractions || (bits.fract() == 0.0 && range.contains(&bits))
    }

    /// The methods that can work towards this goal.
    pub(crate) fn suited_to(goal: Goal) -> Vec<&'static Self> {
        match goal {
            Goal::Bits(bits) => Self::ALL.iter().filter(|method| method.suits(bits)).collect(),
            Goal::Target(_) => vec![const { &Self::aimed("target", Effort::Default) }],
            Goal::Budget(_) => vec![const { &Self::aimed("budget", Effort::Default) }],
        }
    }
}

/// One call, and what comes of it. Where values are so few that headers alone take more than their bits, nothing is lost.
fn aimed<T: Element>(input: &Input<'_, T>, effort: Effort) -> Result<Vec<u8>> {
    let compressor = |target| Compressor::new(target).effort(effort).shape(input.shape);
    let compressed = match (compressor(input.target).compress(input.values), input.target) {
        (Err(Error::OutOfReach { .. }), Target::BitsPerValue(_)) => compressor(Target::Lossless).compress(input.values),
        (result, _) => result,
    };
    Ok(compressed?.into_bytes())
}

/// Equal steps for all values, as fine as fits in the bits, and an entropy coder.
fn entropy_coded<T: Element>(input: &Input<'_, T>) -> Result<Vec<u8>> {
    let frame = |log_part: f64| -> Result<Vec<u8>> {
        let steps = ErrorBound::max_error_of_range(log_part.exp2().min(1.0)).codes::<u32>();
        Frame::encode(&Coded::new(steps, Rans::new()).fit(input.values)?, input.values)
    };
    let most = input.values.len() * input.bits as usize / 8;
    let (mut fine, mut coarse) = (-24.0, 0.0);
    let mut best = frame(coarse)?;
    for _ in 0..14 {
        let middle = 0.5 * (fine + coarse);
        let found = frame(middle)?;
        if found.len() <= most {
            (coarse, best) = (middle, found);
        } else {
            fine = middle;
        }
    }
    Ok(best)
}

/// Integers with a zero point for each index of the first axis.
fn torch_affine<T: Element>(input: &Input<'_, T>) -> Result<Vec<u8>> {
    let half = 1 << (input.bits - 1);
    let settings = Affine::torch(Grid::new(-half, half - 1)?).codes::<u16>();
    let settings = if input.shape.len() < 2 { settings } else { settings.per_axis(input.shape, 0) };
    fitted(&settings, input)
}

/// The levels of NF4 as they are used.
fn nf4() -> Scale<Codebook> {
    Scale::new(Codebook::nf4()).per_block(64)
}

fn trellis_blocks<T: Element>(input: &Input<'_, T>, states: u16) -> Result<Vec<u8>> {
    Frame::encode(&TrellisBlocks::new(input.bits).states(states).fit(input.values)?, input.values)
}

/// As many levels as there are codes, placed by the data.
fn placed<T: Element, S>(input: &Input<'_, T>, settings: impl FnOnce(usize) -> S) -> Result<Vec<u8>>
where
    S: Fit<T, Fitted: Quantizer>,
{
    fitted(&settings(1 << input.bits), input)
}

/// One scale for each index of the first axis; vectors and scalars, which have no rows, get one for all.
fn per_row(uniform: Uniform, shape: &[usize]) -> Uniform {
    if shape.len() < 2 { uniform } else { uniform.per_axis(shape, 0) }
}

/// A uniform quantizer with the narrowest codes that hold its bits.
fn uniform<T: Element>(input: &Input<'_, T>, settings: impl FnOnce(Uniform) -> Uniform) -> Result<Vec<u8>> {
    let settings = settings(Uniform::new(input.bits));
    if input.bits <= u8::BITS { fitted(&settings, input) } else { fitted(&settings.codes::<u16>(), input) }
}

fn fitted<T: Element, S: Fit<T, Fitted: Quantizer>>(settings: &S, input: &Input<'_, T>) -> Result<Vec<u8>> {
    Frame::encode(&Coded::packed(settings.fit(input.values)?), input.values)
}
