//! Principal components: the map and its inverse, rows only, gradients, hostile parameters; and, with the feature `pca`,
//! the fit.

#[path = "common/alloc.rs"]
mod alloc;
mod common;

use alloc::{Counting, allocations, peak_bytes};
use common::{Random, gaussian, orthonormal};
use fewbits::{
    Coded, DType, Describe, Element, Error, ErrorKind, ErrorStats, Fit, Frame, FrameWriter, Guarantee, Hadamard,
    PcaTransform, Pipeline, PipelineExt, Quantizer, QuantizerExt, Restore, Seed, Then, Transform, TransformExt,
    Uniform, bf16, f16,
};

#[global_allocator]
static COUNTING: Counting = Counting;

fn energy(values: &[f32]) -> f64 {
    values.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
}

fn transform(columns: usize, components: usize, seed: u64) -> PcaTransform {
    let mean = gaussian(columns, seed + 1).iter().map(|x| 3.0 * x).collect();
    PcaTransform::new(mean, orthonormal(columns, components, seed)).unwrap()
}

/// `V (x - mean)` and `mean + Vᵀ c` by the definition, in f64.
fn naive(pca: &PcaTransform, values: &[f32]) -> (Vec<f64>, Vec<f64>) {
    let (mut coefficients, mut restored) = (Vec::new(), Vec::new());
    for row in values.chunks(pca.columns()) {
        let vectors = || pca.basis().chunks(pca.columns());
        let off: Vec<f64> = row.iter().zip(pca.mean()).map(|(&x, &m)| f64::from(x) - f64::from(m)).collect();
        let c: Vec<f64> = vectors().map(|v| v.iter().zip(&off).map(|(&v, x)| f64::from(v) * x).sum::<f64>()).collect();
        for (j, &mean) in pca.mean().iter().enumerate() {
            let sum: f64 = vectors().zip(&c).map(|(v, c)| f64::from(v[j]) * c).sum();
            restored.push(f64::from(mean) + sum);
        }
        coefficients.extend(c);
    }
    (coefficients, restored)
}

#[test]
fn whole_bases_bring_everything_back_and_all_equal_the_definition() {
    for columns in [1_usize, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 100, 129, 257, 512] {
        for components in [1, columns.div_ceil(3), columns - columns / 8, columns] {
            let pca = transform(columns, components, columns as u64);
            assert_eq!((pca.columns(), pca.components(), pca.block()), (columns, components, columns));
            assert_eq!(pca.guarantee(), Guarantee::Orthonormal);
            for rows in [0, 1, 2, 5] {
                let values = gaussian(rows * columns, 77);
                let coefficients = pca.forward(&values).unwrap();
                let restored = pca.inverse(&coefficients, values.len()).unwrap();
                let (expected, expected_back) = naive(&pca, &values);
                let scale = 1e-6 * (energy(&values) + rows as f64 * energy(pca.mean())).sqrt();
                let far = |a: &[f32], b: &[f64]| {
                    assert_eq!(a.len(), b.len());
                    a.iter().zip(b).map(|(&a, b)| (f64::from(a) - b).powi(2)).sum::<f64>().sqrt()
                };
                assert!(far(&coefficients, &expected) <= scale, "{columns} to {components}");
                assert!(far(&restored, &expected_back) <= scale, "{columns} to {components} and back");
                if components == columns {
                    assert!(distance(&restored, &values).sqrt() <= 2.0 * scale, "{columns} columns");
                }
            }
        }
    }
}

#[test]
fn an_error_of_the_coefficients_is_one_of_the_values() {
    let pca = transform(48, 20, 5);
    let (a, noise) = (gaussian(40, 1), gaussian(40, 2));
    let b: Vec<f32> = a.iter().zip(&noise).map(|(a, n)| a + 0.1 * n).collect();
    let (x, y) = (pca.inverse(&a, 96).unwrap(), pca.inverse(&b, 96).unwrap());
    assert!((distance(&x, &y) / distance(&a, &b) - 1.0).abs() < 1e-5);
}

#[test]
fn only_whole_rows_are_taken() {
    let pca = transform(6, 2, 3);
    let length = |expected, actual| Error::Length { what: "values", expected, actual };
    assert_eq!(pca.forward(&[1.0; 13]), Err(length(18, 13)));
    assert_eq!(pca.inverse(&[1.0; 4], 13), Err(length(18, 13)));
    assert_eq!(pca.forward_at(0, &[1.0; 5], &mut []), Err(length(6, 5)));
    assert_eq!(pca.inverse_at(0, &[], &mut [1.0; 5]), Err(length(6, 5)));
    assert!(matches!(pca.forward_at(3, &[1.0; 6], &mut [0.0; 2]), Err(Error::Unaligned { start: 3, block: 6 })));
    assert!(matches!(pca.forward_into(&[1.0; 6], &mut [0.0; 3]), Err(Error::Length { what: "coefficients", .. })));
    let quantizer = Then::new(pca.clone(), Uniform::new(8)).fit(&gaussian(60, 4)).unwrap();
    assert_eq!(quantizer.quantize(&[1.0_f32; 7]), Err(length(12, 7)));
    assert_eq!(quantizer.quantize_piece_into(6, &[1.0_f32; 7], &mut [0; 2]), Err(length(12, 7)));
    assert_eq!(Frame::encode(&Coded::packed(&quantizer), &[1.0_f32; 7]), Err(length(12, 7)));
    assert!(Then::new(pca, Uniform::new(8)).fit(&[1.0_f32; 7]).is_err());
}

#[test]
fn parts_that_make_no_basis_are_refused() {
    let setting = |name| move |error: Error| matches!(error, Error::Setting { name: found, .. } if found == name);
    assert!(PcaTransform::new(vec![], vec![]).is_err_and(setting("columns")));
    assert!(PcaTransform::new(vec![0.0; 4097], vec![0.0; 4097]).is_err_and(setting("columns")));
    assert!(PcaTransform::new(vec![0.0; 2], vec![]).is_err_and(setting("components")));
    assert!(PcaTransform::new(vec![0.0; 2], vec![0.0; 6]).is_err_and(setting("components")));
    let length = Error::Length { what: "basis", expected: 6, actual: 5 };
    assert_eq!(PcaTransform::new(vec![0.0; 3], vec![0.0; 5]), Err(length));
    for bad in [f32::NAN, f32::INFINITY] {
        let parameter = |what: &'static str| move |error: Error| matches!(error, Error::Parameter { what: found, index: 1, .. } if found == what);
        assert!(PcaTransform::new(vec![0.0, bad], vec![1.0, 0.0]).is_err_and(parameter("mean")));
        assert!(PcaTransform::new(vec![0.0, 0.0], vec![1.0, bad]).is_err_and(parameter("basis")));
    }
    let pca = transform(4, 2, 1);
    assert!(matches!(pca.clone().stored_as(DType::Bf16), Err(Error::Unsuited { .. })));
    let huge = PcaTransform::new(vec![0.0], vec![1e6]).unwrap();
    assert!(matches!(huge.stored_as(DType::F16), Err(Error::Parameter { what: "basis", index: 0, .. })));
}

#[test]
fn what_is_stored_is_what_is_used() {
    for stored_as in [DType::F32, DType::F16] {
        let pca = transform(40, 11, 8).stored_as(stored_as).unwrap();
        assert_eq!(pca.dtype(), stored_as);
        let bytes = pca.to_bytes();
        assert_eq!(bytes.len(), 1 + 1 + 5 + 2 + 160 + 440 * stored_as.size() + 4);
        let restored = PcaTransform::from_bytes(&bytes).unwrap();
        assert_eq!(restored, pca);
        assert!(Box::<dyn Transform>::from_bytes(&bytes).is_ok());
        let values = gaussian(400, 6);
        let coefficients = pca.forward(&values).unwrap();
        assert_eq!(restored.forward(&values).unwrap(), coefficients);
        assert_eq!(restored.inverse(&coefficients, 400).unwrap(), pca.inverse(&coefficients, 400).unwrap());
        assert!(stored_as == DType::F32 || pca.basis().iter().all(|&x| f16::from_f32(x).to_f32() == x));
    }
    // A basis of f16 is orthonormal enough.
    let whole = transform(64, 64, 9).stored_as(DType::F16).unwrap();
    let values = gaussian(640, 7);
    let back = whole.inverse(&whole.forward(&values).unwrap(), 640).unwrap();
    assert!(distance(&back, &values) < 1e-6 * (energy(&values) + 10.0 * energy(whole.mean())));
}

fn check_elements<T: Element>(values: &[T]) {
    let rows = values.len() / 24;
    let pca = transform(24, 24, 11);
    for stored_as in [DType::F32, DType::F16] {
        let transform = pca.clone().stored_as(stored_as).unwrap();
        // 24 coefficients of 7 bits are 21 bytes, of 5 bits 15: rows are whole bytes.
        for settings in [Uniform::new(7), Uniform::new(5).per_axis(&[rows, 24], 1)] {
            let quantizer = Then::new(transform.clone(), settings).fit(values).unwrap();
            assert_eq!(quantizer.block(), 24);
            let pipeline = Coded::packed(&quantizer);
            let whole = Frame::encode(&pipeline, values).unwrap();
            let restored: Vec<T> = fewbits::decompress(&whole).unwrap();
            assert!(restored == quantizer.fake_quantize(values).unwrap());
            assert!(ErrorStats::measure(values, &restored).unwrap().sqnr_db() > 20.0);
            for chunk_len in [1, 24, 25, 100, 1000] {
                let frame = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(values).unwrap();
                assert!(fewbits::decompress::<T>(&frame).unwrap() == restored);
                let decoder = Frame::parse(&frame).unwrap().decoder().unwrap();
                for range in [0..24, 24..48, 5..7, 23..25, 100..301, 0..values.len(), values.len() - 1..values.len()] {
                    let mut part = vec![T::default(); range.len()];
                    decoder.decode_range_into(range.clone(), &mut part).unwrap();
                    assert!(part == restored[range]);
                }
            }
            // A row alone.
            let store = pipeline.encode(values).unwrap();
            let bytes = pipeline.byte_range(72..96).unwrap().unwrap();
            let mut row = vec![T::default(); 24];
            pipeline.decode_piece_into(72, &store[bytes], &mut row).unwrap();
            assert!(row == restored[72..96]);
            let mut codes = vec![0; 24];
            quantizer.quantize_piece_into(72, &values[72..96], &mut codes).unwrap();
            assert_eq!(codes, quantizer.quantize(values).unwrap()[72..96]);
            let any = Box::<dyn Pipeline>::from_bytes(&pipeline.to_bytes()).unwrap();
            assert_eq!(any.encode(values).unwrap(), store);
        }
    }
}

#[test]
fn every_element_goes_through_and_pieces_equal_the_whole() {
    let data = gaussian(24 * 41, 8);
    check_elements(&data);
    check_elements(&data.iter().map(|&x| f16::from_f32(x)).collect::<Vec<_>>());
    check_elements(&data.iter().map(|&x| bf16::from_f32(x)).collect::<Vec<_>>());
}

/// 3 coefficients of 3 bits end between bytes, so that streams join at every eighth row only.
#[test]
fn rows_that_are_no_whole_bytes_go_in_eights() {
    let data = gaussian(10 * 100, 14);
    let pipeline = Coded::packed(Then::new(transform(10, 3, 2), Uniform::new(3)).fit(&data).unwrap());
    assert_eq!((pipeline.quantizer.block(), Pipeline::block(&pipeline)), (10, 80));
    let frame = FrameWriter::new(&pipeline).chunk_len(81).encode(&data).unwrap();
    let restored: Vec<f32> = fewbits::decompress(&frame).unwrap();
    assert_eq!(restored, pipeline.quantizer.fake_quantize(&data).unwrap());
    let mut part = [0.0_f32; 33];
    Frame::parse(&frame).unwrap().decoder().unwrap().decode_range_into(101..134, &mut part).unwrap();
    assert_eq!(part, restored[101..134]);
}

#[test]
fn decoding_allocates_nothing() {
    for (columns, components) in [(4096, 2), (1000, 30), (7, 7)] {
        let data = gaussian(columns * 6, 15);
        let mean = gaussian(columns, 1);
        let pca = PcaTransform::new(mean, orthonormal(columns, components, 16)).unwrap();
        let quantizer = Then::new(pca, Uniform::new(8)).fit(&data).unwrap();
        let (mut codes, mut out) = (vec![0; components * 6], vec![0.0_f32; data.len()]);
        let mut halves = vec![f16::ZERO; data.len()];
        let none = |what: &str, run: &mut dyn FnMut()| assert_eq!(allocations(run), 0, "{what}, {columns} columns");
        none("quantize_into", &mut || quantizer.quantize_into(&data, &mut codes).unwrap());
        none("dequantize_into", &mut || quantizer.dequantize_into(&codes, &mut out).unwrap());
        none("dequantize_into f16", &mut || quantizer.dequantize_into(&codes, &mut halves).unwrap());
        let frame = Frame::encode(&Coded::packed(&quantizer), &data).unwrap();
        let decoder = Frame::parse(&frame).unwrap().decoder().unwrap();
        none("decode_into", &mut || decoder.decode_into(&mut out).unwrap());
        none("decode_range_into", &mut || {
            decoder.decode_range_into(columns..3 * columns, &mut out[..2 * columns]).unwrap();
        });
        let mut gradient = vec![1.0; data.len()];
        let upstream = out.clone();
        none("gradient", &mut || quantizer.straight_through_into(&data, &upstream, &mut gradient).unwrap());
    }
}

/// Against finite differences of what the estimator stands for: coefficients that are clipped, and nothing else.
#[test]
fn the_straight_through_gradient_leaves_the_mean_out() {
    for (columns, components, in_front) in [(12, 12, false), (12, 5, false), (8, 3, true)] {
        let pca = transform(columns, components, 21);
        let inner = Uniform::new(3).fit_range(-1.2, 1.2).unwrap();
        let end = 3.5 * f64::from(inner.scales()[0]);
        let rotation = Hadamard::new(4, Seed::new(3)).unwrap();
        let quantizer: Box<dyn Quantizer<Code = u8>> = if in_front {
            Box::new(Then::new(rotation, Then::new(pca.clone(), inner)))
        } else {
            Box::new(Then::new(Box::new(pca.clone()) as Box<dyn Transform>, inner))
        };
        let count = 3 * columns;
        let values: Vec<f32> =
            (0..count).map(|i| pca.mean()[i % columns]).zip(gaussian(count, 22)).map(|(m, x)| m + x).collect();
        // Near the mean after the rotation too.
        let values = if in_front { rotation.inverse(&values, count).unwrap() } else { values };
        let upstream = gaussian(count, 23);
        let gradient = quantizer.straight_through(&values, &upstream).unwrap();

        // The matrix of the rotation, column by column, exact in f64.
        let rotated = |values: &[f64]| -> Vec<f64> {
            if !in_front {
                return values.to_vec();
            }
            let mut out = vec![0.0; count];
            for (j, x) in values.iter().enumerate() {
                let mut unit = vec![0.0; count];
                unit[j] = 1.0;
                let column = rotation.forward(&unit).unwrap();
                out.iter_mut().zip(column).for_each(|(out, c)| *out += f64::from(c) * x);
            }
            out
        };
        let upstream_rotated = rotated(&upstream.iter().map(|&x| x.into()).collect::<Vec<f64>>());
        let surrogate = |values: &[f64]| -> f64 {
            let rows = rotated(values);
            let mut sum = 0.0;
            for (row, upstream) in rows.chunks(columns).zip(upstream_rotated.chunks(columns)) {
                for (j, mean) in pca.mean().iter().enumerate() {
                    sum += f64::from(*mean) * upstream[j];
                }
                for vector in pca.basis().chunks(columns) {
                    let terms = vector.iter().zip(row).zip(pca.mean());
                    let c: f64 = terms.map(|((&v, x), &mean)| f64::from(v) * (x - f64::from(mean))).sum();
                    let back: f64 = vector.iter().zip(upstream).map(|(&v, up)| f64::from(v) * up).sum();
                    sum += c.clamp(-end, end) * back;
                }
            }
            sum
        };
        common::check_gradient(&values, &upstream, &gradient, surrogate);
    }
}

#[test]
fn extremes_are_finite_or_errors() {
    let pca = PcaTransform::new(vec![-f32::MAX, 1.0], vec![0.6, 0.8, -0.8, 0.6]).unwrap();
    assert_eq!(pca.forward(&[f32::MAX, 1.0]), Err(Error::CoefficientOverflow { index: 0 }));
    assert_eq!(pca.forward(&[f32::NAN, 1.0]), Err(Error::NonFinite { index: 0 }));
    let wild = Then::new(pca, Uniform::new(8).fit_range(-f32::MAX, f32::MAX).unwrap());
    for codes in [[0_u8; 2], [254; 2], [0, 254], [254, 0]] {
        assert!(wild.dequantize::<f32>(&codes, 2).unwrap().iter().all(|x| x.is_finite()));
        assert!(wild.dequantize::<f16>(&codes, 2).unwrap().iter().all(|x| x.is_finite()));
    }
}

/// Makes the checksum right again.
fn mended(mut bytes: Vec<u8>) -> Vec<u8> {
    common::seal(&mut bytes);
    bytes
}

fn parameters(stage: &[u8], side: &[u8]) -> Vec<u8> {
    assert!(stage.len() < 126 && side.len() < 128);
    let mut bytes = vec![0, stage.len() as u8 + 2, 0x25, stage.len() as u8];
    bytes.extend_from_slice(stage);
    bytes.push(side.len() as u8);
    bytes.extend_from_slice(side);
    bytes.extend_from_slice(&[0; 4]);
    mended(bytes)
}

#[test]
fn forged_parameters_are_errors_and_take_no_memory() {
    let side = [0; 24];
    assert!(PcaTransform::from_bytes(&parameters(&[0, 2, 2], &side)).is_ok());
    assert!(PcaTransform::from_bytes(&parameters(&[1, 2, 2], &side[..16])).is_ok());
    let corrupt = |stage: &[u8], side: &[u8]| match PcaTransform::from_bytes(&parameters(stage, side)) {
        Err(Error::Corrupt { what, found }) => (what, found),
        other => panic!("{other:?}"),
    };
    assert_eq!(corrupt(&[2, 2, 2], &side), ("storage of a basis", 2));
    assert_eq!(corrupt(&[9, 2, 2], &side), ("storage of a basis", 9));
    assert_eq!(corrupt(&[0, 0, 0], &side), ("columns", 0));
    assert_eq!(corrupt(&[0, 0x81, 0x20, 1], &side), ("columns", 4097));
    assert_eq!(corrupt(&[0, 2, 0], &side), ("components", 0));
    assert_eq!(corrupt(&[0, 2, 3], &side), ("components", 3));
    assert_eq!(corrupt(&[0, 2, 2, 0], &side), ("bytes left over", 1));
    assert_eq!(corrupt(&[0, 2, 1], &side), ("bytes left over", 8));
    for (at, storage) in [(0, 0), (4, 0), (23, 0), (8, 1), (14, 1)] {
        let mut side = if storage == 0 { vec![0; 24] } else { vec![0; 16] };
        let at = at / 4 * 4 + if storage == 1 && at == 14 { 2 } else { 0 };
        let infinite: &[u8] = if storage == 1 { &[0x00, 0x7c] } else { &[0, 0, 0x80, 0x7f] };
        side[at..at + infinite.len()].copy_from_slice(infinite);
        assert_eq!(corrupt(&[storage, 2, 2], &side).0, "parameter is not finite");
    }
    let (result, peak) = peak_bytes(|| PcaTransform::from_bytes(&parameters(&[0, 0x80, 0x20, 0x80, 0x20], &side)));
    assert!(matches!(result, Err(Error::Truncated { .. })) && peak < 1000, "{result:?}, {peak} bytes");
}

#[test]
fn truncated_and_damaged_frames_are_errors_or_decode_to_finite_values() {
    let data = gaussian(60, 31);
    let mut random = Random(32);
    for stored_as in [DType::F32, DType::F16] {
        let pca = transform(6, 4, 33).stored_as(stored_as).unwrap();
        let quantizer = Then::new(pca, Uniform::new(6)).fit(&data).unwrap();
        let frame = Frame::encode(&Coded::packed(&quantizer), &data).unwrap();
        for len in 0..frame.len() {
            let error = fewbits::decompress::<f32>(&frame[..len]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{len} of {} bytes: {error}", frame.len());
        }
        let mut decoded = 0;
        for _ in 0..20_000 {
            let mut damaged = frame.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(damaged.len());
                damaged[at] = random.bits() as u8;
            }
            let damaged = mended(damaged);
            let (result, peak) = peak_bytes(|| fewbits::decompress::<f32>(&damaged));
            assert!(peak <= 36 * damaged.len() + 1024, "{peak} bytes for {}", damaged.len());
            if let Ok(values) = result {
                assert!(values.iter().all(|x| x.is_finite()));
                decoded += 1;
            }
        }
        assert!(decoded > 1000, "mended payloads decode: {decoded}");
    }
}

#[cfg(feature = "pca")]
mod fits {
    use super::*;
    use fewbits::{Pca, PrincipalComponents, Result};

    /// Rows that follow a few numbers, and noise.
    fn latent(rows: usize, columns: usize, factors: usize, noise: f32, seed: u64) -> Vec<f32> {
        let (directions, mut random) = (gaussian(factors * columns, seed), Random(seed + 1));
        let mut data = Vec::new();
        for _ in 0..rows {
            let of_row: Vec<f32> = (0..factors).map(|k| random.gaussian() * (factors - k) as f32).collect();
            for j in 0..columns {
                let value: f32 = (0..factors).map(|k| of_row[k] * directions[k * columns + j]).sum();
                data.push(value + noise * random.gaussian() + j as f32);
            }
        }
        data
    }

    fn analyse(data: &[f32], columns: usize) -> PrincipalComponents {
        Pca::new(columns).analyse(data).unwrap()
    }

    #[test]
    fn the_error_of_keeping_some_is_the_sum_of_the_other_eigenvalues() {
        for (rows, columns, factors) in [(500, 24, 4), (300, 7, 2), (50, 64, 10), (1000, 100, 20), (3, 10, 2)] {
            let data = latent(rows, columns, factors, 0.3, 40);
            let found = analyse(&data, columns);
            assert!(found.eigenvalues().is_sorted_by(|a, b| a >= b) && found.eigenvalues()[columns - 1] >= 0.0);
            let variance = found.discarded(0);
            for k in 1..=columns {
                let pca = found.transform(k).unwrap();
                let back = pca.inverse(&pca.forward(&data).unwrap(), data.len()).unwrap();
                let error = distance(&back, &data) / rows as f64;
                let discarded = found.discarded(k);
                assert!(
                    (error - discarded).abs() <= 1e-4 * discarded + 1e-12 * (variance + energy(found.mean())),
                    "{rows} x {columns}, {k}: {error} for {discarded}"
                );
                assert!((found.explained(k) - (1.0 - discarded / variance)).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn components_are_orthonormal_eigenvectors_with_one_sign() {
        for columns in [1, 2, 3, 17, 64, 200] {
            let data = latent(400, columns, columns.min(6), 0.5, 41);
            let found = analyse(&data, columns);
            let pca = found.transform(columns).unwrap();
            let vectors: Vec<&[f32]> = pca.basis().chunks(columns).collect();
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
            for (i, a) in vectors.iter().enumerate() {
                for (j, b) in vectors.iter().enumerate() {
                    assert!((dot(a, b) - f64::from(u8::from(i == j))).abs() < 1e-6, "{columns}: {i}, {j}");
                }
                let largest = a.iter().fold(0.0_f32, |m, &x| if x.abs() > m.abs() { x } else { m });
                assert!(largest > 0.0);
            }
            // Coefficients have no mean, no correlation, and the eigenvalues as variances.
            let coefficients = pca.forward(&data).unwrap();
            for i in 0..columns.min(8) {
                for j in 0..columns.min(8) {
                    let rows = coefficients.chunks(columns);
                    let moment = rows.map(|c| f64::from(c[i]) * f64::from(c[j])).sum::<f64>() / 400.0;
                    let expected = if i == j { found.eigenvalues()[i] } else { 0.0 };
                    assert!((moment - expected).abs() < 1e-5 * found.eigenvalues()[0], "{columns}: {i}, {j}");
                }
            }
            // A second run gives the same bits.
            assert_eq!(analyse(&data, columns), found);
        }
    }

    #[test]
    fn settings_choose_how_many() {
        let data = latent(200, 20, 3, 0.05, 42);
        let found = analyse(&data, 20);
        let components = |settings: Pca| settings.fit(&data).unwrap().components();
        assert_eq!(components(Pca::new(20)), 20);
        assert_eq!(components(Pca::new(20).components(5)), 5);
        assert_eq!(components(Pca::new(20).variance(1e-9)), 1);
        assert_eq!(components(Pca::new(20).variance(1.0)), 20);
        for share in [0.5, 0.9, 0.99, 0.999_999] {
            let k = components(Pca::new(20).variance(share));
            assert!(found.explained(k) >= share && (k == 1 || found.explained(k - 1) < share), "{share}: {k}");
        }
        let halves = Pca::new(20).components(3).stored_as(DType::F16).fit(&data).unwrap();
        assert_eq!(halves, found.transform(3).unwrap().stored_as(DType::F16).unwrap());
        let elements: Vec<bf16> = data.iter().map(|&x| bf16::from_f32(x)).collect();
        let widened: Vec<f32> = elements.iter().map(|x| x.to_f32()).collect();
        assert_eq!(Pca::new(20).fit(&elements).unwrap(), Pca::new(20).fit(&widened).unwrap());
    }

    #[test]
    fn wrong_settings_and_data_are_errors() {
        let fit = |settings: Pca, data: &[f32]| -> Error { settings.fit(data).unwrap_err() };
        let data = [1.0; 12];
        for settings in [
            Pca::new(0),
            Pca::new(4097),
            Pca::new(4).components(0),
            Pca::new(4).components(5),
            Pca::new(4).variance(0.0),
            Pca::new(4).variance(1.1),
            Pca::new(4).variance(f64::NAN),
        ] {
            assert!(matches!(fit(settings, &data), Error::Setting { .. }), "{settings:?}");
        }
        assert!(matches!(fit(Pca::new(4).stored_as(DType::Bf16), &data), Error::Unsuited { .. }));
        assert_eq!(fit(Pca::new(5), &data), Error::Length { what: "values", expected: 15, actual: 12 });
        assert_eq!(fit(Pca::new(5), &[]), Error::Empty);
        assert_eq!(fit(Pca::new(2), &[1.0, 2.0, 3.0, f32::NAN]), Error::NonFinite { index: 3 });
        let found = analyse(&data, 4);
        assert!(found.transform(0).is_err() && found.transform(5).is_err());
    }

    #[test]
    fn absurd_data_have_a_basis_or_an_error() {
        for (name, data) in common::data_sets() {
            for columns in [1, 2, 3, 5, 8, 20] {
                let whole = &data[..data.len() / columns * columns];
                let found: Result<PrincipalComponents> = Pca::new(columns).analyse(whole);
                let Ok(found) = found else {
                    assert!(whole.is_empty(), "{name}, {columns} columns: {found:?}");
                    continue;
                };
                let pca = found.transform(columns).unwrap();
                for vector in pca.basis().chunks(columns) {
                    assert!((energy(vector) - 1.0).abs() < 1e-5, "{name}, {columns} columns");
                }
                assert!(found.eigenvalues().iter().all(|x| x.is_finite()));
                assert!((0.0..=1.0).contains(&found.explained(1)));
                assert!(found.saved_bits(30.0).is_finite(), "{name}, {columns} columns");
                let Ok(coefficients) = pca.forward(whole) else { continue };
                let back = pca.inverse(&coefficients, whole.len()).unwrap();
                let spread = distance(whole, &pca.mean().repeat(whole.len() / columns)) + energy(whole);
                let close = distance(&back, whole) <= 1e-10 * spread + 1e-80;
                assert!(close || !back.iter().all(|x| x.is_finite()), "{name}, {columns} columns: {spread:e}");
            }
        }
    }

    /// Against what bits are in theory: a rate by hand for two columns.
    #[test]
    fn saved_bits_are_those_of_water_filling() {
        // Columns of variance 1 with a correlation of 0.6: eigenvalues 1.6 and 0.4.
        let (a, b) = (0.8_f32.sqrt(), 0.2_f32.sqrt());
        let data: Vec<f32> = [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)]
            .iter()
            .flat_map(|(x, y)| [a * x + b * y, a * x - b * y])
            .collect();
        let found = analyse(&data.repeat(1000), 2);
        let gap = |x: f64, y: f64| (x - y).abs() < 1e-5;
        assert!(gap(found.eigenvalues()[0], 1.6) && gap(found.eigenvalues()[1], 0.4));
        let side = |components: f64| 32.0 * (2.0 + 2.0 * components) / 8000.0;
        // 20 dB: errors of 0.01 each, on both sides.
        let expected = 0.5 * ((100.0_f64).log2() - 0.5 * (160.0_f64.log2() + 40.0_f64.log2())) - side(2.0);
        assert!(gap(found.saved_bits(20.0), expected) && found.components_at(20.0) == 2);
        // An error of 1 in all: the second component is given up, and 0.6 left for the first.
        let db = 10.0 * 2.0_f64.log10();
        let expected = 0.5 * (2.0_f64.log2() - 0.5 * (1.6_f64 / 0.6).log2()) - side(1.0);
        assert!(gap(found.saved_bits(db), expected) && found.components_at(db) == 1);
    }

    #[test]
    fn a_basis_pays_for_many_rows_that_move_together_only() {
        let correlated = analyse(&latent(4000, 48, 4, 0.1, 50), 48);
        assert!(correlated.saved_bits(30.0) > 2.0, "{}", correlated.saved_bits(30.0));
        let noise = analyse(&gaussian(48 * 200, 51), 48);
        assert!(noise.saved_bits(30.0) < -1.0, "{}", noise.saved_bits(30.0));
        let few = analyse(&latent(10, 48, 4, 0.1, 50), 48);
        assert!(few.saved_bits(30.0) < correlated.saved_bits(30.0));
        // f16 halves what the basis costs.
        let halves = Pca::new(48).stored_as(DType::F16).analyse(&gaussian(48 * 200, 51)).unwrap();
        assert!((halves.saved_bits(30.0) - noise.saved_bits(30.0) - 48.0 * 16.0 / 200.0).abs() < 1e-9);
    }

    #[test]
    fn fits_travel_in_frames() {
        let data = latent(300, 40, 5, 0.02, 60);
        let settings = Then::new(Pca::new(40).variance(0.999), Uniform::new(8));
        let quantizer = settings.fit(&data).unwrap();
        assert!(quantizer.first.components() <= 6);
        let frame = Frame::encode(&Coded::packed(&quantizer), &data).unwrap();
        let restored: Vec<f32> = fewbits::decompress(&frame).unwrap();
        assert_eq!(restored, quantizer.fake_quantize(&data).unwrap());
        assert!(ErrorStats::measure(&data, &restored).unwrap().sqnr_db() > 30.0);
        assert!(frame.len() < data.len() / 4);
    }
}
