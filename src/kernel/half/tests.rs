use super::*;
use crate::kernel::level::{Level, limit};
use alloc::{vec, vec::Vec};

/// All f16 and bf16, and f32 around each of them and halfway between, at each level, against `half` value by value.
#[test]
fn each_value_as_half_converts_it() {
    let f16s: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
    let bf16s: Vec<bf16> = (0..=u16::MAX).map(bf16::from_bits).collect();
    let mut values = Vec::new();
    for bits in (0..=u16::MAX).map(u32::from) {
        let between_f16 =
            [0, 1, 0xfff, 0x1000, 0x1001, 0x1fff].map(|low| f16::from_bits(bits as u16).to_f32().to_bits() + low);
        let between_bf16 = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff].map(|low| bits << 16 | low);
        values.extend(between_f16.into_iter().chain(between_bf16).map(f32::from_bits));
    }
    for level in Level::ALL {
        limit(level);
        let mut wide = vec![0.0; f16s.len()];
        widen_f16(&f16s, &mut wide);
        assert!(wide.iter().zip(&f16s).all(|(x, h)| x.to_bits() == h.to_f32().to_bits()));
        widen_bf16(&bf16s, &mut wide);
        assert!(wide.iter().zip(&bf16s).all(|(x, h)| x.to_bits() == h.to_f32().to_bits()));
        // Lengths that are no whole vectors.
        for from in [0, 1, 7, 15, 31] {
            let values = &values[from..];
            let (mut halves, mut brains) = (vec![f16::ZERO; values.len()], vec![bf16::ZERO; values.len()]);
            narrow_f16(values, &mut halves);
            assert!(halves.iter().zip(values).all(|(h, &x)| h.to_bits() == f16::from_f32(x).to_bits()));
            narrow_bf16(values, &mut brains);
            assert!(brains.iter().zip(values).all(|(h, &x)| h.to_bits() == bf16::from_f32(x).to_bits()));
        }
    }
    limit(Level::Avx512);
}
