//! Walsh-Hadamard transforms of blocks. Ours has random signs, and copies; what others leave out is said beside them.

use crate::{data::sqnr_db, group::Group, report::Report};
use fewbits::{Hadamard, Seed, TransformExt};
use std::hint::black_box;
use turboquant::rotation::{RotationOrder, generate_sign_pattern, rotate, wht_inplace};

pub fn measure(report: &mut Report, values: &[f32]) {
    for block in [128, 4096] {
        report.run(blocks(values, block));
    }
}

fn blocks(values: &[f32], block: usize) -> Group<'_> {
    let mut group = Group::new(format!("Hadamard {block}"), values.len());
    let transform = Hadamard::new(block, Seed::new(1)).expect("a power of two");
    group.add(
        "fewbits",
        vec![0.0; values.len()],
        move |out: &mut Vec<f32>| transform.forward_into(black_box(values), out).expect("whole blocks"),
        |out| {
            let back = transform.inverse(out, values.len()).expect("whole blocks");
            sqnr_db(values, &back) > 100.0
        },
    );

    // Whatever is orthonormal can be repeated in place.
    let keeps_energy = |out: &Vec<f32>| {
        let energy = |values: &[f32]| values.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
        (energy(out) / energy(values) - 1.0).abs() < 1e-4
    };
    let signs = generate_sign_pattern(block, 1);
    let rotated = move |out: &mut Vec<f32>| {
        for block in out.chunks_exact_mut(block) {
            rotate(block, black_box(&signs), RotationOrder::Forward).expect("a power of two");
        }
    };
    group.add("turboquant-rs rotate, in place", values.to_vec(), rotated, keeps_energy);
    let transformed = move |out: &mut Vec<f32>| out.chunks_exact_mut(block).for_each(wht_inplace);
    group.add("turboquant-rs wht_inplace, no signs", values.to_vec(), transformed, keeps_energy);

    // This one grows, so it needs the copy.
    let factor = 1.0 / (block as f32).sqrt();
    group.add(
        "fwht, copied, no signs, not scaled",
        vec![0.0; values.len()],
        move |out: &mut Vec<f32>| {
            out.copy_from_slice(black_box(values));
            for block in out.chunks_exact_mut(block) {
                fwht::core::fwht_slice(block).expect("a power of two");
            }
        },
        |out| keeps_energy(&out.iter().map(|x| x * factor).collect()),
    );
    group
}
