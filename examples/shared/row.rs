//! What a method did to a tensor, and its row in a CSV table.

use fewbits::{Element, ErrorStats, Result, bits_per_value};
use std::{
    borrow::Cow,
    fmt::{self, Display},
};

/// What a method did to a tensor. As text it is a CSV record, so that both examples write the same.
pub(crate) struct Row<'a> {
    pub(crate) tensor: &'a str,
    pub(crate) method: &'a str,
    pub(crate) values: usize,
    pub(crate) bytes: usize,
    pub(crate) stats: ErrorStats,
}

impl<'a> Row<'a> {
    /// The first line of the table.
    pub(crate) const HEADER: &'static str = "tensor,values,method,bits_per_value,sqnr_db,max_abs_error\n";

    /// Compares what a frame of `bytes` bytes decoded to with what went in.
    pub(crate) fn measure<T: Element>(
        tensor: &'a str,
        method: &'a str,
        bytes: usize,
        original: &[T],
        restored: &[T],
    ) -> Result<Self> {
        let stats = ErrorStats::measure(original, restored)?;
        Ok(Self { tensor, method, values: original.len(), bytes, stats })
    }
}

impl Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tensor, method) = (quoted(self.tensor), quoted(self.method));
        let bits = number(bits_per_value(self.bytes, self.values));
        let (sqnr, max) = (number(self.stats.sqnr_db()), number(self.stats.max_abs_error()));
        writeln!(f, "{tensor},{},{method},{bits},{sqnr},{max}", self.values)
    }
}

/// A field as RFC 4180 wants it.
fn quoted(field: &str) -> Cow<'_, str> {
    if !field.contains([',', '"', '\r', '\n']) {
        return field.into();
    }
    format!("\"{}\"", field.replace('"', "\"\"")).into()
}

/// The shortest decimal that reads back as the same number; `inf` and `-inf` are Rust's spelling already.
fn number(x: f64) -> String {
    if x.is_nan() { "nan".into() } else { x.to_string() }
}
