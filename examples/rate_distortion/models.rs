//! The tensors of models, beside formats that others publish.

use crate::{
    peers::Peer,
    shared::{Failure, element_of, print, read_model, tensors_of},
};
use fewbits::{
    Compressed, Compressor, DType, Effort, ErrorStats, Result, Target, bits_per_value, values_from_le_bytes,
};
use std::{
    fmt::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What to do with models.
pub(crate) type Task = fn(&[PathBuf]) -> std::result::Result<ExitCode, Failure>;

pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

impl Tensor {
    /// All of f32, finite, with at least so many values, in the order of their names.
    pub(crate) fn read(path: &Path, least: usize) -> std::result::Result<Vec<Self>, Failure> {
        let bytes = read_model(path)?;
        let mut tensors = Vec::new();
        for (name, view) in tensors_of(path, &bytes)?.tensors() {
            if element_of(view.dtype()) != Some(DType::F32) {
                continue;
            }
            let read = |error| Failure::Run(format!("cannot read tensor `{name}`: {error}"));
            let values: Vec<f32> = values_from_le_bytes(view.data()).map_err(read)?;
            if values.len() >= least && values.iter().all(|x| x.is_finite()) {
                tensors.push(Self { shape: view.shape().to_vec(), name, values });
            }
        }
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tensors)
    }

    fn compress(&self, target: Target, effort: Effort) -> Result<Compressed> {
        Compressor::new(target).effort(effort).shape(&self.shape).compress(&self.values)
    }
}

fn stats_of(compressed: &Compressed) -> &ErrorStats {
    &compressed.report().cost.stats
}

/// Sums over the tensors that were compared with one format.
#[derive(Default)]
struct Sums {
    tensors: usize,
    lossy: usize,
    bits: f64,
    theirs: f64,
    ours: f64,
    least: f64,
    lost: usize,
}

/// Compresses each tensor to the bytes that each format takes, and prints which come back worse than from the format.
pub(crate) fn never_below(paths: &[PathBuf]) -> std::result::Result<ExitCode, Failure> {
    let peers = Peer::all();
    let mut lost = 0;
    for path in paths {
        let mut sums: Vec<Sums> = peers.iter().map(|_| Sums { least: f64::INFINITY, ..Sums::default() }).collect();
        print(&format!("{}\n\n", path.display()))?;
        for tensor in Tensor::read(path, 1024)? {
            let count = tensor.values.len();
            let prefix = format!("{} {:?}", tensor.name, tensor.shape);
            for (peer, sums) in peers.iter().zip(&mut sums) {
                let bytes = peer.bytes(count);
                let measured = peer.restored(&tensor.values).and_then(|x| ErrorStats::measure(&tensor.values, &x));
                // Scales that f16 cannot hold, for instance.
                let Some(theirs) = measured.ok().filter(|theirs| theirs.mse().is_finite()) else { continue };
                sums.tensors += 1;
                sums.bits += bits_per_value(bytes, count);
                let ours = match tensor.compress(Target::Bytes(bytes), Effort::Default) {
                    Ok(found) => found,
                    Err(error) => {
                        sums.lost += 1;
                        print(&format!("lost: {prefix}, {}: {error}\n", peer.name()))?;
                        continue;
                    }
                };
                let (theirs, found) = (theirs.sqnr_db(), stats_of(&ours).sqnr_db());
                if found < theirs {
                    sums.lost += 1;
                    let method = &ours.report().method;
                    print(&format!("lost: {prefix}, {}: {found:.2} dB, not {theirs:.2}, by {method}\n", peer.name()))?;
                }
                // What is exact has no decibels.
                if theirs.is_finite() && found.is_finite() {
                    sums.lossy += 1;
                    sums.theirs += theirs;
                    sums.ours += found;
                    sums.least = sums.least.min(found - theirs);
                }
            }
        }
        print("\n| format | bits/value | tensors | its mean, dB | `compress`, dB | least margin, dB | lost |\n")?;
        print("| --- | --- | --- | --- | --- | --- | --- |\n")?;
        for (peer, sums) in peers.iter().zip(&sums) {
            let bits = sums.bits / sums.tensors.max(1) as f64;
            let (name, tensors) = (peer.name(), sums.tensors);
            // Without a tensor that is exact in neither, there is no mean.
            let means = if sums.lossy == 0 {
                " | | ".into()
            } else {
                let lossy = sums.lossy as f64;
                format!("{:.2} | {:.2} | {:.2}", sums.theirs / lossy, sums.ours / lossy, sums.least)
            };
            print(&format!("| {name} | {bits:.3} | {tensors} | {means} | {} |\n", sums.lost))?;
            lost += sums.lost;
        }
        print("\n")?;
    }
    Ok(if lost == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Errors of large matrices at some sizes, and in the bytes of formats.
pub(crate) fn rates(paths: &[PathBuf]) -> std::result::Result<ExitCode, Failure> {
    const RATES: [f64; 4] = [3.0, 4.5, 6.0, 8.5];
    const BESIDE: [&str; 4] = ["Q4_K", "Q4_0", "NF4", "NVFP4"];
    let peers: Vec<Peer> = Peer::all().into_iter().filter(|peer| BESIDE.contains(&peer.name())).collect();
    for path in paths {
        let tensors: Vec<Tensor> =
            Tensor::read(path, 1 << 16)?.into_iter().filter(|tensor| tensor.shape.len() > 1).collect();
        let mut means = [[0.0; RATES.len()]; 2];
        let names: Vec<&str> = peers.iter().map(Peer::name).collect();
        print(&format!("{}\n\n| 4.5 bits | values | default | best | {} |\n", path.display(), names.join(" | ")))?;
        print(&format!("| --- | --- | --- | --- |{}\n", " --- |".repeat(peers.len())))?;
        for tensor in &tensors {
            let failed = |error| Failure::Run(format!("tensor `{}`: {error}", tensor.name));
            let mut row = format!("| {} | {} |", tensor.name, tensor.values.len());
            for (effort, means) in [Effort::Default, Effort::Best].into_iter().zip(&mut means) {
                for (bits, mean) in RATES.into_iter().zip(means) {
                    let found = tensor.compress(Target::BitsPerValue(bits), effort).map_err(failed)?;
                    let decibels = stats_of(&found).sqnr_db();
                    *mean += decibels / tensors.len() as f64;
                    if bits == 4.5 {
                        _ = write!(row, " {decibels:.2} |");
                    }
                }
            }
            for peer in &peers {
                let restored = peer.restored(&tensor.values).map_err(failed)?;
                let stats = ErrorStats::measure(&tensor.values, &restored).map_err(failed)?;
                _ = write!(row, " {:.2} |", stats.sqnr_db());
            }
            print(&(row + "\n"))?;
        }
        print(&format!("\n| mean of {} | 3 bits | 4.5 bits | 6 bits | 8.5 bits |\n", tensors.len()))?;
        print("| --- | --- | --- | --- | --- |\n")?;
        for (name, means) in ["default", "best"].into_iter().zip(means) {
            let means: Vec<String> = means.iter().map(|mean| format!("{mean:.2}")).collect();
            print(&format!("| {name} | {} |\n", means.join(" | ")))?;
        }
        print("\n")?;
    }
    Ok(ExitCode::SUCCESS)
}
