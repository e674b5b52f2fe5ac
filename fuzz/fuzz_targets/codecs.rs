//! Every codec with any stream: pieces are the whole, and what decodes can be encoded.
#![no_main]

use arbitrary::Unstructured;
use fewbits::{Code, Codec, CodecExt, Fit, Rans};
use fewbits_fuzz::{alloc::Counting, byte, codec};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static COUNTING: Counting = Counting;

fuzz_target!(|data: &[u8]| {
    let mut u = Unstructured::new(data);
    match byte(&mut u) % 3 {
        0 => check::<u8>(&mut u),
        1 => check::<u16>(&mut u),
        _ => check::<u32>(&mut u),
    }
});

fn check<C: Code>(u: &mut Unstructured<'_>)
where
    Rans: Fit<C, Fitted: Codec<Code = C> + 'static>,
{
    let width = 1 + u32::from(byte(u)) % C::BITS;
    let below = u.arbitrary::<u32>().unwrap_or(0) & (u32::MAX >> (u32::BITS - width));
    let (step, len) = (u32::from(byte(u)), usize::from(byte(u)));
    let level_count = below.max(1);
    let sample: Vec<C> = (0..len as u32).map(|i| C::from_u32(i * i * step % level_count)).collect();
    let Ok(codec) = codec(u, level_count, &sample) else { return };
    let (start, count) = (32 * usize::from(byte(u)), usize::from(u.arbitrary::<u16>().unwrap_or(0)) % 1200);

    // What the codec says it can hold comes back.
    let mut encoded = vec![0xa5; codec.max_encoded_len(sample.len())];
    let written = codec.encode_at(start, &sample, &mut encoded).expect("codes below the level count");
    let mut back = vec![C::default(); sample.len()];
    assert_eq!(codec.decode_at(start, &encoded[..written], &mut back), Ok(written));
    assert!(back == sample);

    // Any stream.
    let stream = u.bytes(u.len()).unwrap_or_default();
    let mut codes = vec![C::default(); count];
    let whole = codec.decode_at(start, stream, &mut codes);
    let (mut pieces, mut piece) = (Vec::new(), vec![C::default(); 64]);
    let read = codec.decode_pieces(start, stream, count, &mut piece, &mut |codes| {
        pieces.extend_from_slice(codes);
        Ok(())
    });
    assert_eq!(whole.is_ok(), read.is_ok(), "{whole:?} as a whole, {read:?} in pieces");
    if let Ok(read) = whole {
        assert!(read <= stream.len() && pieces == codes);
        let bytes = codec.encode(&codes).expect("codes that were decoded can be encoded");
        assert!(codec.decode(&bytes, count).expect("what was encoded decodes") == codes);
    }
}
