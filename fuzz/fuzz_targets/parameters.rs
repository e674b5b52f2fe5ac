//! Parameters alone: the sections of a frame, as each kind of stage, and what follows as the payload.
//!
//! The input is read as a frame is, so that frames are seeds: the first byte chooses what is restored.
#![no_main]

use fewbits::{
    BitPack, Code, CodeMap, Codec, CodecExt, Coded, Error, Pipeline, PipelineExt, Quantizer, QuantizerExt, Restore,
    Transform, UniformQuantizer,
};
use fewbits_fuzz::{
    alloc::{Counting, peak_bytes},
    seal,
};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static COUNTING: Counting = Counting;

/// More values are not decoded.
const MOST: usize = 2000;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else { return };
    let Some((count, sections, payload)) = split(data) else { return };
    let parameters = seal([&[0], sections].concat());
    // Tables of entropy coders and matrices of cosine transforms have a size of their own.
    let earned = 64 * data.len() + (8 << 20);
    let ((), peak) = peak_bytes(|| match choice % 8 {
        0 => drop(pipeline(&parameters, count, payload)),
        1 => drop(quantizer::<u8>(&parameters, count, payload)),
        2 => drop(quantizer::<u16>(&parameters, count, payload)),
        3 => drop(quantizer::<u32>(&parameters, count, payload)),
        4 => drop(codec::<u8>(&parameters, count, payload)),
        5 => drop(codec::<u16>(&parameters, count, payload)),
        6 => drop(codec::<u32>(&parameters, count, payload)),
        _ => {
            let _ = Coded::<UniformQuantizer, BitPack<u8>>::from_bytes(&parameters);
            let _ = Box::<dyn Transform>::from_bytes(&parameters);
            let _ = Box::<dyn CodeMap<Code = u8>>::from_bytes(&parameters);
        }
    });
    assert!(peak <= earned, "{peak} bytes for {}", parameters.len());
});

/// Count, sections, and what follows the next number.
fn split(data: &[u8]) -> Option<(usize, &[u8], &[u8])> {
    let mut at = 5;
    let count = varint(data, &mut at)? % (MOST + 1);
    let from = at;
    for _section in 0..2 {
        let len = varint(data, &mut at)?;
        at = at.checked_add(len).filter(|&at| at <= data.len())?;
    }
    let sections = &data[from..at];
    varint(data, &mut at)?;
    Some((count, sections, &data[at..]))
}

fn varint(data: &[u8], at: &mut usize) -> Option<usize> {
    let mut x = 0_usize;
    for shift in (0..28).step_by(7) {
        let byte = *data.get(*at)?;
        *at += 1;
        x |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(x);
        }
    }
    None
}

fn pipeline(parameters: &[u8], count: usize, payload: &[u8]) -> Result<(), Error> {
    let pipeline = Box::<dyn Pipeline>::from_bytes(parameters)?;
    let _ = pipeline.decode::<f32>(payload, count);
    let _ = pipeline.decode::<fewbits::f16>(payload, count);
    let block = pipeline.block().max(1);
    let _ = pipeline.decode_piece_into(block.saturating_mul(3), payload, &mut vec![fewbits::bf16::ZERO; count]);
    let _ = pipeline.byte_range(0..count);
    let _ = pipeline.encode(&vec![0.5_f32; count]);
    Ok(())
}

fn quantizer<C: Code>(parameters: &[u8], count: usize, payload: &[u8]) -> Result<(), Error> {
    let quantizer = Box::<dyn Quantizer<Code = C>>::from_bytes(parameters)?;
    let codes: Vec<C> = (0..quantizer.code_len(count).min(2 * MOST))
        .map(|i| C::from_u32(payload.get(i % payload.len().max(1)).copied().unwrap_or(0).into()))
        .collect();
    let mut values = vec![0.0_f32; count];
    if quantizer.dequantize_into(&codes, &mut values).is_ok() {
        assert!(values.iter().all(|x| x.is_finite()), "not finite");
    }
    let _ = quantizer.quantize(&values);
    let _ = quantizer.error_bound(count);
    Ok(())
}

fn codec<C: Code>(parameters: &[u8], count: usize, payload: &[u8]) -> Result<(), Error> {
    let codec = Box::<dyn Codec<Code = C>>::from_bytes(parameters)?;
    if let Ok(codes) = codec.decode(payload, count) {
        let bytes = codec.encode(&codes).expect("codes that were decoded can be encoded");
        assert!(codec.decode(&bytes, count).expect("what was encoded decodes") == codes);
    }
    Ok(())
}
