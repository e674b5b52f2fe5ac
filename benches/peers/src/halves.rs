//! Slices of f32 to f16 and bf16, and back.

use crate::{data::sqnr_db, group::Group, report::Report};
use fewbits::{Element, bf16, f16};
use half::slice::HalfFloatSliceExt;
use std::hint::black_box;

/// Decibels that 8 bits of mantissa leave at least.
const LEAST_DB: f64 = 50.0;

macro_rules! both_ways {
    ($report:expr, $values:expr, $half:ident) => {{
        let (report, values): (&mut Report, &[f32]) = ($report, $values);
        let zeros = vec![$half::default(); values.len()];
        let widened = |halves: &Vec<$half>| halves.iter().map(|x| x.to_f32()).collect::<Vec<_>>();
        let right = |halves: &Vec<$half>| sqnr_db(values, &widened(halves)) > LEAST_DB;
        let mut narrow = Group::new(concat!("f32 to ", stringify!($half)), values.len());
        narrow.add(
            "fewbits",
            zeros.clone(),
            |out| $half::narrow_into(black_box(values), out).expect("the same length"),
            right,
        );
        narrow.add("half", zeros.clone(), |out| out.convert_from_f32_slice(black_box(values)), right);
        report.run(narrow);

        let mut halves = zeros;
        halves.convert_from_f32_slice(values);
        let expected = widened(&halves);
        let mut widen = Group::new(concat!(stringify!($half), " to f32"), values.len());
        let zeros = vec![0.0; values.len()];
        widen.add(
            "fewbits",
            zeros.clone(),
            |out| $half::widen_into(black_box(&halves), out).expect("the same length"),
            |out| *out == expected,
        );
        widen.add("half", zeros, |out| black_box(&halves).convert_to_f32_slice(out), |out| *out == expected);
        report.run(widen);
    }};
}

pub fn measure(report: &mut Report, values: &[f32]) {
    both_ways!(report, values, f16);
    both_ways!(report, values, bf16);
}
