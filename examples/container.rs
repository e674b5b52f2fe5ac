//! A container of your own around the tables of the entropy coder: no frames, no stages, 4 bytes of header.
//!
//!     cargo run --release --example container

use fewbits::{Error, Fit, QuantizerExt, Result, Uniform, rans::Table};

const LANES: usize = 4;
const MOST: u64 = 1 << 24;

/// Number of codes, the table, the payload.
fn pack(codes: &[u8]) -> Result<Vec<u8>> {
    let mut counts = [0; 256];
    for &code in codes {
        counts[usize::from(code)] += 1;
    }
    let table = Table::from_counts(&counts, 8)?;
    Ok([&(codes.len() as u32).to_le_bytes()[..], &table.to_bytes(), &table.encode(codes, LANES)?].concat())
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>> {
    let (count, rest) = bytes.split_first_chunk().ok_or(Error::Truncated { needed: 4, actual: bytes.len() })?;
    let needed = u64::from(u32::from_le_bytes(*count));
    // Numbers of others are looked at before memory is taken for them.
    if needed > MOST {
        return Err(Error::Limit { needed, limit: MOST });
    }
    let (table, read) = Table::from_bytes(rest)?;
    table.decode(&rest[read..], needed as usize, LANES)
}

fn main() -> Result<()> {
    let weights: Vec<f32> = (0..100_000).map(|i| (i as f32 * 0.7).sin().powi(5)).collect();
    let quantizer = Uniform::new(8).fit(&weights)?;
    let codes = quantizer.quantize(&weights)?;
    let bytes = pack(&codes)?;
    assert_eq!(unpack(&bytes)?, codes);
    println!(
        "{} codes of 8 bits in {} bytes, {:.2} bits each",
        codes.len(),
        bytes.len(),
        8.0 * bytes.len() as f64 / 1e5
    );
    Ok(())
}
