//! What random values cost and lose: measured on whole frames, and on what published formats restore.

use crate::{
    peers::{FIXED_RATES, Peer, QUOTED},
    sources::Source,
};
use fewbits::{
    Automaton, Coded, Compressor, ContextRans, Effort, ErrorStats, Fit, Frame, Limits, Result, Target, Trellis,
    bits_per_value, decompress_within,
};

/// What a code costs, and how far from the bound it is.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    pub(crate) bits: f64,
    pub(crate) sqnr_db: f64,
    pub(crate) gap_db: f64,
}

/// How a figure came to be, which is how it is drawn.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Here,
    Published,
    Quoted,
}

/// A source, and all that was measured on it.
pub(crate) struct Curves {
    pub(crate) source: Source,
    pub(crate) lines: Vec<(&'static str, Vec<Point>)>,
    pub(crate) points: Vec<(&'static str, Kind, Point)>,
}

const RATES: [f64; 13] = [0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];

impl Curves {
    pub(crate) fn measure(source: Source, values: &[f32]) -> Result<Self> {
        let mut lines = Vec::new();
        for (name, effort) in [("compress, best", Effort::Best), ("compress, default", Effort::Default)] {
            let point = |&bits: &f64| {
                let found = Compressor::new(Target::BitsPerValue(bits)).effort(effort).compress(values)?;
                point(source, values, found.as_bytes())
            };
            lines.push((name, RATES.iter().map(point).collect::<Result<_>>()?));
        }
        let memoryless = |&bits: &f64| trellis(source, values, 1, bits);
        lines.push(("equal steps, entropy coded", RATES.iter().map(memoryless).collect::<Result<_>>()?));
        for (name, frame) in FIXED_RATES {
            let point = |bits| point(source, values, &frame(bits, values)?);
            lines.push((name, (2..=8).map(point).collect::<Result<_>>()?));
        }

        let mut points = Vec::new();
        for peer in Peer::all() {
            let mse = ErrorStats::measure(values, &peer.restored(values)?)?.mse();
            let kind = if matches!(peer, Peer::Ggml(_)) { Kind::Published } else { Kind::Here };
            points.push((
                peer.name(),
                kind,
                of_mse(source, bits_per_value(peer.bytes(values.len()), values.len()), mse),
            ));
        }
        for quoted in QUOTED {
            let sqnr_db = quoted.sqnr_db[source as usize];
            let gap_db = source.bound_db(quoted.bits) - sqnr_db;
            points.push((quoted.name, Kind::Quoted, Point { bits: quoted.bits, sqnr_db, gap_db }));
        }
        Ok(Self { source, lines, points })
    }
}

/// A trellis of so many states with contexts, at about so many bits.
pub(crate) fn trellis(source: Source, values: &[f32], states: u16, bits: f64) -> Result<Point> {
    let automaton = Automaton::trellis(states)?;
    // What a bit is worth at the least error; more where hardly anything is left.
    let lambda = if bits < 0.7 {
        0.16
    } else if bits < 1.7 {
        0.12
    } else {
        0.09
    };
    // One octave of a step is about a bit.
    let mut octaves = 2.0 - bits;
    let mut found = None;
    // Below a bit it is less.
    for _ in 0..if bits < 1.0 { 6 } else { 2 } {
        let step = (octaves.exp2() / automaton.sides() as f64) as f32;
        let quantizer = Trellis::new(step).automaton(automaton).lambda(lambda);
        let coded = Coded::new(quantizer, ContextRans::new(automaton)).fit(values)?;
        let at = point(source, values, &Frame::encode(&coded, values)?)?;
        octaves += at.bits - bits;
        found = Some(at);
    }
    Ok(found.expect("a round"))
}

fn point(source: Source, values: &[f32], frame: &[u8]) -> Result<Point> {
    let restored: Vec<f32> = decompress_within(frame, Limits::none())?;
    let mse = ErrorStats::measure(values, &restored)?.mse();
    Ok(of_mse(source, bits_per_value(frame.len(), values.len()), mse))
}

/// Errors are compared with the variance of the distribution, which that of heavy tails differs from by chance.
fn of_mse(source: Source, bits: f64, mse: f64) -> Point {
    Point { bits, sqnr_db: -10.0 * mse.log10(), gap_db: source.gap_db(bits, mse) }
}
