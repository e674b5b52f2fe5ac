//! What holds for any bytes that decode, and for the memory they take when they do not.

use crate::alloc::peak_bytes;
use fewbits::{BitPack, Coded, DType, Element, Error, Frame, Limits, Result, UniformQuantizer, bf16, f16};

/// Values may take this many bytes.
const LIMIT: usize = 1 << 16;

/// What a frame decoded to.
#[derive(Debug)]
pub struct Decoded {
    /// The number of values.
    pub len: usize,
}

/// Decodes a frame by every door, within limits, and checks what all bytes have to keep to.
pub fn decode(bytes: &[u8]) -> Result<Decoded> {
    let frame = Frame::parse(bytes)?;
    let _ = frame.decoder_of::<Coded<UniformQuantizer, BitPack<u8>>>();
    match frame.dtype() {
        DType::F32 => decode_as::<f32>(&frame, bytes.len(), |x| x.is_finite()),
        DType::F16 => decode_as::<f16>(&frame, bytes.len(), |x| x.is_finite()),
        _ => decode_as::<bf16>(&frame, bytes.len(), |x| x.is_finite()),
    }
}

fn decode_as<T: Element>(frame: &Frame<'_>, byte_len: usize, finite: fn(&T) -> bool) -> Result<Decoded> {
    let (result, peak) = peak_bytes(|| frame.decoder()?.decode_within::<T>(Limits::bytes(LIMIT as u64)));
    let (earned, exact) = facts(frame, byte_len);
    assert!(peak <= earned, "{peak} bytes where {earned} are earned, for {byte_len}");
    let values = result?;
    assert_eq!(values.len(), frame.len());
    // Masks and lossless pipelines bring any bits back, all others only finite values.
    assert!(exact || values.iter().all(finite), "not finite");
    check_ranges(frame, &values)?;
    Ok(Decoded { len: values.len() })
}

/// A range decodes to the same bits as the whole.
fn check_ranges<T: Element>(frame: &Frame<'_>, values: &[T]) -> Result<()> {
    let decoder = frame.decoder()?;
    let (third, len) = (values.len() / 3, values.len());
    for range in [0..third, third..len - third / 2, len - third.min(2)..len] {
        let mut part = vec![T::default(); range.len()];
        match decoder.decode_range_into(range.clone(), &mut part) {
            // Chunks and blocks of a variable rate are decoded whole, within default limits.
            Err(Error::Limit { .. }) => {}
            result => {
                result.expect("what decodes as a whole decodes in parts");
                let bytes = |values: &[T]| fewbits::values_to_le_bytes(values);
                assert_eq!(bytes(&part), bytes(&values[range]), "a range differs");
            }
        }
    }
    Ok(())
}

/// The most bytes that decoding may hold at a time, and whether values may be other than finite.
fn facts(frame: &Frame<'_>, byte_len: usize) -> (usize, bool) {
    let (mut stages, mut earned, mut exact) = (frame.stages(), 64 * byte_len + 8 * LIMIT, false);
    while let Ok((tag, _)) = stages.next() {
        match tag {
            0x22 => earned += 92_160,
            0x41 => earned += 300 << 10,
            // 128 tables.
            0x42 => earned += 7 << 20,
            0x11 => exact = true,
            0x12 => (exact, earned) = (true, earned + (600 << 10)),
            _ => {}
        }
    }
    (earned, exact)
}

/// Parameters with their checksum behind.
pub fn seal(mut parameters: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&parameters);
    parameters.extend_from_slice(&checksum.to_le_bytes());
    parameters
}
