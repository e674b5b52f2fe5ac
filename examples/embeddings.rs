//! Embeddings in few bytes: how many of the ten nearest documents stay the ten nearest?
//!
//! ```sh
//! cargo run --release --features pca --example embeddings [FILE.safetensors]
//! ```
//!
//! The file has f32 tensors `documents` and `queries` of as many columns; without one, embeddings are made here.
//! Without the feature, rows of principal components are left out. Parameters are stored once; each document is a payload of known size, read without its neighbours. Queries stay f32.

#[cfg(feature = "pca")]
use fewbits::Pca;
use fewbits::{
    Blocks, Coded, Fit, Hadamard, KMeans, Pipeline, PipelineExt, Range, Seed, Then, Uniform, values_from_le_bytes,
};
use safetensors::{Dtype, SafeTensors};
use std::{env, error::Error, fs};

/// The length of an answer.
const NEAREST: usize = 10;

/// Vectors of the same length, one after another.
struct Matrix {
    columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.columns)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (documents, queries) = match env::args_os().nth(1) {
        Some(path) => {
            let bytes = fs::read(path)?;
            let tensors = SafeTensors::deserialize(&bytes)?;
            (matrix(&tensors, "documents")?, matrix(&tensors, "queries")?)
        }
        None => made_here(),
    };
    let columns = documents.columns;
    if columns == 0 || queries.columns != columns {
        return Err(format!("documents have {columns} columns, queries {}", queries.columns).into());
    }
    let values = &documents.values;
    println!("{} documents, {} queries, {columns} values each\n", documents.rows().count(), queries.rows().count());
    println!("| bits, how | bytes/vector | recall@{NEAREST} |\n| --- | --- | --- |");

    let all = |bits| Uniform::new(bits).fit(values);
    row("8, one scale", &Coded::packed(all(8)?), &documents, &queries)?;
    row("8, a scale per vector", &Blocks::uniform(8, columns)?, &documents, &queries)?;
    row("4, one scale", &Coded::packed(all(4)?), &documents, &queries)?;
    row("4, a scale per vector", &Blocks::uniform(4, columns)?, &documents, &queries)?;
    let least = |bits| Uniform::new(bits).range(Range::Mse);
    row("4, one scale, least error", &Coded::packed(least(4).fit(values)?), &documents, &queries)?;
    row("4, k-means", &Coded::packed(KMeans::new(16).fit(values)?), &documents, &queries)?;
    // The longest power of two of which vectors are whole numbers: blocks must not reach into the next one.
    let block = 1 << columns.trailing_zeros().min(12);
    if block > 1 {
        let rotation = Hadamard::new(block, Seed::new(1))?;
        let uniform = Then::new(rotation, least(4)).fit(values)?;
        row(&format!("4, Hadamard {block}, least error"), &Coded::packed(uniform), &documents, &queries)?;
        for (bits, levels) in [(4, 16), (3, 8), (2, 4)] {
            let placed = Then::new(rotation, KMeans::new(levels)).fit(values)?;
            let name = format!("{bits}, Hadamard {block}, k-means");
            row(&name, &Coded::packed(placed), &documents, &queries)?;
        }
    }
    #[cfg(feature = "pca")]
    principal(&documents, &queries)?;
    Ok(())
}

/// Fewer numbers instead of fewer bits for each: a third of the columns, 128 at most.
#[cfg(feature = "pca")]
fn principal(documents: &Matrix, queries: &Matrix) -> Result<(), Box<dyn Error>> {
    let (values, rows) = (&documents.values, documents.rows().count());
    let k = (documents.columns / 3).clamp(1, 128);
    let transform = Pca::new(documents.columns).components(k).fit(values)?;
    // The first components are much larger than the last.
    let each = |bits| Uniform::new(bits).per_axis(&[rows, k], 1);
    for (how, settings) in [
        (format!("8, PCA {k}, one scale"), Uniform::new(8)),
        (format!("8, PCA {k}, a scale per component"), each(8)),
        (format!("6, PCA {k}, a scale per component"), each(6)),
        (format!("4, PCA {k}, a scale per component, least error"), each(4).range(Range::Mse)),
    ] {
        let pipeline = Coded::packed(Then::new(transform.clone(), settings).fit(values)?);
        row(&how, &pipeline, documents, queries)?;
    }
    Ok(())
}

fn row<P: Pipeline>(name: &str, pipeline: &P, documents: &Matrix, queries: &Matrix) -> Result<(), Box<dyn Error>> {
    let columns = documents.columns;
    let store = pipeline.encode(&documents.values)?;
    let mut restored = Matrix { columns, values: vec![0.0; documents.values.len()] };
    let mut bytes_per_vector = 0;
    for (i, vector) in restored.values.chunks_exact_mut(columns).enumerate() {
        // One document alone. All rates here are fixed, so there is a range.
        let start = i * columns;
        let bytes =
            pipeline.byte_range(start..start + columns)?.ok_or("payloads of one size are what makes this work")?;
        bytes_per_vector = bytes.len();
        pipeline.decode_piece_into(start, &store[bytes], vector)?;
    }
    let mut kept = 0;
    for query in queries.rows() {
        let exact = nearest(query, documents);
        kept += nearest(query, &restored).iter().filter(|found| exact.contains(found)).count();
    }
    let asked = queries.rows().count() * NEAREST.min(documents.rows().count());
    println!("| {name} | {bytes_per_vector} | {:.3} |", kept as f64 / asked as f64);
    Ok(())
}

/// The rows with the largest cosines.
fn nearest(query: &[f32], documents: &Matrix) -> Vec<usize> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let cosine = |row: &[f32]| dot(query, row) / dot(row, row).sqrt().max(f64::MIN_POSITIVE);
    let mut found: Vec<(f64, usize)> = documents.rows().enumerate().map(|(i, row)| (cosine(row), i)).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().take(NEAREST).map(|(_, i)| i).collect()
}

fn matrix(tensors: &SafeTensors<'_>, name: &str) -> Result<Matrix, Box<dyn Error>> {
    let tensor = tensors.tensor(name)?;
    let &[_, columns] = tensor.shape() else { return Err(format!("`{name}` is no matrix").into()) };
    if tensor.dtype() != Dtype::F32 {
        return Err(format!("`{name}` is {:?}, not F32", tensor.dtype()).into());
    }
    Ok(Matrix { columns, values: values_from_le_bytes(tensor.data())? })
}

/// Documents around 50 topics, and queries near them. A few columns are larger than the others, as in trained models.
fn made_here() -> (Matrix, Matrix) {
    const COLUMNS: usize = 384;
    const TOPICS: usize = 50;
    let [topics, sizes, texts, questions] = [0, 1, 2, 3].map(|part| Seed::new(7).derive(part));
    let around = |noise: Seed, rows: usize| {
        let value = |i: usize| {
            let (row, column) = (i / COLUMNS, i % COLUMNS);
            let topic = gaussian(topics, row % TOPICS * COLUMNS + column);
            (topic + 0.7 * gaussian(noise, i)) * gaussian(sizes, column).exp()
        };
        let mut values: Vec<f32> = (0..rows * COLUMNS).map(value).collect();
        for row in values.chunks_exact_mut(COLUMNS) {
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            for x in row {
                *x /= length;
            }
        }
        Matrix { columns: COLUMNS, values }
    };
    (around(texts, 2000), around(questions, 100))
}

/// The sum of twelve even ones is close enough.
fn gaussian(seed: Seed, i: usize) -> f32 {
    (0..12).map(|j| seed.uniform(12 * i as u64 + j)).sum::<f32>() - 6.0
}
