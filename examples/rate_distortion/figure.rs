//! The figure, as SVG: how many decibels codes are below the bound, by bits per value.

use crate::{
    curves::{Curves, Kind, Point},
    sources::Source,
};
use std::fmt::Write;

const STYLE: &str = "\
:root{--ground:#fff;--ink:#222;--faint:#ddd;--best:#009e73;--default:#0072b2;--steps:#cc79a7;--fixed:#777;--theirs:#d55e00}
@media(prefers-color-scheme:dark){:root{--ground:#16181c;--ink:#ddd;--faint:#3a3d44;--best:#2fc79b;--default:#4fa9e6;\
--steps:#e3a1c6;--fixed:#999;--theirs:#f08a3c}}
text{font:12px system-ui,sans-serif;fill:var(--ink);stroke:var(--ground);stroke-width:3px;paint-order:stroke}
.title{font-size:14px;font-weight:600}
.line{fill:none;stroke-width:2}
.grid{stroke:var(--faint);stroke-width:1}
.bound{stroke:var(--ink);stroke-width:2}
.lead{stroke:var(--ink);stroke-width:.7}
";

/// How the lines are drawn, in the order in which they are measured: colour, dashes, where its name stands (bits, and pixels
/// below the line).
const LINES: [(&str, &str, f64, f64); 5] = [
    ("best", "", 4.6, 0.0),
    ("default", "", 7.4, 0.0),
    ("steps", "6 3", 6.4, 16.0),
    ("fixed", "2 3", 7.0, 18.0),
    ("fixed", "8 3 2 3", 7.6, -9.0),
];

/// Half of the height of a name, and the width of a letter.
const HALF: f64 = 7.0;
const LETTER: f64 = 6.6;

/// Where something is drawn: left, top, right and bottom.
type Area = [f64; 4];

pub(crate) fn draw(all: &[Curves]) -> String {
    let mut text = String::from("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 900\" role=\"img\">\n");
    _ = writeln!(text, "<title>Decibels below Shannon's bound, by bits per value</title>\n<style>{STYLE}</style>");
    text += "<rect width=\"960\" height=\"900\" fill=\"var(--ground)\"/>\n";
    for curves in all {
        let panel = match curves.source {
            Source::Gaussian => Panel::new([62.0, 40.0, 900.0, 470.0], 9.0),
            Source::Laplace => Panel::new([62.0, 550.0, 440.0, 820.0], 12.0),
            Source::Student4 => Panel::new([532.0, 550.0, 910.0, 820.0], 12.0),
        };
        panel.draw(&mut text, curves);
    }
    key(&mut text);
    text + "</svg>\n"
}

/// What shapes stand for.
fn key(text: &mut String) {
    let y = 878.0;
    for (x, kind, words) in [
        (70.0, Kind::Published, "ggml, by its published rules"),
        (275.0, Kind::Quoted, "ggml, quoted from its C code"),
        (490.0, Kind::Here, "others' formats, by stages of this crate"),
    ] {
        shape(text, x, y - 4.0, kind);
        _ = writeln!(text, "<text x=\"{}\" y=\"{y}\">{words}</text>", x + 10.0);
    }
}

fn shape(text: &mut String, x: f64, y: f64, kind: Kind) {
    let hollow = "fill=\"var(--ground)\" stroke=\"var(--theirs)\" stroke-width=\"1.5\"";
    _ = match kind {
        Kind::Here => writeln!(text, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"var(--ink)\"/>"),
        Kind::Published => {
            writeln!(
                text,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"7\" height=\"7\" fill=\"var(--theirs)\"/>",
                x - 3.5,
                y - 3.5
            )
        }
        Kind::Quoted => {
            writeln!(text, "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"6\" height=\"6\" {hollow}/>", x - 3.0, y - 3.0)
        }
    };
}

/// One source.
struct Panel {
    area: Area,
    /// Decibels that are shown.
    depth: f64,
}

/// Bits that are shown.
const BITS: f64 = 9.2;

impl Panel {
    const fn new(area: Area, depth: f64) -> Self {
        Self { area, depth }
    }

    fn x(&self, bits: f64) -> f64 {
        self.area[0] + (self.area[2] - self.area[0]) * bits / BITS
    }

    fn y(&self, decibels: f64) -> f64 {
        self.area[1] + (self.area[3] - self.area[1]) * decibels / self.depth
    }

    fn draw(&self, text: &mut String, curves: &Curves) {
        self.axes(text, curves.source);
        // What names keep clear of, and how much it matters.
        let mut taken: Vec<(Area, u32)> = Vec::new();
        for ((_, points), (colour, dashes, ..)) in curves.lines.iter().zip(LINES) {
            let mut path = String::new();
            for at in points.iter().filter(|at| at.gap_db < self.depth) {
                _ = write!(path, "{:.1},{:.1} ", self.x(at.bits), self.y(at.gap_db));
            }
            let style = format!("stroke=\"var(--{colour})\" stroke-dasharray=\"{dashes}\"");
            _ = writeln!(text, "<polyline class=\"line\" {style} points=\"{}\"/>", path.trim_end());
            taken.extend(self.along(points).into_iter().map(|area| (area, 1)));
        }
        let centre = |at: &Point| (self.x(at.bits), self.y(at.gap_db));
        for (_, _, at) in &curves.points {
            let (x, y) = centre(at);
            taken.push(([x - 4.0, y - 4.0, x + 4.0, y + 4.0], 20));
        }
        for ((name, points), (colour, _, bits, below)) in curves.lines.iter().zip(LINES) {
            let Some(line_y) = height(points, bits).map(|decibels| self.y(decibels)) else { continue };
            let x = self.x(bits);
            let close = below == 0.0;
            // Names of lines near the bound stand below both.
            let y = if close { self.y(0.0) + 0.8 * (self.area[3] - self.area[1]) / 9.0 + 8.0 } else { line_y + below };
            if close {
                _ = writeln!(text, "<path class=\"lead\" d=\"M{x:.1},{:.1}V{line_y:.1}\"/>", y - 10.0);
            }
            let half = LETTER * name.len() as f64 / 2.0;
            taken.push(([x - half, y - 11.0, x + half, y + 3.0], 20));
            let style = format!("text-anchor=\"middle\" style=\"fill:var(--{colour})\"");
            _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{y:.1}\" {style}>{name}</text>");
        }
        for (name, _, at) in &curves.points {
            self.name(text, name, at, &mut taken);
        }
        for (_, kind, at) in &curves.points {
            let (x, y) = centre(at);
            shape(text, x, y, *kind);
        }
    }

    /// Small areas along a line.
    fn along(&self, points: &[Point]) -> Vec<Area> {
        let mut areas = Vec::new();
        for pair in points.windows(2) {
            for part in 0..12 {
                let part = f64::from(part) / 12.0;
                let between = |from: f64, to: f64| from + part * (to - from);
                let x = self.x(between(pair[0].bits, pair[1].bits));
                let y = self.y(between(pair[0].gap_db, pair[1].gap_db));
                areas.push([x - 2.0, y - 1.0, x + 2.0, y + 1.0]);
            }
        }
        areas
    }

    /// The name of a point, where it covers least; left out if that is a point or another name.
    fn name(&self, text: &mut String, name: &str, at: &Point, taken: &mut Vec<(Area, u32)>) {
        let (x, y) = (self.x(at.bits), self.y(at.gap_db));
        let width = LETTER * name.len() as f64;
        // What of the name is left of where it stands.
        let [start, middle, end] = [("start", 0.0), ("middle", 0.5), ("end", 1.0)];
        let places = [
            (x + 8.0, y, start),
            (x - 8.0, y, end),
            (x, y + 13.0, middle),
            (x, y - 13.0, middle),
            (x + 6.0, y + 10.0, start),
            (x + 6.0, y - 10.0, start),
            (x - 6.0, y + 10.0, end),
            (x - 6.0, y - 10.0, end),
        ];
        let cost = |area: &Area| {
            let outside = area[0] < self.area[0] || area[2] > self.area[2] || area[3] > self.area[3];
            let covered: u32 = taken.iter().filter(|(other, _)| overlap(area, other)).map(|(_, weight)| weight).sum();
            covered + if outside { 20 } else { 0 }
        };
        let placed = places.map(|(x, y, (anchor, part))| {
            let left = x - part * width;
            let area = [left, y - HALF, left + width, y + HALF];
            (cost(&area), area, x, y + 4.0, anchor)
        });
        let Some(&(cost, area, x, y, anchor)) = placed.iter().min_by_key(|placed| placed.0) else { return };
        if cost < 20 {
            _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{name}</text>");
            taken.push((area, 20));
        }
    }

    fn axes(&self, text: &mut String, source: Source) {
        let [left, top, right, bottom] = self.area;
        for bits in 0..=9 {
            let x = self.x(bits.into());
            _ = writeln!(text, "<path class=\"grid\" d=\"M{x:.1},{top}V{bottom}\"/>");
            _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{bits}</text>", bottom + 16.0);
        }
        for decibels in (0..=self.depth as u32).step_by(if self.depth > 9.0 { 2 } else { 1 }) {
            let y = self.y(decibels.into());
            _ = writeln!(text, "<path class=\"grid\" d=\"M{left},{y:.1}H{right}\"/>");
            _ = writeln!(text, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{decibels}</text>", left - 6.0, y + 4.0);
        }
        for half_bits in 0..4 {
            let bits = f64::from(half_bits) / 2.0;
            let y = self.y(bits * 20.0 * 2_f64.log10());
            if y < bottom {
                _ = writeln!(text, "<text x=\"{}\" y=\"{:.1}\">{bits}</text>", right + 6.0, y + 4.0);
            }
        }
        _ = writeln!(text, "<path class=\"bound\" d=\"M{left},{top}H{right}\"/>");
        _ = writeln!(text, "<text class=\"title\" x=\"{left}\" y=\"{}\">{}</text>", top - 12.0, source.name());
        let (centre, middle) = (0.5 * (left + right), 0.5 * (top + bottom));
        let above = top - 6.0;
        _ = writeln!(
            text,
            "<text x=\"{right}\" y=\"{above}\" text-anchor=\"end\">Shannon's bound; bits above it</text>"
        );
        let below = bottom + 34.0;
        _ = writeln!(text, "<text x=\"{centre}\" y=\"{below}\" text-anchor=\"middle\">bits per value</text>");
        let turned = format!("transform=\"rotate(-90 {} {middle})\"", left - 34.0);
        let words = "decibels below the bound";
        let x = left - 34.0;
        _ = writeln!(text, "<text x=\"{x}\" y=\"{middle}\" text-anchor=\"middle\" {turned}>{words}</text>");
    }
}

/// Decibels of a line at so many bits.
fn height(points: &[Point], bits: f64) -> Option<f64> {
    points.windows(2).find(|pair| (pair[0].bits..=pair[1].bits).contains(&bits)).map(|pair| {
        let part = (bits - pair[0].bits) / (pair[1].bits - pair[0].bits);
        pair[0].gap_db + part * (pair[1].gap_db - pair[0].gap_db)
    })
}

fn overlap(a: &Area, b: &Area) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}
