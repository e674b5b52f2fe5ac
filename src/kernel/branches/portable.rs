//! Four values at a time.

use super::{Numbers, ROUNDER};

const WIDTH: usize = 4;

pub(super) fn costs<const N: usize>(values: &[f32], classes: &[u8], numbers: &Numbers, cost: &mut [[f32; N]; 4]) {
    let (fours, rest) = values.as_chunks::<WIDTH>();
    for (i, four) in fours.iter().enumerate() {
        of_four(four, classes.get(i * WIDTH..), numbers, cost, i * WIDTH);
    }
    if !rest.is_empty() {
        let at = fours.len() * WIDTH;
        let mut four = [0.0; WIDTH];
        four[..rest.len()].copy_from_slice(rest);
        let mut last = [[0.0; WIDTH]; 4];
        of_four(&four, classes.get(at..), numbers, &mut last, 0);
        for (cost, last) in cost.iter_mut().zip(last) {
            cost[at..at + rest.len()].copy_from_slice(&last[..rest.len()]);
        }
    }
}

#[inline(always)]
fn of_four<const N: usize>(
    values: &[f32; WIDTH],
    classes: Option<&[u8]>,
    numbers: &Numbers,
    cost: &mut [[f32; N]; 4],
    at: usize,
) {
    /// Added to a number up to 2^22, it leaves the nearest integer in the lowest bits.
    const INDEX: f32 = 8_388_608.0; // 2^23
    let w = values.map(|x| placed(x, numbers));
    let mut rows = [[0.0; 4]; WIDTH];
    for (lane, row) in rows.iter_mut().enumerate() {
        let class = classes.and_then(|classes| classes.get(lane)).map_or(0, |&class| usize::from(class));
        let [origin, per_unit, last, before] = numbers.places[class.min(numbers.places.len() - 1)];
        let t = (w[lane] - origin) * per_unit - 0.5;
        let t = if t > 0.0 { t } else { 0.0 };
        let t = if t < last { t } else { last };
        let index = ((t + before + INDEX).to_bits() & 0x7f_ffff) as usize;
        *row = numbers.rows[index.min(numbers.rows.len() - 1)];
    }
    for (class, cost) in cost.iter_mut().enumerate() {
        let cost = &mut cost[at..at + WIDTH];
        for lane in 0..WIDTH {
            let far = w[lane] - class as f32 * 0.25;
            let rest = far - ((far + ROUNDER) - ROUNDER);
            cost[lane] = rest * rest + rows[lane][class];
        }
    }
}

/// A value in units of four steps, within what has numbers of all classes.
#[inline(always)]
fn placed(x: f32, numbers: &Numbers) -> f32 {
    // Whatever is no number ends up at an end too.
    let w = x * numbers.inverse;
    let w = if w > numbers.low { w } else { numbers.low };
    if w < numbers.high { w } else { numbers.high }
}

#[inline(always)]
pub(super) fn nearest(values: &[f32], classes: &[u8], numbers: &Numbers, codes: &mut [u32]) {
    for ((code, &x), &class) in codes.iter_mut().zip(values).zip(classes) {
        let far = placed(x, numbers) - f32::from(class) * 0.25;
        let number = (far + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits());
        *code = number.wrapping_mul(4).wrapping_add(u32::from(class)).wrapping_sub(numbers.first.cast_unsigned());
    }
}
