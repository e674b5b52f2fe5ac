//! Law: what has been quantized once does not change when it is quantized again.

mod common;

use common::{data_sets, gaussian, quantizers, shaped_quantizers, to_bits};
use fewbits::{Quantizer, QuantizerExt};

#[test]
fn restored_values_restore_to_themselves() {
    for case in quantizers().into_iter().filter(|case| !case.random && !case.mixes) {
        for (name, data) in data_sets() {
            let Ok(quantizer) = (case.fit)(&data) else { continue };
            let once = quantizer.fake_quantize(&data).unwrap();
            let twice = quantizer.fake_quantize(&once).unwrap();
            assert_eq!(to_bits(&once), to_bits(&twice), "{} on {name}", case.name);
        }
    }
}

#[test]
fn every_code_of_distinct_levels_comes_back() {
    let data = gaussian(210, 11);
    for case in quantizers().into_iter().chain(shaped_quantizers([5, 6, 7])).filter(|case| !case.random && !case.mixes)
    {
        let Some(quantizer) = case.fitted(&data) else { continue };
        let codes: Vec<u16> = (0..210).map(|i| ((i * 2647) % quantizer.level_count()) as u16).collect();
        let values: Vec<f32> = quantizer.dequantize(&codes, 210).unwrap();
        assert_eq!(quantizer.quantize(&values).unwrap(), codes, "{}", case.name);
    }
}
