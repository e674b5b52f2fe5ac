//! Automatic choice: the table is what frames measure, and the best is what the target asks for.

mod common;

use common::{gaussian, orthonormal, to_bits};
use fewbits::{
    Blocks, Candidates, Coded, Dct, Error, ErrorBound, ErrorStats, Fit, Frame, Hadamard, KMeans, Masked, NonFinite,
    PcaTransform, Pipeline, Seed, Target, Then, Uniform,
};

fn outliers() -> Vec<f32> {
    let mut values = gaussian(1 << 15, 1);
    values.iter_mut().step_by(100).for_each(|x| *x *= 12.0);
    values
}

fn usual<'a>() -> Candidates<'a, f32> {
    let rotation = Hadamard::new(512, Seed::new(3)).unwrap();
    Candidates::new()
        .with("8 bits", |values| Ok(Coded::packed(Uniform::new(8).fit(values)?)))
        .with("4 bits", |values| Ok(Coded::packed(Uniform::new(4).fit(values)?)))
        .with("4 bits in blocks", |values| Ok(Coded::packed(Uniform::new(4).per_block(64).fit(values)?)))
        .with("4 bits rotated", move |values| Ok(Coded::packed(Then::new(rotation, KMeans::new(16)).fit(values)?)))
        .with("6 bits rotated", move |values| Ok(Coded::packed(Then::new(rotation, KMeans::new(64)).fit(values)?)))
        .with("9 bits", |values| Ok(Coded::packed(Uniform::new(9).fit(values)?)))
}

#[test]
fn the_table_is_what_frames_measure() {
    let values = outliers();
    let choice = usual().choose(&values, Target::BitsPerValue(4.1)).unwrap();
    assert_eq!(choice.table.len(), 6);
    // 9 bits do not fit codes of 8.
    assert!(matches!(choice.table[5].cost, Err(Error::Setting { name: "bits", .. })));
    let alone = Coded::packed(Uniform::new(4).fit(&values).unwrap());
    let frame = Frame::encode(&alone, &values).unwrap();
    let restored: Vec<f32> = fewbits::decompress(&frame).unwrap();
    let cost = choice.table[1].cost.as_ref().unwrap();
    assert_eq!((cost.bytes, cost.values), (frame.len(), values.len()));
    assert_eq!(cost.stats, ErrorStats::measure(&values, &restored).unwrap());
    let best = choice.best.unwrap();
    assert_eq!((best.index, choice.table[best.index].name.as_str()), (3, "4 bits rotated"));
    assert_eq!(Frame::encode(&best.pipeline, &values).unwrap().len(), best.cost.bytes);
    assert!(best.cost.bits_per_value() <= 4.1 && best.cost.meets_target);
}

#[test]
fn sizes_leave_the_error_open_and_errors_the_size() {
    let values = outliers();
    let name = |target| {
        let choice = usual().choose(&values, target).unwrap();
        choice.best.map(|best| choice.table[best.index].name.clone())
    };
    let some = |name: &str| Some(name.to_owned());
    // Few levels, placed well, beat many that reach for outliers.
    assert_eq!(name(Target::BitsPerValue(8.1)), some("6 bits rotated"));
    assert_eq!(name(Target::Bytes(values.len() * 7 / 8)), some("6 bits rotated"));
    assert_eq!(name(Target::BitsPerValue(3.0)), None);
    assert_eq!(name(Target::Sqnr(15.0)), some("4 bits rotated"));
    assert_eq!(name(Target::Sqnr(25.0)), some("6 bits rotated"));
    assert_eq!(name(Target::Sqnr(60.0)), None);
    assert_eq!(name(Target::Sqnr(-1e9)), some("4 bits"));
    // The least step of all bounds the error of all.
    assert_eq!(name(Target::MaxErrorOfRange(0.003)), some("8 bits"));
    assert_eq!(name(Target::Lossless), None);
    for wrong in [f64::NAN, f64::INFINITY, -1.0] {
        for target in [
            Target::BitsPerValue(wrong),
            Target::Rms(wrong),
            Target::MaxError(wrong),
            Target::MaxErrorOfRange(wrong),
            Target::PointwiseRelative(wrong),
        ] {
            assert!(matches!(usual().choose(&values, target), Err(Error::Setting { .. })), "{target:?}");
        }
    }
    assert!(usual().choose(&values, Target::Psnr(f64::NAN)).is_err());
}

#[test]
fn promises_of_every_kind_are_checked() {
    let mut values = gaussian(5000, 2);
    values[7] = 0.0;
    let bounded = |bound: ErrorBound| move |values: &[f32]| Ok(Coded::packed(bound.codes::<u32>().fit(values)?));
    let candidates = Candidates::new()
        .with("exact", bounded(ErrorBound::max_abs_error(0.0)))
        .with("0.01", bounded(ErrorBound::max_abs_error(0.01)))
        .with("0.1", bounded(ErrorBound::max_abs_error(0.1)))
        .with("a hundredth", bounded(ErrorBound::max_relative_error(0.01)));
    for (target, expected) in [
        (Target::Lossless, "exact"),
        (Target::MaxError(0.009), "exact"),
        (Target::MaxError(0.01), "0.01"),
        (Target::MaxError(0.2), "0.1"),
        (Target::PointwiseRelative(0.01), "a hundredth"),
        (Target::Rms(0.008), "0.01"),
        (Target::Psnr(20.0), "0.1"),
        (Target::Psnr(55.0), "0.01"),
    ] {
        let choice = candidates.choose(&values, target).unwrap();
        let best = choice.best.expect("all can be met");
        assert_eq!(choice.table[best.index].name, expected, "{target:?}");
    }
}

/// A basis costs bytes, and the count of frames tells: a transform that halves the codes of many rows does not pay for few.
#[test]
fn a_basis_has_to_pay_for_its_bytes() {
    const COLUMNS: usize = 64;
    let basis = orthonormal(COLUMNS, 4, 5);
    let rows = |n: usize| -> Vec<f32> {
        let latent = gaussian(n * 4, 6);
        (0..n * COLUMNS)
            .map(|i| (0..4).map(|k| latent[i / COLUMNS * 4 + k] * basis[k * COLUMNS + i % COLUMNS]).sum())
            .collect()
    };
    let candidates = || {
        let pca = PcaTransform::new(vec![0.0; COLUMNS], basis.clone()).unwrap();
        Candidates::new()
            .with("as they are", |values: &[f32]| Ok(Coded::packed(Uniform::new(8).fit(values)?)))
            .with("components", move |values: &[f32]| {
                Ok(Coded::packed(Then::new(pca.clone(), Uniform::new(8)).fit(values)?))
            })
    };
    for (n, expected) in [(10, 0), (500, 1)] {
        let choice = candidates().choose(&rows(n), Target::Sqnr(30.0)).unwrap();
        assert_eq!(choice.best.unwrap().index, expected, "{n} rows");
    }
}

#[test]
fn samples_are_whole_rows_from_everywhere_and_the_whole_decides() {
    const ROW: usize = 50;
    let values: Vec<f32> = gaussian(100_000, 7).iter().enumerate().map(|(i, x)| x + (i / 1000) as f32).collect();
    let seen = std::cell::RefCell::new(Vec::new());
    let candidates = Candidates::new().sample(20_000, ROW).with("rows", |values: &[f32]| {
        seen.borrow_mut().push(values.to_vec());
        assert!(values.len().is_multiple_of(ROW));
        Ok(Coded::packed(Uniform::new(8).asymmetric().per_axis(&[values.len() / ROW, ROW], 1).fit(values)?))
    });
    let best = candidates.choose(&values, Target::Sqnr(20.0)).unwrap().best.unwrap();
    assert_eq!(best.cost.values, values.len());
    let seen = seen.borrow();
    assert_eq!((seen.len(), seen[1].len()), (2, values.len()));
    assert!((15_000..=20_000).contains(&seen[0].len()));
    assert_eq!(to_bits(&seen[0][..100]), to_bits(&values[..100]));
    assert_eq!(seen[0].last(), values.last());

    // From all parts, however few.
    let values: Vec<f32> = (0..100_000).map(|i| if i < 5000 { 0.0 } else { 1.0 }).collect();
    for sample in [2, 5000, 8000, 50_000] {
        let seen = std::cell::Cell::new(0.0);
        let see = Candidates::new().sample(sample, 1).with("see", |values: &[f32]| {
            seen.set(seen.get() + values.iter().sum::<f32>() / values.len() as f32);
            Blocks::uniform(8, 32)
        });
        see.choose(&values, Target::Sqnr(1.0)).unwrap();
        assert!(seen.get() > 1.2, "{sample}: {}", seen.get());
    }

    // What looked best on the sample misses the target on all: the next one is taken.
    let mut values = gaussian(100_000, 8);
    values[5000] = 1e4;
    let candidates = || {
        Candidates::new()
            .with("one scale", |values: &[f32]| Ok(Coded::packed(Uniform::new(6).fit(values)?)))
            .with("blocks", |values: &[f32]| Ok(Coded::packed(Uniform::new(6).per_block(32).fit(values)?)))
    };
    let target = Target::MaxError(170.0);
    let whole = candidates().choose(&values, target).unwrap();
    let relative = Target::Rms(1.0);
    let sampled = candidates().sample(8192, 1).choose(&values, relative).unwrap();
    assert!(sampled.table.iter().all(|measured| measured.cost.as_ref().unwrap().meets_target));
    assert_eq!(sampled.best.unwrap().index, 1);
    assert_eq!(whole.best.unwrap().index, 0);
}

#[test]
fn nothing_and_odd_things_can_be_chosen_from() {
    let none = Candidates::<f32>::new().choose(&[1.0], Target::Sqnr(1.0)).unwrap();
    assert!(none.table.is_empty() && none.best.is_none());
    let empty = usual().choose(&[], Target::BitsPerValue(1.0)).unwrap();
    assert!(empty.best.is_none() && matches!(empty.table[0].cost, Err(Error::Empty)));
    let blocks = Candidates::new().with("blocks", |_: &[f32]| Blocks::uniform(8, 4));
    assert!(blocks.choose(&[], Target::BitsPerValue(1.0)).unwrap().best.is_some());
    // Missing values come back or the candidate is out.
    let values = [1.0, f32::NAN, 2.0, 3.0];
    let candidates = Candidates::new()
        .with("plain", |values: &[f32]| {
            Ok(Coded::packed(Dct::new(4).and_then(|dct| Then::new(dct, Uniform::new(8)).fit(values))?))
        })
        .with("masked", |_: &[f32]| Ok(Masked::new(NonFinite::keep(), Blocks::uniform(8, 4)?)))
        .with("masked, 6 bits", |_: &[f32]| {
            Ok(Box::new(Masked::new(NonFinite::keep(), Blocks::uniform(6, 4)?)) as Box<dyn Pipeline>)
        });
    let choice = candidates.choose(&values, Target::Sqnr(25.0)).unwrap();
    assert!(matches!(choice.table[0].cost, Err(Error::NonFinite { index: 1 })));
    assert_eq!(choice.best.unwrap().index, 2);
    assert_eq!(format!("{candidates:?}"), r#"["plain", "masked", "masked, 6 bits"]"#);
}
