"""Rows of measurements to the tables and the figure of the documentation. Standard library only.

    python3 tables.py FILE.csv...
"""

import csv
import math
import pathlib
import statistics
import sys
from html import escape

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
BEGIN, END = "<!-- speed tables: begin -->", "<!-- speed tables: end -->"
OURS = "fewbits"
# The tables are of the first of these that there is.
LEVELS = ["avx512", "avx2", "portable"]
IN_CACHE = 1 << 16
# In tables of their own.
WIDTHS, SIZES = (" bits: ", "sizes")
# Where one stands for all.
ONE_WIDTH = " 4"


class Rows:
    """Groups in the order of the files; a case that was measured again has the median of all runs."""

    def __init__(self, paths):
        self.notes, self.found, self.sizes = {}, {}, {}
        for path in paths:
            lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
            for name, what in (line[2:].split(": ", 1) for line in lines if line.startswith("# ")):
                kept = self.notes.setdefault(name, [])
                kept += [] if what in kept else [what]
            for row in csv.DictReader(line for line in lines if not line.startswith("#")):
                if row["group"] != "group":
                    self.add(row)

    def add(self, row):
        key = (row["group"], row["case"], int(row["values"]), row["level"])
        figures = self.found.setdefault(key, ([], []))
        figures[0].append(float(row["GB/s"]))
        figures[1].extend([float(row["ratio"])] if row["ratio"] else [])
        if row["bits per value"]:
            self.sizes[row["group"], row["case"], int(row["values"])] = float(row["bits per value"])

    def levels(self):
        there = {level for *_, level in self.found}
        return [level for level in LEVELS if level in there]

    def counts(self):
        return sorted({values for group, _, values, _ in self.found if group != SIZES})

    def groups(self):
        return list(dict.fromkeys(group for group, *_ in self.found if group != SIZES))

    def cases(self, group):
        """Ours first."""
        found = dict.fromkeys(case for name, case, *_ in self.found if name == group)
        return sorted(found, key=lambda case: case != OURS)

    def speed(self, group, case, values, level):
        """Other languages have no level."""
        figures = self.found.get((group, case, values, level)) or self.found.get((group, case, values, ""))
        return statistics.median(figures[0]) if figures else None

    def ratio(self, group, case, values, level):
        """Of samples that were taken in turn, if they were."""
        figures = self.found.get((group, case, values, level))
        if figures and figures[1]:
            return statistics.median(figures[1])
        ours, theirs = self.speed(group, OURS, values, level), self.speed(group, case, values, level)
        return ours / theirs if ours and theirs else None


def number(x):
    """Three digits, so that neither 0.0107 nor 213 has more or fewer."""
    return "" if x is None else f"{x:.{max(0, min(4, 2 - math.floor(math.log10(x))))}f}"


def shown(group):
    return group.replace(WIDTHS, " ") + (" bits" if WIDTHS in group else "")


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def beside_others(rows, level):
    """Every case of every group that has others, at each number of values; what repeats is left out."""
    counts, lines = rows.counts(), []
    for group in rows.groups():
        for place, case in enumerate(rows.cases(group)[1:]):
            if WIDTHS in group:
                continue
            line = ["" if place else group, case]
            for values in counts:
                ours = rows.speed(group, OURS, values, level)
                theirs, ratio = rows.speed(group, case, values, level), rows.ratio(group, case, values, level)
                line += ["" if place else number(ours), number(theirs), number(ratio)]
            lines.append(line)
    columns = [column for values in counts for column in (f"{OURS}, {values:,} values", "the other", "times as fast")]
    return table(["GB/s of f32", "beside", *columns], lines)


def alone(rows, level):
    """What nobody else has."""
    counts = rows.counts()
    groups = [group for group in rows.groups() if len(rows.cases(group)) == 1]
    lines = []
    for group in groups:
        speeds = [rows.speed(group, OURS, values, level) for values in counts]
        lines.append([group, *(number(speed and 250 * speed) for speed in speeds)])
    head = ["million values a second", *(f"{values:,} values" for values in counts)]
    return table(head, lines) if lines else ""


def by_width(rows, level, values):
    """Packing and unpacking, a line for each width."""
    groups = [group for group in rows.groups() if WIDTHS in group]
    if not groups:
        return ""
    width = lambda group: int(group.split(WIDTHS)[1])
    # Not the cases of one width only.
    common = [case for case in rows.cases(groups[0]) if all(case in rows.cases(group) for group in groups)]
    kinds = list(dict.fromkeys(group.split(",")[0] for group in groups))
    columns = [(kind, case) for kind in kinds for case in common]
    lines = []
    for bits in sorted({width(group) for group in groups}):
        speeds = [rows.speed(f"{kind},{WIDTHS}{bits}", case, values, level) for kind, case in columns]
        lines.append([bits, *map(number, speeds)])
    head = [f"{values:,} codes, GB/s; bits", *(f"{kind}, {case}" for kind, case in columns)]
    others = []
    for group in groups:
        for case in rows.cases(group):
            speed = rows.speed(group, case, values, level)
            if case not in common and speed:
                others.append(f"{case}, {group.replace(WIDTHS, ' ')} bits: {number(speed)} GB/s")
    return table(head, lines) + ("\n" + "; ".join(others) + ".\n" if others else "")


def by_level(rows, values):
    """How much the kernels matter, beside the fastest of the others, because runs are faster or slower as a whole."""
    levels = rows.levels()
    if len(levels) < 2:
        return ""
    lines = []
    for group in rows.groups():
        if WIDTHS in group and not group.endswith(ONE_WIDTH):
            continue
        others = [case for case in rows.cases(group)[1:] if rows.speed(group, case, values, levels[0])]
        if others:
            fastest = max(others, key=lambda case: rows.speed(group, case, values, levels[0]))
            ratios = [rows.ratio(group, fastest, values, level) for level in levels]
            lines.append([shown(group), fastest, *map(number, ratios)])
    return table([f"{values:,} values, times as fast", "as the fastest other", *levels], lines)


def by_bits(rows, values):
    """Sizes, where they differ."""
    lines = []
    for group in rows.groups():
        sizes = {case: rows.sizes.get((group, case, values)) for case in rows.cases(group)}
        sizes = {case: size for case, size in sizes.items() if size}
        if len(sizes) > 1 and max(sizes.values()) - min(sizes.values()) > 5e-4:
            lines += [[group, case, f"{size:.3f}"] for case, size in sizes.items()]
    return table([f"{values:,} values", "by", "bits/value"], lines) if lines else ""


def by_size(rows, level):
    """Nanoseconds per value, a line for each number of values."""
    counts = sorted({values for group, _, values, _ in rows.found if group == SIZES})
    if not counts:
        return ""
    cases, lines = rows.cases(SIZES), []
    for values in counts:
        speeds = [rows.speed(SIZES, case, values, level) for case in cases]
        lines.append([f"2^{values.bit_length() - 1}", *(number(speed and 4 / speed) for speed in speeds)])
    return table(["values; ns per value", *cases], lines)


STYLE = """
:root{--ground:#fff;--ink:#222;--faint:#ddd;--ours:#0072b2;--theirs:#999}
@media(prefers-color-scheme:dark){:root{--ground:#16181c;--ink:#ddd;--faint:#3a3d44;--ours:#4fa9e6;--theirs:#777}}
text{font:12px system-ui,sans-serif;fill:var(--ink);stroke:var(--ground);stroke-width:3px;paint-order:stroke}
.title{font-size:13px;font-weight:600}
.grid{stroke:var(--faint);stroke-width:1}
"""
LEFT, RIGHT, WIDTH, BAR, GAP, TOP = 300, 900, 960, 16, 26, 40


def figure(rows, level, values):
    """Bars from left to right, on a logarithmic scale."""
    groups = []
    for group in rows.groups():
        bars = [(case, rows.speed(group, case, values, level)) for case in rows.cases(group)]
        bars = [(case, speed) for case, speed in bars if speed]
        if len(bars) > 1 and (WIDTHS not in group or group.endswith(ONE_WIDTH)):
            groups.append((shown(group), bars))
    if not groups:
        return None
    speeds = [speed for _, bars in groups for _, speed in bars]
    first, last = math.floor(math.log10(min(speeds))), math.ceil(math.log10(max(speeds)))
    x = lambda speed: LEFT + (RIGHT - LEFT) * (math.log10(speed) - first) / (last - first)
    bottom = TOP + sum(GAP + BAR * len(bars) for _, bars in groups) + 6
    words = f"Horizontal bars on a logarithmic scale: GB/s of f32 of {OURS}, and below each of others that do the same, "
    words += f"for {values:,} values on one thread. The tables of performance.md have the numbers."
    text = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 40}" role="img" '
        'aria-labelledby="title words">',
        f'<title id="title">Speed of {OURS} beside others</title>',
        f'<desc id="words">{escape(words)}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{bottom + 40}" fill="var(--ground)"/>',
    ]
    for power in range(first, last + 1):
        at = x(10.0**power)
        text.append(f'<path class="grid" d="M{at:.1f},{TOP - 10}V{bottom}"/>')
        for y in (TOP - 16, bottom + 16):
            text.append(f'<text x="{at:.1f}" y="{y}" text-anchor="middle">{10.0**power:g}</text>')
    text.append(f'<text x="{(LEFT + RIGHT) / 2}" y="{bottom + 34}" text-anchor="middle">GB/s of f32</text>')
    y = TOP
    for group, bars in groups:
        y += GAP
        text.append(f'<text class="title" x="12" y="{y - 6}">{escape(group)}</text>')
        for case, speed in bars:
            colour = "ours" if case == OURS else "theirs"
            end = x(speed)
            text.append(
                f'<rect x="{LEFT}" y="{y}" width="{max(end - LEFT, 1):.1f}" height="{BAR - 3}" fill="var(--{colour})"/>'
            )
            text.append(f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(case)}</text>')
            text.append(f'<text x="{end + 6:.1f}" y="{y + 11}">{number(speed)}</text>')
            y += BAR
    return "\n".join(text) + "\n</svg>\n"


def main(paths):
    rows = Rows(paths)
    level = (rows.levels() or sys.exit("no rows"))[0]
    values = IN_CACHE if IN_CACHE in rows.counts() else rows.counts()[0]
    drawing = figure(rows, level, values)
    notes = [": ".join([name, "; ".join(what)]) for name, what in rows.notes.items()]
    parts = ["\n".join(f"- {note}" for note in notes) + "\n"]
    if drawing:
        (DOCS / "speed.svg").write_text(drawing, encoding="utf-8")
        parts.append(f"![GB/s of f32, {values:,} values, {OURS} beside others](speed.svg)\n")
    parts += [beside_others(rows, level), alone(rows, level)]
    parts += [by_width(rows, level, values), by_bits(rows, values), by_level(rows, values), by_size(rows, level)]
    page = DOCS / "performance.md"
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    page.write_text("\n".join([before + BEGIN, *filter(None, parts), END + after]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
