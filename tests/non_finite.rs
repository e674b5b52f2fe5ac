//! NaN, infinities and missing values: refused, saturated or kept, and kept ones come back bit for bit.

#[path = "common/alloc.rs"]
mod alloc;
mod common;

use alloc::{Counting, allocations};
use common::{AnyQuantizer, Random, gaussian};
use fewbits::{
    Affine, BitPack, Blocks, Coded, Describe, Element, Error, ErrorBound, ErrorKind, ErrorStats, Fit, Frame,
    FrameWriter, Grid, Masked, NonFinite, Pipeline, PipelineExt, Quantizer, Range, Restore, Uniform, UniformQuantizer,
    bf16, f16,
};
use proptest::prelude::*;
use std::borrow::Cow;

#[global_allocator]
static COUNTING: Counting = Counting;

const FILL: f32 = -9999.0;

fn policies() -> [NonFinite; 4] {
    [NonFinite::keep(), NonFinite::keep().missing(FILL), NonFinite::refuse().missing(FILL), NonFinite::saturate()]
}

fn packed(policy: NonFinite, values: &[f32]) -> Masked<Coded<UniformQuantizer, BitPack<u8>>> {
    let quantizer = Uniform::new(5).asymmetric().non_finite(policy).fit(values).unwrap();
    Masked::new(policy, Coded::packed(quantizer))
}

/// Gaussian values with a mask: single ones, runs, several payloads, at both ends.
fn field(len: usize, seed: u64) -> Vec<f32> {
    let mut random = Random(seed);
    let mut values = gaussian(len, seed);
    let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, FILL, -f32::NAN, f32::from_bits(0x7f80_0001)];
    let mut at = 0;
    while at < len {
        let (run, value) = (1 + random.below(40), special[random.below(special.len())]);
        let end = len.min(at + run);
        values[at..end].fill(value);
        at = end + random.below(60);
    }
    values
}

fn is_kept(x: f32) -> bool {
    !x.is_finite() || x == FILL
}

/// The values with zeros in place of those that are kept.
fn zeroed(values: &[f32]) -> Vec<f32> {
    values.iter().map(|&x| if is_kept(x) { 0.0 } else { x }).collect()
}

#[test]
fn what_is_kept_comes_back_bit_for_bit_and_the_rest_as_without() {
    let policy = NonFinite::keep().missing(FILL);
    for len in [1, 2, 100, 3000] {
        let values = field(len, len as u64);
        let pipeline = packed(policy, &values);
        for chunk_len in [50, 10_000] {
            let frame = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&values).unwrap();
            let restored: Vec<f32> = fewbits::decompress(&frame).unwrap();
            let inner = pipeline.pipeline();
            let alone: Vec<f32> = inner.decode(&inner.encode(&zeroed(&values)).unwrap(), len).unwrap();
            for i in 0..len {
                let expected = if is_kept(values[i]) { values[i] } else { alone[i] };
                assert_eq!(restored[i].to_bits(), expected.to_bits(), "value {i} of {len}");
            }
            // Ranges, by any route.
            let decoder = Frame::parse(&frame).unwrap().decoder().unwrap();
            let mut part = vec![0.0_f32; len / 2];
            decoder.decode_range_into(len / 3..len / 3 + len / 2, &mut part).unwrap();
            assert!(part.iter().zip(&restored[len / 3..]).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}

/// Fits a quantizer to values under a policy.
type FitUnder = Box<dyn Fn(NonFinite, &[f32]) -> AnyQuantizer>;

fn fits() -> Vec<(&'static str, FitUnder)> {
    fn fit<S>(settings: impl Fn(NonFinite) -> S + 'static) -> FitUnder
    where
        S: Fit<f32, Fitted: Quantizer<Code = u16> + 'static>,
    {
        Box::new(move |policy, values| Box::new(settings(policy).fit(values).unwrap()))
    }
    let uniform = || Uniform::new(6).codes::<u16>();
    let shape = [10, 50];
    vec![
        ("tensor", fit(move |policy| uniform().non_finite(policy))),
        ("rows", fit(move |policy| uniform().asymmetric().per_axis(&shape, 0).non_finite(policy))),
        ("columns", fit(move |policy| uniform().asymmetric().per_axis(&shape, 1).non_finite(policy))),
        ("blocks", fit(move |policy| uniform().per_block(16).non_finite(policy))),
        (
            "percentile",
            fit(move |policy| uniform().per_axis(&shape, 0).range(Range::Percentile(0.9)).non_finite(policy)),
        ),
        ("deviations", fit(move |policy| uniform().range(Range::MeanStd(2.0)).non_finite(policy))),
        ("least error", fit(move |policy| uniform().range(Range::Mse).non_finite(policy))),
        ("torch", fit(move |policy| Affine::torch(Grid::I8).codes().per_axis(&shape, 0).non_finite(policy))),
        ("bound", fit(move |policy| ErrorBound::max_abs_error(0.01).codes().non_finite(policy))),
        ("relative bound", fit(move |policy| ErrorBound::max_relative_error(0.1).codes().non_finite(policy))),
        ("rmse", fit(move |policy| ErrorBound::rmse(0.01).codes().non_finite(policy))),
        ("psnr", fit(move |policy| ErrorBound::psnr_db(40.0).codes().non_finite(policy))),
    ]
}

/// Values that are kept take part in nothing: what they are, even huge, changes neither parameters nor other values.
#[test]
fn fits_look_at_present_values_alone() {
    let policy = NonFinite::keep().missing(FILL);
    let values = field(500, 9);
    // Something that is there in every row, column and block.
    let pairs = values.iter().zip(gaussian(500, 10)).enumerate();
    let values: Vec<f32> = pairs.map(|(i, (&x, y))| if i % 11 == 0 { y } else { x }).collect();
    for (name, fit) in fits() {
        let quantizer = fit(policy, &values);
        let other: Vec<f32> = values.iter().map(|&x| if is_kept(x) { 1e30 } else { x }).collect();
        let other = fit(NonFinite::refuse().missing(1e30), &other);
        assert_eq!(quantizer.to_bytes(), other.to_bytes(), "{name}");
        if !["rows", "columns", "blocks", "percentile", "torch"].contains(&name) {
            // Without groups, it is as if the others had never been there.
            let present = policy.present(&values).unwrap();
            assert!(present.iter().all(|&x| !is_kept(x)) && present.len() > 100);
            assert_eq!(quantizer.to_bytes(), fit(NonFinite::refuse(), &present).to_bytes(), "{name}");
        }
    }
}

#[test]
fn groups_know_nothing_of_what_is_missing_from_others() {
    let rows = [1000.0_f32, 900.0, 800.0, f32::NAN, 0.001, -0.002];
    let policy = NonFinite::keep();
    let quantizer = Uniform::new(8).per_axis(&[2, 3], 0).non_finite(policy).fit(&rows).unwrap();
    assert!((1.57e-5..1.58e-5).contains(&quantizer.scales()[1]));
    // Self-scaled blocks of three: the same, at whatever end the missing values are.
    let blocks = Masked::new(policy, Blocks::uniform(8, 3).unwrap());
    for rows in [rows, [f32::NAN, f32::NAN, 1000.0, -0.002, 0.001, f32::NAN]] {
        let restored: Vec<f32> = blocks.decode(&blocks.encode(&rows).unwrap(), 6).unwrap();
        for (x, y) in rows.iter().zip(&restored).filter(|(x, _)| x.is_finite()) {
            assert!((x - y).abs() <= 0.005 * x.abs().max(1e-3), "{x} became {y}");
        }
    }
    // A group without any value takes any scale.
    let quantizer = Uniform::new(8).per_block(2).non_finite(policy).fit(&[f32::NAN, f32::NAN, 4.0]).unwrap();
    assert!(quantizer.scales()[0] == 1.0 && (0.0314..0.0315).contains(&quantizer.scales()[1]));
    for settings in [ErrorBound::rmse(0.1), ErrorBound::max_abs_error(0.1), ErrorBound::max_relative_error(0.1)] {
        let quantizer = settings.non_finite(policy).fit(&[f32::NAN; 5]).unwrap();
        let pipeline = Masked::new(policy, Coded::packed(quantizer));
        assert!(
            pipeline.decode::<f32>(&pipeline.encode(&[f32::NAN; 5]).unwrap(), 5).unwrap().iter().all(|x| x.is_nan())
        );
    }
}

#[test]
fn bounds_hold_for_present_values() {
    let policy = NonFinite::keep().missing(FILL);
    let mut values = vec![f32::NAN; 10_000];
    values.splice(3000..3101, gaussian(101, 5));
    for (name, settings, holds) in [
        ("rmse", ErrorBound::rmse(1e-3), (|stats| stats.rmse() <= 1e-3) as fn(&ErrorStats) -> bool),
        ("psnr", ErrorBound::psnr_db(50.0), |stats| stats.psnr_db() >= 50.0),
        ("absolute", ErrorBound::max_abs_error(1e-3), |stats| stats.max_abs_error() <= 1e-3),
        ("of the range", ErrorBound::max_error_of_range(1e-3), |stats| stats.max_error_of_range() <= 1e-3),
        ("relative", ErrorBound::max_relative_error(1e-3), |stats| stats.max_relative_error() <= 1e-3),
    ] {
        let quantizer = settings.non_finite(policy).fit(&values).unwrap();
        let frame = Frame::encode(&Masked::new(policy, Coded::packed(quantizer)), &values).unwrap();
        let restored: Vec<f32> = fewbits::decompress(&frame).unwrap();
        let stats = ErrorStats::measure(&values[3000..3101], &restored[3000..3101]).unwrap();
        assert!(holds(&stats) && stats.max_abs_error() > 0.0, "{name}");
    }
}

#[test]
fn missing_values_are_what_the_element_stores() {
    fn check<T: Element>(fill: f32) {
        let (mut stored, ordinary) = ([T::default()], [1.0, -0.5, 0.25, 1.5]);
        T::narrow_into(&[fill], &mut stored).unwrap();
        let mut values = vec![T::default(); 4];
        T::narrow_into(&ordinary, &mut values).unwrap();
        values.insert(2, stored[0]);
        values.push(stored[0]);
        let policy = NonFinite::refuse().missing(fill);
        assert_eq!(policy.present(&values).unwrap().len(), 4, "{fill} as {}", T::DTYPE);
        let quantizer = Uniform::new(8).non_finite(policy).fit(&values).unwrap();
        assert!(quantizer.scales()[0] < 0.02);
        let frame = Frame::encode(&Masked::new(policy, Coded::packed(quantizer)), &values).unwrap();
        let restored: Vec<T> = fewbits::decompress(&frame).unwrap();
        let bytes = |x: &T| fewbits::values_to_le_bytes(&[*x]);
        assert_eq!((bytes(&restored[2]), bytes(&restored[5])), (bytes(&stored[0]), bytes(&stored[0])));
    }
    for fill in [FILL, 1e20, -1e30, 9.969_21e36, f32::NAN, 65519.0, 0.1] {
        check::<f32>(fill);
        check::<f16>(fill);
        check::<bf16>(fill);
    }
}

#[test]
fn saturated_values_end_at_the_outermost_level() {
    let values = [0.1_f32, 0.2, -0.3, f32::INFINITY, f32::NEG_INFINITY];
    let policy = NonFinite::saturate();
    let quantizer = Uniform::new(8).non_finite(policy).fit(&values).unwrap();
    let pipeline = Masked::new(policy, Coded::packed(quantizer));
    let restored: Vec<f32> = pipeline.decode(&pipeline.encode(&values).unwrap(), 5).unwrap();
    let end = 127.0 * pipeline.pipeline().quantizer.scales()[0];
    assert_eq!(restored[3..], [end, -end]);
    assert!(values[..3].iter().zip(&restored).all(|(x, y)| (x - y).abs() < 0.002));
    let nan = pipeline.encode(&[f32::NAN]).unwrap_err();
    assert_eq!(nan, Error::NonFinite { index: 0 });
}

fn check_payloads<T: Element>(payloads: &[T], ordinary: &[T]) {
    let values: Vec<T> = payloads.iter().zip(ordinary.iter().cycle()).flat_map(|(&a, &b)| [a, a, b]).collect();
    let pipeline = Masked::new(NonFinite::keep(), Blocks::uniform(4, 8).unwrap());
    let frame = Frame::encode(&pipeline, &values).unwrap();
    let restored: Vec<T> = fewbits::decompress(&frame).unwrap();
    let bytes = |values: &[T]| fewbits::values_to_le_bytes(values);
    for (before, after) in values.chunks(3).zip(restored.chunks(3)) {
        assert_eq!(bytes(&before[..2]), bytes(&after[..2]), "{}", before[0]);
    }
}

#[test]
fn all_payloads_of_halves_and_many_of_f32() {
    let nan_or_infinite = |bits: &u16, mask: u16| bits & mask == mask;
    let halves: Vec<f16> = (0..=u16::MAX).filter(|b| nan_or_infinite(b, 0x7c00)).map(f16::from_bits).collect();
    check_payloads(&halves, &[f16::ONE, f16::from_f32(-0.3)]);
    let brains: Vec<bf16> = (0..=u16::MAX).filter(|b| nan_or_infinite(b, 0x7f80)).map(bf16::from_bits).collect();
    check_payloads(&brains, &[bf16::ONE, bf16::from_f32(-0.3)]);
    let mut random = Random(1);
    let singles: Vec<f32> = (0..10_000).map(|_| f32::from_bits(random.bits() as u32 | 0x7f80_0000)).collect();
    check_payloads(&singles, &[1.0, -0.3]);
}

#[test]
fn refused_values_are_named_wherever_they_are() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for at in [0, 5000, 9999] {
            let mut values = vec![1.0; 10_000];
            values[at] = bad;
            let refused = Error::NonFinite { index: at };
            assert_eq!(NonFinite::refuse().present(&values).unwrap_err(), refused);
            assert_eq!(NonFinite::default().missing(FILL).present(&values).unwrap_err(), refused);
            let fitted = Uniform::new(8).non_finite(NonFinite::refuse().missing(FILL)).fit(&values);
            assert_eq!(fitted.unwrap_err(), refused);
            let saturated = NonFinite::saturate().present(&values);
            assert_eq!(
                saturated.map(|values| values.len()),
                if bad.is_nan() { Err(refused.clone()) } else { Ok(9_999) }
            );
            let pipeline = Masked::new(NonFinite::refuse(), Blocks::uniform(4, 10).unwrap());
            let mut bytes = vec![0; pipeline.max_encoded_len(values.len())];
            assert_eq!(pipeline.encode_into(&values, &mut bytes), Err(refused));
            let piece = pipeline.encode_piece_into(70, &values, &mut bytes);
            assert_eq!(piece, Err(Error::NonFinite { index: 70 + at }));
        }
    }
}

#[test]
fn present_values_are_borrowed_where_all_are() {
    let keep = NonFinite::keep();
    assert!(matches!(keep.present(&[1.0_f32, FILL]), Ok(Cow::Borrowed(_))));
    assert_eq!(*keep.missing(FILL).present(&[f32::NAN, 1.0, FILL, f32::INFINITY, 2.0]).unwrap(), [1.0, 2.0]);
    assert_eq!(*keep.present(&[f32::NAN]).unwrap(), [0.0_f32; 0]);
    // A NaN stands for every NaN, and for nothing else.
    let nans = NonFinite::refuse().missing(f32::NAN);
    assert_eq!(*nans.present(&[3.0_f32, -f32::NAN]).unwrap(), [3.0]);
    assert_eq!(nans.present(&[3.0, f32::INFINITY]).unwrap_err(), Error::NonFinite { index: 1 });
}

#[test]
fn sizes_are_as_documented() {
    let values = gaussian(1000, 2);
    for policy in policies() {
        let pipeline = packed(policy, &values);
        let alone = pipeline.pipeline().encode(&values).unwrap();
        let masks = policy != NonFinite::saturate();
        assert_eq!(pipeline.encode(&values).unwrap().len(), alone.len() + usize::from(masks), "nothing to mask");
        assert_eq!(pipeline.encoded_len(1000).is_some(), !masks);
    }
    let mut land = values.clone();
    land[100..900].fill(f32::NAN);
    let pipeline = packed(NonFinite::keep(), &land);
    assert_eq!(
        pipeline.encode(&land).unwrap().len(),
        pipeline.pipeline().encode(&values).unwrap().len() + 1 + 1 + 2 + 4
    );
    // Nothing but a mask.
    assert_eq!(pipeline.encode(&vec![f32::NAN; 1000]).unwrap().len(), 1 + 1 + 2 + 4);
    // No mask is longer than was said.
    let mut random = Random(5);
    let worst: Vec<f32> = (0..1000).map(|_| f32::from_bits(random.bits() as u32 | 0x7f80_0000)).collect();
    assert!(pipeline.encode(&worst).unwrap().len() <= pipeline.max_encoded_len(1000));
}

#[test]
fn decoding_allocates_nothing_and_encoding_only_for_what_is_masked() {
    let values = field(5000, 4);
    let ordinary = gaussian(5000, 4);
    let policy = NonFinite::keep().missing(FILL);
    let pipeline = packed(policy, &values);
    let mut bytes = vec![0; pipeline.max_encoded_len(5000)];
    let len = pipeline.encode_into(&values, &mut bytes).unwrap();
    let mut restored = vec![0.0_f32; 5000];
    assert_eq!(allocations(|| pipeline.decode_into(&bytes[..len], &mut restored).unwrap()), 0);
    let saturating = packed(NonFinite::saturate(), &ordinary);
    assert_eq!(allocations(|| assert!(saturating.encode_into(&ordinary, &mut bytes).is_ok())), 0);
}

#[test]
fn policies_restore_and_encode_as_before() {
    let values = field(300, 6);
    for policy in policies().into_iter().chain([NonFinite::refuse(), NonFinite::keep().missing(f32::NAN)]) {
        let plain = policy == NonFinite::saturate()
            || policy == NonFinite::refuse().missing(FILL)
            || policy == NonFinite::refuse();
        let mut values = if plain { gaussian(300, 6) } else { values.clone() };
        if policy == NonFinite::refuse().missing(FILL) {
            values[7..20].fill(FILL);
        }
        let pipeline = packed(policy, &values);
        let bytes = pipeline.to_bytes();
        let typed = Masked::<Coded<UniformQuantizer, BitPack<u8>>>::from_bytes(&bytes).unwrap();
        let any = Box::<dyn Pipeline>::from_bytes(&bytes).unwrap();
        assert_eq!((typed.policy(), typed.to_bytes(), any.to_bytes()), (policy, bytes.clone(), bytes));
        let stream = pipeline.encode(&values).unwrap();
        assert_eq!((typed.encode(&values).unwrap(), any.encode(&values).unwrap()), (stream.clone(), stream.clone()));
        let restored =
            |pipeline: &dyn Pipeline| fewbits::values_to_le_bytes::<f32>(&pipeline.decode(&stream, 300).unwrap());
        assert_eq!(restored(&pipeline), restored(&any));
        // A policy in front of a policy is unusual, but no harm.
        let twice = Masked::new(NonFinite::keep(), pipeline);
        let frame = Frame::encode(&twice, &values).unwrap();
        assert_eq!(
            fewbits::values_to_le_bytes::<f32>(&fewbits::decompress(&frame).unwrap()),
            restored(&twice.pipeline())
        );
    }
}

#[test]
fn bounds_hold_beside_a_mask() {
    let policy = NonFinite::keep().missing(1e20);
    let sea: Vec<f32> = (0..2000).map(|i| if i % 7 < 2 { 1e20 } else { 290.0 + (i as f32 / 40.0).sin() }).collect();
    let quantizer = ErrorBound::max_abs_error(1e-3).non_finite(policy).fit(&sea).unwrap();
    assert!(quantizer.level_count() < 1100, "the fill value has widened the range");
    let frame = FrameWriter::new(&Masked::new(policy, Coded::packed(quantizer))).chunk_len(64).encode(&sea).unwrap();
    let restored: Vec<f32> = fewbits::decompress(&frame).unwrap();
    for (&x, &y) in sea.iter().zip(&restored) {
        assert!(if x == 1e20 { x == y } else { (f64::from(x) - f64::from(y)).abs() <= 1e-3 }, "{x}, {y}");
    }
}

#[test]
fn chunks_of_nothing_but_masked_and_saturated_values() {
    let mut values: Vec<f32> = (1..=8).map(|i| i as f32).collect();
    values.extend([f32::NAN; 7]);
    values.push(f32::INFINITY);
    let policy = NonFinite::saturate().missing(f32::NAN);
    let pipeline = Masked::new(policy, Coded::packed(Uniform::new(8).non_finite(policy).fit(&values).unwrap()));
    for chunk_len in [8, 100] {
        let frame = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&values).unwrap();
        let restored: Vec<f32> = fewbits::decompress(&frame).unwrap();
        assert!(restored[8..15].iter().all(|x| x.is_nan()) && restored[15] >= 8.0);
    }
    // Where levels take nothing in place of an infinity, that is what the error says.
    let bounded = ErrorBound::max_relative_error(0.01).non_finite(policy).fit(&values).unwrap();
    let frame = FrameWriter::new(&Masked::new(policy, Coded::packed(bounded))).chunk_len(8).encode(&values);
    assert!(matches!(frame, Err(Error::BeyondRange { value: f32::MAX, .. })), "{frame:?}");
}

/// A few bytes that claim to be half a gigabyte of NaN.
#[test]
fn ranges_of_absurd_masks_take_no_memory() {
    let values = [f32::NAN; 3];
    let pipeline = Masked::new(NonFinite::keep(), Blocks::uniform(4, 8).unwrap());
    let honest = Frame::encode(&pipeline, &values).unwrap();
    // The count is one byte, as are the length of the payload, of the mask, and the run.
    let at = honest.len() - 4 - 8;
    assert_eq!(honest[at..at + 4], [7, 6, 0, 2 << 1]);
    let huge = [0x80, 0x80, 0x80, 0x40]; // 2^27
    let run = [0xfe, 0xff, 0xff, 0x7f]; // 2^27 - 1, and a bit
    let mut forged = [&honest[..6], &huge, &honest[7..at], &[10, 9, 0], &run, &honest[at + 4..at + 8]].concat();
    forged.extend(crc32fast::hash(&forged).to_le_bytes());
    let decoder = Frame::parse(&forged).unwrap().decoder().unwrap();
    let mut part = [0.0_f32; 3];
    let limit = decoder.decode_range_into(5..8, &mut part).unwrap_err();
    assert_eq!(limit.kind(), ErrorKind::Limit, "{limit}");
    assert_eq!(decoder.decode::<f32>().unwrap_err().kind(), ErrorKind::Limit);
}

/// A stream by hand: a mask, then the codes of an 8-bit quantizer.
fn by_hand(mask: &[u8], codes: &[u8]) -> Result<Vec<f32>, Error> {
    let quantizer = Uniform::new(8).fit_range(-127.0, 127.0)?;
    let pipeline = Masked::new(NonFinite::keep(), Coded::packed(quantizer));
    pipeline.decode(&[&[mask.len() as u8], mask, codes].concat(), 4)
}

#[test]
fn masks_have_one_spelling_and_damaged_ones_are_errors() {
    let infinite = f32::INFINITY.to_le_bytes();
    let run = |gap: u8, run: u8, bits: &[u8]| [&[gap, run], bits].concat();
    let codes = [127, 128, 129, 130];
    assert_eq!(by_hand(&[], &codes).unwrap(), [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(by_hand(&run(1, 0, &infinite), &codes).unwrap(), [0.0, f32::INFINITY, 2.0, 3.0]);
    let twice = [run(0, 0, &infinite), run(1, 1 << 1 | 1, &[])].concat();
    assert_eq!(by_hand(&twice, &codes).unwrap(), [f32::INFINITY, 1.0, f32::INFINITY, f32::INFINITY]);
    assert_eq!(by_hand(&run(0, 3 << 1, &infinite), &[]).unwrap(), [f32::INFINITY; 4]);
    let damaged: &[Vec<u8>] = &[
        run(0, 1, &[]),                                        // as the run before, which there is none
        run(4, 0, &infinite),                                  // beyond the end
        run(1, 3 << 1, &infinite),                             // beyond the end
        [run(0, 0, &infinite), run(0, 1, &[])].concat(),       // one run written as two
        [run(0, 0, &infinite), run(1, 0, &infinite)].concat(), // the same bits twice
        run(0, 0, &infinite[..3]),                             // cut
        vec![0xff; 9],                                         // absurd
        vec![
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            0xff, 1,
        ],
    ];
    for mask in damaged {
        assert_eq!(by_hand(mask, &codes).unwrap_err().kind(), ErrorKind::Corrupt, "{mask:x?}");
    }
    // A mask of everything leaves no room for codes, and a stream without a mask is not empty.
    assert!(by_hand(&run(0, 3 << 1, &infinite), &codes).is_err());
    assert!(by_hand(&[], &[]).is_err());
}

#[test]
fn damaged_streams_never_panic() {
    let values = field(400, 8);
    let pipeline = packed(NonFinite::keep(), &values);
    let stream = pipeline.encode(&values).unwrap();
    let mut out = vec![0.0_f32; 400];
    for len in 0..stream.len() {
        assert!(pipeline.decode_into(&stream[..len], &mut out).is_err());
    }
    for bit in 0..stream.len() * 8 {
        let mut flipped = stream.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let _ = pipeline.decode_into(&flipped, &mut out);
    }
}

proptest! {
    #[test]
    fn any_bits_come_back(bits in prop::collection::vec(any::<u32>(), 0..300), specials in 0_u32..4) {
        // From none to nearly all of the values are special.
        let values: Vec<f32> = bits
            .iter()
            .map(|&b| f32::from_bits(if b % 4 < specials { b | 0x7f80_0000 } else { b & 0xbfff_ffff }))
            .collect();
        let policy = NonFinite::keep();
        prop_assume!(!values.is_empty());
        let quantizer = ErrorBound::max_relative_error(0.01).non_finite(policy).fit(&values).unwrap();
        let pipeline = Masked::new(policy, Coded::packed(&quantizer as &dyn Quantizer<Code = u32>));
        let restored: Vec<f32> = pipeline.decode(&pipeline.encode(&values).unwrap(), values.len()).unwrap();
        for (&x, &y) in values.iter().zip(&restored) {
            if x.is_finite() {
                prop_assert!((f64::from(y) - f64::from(x)).abs() <= 0.01 * f64::from(x).abs());
            } else {
                prop_assert_eq!(x.to_bits(), y.to_bits());
            }
        }
    }
}
