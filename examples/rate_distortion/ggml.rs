//! What ggml's formats restore, by the rules of `quantize_row_*_ref` in its `ggml-quants.c`: blocks of 32 values with an f16
//! scale; super-blocks of 256 values, whose scales are small integers under one f16.

use fewbits::f16;

/// What blocks of values come back as.
pub(crate) struct Format {
    pub(crate) name: &'static str,
    pub(crate) block: usize,
    /// Of a block.
    pub(crate) bytes: usize,
    restore: fn(&[f32], &mut [f32]),
}

pub(crate) const FORMATS: [Format; 12] = [
    Format { name: "Q2_K", block: 256, bytes: 84, restore: |x, y| with_minima(x, y, &Q2_K) },
    Format { name: "Q3_K", block: 256, bytes: 110, restore: q3_k },
    Format { name: "IQ4_XS", block: 256, bytes: 136, restore: |x, y| table(x, y) },
    Format { name: "IQ4_NL", block: 32, bytes: 18, restore: |x, y| table(x, y) },
    Format { name: "Q4_0", block: 32, bytes: 18, restore: |x, y| by_largest(x, y, 8.0) },
    Format { name: "Q4_K", block: 256, bytes: 144, restore: |x, y| with_minima(x, y, &Q4_K) },
    Format { name: "Q4_1", block: 32, bytes: 20, restore: |x, y| by_range(x, y, 15.0) },
    Format { name: "Q5_0", block: 32, bytes: 22, restore: |x, y| by_largest(x, y, 16.0) },
    Format { name: "Q5_K", block: 256, bytes: 176, restore: |x, y| with_minima(x, y, &Q5_K) },
    Format { name: "Q5_1", block: 32, bytes: 24, restore: |x, y| by_range(x, y, 31.0) },
    Format { name: "Q6_K", block: 256, bytes: 210, restore: q6_k },
    Format { name: "Q8_0", block: 32, bytes: 34, restore: q8_0 },
];

impl Format {
    /// What values come back as. A last block that is not full is filled with zeros.
    pub(crate) fn restored(&self, values: &[f32]) -> Vec<f32> {
        let mut padded = values.to_vec();
        padded.resize(values.len().next_multiple_of(self.block), 0.0);
        let mut restored = vec![0.0; padded.len()];
        for (x, y) in padded.chunks_exact(self.block).zip(restored.chunks_exact_mut(self.block)) {
            (self.restore)(x, y);
        }
        restored.truncate(values.len());
        restored
    }

    pub(crate) const fn bytes_of(&self, count: usize) -> usize {
        count.div_ceil(self.block) * self.bytes
    }
}

fn stored(x: f32) -> f32 {
    f16::from_f32(x).to_f32()
}

/// 0 for what has none.
fn inverse(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { 1.0 / x }
}

/// The value of largest magnitude, the first of them.
fn largest(x: &[f32]) -> f32 {
    x.iter().fold(0.0, |largest: f32, &x| if x.abs() > largest.abs() { x } else { largest })
}

/// The largest value gets the lowest level, `-half`.
fn by_largest(x: &[f32], y: &mut [f32], half: f32) {
    let scale = largest(x) / -half;
    let (inverse, scale) = (inverse(scale), stored(scale));
    for (x, y) in x.iter().zip(y) {
        *y = ((x * inverse + half + 0.5).trunc().min(2.0 * half - 1.0) - half) * scale;
    }
}

/// Levels from the smallest value to the largest.
fn by_range(x: &[f32], y: &mut [f32], top: f32) {
    let least = x.iter().copied().fold(f32::INFINITY, f32::min);
    let scale = (x.iter().copied().fold(f32::NEG_INFINITY, f32::max) - least) / top;
    let (inverse, scale, offset) = (inverse(scale), stored(scale), stored(least));
    for (x, y) in x.iter().zip(y) {
        *y = ((x - least) * inverse + 0.5).trunc().min(top) * scale + offset;
    }
}

fn q8_0(x: &[f32], y: &mut [f32]) {
    let scale = largest(x).abs() / 127.0;
    let (inverse, scale) = (inverse(scale), stored(scale));
    x.iter().zip(y).for_each(|(x, y)| *y = (x * inverse).round() * scale);
}

/// Runs with a scale and a minimum each, which are integers under two f16.
struct WithMinima {
    run: usize,
    /// The highest code, and the highest scale and minimum.
    top: f32,
    scale_top: f32,
    /// Ranges that are tried: what is added to `top`, by tenths.
    from: f32,
    tries: u8,
    weights: fn(&[f32]) -> Vec<f32>,
    /// Errors count by magnitude, not by square.
    by_magnitude: bool,
}

const Q2_K: WithMinima = WithMinima {
    run: 16,
    top: 3.0,
    scale_top: 15.0,
    from: -0.5,
    tries: 15,
    weights: |x| x.iter().map(|x| x.abs()).collect(),
    by_magnitude: true,
};
const Q4_K: WithMinima = WithMinima {
    run: 32,
    top: 15.0,
    scale_top: 63.0,
    from: -1.0,
    tries: 20,
    weights: |x| {
        let rms = (x.iter().map(|x| x * x).sum::<f32>() / x.len() as f32).sqrt();
        x.iter().map(|x| rms + x.abs()).collect()
    },
    by_magnitude: false,
};
const Q5_K: WithMinima = WithMinima { top: 31.0, from: -0.5, tries: 15, ..Q4_K };

fn with_minima(x: &[f32], y: &mut [f32], rule: &WithMinima) {
    let fits: Vec<(f32, f32)> = x.chunks_exact(rule.run).map(|x| rule.scale_and_minimum(x)).collect();
    let shared = |of: fn(&(f32, f32)) -> f32| fits.iter().map(of).fold(0.0, f32::max);
    let (most_scale, most_minimum) = (shared(|fit| fit.0), shared(|fit| -fit.1));
    let (scale_unit, minimum_unit) = (stored(most_scale / rule.scale_top), stored(most_minimum / rule.scale_top));
    let integer = |x: f32, most: f32| (rule.scale_top * inverse(most) * x).round_ties_even().min(rule.scale_top);
    for ((x, y), fit) in x.chunks_exact(rule.run).zip(y.chunks_exact_mut(rule.run)).zip(&fits) {
        let scale = scale_unit * integer(fit.0, most_scale);
        let minimum = minimum_unit * integer(-fit.1, most_minimum);
        for (x, y) in x.iter().zip(y) {
            let code = ((x + minimum) * inverse(scale)).round_ties_even().clamp(0.0, rule.top);
            *y = scale * code - minimum;
        }
    }
}

impl WithMinima {
    /// Codes of several ranges, the least squares for each, and the best of these.
    fn scale_and_minimum(&self, x: &[f32]) -> (f32, f32) {
        let weights = (self.weights)(x);
        let least = x.iter().copied().fold(0.0, f32::min);
        let most = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if most == least {
            return (0.0, least);
        }
        let codes = |top: f32, least: f32| -> Vec<f32> {
            let inverse = top / (most - least);
            x.iter().map(|x| (inverse * (x - least)).round_ties_even().clamp(0.0, self.top)).collect()
        };
        let error = |codes: &[f32], (scale, minimum): (f32, f32)| -> f32 {
            let error = |((x, w), code): ((&f32, &f32), &f32)| {
                let off = scale * code + minimum - x;
                w * if self.by_magnitude { off.abs() } else { off * off }
            };
            x.iter().zip(&weights).zip(codes).map(error).sum()
        };
        let mut best = ((most - least) / self.top, least);
        let mut least_error = error(&codes(self.top, least), best);
        let sum = |term: &dyn Fn(usize) -> f32| (0..x.len()).map(|i| weights[i] * term(i)).sum::<f32>();
        let (all, values) = (sum(&|_| 1.0), sum(&|i| x[i]));
        for i in 0..=self.tries {
            // From the best minimum so far.
            let codes = codes(self.from + 0.1 * f32::from(i) + self.top, best.1);
            let ones = sum(&|i| codes[i]);
            let squares = sum(&|i| codes[i] * codes[i]);
            let products = sum(&|i| codes[i] * x[i]);
            let determinant = all * squares - ones * ones;
            if determinant <= 0.0 {
                continue;
            }
            let mut fit =
                ((all * products - values * ones) / determinant, (squares * values - ones * products) / determinant);
            if fit.1 > 0.0 {
                fit = (products / squares, 0.0);
            }
            let error = error(&codes, fit);
            if error < least_error {
                (least_error, best) = (error, fit);
            }
        }
        best
    }
}

/// The scale with the least squares of relative errors, of 19 ranges.
fn best_scale(x: &[f32], ranges: impl Iterator<Item = f32>, level: impl Fn(f32) -> f32) -> f32 {
    let largest = largest(x);
    if largest.abs() < 1e-15 {
        return 0.0;
    }
    let (mut best, mut scale) = (0.0, 0.0);
    for range in ranges {
        let inverse = range / largest;
        let (mut products, mut squares) = (0.0, 0.0);
        for &x in x {
            let level = level(inverse * x);
            products += x * x * x * level;
            squares += x * x * level * level;
        }
        if squares > 0.0 && products * products > best * squares {
            scale = products / squares;
            best = scale * products;
        }
    }
    scale
}

fn q6_k(x: &[f32], y: &mut [f32]) {
    const RUN: usize = 16;
    let level = |x: f32| x.round_ties_even().clamp(-32.0, 31.0);
    // The plain range first, as it wins ties.
    let ranges = || [0].into_iter().chain(-9..=-1).chain(1..=9).map(|i: i8| -(32.0 + 0.1 * f32::from(i)));
    let scales: Vec<f32> = x.chunks_exact(RUN).map(|x| best_scale(x, ranges(), level)).collect();
    let to_integer = -128.0 * inverse(largest(&scales));
    let unit = stored(inverse(to_integer));
    for ((x, y), scale) in x.chunks_exact(RUN).zip(y.chunks_exact_mut(RUN)).zip(&scales) {
        let scale = unit * (to_integer * scale).round_ties_even().min(127.0);
        x.iter().zip(y).for_each(|(x, y)| *y = scale * level(x * inverse(scale)));
    }
}

fn q3_k(x: &[f32], y: &mut [f32]) {
    const RUN: usize = 16;
    let scales: Vec<f32> = x.chunks_exact(RUN).map(descended_scale).collect();
    let to_integer = -32.0 * inverse(largest(&scales));
    let unit = stored(inverse(to_integer));
    for ((x, y), scale) in x.chunks_exact(RUN).zip(y.chunks_exact_mut(RUN)).zip(&scales) {
        let scale = unit * (to_integer * scale).round_ties_even().clamp(-32.0, 31.0);
        x.iter().zip(y).for_each(|(x, y)| *y = scale * octal(x * inverse(scale)));
    }
}

/// Of eight levels.
fn octal(x: f32) -> f32 {
    x.round_ties_even().clamp(-4.0, 3.0)
}

/// The scale with the least squares of relative errors, for levels that are changed one by one while that pays.
fn descended_scale(x: &[f32]) -> f32 {
    let largest = largest(x);
    if largest.abs() < 1e-15 {
        return 0.0;
    }
    let mut levels: Vec<f32> = x.iter().map(|x| octal(-4.0 / largest * x)).collect();
    let (mut products, mut squares) = (0.0, 0.0);
    for (x, level) in x.iter().zip(&levels) {
        products += x * x * x * level;
        squares += x * x * level * level;
    }
    for _ in 0..5 {
        let mut changed = false;
        for (x, level) in x.iter().zip(&mut levels) {
            let weight = x * x;
            let (without, less) = (products - weight * x * *level, squares - weight * *level * *level);
            if without <= 0.0 {
                continue;
            }
            let other = octal(x * less / without);
            let (more, square) = (without + weight * x * other, less + weight * other * other);
            if other != *level && square > 0.0 && more * more * squares > products * products * square {
                (*level, products, squares, changed) = (other, more, square, true);
            }
        }
        if !changed {
            break;
        }
    }
    if squares > 0.0 { products / squares } else { 0.0 }
}

/// Levels of IQ4.
const LEVELS: [f32; 16] =
    [-127.0, -104.0, -83.0, -65.0, -49.0, -35.0, -22.0, -10.0, 1.0, 13.0, 25.0, 38.0, 53.0, 69.0, 89.0, 113.0];

fn nearest_level(x: f32) -> f32 {
    let above = LEVELS.partition_point(|&level| level <= x).clamp(1, LEVELS.len() - 1);
    let (below, above) = (LEVELS[above - 1], LEVELS[above]);
    if x - below < above - x { below } else { above }
}

/// Runs of 32: one has an f16 scale, several have 6 bits under one f16.
fn table(x: &[f32], y: &mut [f32]) {
    const RUN: usize = 32;
    let ranges = || [0].into_iter().chain(-7..=7).map(|i: i8| LEVELS[0] + f32::from(i));
    let scales: Vec<f32> = x.chunks_exact(RUN).map(|x| best_scale(x, ranges(), nearest_level)).collect();
    let unit = largest(&scales) / -32.0;
    for ((x, y), &fitted) in x.chunks_exact(RUN).zip(y.chunks_exact_mut(RUN)).zip(&scales) {
        let integer = (inverse(unit) * fitted).round_ties_even().clamp(-32.0, 31.0);
        // Levels are chosen with the scale as it was before it is rounded to f16.
        let (exact, stored) =
            if scales.len() == 1 { (fitted, stored(fitted)) } else { (unit * integer, stored(unit) * integer) };
        x.iter().zip(y).for_each(|(x, y)| *y = stored * nearest_level(x * inverse(exact)));
    }
}
