//! Settings and reports through serde: what comes back is equal, and what nobody could have built is refused.
#![cfg(feature = "serde")]

mod common;

use common::gaussian;
use fewbits::{
    Affine, Automaton, Codebook, Coded, Compand, Compressor, DType, Dct, Effort, ErrorBound, ErrorStats, Fit,
    Granularity, Grid, Hadamard, KMeans, Limits, Lossless, Minifloat, NanPolicy, NonFinite, Quantile, QuantileMethod,
    Quantiles, Range, Rans, Representative, Rounding, Scale, ScaleRule, ScaleType, Seed, Standardize, Target, Then,
    Trellis, TrellisBlocks, Uniform,
};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

fn round_trip<S: Serialize + DeserializeOwned + PartialEq + Debug>(settings: &S) -> String {
    let text = serde_json::to_string(settings).unwrap();
    assert_eq!(&serde_json::from_str::<S>(&text).unwrap(), settings, "{text}");
    text
}

fn refused<S: DeserializeOwned + Debug>(text: &str) -> String {
    serde_json::from_str::<S>(text).unwrap_err().to_string()
}

#[test]
fn settings_come_back() {
    let policy = NonFinite::keep().missing(-9999.0);
    round_trip(&Uniform::new(4).asymmetric().per_axis(&[3, 20], 1).range(Range::Percentile(0.99)));
    round_trip(&Uniform::new(12).codes::<u16>().mid_rise().per_block(32).scale_type(ScaleType::E8M0));
    round_trip(&Uniform::new(4).rounding(Rounding::Stochastic(Seed::new(u64::MAX))).non_finite(policy));
    round_trip(&KMeans::new(300).codes::<u32>().per_block(64).range(Range::Mse));
    round_trip(&Quantile::new(9).gamma(0.1).representative(Representative::Median));
    round_trip(&Quantile::at(&[0.1, 0.3, 0.7]));
    round_trip(&ErrorBound::max_relative_error(1e-3).non_finite(NonFinite::saturate()));
    round_trip(&Affine::torch(Grid::I8).per_axis(&[3, 20], 0));
    round_trip(&Scale::new(Codebook::nf4()).per_block(64).scale_rule(ScaleRule::Nearest));
    round_trip(&Scale::new(Codebook::normalized(vec![-1.0, -0.2, 0.1, 0.9]).unwrap()));
    round_trip(&Scale::mx(Minifloat::E2M1));
    round_trip(&Scale::new(Grid::mid_rise(-3, 2).unwrap()).with_offsets());
    round_trip(&Coded::new(Then::new(Compand::MuLaw(255.0), Uniform::new(6)), Rans::new().levels(63)));
    round_trip(&Then::new(Hadamard::new(128, Seed::new(3)).unwrap(), KMeans::new(16)));
    round_trip(&Then::new(Dct::new(8).unwrap().along(&[5, 6, 7], 1).unwrap(), Dct::new(16).unwrap()));
    round_trip(&Standardize::new().means_only().stored_as(DType::Bf16).per_block(5));
    round_trip(&TrellisBlocks::new(4).states(64));
    let automaton = Automaton::trellis(64).unwrap().lanes(4).unwrap().period(4096).unwrap();
    round_trip(&Trellis::new(0.5).automaton(automaton).lambda(0.2));
    let compressor = Compressor::new(Target::Sqnr(20.0)).effort(Effort::Best).shape(&[2, 3]).missing(-9.0);
    round_trip(&compressor.weights(1, &[1.0, 2.0, 3.0]).chunk_len(4096));
    assert!(serde_json::from_str::<Automaton>(r#"{"states":9,"lanes":4,"period":4096}"#).is_err());
    round_trip(&(Lossless, Limits::bytes(7), Limits::none(), Granularity::Axis { shape: vec![2, 3], axis: 1 }));
    round_trip(&Quantiles::new().method(QuantileMethod::Hazen).nan(NanPolicy::Ignore));
    for format in [Minifloat::E4M3, Minifloat::E5M2, Minifloat::E3M2, Minifloat::E2M3, Minifloat::F16, Minifloat::BF16]
    {
        round_trip(&format);
    }
    for target in [Target::BitsPerValue(4.5), Target::Bytes(99), Target::MaxError(1e-3), Target::Lossless] {
        round_trip(&target);
    }
    // NaN of any payload, which no text has.
    for bits in [f32::NAN.to_bits(), 0xffc0_1234, f32::INFINITY.to_bits()] {
        round_trip(&NonFinite::refuse().missing(f32::from_bits(bits)));
    }
}

#[test]
fn few_words_are_enough_and_wrong_ones_are_errors() {
    let settings: Uniform = serde_json::from_str(r#"{"bits": 4, "kind": "Asymmetric"}"#).unwrap();
    assert_eq!(settings, Uniform::new(4).asymmetric());
    let text = r#"{"bits": 4, "kind": "Symmetric", "scaling": {"calibration": {"granularity": {"Block": 32}}}}"#;
    assert_eq!(serde_json::from_str::<Uniform>(text).unwrap(), Uniform::new(4).per_block(32));
    assert!(refused::<Uniform>(r#"{"bits": 4, "kind": "Symmetric", "bit": 3}"#).contains("unknown field"));
    assert_eq!(round_trip(&Minifloat::E2M1), "\"E2M1\"");
    // Checked by the fit, as it always is.
    let many: Uniform = serde_json::from_str(r#"{"bits": 99, "kind": "Symmetric"}"#).unwrap();
    assert!(many.fit(&[1.0_f32]).is_err());
    let blocks = r#"{"bits": 4, "kind": "Symmetric", "scaling": {"calibration": {"granularity": {"Block": 0}}}}"#;
    assert!(serde_json::from_str::<Uniform>(blocks).unwrap().fit(&[1.0_f32]).is_err());
    let nothing: Standardize = serde_json::from_str(r#"{"means": false, "scales": false}"#).unwrap();
    assert!(Fit::<f32>::fit(&nothing, &[1.0]).is_err());
    let none: KMeans = serde_json::from_str(r#"{"levels": 0}"#).unwrap();
    assert!(none.fit(&[1.0_f32]).is_err());
}

/// Types that promise something check it before they are there.
#[test]
fn invalid_states_are_refused() {
    assert!(refused::<Grid>(r#"{"min": 3, "max": 5}"#).contains("`min` cannot be 3"));
    assert!(refused::<Grid>(r#"{"min": -2147483648, "max": 2147483647}"#).contains("`min`"));
    assert!(refused::<Hadamard>(r#"{"block": 0, "seed": 1}"#).contains("a power of two"));
    assert!(refused::<Dct>(r#"{"block": 5}"#).contains("a power of two"));
    assert!(serde_json::from_str::<Dct>(r#"{"block": 8, "along": {"run": 0, "steps": 8}}"#).is_err());
    assert!(refused::<Codebook>(r#"{"kind": "Levels", "levels": []}"#).contains("1 to 65536"));
    assert!(refused::<Codebook>(r#"{"kind": "Levels", "levels": [1, 0]}"#).contains("larger than the one before"));
    assert!(refused::<Codebook>(r#"{"kind": "Normalized", "levels": [0, 2]}"#).contains("-1 to 1"));
    assert!(refused::<Codebook>(r#"{"kind": "Nf4", "levels": [0, 2]}"#).contains("NF4"));
    assert!(serde_json::from_str::<Minifloat>("\"E9M9\"").is_err());
    assert!(serde_json::from_str::<Scale<Grid>>(r#"{"levels": {"min": 1, "max": 0}}"#).is_err());
}

#[test]
fn statistics_and_reports_come_back() {
    let data = gaussian(1000, 91);
    let mut other = data.clone();
    (other[5], other[7]) = (f32::NAN, 0.0);
    let stats = ErrorStats::measure(&data, &other).unwrap();
    round_trip(&stats);
    round_trip(&ErrorStats::default());
    round_trip(&ErrorStats::measure(&[f32::NAN], &[0.0_f32]).unwrap());
    let compressed = Compressor::new(Target::Sqnr(20.0)).compress(&data).unwrap();
    let text = serde_json::to_string(compressed.report()).unwrap();
    assert!(text.contains("\"method\"") && text.contains("\"meets_target\":true"));
    round_trip(&compressed.report().cost);
    // Counts that nobody measured overflow nothing.
    let mut value = serde_json::to_value(stats).unwrap();
    for count in ["len", "non_finite", "non_finite_changed", "zeros_changed", "max_abs_index"] {
        value[count] = u64::MAX.into();
    }
    let forged: ErrorStats = serde_json::from_value(value.clone()).unwrap();
    let merged = forged.merge(&forged).merge(&stats);
    assert_eq!(merged.len(), u64::MAX);
    assert!(merged.rmse().is_finite() && merged.max_abs_index().is_some());
    value["range"] = serde_json::Value::Null;
    assert!(serde_json::from_value::<ErrorStats>(value).is_err());
}

#[cfg(feature = "pca")]
#[test]
fn principal_components_come_back() {
    use fewbits::Pca;

    round_trip(&Then::new(Pca::new(384).components(128), Uniform::new(8)));
    round_trip(&Pca::new(9).variance(0.9));
    let none: Pca = serde_json::from_str(r#"{"columns": 0, "kept": "All", "stored_as": "F32"}"#).unwrap();
    assert!(Fit::<f32>::fit(&none, &[1.0]).is_err());
}
