//! Rows as text: CSV, or a report with totals.

use crate::{
    methods::Method,
    shared::{Row, on_one_line},
};
use fewbits::{DType, ErrorStats, bits_per_value};
use std::fmt::Write;

/// What the report says about a tensor before the methods.
pub(crate) struct Heading<'a> {
    pub(crate) name: &'a str,
    pub(crate) element: DType,
    pub(crate) shape: &'a [usize],
}

/// Turns rows into text and adds them up.
pub(crate) struct Report {
    csv: bool,
    /// One for each method, in the order of the table.
    totals: Vec<Total>,
}

/// What a method did to all tensors that it could compress.
struct Total {
    method: &'static str,
    tensors: usize,
    values: usize,
    raw_bytes: usize,
    bytes: usize,
    stats: ErrorStats,
}

impl Report {
    pub(crate) fn new(csv: bool, methods: impl Iterator<Item = &'static Method<f32>>) -> Self {
        let total = |method: &Method<f32>| Total::new(method.name);
        Self { csv, totals: methods.map(total).collect() }
    }

    /// What comes before the first tensor.
    pub(crate) fn head(&self) -> String {
        if self.csv {
            return Row::HEADER.into();
        }
        format!("{:26}{:>12}{:>12}{:>16}\n", "", "bits/value", "SQNR dB", "max abs error")
    }

    /// A tensor, with a row for each method that could compress it.
    pub(crate) fn tensor(&mut self, heading: &Heading<'_>, rows: &[Row<'_>]) -> String {
        if self.csv {
            return rows.iter().map(Row::to_string).collect();
        }
        let Heading { name, element, shape } = heading;
        let mut text = format!("{}, {element} {shape:?}\n", on_one_line(name));
        for row in rows {
            let bits = bits_per_value(row.bytes, row.values);
            _ = writeln!(text, "  {:24}{bits:>12.3}{}", row.method, errors(&row.stats));
            if let Some(total) = self.totals.iter_mut().find(|total| total.method == row.method) {
                total.add(row, *element);
            }
        }
        text
    }

    /// What comes after the last tensor.
    pub(crate) fn tail(&self) -> String {
        let mut text = String::new();
        let mut totals = self.totals.iter().filter(|total| total.tensors > 0).peekable();
        if self.csv || totals.peek().is_none() {
            return text;
        }
        _ = write!(text, "\n{:26}{:>12}{:>12}{:>16}", "total", "bits/value", "SQNR dB", "max abs error");
        _ = writeln!(text, "{:>10}{:>14}{:>14}{:>9}", "tensors", "raw bytes", "bytes", "ratio");
        for total in totals {
            let bits = bits_per_value(total.bytes, total.values);
            let ratio = total.raw_bytes as f64 / total.bytes as f64;
            _ = write!(text, "  {:24}{bits:>12.3}{}", total.method, errors(&total.stats));
            _ = writeln!(text, "{:>10}{:>14}{:>14}{ratio:>9.3}", total.tensors, total.raw_bytes, total.bytes);
        }
        text
    }
}

impl Total {
    fn new(method: &'static str) -> Self {
        Self { method, tensors: 0, values: 0, raw_bytes: 0, bytes: 0, stats: ErrorStats::default() }
    }

    fn add(&mut self, row: &Row<'_>, element: DType) {
        self.tensors += 1;
        self.values += row.values;
        self.raw_bytes += row.values * element.size();
        self.bytes += row.bytes;
        self.stats = self.stats.merge(&row.stats);
    }
}

fn errors(stats: &ErrorStats) -> String {
    format!("{:>12.3}{:>16.3e}", stats.sqnr_db(), stats.max_abs_error())
}
