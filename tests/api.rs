//! What another crate sees: `dyn`, references, boxes, stages of its own in pipelines and frames.

mod common;

use common::{gaussian, to_bits};
use fewbits::{
    BitPack, Blocks, Code, Codec, CodecExt, Coded, Describe, Description, Error, Fit, Frame, FrameWriter, Grid, Levels,
    Pipeline, PipelineExt, Quantizer, QuantizerExt, Range, Reader, Restore, Result, Scale, ScaleType, Scaled, Scales,
    Stages, Uniform, UniformQuantizer, Values, ValuesMut, bf16, f16,
};

/// Keeps signs only, in blocks of four values: two functions, the number of levels and a description.
#[derive(Debug, Clone, PartialEq)]
struct Signs {
    magnitude: f32,
}

impl Quantizer for Signs {
    type Code = u8;
    fn level_count(&self) -> u32 {
        16
    }
    fn quantize_at(&self, start: usize, values: &[f32], codes: &mut [u8]) -> Result<()> {
        assert_eq!(start % 4, 0, "the doors keep pieces aligned");
        for (code, values) in codes.iter_mut().zip(values.chunks(4)) {
            *code = values.iter().rev().fold(0, |code, x| code << 1 | u8::from(*x < 0.0));
        }
        Ok(())
    }
    fn dequantize_at(&self, _start: usize, codes: &[u8], values: &mut [f32]) -> Result<()> {
        for (code, values) in codes.iter().zip(values.chunks_mut(4)) {
            if *code > 15 {
                return Err(Error::Stage { stage: "signs", reason: "a code is above 15; the bytes are damaged" });
            }
            for (i, x) in values.iter_mut().enumerate() {
                *x = if code >> i & 1 == 1 { -self.magnitude } else { self.magnitude };
            }
        }
        Ok(())
    }
    fn block(&self) -> usize {
        4
    }
    fn code_len(&self, values: usize) -> usize {
        values.div_ceil(4)
    }
}

impl Describe for Signs {
    fn describe(&self, out: &mut Description) {
        out.foreign("test signs", |out| out.f32(self.magnitude));
    }
}

impl Restore for Signs {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        Ok(Self { magnitude: stages.foreign("test signs", Reader::f32)? })
    }
}

/// Runs of equal codes: a codec with a variable rate.
#[derive(Debug, Clone, PartialEq)]
struct Runs;

impl Codec for Runs {
    type Code = u8;
    fn max_encoded_len(&self, count: usize) -> usize {
        2 * count
    }
    fn encode_at(&self, _start: usize, codes: &[u8], bytes: &mut [u8]) -> Result<usize> {
        let mut written = 0;
        for run in codes.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(255)) {
            bytes[written..written + 2].copy_from_slice(&[run.len() as u8, run[0]]);
            written += 2;
        }
        Ok(written)
    }
    fn decode_at(&self, _start: usize, bytes: &[u8], codes: &mut [u8]) -> Result<usize> {
        let (mut done, mut read) = (0, 0);
        while done < codes.len() {
            let truncated = Error::Truncated { needed: 2, actual: bytes.len().saturating_sub(read) };
            let &[len, code] = bytes.get(read..read + 2).and_then(|pair| pair.try_into().ok()).ok_or(truncated)?;
            let run = codes.get_mut(done..done + usize::from(len));
            run.filter(|run| !run.is_empty()).ok_or(Error::Corrupt { what: "run", found: len.into() })?.fill(code);
            (done, read) = (done + usize::from(len), read + 2);
        }
        Ok(read)
    }
}

impl Describe for Runs {
    fn describe(&self, out: &mut Description) {
        out.foreign("test runs", |_| ());
    }
}

#[test]
fn a_foreign_quantizer_gets_every_door() {
    let signs = Signs { magnitude: 0.5 };
    let data = gaussian(10_003, 1);
    let expected: Vec<f32> = data.iter().map(|x| if *x < 0.0 { -0.5 } else { 0.5 }).collect();
    assert_eq!(signs.fake_quantize(&data).unwrap(), expected);
    let halves: Vec<f16> = data.iter().map(|&x| f16::from_f32(x)).collect();
    let brains: Vec<bf16> = data.iter().map(|&x| bf16::from_f32(x)).collect();
    assert_eq!(signs.quantize(&halves).unwrap(), signs.quantize(&data).unwrap());
    assert_eq!(signs.quantize(&brains).unwrap().len(), 2501);
    let codes = signs.quantize(&data[..10_000]).unwrap();
    assert_eq!(signs.dequantize::<f32>(&codes, 10_000).unwrap(), expected[..10_000]);

    // Its codes fill nibbles, so whole bytes hold two blocks of four values.
    let pipeline = Coded::new(signs.clone(), BitPack::new(4).unwrap());
    assert_eq!(pipeline.block(), 8);
    assert_eq!(pipeline.encode(&data).unwrap().len(), 1251);
    assert_eq!(pipeline.decode::<f32>(&pipeline.encode(&halves).unwrap(), 10_003).unwrap(), expected);
}

#[test]
fn foreign_stages_in_frames() {
    let data = gaussian(1000, 2);
    let expected = Signs { magnitude: 2.0 }.fake_quantize(&data).unwrap();
    let pipeline = Coded::new(Signs { magnitude: 2.0 }, BitPack::<u8>::new(4).unwrap());
    let bytes = Frame::encode(&pipeline, &data).unwrap();
    let frame = Frame::parse(&bytes).unwrap();
    // Without the type, a clear answer; with the type or the pipeline, the values.
    assert_eq!(frame.decode::<f32>(), Err(Error::ForeignStage { tag: 0xff }));
    let by_type = frame.decoder_of::<Coded<Signs, BitPack<u8>>>().unwrap();
    assert_eq!(by_type.pipeline().quantizer, Signs { magnitude: 2.0 });
    assert_eq!(by_type.decode::<f32>().unwrap(), expected);
    let mut out = vec![0.0_f32; 1000];
    frame.decoder_with(&pipeline).unwrap().decode_into(&mut out).unwrap();
    assert_eq!(out, expected);
    let other = Coded::new(Signs { magnitude: 3.0 }, BitPack::<u8>::new(4).unwrap());
    assert_eq!(frame.decoder_with(&other).err(), Some(Error::OtherPipeline));
    assert!(matches!(
        frame.decoder_of::<Coded<UniformQuantizer, BitPack<u8>>>().err(),
        Some(Error::WrongStage { found: 0xff, .. })
    ));

    let mut codes = vec![0; 250];
    by_type.decode_codes_into(&mut codes).unwrap();
    assert_eq!(codes, Signs { magnitude: 2.0 }.quantize(&data).unwrap());

    // A codec with a variable rate: any pipeline makes frames.
    let pipeline = Coded::new(Signs { magnitude: 2.0 }, Runs);
    let bytes = FrameWriter::new(&pipeline).chunk_len(300).encode(&data).unwrap();
    let frame = Frame::parse(&bytes).unwrap();
    assert_eq!(frame.decode::<f32>(), Err(Error::ForeignStage { tag: 0xff }));
    let decoder = frame.decoder_with(pipeline).unwrap();
    assert_eq!(decoder.decode::<f32>().unwrap(), expected);
    let mut part = vec![0.0_f32; 500];
    decoder.decode_range_into(250..750, &mut part).unwrap();
    assert_eq!(part, expected[250..750]);
    let mut runs = vec![0; 250];
    decoder.decode_codes_into(&mut runs).unwrap();
    assert_eq!(runs, codes);
    assert!(decoder.decode_codes_into(&mut runs[1..]).is_err());
    // The doors ask for the room that a variable rate may need.
    let short = Err(Error::Length { what: "bytes", expected: 500, actual: 499 });
    assert_eq!(Runs.encode_into(&codes, &mut [0; 499]), short);
    assert_eq!(decoder.pipeline().encode_into(&data, &mut [0; 499]), short);
    let unaligned = decoder.pipeline().encode_piece_into(2, &data, &mut [0; 500]);
    assert_eq!(unaligned, Err(Error::Unaligned { start: 2, block: 4 }));
}

#[test]
fn codes_of_a_frame_are_checked_as_values_are() {
    let quantizer = Uniform::new(2).fit_range(-1.0, 1.0).unwrap(); // three levels in two bits
    let mut pipeline = Coded::new(quantizer, BitPack::<u8>::new(2).unwrap());
    let honest = Frame::encode(&pipeline, &[1.0_f32, -1.0]).unwrap();
    pipeline.quantizer = Uniform::new(2).full_range().fit_range(-1.0, 1.0).unwrap();
    let forged = Frame::encode(&pipeline, &[1.0_f32, 1.0]).unwrap();
    // Four levels' codes behind three levels' stages.
    let payload = honest.len() - 5;
    let mut bytes = honest.clone();
    bytes[payload] = forged[forged.len() - 5];
    let checksum = crc32fast::hash(&bytes[..=payload]);
    bytes[payload + 1..].copy_from_slice(&checksum.to_le_bytes());
    let frame = Frame::parse(&bytes).unwrap();
    let corrupt = Error::Corrupt { what: "code", found: 3 };
    assert_eq!(frame.decode::<f32>(), Err(corrupt.clone()));
    let decoder = frame.decoder_of::<Coded<UniformQuantizer, BitPack<u8>>>().unwrap();
    assert_eq!(decoder.decode_codes_into(&mut [0; 2]), Err(corrupt));
}

/// Raw values behind a header of their own: a pipeline without codes.
#[derive(Debug, Clone, Copy)]
struct Raw;

impl Describe for Raw {
    fn describe(&self, out: &mut Description) {
        out.foreign("test raw", |_| ());
    }
}

impl Pipeline for Raw {
    fn max_encoded_len(&self, values: usize) -> usize {
        4 * values
    }
    fn encode_at(&self, _start: usize, values: Values<'_>, bytes: &mut [u8]) -> Result<usize> {
        let Values::F32(values) = values else {
            return Err(Error::Stage { stage: "raw", reason: "only f32 is stored; widen first" });
        };
        fewbits::values_to_le_bytes_into(values, &mut bytes[..4 * values.len()])?;
        Ok(4 * values.len())
    }
    fn decode_at(&self, _start: usize, bytes: &[u8], values: ValuesMut<'_>) -> Result<usize> {
        let ValuesMut::F32(values) = values else {
            return Err(Error::Stage { stage: "raw", reason: "only f32 is stored; decode as f32" });
        };
        let needed = 4 * values.len();
        let bytes = bytes.get(..needed).ok_or(Error::Truncated { needed, actual: bytes.len() })?;
        fewbits::values_from_le_bytes_into(bytes, values)?;
        Ok(needed)
    }
}

#[test]
fn a_pipeline_needs_no_quantizer() {
    let data = gaussian(1000, 3);
    for chunk_len in [100, 10_000] {
        let bytes = FrameWriter::new(&Raw).chunk_len(chunk_len).encode(&data).unwrap();
        let frame = Frame::parse(&bytes).unwrap();
        assert_eq!(frame.decode::<f32>(), Err(Error::ForeignStage { tag: 0xff }));
        let mut out = vec![0.0_f32; 1000];
        frame.decoder_with(Raw).unwrap().decode_into(&mut out).unwrap();
        assert_eq!(to_bits(&out), to_bits(&data));
        let mut part = vec![0.0_f32; 150];
        frame.decoder_with(Raw).unwrap().decode_range_into(90..240, &mut part).unwrap();
        assert_eq!(part, data[90..240]);
    }
    assert!(matches!(Raw.encode(&[f16::ONE]), Err(Error::Stage { stage: "raw", .. })));
}

/// Raw values, described as so many stages.
#[derive(Debug)]
struct Deep(usize);

impl Describe for Deep {
    fn describe(&self, out: &mut Description) {
        (0..self.0).for_each(|_| Raw.describe(out));
    }
}

impl Pipeline for Deep {
    fn max_encoded_len(&self, values: usize) -> usize {
        Raw.max_encoded_len(values)
    }
    fn encode_at(&self, start: usize, values: Values<'_>, bytes: &mut [u8]) -> Result<usize> {
        Raw.encode_at(start, values, bytes)
    }
    fn decode_at(&self, start: usize, bytes: &[u8], values: ValuesMut<'_>) -> Result<usize> {
        Raw.decode_at(start, bytes, values)
    }
}

#[test]
fn frames_that_no_reader_takes_are_not_written() {
    let bytes = Frame::encode(&Deep(64), &[1.0_f32]).unwrap();
    assert_eq!(Frame::parse(&bytes).unwrap().decoder_with(Deep(64)).unwrap().decode::<f32>(), Ok(vec![1.0]));
    let refused = Frame::encode(&Deep(65), &[1.0_f32]);
    assert_eq!(refused, Err(Error::Setting { name: "stages", value: 65.0, allowed: "64 stages or fewer" }));
}

/// A law of its own under scales: three levels at -1, 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ternary;

impl Describe for Ternary {
    fn describe(&self, out: &mut Description) {
        out.foreign("test ternary", |_| ());
    }
}

impl Levels for Ternary {
    fn level_count(&self) -> u32 {
        3
    }
    fn level(&self, code: u32) -> f32 {
        code.min(2) as f32 - 1.0
    }
    fn nearest(&self, x: f32) -> u32 {
        u32::from(x > -0.5) + u32::from(x > 0.5)
    }
    fn range(&self) -> (f32, f32) {
        (-1.0, 1.0)
    }
}

#[test]
fn foreign_levels_get_scales_of_any_granularity() {
    let data = gaussian(120, 4);
    let settings = Scale::new(Ternary).scale_type(ScaleType::F16);
    for settings in [settings.clone(), settings.clone().per_block(7), settings.per_axis(&[4, 30], 1)] {
        let quantizer = settings.fit(&data).unwrap();
        let restored = quantizer.fake_quantize(&data).unwrap();
        for (i, (x, y)) in data.iter().zip(&restored).enumerate() {
            assert!(f64::from((x - y).abs()) <= quantizer.error_bound(i).unwrap());
        }
        let frame = Frame::encode(&Coded::packed(&quantizer), &data).unwrap();
        assert!(matches!(fewbits::decompress::<f32>(&frame), Err(Error::ForeignStage { tag: 0xff })));
    }
    assert_eq!(Ternary.radius(), 0.5);
    let full = Grid::new(-8, 7).unwrap();
    assert_eq!((full.range(), full.radius()), ((-7.5, 7.5), 0.5));
}

/// A law that breaks the rules in one way or another.
#[derive(Debug, Clone, Copy)]
struct Lawless {
    level_count: u32,
    level: f32,
    range: (f32, f32),
    radius: f32,
}

const LAWFUL: Lawless = Lawless { level_count: 3, level: 0.5, range: (-1.0, 1.0), radius: 2.0 };

impl Describe for Lawless {
    fn describe(&self, out: &mut Description) {
        out.foreign("test lawless", |_| ());
    }
}

impl Levels for Lawless {
    fn level_count(&self) -> u32 {
        self.level_count
    }
    fn level(&self, _code: u32) -> f32 {
        self.level
    }
    fn nearest(&self, _x: f32) -> u32 {
        0
    }
    fn range(&self) -> (f32, f32) {
        self.range
    }
    fn radius(&self) -> f32 {
        self.radius
    }
}

#[test]
fn levels_that_cannot_be_are_refused() {
    let fit = |level_count, level| Scale::new(Lawless { level_count, level, ..LAWFUL }).fit(&[1.0_f32]).map(|_| ());
    assert_eq!(fit(256, 0.5), Ok(()));
    assert_eq!(fit(257, 0.5), Err(Error::CodeWidth { level_count: 257, code_bits: 8 }));
    assert!(matches!(fit(0, 0.5), Err(Error::Setting { name: "levels", .. })));
    assert!(matches!(fit(65_537, 0.5), Err(Error::Setting { name: "levels", .. })));
    assert!(matches!(fit(3, f32::INFINITY), Err(Error::Parameter { what: "levels", .. })));
    assert!(fit(3, f32::NAN).is_err());

    assert!(Blocks::new(LAWFUL, 4).is_ok() && Blocks::new(LAWFUL, 0).is_err());
    let count = |level_count| Blocks::new(Lawless { level_count, ..LAWFUL }, 4).map(|_| ());
    assert_eq!((count(1), count(65_536)), (Ok(()), Ok(())));
    for level_count in [0, 65_537, u32::MAX] {
        assert!(matches!(count(level_count), Err(Error::Setting { name: "levels", .. })));
    }
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for levels in [Lawless { level: bad, ..LAWFUL }, Lawless { radius: bad, ..LAWFUL }] {
            let is_refused = |error| matches!(error, Some(Error::Parameter { what: "levels", .. }));
            assert!(is_refused(Blocks::new(levels, 4).err()));
            assert!(is_refused(Scale::new(levels).fit(&[1.0_f32]).err()));
        }
    }
}

#[test]
fn ranges_of_levels_that_cannot_be_are_refused() {
    for range in [(f32::NAN, 1.0), (-1.0, f32::NAN), (1.0, -1.0), (f32::NEG_INFINITY, 1.0), (0.0, f32::INFINITY)] {
        let levels = Lawless { range, ..LAWFUL };
        let is_refused = |error| matches!(error, Some(Error::Parameter { what: "range of the levels", .. }));
        for settings in [Scale::new(levels), Scale::new(levels).with_offsets()] {
            for data in [[1.0_f32, -2.0], [0.0, 0.0]] {
                assert!(is_refused(settings.fit(&data).err()), "{range:?}");
                assert!(is_refused(settings.clone().range(Range::Mse).fit(&data).err()), "{range:?}");
            }
            assert!(is_refused(settings.fit_range(-1.0, 1.0).err()), "{range:?}");
        }
        assert!(is_refused(Blocks::new(levels, 4).unwrap().encode(&[1.0_f32, -2.0]).err()), "{range:?}");
    }
}

/// Two levels, neither of which need be zero.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Far([f32; 2]);

impl Describe for Far {
    fn describe(&self, out: &mut Description) {
        out.foreign("test far", |_| ());
    }
}

impl Levels for Far {
    fn level_count(&self) -> u32 {
        2
    }
    fn level(&self, code: u32) -> f32 {
        self.0[(code & 1) as usize]
    }
    fn nearest(&self, x: f32) -> u32 {
        u32::from(x > f32::midpoint(self.0[0], self.0[1]))
    }
    fn range(&self) -> (f32, f32) {
        self.0.into()
    }
}

#[test]
fn constant_groups_of_levels_far_from_zero_keep_their_constant() {
    for levels in [Far([0.75, 1.0]), Far([-3.0, -2.0]), Far([-1.0, 7.0]), Far([0.0, 1.0])] {
        for constant in [0.0_f32, 1e6, -1e6, 1e30, -3e38, 1e-30, 0.1] {
            for scale_type in [ScaleType::F32, ScaleType::F16, ScaleType::Bf16, ScaleType::E8M0] {
                // A constant group between two others, so that offsets go to the right group.
                let data = [-1.0, 1.0, constant, constant, 2.0, 5.0];
                let settings = Scale::new(levels).with_offsets().per_block(2).scale_type(scale_type);
                let quantizer = settings.fit(&data).unwrap();
                let restored = quantizer.fake_quantize(&data).unwrap();
                for (i, (x, y)) in data.iter().zip(&restored).enumerate() {
                    let error = (f64::from(*x) - f64::from(*y)).abs();
                    assert!(error <= quantizer.error_bound(i).unwrap(), "{levels:?}, {scale_type}: {x:e} became {y:e}");
                }
                // To what an f32 so large resolves, and to the smallest scale.
                let error = (restored[2] - constant).abs();
                assert!(error <= 4.0 * constant.abs() * f32::EPSILON + 1e-6, "{levels:?}: {constant:e}, {error:e} off");
                assert_eq!(restored[2], restored[3]);
            }
        }
    }
}

#[test]
fn dyn_references_and_boxes_do_the_same() {
    let data = gaussian(5000, 5);
    let quantizer = Uniform::new(6).per_block(50).fit(&data).unwrap();
    let codec = BitPack::of(&quantizer);
    let expected = Coded::new(quantizer.clone(), codec).encode(&data).unwrap();
    let by_ref = Coded::new(&quantizer, &codec);
    assert_eq!(by_ref.encode(&data).unwrap(), expected);
    let boxed: Box<dyn Quantizer<Code = u8>> = Box::new(quantizer.clone());
    assert!(boxed.check_len(5000).is_ok() && boxed.check_len(4999).is_err());
    assert_eq!(boxed.error_bound(77), quantizer.error_bound(77));
    let boxed_codec: Box<dyn Codec<Code = u8>> = Box::new(codec);
    assert_eq!(BitPack::of(&*boxed), codec);
    let pipeline: Box<dyn Pipeline> = Box::new(Coded::new(boxed, boxed_codec));
    assert_eq!(pipeline.encode(&data).unwrap(), expected);
    assert_eq!(Frame::encode(&pipeline, &data).unwrap(), Frame::encode(&by_ref, &data).unwrap());
    assert_eq!(pipeline.decode::<bf16>(&expected, 5000).unwrap().len(), 5000);

    // Boxes of built-in stages come back from bytes without naming their types.
    let restored = Box::<dyn Quantizer<Code = u8>>::from_bytes(&quantizer.to_bytes()).unwrap();
    assert_eq!(restored.quantize(&data).unwrap(), quantizer.quantize(&data).unwrap());
    let restored = Box::<dyn Codec<Code = u16>>::from_bytes(&codec.to_bytes()).unwrap();
    assert_eq!(restored.encode(&[1_u16, 2, 3]).unwrap().len(), 3);
}

#[test]
fn inference_on_codes_and_scales_equals_inference_on_restored_weights() {
    let weights = gaussian(20 * 30, 6);
    let input = gaussian(30, 7);
    let quantizer = Uniform::new(4).asymmetric().per_axis(&[20, 30], 0).fit(&weights).unwrap();
    let codes = quantizer.quantize(&weights).unwrap();
    let restored: Vec<f32> = quantizer.dequantize(&codes, 600).unwrap();
    let input_sum: f64 = input.iter().map(|&x| f64::from(x)).sum();
    for (row, (codes, weights)) in codes.chunks(30).zip(restored.chunks(30)).enumerate() {
        let integers = codes.iter().map(|&c| f64::from(i32::from(c) + quantizer.unit().min()));
        let on_codes: f64 = integers.zip(&input).map(|(k, &x)| k * f64::from(x)).sum();
        let (scale, offset) = (f64::from(quantizer.scales()[row]), f64::from(quantizer.offsets()[row]));
        let expected: f64 = weights.iter().zip(&input).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum();
        approx::assert_relative_eq!(
            on_codes * scale + offset * input_sum,
            expected,
            max_relative = 1e-4,
            epsilon = 1e-5
        );
    }
    let scales = Scales::new(quantizer.scale_type(), quantizer.scales().to_vec()).unwrap();
    let again = Scaled::new(*quantizer.unit(), *quantizer.groups(), scales, quantizer.offsets().to_vec());
    assert_eq!(again.unwrap(), quantizer);
}

#[test]
fn code_types_round_trip() {
    fn check<C: Code>(largest: u32) {
        assert_eq!(C::from_u32(largest).to_u32(), largest);
    }
    check::<u8>(255);
    check::<u16>(65_535);
    check::<u32>(u32::MAX);
}

#[test]
fn foreign_parameters_of_every_kind() {
    struct Chatty;
    impl Restore for Chatty {
        fn restore(stages: &mut Stages<'_>) -> Result<Self> {
            stages.foreign("test chatty", |bytes| {
                let read = (bytes.u8()?, bytes.varint()?, bytes.f32()?, bytes.bytes(2)?);
                assert_eq!(read, (7, 300, -1.5, &[8, 9][..]));
                Ok(())
            })?;
            let mut side: Reader<'_> = stages.side(4)?;
            assert_eq!(side.f32()?, 0.25);
            Ok(Self)
        }
    }
    struct Writes(&'static str);
    impl Describe for Writes {
        fn describe(&self, out: &mut Description) {
            out.foreign(self.0, |out| {
                out.u8(7);
                out.varint(300);
                out.f32(-1.5);
                out.bytes(&[8, 9]);
            });
            out.side().f32(0.25);
        }
    }
    assert!(Chatty::from_bytes(&Writes("test chatter").to_bytes()).is_err());
    assert!(Chatty::from_bytes(&Writes("test chatty").to_bytes()).is_ok());
}

/// Says that streams have one length, and writes others.
#[derive(Debug)]
struct Unlike {
    said: fn(usize) -> Option<usize>,
    written: fn(usize, usize) -> usize,
}

impl Pipeline for Unlike {
    fn max_encoded_len(&self, values: usize) -> usize {
        2 * values
    }
    fn encoded_len(&self, values: usize) -> Option<usize> {
        (self.said)(values)
    }
    fn encode_at(&self, start: usize, values: Values<'_>, bytes: &mut [u8]) -> Result<usize> {
        let (count, most) = (values.len(), 2 * values.len());
        let len = (self.written)(start, count);
        bytes[..len].iter_mut().enumerate().for_each(|(i, byte)| *byte = (start + 7 * i) as u8);
        // All of the room may be written.
        bytes[len..most].fill(0xee);
        Ok(len)
    }
    fn decode_at(&self, _start: usize, _bytes: &[u8], _values: ValuesMut<'_>) -> Result<usize> {
        Ok(0)
    }
}

impl Describe for Unlike {
    fn describe(&self, out: &mut Description) {
        out.foreign("test unlike", |_| ());
    }
}

#[test]
fn frames_hold_what_pipelines_write_and_not_what_they_say() {
    let said: [fn(usize) -> Option<usize>; 6] = [
        Some,
        |_| Some(0),
        |_| Some(usize::MAX),
        |values| Some(1000 * values),
        |values| Some(values / 3),
        |values| (values > 1).then_some(values),
    ];
    let written: [fn(usize, usize) -> usize; 4] =
        [|_, count| count, |_, _| 0, |start, count| (31 * start + count) % (2 * count + 1), |_, count| 2 * count];
    for written in written {
        for (chunk_len, count) in [(1, 0), (1, 5), (3, 2), (64, 64), (64, 65), (64, 128), (64, 1001)] {
            let values = vec![0.0_f32; count];
            let silent = Unlike { said: |_| None, written };
            let expected = FrameWriter::new(&silent).chunk_len(chunk_len).encode(&values).unwrap();
            for said in said {
                let unlike = Unlike { said, written };
                let writer = FrameWriter::new(&unlike).chunk_len(chunk_len);
                let mut bytes = vec![0xa5; writer.max_encoded_len(count) + count];
                let len = writer.encode_into(&values, &mut bytes).unwrap();
                assert_eq!(bytes[..len], expected);
                #[cfg(feature = "rayon")]
                assert_eq!(writer.encode_parallel(&values).unwrap(), expected);
            }
        }
    }
}
