//! A quantizer of your own in one page: signs and magnitudes in powers of two, inside a pipeline and a frame.
//!
//! `cargo run --release --example custom_quantizer`

use fewbits::{
    BitPack, Coded, Describe, Description, Error, ErrorStats, Frame, Quantizer, Reader, Restore, Result, Stages,
};

/// 0 and ±2^e for the 7 exponents from `top` down: 15 levels, 4 bits.
#[derive(Debug, Clone, Copy, PartialEq)]
struct PowersOfTwo {
    top: i8,
}

impl Quantizer for PowersOfTwo {
    type Code = u8;

    fn level_count(&self) -> u32 {
        15
    }

    fn quantize_at(&self, _start: usize, values: &[f32], codes: &mut [u8]) -> Result<()> {
        for (code, x) in codes.iter_mut().zip(values) {
            let rank = (x.abs().log2().round() - f32::from(self.top) + 7.0).clamp(0.0, 7.0) as u8;
            *code = if *x < 0.0 { 7 - rank } else { 7 + rank }; // in the order of the levels, 7 is zero
        }
        Ok(())
    }

    fn dequantize_at(&self, _start: usize, codes: &[u8], values: &mut [f32]) -> Result<()> {
        for (x, &code) in values.iter_mut().zip(codes) {
            let rank = i32::from(code) - 7;
            *x = 2.0_f32.powi(i32::from(self.top) - 7 + rank.abs()) * rank.signum() as f32;
        }
        let wrong = |index| Err(Error::Code { index, code: codes[index].into(), level_count: 15 });
        codes.iter().position(|&code| code > 14).map_or(Ok(()), wrong)
    }
}

impl Describe for PowersOfTwo {
    fn describe(&self, out: &mut Description) {
        out.foreign("powers of two", |out| out.u8(self.top.cast_unsigned()));
    }
}

impl Restore for PowersOfTwo {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        Ok(Self { top: stages.foreign("powers of two", Reader::u8)?.cast_signed() })
    }
}

fn main() -> Result<()> {
    let values: Vec<f32> = (0..10_000).map(|i| (i as f32 * 0.7).sin().powi(3)).collect();
    let frame = Frame::encode(&Coded::packed(PowersOfTwo { top: 0 }), &values)?;
    let decoder = Frame::parse(&frame)?.decoder_of::<Coded<PowersOfTwo, BitPack<u8>>>()?;
    let sqnr = ErrorStats::measure(&values, &decoder.decode::<f32>()?)?.sqnr_db();
    println!("{} bytes for {} values, {sqnr:.1} dB", frame.len(), values.len());
    Ok(())
}
