//! Which values a scale reaches, and the search for the smallest squared error.

mod common;

use common::{Random, gaussian};
use fewbits::{
    Error, ErrorStats, Fit, Grid, Quantiles, QuantizerExt, Range, Scale, ScaleType, Uniform, UniformQuantizer,
};
use proptest::prelude::*;

fn mse(quantizer: &UniformQuantizer, data: &[f32]) -> f64 {
    ErrorStats::measure(data, &quantizer.fake_quantize(data).unwrap()).unwrap().mse()
}

fn kinds(bits: u32) -> [Uniform; 4] {
    let uniform = Uniform::new(bits);
    [uniform.clone(), uniform.clone().full_range(), uniform.clone().asymmetric(), uniform.mid_rise()]
}

#[test]
fn percentiles_are_exact_quantiles() {
    let data: Vec<f32> = gaussian(5000, 1).iter().map(|x| x + 0.3).collect();
    let magnitudes: Vec<f32> = data.iter().map(|x| x.abs()).collect();
    for p in [0.5, 0.9, 0.999, 1.0] {
        let reach = Quantiles::new().of(&magnitudes, &[p]).unwrap()[0] as f32;
        let fitted = Uniform::new(8).range(Range::Percentile(p)).fit(&data).unwrap();
        // One side of skewed data ends before the other: the scale need not reach further than that.
        let largest = data.iter().fold(0.0_f32, |m, &x| m.max(x.clamp(-reach, reach).abs()));
        assert_eq!(fitted, Uniform::new(8).fit_range(-largest, largest).unwrap());

        if p == 0.5 {
            continue; // a single value, see below
        }
        let ends = Quantiles::new().of(&data, &[1.0 - p, p]).unwrap();
        let (low, high) = (ends[0].min(ends[1]) as f32, ends[0].max(ends[1]) as f32);
        let fitted = Uniform::new(8).asymmetric().range(Range::Percentile(p)).fit(&data).unwrap();
        assert_eq!(fitted, Uniform::new(8).asymmetric().fit_range(low, high).unwrap());
    }
    assert_eq!(Uniform::new(8).range(Range::Percentile(1.0)).fit(&data), Uniform::new(8).fit(&data));
}

#[test]
fn ranges_of_a_single_value_reach_all() {
    let mut sparse = vec![0.0_f32; 95];
    sparse.extend([1e-4, -3e-4, 5e-4, 1e-3, -1e-3]);
    let shifted: Vec<f32> = sparse.iter().map(|x| x + 100.0).collect();
    for range in [Range::Percentile(0.9), Range::MeanStd(1e-300)] {
        assert_eq!(Uniform::new(8).range(range).fit(&sparse), Uniform::new(8).fit(&sparse));
        let settings = Uniform::new(8).asymmetric();
        assert_eq!(settings.clone().range(range).fit(&shifted), settings.fit(&shifted));
    }
}

#[test]
fn deviations_are_counted_from_the_mean_and_end_at_the_extremes() {
    let data = [0.0_f32, 0.0, 2.0, 2.0]; // mean 1, standard deviation 1
    let ends = |k| {
        let fitted = Uniform::new(8).asymmetric().range(Range::MeanStd(k)).fit(&data).unwrap();
        (fitted.offsets()[0], fitted.offsets()[0] + 255.0 * fitted.scales()[0])
    };
    let (low, high) = ends(0.5);
    assert!((low - 0.5).abs() < 1e-6 && (high - 1.5).abs() < 1e-6);
    let (low, high) = ends(5.0);
    assert!(low == 0.0 && (high - 2.0).abs() < 1e-6);
}

#[test]
fn the_search_is_as_good_as_trying_every_range() {
    let tailed: Vec<f32> = gaussian(20_000, 2).iter().map(|x| x * x * x).collect();
    for data in [gaussian(20_000, 3), tailed] {
        let largest = data.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        for bits in 2..=6 {
            for settings in kinds(bits).into_iter().filter(|kind| *kind != Uniform::new(bits).asymmetric()) {
                let tried = (1..=500).map(|i| largest * i as f32 / 500.0);
                let best =
                    tried.map(|end| mse(&settings.fit_range(-end, end).unwrap(), &data)).fold(f64::MAX, f64::min);
                let found = mse(&settings.clone().range(Range::Mse).fit(&data).unwrap(), &data);
                assert!(found <= best * 1.005, "{settings:?}: {found:e} against {best:e}");
            }
        }
    }
}

#[test]
fn offsets_follow_skewed_data() {
    let skewed: Vec<f32> = gaussian(20_000, 4).iter().map(|x| (0.7 * x).exp()).collect();
    let search = |settings: Uniform| mse(&settings.range(Range::Mse).fit(&skewed).unwrap(), &skewed);
    assert!(search(Uniform::new(4).asymmetric()) < 0.5 * search(Uniform::new(4)));
    assert!(
        search(Uniform::new(4).asymmetric()) < 0.5 * mse(&Uniform::new(4).asymmetric().fit(&skewed).unwrap(), &skewed)
    );
}

#[test]
fn groups_are_searched_each_for_itself() {
    let data = gaussian(6 * 50, 5);
    for settings in kinds(3) {
        let settings = settings.range(Range::Mse);
        let rows = settings.clone().per_axis(&[6, 50], 0).fit(&data).unwrap();
        let blocks = settings.clone().per_block(50).fit(&data).unwrap();
        for (row, values) in data.chunks(50).enumerate() {
            let alone = settings.fit(values).unwrap();
            assert_eq!((alone.scales()[0], alone.scales()[0]), (rows.scales()[row], blocks.scales()[row]));
            assert_eq!(alone.offsets().first(), rows.offsets().get(row));
        }
        let turned: Vec<f32> = (0..300).map(|i| data[i % 6 * 50 + i / 6]).collect();
        let columns = settings.per_axis(&[50, 6], 1).fit(&turned).unwrap();
        assert_eq!((columns.scales(), columns.offsets()), (rows.scales(), rows.offsets()));
    }
}

#[test]
fn stored_scales_are_what_is_searched() {
    let data = gaussian(5000, 6);
    for scale_type in [ScaleType::F16, ScaleType::Bf16, ScaleType::E8M0] {
        for settings in kinds(4) {
            let settings = settings.scale_type(scale_type);
            let searched = mse(&settings.clone().range(Range::Mse).fit(&data).unwrap(), &data);
            assert!(searched <= mse(&settings.fit(&data).unwrap(), &data));
        }
    }
}

#[test]
fn extreme_values_are_searched_without_overflow() {
    for data in [vec![f32::MAX, -f32::MAX, 1e38, 0.0], vec![f32::from_bits(1), 0.0, f32::from_bits(9)], vec![2.5; 9]] {
        for settings in kinds(4) {
            let searched = settings.clone().range(Range::Mse).fit(&data).unwrap();
            assert!(mse(&searched, &data) <= mse(&settings.fit(&data).unwrap(), &data));
        }
    }
}

#[test]
fn levels_of_other_shapes_are_searched_too() {
    let data: Vec<f32> = gaussian(5000, 7).iter().map(|x| x.max(0.0)).collect();
    let settings = Scale::new(Grid::new(0, 15).unwrap());
    let (whole, searched) = (settings.fit(&data).unwrap(), settings.range(Range::Mse).fit(&data).unwrap());
    assert!(whole.offsets().is_empty() && searched.offsets().is_empty());
    assert!(mse(&searched, &data) < 0.8 * mse(&whole, &data));
}

#[test]
fn ranges_out_of_range_are_refused() {
    for range in [Range::Percentile(0.0), Range::Percentile(1.5), Range::Percentile(f64::NAN), Range::MeanStd(0.0)] {
        assert!(matches!(Uniform::new(8).range(range).fit(&[1.0_f32]), Err(Error::Setting { .. })), "{range:?}");
    }
    assert!(Uniform::new(8).range(Range::MeanStd(f64::INFINITY)).fit(&[1.0_f32]).is_err());
}

proptest! {
    #[test]
    fn searching_never_loses(data in prop::collection::vec(-10.0_f32..10.0, 1..300), bits in 2..=8_u32, kind in 0..4_usize) {
        let settings = kinds(bits)[kind].clone();
        let (whole, searched) = (settings.fit(&data).unwrap(), settings.range(Range::Mse).fit(&data).unwrap());
        prop_assert!(mse(&searched, &data) <= mse(&whole, &data));
    }

    #[test]
    fn the_order_of_values_hardly_matters(mut data in prop::collection::vec(-10.0_f32..10.0, 2..300), seed in any::<u64>()) {
        let settings = Uniform::new(4).range(Range::Mse);
        let before = mse(&settings.fit(&data).unwrap(), &data);
        let mut random = Random(seed);
        for i in (1..data.len()).rev() {
            data.swap(i, random.below(i + 1));
        }
        let after = mse(&settings.fit(&data).unwrap(), &data);
        prop_assert!((before - after).abs() <= 1e-6 * before.max(1e-12));
    }
}
