//! Law: bytes are for ever. Golden frames of every format version decode to the values beside them, and the newest
//! version is still written byte for byte, with `std` and without.
//!
//! `FEWBITS_WRITE_GOLDEN=1 cargo test --test compatibility` writes files that are missing, and only those.
//! `python3 tests/golden/decode.py` decodes the same files by docs/format.md alone.

mod common;

use common::{gaussian, orthonormal};
use fewbits::{
    Affine, AffineQuantizer, Automaton, BitPack, Blocks, ByteShuffle, Code, Codebook, Coded, Compand, Compressor,
    ContextRans, DType, Dct, Describe, Difference, Element, ErrorBound, Fit, Frame, FrameWriter, Grid, Groups,
    Hadamard, KMeans, Limits, Lossless, Masked, Minifloat, NonFinite, PcaTransform, Pipeline, Quantile, Quantizer,
    QuantizerExt, Range, Rans, RansCodec, Rounding, Scale, ScaleType, Seed, Standardize, Target, Then, Trellis,
    TrellisBlocks, Uniform, ZigZag, bf16, f16, rans::Table,
};
use std::{fmt::Write, fs, path::PathBuf};

const SHAPE: [usize; 3] = [5, 6, 7];
const LEN: usize = 5 * 6 * 7;

fn encode<T: Element, C: Code>(settings: &Uniform<C>, values: &[T], chunk_len: usize) -> Vec<u8> {
    let quantizer = settings.fit(values).unwrap();
    let pipeline = Coded::packed(quantizer.clone());
    FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(values).unwrap()
}

fn packed<T: Element, S: Fit<T, Fitted: Quantizer>>(settings: &S, values: &[T]) -> Vec<u8> {
    Frame::encode(&Coded::packed(settings.fit(values).unwrap()), values).unwrap()
}

/// Levels beyond `f32::MAX` at either end.
fn affine_largest(values: &[f32]) -> Vec<u8> {
    let quantizer = AffineQuantizer::<u8>::quantize_linear(Grid::I8, 3e36, 3).unwrap();
    Frame::encode(&Coded::packed(quantizer), values).unwrap()
}

fn nf4_high_first(values: &[f16]) -> Vec<u8> {
    let quantizer = Scale::new(Codebook::nf4()).per_block(64).fit(values).unwrap();
    let codec = BitPack::new(4).unwrap().high_first().unwrap();
    Frame::encode(&Coded::new(quantizer, codec), &values[..values.len()]).unwrap()
}

fn chunked_rotation(rotation: &Hadamard, values: &[f16]) -> Vec<u8> {
    let settings = Then::new(*rotation, Scale::new(Codebook::nf4()).per_block(64).scale_type(ScaleType::Bf16));
    let pipeline = Coded::packed(settings.fit(values).unwrap());
    FrameWriter::new(&pipeline).chunk_len(128).encode(values).unwrap()
}

/// Coefficients of rows, then of columns, neither of which is a whole number of blocks.
fn plane(values: &[f32]) -> Vec<u8> {
    let along = |axis| Dct::new(4).unwrap().along(&SHAPE, axis).unwrap();
    let pipeline = Coded::packed(Then::new(along(2), Then::new(along(1), Uniform::new(7))).fit(values).unwrap());
    FrameWriter::new(&pipeline).chunk_len(84).encode(values).unwrap()
}

/// Differences of differences along two axes, cut within a row.
fn predicted<T: Element>(values: &[T]) -> Vec<u8> {
    let quantizer = ErrorBound::max_abs_error(0.01).codes::<u16>().fit(values).unwrap();
    let map = Difference::of(&quantizer).unwrap().along(&SHAPE, 2).unwrap().along(&SHAPE, 0).unwrap().order(2).unwrap();
    let codec = Then::new(map, BitPack::of(&quantizer));
    FrameWriter::new(&Coded::new(quantizer, codec)).chunk_len(100).encode(values).unwrap()
}

/// Codes that the table has and others, in chunks of as many lanes as they afford, some packed.
fn coded<T: Element>(values: &[T], sample: usize, chunk_len: usize) -> Vec<u8> {
    let quantizer = Uniform::new(6).codes::<u16>().fit(values).unwrap();
    let codes = quantizer.quantize(values).unwrap();
    let codec = Rans::new().levels(63).fit(&codes[..sample]).unwrap();
    FrameWriter::new(&Coded::new(quantizer, codec)).chunk_len(chunk_len).encode(values).unwrap()
}

/// Escapes of more than 16 bits, behind differences.
fn coded_wide(values: &[f32]) -> Vec<u8> {
    let quantizer = ErrorBound::max_abs_error(1e-5).codes::<u32>().fit(values).unwrap();
    let codes = quantizer.quantize(values).unwrap();
    let likely: Vec<u32> = codes.iter().map(|code| code - codes.iter().min().unwrap()).map(|code| code % 50).collect();
    let map = Difference::of(&quantizer).unwrap();
    let codec = Then::new(map, Rans::new().levels(quantizer.level_count())).fit(&likely).unwrap();
    let smooth: Vec<f32> = values.iter().enumerate().map(|(i, x)| if i % 9 == 0 { *x } else { 1e-6 * x }).collect();
    Frame::encode(&Coded::new(quantizer, codec), &smooth).unwrap()
}

/// A table for other codes, so that the stream is packed.
fn coded_packed(values: &[f32]) -> Vec<u8> {
    let quantizer = Uniform::new(5).fit(values).unwrap();
    let codec = Rans::new().levels(31).fit(&[3_u8; 9]).unwrap();
    Frame::encode(&Coded::new(quantizer, codec), values).unwrap()
}

/// Fitted to other values.
fn bits<T: Element>(sample: &[T], values: &[T]) -> Vec<u8> {
    FrameWriter::new(&Lossless.fit(sample).unwrap()).chunk_len(100).encode(values).unwrap()
}

/// More codes than fit a table.
fn coded_low_bits(values: &[f32]) -> Vec<u8> {
    let settings = Coded::new(Uniform::new(14).codes::<u16>(), Rans::new());
    let pipeline = settings.fit(&gaussian(20_000, 96)).unwrap();
    assert!(pipeline.codec.table().low_bits() > 0);
    Frame::encode(&pipeline, values).unwrap()
}

/// A table of 14 bits.
fn coded_14(values: &[f32]) -> Vec<u8> {
    let quantizer = Uniform::new(3).fit(values).unwrap();
    let symbols = [50, 900, 4000, 6000, 4000, 1000].into_iter().enumerate();
    let table = Table::from_frequencies(14, 3, 0, symbols.map(|(i, f)| (i as u32, f)).collect()).unwrap();
    Frame::encode(&Coded::new(quantizer, RansCodec::new(table).unwrap()), values).unwrap()
}

/// Small values of a wide quantizer in few bits, about a code that is not the middle.
fn folded(values: &[f32]) -> Vec<u8> {
    let quantizer = Uniform::new(12).codes::<u16>().fit_range(-20.0, 20.0).unwrap();
    let map = ZigZag::of(&quantizer).unwrap().centre(2000).unwrap();
    Frame::encode(&Coded::new(quantizer, Then::new(map, BitPack::new(11).unwrap())), values).unwrap()
}

/// Triples, cut within one, in front of differences.
fn shuffled(values: &[f32]) -> Vec<u8> {
    let quantizer = Uniform::new(8).fit(values).unwrap();
    let inner = Then::new(Difference::of(&quantizer).unwrap(), BitPack::of(&quantizer));
    let codec = Then::new(ByteShuffle::of(&quantizer, 3).unwrap(), inner);
    FrameWriter::new(&Coded::new(quantizer, codec)).chunk_len(100).encode(values).unwrap()
}

/// 255 levels in a line: an odd number of codes.
fn differences(values: &[f32]) -> Vec<u8> {
    let quantizer = Uniform::new(8).fit(values).unwrap();
    let codec = Then::new(Difference::of(&quantizer).unwrap(), BitPack::of(&quantizer));
    Frame::encode(&Coded::new(quantizer, codec), values).unwrap()
}

fn principal(columns: usize, components: usize, stored_as: DType) -> PcaTransform {
    let mean = gaussian(columns, 95);
    PcaTransform::new(mean, orthonormal(columns, components, 96)).unwrap().stored_as(stored_as).unwrap()
}

fn chunked_principal(values: &[f16]) -> Vec<u8> {
    let settings = Then::new(principal(10, 3, DType::F16), Uniform::new(5).asymmetric().per_axis(&[21, 3], 1));
    let pipeline = Coded::packed(settings.fit(values).unwrap());
    FrameWriter::new(&pipeline).chunk_len(50).encode(values).unwrap()
}

fn masked<T: Element>(values: &[T], chunk_len: usize) -> Vec<u8> {
    let pipeline = Masked::new(NonFinite::keep().missing(-9999.0), Blocks::uniform(6, 5).unwrap());
    FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(values).unwrap()
}

/// Levels on a path, and a table for each side; or those of a density, where that is smaller.
fn trellis<T: Element>(values: &[T], step: f32, automaton: Automaton, chunk_len: usize) -> Vec<u8> {
    let settings = Coded::new(Trellis::new(step).automaton(automaton), ContextRans::new(automaton));
    FrameWriter::new(&settings.fit(values).unwrap()).chunk_len(chunk_len).encode(values).unwrap()
}

fn automaton(states: u16, lanes: usize, period: usize) -> Automaton {
    Automaton::trellis(states).unwrap().lanes(lanes).unwrap().period(period).unwrap()
}

/// Rows of very different sizes, and one step for all, cut within a row.
fn contexts_of_rows(values: &[f32]) -> Vec<u8> {
    let values = uneven(values);
    let rows = Groups::blocks(20, values.len()).unwrap();
    let codec = ContextRans::new(Automaton::memoryless().lanes(2).unwrap()).by(rows);
    let pipeline = Coded::new(Trellis::new(0.4), codec).fit(&values).unwrap();
    FrameWriter::new(&pipeline).chunk_len(330).encode(&values).unwrap()
}

fn uneven(values: &[f32]) -> Vec<f32> {
    let sizes = [1.0, 8.0, 3.0, 0.3, 20.0, 1.5, 60.0];
    let value = |(i, x): (usize, &f32)| x * sizes[i / 20 % 7] * sizes[i % 20 % 3];
    values.iter().enumerate().map(value).collect()
}

/// Rows and columns of bf16, whose classes a trellis has too; levels packed and entropy coded.
fn contexts_of_rows_and_columns(values: &[f32]) -> Vec<u8> {
    let values: Vec<bf16> = uneven(values).into_iter().map(bf16::from_f32).collect();
    let automaton = automaton(8, 4, 480);
    let groups = [Groups::blocks(20, values.len()).unwrap(), Groups::axis(&[20], 0).unwrap()];
    let codec = ContextRans::new(automaton).by(groups[0]).by(groups[1]);
    let pipeline = Coded::new(Trellis::new(0.5).automaton(automaton), codec).fit(&values).unwrap();
    FrameWriter::new(&pipeline).chunk_len(960).encode(&values).unwrap()
}

/// Tables for few classes of a bimodal distribution.
fn contexts_written() -> Vec<u8> {
    let value = |(i, x): (usize, f32)| if i / 500 % 2 == 0 { x.signum() } else { 0.8 * x.signum() } + 0.01 * x;
    let values: Vec<f32> = gaussian(4000, 91).into_iter().enumerate().map(value).collect();
    let automaton = automaton(8, 4, 1 << 18);
    let codec = ContextRans::new(automaton).by(Groups::blocks(500, values.len()).unwrap()).written();
    Frame::encode(&Coded::new(Trellis::new(0.02).automaton(automaton), codec).fit(&values).unwrap(), &values).unwrap()
}

/// Many small blocks, whose levels are entropy coded.
fn contexts_of_blocks() -> Vec<u8> {
    let values = gaussian(4000, 92);
    let automaton = automaton(8, 1, 1 << 18);
    let codec = ContextRans::new(automaton).by(Groups::blocks(4, values.len()).unwrap());
    Frame::encode(&Coded::new(Trellis::new(0.5).automaton(automaton), codec).fit(&values).unwrap(), &values).unwrap()
}

/// Classes for which the automaton stands still, which is known to the front door alone.
fn idle_classes() -> Vec<u8> {
    let scale = |i: usize| 2.0_f32.powi((i / 64 % 8) as i32) * 2.0_f32.powi((i % 8) as i32 / 2);
    let values: Vec<f32> = gaussian(64 * 64, 97).into_iter().enumerate().map(|(i, x)| x * scale(i)).collect();
    // What a search finds may change; whatever was found once is written by its own parameters.
    let stored = fs::read(golden(fewbits::FORMAT_VERSION, "contexts-rows-columns-idle.fewb"));
    let first = || {
        let compressor = Compressor::new(Target::BitsPerValue(1.5)).shape(&[64, 64]);
        compressor.compress(&values).unwrap().into_bytes()
    };
    let bytes = stored.unwrap_or_else(|_| first());
    let decoder = Frame::parse(&bytes).unwrap().decoder().unwrap();
    Frame::encode(decoder.pipeline(), &values).unwrap()
}

/// Magnitudes of rows of different sizes: a density of one side.
fn contexts_of_one_side(values: &[f32]) -> Vec<u8> {
    let values: Vec<f32> = uneven(values).into_iter().map(f32::abs).collect();
    let automaton = automaton(8, 4, 480);
    // The fourth level from below is 0.
    let codec = ContextRans::new(automaton).by(Groups::blocks(20, values.len()).unwrap()).centre(4);
    let pipeline = Coded::new(Trellis::new(0.03).automaton(automaton), codec).fit(&values).unwrap();
    assert_eq!(pipeline.quantizer.zero(), 4);
    Frame::encode(&pipeline, &values).unwrap()
}

/// Rows of rectified values, of which many are 0 and some are 2, cut within a piece of their mask.
fn spikes(values: &[f32], states: u16, lanes: usize, groups: &[Groups]) -> Vec<u8> {
    let values = rectified(values);
    let automaton =
        if states > 1 { automaton(states, lanes, 480) } else { Automaton::memoryless().lanes(lanes).unwrap() };
    let codec = groups.iter().fold(ContextRans::new(automaton), |codec, &groups| codec.by(groups));
    let trellis = Trellis::new(0.1).automaton(automaton).spikes(&[2.0, 0.0]).unwrap();
    let pipeline = Coded::new(trellis, codec.spikes(2, 20).unwrap()).fit(&values).unwrap();
    FrameWriter::new(&pipeline).chunk_len(1440).encode(&values).unwrap()
}

fn rectified(values: &[f32]) -> Vec<f32> {
    // Neighbours are alike.
    (1..values.len()).map(|i| (2.0 * (values[i - 1] + values[i])).clamp(0.0, 2.0)).collect()
}

/// Few values far from all others, and a fine step: escapes, and symbols without their lowest bits.
fn trellis_escaped(values: &[f32], step: f32, lanes: usize) -> Vec<u8> {
    let far = |(i, x): (usize, &f32)| if i % 90 == 17 { 300.0 * x } else { *x };
    trellis(&values.iter().enumerate().map(far).collect::<Vec<_>>(), step, automaton(8, lanes, 512), 2000)
}

/// Fitted to other values, so that the stream is packed.
fn trellis_packed(values: &[f32]) -> Vec<u8> {
    let automaton = automaton(64, 8, 64);
    let fitted = Trellis::new(0.01).automaton(automaton).fit(&[8.0_f32, -8.0]).unwrap();
    let still = Trellis::new(0.01).automaton(automaton).fit(&[0.0_f32; 500]).unwrap();
    let codes = still.quantize(&[0.0_f32; 500]).unwrap();
    let codec = ContextRans::new(automaton).fit_below(&codes, fitted.level_count()).unwrap();
    Frame::encode(&Coded::new(fitted, codec), values).unwrap()
}

fn trellis_behind_cosines(values: &[f16]) -> Vec<u8> {
    let automaton = automaton(8, 2, 96);
    let settings = Then::new(Dct::new(16).unwrap(), Trellis::new(0.3).automaton(automaton));
    let pipeline = Coded::new(settings, ContextRans::new(automaton)).fit(values).unwrap();
    FrameWriter::new(&pipeline).chunk_len(192).encode(values).unwrap()
}

/// Fitted to something.
fn trellis_empty(values: &[f32]) -> Vec<u8> {
    let automaton = automaton(8, 1, 32);
    let settings = Coded::new(Trellis::new(0.1).automaton(automaton), ContextRans::new(automaton));
    Frame::encode::<f32, _>(&settings.fit(values).unwrap(), &[]).unwrap()
}

/// Chunks one after another, with nothing known of those to come.
fn streamed<T: Element>(pipeline: &dyn Pipeline, values: &[T], chunk_len: usize) -> Vec<u8> {
    let mut stream = FrameWriter::new(pipeline).chunk_len(chunk_len).stream::<T>();
    let chunks: Vec<u8> = values.chunks(stream.chunk_len()).flat_map(|chunk| stream.push(chunk).unwrap()).collect();
    [chunks, stream.finish().unwrap()].concat()
}

/// Every stage and layout of the current version, by name.
fn newest() -> Vec<(&'static str, Vec<u8>)> {
    [newest_uniform(), newest_of_other_kinds(), newest_trellis_blocks(), newest_one_sided(), newest_of_composed()]
        .concat()
}

fn newest_uniform() -> Vec<(&'static str, Vec<u8>)> {
    let data = gaussian(LEN, 99);
    let halves: Vec<f16> = data.iter().map(|&x| f16::from_f32(x)).collect();
    let brains: Vec<bf16> = data.iter().map(|&x| bf16::from_f32(x)).collect();
    let extremes = [f32::MAX, -f32::MAX, 0.0, 1e38, -3e38, 1.0];
    let largest = [65504.0, -65504.0, 65472.0, 1.0].map(f16::from_f32);
    let ties: Vec<f32> = (-14..=14).map(|i| i as f32 / 4.0).collect(); // quarters, at a scale of 1/2
    let field: [f32; 40] = core::array::from_fn(|i| match i {
        3 | 20..33 => f32::NAN,
        33 | 34 => f32::NEG_INFINITY,
        39 => -9999.0,
        _ => data[i],
    });
    let fixed = Uniform::new(4).fit_range(-1.0, 1.0).unwrap();
    let empty = Frame::encode::<f32, _>(&Coded::packed(fixed), &[]).unwrap();
    vec![
        ("empty", empty),
        ("symmetric-8-tensor-f32", encode(&Uniform::new(8), &data, 1000)),
        ("symmetric-4-axis0-f16-chunked", encode(&Uniform::new(4).per_axis(&SHAPE, 0), &halves, 64)),
        (
            "asymmetric-5-axis1-f16-scales",
            encode(&Uniform::new(5).asymmetric().per_axis(&SHAPE, 1).scale_type(ScaleType::F16), &data, 1000),
        ),
        (
            "mid-rise-2-axis2-e8m0-scales-bf16",
            encode(&Uniform::new(2).mid_rise().per_axis(&SHAPE, 2).scale_type(ScaleType::E8M0), &brains, 1000),
        ),
        ("full-range-3-blocks-chunked", encode(&Uniform::new(3).full_range().per_block(32), &data, 50)),
        ("asymmetric-12-blocks-u16", encode(&Uniform::new(12).codes::<u16>().asymmetric().per_block(100), &data, 1000)),
        ("symmetric-16-u32", encode(&Uniform::new(16).codes::<u32>(), &data, 1000)),
        ("mid-rise-1", encode(&Uniform::new(1).mid_rise(), &data, 1000)),
        ("extremes-asymmetric-8", encode(&Uniform::new(8).asymmetric(), &extremes, 1000)),
        (
            "dithered-4-blocks-chunked",
            encode(&Uniform::new(4).per_block(32).rounding(Rounding::Dither(Seed::new(77))), &data, 50),
        ),
        ("self-scaled-4-bf16", Frame::encode(&Blocks::uniform(4, 64).unwrap(), &brains).unwrap()),
        (
            "self-scaled-3-f16-chunked",
            FrameWriter::new(&Blocks::uniform(3, 10).unwrap().scale_type(ScaleType::E8M0))
                .chunk_len(100)
                .encode(&halves)
                .unwrap(),
        ),
        (
            "self-scaled-8-largest-f32",
            Frame::encode(&Blocks::uniform(8, 4).unwrap().scale_type(ScaleType::E8M0), &extremes).unwrap(),
        ),
        ("largest-f16-e8m0-scales", encode(&Uniform::new(8).scale_type(ScaleType::E8M0), &largest, 1000)),
        ("masked-f32", masked(&field, 1000)),
        ("masked-bf16-chunked", masked(&field.map(bf16::from_f32), 10)),
        (
            "symmetric-6-blocks-bf16-scales",
            encode(&Uniform::new(6).per_block(8).scale_type(ScaleType::Bf16), &data, 1000),
        ),
        ("mean-std-4", encode(&Uniform::new(4).range(Range::MeanStd(1.5)), &data, 1000)),
        (
            "least-squares-3-axis1-asymmetric",
            encode(&Uniform::new(3).asymmetric().per_axis(&SHAPE, 1).range(Range::Mse), &data, 1000),
        ),
        (
            "percentile-5-blocks-asymmetric",
            encode(&Uniform::new(5).asymmetric().per_block(64).range(Range::Percentile(0.95)), &data, 1000),
        ),
        ("half-away-4", encode(&Uniform::new(4).rounding(Rounding::HalfAway), &ties, 1000)),
        (
            "stochastic-4-blocks-f16-chunked",
            encode(&Uniform::new(4).per_block(32).rounding(Rounding::Stochastic(Seed::new(78))), &halves, 50),
        ),
        (
            "stochastic-8-largest-f16-e8m0-scales",
            encode(
                &Uniform::new(8).asymmetric().scale_type(ScaleType::E8M0).rounding(Rounding::Stochastic(Seed::new(79))),
                &largest,
                1000,
            ),
        ),
    ]
}

/// Values that are not negative, and spikes.
fn newest_one_sided() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("contexts-one-side", contexts_of_one_side(&gaussian(1000, 93))),
        ("spikes-8", spikes(&gaussian(4001, 95), 8, 8, &[Groups::axis(&[20], 0).unwrap()])),
        ("spikes-8-tables", spikes(&gaussian(3902, 96), 8, 2, &[])),
        ("spikes-1", spikes(&gaussian(1500, 98), 1, 32, &[Groups::blocks(20, 1499).unwrap()])),
    ]
}

/// Levels along a trellis: superblocks, and the rest of an array.
fn newest_trellis_blocks() -> Vec<(&'static str, Vec<u8>)> {
    let long = gaussian(1000, 98);
    let halves: Vec<f16> = long.iter().map(|&x| f16::from_f32(40_000.0 * x.clamp(-1.6, 1.6))).collect();
    let brains: Vec<bf16> = long.iter().map(|&x| bf16::from_f32(-x.abs())).collect();
    let far: Vec<f32> =
        long.iter().enumerate().map(|(i, x)| if i / 32 % 3 == 0 { 5.0 } else { 5.0 + 0.1 * x }).collect();
    let extremes = [f32::MAX, -f32::MAX, 0.0, 1e38, -3e38, 1.0, 1e-40];
    let blocks = |bits, states| TrellisBlocks::new(bits).states(states);
    let chunked = FrameWriter::new(&blocks(3, 64).fit(&long).unwrap()).chunk_len(512).encode(&long).unwrap();
    vec![
        ("trellis-blocks-4", Frame::encode(&blocks(4, 8).fit(&long).unwrap(), &long).unwrap()),
        ("trellis-blocks-3-states-64-chunked", chunked),
        (
            "trellis-blocks-8-states-256-bf16-one-side",
            Frame::encode(&blocks(8, 256).fit(&brains).unwrap(), &brains).unwrap(),
        ),
        ("trellis-blocks-1-f16", Frame::encode(&blocks(1, 8).fit(&halves).unwrap(), &halves).unwrap()),
        ("trellis-blocks-2-far-f32", Frame::encode(&blocks(2, 8).fit(&far).unwrap(), &far[..333]).unwrap()),
        ("trellis-blocks-5-largest-f32", Frame::encode(&blocks(5, 8).fit(&extremes).unwrap(), &extremes).unwrap()),
    ]
}

/// Quantizers that are not uniform under scales, and those of other libraries.
fn newest_of_other_kinds() -> Vec<(&'static str, Vec<u8>)> {
    let (data, long) = (gaussian(LEN, 99), gaussian(1000, 98));
    let halves: Vec<f16> = data.iter().map(|&x| f16::from_f32(x)).collect();
    let brains: Vec<bf16> = data.iter().map(|&x| bf16::from_f32(x)).collect();
    let small: Vec<f16> = (0..200).map(|i| f16::from_bits(i * 37)).chain([f16::from_f32(-3e-7)]).collect();
    let extremes = [f32::MAX, -f32::MAX, 0.0, 1e38, -3e38, 1.0];
    vec![
        ("onnx-u8", packed(&Affine::dynamic_quantize_linear(), &data)),
        ("torch-i4-axis1-f16", packed(&Affine::torch(Grid::I4).per_axis(&SHAPE, 1), &halves)),
        ("torch-symmetric-i8-blocks", packed(&Affine::torch_symmetric(Grid::I8).per_block(32), &data)),
        ("affine-largest-f32", affine_largest(&extremes)),
        ("max-abs-error", packed(&ErrorBound::max_abs_error(0.01), &data)),
        ("max-abs-error-f16", packed(&ErrorBound::max_abs_error(0.002), &halves)),
        ("max-abs-error-largest-f32", packed(&ErrorBound::max_error_of_range(0.1), &extremes)),
        ("max-relative-error", packed(&ErrorBound::max_relative_error(0.001), &data)),
        ("max-relative-error-bf16", packed(&ErrorBound::max_relative_error(0.1), &brains)),
        ("max-relative-error-subnormal-f16", packed(&ErrorBound::max_relative_error(0.1), &small)),
        ("max-relative-error-largest-f32", packed(&ErrorBound::max_relative_error(0.7), &extremes)),
        ("psnr-u16", packed(&ErrorBound::psnr_db(70.0).codes::<u16>(), &data)),
        ("lossless-f32", packed(&ErrorBound::rmse(0.0), &data)),
        ("lossless-f16", packed(&ErrorBound::rmse(0.0), &halves)),
        ("lossless-bf16", packed(&ErrorBound::rmse(0.0), &brains)),
        ("nf4-blocks", packed(&Scale::new(Codebook::nf4()).per_block(64), &data)),
        ("nf4-blocks-double", packed(&Scale::new(Codebook::nf4()).per_block(3).scale_type(ScaleType::U8), &long)),
        ("nf4-high-first", nf4_high_first(&halves)),
        ("quantile-9", packed(&Quantile::new(9), &data)),
        (
            "equal-mass-5-blocks-bf16-scales",
            packed(&Quantile::equal_mass(5).per_block(40).scale_type(ScaleType::Bf16), &data),
        ),
        ("k-means-300-u16", packed(&KMeans::new(300).codes::<u16>(), &long)),
        ("mxfp4", packed(&Scale::mx(Minifloat::E2M1), &data)),
        ("mxfp6-e3m2", packed(&Scale::mx(Minifloat::E3M2), &data)),
        ("mxfp6-e2m3-bf16", packed(&Scale::mx(Minifloat::E2M3), &brains)),
        ("mxfp8-e4m3", packed(&Scale::mx(Minifloat::E4M3), &data)),
        ("mxfp8-e5m2-f16", packed(&Scale::mx(Minifloat::E5M2), &halves)),
        ("nvfp4", packed(&Scale::nvfp4(), &data)),
        ("f16-levels", packed(&Scale::new(Minifloat::F16).codes::<u16>(), &data)),
        ("bf16-levels-largest-f32", packed(&Scale::new(Minifloat::BF16).codes::<u16>(), &extremes)),
        ("e4m3-with-offsets", packed(&Scale::new(Minifloat::E4M3).per_axis(&SHAPE, 0).with_offsets(), &data)),
        ("self-scaled-nf4", Frame::encode(&Blocks::new(Codebook::nf4(), 32).unwrap(), &data).unwrap()),
        ("self-scaled-e2m1", Frame::encode(&Blocks::new(Minifloat::E2M1, 32).unwrap(), &halves).unwrap()),
    ]
}

/// Transforms in front of quantizers, and maps in front of codecs.
fn newest_of_composed() -> Vec<(&'static str, Vec<u8>)> {
    let (data, long) = (gaussian(LEN, 99), gaussian(1000, 98));
    let rotation = Hadamard::new(128, Seed::new(1234)).unwrap();
    let halves: Vec<f16> = data.iter().map(|&x| f16::from_f32(x)).collect();
    let brains: Vec<bf16> = data.iter().map(|&x| bf16::from_f32(x)).collect();
    let extremes = [f32::MAX, -f32::MAX, 0.0, 1e38, -3e38, 1.0];
    vec![
        ("hadamard-128-uniform-4-blocks", packed(&Then::new(rotation, Uniform::new(4).per_block(64)), &long)),
        ("dct-32-uniform-6", packed(&Then::new(Dct::new(32).unwrap(), Uniform::new(6)), &data)),
        (
            "hadamard-8-dct-4-uniform-5-f16",
            packed(
                &Then::new(Hadamard::new(8, Seed::new(5)).unwrap(), Then::new(Dct::new(4).unwrap(), Uniform::new(5))),
                &halves,
            ),
        ),
        ("pca-5-of-7-uniform-8", packed(&Then::new(principal(7, 5, DType::F32), Uniform::new(8)), &data)),
        ("pca-3-of-10-uniform-5-axis1-f16-chunked", chunked_principal(&halves)),
        (
            "hadamard-2-pca-6-of-6-k-means-bf16",
            packed(
                &Then::new(
                    Hadamard::new(2, Seed::new(9)).unwrap(),
                    Then::new(principal(6, 6, DType::F16), KMeans::new(12)),
                ),
                &brains,
            ),
        ),
        ("hadamard-128-nf4-f16-chunked", chunked_rotation(&rotation, &halves)),
        (
            "hadamard-16-hadamard-4-k-means-bf16",
            packed(
                &Then::new(
                    Hadamard::new(16, Seed::new(7)).unwrap(),
                    Then::new(Hadamard::new(4, Seed::new(8)).unwrap(), KMeans::new(6)),
                ),
                &brains,
            ),
        ),
        ("dct-4-axis2-dct-4-axis1-uniform-7-chunked", plane(&data)),
        (
            "standardize-axis2-uniform-6",
            packed(&Then::new(Standardize::new().per_axis(&SHAPE, 2), Uniform::new(6)), &data),
        ),
        (
            "standardize-f16-blocks-scales-uniform-5-bf16",
            packed(
                &Then::new(Standardize::new().scales_only().per_block(50).stored_as(DType::F16), Uniform::new(5)),
                &brains,
            ),
        ),
        (
            "standardize-bf16-means-mu-law-uniform-6-f16",
            packed(
                &Then::new(
                    Standardize::new().means_only().per_axis(&SHAPE, 0).stored_as(DType::Bf16),
                    Then::new(Compand::MuLaw(255.0), Uniform::new(6)),
                ),
                &halves,
            ),
        ),
        ("asinh-uniform-12", packed(&Then::new(Compand::Asinh(0.25), Uniform::new(12).codes::<u16>()), &data)),
        ("asinh-largest-f32", packed(&Then::new(Compand::Asinh(1e-6), Uniform::new(8)), &extremes)),
        ("power-uniform-10", packed(&Then::new(Compand::Power(0.4), Uniform::new(10).codes::<u16>()), &data)),
        ("mu-law-uniform-10", packed(&Then::new(Compand::MuLaw(40.0), Uniform::new(10).codes::<u16>()), &data)),
        ("differences-8", differences(&data)),
        ("folded-12-in-11-bits", folded(&data)),
        ("shuffled-3-differences-8-chunked", shuffled(&data)),
        ("rans-uniform-6-chunked", coded(&long, 500, 300)),
        ("rans-uniform-6-2-lanes", coded(&gaussian(14_000, 97), 10_000, 1 << 20)),
        ("rans-uniform-6-bf16", coded(&brains, 100, 1000)),
        ("rans-differences-escaped", coded_wide(&long)),
        ("rans-14-bits-uniform-3", coded_14(&long)),
        ("rans-packed", coded_packed(&data)),
        ("rans-low-bits-uniform-14", coded_low_bits(&long)),
        ("trellis-8", trellis(&gaussian(12_000, 94), 0.3, automaton(8, 32, 1 << 18), 1 << 18)),
        ("trellis-64-tables-periods", trellis(&long, 0.4, automaton(64, 16, 96), 2000)),
        ("trellis-256-f16-chunked", trellis(&halves, 0.2, automaton(256, 1, 32), 96)),
        ("trellis-1-bf16", trellis(&brains, 0.1, Automaton::memoryless().lanes(4).unwrap(), 2000)),
        ("trellis-8-escaped", trellis_escaped(&long, 0.05, 1)),
        ("trellis-8-escaped-low-bits", trellis_escaped(&long, 1e-3, 8)),
        ("contexts-blocks-coded-levels", contexts_of_blocks()),
        ("contexts-written-tables", contexts_written()),
        ("trellis-64-packed", trellis_packed(&data)),
        ("trellis-8-largest-f32", trellis(&extremes, 1e38, automaton(8, 1, 32), 2000)),
        ("trellis-8-empty", trellis_empty(&data)),
        ("dct-16-trellis-8-f16-chunked", trellis_behind_cosines(&halves)),
        ("contexts-rows-chunked", contexts_of_rows(&long)),
        ("contexts-rows-columns-bf16-chunked", contexts_of_rows_and_columns(&gaussian(2000, 93))),
        ("contexts-rows-columns-idle", idle_classes()),
        ("bits-f32", Frame::encode(&Lossless.fit(&long).unwrap(), &long).unwrap()),
        ("bits-f16-chunked", bits(&halves, &halves)),
        ("bits-bf16-chunked", bits(&long.iter().map(|&x| bf16::from_f32(x)).collect::<Vec<_>>(), &brains)),
        ("differences-2-axes-order-2-f16-chunked", predicted(&halves)),
        ("streamed-self-scaled-4", streamed(&Blocks::uniform(4, 32).unwrap(), &data, 64)),
        ("streamed-whole-chunks-bits-f16", streamed(&Lossless.fit(&halves).unwrap(), &halves, 70)),
        ("streamed-empty-bf16", streamed::<bf16>(&Blocks::uniform(4, 32).unwrap(), &[], 64)),
    ]
}

fn golden(version: u8, file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", &format!("v{version}"), file].iter().collect()
}

/// Values as the hexadecimal bits of their element, one a line.
fn to_text(bytes: &[u8]) -> String {
    fn lines<T: Element>(frame: &Frame<'_>) -> String {
        let values: Vec<T> = frame.decode_within(Limits::none()).unwrap();
        let bytes = fewbits::values_to_le_bytes(&values);
        let mut text = String::new();
        for value in bytes.chunks_exact(size_of::<T>()) {
            value.iter().rev().for_each(|byte| write!(text, "{byte:02x}").unwrap());
            text.push('\n');
        }
        text
    }
    let frame = Frame::parse(bytes).unwrap();
    match frame.dtype() {
        DType::F32 => lines::<f32>(&frame),
        DType::F16 => lines::<f16>(&frame),
        _ => lines::<bf16>(&frame),
    }
}

#[test]
fn golden_frames() {
    let version = fewbits::FORMAT_VERSION;
    for (name, bytes) in newest() {
        let (frame_file, text_file) =
            (golden(version, &format!("{name}.fewb")), golden(version, &format!("{name}.txt")));
        if std::env::var_os("FEWBITS_WRITE_GOLDEN").is_some() && !frame_file.exists() {
            fs::create_dir_all(frame_file.parent().unwrap()).unwrap();
            fs::write(&frame_file, &bytes).unwrap();
            fs::write(&text_file, to_text(&bytes)).unwrap();
        }
        let stored = fs::read(&frame_file).unwrap();
        assert_eq!(stored, bytes, "{name} is no longer written as in version {version}");
        assert_eq!(fs::read_to_string(&text_file).unwrap(), to_text(&stored), "{name} decodes differently");
    }
}

#[test]
fn every_golden_file_is_checked() {
    let names: Vec<String> = newest().iter().map(|(name, _)| (*name).to_owned()).collect();
    let directory = golden(fewbits::FORMAT_VERSION, "");
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(names.contains(&name), "{name} is checked by nothing");
    }
}

#[test]
fn parameters_and_payload_are_what_the_format_says() {
    // The frame of the format's worked example, byte by byte.
    let quantizer = Uniform::new(4).fit_range(-3.5, 3.5).unwrap();
    let pipeline = Coded::packed(quantizer.clone());
    let frame = Frame::encode(&pipeline, &[-3.5_f32, 0.0, 0.5, 1.2, 99.0]).unwrap();
    #[rustfmt::skip]
    let expected = [
        b'f', b'e', b'w', b'b', 0,          // magic, version
        0x00,                               // f32 values, one chunk
        5,                                  // values
        12,                                 // bytes of stages
        0x01, 2, 0x00, 0x00,                // scale: f32 without offsets, one group
        0x02, 3, 0x00, 13, 15,              // grid: mid-tread, from -7 (zigzag 13), 15 levels
        0x40, 1, 4,                         // bit packing: 4 bits
        4,                                  // bytes of side information
        0x00, 0x00, 0x00, 0x3f,             // scale 0.5
        3,                                  // bytes of payload
        0x70, 0x98, 0x0e,                   // codes 0, 7, 8, 9, 14 and pad bits
    ];
    let (body, checksum) = frame.split_at(frame.len() - 4);
    assert_eq!(body, expected);
    assert_eq!(checksum, crc32fast::hash(&expected).to_le_bytes());

    // The embedded form shares the sections and keeps the payload apart.
    let parameters = pipeline.to_bytes();
    assert_eq!(parameters[..1], [0]);
    assert_eq!(parameters[1..parameters.len() - 4], expected[7..25]);
    assert_eq!(quantizer.to_bytes()[..2], [0, 9]);
}
