//! Frames of pipelines that the input chooses, damaged as the input says, with checksums that are right again.
#![no_main]

use arbitrary::Unstructured;
use fewbits::{Element, Fit, FrameWriter, Lossless, Pipeline, bf16, f16};
use fewbits_fuzz::{alloc::Counting, byte, decode, mend, narrowed, pipeline, values};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static COUNTING: Counting = Counting;

fuzz_target!(|data: &[u8]| {
    let mut u = Unstructured::new(data);
    match byte(&mut u) % 4 {
        0 => check::<f16>(&mut u),
        1 => check::<bf16>(&mut u),
        _ => check::<f32>(&mut u),
    }
});

fn check<T: Element>(u: &mut Unstructured<'_>)
where
    Lossless: Fit<T, Fitted: Pipeline + 'static>,
{
    let damage: [(u16, u8, u8); 4] = u.arbitrary().unwrap_or_default();
    let Ok(values) = narrowed::<T>(&values(u, 200)) else { return };
    let Ok(pipeline) = pipeline(u, &values) else { return };
    let chunk_len = 1 + usize::from(byte(u)) * 2;
    let Ok(mut bytes) = FrameWriter::new(&pipeline).chunk_len(chunk_len).encode(&values) else { return };
    assert_eq!(decode(&bytes).expect("sound bytes decode").len, values.len());
    for (at, kind, byte) in damage {
        // Early bytes are the header: they come up more often.
        let span = if kind & 4 == 0 { bytes.len().min(64) } else { bytes.len() };
        let at = usize::from(at) % span.max(1);
        match kind % 4 {
            0 => bytes[at] ^= 1 << (byte % 8),
            1 => bytes[at] = byte,
            2 => bytes.insert(at, byte),
            _ => drop(bytes.drain(at..bytes.len().min(at + usize::from(byte % 8)))),
        }
        if bytes.is_empty() {
            return;
        }
    }
    mend(&mut bytes);
    let _ = decode(&bytes);
}
