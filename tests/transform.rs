//! Transforms: exact inverses, energy kept, known signs, and gradients through them.

mod common;

use common::{Random, gaussian};
use fewbits::{
    Coded, Dct, Describe, Element, Error, ErrorKind, ErrorStats, Fit, Frame, FrameWriter, Guarantee, Hadamard, KMeans,
    Masked, NonFinite, Pipeline, PipelineExt, Quantizer, QuantizerExt, Restore, ScaleType, Seed, Then, Transform,
    TransformExt, Uniform, UniformQuantizer, bf16, f16,
};

fn energy(values: &[f32]) -> f64 {
    values.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

/// `H D x / sqrt(n)` by the definition: entry (i, j) of H is -1 to the number of ones that i and j share.
fn naive(block: usize, seed: u64, values: &[f32]) -> Vec<f64> {
    let mut out = Vec::new();
    let mut from = 0;
    while from < values.len() {
        let rest = values.len() - from;
        let len = block.min(if rest.is_power_of_two() { rest } else { rest.next_power_of_two() / 2 });
        let signed: Vec<f64> = (from..from + len)
            .map(|i| {
                // SplitMix64 by hand.
                let mut z = seed.wrapping_add((i as u64 / 64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^= z >> 31;
                if z >> (i % 64) & 1 == 1 { -f64::from(values[i]) } else { values[i].into() }
            })
            .collect();
        for i in 0..len {
            let entry = |j: usize| if (i & j).count_ones() % 2 == 1 { -1.0 } else { 1.0 };
            out.push(signed.iter().enumerate().map(|(j, x)| entry(j) * x).sum::<f64>() / (len as f64).sqrt());
        }
        from += len;
    }
    out
}

#[test]
fn every_length_comes_back_with_its_energy_and_equals_the_definition() {
    let data = gaussian(1025, 3);
    for block in [2, 4, 8, 16, 128, 1024, 4096] {
        let transform = Hadamard::new(block, Seed::new(77)).unwrap();
        let stride = if block > 200 { 41 } else { 1 };
        for len in 1..=1025 {
            let expected = (len % stride == 1 % stride).then(|| naive(block, 77, &data[..len]));
            check_orthonormal(&transform, &data[..len], expected);
        }
    }
}

/// Errors and energies within 1e-6 of the values, there, if what is expected is told, and back.
fn check_orthonormal(transform: &impl Transform, values: &[f32], expected: Option<Vec<f64>>) {
    let (block, len, energy_of_values) = (transform.block(), values.len(), energy(values));
    let distance = |a: &[f32], b: &mut dyn Iterator<Item = f64>| -> f64 {
        a.iter().zip(b).map(|(&a, b)| (f64::from(a) - b).powi(2)).sum::<f64>().sqrt()
    };
    let coefficients = transform.forward(values).unwrap();
    if let Some(expected) = expected {
        assert_eq!(expected.len(), len);
        let off = distance(&coefficients, &mut expected.into_iter());
        assert!(off <= 1e-6 * energy_of_values.sqrt(), "block {block}, {len} values: {off}");
    }
    assert!((energy(&coefficients) / energy_of_values - 1.0).abs() < 1e-6, "block {block}, {len} values");
    let back = transform.inverse(&coefficients, len).unwrap();
    let off = distance(&back, &mut values.iter().map(|&x| x.into()));
    assert!(off <= 1e-6 * energy_of_values.sqrt(), "block {block}, {len} values back: {off}");
}

/// By the definition, in f64: whole blocks, then powers of two.
fn naive_dct(block: usize, values: &[f32]) -> Vec<f64> {
    let mut out = Vec::new();
    let mut from = 0;
    while from < values.len() {
        let rest = values.len() - from;
        let n = block.min(if rest.is_power_of_two() { rest } else { rest.next_power_of_two() / 2 });
        for k in 0..n {
            let angle = std::f64::consts::PI * k as f64 / (2 * n) as f64;
            let cosine = |i: usize| (angle * (2 * i + 1) as f64).cos();
            let sum: f64 = (0..n).map(|i| f64::from(values[from + i]) * cosine(i)).sum();
            out.push(sum * (if k == 0 { 1.0 } else { 2.0 } / n as f64).sqrt());
        }
        from += n;
    }
    out
}

#[test]
fn cosine_transforms_come_back_with_their_energy_and_equal_the_definition() {
    let data = gaussian(1025, 4);
    for block in [4, 8, 16, 64, 128, 256] {
        let transform = Dct::new(block).unwrap();
        let stride = if block > 20 { 13 } else { 3 };
        for len in 1..=1025 {
            let told = len % stride == 1 || len == block || len == 2 * block - 1;
            let expected = told.then(|| naive_dct(block, &data[..len]));
            check_orthonormal(&transform, &data[..len], expected);
        }
    }
    for block in [0, 1, 2, 3, 100, 512] {
        assert!(matches!(Dct::new(block), Err(Error::Setting { name: "block", .. })));
    }
}

#[test]
fn cosine_transforms_equal_those_of_scipy() {
    let mut lengths = 0;
    for line in include_str!("golden/scipy_dct.txt").lines() {
        let (length, bits) = line.split_once(' ').unwrap();
        let length: usize = length.parse().unwrap();
        let values: Vec<f32> = (0..length).map(|i| ((i * i * 37 % 101) as f32 - 50.0) / 64.0).collect();
        let coefficients = Dct::new(256).unwrap().forward(&values).unwrap();
        for (c, bits) in coefficients.iter().zip(bits.split(' ')) {
            let expected = f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
            assert!((f64::from(*c) - expected).abs() < 2e-6, "{length} values: {c} for {expected}");
        }
        lengths += 1;
    }
    assert_eq!(lengths, 7);
}

/// The entropy of codes, counted for each index of a block.
#[test]
fn smooth_values_take_fewer_bits_as_coefficients() {
    let mut x = 0.0;
    let innovation = (1.0_f32 - 0.95 * 0.95).sqrt();
    let values: Vec<f32> = gaussian(1 << 16, 61)
        .into_iter()
        .map(|noise| {
            x = 0.95 * x + innovation * noise;
            x
        })
        .collect();
    let bits = |codes: &[u16]| -> f64 {
        let per_index = (0..64).map(|index| {
            let mut counts = vec![0_u64; 1 << 16];
            codes.iter().skip(index).step_by(64).for_each(|&code| counts[usize::from(code)] += 1);
            fewbits::entropy(&counts) / 64.0
        });
        per_index.sum()
    };
    // The same step, so the same error: the transform keeps its energy.
    let step = 0.2;
    let uniform = || Uniform::new(9).codes::<u16>().fit_range(-255.0 * step, 255.0 * step).unwrap();
    let (alone, with) = (uniform(), Then::new(Dct::new(64).unwrap(), uniform()));
    let sqnr = |quantizer: &dyn Quantizer<Code = u16>| {
        ErrorStats::measure(&values, &quantizer.fake_quantize(&values).unwrap()).unwrap().sqnr_db()
    };
    assert!(sqnr(&alone) > 24.0 && (sqnr(&alone) - sqnr(&with)).abs() < 0.15);
    let saved = bits(&alone.quantize(&values).unwrap()) - bits(&with.quantize(&values).unwrap());
    assert!(saved > 1.55, "{saved} bits per value");
}

#[test]
fn signs_are_fair_known_and_another_seed_has_others() {
    let signs = |seed| {
        // Two values a block: the sum and the difference tell the signs of both.
        let transform = Hadamard::new(2, Seed::new(seed)).unwrap();
        let ones = vec![1.0_f32; 1 << 16];
        let coefficients = transform.forward(&ones).unwrap();
        let pairs = coefficients.as_chunks::<2>().0.iter();
        pairs.flat_map(|[sum, difference]| [sum + difference < 0.0, sum - difference < 0.0]).collect::<Vec<bool>>()
    };
    let first: u64 = signs(1).iter().take(64).enumerate().map(|(i, &sign)| u64::from(sign) << i).sum();
    assert_eq!(first, 0x910a_2dec_8902_5cc1, "the first output of SplitMix64 from 1");
    for seed in 1..20 {
        let signs = signs(seed);
        // Chi-square with 15 degrees of freedom over runs of four: 37.7 is exceeded once in a thousand.
        let mut counts = [0.0_f64; 16];
        for four in signs.chunks(4) {
            counts[four.iter().fold(0, |number, &sign| 2 * number + usize::from(sign))] += 1.0;
        }
        let expected = signs.len() as f64 / 64.0;
        let chi: f64 = counts.iter().map(|count| (count - expected).powi(2) / expected).sum();
        assert!(chi < 45.0, "seed {seed}: {chi}");
    }
    assert_ne!(signs(1), signs(2));
}

#[test]
fn blocks_that_are_none_are_refused() {
    for block in [0, 1, 3, 100, 8192] {
        assert!(matches!(Hadamard::new(block, Seed::new(1)), Err(Error::Setting { name: "block", .. })));
    }
    let transform = Hadamard::new(64, Seed::new(1)).unwrap();
    assert_eq!((transform.block(), transform.guarantee()), (64, Guarantee::Orthonormal));
    assert!(matches!(transform.forward_at(32, &[1.0; 4], &mut [0.0; 4]), Err(Error::Unaligned { .. })));
    assert!(matches!(transform.forward(&[1.0, f32::NAN]), Err(Error::NonFinite { index: 1 })));
    assert!(matches!(transform.forward_into(&[1.0], &mut [0.0; 2]), Err(Error::Length { .. })));
    assert!(transform.forward(&[]).unwrap().is_empty());
}

#[test]
fn outliers_stop_ruling_their_tensor() {
    let mut values = gaussian(1 << 16, 5);
    for i in 0..200 {
        values[i * 327] *= 15.0;
    }
    let sqnr = |restored: &[f32]| ErrorStats::measure(&values, restored).unwrap().sqnr_db();
    let rotation = Hadamard::new(1024, Seed::new(2)).unwrap();
    let alone = KMeans::new(16).per_block(128).fit(&values).unwrap();
    let rotated = Then::new(rotation, KMeans::new(16).per_block(128)).fit(&values).unwrap();
    let (alone, rotated) =
        (sqnr(&alone.fake_quantize(&values).unwrap()), sqnr(&rotated.fake_quantize(&values).unwrap()));
    assert!(rotated > 20.3 && rotated > alone + 1.5, "{alone} dB alone, {rotated} dB rotated");
}

fn check_elements<T: Element>(values: &[T]) {
    let settings = Then::new(Hadamard::new(128, Seed::new(6)).unwrap(), Uniform::new(6).per_block(64));
    let quantizer = settings.fit(values).unwrap();
    let frame = FrameWriter::new(&Coded::packed(&quantizer)).chunk_len(500).encode(values).unwrap();
    let restored: Vec<T> = fewbits::decompress(&frame).unwrap();
    assert!(restored == quantizer.fake_quantize(values).unwrap());
    assert!(ErrorStats::measure(values, &restored).unwrap().sqnr_db() > 28.0);
    let mut part = vec![T::default(); 300];
    Frame::parse(&frame).unwrap().decoder().unwrap().decode_range_into(601..901, &mut part).unwrap();
    assert!(part == restored[601..901]);
}

#[test]
fn every_element_goes_through() {
    let data = gaussian(3001, 8);
    check_elements(&data);
    check_elements(&data.iter().map(|&x| f16::from_f32(x)).collect::<Vec<_>>());
    check_elements(&data.iter().map(|&x| bf16::from_f32(x)).collect::<Vec<_>>());
}

#[test]
fn generic_and_dyn_give_the_same_bytes_to_any_depth() {
    let data = gaussian(2000, 9);
    let (outer, inner) = (Hadamard::new(16, Seed::new(1)).unwrap(), Hadamard::new(64, Seed::new(2)).unwrap());
    let settings = Then::new(outer, Then::new(inner, Uniform::new(5).scale_type(ScaleType::F16)));
    let quantizer = settings.fit(&data).unwrap();
    assert_eq!(quantizer.block(), 64);
    let dynamic = Then::new(
        Box::new(outer) as Box<dyn Transform>,
        Box::new(Then::new(Box::new(inner) as Box<dyn Transform>, quantizer.second.second.clone()))
            as Box<dyn Quantizer<Code = u8>>,
    );
    let bytes = Frame::encode(&Coded::packed(&quantizer), &data).unwrap();
    assert_eq!(Frame::encode(&Coded::packed(&dynamic), &data).unwrap(), bytes);
    let restored = Then::<Hadamard, Then<Hadamard, UniformQuantizer>>::from_bytes(&quantizer.to_bytes()).unwrap();
    assert_eq!(restored, quantizer);
    let any = Box::<dyn Pipeline>::from_bytes(&Coded::packed(&quantizer).to_bytes()).unwrap();
    assert_eq!(any.encode(&data).unwrap(), Coded::packed(&quantizer).encode(&data).unwrap());
    assert!(Box::<dyn Transform>::from_bytes(&outer.to_bytes()).is_ok());
}

#[test]
fn coefficients_beyond_f32_are_errors_and_restored_values_stay_finite() {
    let huge = [f32::MAX, f32::MAX, -f32::MAX, f32::MAX];
    let settings = Then::new(Hadamard::new(4, Seed::new(1)).unwrap(), Uniform::new(4));
    let overflow =
        (0..64).map(|seed| Then::new(Hadamard::new(4, Seed::new(seed)).unwrap(), Uniform::new(4)).fit(&huge));
    assert!(overflow.into_iter().all(|fit| fit.is_ok() || matches!(fit, Err(Error::CoefficientOverflow { .. }))));
    let fitted = settings.fit(&huge.map(|x| x / 4.0)).unwrap();
    assert!(matches!(fitted.quantize(&[f32::MAX; 4]), Ok(_) | Err(Error::CoefficientOverflow { .. })));
    // Any codes under any scale give finite values.
    let wild = Then::new(settings.first, Uniform::new(8).fit_range(-f32::MAX, f32::MAX).unwrap());
    for codes in [[0_u8; 4], [254; 4], [0, 254, 0, 254], [254, 0, 0, 254]] {
        assert!(wild.dequantize::<f32>(&codes, 4).unwrap().iter().all(|x| x.is_finite()));
    }
}

/// By whatever pointer, and wherever it begins: positions are those of the whole.
#[test]
fn transforms_say_where_values_are_not_finite() {
    fn check(transform: impl Transform) {
        let mut values = vec![1.0_f32; 192];
        let mut out = vec![0.0; 192];
        assert!(transform.checked_forward_at(64, &values, &mut out).is_ok());
        values[70] = f32::INFINITY;
        let found = transform.checked_forward_at(64, &values, &mut out);
        assert!(matches!(found, Err(Error::NonFinite { index: 134 })), "{found:?}");
        // Finite values whose sum is not: the first coefficient of the second block, or one near it.
        values[64..128].fill(f32::MAX);
        let found = transform.checked_forward_at(64, &values, &mut out);
        assert!(matches!(found, Err(Error::CoefficientOverflow { index: 128..192 })), "{found:?}");
    }
    let hadamard = Hadamard::new(64, Seed::new(1)).unwrap();
    check(hadamard);
    check(&hadamard as &dyn Transform);
    check(Box::new(hadamard) as Box<dyn Transform>);
    check(Dct::new(64).unwrap());
}

#[test]
fn cosine_transforms_of_large_values_stay_within_range() {
    for block in [4, 64, 256] {
        let dct = Dct::new(block).unwrap();
        for share in [0.1, 0.72, 0.99] {
            let mut values = vec![0.0; block];
            values[3] = share * f32::MAX;
            let restored = dct.inverse(&dct.forward(&values).unwrap(), block).unwrap();
            assert!((restored[3] / values[3] - 1.0).abs() < 1e-5, "{share} of {block}: {}", restored[3]);
        }
    }
    // The largest coefficient is the sum over the square root of 4.
    assert!(Dct::new(4).unwrap().forward(&[0.51 * f32::MAX, 0.51 * f32::MAX, 0.0, 0.0]).is_ok());
}

/// Errors of coefficients may take a value anywhere, also beyond a narrow element: it becomes the end of that.
#[test]
fn frames_of_the_largest_values_decode() {
    let mut values = vec![f16::MAX; 64];
    values[1] = f16::MIN;
    let quantizer = Then::new(Dct::new(64).unwrap(), Uniform::new(16).codes::<u16>()).fit(&values).unwrap();
    let frame = Frame::encode(&Coded::packed(quantizer), &values).unwrap();
    let restored: Vec<f16> = fewbits::decompress(&frame).unwrap();
    let far = |(a, b): (&f16, &f16)| (a.to_f32() - b.to_f32()).abs() > 64.0;
    assert!(!values.iter().zip(&restored).any(far), "{restored:?}");

    let policy = NonFinite::saturate();
    let mut values: Vec<f16> = gaussian(640, 21).into_iter().map(f16::from_f32).collect();
    (values[70], values[400]) = (f16::INFINITY, f16::NEG_INFINITY);
    for bits in [4, 6, 8] {
        let settings = Then::new(Hadamard::new(64, Seed::new(bits.into())).unwrap(), Uniform::new(bits));
        let quantizer = settings.fit(&[f16::MAX; 64]).unwrap();
        let frame = Frame::encode(&Masked::new(policy, Coded::packed(quantizer)), &values).unwrap();
        assert!(fewbits::decompress::<f16>(&frame).unwrap().iter().all(|x| x.is_finite()));
    }
}

/// A coefficient that happens to equal a missing value is none.
#[test]
fn policies_behind_transforms_are_refused() {
    let transform = Hadamard::new(4, Seed::new(2)).unwrap();
    let values = [-19998.0_f32, 0.0, 0.0, 0.0];
    let policy = NonFinite::keep().missing(-9999.0);
    let unsuited = |error: Option<Error>| matches!(error, Some(Error::Unsuited { .. }));
    assert!(unsuited(Then::new(transform, Uniform::new(8).non_finite(policy)).fit(&values).err()));
    assert!(unsuited(Then::new(transform, KMeans::new(8).non_finite(policy)).fit(&values).err()));
    let bound = fewbits::ErrorBound::max_abs_error(0.1).non_finite(policy);
    assert!(unsuited(Then::new(transform, Then::new(transform, bound)).fit(&values).err()));
    assert!(Then::new(transform, Uniform::new(8)).fit(&policy.present(&values).unwrap()).is_ok());
}

/// The product of the estimator against finite differences of what it stands for: coefficients that are clipped, and
/// nothing else.
#[test]
fn the_straight_through_gradient_is_that_of_clipping_alone() {
    let values = gaussian(40, 12);
    let transform = Hadamard::new(16, Seed::new(3)).unwrap();
    let inner = Uniform::new(3).fit_range(-0.8, 0.8).unwrap();
    let end = 3.5 * f64::from(inner.scales()[0]);
    let quantizer = Then::new(transform, inner);
    let upstream = gaussian(40, 13);
    let gradient = quantizer.straight_through(&values, &upstream).unwrap();

    // The matrix of the transform, in f64, from its own definition.
    let columns: Vec<Vec<f64>> = (0..40)
        .map(|j| {
            let mut unit = vec![0.0; 40];
            unit[j] = 1.0;
            naive(16, 3, &unit)
        })
        .collect();
    let surrogate = |values: &[f64]| -> f64 {
        let coefficient = |i: usize| (0..40).map(|j| columns[j][i] * values[j]).sum::<f64>().clamp(-end, end);
        let clipped: Vec<f64> = (0..40).map(coefficient).collect();
        let restored = |j: usize| (0..40).map(|i| columns[j][i] * clipped[i]).sum::<f64>();
        (0..40).map(|j| f64::from(upstream[j]) * restored(j)).sum()
    };
    common::check_gradient(&values, &upstream, &gradient, surrogate);
}

/// Sixty transforms would take megabytes of stack.
#[test]
fn transforms_in_a_row_are_counted() {
    let quantizer = Uniform::new(4).fit(&[1.0_f32]).unwrap();
    let transform = Hadamard::new(4, Seed::new(1)).unwrap();
    let mut nested: Box<dyn Quantizer<Code = u8>> = Box::new(quantizer);
    for depth in 1..=20 {
        nested = Box::new(Then::new(transform, nested));
        let restored = Box::<dyn Quantizer<Code = u8>>::from_bytes(&nested.to_bytes());
        match restored {
            Ok(restored) => assert!(depth <= 4 && restored.dequantize::<f32>(&[7; 4], 4).is_ok()),
            Err(error) => assert!(depth > 4 && error.kind() == ErrorKind::Corrupt, "{error}"),
        }
    }
}

#[test]
fn wrong_compositions_say_what_they_need() {
    let quantizer = Uniform::new(4).fit(&[1.0_f32]).unwrap();
    let error = Then::<Hadamard, UniformQuantizer>::from_bytes(&quantizer.to_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "stage 0x01 stands where a Hadamard transform is needed; decode with the pipeline type that wrote it"
    );
    let transform = Hadamard::new(8, Seed::new(0)).unwrap();
    assert!(Box::<dyn Quantizer<Code = u8>>::from_bytes(&transform.to_bytes()).is_err());
    let mut random = Random(1);
    for _ in 0..2000 {
        let mut bytes = Then::new(transform, quantizer.clone()).to_bytes();
        let at = random.below(bytes.len() - 4);
        bytes[at] ^= 1 << random.below(8);
        common::seal(&mut bytes);
        if let Ok(quantizer) = Box::<dyn Quantizer<Code = u8>>::from_bytes(&bytes) {
            let codes = vec![0; quantizer.code_len(64)];
            let values = quantizer.dequantize::<f32>(&codes, 64);
            assert!(values.is_err() || values.unwrap().iter().all(|x| x.is_finite()));
        }
    }
}
