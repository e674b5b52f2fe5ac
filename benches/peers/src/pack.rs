//! Codes of 1 to 8 bits. Ours are bytes, in a plain stream of bits; others have wider codes or an order of their own, and
//! all are counted as 4 bytes a code.

use crate::{data, group::Group, report::Report};
use bitpacking::{BitPacker, BitPacker8x};
use fastlanes::BitPacking;
use fewbits::{BitPack, Codec, CodecExt};
use std::hint::black_box;

pub fn measure(report: &mut Report, values: &[f32]) {
    for width in 1..=8 {
        let codes = data::codes(values.len(), width);
        let wide: Vec<u32> = codes.iter().map(|&code| code.into()).collect();
        let mut pack = Group::new(format!("pack, bits: {width}"), codes.len());
        let mut unpack = Group::new(format!("unpack, bits: {width}"), codes.len());
        ours(&mut pack, &mut unpack, &codes, width);
        if width == 4 {
            quantize(&mut pack, &mut unpack, &codes, width);
        }
        bitpacking(&mut pack, &mut unpack, &wide, width as u8);
        fastlanes(&mut pack, &mut unpack, &codes, width as usize);
        report.run(pack);
        report.run(unpack);
    }
}

fn ours<'a>(pack: &mut Group<'a>, unpack: &mut Group<'a>, codes: &'a [u8], width: u32) {
    let codec = BitPack::<u8>::new(width).expect("a width of the code type");
    let bytes = codec.encode(codes).expect("codes that fit");
    let encode = move |bytes: &mut Vec<u8>| {
        codec.encode_into(black_box(codes), bytes).expect("codes that fit");
    };
    pack.add("fewbits", vec![0; codec.max_encoded_len(codes.len())], encode, |out| *out == bytes);
    let decode = move |out: &mut Vec<u8>| codec.decode_into(black_box(&bytes), out).expect("a whole stream");
    unpack.add("fewbits", vec![0; codes.len()], decode, |out| out == codes);
}

/// Codes of 32 bits with a sign. It packs into new vectors only.
fn quantize<'a>(pack: &mut Group<'a>, unpack: &mut Group<'a>, codes: &[u8], width: u32) {
    let signed: Vec<i32> = codes.iter().map(|&code| i32::from(code) - (1 << (width - 1))).collect();
    let packed = quantize::Packed::from_i32s(&signed, width);
    let bytes = packed.as_bytes().to_vec();
    let expected = signed.clone();
    let encode = move |out: &mut quantize::Packed| *out = quantize::Packed::from_i32s(black_box(&signed), width);
    pack.add("quantize crate, i32", quantize::Packed::from_i32s(&[], width), encode, |out| out.as_bytes() == bytes);
    let decode = move |out: &mut Vec<i32>| black_box(&packed).unpack_into(out);
    unpack.add("quantize crate, i32", vec![0; codes.len()], decode, |out| *out == expected);
}

/// Codes of 32 bits, in blocks of 256.
fn bitpacking<'a>(pack: &mut Group<'a>, unpack: &mut Group<'a>, codes: &[u32], width: u8) {
    let packer = BitPacker8x::new();
    let block = BitPacker8x::compressed_block_size(width);
    let encode = move |codes: &[u32], out: &mut [u8]| {
        for (codes, out) in codes.chunks_exact(BitPacker8x::BLOCK_LEN).zip(out.chunks_exact_mut(block)) {
            packer.compress(codes, out, width);
        }
    };
    let mut bytes = vec![0; codes.len() / BitPacker8x::BLOCK_LEN * block];
    encode(codes, &mut bytes);
    let (expected, given) = (codes.to_vec(), codes.to_vec());
    let name = "bitpacking 8x, u32";
    pack.add(name, vec![0; bytes.len()], move |out| encode(black_box(&given), out), |out| *out == bytes);
    let decode = move |out: &mut Vec<u32>| {
        for (bytes, out) in black_box(&bytes).chunks_exact(block).zip(out.chunks_exact_mut(BitPacker8x::BLOCK_LEN)) {
            packer.decompress(bytes, out, width);
        }
    };
    unpack.add(name, vec![0; codes.len()], decode, |out| *out == expected);
}

/// Bytes, in blocks of 1024 that are transposed.
fn fastlanes<'a>(pack: &mut Group<'a>, unpack: &mut Group<'a>, codes: &'a [u8], width: usize) {
    const BLOCK: usize = 1024;
    let block = BLOCK / 8 * width;
    let encode = move |codes: &[u8], out: &mut [u8]| {
        for (codes, out) in codes.chunks_exact(BLOCK).zip(out.chunks_exact_mut(block)) {
            // SAFETY: a block of codes, and the room that one takes at this width.
            unsafe { u8::unchecked_pack(width, codes, out) };
        }
    };
    let mut bytes = vec![0; codes.len() / BLOCK * block];
    encode(codes, &mut bytes);
    let name = "fastlanes u8, transposed";
    pack.add(name, vec![0; bytes.len()], move |out| encode(black_box(codes), out), |out| *out == bytes);
    let decode = move |out: &mut Vec<u8>| {
        for (bytes, out) in black_box(&bytes).chunks_exact(block).zip(out.chunks_exact_mut(BLOCK)) {
            // SAFETY: a packed block of this width, and room for its codes.
            unsafe { u8::unchecked_unpack(width, bytes, out) };
        }
    };
    unpack.add(name, vec![0; codes.len()], decode, |out| out == codes);
}
