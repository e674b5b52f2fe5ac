//! A container of your own around the tables of the entropy coder: no frames, no stages, 12 bytes of header.
//!
//!     cargo run --release --example container

use fewbits::{Error, Fit, QuantizerExt, Result, Uniform, rans::Table};

const LANES: usize = 4;

/// Number of codes, length of the table, the table as pairs of a code and a frequency, the payload.
fn pack(codes: &[u8]) -> Result<Vec<u8>> {
    let mut counts = [0; 256];
    for &code in codes {
        counts[usize::from(code)] += 1;
    }
    let table = Table::from_counts(&counts, 8)?;
    let mut bytes = Vec::new();
    for number in [codes.len() as u32, table.bits(), table.symbols().len() as u32] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(table.symbols().iter().flat_map(|&(code, f)| [code as u8, f as u8, (f >> 8) as u8]));
    bytes.extend(table.encode(codes, LANES)?);
    Ok(bytes)
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>> {
    let short = || Error::Truncated { needed: 12, actual: bytes.len() };
    let (head, rest) = bytes.split_at_checked(12).ok_or_else(short)?;
    let [count, bits, symbols] = [0, 4, 8].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|i| head[at + i])));
    // Numbers of others are looked at before memory is taken for them.
    let needed = u64::from(count);
    let limit = 1 << 24;
    if needed > limit {
        return Err(Error::Limit { needed, limit });
    }
    let len = usize::try_from(3 * u64::from(symbols)).map_err(|_| short())?;
    let (table, payload) = rest.split_at_checked(len).ok_or_else(short)?;
    let symbol = |s: &[u8]| (s[0].into(), u32::from(s[1]) | u32::from(s[2]) << 8);
    let table = Table::from_frequencies(bits, 8, 0, table.chunks(3).map(symbol).collect())?;
    table.decode(payload, count as usize, LANES)
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
