//! What the laws are checked on: every stage, and data that is easy, hard and absurd.
//!
//! A new quantizer joins all laws by one line in [`quantizers`], a new codec by one line in [`codecs`].
#![allow(dead_code, unreachable_pub, reason = "each law uses a part of this")]

use fewbits::{
    Affine, Automaton, BitPack, ByteShuffle, Codebook, Codec, Compand, ContextRans, DType, Dct, Describe, Difference,
    Error, ErrorBound, Fit, Grid, Groups, Hadamard, KMeans, Minifloat, Quantile, Quantizer, Range, Rans, Restore,
    Result, Rounding, Scale, ScaleType, Seed, Standardize, Then, Trellis, TrellisQuantizer, Uniform, ZigZag, f16,
};

pub type AnyQuantizer = Box<dyn Quantizer<Code = u16>>;
pub type AnyCodec = Box<dyn Codec<Code = u16>>;

pub const SCALE_TYPES: [ScaleType; 4] = [ScaleType::F32, ScaleType::F16, ScaleType::Bf16, ScaleType::E8M0];

/// From data to a quantizer.
pub type FitAny = Box<dyn Fn(&[f32]) -> Result<AnyQuantizer>>;

/// A named way to fit a quantizer.
#[expect(clippy::struct_excessive_bools, reason = "each is an exception from some of the laws")]
pub struct Case {
    pub name: String,
    pub fit: FitAny,
    /// It may clip values that it was fitted to.
    pub clips: bool,
    /// Chance decides, so that values restored once may change again.
    pub random: bool,
    /// A transform mixes values: roundings of others may change a value that was restored once, and no bound is stated.
    pub mixes: bool,
    /// Levels are chosen for many values together: quantizing takes memory, and what was restored once may change, as with
    /// `mixes`.
    pub paths: bool,
}

impl Case {
    /// Fits it to data, unless its settings cannot suit them: scales that can't be stored, or a bound on the error that
    /// takes more levels than codes of 16 bits can name.
    pub fn fitted(&self, data: &[f32]) -> Option<AnyQuantizer> {
        match (self.fit)(data) {
            Err(Error::ScaleOutOfRange { .. } | Error::CodeWidth { .. } | Error::CoefficientOverflow { .. }) => None,
            fitted => Some(fitted.unwrap_or_else(|error| panic!("{}: {error}", self.name))),
        }
    }
}

fn case<S>(name: impl Into<String>, settings: S) -> Case
where
    S: Fit<f32, Fitted: Quantizer<Code = u16> + 'static> + 'static,
{
    let fit = move |data: &[f32]| -> Result<AnyQuantizer> { Ok(Box::new(settings.fit(data)?)) };
    Case { name: name.into(), fit: Box::new(fit), clips: false, random: false, mixes: false, paths: false }
}

/// States and spikes.
const TRELLISES: [(u16, usize); 5] = [(1, 0), (8, 0), (64, 0), (1, 1), (8, 1)];

/// Steps of a quarter of the root mean square, by an automaton; 32 values are the period, which is where the laws cut.
fn trellis(states: u16, spikes: usize) -> Case {
    let fit = move |data: &[f32]| -> Result<AnyQuantizer> {
        let square: f64 = data.iter().map(|&x| f64::from(x).powi(2)).sum();
        let rms = if square.is_finite() { (square / data.len().max(1) as f64).sqrt() } else { 1.0 };
        let step = ((rms / 4.0) as f32).clamp(f32::MIN_POSITIVE, f32::MAX);
        let automaton = Automaton::trellis(states)?.lanes(8)?.period(32)?;
        // What is not finite is left for the fit to refuse.
        let spikes: Vec<f32> = data.iter().copied().filter(|x| x.is_finite()).take(spikes).collect();
        let quantizer = Trellis::new(step).automaton(automaton).spikes(&spikes)?.fit(data)?;
        Ok(Box::new(TrellisQuantizer::<u16>::from_bytes(&quantizer.to_bytes())?))
    };
    let paths = states > 1;
    Case {
        fit: Box::new(fit),
        paths,
        mixes: true,
        ..case(format!("trellis of {states} states, {spikes} spikes"), uniform(8))
    }
}

fn uniform(bits: u32) -> Uniform<u16> {
    Uniform::new(bits).codes()
}

/// Every quantizer, at settings that reach every branch of it.
pub fn quantizers() -> Vec<Case> {
    // The cheapest level is not always the nearest, so that trellises state no bound either.
    let mut cases: Vec<Case> = TRELLISES.map(|(states, spikes)| trellis(states, spikes)).into();
    for bits in [1, 2, 3, 4, 8, 12, 16] {
        let kinds = [
            ("symmetric", uniform(bits).symmetric()),
            ("full range", uniform(bits).full_range()),
            ("asymmetric", uniform(bits).asymmetric()),
            ("mid-rise", uniform(bits).mid_rise()),
        ];
        for (kind, settings) in kinds {
            if bits == 1 && kind == "symmetric" {
                continue;
            }
            for scale_type in SCALE_TYPES {
                let settings = settings.clone().scale_type(scale_type);
                let name = |group: &str| format!("uniform, {kind}, {bits} bits, {group}, {scale_type} scales");
                cases.push(case(name("tensor"), settings.clone()));
                cases.push(case(name("blocks of 7"), settings.clone().per_block(7)));
                cases.push(case(name("blocks of 1"), settings.per_block(1)));
            }
        }
    }
    for range in [Range::Percentile(0.9), Range::MeanStd(1.5), Range::Mse] {
        for (kind, settings) in [("symmetric", uniform(4)), ("asymmetric", uniform(3).asymmetric())] {
            for (group, settings) in [("tensor", settings.clone()), ("blocks of 11", settings.clone().per_block(11))] {
                let name = format!("uniform, {kind}, {group}, {range:?}");
                cases.push(Case { clips: true, ..case(name, settings.range(range)) });
            }
        }
    }
    for rounding in [Rounding::HalfAway, Rounding::Stochastic(Seed::new(1)), Rounding::Dither(Seed::new(2))] {
        for (kind, settings) in [("symmetric", uniform(5)), ("asymmetric", uniform(2).asymmetric())] {
            for (group, settings) in [("tensor", settings.clone()), ("blocks of 9", settings.clone().per_block(9))] {
                let name = format!("uniform, {kind}, {group}, {rounding:?}");
                let random = rounding != Rounding::HalfAway;
                cases.push(Case { random, ..case(name, settings.rounding(rounding)) });
            }
        }
    }
    for (rule, settings) in [
        ("torch", Affine::torch(Grid::I8)),
        ("torch, 16 bits", Affine::torch(Grid::U16)),
        ("torch symmetric", Affine::torch_symmetric(Grid::I4)),
        ("ONNX", Affine::dynamic_quantize_linear()),
    ] {
        let settings = settings.codes::<u16>();
        // Zero points move the range by up to half a step, so that roundings decide whether an end is clipped.
        cases.push(Case { clips: true, ..case(format!("affine, {rule}, tensor"), settings.clone()) });
        cases.push(Case { clips: true, ..case(format!("affine, {rule}, blocks of 5"), settings.per_block(5)) });
    }
    for (group, run) in [("tensor", None), ("blocks of 13", Some(13))] {
        let placed = |name: &str| format!("{name}, {group}");
        let (quantile, means) = (Quantile::new(9).codes::<u16>(), KMeans::new(300).codes::<u16>());
        let (quantile, means) = match run {
            None => (quantile, means),
            Some(run) => (quantile.per_block(run), means.per_block(run).scale_type(ScaleType::U8)),
        };
        cases.push(Case { clips: true, ..case(placed("quantile levels"), quantile) });
        cases.push(Case { clips: true, ..case(placed("k-means"), means) });
    }
    let nf4 = Scale::new(Codebook::nf4()).codes::<u16>();
    cases.push(case("NF4, blocks of 64", nf4.clone().per_block(64)));
    cases.push(case("NF4, blocks of 5, double quantization", nf4.clone().per_block(5).scale_type(ScaleType::U8)));
    // An offset between two values is rounded, by more than a level where values are an ulp apart.
    cases.push(Case { clips: true, ..case("NF4, offsets", nf4.with_offsets()) });
    for format in [Minifloat::E2M1, Minifloat::E4M3, Minifloat::F16] {
        let scale = Scale::new(format).codes::<u16>();
        cases.push(case(format!("{format:?}, tensor"), scale.clone()));
        cases.push(case(format!("{format:?}, blocks of 6"), scale.per_block(6).scale_type(ScaleType::E4M3)));
    }
    cases.push(Case { clips: true, ..case("MXFP4", Scale::mx(Minifloat::E2M1).codes::<u16>()) });
    cases.push(Case { clips: true, ..case("NVFP4", Scale::nvfp4().codes::<u16>()) });
    // Blocks of 8, which is where the laws cut. Errors of single values have no bound through a transform.
    let rotation = Hadamard::new(8, Seed::new(5)).unwrap();
    for (name, inner) in [("tensor", uniform(6)), ("blocks of 4", uniform(4).asymmetric().per_block(4))] {
        cases.push(Case { mixes: true, ..case(format!("Hadamard, uniform, {name}"), Then::new(rotation, inner)) });
    }
    let twice = Then::new(rotation, Then::new(Hadamard::new(4, Seed::new(6)).unwrap(), uniform(5)));
    cases.push(Case { mixes: true, ..case("Hadamard, Hadamard, uniform", twice) });
    let cosines = Then::new(Dct::new(8).unwrap(), uniform(7).per_block(4));
    cases.push(Case { mixes: true, ..case("DCT, uniform", cosines) });
    // Nothing is mixed here, but errors are what a curve or a scale makes of them.
    for (name, curve) in [("mu", Compand::MuLaw(255.0)), ("asinh", Compand::Asinh(0.1)), ("power", Compand::Power(0.5))]
    {
        cases.push(Case { mixes: true, ..case(format!("companding, {name}"), Then::new(curve, uniform(6))) });
    }
    let standard = Standardize::new();
    for (name, settings) in [
        ("tensor", standard.clone().stored_as(DType::Bf16)),
        ("blocks of 3", standard.clone().per_block(3)),
        ("means of blocks", standard.means_only().per_block(10)),
    ] {
        cases.push(Case { mixes: true, ..case(format!("standardized, {name}"), Then::new(settings, uniform(8))) });
    }
    for (name, settings) in [
        ("0.05", ErrorBound::max_abs_error(0.05)),
        ("a hundredth of the range", ErrorBound::max_error_of_range(0.01)),
        ("a 20th of each value", ErrorBound::max_relative_error(0.05)),
        ("rmse", ErrorBound::rmse(0.02)),
        ("30 dB", ErrorBound::psnr_db(30.0)),
        ("nothing", ErrorBound::max_abs_error(0.0)),
    ] {
        cases.push(case(format!("error bound, {name}"), settings.codes::<u16>()));
    }
    cases
}

/// Every quantizer with a shape: rows, columns and a middle axis.
pub fn shaped_quantizers(shape: [usize; 3]) -> Vec<Case> {
    (0..3)
        .flat_map(|axis| {
            let symmetric = uniform(8).per_axis(&shape, axis);
            let asymmetric = uniform(5).asymmetric().per_axis(&shape, axis).scale_type(ScaleType::F16);
            [
                case(format!("uniform, symmetric, axis {axis}"), symmetric),
                case(format!("uniform, asymmetric, axis {axis}"), asymmetric.clone()),
                case(format!("affine, axis {axis}"), Affine::torch(Grid::U8).codes::<u16>().per_axis(&shape, axis)),
                Case {
                    clips: true,
                    ..case(format!("uniform, least squares, axis {axis}"), asymmetric.range(Range::Mse))
                },
                Case {
                    mixes: true,
                    ..case(
                        format!("standardized, DCT, axis {axis}"),
                        Then::new(
                            Standardize::new().per_axis(&shape, axis),
                            Then::new(Dct::new(4).unwrap().along(&shape, axis).unwrap(), uniform(9)),
                        ),
                    )
                },
            ]
        })
        .collect()
}

/// Every codec for codes below `level_count`.
pub fn codecs(level_count: u32) -> Vec<(String, AnyCodec)> {
    let narrowest = 32 - (level_count - 1).leading_zeros().min(31);
    let packed = |width| BitPack::<u16>::new(width).unwrap();
    let mut codecs: Vec<_> =
        (narrowest..=16).map(|width| (format!("{width} bits packed"), Box::new(packed(width)) as AnyCodec)).collect();
    // Small codes are likely, but for some of the others.
    let sample: Vec<u16> = (0..4000_u32).map(|i| (i * i % 4001 * (i % 7) / 97 % level_count) as u16).collect();
    let rans = Rans::new().levels(level_count);
    codecs.push(("entropy coded".to_owned(), Box::new(rans.fit(&sample).unwrap())));
    let contexts = ContextRans::new(Automaton::memoryless().lanes(8).unwrap());
    let columns = contexts.clone().by(Groups::axis(&[9], 0).unwrap());
    codecs.push(("contexts".to_owned(), Box::new(contexts.fit_below(&sample[..300], level_count).unwrap())));
    codecs.push(("contexts of columns".to_owned(), Box::new(columns.fit_below(&sample, level_count).unwrap())));
    // Codes that are on no path are packed.
    let path = ContextRans::new(Automaton::trellis(8).unwrap().lanes(2).unwrap());
    let level_count_of_path = level_count.next_multiple_of(2);
    codecs.push(("path".to_owned(), Box::new(path.fit_below(&[0_u16; 0], level_count_of_path).unwrap())));
    // The last two codes are spikes, as are others that share a symbol with them.
    let spiked = contexts.clone().spikes(2, 9).unwrap();
    codecs.push(("spikes".to_owned(), Box::new(spiked.fit_below(&sample, level_count.max(3)).unwrap())));
    codecs.push(("all escaped".to_owned(), Box::new(rans.fit(&[0_u16; 0]).unwrap())));
    let line = Then::new(Difference::new(level_count).unwrap(), rans).fit(&sample).unwrap();
    codecs.push(("differences, entropy coded".to_owned(), Box::new(line)));
    let difference = || Difference::new(level_count).unwrap();
    let plane = difference().along(&[9, 5, 3], 0).unwrap().along(&[9, 5, 3], 1).unwrap().order(2).unwrap();
    // Rows that are longer than what is remembered on the stack.
    let rows = difference().along(&[3, 5000], 0).unwrap();
    for (name, map) in
        [("line", difference()), ("slopes", difference().order(2).unwrap()), ("plane", plane), ("rows", rows)]
    {
        codecs.push((format!("differences, {name}"), Box::new(Then::new(map, packed(narrowest)))));
    }
    let centred = ZigZag::new(level_count).unwrap().centre(level_count / 3).unwrap();
    codecs.push(("folded".to_owned(), Box::new(Then::new(centred, packed(narrowest)))));
    let planes = ByteShuffle::new(level_count, 3).unwrap();
    codecs.push(("shuffled".to_owned(), Box::new(Then::new(planes, packed(narrowest)))));
    codecs
}

/// The pseudo-random numbers of `SplitMix64`.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// Uniform in 0..1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 24) as f32
    }

    /// Nearly Gaussian, variance 1.
    pub fn gaussian(&mut self) -> f32 {
        (0..12).map(|_| self.unit()).sum::<f32>() - 6.0
    }

    /// Any finite f32, subnormals and extremes included.
    pub fn any_finite(&mut self) -> f32 {
        loop {
            let x = f32::from_bits(self.bits() as u32);
            if x.is_finite() {
                return x;
            }
        }
    }
}

pub fn gaussian(n: usize, seed: u64) -> Vec<f32> {
    let mut random = Random(seed);
    (0..n).map(|_| random.gaussian()).collect()
}

/// Orthonormal vectors one after another, by Gram and Schmidt in f64, twice over: the same on every machine.
pub fn orthonormal(columns: usize, vectors: usize, seed: u64) -> Vec<f32> {
    let mut random = Random(seed);
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    while basis.len() < vectors {
        let mut vector: Vec<f64> = (0..columns).map(|_| random.gaussian().into()).collect();
        for other in basis.iter().chain(&basis) {
            let along = dot(&vector, other);
            vector.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
        }
        let length = dot(&vector, &vector).sqrt();
        if length > 1e-6 {
            for x in &mut vector {
                *x /= length;
            }
            basis.push(vector);
        }
    }
    basis.into_iter().flatten().map(|x| x as f32).collect()
}

/// Finite data of every temper.
pub fn data_sets() -> Vec<(&'static str, Vec<f32>)> {
    let mut random = Random(7);
    let tiny = f32::from_bits(1);
    vec![
        ("gaussian", gaussian(1000, 1)),
        ("one value", vec![0.3]),
        ("two values", vec![-1.5, 2.5]),
        ("zeros", vec![0.0; 20]),
        ("signed zeros", vec![0.0, -0.0, -0.0, 0.0, -0.0]),
        ("constant", vec![0.1; 20]),
        ("negative constant", vec![-7.25; 20]),
        ("constant and zeros", [vec![0.0; 7], vec![3.0; 7], vec![-0.0; 8]].concat()),
        ("all positive", (0..100).map(|i| 5.0 + i as f32 / 7.0).collect()),
        ("all negative", (0..100).map(|i| -5.0 - i as f32 / 7.0).collect()),
        ("far from zero", (0..100).map(|i| 1e6 + i as f32 / 16.0).collect()),
        ("one ulp apart", vec![1.0, 1.0_f32.next_up(), 1.0, 1.0_f32.next_up()]),
        ("halves of a step", (-300..300).map(|i| i as f32 / 2.0).collect()),
        ("heavy tail", (0..500).map(|_| 1e-3 / (random.unit() - 0.5)).collect()),
        ("subnormal", (0..50).map(|i| f32::from_bits(i * 1000)).collect()),
        ("least subnormal", vec![tiny, -tiny, 0.0, tiny]),
        ("smallest normal", vec![f32::MIN_POSITIVE, -f32::MIN_POSITIVE, 0.0]),
        ("largest", vec![f32::MAX, -f32::MAX, 0.0, 1e38, -3e38]),
        ("largest, one side", vec![f32::MAX, f32::MAX / 2.0, 3.0]),
        ("just below largest", vec![f32::MAX.next_down(), -1.0, 0.5]),
        ("largest f16", vec![65504.0, -65504.0, 1.0, 65472.0]),
        ("beyond f16", vec![65536.0, -70000.0, 1e6]),
        ("whole range", (0..300).map(|_| random.any_finite()).collect()),
        ("powers of two", (-149..=127).map(|e| 2.0_f64.powi(e) as f32).collect()),
    ]
}

/// All finite f16 values.
pub fn all_f16() -> Vec<f16> {
    (0..=u16::MAX).map(f16::from_bits).filter(|x| x.is_finite()).collect()
}

pub fn to_bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// Makes the checksum at the end of parameters that of the bytes before it.
pub fn seal(parameters: &mut [u8]) {
    let (checked, checksum) = parameters.split_at_mut(parameters.len() - 4);
    checksum.copy_from_slice(&crc32fast::hash(checked).to_le_bytes());
}

/// A gradient is, within 1e-4, that of `surrogate` by finite differences, and not that of the identity everywhere.
pub fn check_gradient(values: &[f32], upstream: &[f32], gradient: &[f32], surrogate: impl Fn(&[f64]) -> f64) {
    let mut clipped = false;
    for j in 0..values.len() {
        let at = |change: f64| {
            let mut values: Vec<f64> = values.iter().map(|&x| x.into()).collect();
            values[j] += change;
            surrogate(&values)
        };
        let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
        assert!((f64::from(gradient[j]) - difference).abs() < 1e-4, "value {j}: {} for {difference}", gradient[j]);
        clipped |= (gradient[j] - upstream[j]).abs() > 1e-3;
    }
    assert!(clipped, "nothing was clipped");
}
