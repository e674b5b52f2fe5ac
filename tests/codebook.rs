//! Levels in tables, and where they are placed: quantiles, density, least squares, NF4, scales in two levels.

mod common;

use common::{Random, data_sets, gaussian, quantizers};
use fewbits::{
    BitPack, Codebook, CodebookQuantizer, CodecExt, Coded, Describe, Error, ErrorStats, Fit, Frame, Grid, Histogram,
    KMeans, Levels, Minifloat, NonFinite, Quantile, QuantileMethod, Quantiles, Quantizer, QuantizerExt, Range,
    Representative, Restore, Scale, ScaleRule, ScaleType, Scales, Uniform, f16,
};
use proptest::prelude::*;

fn mse(quantizer: &CodebookQuantizer<u16>, data: &[f32]) -> f64 {
    ErrorStats::measure(data, &quantizer.fake_quantize(data).unwrap()).unwrap().mse()
}

fn sqnr(quantizer: &CodebookQuantizer<u16>, data: &[f32]) -> f64 {
    ErrorStats::measure(data, &quantizer.fake_quantize(data).unwrap()).unwrap().sqnr_db()
}

fn uniform(random: &mut Random) -> f64 {
    ((random.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

/// Exactly Gaussian and Laplacian, 2^18 values.
fn sources() -> [(&'static str, Vec<f32>); 2] {
    let mut random = Random(99);
    let normal = (0..1 << 18).map(|_| {
        let (radius, angle) = ((-2.0 * uniform(&mut random).ln()).sqrt(), uniform(&mut random) * std::f64::consts::TAU);
        (radius * angle.cos()) as f32
    });
    let normal: Vec<f32> = normal.collect();
    let laplace = (0..1 << 18).map(|_| {
        let x = uniform(&mut random) - 0.5;
        (-x.signum() * (1.0 - 2.0 * x.abs()).ln()) as f32
    });
    [("gauss", normal), ("laplace", laplace.collect())]
}

#[test]
fn the_nearest_level_wins_by_any_number_of_levels() {
    let mut random = Random(4);
    for count in [1, 2, 3, 15, 16, 17, 31, 32, 33, 255, 256, 1000] {
        let mut levels: Vec<f32> = (0..count).map(|_| random.gaussian()).collect();
        levels.sort_unstable_by(f32::total_cmp);
        levels.dedup();
        let book = Codebook::new(levels.clone()).unwrap();
        let middles: Vec<f32> = levels.windows(2).map(|pair| f32::midpoint(pair[0], pair[1])).collect();
        let any: Vec<f32> = (0..2000).map(|_| 1.5 * random.gaussian()).collect();
        let near = middles.iter().flat_map(|&x| [x.next_down(), x, x.next_up()]);
        let ends = [f32::MAX, -f32::MAX, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0];
        for x in any.iter().copied().chain(near).chain(ends) {
            let distance = |level: f32| (f64::from(level) - f64::from(x.clamp(-1e6, 1e6))).abs();
            // The first of those that are nearest: the lower one of two.
            let mut nearest = 0;
            for i in 1..levels.len() {
                if distance(levels[i]) < distance(levels[nearest]) {
                    nearest = i;
                }
            }
            assert_eq!(book.nearest(x) as usize, nearest, "{x:e} among {count}");
        }
        assert_eq!((0..count as u32).take(levels.len()).map(|c| book.level(c)).collect::<Vec<_>>(), levels);
    }
}

#[test]
fn levels_out_of_order_are_refused() {
    for levels in [vec![], vec![1.0, 1.0], vec![0.0, -0.0], vec![2.0, 1.0], vec![0.0, f32::NAN], vec![f32::INFINITY]] {
        assert!(Codebook::new(levels.clone()).is_err(), "{levels:?}");
    }
    assert!(Codebook::new(vec![0.0; (1 << 16) + 1]).is_err());
    assert!(matches!(Codebook::normalized(vec![0.0, 1.5]), Err(Error::Parameter { index: 1, .. })));
    let most: Vec<f32> = (0..1 << 16).map(|i| i as f32).collect();
    let book = Codebook::new(most).unwrap();
    assert_eq!((book.nearest(40_000.4), book.nearest(65_535.6)), (40_000, 65_535));
}

#[test]
fn nf4_is_the_published_table_and_its_packing() {
    let mut lines = include_str!("golden/nf4.txt").lines();
    let hex = |text: &str| -> Vec<u32> { text.split(' ').map(|word| u32::from_str_radix(word, 16).unwrap()).collect() };
    let levels = hex(lines.next().unwrap().strip_prefix("levels ").unwrap());
    let book = Codebook::nf4();
    assert_eq!(book.values().iter().map(|level| level.to_bits()).collect::<Vec<_>>(), levels);
    let packing = BitPack::<u8>::new(4).unwrap().high_first().unwrap();
    let mut cases = 0;
    while let Some(line) = lines.next() {
        let words: Vec<&str> = line.split(' ').collect();
        let (seed, count): (u64, usize) = (words[1].parse().unwrap(), words[2].parse().unwrap());
        // As in `golden/onnx_rules.py`.
        let mut random = Random(seed);
        let mut value =
            || (random.below(1 << 24) as f32 / (1 << 24) as f32 - 0.5) * 2.0_f32.powi(seed as i32 % 20 - 10);
        let values: Vec<f32> = (0..count).map(|_| value()).collect();
        let quantizer = Scale::new(book.clone()).per_block(64).fit(&values).unwrap();
        let scales: Vec<u32> = quantizer.scales().iter().map(|scale| scale.to_bits()).collect();
        assert_eq!(scales, hex(lines.next().unwrap()));
        let bytes = packing.encode(&quantizer.quantize(&values).unwrap()).unwrap();
        let text = lines.next().unwrap();
        let stored = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap());
        assert!(bytes.iter().copied().eq(stored), "seed {seed}");
        cases += 1;
    }
    assert_eq!(cases, 4);
}

#[test]
fn normal_floats_follow_the_rule_of_nf4() {
    let four = Codebook::normal_float(4).unwrap();
    for (a, b) in four.values().iter().zip(Codebook::nf4().values()) {
        assert!((a - b).abs() < 1e-6, "{a} for {b}");
    }
    for bits in 2..=8 {
        let book = Codebook::normal_float(bits).unwrap();
        let levels = book.values();
        assert_eq!((levels.len(), levels[0], levels[levels.len() - 1]), (1 << bits, -1.0, 1.0));
        assert_eq!(levels.iter().filter(|&&level| level == 0.0).count(), 1);
        assert_eq!(levels.iter().filter(|&&level| level > 0.0).count(), 1 << (bits - 1));
    }
    assert!(Codebook::normal_float(1).is_err() && Codebook::normal_float(9).is_err());
}

#[test]
fn medians_of_equal_masses_and_chosen_probabilities_are_exact_quantiles() {
    let data: Vec<f32> = gaussian(1001, 5);
    let exact = |probabilities: &[f64]| -> Vec<f32> {
        let quantiles = Quantiles::new().method(QuantileMethod::Linear).of(&data, probabilities).unwrap();
        quantiles.into_iter().map(|x| x as f32).collect()
    };
    let halves: Vec<f64> = (0..16).map(|i| (f64::from(i) + 0.5) / 16.0).collect();
    let median = Quantile::equal_mass(16).representative(Representative::Median).fit(&data).unwrap();
    assert_eq!(median.unit().values(), exact(&halves));
    let chosen = [0.9, 0.1, 0.3, 0.5, 0.7];
    assert_eq!(Quantile::at(&chosen).fit(&data).unwrap().unit().values(), exact(&[0.1, 0.3, 0.5, 0.7, 0.9]));
    // Equal masses: as many values in each interval, and their mean.
    let mean = Quantile::equal_mass(7).fit(&data).unwrap();
    let mut sorted = data.clone();
    sorted.sort_unstable_by(f32::total_cmp);
    for (level, values) in mean.unit().values().iter().zip(sorted.chunks(143)) {
        let expected = values.iter().map(|&x| f64::from(x)).sum::<f64>() / 143.0;
        assert!((f64::from(*level) - expected).abs() < 0.02, "{level} for {expected}");
    }
    // Gamma 0: equally wide.
    let even = Quantile::new(8).gamma(0.0).representative(Representative::Median).fit(&data).unwrap();
    let width = (sorted[1000] - sorted[0]) / 8.0;
    for (i, level) in even.unit().values().iter().enumerate() {
        let low = sorted[0] + width * i as f32;
        assert!((low - 1e-4..=low + width + 1e-4).contains(level));
    }
}

#[test]
fn coinciding_levels_become_one() {
    let mostly_zero: Vec<f32> = (0..1000).map(|i| if i % 10 == 0 { i as f32 } else { 0.0 }).collect();
    for (levels, settings) in [(16, Quantile::equal_mass(16)), (200, Quantile::new(200))] {
        let quantizer = settings.fit(&mostly_zero).unwrap();
        assert!(quantizer.level_count() < levels && quantizer.level_count() > 1, "{}", quantizer.level_count());
    }
    let few = KMeans::new(100).fit(&mostly_zero).unwrap();
    assert_eq!((few.level_count(), few.fake_quantize(&mostly_zero).unwrap()), (100, mostly_zero));
    for constant in [0.0_f32, -7.5, f32::MAX] {
        for quantizer in [Quantile::new(4).fit(&[constant; 9]).unwrap(), KMeans::new(4).fit(&[constant; 9]).unwrap()] {
            assert_eq!(quantizer.unit().values(), [constant]);
        }
    }
}

#[test]
fn errors_are_those_of_the_theory() {
    for ((name, data), [gamma_third, least, mass]) in
        sources().into_iter().zip([[20.0, 20.17, 16.5], [17.9, 18.08, 11.9]])
    {
        let third = sqnr(&Quantile::new(16).codes().fit(&data).unwrap(), &data);
        let means = sqnr(&KMeans::new(16).codes().fit(&data).unwrap(), &data);
        let equal = sqnr(&Quantile::equal_mass(16).codes().fit(&data).unwrap(), &data);
        assert!(third >= gamma_third, "{name}: {third}");
        assert!(means >= least && means >= third, "{name}: {means}");
        assert!((mass..third - 2.0).contains(&equal), "{name}: {equal}");
        // From a histogram nearly the same.
        let mut histogram = Histogram::new();
        histogram.add(&data).unwrap();
        let near = sqnr(&KMeans::new(16).codes().fit(&[histogram.clone()]).unwrap(), &data);
        assert!(near > means - 0.01, "{name}: {near}");
        let near = sqnr(&Quantile::new(16).codes().fit(&[histogram]).unwrap(), &data);
        assert!(near > third - 0.1, "{name}: {near}");
        // More levels than the dynamic program finds.
        let many = sqnr(&KMeans::new(1000).codes().fit(&data).unwrap(), &data);
        assert!(many > sqnr(&Quantile::new(1000).codes().fit(&data).unwrap(), &data), "{name}: {many}");
    }
}

/// Lloyd's iterations from 20 random starts find nothing better.
#[test]
fn no_start_of_lloyd_beats_the_dynamic_program() {
    for (name, data) in sources() {
        let data = &data[..1 << 16];
        let found = 10.0 * mse(&KMeans::new(16).codes().fit(data).unwrap(), data).log10();
        let mut sorted: Vec<f64> = data.iter().map(|&x| x.into()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let mut random = Random(1);
        for _ in 0..20 {
            let mut levels: Vec<f64> = (0..16).map(|_| sorted[random.below(sorted.len())]).collect();
            levels.sort_unstable_by(f64::total_cmp);
            let mut error = f64::INFINITY;
            for _ in 0..300 {
                let (mut from, mut sum) = (0, 0.0);
                for i in 0..16 {
                    let middle = if i == 15 { f64::INFINITY } else { f64::midpoint(levels[i], levels[i + 1]) };
                    let to = sorted.partition_point(|&x| x <= middle).max(from);
                    if to > from {
                        levels[i] = sorted[from..to].iter().sum::<f64>() / (to - from) as f64;
                        sum += sorted[from..to].iter().map(|x| (x - levels[i]).powi(2)).sum::<f64>();
                    }
                    from = to;
                }
                if sum >= error * (1.0 - 1e-9) {
                    break;
                }
                error = sum;
            }
            let other = 10.0 * (error / sorted.len() as f64).log10();
            assert!(found < other + 0.01, "{name}: {found} dB, {other} dB");
        }
    }
}

/// Values whose bits mostly agree: a density that looks at leading bits alone would see a few of them.
#[test]
fn values_far_from_zero_have_levels_as_good_as_any() {
    let noise = gaussian(20_000, 41);
    for (center, spread) in [(280.0, 1.2), (1000.0, 1.2), (280.0, 14.0), (1e6, 30.0), (-1.5, 0.01), (0.0, 1e-40)] {
        let values: Vec<f32> = noise.iter().map(|x| center + spread * x).collect();
        for levels in [4, 16, 64, 256] {
            let bits = usize::ilog2(levels);
            let even = Uniform::new(bits).asymmetric().codes::<u16>().fit(&values).unwrap();
            let even = ErrorStats::measure(&values, &even.fake_quantize(&values).unwrap()).unwrap().rmse();
            let means = KMeans::new(levels).codes::<u16>().fit(&values).unwrap();
            let density = Quantile::new(levels).codes::<u16>().fit(&values).unwrap();
            let (means, density) = (mse(&means, &values).sqrt(), mse(&density, &values).sqrt());
            assert!(
                means < even && density < even * 1.05,
                "{levels} at {center} ± {spread}: {means}, {density}, {even}"
            );
        }
        let equal = Quantile::equal_mass(16).fit(&values).unwrap();
        let mut counts = [0; 16];
        let mut sorted = values.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        // Means lie inside of their masses.
        for (level, part) in equal.unit().values().iter().zip(sorted.chunks(1250)) {
            counts[0] += usize::from(part[0] <= *level && *level <= part[1249]);
        }
        assert!(equal.level_count() < 16 || counts[0] > 12, "{counts:?} at {center}");
        let mut histogram = Histogram::with_mantissa_bits(10).unwrap();
        histogram.add(&values).unwrap();
        assert!(KMeans::new(16).fit(&[histogram]).unwrap().level_count() == 16 || center != 280.0);
    }
}

/// Neither gaps that densities spread over nor density far from zero, which leading bits do not resolve, cost levels.
#[test]
fn many_levels_from_the_better_of_two_starts() {
    let mut outlier = gaussian(50_000, 61);
    outlier.push(1e6);
    let mut errors = Vec::new();
    for levels in [250, 256, 257, 400, 1000] {
        let quantizer = KMeans::new(levels).codes::<u16>().fit(&outlier).unwrap();
        assert_eq!(quantizer.level_count() as usize, levels);
        errors.push(mse(&quantizer, &outlier));
    }
    assert!(errors.is_sorted_by(|a, b| a > b), "{errors:?}");
    // Sixteenths as large for four times as many levels.
    assert!(errors[4] < errors[1] / 12.0, "{errors:?}");

    let near = (0..20_000).map(|i| 1.0 + i as f32 / 20_000.0);
    let decades: Vec<f32> = near.chain((0..20_000).map(|i| 10_f32.powf(i as f32 / -541.0))).collect();
    let probabilities: Vec<f32> = gaussian(40_000, 62).iter().map(|x| (10.0 * x - 20.0).exp().min(1.0)).collect();
    for values in [decades, probabilities] {
        for levels in [16, 64, 256, 512] {
            let means = mse(&KMeans::new(levels).codes::<u16>().fit(&values).unwrap(), &values);
            let density = mse(&Quantile::new(levels).codes::<u16>().fit(&values).unwrap(), &values);
            assert!(means <= density, "{levels} levels: {means:e} for {density:e}");
        }
    }
}

/// Single values of a histogram are known, and so are its ends.
#[test]
fn levels_from_histograms_stay_among_the_values() {
    for values in [&[1e10_f32][..], &[0.3, -0.3, 7.7], &[1.0, 1.001, 1.002, 5.0]] {
        let mut histogram = Histogram::new();
        histogram.add(values).unwrap();
        let (low, high) = (histogram.min().unwrap(), histogram.max().unwrap());
        for levels in [1, 2, 4, 16] {
            let fitted = KMeans::new(levels).fit(&[histogram.clone()]).unwrap();
            assert!(fitted.unit().values().iter().all(|level| (low..=high).contains(level)), "{values:?}");
        }
        let ends = Quantile::at(&[0.0, 1.0]).fit(&[histogram.clone()]).unwrap();
        let mut expected = vec![low, high];
        expected.dedup();
        assert_eq!(ends.unit().values(), expected);
    }
    let mut values = gaussian(997, 63);
    values.extend([1e6, 1.5e6, -2e6]);
    let mut histogram = Histogram::new();
    histogram.add(&values).unwrap();
    let exact = KMeans::new(16).codes::<u16>().fit(&values).unwrap();
    let near = KMeans::new(16).codes::<u16>().fit(&[histogram]).unwrap();
    assert!(mse(&near, &values[..997]) < 1.1 * mse(&exact, &values[..997]));
}

/// Outliers and magnitudes that sums of squares could drown in.
#[test]
fn levels_stay_among_the_values_whatever_their_magnitudes() {
    let sets: [&[f32]; 7] = [
        &[1.0, 2.0, 3.0, 1e20],
        &[1.0, 2.0, 3.0, f32::MAX],
        &[-f32::MAX, 1.0, 2.0, f32::MAX],
        &[1.0, 1.1, 2.0, 2.1, 1e9],
        &[-1e9, 1.0, 1.1, 2.0, 2.1],
        &[1e-20, 1.1e-20, 2e-20, 2.1e-20, 1.0],
        &[-3e38, 3e38],
    ];
    let decades: Vec<f32> = (0..3000).map(|i| 10.0_f32.powf(-30.0 * i as f32 / 3000.0)).collect();
    let mut fever: Vec<f32> = gaussian(1000, 51).iter().map(|x| 285.0 + 6.0 * x).collect();
    fever.push(1e12);
    for values in sets.into_iter().chain([&decades[..], &fever[..]]) {
        for levels in [1, 2, 3, 5, 16, 100] {
            let fits = [
                KMeans::new(levels).fit(values).unwrap(),
                Quantile::new(levels).fit(values).unwrap(),
                Quantile::equal_mass(levels).fit(values).unwrap(),
                KMeans::new(levels).per_block(8).fit(values).unwrap(),
            ];
            for quantizer in &fits[..3] {
                let (low, high) = values.iter().fold((f32::MAX, -f32::MAX), |(a, b), &x| (a.min(x), b.max(x)));
                assert!(quantizer.unit().values().iter().all(|level| (low..=high).contains(level)), "{levels}");
            }
        }
    }
    assert_eq!(KMeans::new(3).fit(sets[3]).unwrap().unit().values(), [1.05, 2.05, 1e9]);
    assert_eq!(KMeans::new(3).fit(sets[4]).unwrap().unit().values(), [-1e9, 1.05, 2.05]);
    let quantizer = KMeans::new(17).codes::<u16>().fit(&fever).unwrap();
    let ordinary = KMeans::new(16).codes::<u16>().fit(&fever[..1000]).unwrap();
    assert!(mse(&quantizer, &fever[..1000]) < 1.01 * mse(&ordinary, &fever[..1000]));
}

#[test]
fn constant_groups_with_offsets_and_scales_in_two_levels_are_exact() {
    let grid = Grid::new(-8, 7).unwrap();
    for scale_type in [ScaleType::F32, ScaleType::E8M0, ScaleType::U8, ScaleType::E4M3] {
        for value in [0.1_f32, 1e-8, -7.25, 3.1e38] {
            let mut data = vec![value; 8];
            let settings = Scale::new(grid).with_offsets().per_block(4).scale_type(scale_type);
            assert_eq!(settings.fit(&data).unwrap().fake_quantize(&data).unwrap(), data, "{scale_type}");
            if value.abs() < 1e30 {
                data.extend([1.0, -5.0, 2.0, 3.0]);
                assert_eq!(settings.fit(&data).unwrap().fake_quantize(&data).unwrap()[..8], data[..8], "{scale_type}");
            }
        }
    }
}

#[test]
fn rules_of_scales_at_the_ends_of_their_types() {
    let tenth = Codebook::new(vec![-0.1, 0.1]).unwrap();
    for rule in [ScaleRule::Nearest, ScaleRule::Floor] {
        for scale_type in [ScaleType::F32, ScaleType::F16, ScaleType::Bf16, ScaleType::E8M0] {
            for value in [3e38_f32, 1e-42, 1.0] {
                let quantizer =
                    Scale::new(tenth.clone()).scale_type(scale_type).scale_rule(rule).fit(&[value]).unwrap();
                let scale = quantizer.scales()[0];
                assert!(scale > 0.0 && scale.is_finite(), "{rule:?}, {scale_type}, {value:e}: {scale:e}");
            }
        }
    }
    // One is the smallest number of a byte, and scales are as small as a subnormal allows.
    let tiny = [-127.0, 3.0, 100.0].map(|x: f32| x * f32::from_bits(200));
    let bytes = Uniform::new(8).per_block(32).scale_type(ScaleType::U8).fit(&tiny).unwrap();
    let errors = bytes.fake_quantize(&tiny).unwrap().into_iter().zip(tiny).map(|(a, b)| (a - b).abs());
    assert!(errors.fold(0.0, f32::max) <= 101.0 * f32::from_bits(1));
    let floor = Scale::new(Minifloat::E2M1).scale_rule(ScaleRule::Floor).fit(&[1e-42_f32, 2e-42]).unwrap();
    assert!(floor.fake_quantize(&[1e-42_f32, 2e-42]).unwrap()[1] > 1e-42);
}

#[test]
fn parts_of_every_scale_type_build_the_same_quantizer() {
    let data = gaussian(1000, 43);
    for scale_type in [ScaleType::F32, ScaleType::F16, ScaleType::Bf16, ScaleType::E8M0, ScaleType::U8, ScaleType::E4M3]
    {
        let quantizer = Scale::new(Codebook::nf4()).per_block(50).scale_type(scale_type).fit(&data).unwrap();
        let scales = quantizer.stored_scales();
        assert_eq!(scales.to_bytes().len(), 20 * scale_type.size());
        let again = if scales.shared().is_empty() {
            Scales::new(scale_type, scales.values().to_vec()).unwrap()
        } else {
            Scales::two_level(scale_type, scales.shared().to_vec(), scales.to_bytes()).unwrap()
        };
        let rebuilt =
            CodebookQuantizer::<u8>::new(quantizer.unit().clone(), *quantizer.groups(), again, vec![]).unwrap();
        assert_eq!(rebuilt, quantizer, "{scale_type}");
    }
    let nf4 = Codebook::nf4();
    assert_eq!(Codebook::new(nf4.values().to_vec()).unwrap(), nf4);
}

/// The least squared error of all ways to cut sorted values into intervals.
fn brute_force(sorted: &[f32], levels: usize) -> f64 {
    if levels == 0 {
        return if sorted.is_empty() { 0.0 } else { f64::INFINITY };
    }
    let cost = |values: &[f32]| {
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len() as f64;
        values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>()
    };
    if sorted.is_empty() {
        return 0.0;
    }
    (0..sorted.len())
        .map(|from| brute_force(&sorted[..from], levels - 1) + cost(&sorted[from..]))
        .fold(f64::INFINITY, f64::min)
}

#[test]
fn every_fit_restores_and_travels() {
    let (histogram, data) = (|| Histogram::new(), gaussian(3000, 31));
    let halves: Vec<f16> = data.iter().map(|&x| f16::from_f32(x)).collect();
    let fitted = [
        Quantile::new(16).fit(&data).unwrap(),
        Quantile::equal_mass(5).per_block(100).scale_type(ScaleType::U8).fit(&data).unwrap(),
        KMeans::new(16).per_axis(&[30, 100], 0).scale_type(ScaleType::E4M3).fit(&data).unwrap(),
        KMeans::new(7).fit(&halves).unwrap(),
        Scale::new(Codebook::nf4()).per_block(64).scale_type(ScaleType::Bf16).fit(&data).unwrap(),
    ];
    for quantizer in fitted {
        let frame = Frame::encode(&Coded::packed(quantizer.clone()), &data).unwrap();
        assert_eq!(fewbits::decompress::<f32>(&frame).unwrap(), quantizer.fake_quantize(&data).unwrap());
        assert_eq!(CodebookQuantizer::<u8>::from_bytes(&quantizer.to_bytes()).unwrap(), quantizer);
    }
    // One histogram, one scale for all.
    let mut all = histogram();
    all.add(&data).unwrap();
    assert!(matches!(KMeans::new(4).per_block(8).fit(&[all.clone()]), Err(Error::Unsuited { .. })));
    assert_eq!(KMeans::new(4).fit(&[histogram()]), Err(Error::Empty));
    assert!(matches!(Quantile::new(4).fit(&[all.clone(), all]), Err(Error::Length { .. })));
}

#[test]
fn settings_out_of_range_are_refused() {
    let data = [1.0_f32, 2.0, 3.0];
    let refused = |result: fewbits::Result<CodebookQuantizer>| matches!(result, Err(Error::Setting { .. }));
    assert!(refused(Quantile::new(0).fit(&data)) && refused(KMeans::new(0).fit(&data)));
    assert!(refused(Quantile::at(&[]).fit(&data)) && refused(Quantile::at(&[0.5, 1.1]).fit(&data)));
    assert!(refused(Quantile::new(4).gamma(-0.1).fit(&data)) && refused(Quantile::new(4).gamma(f64::NAN).fit(&data)));
    // Settings that would be ignored are refused.
    let unsuited = |result: fewbits::Result<CodebookQuantizer>| matches!(result, Err(Error::Unsuited { .. }));
    assert!(unsuited(Quantile::new(4).range(Range::Mse).fit(&data)));
    assert!(unsuited(Quantile::new(4).range(Range::Percentile(0.9)).fit(&data)));
    assert!(unsuited(KMeans::new(4).scale_type(ScaleType::Bf16).fit(&data)));
    assert!(unsuited(KMeans::new(4).scale_rule(ScaleRule::Nearest).fit(&data)));
    assert!(unsuited(Quantile::at(&[0.5]).gamma(0.5).fit(&data)));
    assert!(unsuited(Quantile::at(&[0.5]).representative(Representative::Median).fit(&data)));
    let floor = Scale::new(Codebook::nf4()).with_offsets().scale_rule(ScaleRule::Floor);
    assert!(unsuited(floor.fit(&data)));
    assert_eq!(KMeans::new(300).fit(&data), Err(Error::CodeWidth { level_count: 300, code_bits: 8 }));
    assert_eq!(Quantile::new(4).fit(&[0.0_f32; 0]), Err(Error::Empty));
    assert_eq!(Quantile::new(4).fit(&[0.0_f32, f32::NAN]), Err(Error::NonFinite { index: 1 }));
    // Missing values are nobody's neighbours.
    let policy = NonFinite::keep();
    let with = [1.0_f32, f32::NAN, 2.0, 3.0, f32::INFINITY];
    assert_eq!(KMeans::new(2).non_finite(policy).fit(&with).unwrap(), KMeans::new(2).fit(&data).unwrap());
    let blocks = KMeans::new(2).per_block(3).non_finite(policy).fit(&with).unwrap();
    assert_eq!(blocks.scales(), [2.0, 3.0]);
}

#[test]
fn scales_in_two_levels_reach_all_values_and_are_used_as_stored() {
    let data: Vec<f32> =
        gaussian(1 << 15, 17).iter().enumerate().map(|(i, x)| x * (1.5 + (i as f32 / 900.0).sin())).collect();
    for scale_type in [ScaleType::U8, ScaleType::E4M3] {
        let one = Scale::new(Codebook::nf4()).per_block(64).fit(&data).unwrap();
        let two = Scale::new(Codebook::nf4()).per_block(64).scale_type(scale_type).fit(&data).unwrap();
        for (wanted, stored) in one.scales().iter().zip(two.scales()) {
            assert!(stored >= wanted && *stored <= 1.13 * wanted, "{scale_type}: {stored} for {wanted}");
        }
        let near = Scale::new(Codebook::nf4()).per_block(64).scale_type(scale_type).scale_rule(ScaleRule::Nearest);
        let near = near.fit(&data).unwrap();
        assert!(one.scales().iter().zip(near.scales()).all(|(a, b)| (a / b - 1.0).abs() < 0.066));
        // 8 bits a scale, and what they share.
        let shared = if scale_type == ScaleType::U8 { 2 } else { 1 };
        assert_eq!(one.to_bytes().len() - two.to_bytes().len(), 512 * 3 - 4 * shared);
        // A block of zeros takes part in nothing, and a block that is far too small for the others is an error.
        let mut blocks = data[..256].to_vec();
        blocks[64..128].fill(0.0);
        let settings = Scale::new(Codebook::nf4()).per_block(64).scale_type(scale_type);
        assert_eq!(settings.fit(&blocks).unwrap().fake_quantize(&blocks).unwrap()[64..128], [0.0; 64]);
        assert!(
            settings.fit(&[0.0_f32; 200]).unwrap().fake_quantize(&[0.0_f32; 200]).unwrap().iter().all(|&x| x == 0.0)
        );
        blocks[64..128].fill(1e-7);
        assert!(matches!(settings.fit(&blocks), Err(Error::ScaleOutOfRange { group: 1, .. })), "{scale_type}");
        assert!(settings.scale_rule(ScaleRule::Nearest).fit(&blocks).is_ok());
    }
    assert!(Scales::new(ScaleType::U8, vec![1.0]).is_err());
    assert!(Scales::two_level(ScaleType::F32, vec![1.0], vec![1]).is_err());
    assert!(Scales::two_level(ScaleType::U8, vec![1.0], vec![1, 0]).is_err());
    assert!(Scales::two_level(ScaleType::U8, vec![-1.0], vec![1]).is_err());
    assert!(Scales::two_level(ScaleType::U8, vec![1.0], vec![1; 257]).is_err());
    assert!(Scales::two_level(ScaleType::E4M3, vec![1.0], vec![0x7f]).is_err());
    // Two signs that cancel would be a second spelling.
    assert!(Scales::two_level(ScaleType::E4M3, vec![-0.5], vec![0x81]).is_err());
}

#[test]
fn the_rules_of_microscaling() {
    let mut random = Random(6);
    let data: Vec<f32> = (0..32 * 500).map(|i| random.gaussian() * 2.0_f32.powi(i / 32 % 40 - 20)).collect();
    for (format, exponent) in
        [(Minifloat::E2M1, 2), (Minifloat::E3M2, 4), (Minifloat::E2M3, 2), (Minifloat::E4M3, 8), (Minifloat::E5M2, 15)]
    {
        let quantizer = Scale::mx(format).fit(&data).unwrap();
        for (block, &scale) in data.chunks(32).zip(quantizer.scales()) {
            let largest = block.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
            assert_eq!(scale, 2.0_f32.powi(largest.log2().floor() as i32 - exponent), "{format:?}");
        }
    }
    // NVFP4: the nearest E4M3 number, in parts of the largest scale over 448.
    let quantizer = Scale::nvfp4().fit(&data[..3200]).unwrap();
    let largest = data[..3200].iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    for (block, &scale) in data.chunks(16).zip(quantizer.scales()) {
        let wanted = block.iter().fold(0.0_f32, |m, x| m.max(x.abs())) / 6.0;
        let shared = largest / (448.0 * 6.0);
        let tolerance = (wanted / 16.0).max(shared * 2.0_f32.powi(-10)) * 1.001;
        assert!((scale - wanted).abs() <= tolerance || scale == shared * 2.0_f32.powi(-9), "{scale} for {wanted}");
    }
}

#[test]
fn placed_levels_are_in_the_lists_of_the_laws() {
    let names: Vec<String> = quantizers().into_iter().map(|case| case.name).collect();
    for word in ["k-means", "quantile", "NF4", "E2M1"] {
        assert!(names.iter().any(|name| name.contains(word)), "{word}");
    }
    assert!(data_sets().len() > 20);
}

proptest! {
    #[test]
    fn k_means_of_few_values_is_the_best_of_all_partitions(
        mut values in prop::collection::vec(-100.0_f32..100.0, 1..=12),
        levels in 1_usize..6,
    ) {
        let quantizer = KMeans::new(levels).codes::<u16>().fit(&values).unwrap();
        let found = mse(&quantizer, &values) * values.len() as f64;
        values.sort_unstable_by(f32::total_cmp);
        let best = brute_force(&values, levels);
        prop_assert!(found <= best * (1.0 + 1e-6) + 1e-7, "{found} where {best} is possible");
    }
}
