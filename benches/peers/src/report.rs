//! Samples to rows, for people and for programs.

use crate::group::{Group, Timed};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

const HEADER: &str = "group,case,values,level,GB/s,p10,p90,bits per value,ratio";

/// Measures groups, prints each as it is ready, and keeps rows in a file.
pub struct Report {
    pub samples: usize,
    pub level: &'static str,
    pub csv: Option<File>,
}

/// Appends to a file, so that one holds runs of several sizes; a new one gets a header.
pub fn append(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    if file.metadata()?.len() == 0 {
        writeln!(file, "{HEADER}")?;
    }
    Ok(file)
}

impl Report {
    /// Something to know about the rows, such as the name of the machine.
    pub fn note(&mut self, name: &str, what: &str) {
        println!("{name}: {what}");
        if let Some(file) = &mut self.csv {
            writeln!(file, "# {name}: {what}").expect("room for a line");
        }
    }

    /// A group with others in it.
    pub fn run(&mut self, group: Group<'_>) {
        let (name, values) = (group.name.clone(), group.values);
        let all = group.measure(self.samples);
        println!("\n{name}, {values} values");
        println!("  {:40} {:>9} {:>9} {:>9} {:>11} {:>9}", "", "GB/s", "p10", "p90", "bits/value", "fewbits x");
        for (place, timed) in all.iter().enumerate() {
            let ratio = if place == 0 { String::new() } else { format!("{:.4}", ratio(&all[0], timed)) };
            let speed = self.keep(&name, values, timed, &ratio);
            let bits = timed.bits.map(|bits| format!("{bits:.3}")).unwrap_or_default();
            let Speed { low, middle, high } = speed;
            println!("  {:40} {middle:9.3} {low:9.3} {high:9.3} {bits:>11} {ratio:>9}", timed.name);
        }
    }

    /// A group of ours alone, as a line of nanoseconds per value. The first one has names above.
    pub fn line(&mut self, group: Group<'_>, is_first: bool) {
        let (name, values) = (group.name.clone(), group.values);
        let all = group.measure(self.samples);
        if is_first {
            print!("\n{:>10}", "ns/value");
            for timed in &all {
                print!(" {:>15}", timed.name);
            }
            println!();
        }
        print!("{values:>10}");
        for timed in &all {
            print!(" {:15.3}", 4.0 / self.keep(&name, values, timed, "").middle);
        }
        println!();
    }

    /// As a row of the file.
    fn keep(&mut self, group: &str, values: usize, timed: &Timed, ratio: &str) -> Speed {
        let speeds = sorted(timed.seconds.iter().map(|seconds| 4e-9 * values as f64 / seconds));
        let [low, middle, high] = [0.1, 0.5, 0.9].map(|part| at(&speeds, part));
        let bits = timed.bits.map(|bits| format!("{bits:.4}")).unwrap_or_default();
        if let Some(file) = &mut self.csv {
            let (case, level) = (timed.name, self.level);
            writeln!(file, "\"{group}\",\"{case}\",{values},{level},{middle:.4e},{low:.4e},{high:.4e},{bits},{ratio}")
                .expect("room for a row");
        }
        Speed { low, middle, high }
    }
}

/// GB/s of f32: the median, and between what four of five samples are.
struct Speed {
    low: f64,
    middle: f64,
    high: f64,
}

/// How many times as fast ours is: the median over pairs of samples that followed each other.
fn ratio(ours: &Timed, theirs: &Timed) -> f64 {
    at(&sorted(ours.seconds.iter().zip(&theirs.seconds).map(|(ours, theirs)| theirs / ours)), 0.5)
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures
}

fn at(sorted: &[f64], part: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}
