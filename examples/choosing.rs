//! Measures the rows of docs/choosing.md on data made here, and prints them as a table.
//!
//!     cargo run --release --example choosing
//!
//! Every figure is that of a whole frame, decoded again.

use fewbits::{
    Affine, Automaton, Blocks, Candidates, Codebook, Coded, Compand, ContextRans, Difference, ErrorBound, ErrorStats,
    Fit, Frame, Grid, Groups, Hadamard, KMeans, Masked, Minifloat, NonFinite, Pipeline, Quantile, Quantizer,
    QuantizerExt, Range, Rans, Result, Rounding, Scale, ScaleRule, ScaleType, Seed, Standardize, Target, Then, Trellis,
    Uniform, bits_per_value,
};

const ROWS: usize = 512;
const COLUMNS: usize = 512;
const SHAPE: [usize; 2] = [ROWS, COLUMNS];

fn main() -> Result<()> {
    let weights = weights();
    println!(
        "Weights: {ROWS} rows of {COLUMNS}, Gaussian, each row of another size, one in 2,000 values 8 times as large\n"
    );
    header();
    for bits in [8, 4, 3, 2] {
        uniform(&format!("{bits}, one scale"), &Uniform::new(bits), &weights)?;
        uniform(&format!("{bits}, per row"), &Uniform::new(bits).per_axis(&SHAPE, 0), &weights)?;
        let least = Uniform::new(bits).per_axis(&SHAPE, 0).range(Range::Mse);
        uniform(&format!("{bits}, per row, least error"), &least, &weights)?;
        let blocks = Uniform::new(bits).per_block(32).scale_type(ScaleType::Bf16);
        uniform(&format!("{bits}, blocks of 32, bf16 scales"), &blocks, &weights)?;
        let block = Blocks::uniform(bits, 32)?;
        pipeline(&format!("{bits}, self-scaled blocks of 32"), &block, &weights)?;
    }
    let mid_rise = Uniform::new(2).mid_rise().per_block(32).scale_type(ScaleType::Bf16);
    uniform("2, mid-rise, blocks of 32, bf16 scales", &mid_rise, &weights)?;
    let one_bit = Uniform::new(1).mid_rise().per_block(32).scale_type(ScaleType::Bf16).range(Range::Mse);
    uniform("1, mid-rise, blocks of 32, bf16 scales, least error", &one_bit, &weights)?;
    for (name, settings) in [("equal mass", Quantile::equal_mass(16)), ("by density, gamma 1/3", Quantile::new(16))] {
        pipeline(&format!("4, {name}"), &Coded::packed(settings.fit(&weights)?), &weights)?;
    }
    for bits in [4, 3, 2] {
        let means = KMeans::new(1 << bits);
        pipeline(&format!("{bits}, k-means"), &Coded::packed(means.fit(&weights)?), &weights)?;
        let rows = means.clone().per_axis(&SHAPE, 0);
        pipeline(&format!("{bits}, k-means, per row"), &Coded::packed(rows.fit(&weights)?), &weights)?;
        let blocks = means.per_block(32).scale_type(ScaleType::Bf16);
        pipeline(&format!("{bits}, k-means, blocks of 32"), &Coded::packed(blocks.fit(&weights)?), &weights)?;
    }
    let nf4 = Scale::new(Codebook::nf4()).per_block(64);
    let double = nf4.clone().scale_type(ScaleType::U8).scale_rule(ScaleRule::Nearest);
    for (name, settings) in
        [("4, NF4, blocks of 64, f32 scales", nf4), ("4, NF4, blocks of 64, double quantization", double)]
    {
        pipeline(name, &Coded::packed(settings.fit(&weights)?), &weights)?;
    }
    for (name, settings) in [
        ("4, MXFP4", Scale::mx(Minifloat::E2M1)),
        ("4, NVFP4", Scale::nvfp4()),
        ("6, MXFP6, E2M3", Scale::mx(Minifloat::E2M3)),
        ("8, MXFP8, E4M3", Scale::mx(Minifloat::E4M3)),
    ] {
        pipeline(name, &Coded::packed(settings.fit(&weights)?), &weights)?;
    }
    let rotation = Hadamard::new(128, Seed::new(9))?;
    for bits in [4, 3, 2] {
        let rotated = Then::new(rotation, KMeans::new(1 << bits).per_block(128).scale_type(ScaleType::Bf16));
        let name = format!("{bits}, Hadamard 128, k-means, blocks of 128");
        pipeline(&name, &Coded::packed(rotated.fit(&weights)?), &weights)?;
    }
    let rows = Then::new(Standardize::new().scales_only().per_axis(&SHAPE, 0), KMeans::new(16));
    pipeline("4, rows by their root mean square, k-means", &Coded::packed(rows.fit(&weights)?), &weights)?;
    for (name, curve) in [("asinh, knee at 1 RMS", Compand::Asinh(1.0)), ("power 1/2", Compand::Power(0.5))] {
        let curved = Then::new(curve, Uniform::new(4)).fit(&weights)?;
        pipeline(&format!("4, {name}"), &Coded::packed(curved), &weights)?;
    }
    for bits in [5, 6, 7, 8] {
        let coded = Coded::new(Uniform::new(bits), Rans::new()).fit(&weights)?;
        pipeline(&format!("{bits}, one scale, entropy coded"), &coded, &weights)?;
    }
    for states in [1, 8, 64, 256] {
        let automaton = Automaton::trellis(states)?;
        for width in [0.0124, 0.0496] {
            // With two sides a step is half as wide.
            let trellis = Trellis::new(width / automaton.sides() as f32).automaton(automaton);
            let contexts = ContextRans::new(automaton).by(Groups::axis(&SHAPE, 0)?);
            let coded = Coded::new(trellis, contexts).fit(&weights)?;
            pipeline(&format!("trellis of {states} states, contexts by row"), &coded, &weights)?;
        }
    }
    let torch = Affine::torch_symmetric(Grid::I8).per_axis(&SHAPE, 0).fit(&weights)?;
    pipeline("8, torch symmetric, per row", &Coded::packed(torch), &weights)?;

    for target in [Target::BitsPerValue(4.2), Target::BitsPerValue(2.2), Target::Sqnr(22.0), Target::MaxError(0.01)] {
        let compressed = fewbits::compress(&weights, target)?;
        let cost = &compressed.report().cost;
        row(&format!("compress, {target:?}"), cost.bits_per_value(), &cost.stats);
    }
    choose(&weights, Target::BitsPerValue(4.2))?;
    choose(&weights, Target::Sqnr(22.0))?;

    let activations: Vec<f32> = weights.iter().map(|x| x.max(0.0)).collect();
    println!("\nActivations: the same, negative ones cut to 0\n");
    header();
    uniform("8, symmetric", &Uniform::new(8), &activations)?;
    uniform("8, asymmetric", &Uniform::new(8).asymmetric(), &activations)?;
    let most = Uniform::new(8).asymmetric().range(Range::Percentile(0.9999));
    uniform("8, asymmetric, all but one in 10,000", &most, &activations)?;
    let onnx = Affine::dynamic_quantize_linear().fit(&activations)?;
    pipeline("8, ONNX dynamic", &Coded::packed(onnx), &activations)?;

    println!("\nGradients, averaged over 64 rounds of other roundings: the same as weights\n");
    header();
    rounds("4, nearest", |_| Rounding::Nearest, &weights)?;
    rounds("4, stochastic", Rounding::Stochastic, &weights)?;
    rounds("4, dithered", Rounding::Dither, &weights)?;

    fields()
}

/// Smooth data under a bound.
fn fields() -> Result<()> {
    let field = field();
    println!("\nA field: smooth, far from 0, one value in 20 missing\n");
    header();
    let policy = NonFinite::keep();
    for (name, settings) in [
        ("0.01 at most", ErrorBound::max_abs_error(0.01)),
        ("1e-4 of the range at most", ErrorBound::max_error_of_range(1e-4)),
        ("1e-4 of each value at most", ErrorBound::max_relative_error(1e-4)),
        ("60 dB PSNR at least", ErrorBound::psnr_db(60.0)),
        ("nothing lost", ErrorBound::max_abs_error(0.0)),
    ] {
        pipeline(name, &Masked::new(policy, Coded::packed(settings.non_finite(policy).fit(&field)?)), &field)?;
    }
    println!("\nThe same field without missing values, entropy coded\n");
    header();
    let field = whole_field();
    let quantizer = ErrorBound::max_abs_error(0.01).codes::<u16>().fit(&field)?;
    let codes = quantizer.quantize(&field)?;
    let line = Difference::of(&quantizer)?;
    let plane = line.clone().along(&SHAPE, 1)?.along(&SHAPE, 0)?;
    pipeline("0.01 at most, packed", &Coded::packed(&quantizer), &field)?;
    pipeline("0.01 at most, rANS", &Coded::new(&quantizer, Rans::new().fit(&codes)?), &field)?;
    for (name, map) in [("differences", line), ("differences of both axes", plane)] {
        let codec = Then::new(map, Rans::new()).fit(&codes)?;
        pipeline(&format!("0.01 at most, {name}, rANS"), &Coded::new(&quantizer, codec), &field)?;
    }
    Ok(())
}

/// Measures ways to compress the weights, and prints the table and the choice.
fn choose(weights: &[f32], target: Target) -> Result<()> {
    let rotation = Hadamard::new(128, Seed::new(9))?;
    let choice = Candidates::new()
        .with("4 bits per row, least error", |values| {
            Ok(Coded::packed(Uniform::new(4).per_axis(&SHAPE, 0).range(Range::Mse).fit(values)?))
        })
        .with("4 bits in blocks of 64", |values| {
            Ok(Coded::packed(Uniform::new(4).per_block(64).scale_type(ScaleType::Bf16).fit(values)?))
        })
        .with("NF4, double quantization", |values| {
            let nf4 = Scale::new(Codebook::nf4()).per_block(64).scale_type(ScaleType::U8);
            Ok(Coded::packed(nf4.scale_rule(ScaleRule::Nearest).fit(values)?))
        })
        .with("Hadamard 128, k-means", |values| {
            let means = KMeans::new(16).per_block(128).scale_type(ScaleType::Bf16);
            Ok(Coded::packed(Then::new(rotation, means).fit(values)?))
        })
        .with("5 bits in blocks of 64", |values| {
            Ok(Coded::packed(Uniform::new(5).per_block(64).scale_type(ScaleType::Bf16).fit(values)?))
        })
        .choose(weights, target)?;
    println!("\nAutomatic choice among frames of the weights, for {target:?}\n");
    println!("| candidate | bits/value | SQNR, dB | meets it | best |\n| --- | --- | --- | --- | --- |");
    for (i, measured) in choice.table.iter().enumerate() {
        let cost = measured.cost.clone()?;
        let best = choice.best.as_ref().is_some_and(|best| best.index == i);
        let mark = |yes| if yes { "yes" } else { "" };
        println!(
            "| {} | {:.2} | {:.2} | {} | {} |",
            measured.name,
            cost.bits_per_value(),
            cost.stats.sqnr_db(),
            mark(cost.meets_target),
            mark(best)
        );
    }
    Ok(())
}

fn header() {
    println!("| bits, how | bits/value | SQNR, dB | largest error |");
    println!("| --- | --- | --- | --- |");
}

fn row(name: &str, bits: f64, stats: &ErrorStats) {
    println!("| {name} | {bits:.2} | {:.2} | {:.4} |", stats.sqnr_db(), stats.max_abs_error());
}

fn uniform(name: &str, settings: &Uniform, values: &[f32]) -> Result<()> {
    pipeline(name, &Coded::packed(settings.fit(values)?), values)
}

/// Measures a frame by decoding it. Missing values come back as they were and count for nothing.
fn pipeline<P: Pipeline>(name: &str, pipeline: &P, values: &[f32]) -> Result<()> {
    let frame = Frame::encode(pipeline, values)?;
    let restored: Vec<f32> = fewbits::decompress(&frame)?;
    let present = |values| NonFinite::keep().present(values);
    let stats = ErrorStats::measure(&present(values)?, &present(&restored)?)?;
    row(name, bits_per_value(frame.len(), values.len()), &stats);
    Ok(())
}

/// The error of the mean of many rounds, each with chance of its own.
fn rounds(name: &str, rounding: impl Fn(Seed) -> Rounding, values: &[f32]) -> Result<()> {
    const ROUNDS: u64 = 64;
    let mut mean = vec![0.0_f32; values.len()];
    let mut bytes = 0;
    for round in 0..ROUNDS {
        let settings = Uniform::new(4).per_axis(&SHAPE, 0).rounding(rounding(Seed::new(1).derive(round)));
        let pipeline = Coded::packed(settings.fit(values)?);
        assert!(pipeline.quantizer.level_count() == 15);
        let frame = Frame::encode(&pipeline, values)?;
        bytes = frame.len();
        let restored: Vec<f32> = fewbits::decompress(&frame)?;
        mean.iter_mut().zip(restored).for_each(|(sum, x)| *sum += x / ROUNDS as f32);
    }
    row(name, bits_per_value(bytes, values.len()), &ErrorStats::measure(values, &mean)?);
    Ok(())
}

fn gaussian(seed: Seed, i: u64) -> f32 {
    (0..12).map(|draw| seed.uniform(12 * i + draw)).sum::<f32>() - 6.0
}

fn weights() -> Vec<f32> {
    let (values, sizes, outliers) = (Seed::new(1), Seed::new(2), Seed::new(3));
    let value = |i: u64| {
        let size = 0.02 + 0.08 * sizes.uniform(i / COLUMNS as u64);
        let outlier = if outliers.uniform(i) < 1.0 / 2000.0 { 8.0 } else { 1.0 };
        gaussian(values, i) * size * outlier
    };
    (0..(ROWS * COLUMNS) as u64).map(value).collect()
}

fn field() -> Vec<f32> {
    let missing = Seed::new(5);
    let value = |(i, x): (u64, f32)| if missing.uniform(i / 16) < 0.05 { f32::NAN } else { x };
    (0..).zip(whole_field()).map(value).collect()
}

fn whole_field() -> Vec<f32> {
    let noise = Seed::new(4);
    let value = |i: u64| {
        let (row, column) = ((i / COLUMNS as u64) as f32, (i % COLUMNS as u64) as f32);
        let smooth = 285.0 + 12.0 * (row / 90.0).sin() + 6.0 * (column / 35.0).cos();
        smooth + 0.05 * gaussian(noise, i)
    };
    (0..(ROWS * COLUMNS) as u64).map(value).collect()
}
