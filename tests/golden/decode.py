"""Decodes golden frames by docs/format.md alone, with the standard library, and compares them with the values beside.

    python3 tests/golden/decode.py

A second implementation: where it and the crate disagree, the document or the crate is wrong.
"""

import math
import pathlib
import struct
import sys
import zlib


def f32(x):
    """The nearest f32, as a Python number; ties to even; overflow raises."""
    return struct.unpack("<f", struct.pack("<f", x))[0]


def overflows(x):
    try:
        return f32(x) in (float("inf"), float("-inf"))
    except OverflowError:
        return True


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, n):
        assert self.at + n <= len(self.data), "truncated"
        self.at += n
        return self.data[self.at - n : self.at]

    def u8(self):
        return self.bytes(1)[0]

    def varint(self):
        x = shift = 0
        while True:
            byte = self.u8()
            x |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return x

    def section(self):
        return Reader(self.bytes(self.varint()))

    def finished(self):
        return self.at == len(self.data)


def splitmix(seed, index):
    mask = 2**64 - 1
    z = seed + (index + 1) * 0x9E3779B97F4A7C15 & mask
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
    return z ^ z >> 31


SCALE_SIZES = {0: 4, 1: 2, 2: 1, 3: 2, 4: 1, 5: 1}


def scale_of(kind, raw):
    if kind == 0:
        return struct.unpack("<f", raw)[0]
    if kind == 1:
        return struct.unpack("<e", raw)[0]
    if kind == 3:
        return struct.unpack("<f", b"\0\0" + raw)[0]
    return 2.0 ** (raw[0] - 127)


FORMATS = [(4, 3, 448.0), (5, 2, 57344.0), (3, 2, 28.0), (2, 3, 7.5), (2, 1, 6.0), (5, 10, 65504.0),
           (8, 7, (2 - 2.0**-7) * 2.0**127)]
NF4 = """
bf800000 bf3239b1 bf066b30 beca32a0 be91a24d be3d353f bdba7871 00000000
3da2faff 3e24cae3 3e7c04dd 3ead033a 3ee1a4b8 3f1007ab 3f3913b3 3f800000
"""


def magnitude(exponent_bits, mantissa_bits, n):
    bias = 2 ** (exponent_bits - 1) - 1
    e, m = n >> mantissa_bits, n & (1 << mantissa_bits) - 1
    if e == 0:
        return m * 2.0 ** (1 - bias - mantissa_bits)
    return (1 + m / 2**mantissa_bits) * 2.0 ** (e - bias)


def read_scales(kind, count, side):
    shared = []
    if kind == 4:
        shared = [struct.unpack("<f", side.bytes(4))[0] for _ in range(-(-count // 256))]
        return [f32(shared[i // 256] * side.u8()) for i in range(count)]
    if kind == 5:
        share = struct.unpack("<f", side.bytes(4))[0] if count else 1.0
        numbers = side.bytes(count)
        assert share > 0 and all(0 < n < 127 for n in numbers)
        return [f32(share * magnitude(4, 3, n)) for n in numbers]
    return [scale_of(kind, side.bytes(SCALE_SIZES[kind])) for _ in range(count)]


def read_levels(stages, side):
    """The levels in the units of a scale, and their radius."""
    tag = stages.data[stages.at]
    if tag == 0x02:
        first, count = read_grid(stages)
        return [first + i for i in range(count)], 0.5
    assert stages.u8() == tag
    parameters = stages.section()
    if tag == 0x05:
        exponent_bits, mantissa_bits, largest = FORMATS[parameters.u8()]
        assert parameters.finished()
        numbers = [0.0]
        while numbers[-1] < largest:
            numbers.append(magnitude(exponent_bits, mantissa_bits, len(numbers)))
        return [-x for x in numbers[:0:-1]] + numbers, (numbers[-1] - numbers[-2]) / 2
    assert tag == 0x06
    kind = parameters.u8()
    if kind == 2:
        levels = [from_bits(0, int(bits, 16)) for bits in NF4.split()]
    else:
        levels = [struct.unpack("<f", side.bytes(4))[0] for _ in range(parameters.varint())]
    assert parameters.finished() and kind <= 2 and all(a < b for a, b in zip(levels, levels[1:]))
    gaps = [(b - a) / 2 for a, b in zip(levels, levels[1:])]
    ends = [levels[0] + 1, 1 - levels[-1]] if kind == 1 else []
    radius = max(gaps + ends + [0.0])
    bits = struct.unpack("<I", struct.pack("<f", radius))[0]
    return levels, f32(radius) if f32(radius) >= radius else from_bits(0, bits + 1)


def read_quantizer(stages, side):
    """Functions from (position, code) to an f32 value, and from a position to the excess that narrowing allows."""
    tag, scaled = stages.u8(), stages.section()
    if tag == 0x03:
        return read_zero_points(scaled, stages, side)
    if tag == 0x04:
        return read_bounded(scaled)
    if tag == 0x07:
        return read_steps(scaled)
    assert tag == 0x01
    flags = scaled.u8()
    run, count = read_groups(scaled)
    seed = struct.unpack("<Q", scaled.bytes(8))[0] if flags & 0x20 else None
    assert scaled.finished()
    scales = read_scales(flags & 0x0F, count, side)
    offsets = [0.0] * count
    if flags & 0x10:
        offsets = [struct.unpack("<f", side.bytes(4))[0] for _ in range(count)]

    levels, radius = read_levels(stages, side)
    largest = f32(3.4028234663852886e38)

    ends = (levels[0], levels[-1])
    wide = any(
        overflows(ends[1] - ends[0]) or overflows(f32(ends[1] - ends[0]) * s)
        or any(overflows(e * s) or overflows(f32(e * s) + o) for e in ends)
        for s, o in zip(scales, offsets)
    )

    def value(position, code):
        group = 0 if run is None else (position // run) % count
        level = levels[code]
        if seed is not None:
            level -= (splitmix(seed, position) >> 40) / 2.0**24 - 0.5
        if wide or seed is not None:
            return f32(min(max(level * scales[group] + offsets[group], -largest), largest))
        return f32(f32(level * scales[group]) + offsets[group])

    def bound(position):
        group = 0 if run is None else (position // run) % count
        excess = scales[group] * ((1 if seed is None else 2) * radius + max(abs(ends[0]), abs(ends[1])) * 2.0**-22) + 2.0**-149
        if flags & 0x10:
            excess += 2.0**-23 * max(abs(end * scales[group] + offsets[group]) for end in ends)
        return 2.0 * excess

    return value, bound


def read_groups(parameters):
    """Neighbours that share a group, or None, and the number of groups."""
    layout = parameters.u8()
    if layout == 0:
        return None, 1
    run, other = parameters.varint(), parameters.varint()
    return run, -(-other // run) if layout == 1 else other


def read_zero_points(parameters, stages, side):
    kind = parameters.u8()
    run, count = read_groups(parameters)
    assert parameters.finished()
    scales = read_scales(kind, count, side)
    zeros = [struct.unpack("<H", side.bytes(2))[0] for _ in range(count)]
    first, levels = read_grid(stages)
    assert first == int(first) and all(zero < levels for zero in zeros)

    def value(position, code):
        assert code < levels
        group = 0 if run is None else (position // run) % count
        x = (code - zeros[group]) * scales[group]
        return math.copysign(LARGEST[0], x) if overflows(x) else f32(x)

    def bound(position):
        group = 0 if run is None else (position // run) % count
        zero = zeros[group]
        return 2.0 * (scales[group] * (0.5 + max(zero, levels - 1 - zero) * 2.0**-22) + 2.0**-149)

    return value, bound


def logarithm(x):
    fraction, exponent = math.frexp(x)
    t = 2.0 * fraction - 1.0
    return (exponent - 1) + t * (4.0 - t) / 3.0


def exponential(y):
    if y >= 128.0:
        return 2.0**128
    e = math.floor(y)
    return (1.0 + (2.0 - math.sqrt(4.0 - 3.0 * (y - e)))) * 2.0**e


def read_bounded(parameters):
    kind = parameters.u8()
    element, levels = kind >> 4, parameters.varint()
    largest = LARGEST[element]

    def rounded(x):
        x = f32(min(max(x, -largest), largest))
        bits = int(narrow(element, x, 0.0), 16)
        return from_bits(element, bits)

    if kind & 15 == 2:
        first = parameters.varint()
        assert parameters.finished()
        width = 32 if element == 0 else 16

        def value(_, code):
            assert code < levels
            key = first + code
            bits = key ^ 1 << width - 1 if key >> width - 1 else key ^ (1 << width) - 1
            return from_bits(element, bits)

        return value, lambda _: 0.0

    bound, step = struct.unpack("<dd", parameters.bytes(16))
    zigzag = parameters.varint()
    first = (zigzag >> 1) ^ -(zigzag & 1)
    if kind & 15 == 0:
        assert parameters.finished()

        def value(_, code):
            assert code < levels
            return rounded((first + code) * step)

        return value, lambda _: 2.0 * bound

    least, exact = struct.unpack("<f", parameters.bytes(4))[0], parameters.varint()
    assert parameters.finished() and kind & 15 == 1

    def level(code):
        number = first + code
        n = abs(number)
        if n < exact:
            magnitude = n * (least / exact) if exact > 1 else 0.0
        else:
            magnitude = exponential(logarithm(least) + (n - exact) * step)
        return -magnitude if number < 0 else magnitude

    def value(_, code):
        assert code < levels
        return rounded(level(code))

    reach = min(max(abs(level(0)), abs(level(levels - 1))), largest)
    return value, lambda _: 2.0 * (bound * reach / (1.0 - bound))


def read_automaton(parameters):
    """The numbers of states and lanes, and the period, or None."""
    size = parameters.u8()
    states, lanes = 1 << (size & 15), 1 << (size >> 4)
    assert states in (1, 8, 64, 256) and lanes <= 32
    period = 32 * parameters.varint() if states > 1 else None
    assert period != 0
    return states, lanes, period


AUTOMATA = {8: (5, 2), 64: (33, 10), 256: (166, 121)}


def read_steps(parameters):
    sides = 1 if read_automaton(parameters)[0] == 1 else 2
    step, zigzag, levels = struct.unpack("<f", parameters.bytes(4))[0], parameters.varint(), parameters.varint()
    first = 4 * ((zigzag >> 1) ^ -(zigzag & 1))
    spikes = []
    if levels & 1:
        levels -= 1
        spikes = struct.unpack(f"<{(count := parameters.u8() + 1)}f", parameters.bytes(4 * count))
        assert count <= 4 and all(map(math.isfinite, spikes)) and sorted(set(spikes)) == list(spikes)
    assert parameters.finished() and 2.0**-126 <= step < math.inf
    assert abs(first) <= 2**23 and levels >= 6 and levels % 2 == 0 and first + levels - 1 <= 2**23

    def value(_, code):
        assert code < levels + sides * len(spikes)
        return nearest_f32((first + code) * step) if code < levels else spikes[(code - levels) // sides]

    return value, lambda _: math.inf


def read_grid(stages):
    tag, grid = stages.u8(), stages.section()
    assert tag == 0x02
    mid_rise, zigzag, levels = grid.u8(), grid.varint(), grid.varint()
    assert grid.finished()
    lowest = (zigzag >> 1) ^ -(zigzag & 1)
    return lowest + (0.5 if mid_rise else 0.0), levels


def unpack(data, width, count):
    assert len(data) == (count * width + 7) // 8
    bits = int.from_bytes(data, "little")
    assert bits >> (count * width) == 0, "pad bits"
    return [bits >> (i * width) & ((1 << width) - 1) for i in range(count)]


def read_blocks(stages, side):
    """A function from the stream of some values to pairs of an f32 value and the excess that narrowing allows."""
    tag, blocks = stages.u8(), stages.section()
    assert tag == 0x10
    kind, block = blocks.u8(), blocks.varint()
    assert blocks.finished()
    levels, radius = read_levels(stages, side)
    first, last = levels[0], levels[-1]
    width = max(1, (len(levels) - 1).bit_length())

    def values(data, count):
        stream, out = Reader(data), []
        for start in range(0, count, block):
            scale = scale_of(kind, stream.bytes(SCALE_SIZES[kind]))
            here = min(block, count - start)
            bound = 2.0 * (scale * (radius + max(abs(first), abs(last)) * 2.0**-22) + 2.0**-149)
            for code in unpack(stream.bytes((here * width + 7) // 8), width, here):
                wide = any(overflows(x * scale) for x in (first, last, last - first))
                x = levels[code] * scale
                out.append((f32(min(max(x, -LARGEST[0]), LARGEST[0])) if wide else f32(x), bound))
        assert stream.finished()
        return out

    return values


EIGHTHS = [
    struct.unpack(">f", bytes.fromhex(bits))[0]
    for bits in "3f800000 3f6ac0c7 3f5744fd 3f45672a 3f3504f3 3f25fed7 3f1837f0 3f0b95c2".split()
]
PARITY_CHECKS = {3: (5, 2), 6: (33, 10), 8: (166, 121)}


def read_trellis_blocks(stages):
    """A function from the stream of some values to pairs of an f32 value and the excess that narrowing allows."""
    tag, blocks = stages.u8(), stages.section()
    assert tag == 0x13
    kind = blocks.u8()
    base, offset = struct.unpack("<ff", blocks.bytes(8))
    assert blocks.finished() and math.isfinite(base) and math.isfinite(offset)
    width, one_side, (h0, h1) = (kind & 7) + 1, kind & 8 != 0, PARITY_CHECKS[kind >> 4]
    assert math.copysign(1, base) > 0 or one_side and base != 0
    levels = []
    for code in range(2 << width):
        last = (2 << width) - 1
        u = f32(code / last) if one_side else f32((2 * code - last) / last)
        levels.append(f32(f32(u * f32(1 + f32(u * u))) / 2))

    def values(data, count):
        stream, out = Reader(data), []
        for start in range(0, count, 256):
            here = min(256, count - start)
            scale = stream.u8()
            number = (here + 15) // 16
            below = unpack(stream.bytes((number + 1) // 2), 4, number)
            state = scale // 2 % 8
            for i, symbol in enumerate(unpack(stream.bytes((here * width + 7) // 8), width, here)):
                eighths = scale + 2 * below[i // 16]
                s = f32(base * math.ldexp(EIGHTHS[eighths % 8], -(eighths // 8))) if below[i // 16] < 15 else 0.0
                x = offset + f32(s * levels[2 * symbol + state % 2])
                state = state // 2 ^ (state % 2 * h0) ^ (symbol % 2 * h1)
                out.append((f32(min(max(x, -LARGEST[0]), LARGEST[0])), float("inf")))
        assert stream.finished()
        return out

    return values


def read_lossless(stages, element):
    tag, parameters = stages.u8(), stages.section()
    flags = parameters.u8()
    size = 4 if element == 0 else 2
    assert tag == 0x12 and flags & 3 == element and flags >> 2 + size == 0
    tables = [read_table(parameters) if flags >> 2 + k & 1 else None for k in range(size)]
    assert parameters.finished()

    def bits(data, count):
        stream, planes = Reader(data), []
        for table in tables:
            planes.append(with_table(table, stream, count) if table else stream.bytes(count))
        assert stream.finished()
        numbers = [int.from_bytes(value, "little") for value in zip(*planes)]
        return [f"{x >> 1 | (x & 1) << 8 * size - 1:0{2 * size}x}" for x in numbers]

    return bits


def read_table(codec):
    flags, width = codec.u8(), codec.u8()
    whole, low = (1 << 12, 1 << 14)[flags & 1], flags >> 1
    assert low <= 16 and low < width
    ranges, next_code, begin = [], 0, 0
    for _ in range(codec.varint()):
        word = codec.varint()
        code = next_code + (codec.varint() + 1 if word & 1 else 0)
        ranges.append((begin, (word >> 1) + 1, code))
        begin, next_code = begin + (word >> 1) + 1, code + 1
    assert begin < whole and all(code << low >> width == 0 for _, _, code in ranges)
    ranges.append((begin, whole - begin, None))
    return ranges, whole, low, width


class Lanes:
    """The states of a stream, which give one code after another."""

    def __init__(self, stream, lanes):
        assert lanes <= 32
        self.stream, self.x = stream, list(struct.unpack(f"<{lanes}I", stream.bytes(4 * lanes)))
        assert min(self.x) >= 1 << 16

    def refill(self, lane, x):
        self.x[lane] = x if x >= 1 << 16 else x << 16 | struct.unpack("<H", self.stream.bytes(2))[0]

    def part(self, lane, bits):
        value = self.x[lane] % (1 << bits)
        self.refill(lane, self.x[lane] >> bits)
        return value

    def code(self, i, table):
        ranges, whole, low, width = table
        lane = i % len(self.x)
        r = self.x[lane] % whole
        begin, frequency, code = next(row for row in ranges if row[0] <= r < row[0] + row[1])
        self.refill(lane, frequency * (self.x[lane] // whole) + r - begin)
        if code is None:
            return sum(self.part(lane, min(16, width - shift)) << shift for shift in range(0, width, 16))
        return code << low | self.part(lane, low) if low else code

    def pair(self, i, starts):
        lane = i % len(self.x)
        r = self.x[lane] % 4096
        kind = max(k for k in range(4) if starts[k] <= r)
        self.refill(lane, (starts[kind + 1] - starts[kind]) * (self.x[lane] // 4096) + r - starts[kind])
        return kind & 1, kind >> 1

    def finish(self):
        assert all(state == 1 << 16 for state in self.x)


def with_table(table, stream, count):
    mode = stream.u8()
    if mode >= 128:
        assert 1 <= mode - 128 <= table[3]
        return unpack(stream.bytes((count * (mode - 128) + 7) // 8), mode - 128, count)
    return with_lanes(table, 1 << mode, stream, count)


def with_lanes(table, count_of_lanes, stream, count):
    lanes = Lanes(stream, count_of_lanes)
    out = [lanes.code(i, table) for i in range(count)]
    lanes.finish()
    return out


SHAPES = [
    (0.5, 10.954451150103322), (2, 1), (0.7, 3.1312861147165894), (2.5, 2), (0.85, 1.926857511165412),
    (1, 1.4142135623730951), (3.5, 4), (1.2, 1.0852057708574678), (1.4, 0.9153333484878128), (6, 9),
    (1.7, 0.7798557338223416), (2, 0.7071067811865476), (2.4, 0.6527094999870467), (3, 0.610968226593982),
    (4, 0.581368317019128), (8, 0.5609226915710442),
]


def density_sums(shape):
    b, c = SHAPES[shape]

    def p(u):
        if shape in (1, 3, 6, 9):
            return exp(-b * ln(1 + u * u / c))
        x = u * c
        return exp(-min(x if b == 1 else x * x if b == 2 else exp(b * ln(x)), 600.0))

    sums = [0.0]
    first = 0.21132486540518713
    for j in range(768):
        sums.append(sums[-1] + (p((j + first) / 32) + p((j + (1 - first)) / 32)))
    return sums


def density_table(sums, scale, side, middle, last, width):
    centre, one_sided = middle
    h = min(max(scale, -256), 768)
    w = exp(-h / 32 * LN_2)
    low = min(max(h // 32 - 3, 0), 16, width - 1)

    def cumulative(u):
        v = min(32 * abs(u), 768.0)
        j = min(int(v), 767)
        return math.copysign(sums[j] + (v - j) * (sums[j + 1] - sums[j]), u)

    def end(x):
        return cumulative(((x << low) - centre + side / 2 - 0.5) * w)

    number = (last >> low) + 1
    least = centre >> low if one_sided else 0
    total = end(number) - end(least)

    def share(x):
        return (end(x + 1) - end(x)) / total * 4096

    first = centre >> low
    after = first + 1
    while first > least and share(first - 1) >= 0.5:
        first -= 1
    while after < number and share(after) >= 0.5:
        after += 1
    frequencies = [max(1, int(share(x) + 0.5)) for x in range(first, after)]
    rest = max(1, int(4096 - (end(after) - end(first)) / total * 4096 + 0.5))
    order = sorted(range(len(frequencies)), key=lambda i: (-frequencies[i], i))
    excess = sum(frequencies) + rest - 4096
    while excess:
        for i in order:
            if excess > 0 and frequencies[i] > 1:
                frequencies[i], excess = frequencies[i] - 1, excess - 1
            elif excess < 0:
                frequencies[i], excess = frequencies[i] + 1, excess + 1
    ranges, begin = [], 0
    for x, frequency in zip(range(first, after), frequencies):
        ranges.append((begin, frequency, x))
        begin += frequency
    assert begin < 4096
    return ranges + [(begin, 4096 - begin, None)], 4096, low, width


def read_levels_of_groups(data, count):
    stream = Reader(data)
    mode = stream.u8()
    assert count < 64 * (len(data) + 1)
    if mode >= 128:
        assert 1 <= mode - 128 <= 8
        levels = unpack(stream.bytes((count * (mode - 128) + 7) // 8), mode - 128, count)
    else:
        assert mode == 0
        table = read_table(stream)
        assert table[3] <= 8
        levels = with_lanes(table, 1, stream, count)
    assert stream.finished() and all(level < 64 for level in levels)
    return levels


def read_contexts(parameters, side):
    states, count_of_lanes, period = read_automaton(parameters)
    last, groupings = parameters.varint(), parameters.u8()
    written, spiked, groupings = groupings >= 128, groupings & 64, groupings & 63
    parts, idle, classes, spikes, distance = [], 0, 1, 0, None
    assert groupings <= 4
    if spiked:
        spikes, distance = parameters.varint() + 1, parameters.varint()
        starts = [[0, *struct.unpack("<3H", parameters.bytes(6)), 4096] for _ in range(9)]
        assert spikes <= 4 and 2 <= distance <= 4096 and all(a < b for row in starts for a, b in zip(row, row[1:]))
    sides, width = 1 if states == 1 else 2, max(1, (last + spikes).bit_length())
    assert last + spikes < 2**24
    if spiked:
        table_of_spikes = read_table(parameters)
        assert table_of_spikes[1] == 4096 and table_of_spikes[3] == width
    if written:
        if groupings:
            classes = parameters.varint()
        assert classes <= 64
        tables = [read_table(parameters) for _ in range(classes * sides)]
        assert all(table[1] == 4096 and table[3] == width for table in tables)
    else:
        shape, zigzag, centre = parameters.u8(), parameters.varint(), parameters.varint()
        scale = (zigzag >> 1) ^ -(zigzag & 1)
        one_sided, shape = shape >= 16, shape & ~16
        assert -1280 <= scale <= 768 and centre <= last and shape < 16
    if groupings:
        idle = parameters.varint()
    layouts = [(*read_groups(parameters), parameters.varint()) for _ in range(groupings)]
    for run, count, length in layouts:
        parts.append((run, count, read_levels_of_groups(side.bytes(length), count)))
    found = 1 + sum(max(levels, default=0) for _, _, levels in parts)
    assert found <= 64 and idle <= found and (found == classes or not written)
    if not written:
        sums = density_sums(shape)
        tables = [density_table(sums, scale + 8 * k, d, (centre, one_sided), last, width) for k in range(found) for d in range(sides)]
    assert parameters.finished()

    def codes(first, data, count):
        stream = Reader(data)
        mode = stream.u8()
        if mode >= 128:
            assert 1 <= mode - 128 <= width + sides - 1
            out = unpack(stream.bytes((count * (mode - 128) + 7) // 8), mode - 128, count)
            assert stream.finished()
            return out
        assert mode == 0
        lanes, q, out = Lanes(stream, count_of_lanes), [0] * count_of_lanes, []
        mask = []
        for i in range(count):
            if spiked and i % 1024 == 0:
                for at in range(i, min(i + 1024, count), 2):
                    before, above = (
                        sum(mask[j] for j in (at - back, at - back + 1) if j >= 0) for back in (2, distance)
                    )
                    mask += lanes.pair(at // 2, starts[3 * before + above])
                assert not any(mask[count:])
            if period and (first + i) % period == 0:
                q = [0] * count_of_lanes
            lane = i % count_of_lanes
            k = sum(levels[0 if run is None else (first + i) // run % n] for run, n, levels in parts)
            is_spike = spiked and mask[i]
            still = k < idle or sides == 1 or is_spike
            d = 0 if still else q[lane] & 1
            symbol = lanes.code(i, table_of_spikes if is_spike else tables[k * sides + d])
            if not still:
                a, b = AUTOMATA[states]
                q[lane] = q[lane] >> 1 ^ (a if q[lane] & 1 else 0) ^ (b if symbol & 1 else 0)
            out.append(symbol if sides == 1 else symbol << 1 | d)
        lanes.finish()
        assert stream.finished()
        return out

    return codes


def read_codec(stages, side):
    tag, codec = stages.u8(), stages.section()
    if tag == 0x42:
        return read_contexts(codec, side)
    if tag == 0x41:
        table = read_table(codec)
        assert codec.finished()

        def codes(_, data, count):
            stream = Reader(data)
            out = with_table(table, stream, count)
            assert stream.finished()
            return out

        return codes
    assert tag == 0x40
    width = codec.u8()
    assert codec.finished()
    high_first, width = width >= 128, width & 127
    assert not high_first or width in (1, 2, 4)

    def turned(byte):
        bits = f"{byte:08b}"
        return int("".join(bits[i : i + width] for i in range(8 - width, -1, -width)), 2)

    def codes(_, data, count):
        return unpack(bytes(map(turned, data)) if high_first else data, width, count)

    return codes


LARGEST = {0: 3.4028234663852886e38, 1: 65504.0, 2: 3.3895313892515355e38}


def from_bits(element, bits):
    if element == 1:
        return struct.unpack("<e", struct.pack("<H", bits))[0]
    return struct.unpack("<f", struct.pack("<I", bits << (16 if element == 2 else 0)))[0]


def read_mask(stream, size, count):
    """The values of a mask by position, as hexadecimal bits."""
    mask, held, end, values = stream.section(), None, 0, {}
    while not mask.finished():
        gap, run = mask.varint(), mask.varint()
        before = held
        if run & 1 == 0:
            held = mask.bytes(size)
        assert held is not None and (gap > 0 if run & 1 else held != before)
        first, end = end + gap, end + gap + (run >> 1) + 1
        assert end <= count
        values.update((i, held[::-1].hex()) for i in range(first, end))
    return values


def narrow(element, x, bound):
    """The hexadecimal bits of x as f32, f16 or bf16."""
    largest = LARGEST[element]
    if abs(x) > largest:
        assert abs(x) - largest <= bound, "overflow"
        x = largest if x > 0 else -largest
    if element == 0:
        return f"{struct.unpack('<I', struct.pack('<f', x))[0]:08x}"
    if element == 1:
        return f"{struct.unpack('<H', struct.pack('<e', x))[0]:04x}"
    bits = struct.unpack("<I", struct.pack("<f", x))[0]
    return f"{(bits + 0x7FFF + (bits >> 16 & 1)) >> 16:04x}"


def hadamard_block(seed):
    def undo(position, block):
        n = len(block)
        block = [f32(c * f32(1 / math.sqrt(n))) for c in block]
        h = 1
        while h < n:
            for i in range(n):
                if i & h == 0:
                    block[i], block[i + h] = f32(block[i] + block[i + h]), f32(block[i] - block[i + h])
            h *= 2
        negative = [splitmix(seed, (position + i) // 64) >> (position + i) % 64 & 1 for i in range(n)]
        return [-x if sign else x for x, sign in zip(block, negative)]

    return undo


def cosine_block(length):
    quarter = 2 * length
    table = [0.0] * (quarter + 1)
    table[0], width, half = 1.0, quarter, math.sqrt(0.5)
    while width > 1:
        for j in range(0, quarter, width):
            table[j + width // 2] = (table[j] + table[j + width]) / (2 * half)
        half, width = math.sqrt((1 + half) / 2), width // 2

    def cosine(j):
        j %= 4 * quarter
        if j > 2 * quarter:
            j = 4 * quarter - j
        return table[j] if j <= quarter else -table[2 * quarter - j]

    def undo(_, block):
        n = len(block)
        if n == 1:
            return block
        sums, odd = undo(0, block[::2]), block[1::2]
        factor = math.sqrt(4 / n)
        values = [0.0] * n
        for j in range(n // 2):
            difference = 0.0
            for i, c in enumerate(odd):
                entry = f32(factor * cosine((2 * i + 1) * (2 * j + 1) * (2 * length // n)))
                difference = f32(difference + f32(entry * c))
            root = f32(math.sqrt(0.5))
            even, odd_part = f32(sums[j] * root), f32(difference * root)
            values[j], values[n - 1 - j] = f32(even + odd_part), f32(even - odd_part)
        return values

    return undo


def axis_of(parameters):
    """Run and steps of an axis."""
    layout, run, steps = parameters.u8(), parameters.varint(), parameters.varint()
    assert layout == 2 and run > 0 and steps > 0
    return run, steps


def in_blocks(log, undo, axis=None):
    """A transform in blocks: from a function to coefficients to one to values."""

    def blocks(first, number):
        """Positions of the values of each block."""
        lines = [range(number)]
        if axis is not None:
            run, steps = axis
            # Chunks are whole blocks with all that lies between, so that lines end where a chunk does.
            heads = [i for i in range(number) if i < run or (first + i) // run % steps == 0]
            lines = [range(i, min(number, i + run * (steps - (first + i) // run % steps)), run) for i in heads]
        for line in lines:
            at = 0
            while at < len(line):
                n = min(1 << log, 1 << (len(line) - at).bit_length() - 1)
                yield line[at : at + n]
                at += n

    def stage(coefficients):
        def values(first, data, number):
            x = [c for c, _ in coefficients(first, data, number)]
            for block in blocks(first, number):
                for i, value in zip(block, undo(first + block[0], [x[i] for i in block])):
                    x[i] = value
            return [(value, math.inf) for value in x]

        return values

    return stage


def one_by_one(undo):
    def stage(coefficients):
        def values(first, data, number):
            return [(undo(first + i, c), math.inf) for i, (c, _) in enumerate(coefficients(first, data, number))]

        return values

    return stage


def nearest_f32(x):
    return math.copysign(LARGEST[0], x) if overflows(x) else f32(x)


def standardize(parameters, side):
    flags = parameters.u8()
    run, count = read_groups(parameters)
    assert parameters.finished() and flags < 16 and flags & 3 < 3
    formats = {0: (4, "<f"), 1: (2, "<e"), 2: (2, None)}

    def numbers(flag, default):
        if not flags & flag:
            return [default] * count
        size, layout = formats[flags & 3]
        raw = [side.bytes(size) for _ in range(count)]
        return [struct.unpack("<f", b"\0\0" + x)[0] if layout is None else struct.unpack(layout, x)[0] for x in raw]

    means, scales = numbers(4, 0.0), numbers(8, 1.0)

    def undo(i, c):
        group = 0 if run is None else i // run % count
        return nearest_f32(c * scales[group] + means[group])

    return one_by_one(undo)


LN_2, LOG2_E, SQRT_2 = math.log(2), 1 / math.log(2), math.sqrt(2)
assert (LN_2, LOG2_E) == (0.6931471805599453, 1.4426950408889634)


def exp(x):
    n = (x * LOG2_E + 1.5 * 2.0**52) - 1.5 * 2.0**52
    r, s = x - n * LN_2, 0.0
    for k in range(13, -1, -1):
        s = 1 / math.factorial(k) + r * s
    return s * 2.0**n


def ln(x):
    m, n = math.frexp(x)
    if m < SQRT_2 / 2:
        m, n = 2 * m, n - 1
    z = (m - 1) / (m + 1)
    w, s = z * z, 0.0
    for k in range(9, -1, -1):
        s = 1 / (2 * k + 1) + w * s
    return 2 * z * s + n * LN_2


def compand(parameters):
    curve = parameters.u8()
    assert curve < 3
    shape = struct.unpack("<d", parameters.bytes(8))[0] if curve != 1 else 1.0
    unit = struct.unpack("<f", parameters.bytes(4))[0] if curve != 2 else 1.0
    assert parameters.finished()

    def magnitude_of(c):
        if curve == 0:
            t = c * ln(1 + shape)
            y = t * (1 + t / 2 * (1 + t / 3)) if t < 1 / 1024 else exp(min(t, 700.0)) - 1
            return y / shape * unit
        if curve == 1:
            e = exp(min(c, 700.0))
            return (c * (1 + c * c / 6) if c < 1 / 1024 else (e - 1 / e) / 2) * unit
        return exp(min(max(ln(c) * (1 / shape), -700.0), 700.0)) if c else 0.0

    return one_by_one(lambda _, c: math.copysign(nearest_f32(magnitude_of(abs(c))), c))


def read_components(parameters, side):
    """Rows from fewer coefficients."""
    storage, columns, components = parameters.u8(), parameters.varint(), parameters.varint()
    assert storage <= 1 and 1 <= components <= columns <= 4096
    mean = struct.unpack(f"<{columns}f", side.bytes(4 * columns))
    basis = [
        struct.unpack(f"<{columns}{'fe'[storage]}", side.bytes((4, 2)[storage] * columns)) for _ in range(components)
    ]
    assert parameters.finished() and all(math.isfinite(x) for row in [mean, *basis] for x in row)

    def undo(coefficients):
        x = list(mean)
        for c, row in zip(coefficients, basis):
            x = [f32(x_j + f32(c * v)) for x_j, v in zip(x, row)]
        return x

    def stage(inner):
        def values(first, data, number):
            assert first % columns == 0 and number % columns == 0
            start, count = first // columns * components, number // columns * components
            c = [c for c, _ in inner(start, data, count)]
            rows = [undo(c[i : i + components]) for i in range(0, count, components)]
            return [(x, math.inf) for row in rows for x in row]

        return values

    return stage


def read_transform(tag, parameters, side):
    if tag == 0x23:
        return standardize(parameters, side)
    if tag == 0x24:
        return compand(parameters)
    if tag == 0x25:
        return read_components(parameters, side)
    log, axis = parameters.u8(), None
    if tag == 0x21:
        assert 1 <= log <= 12
        undo = hadamard_block(struct.unpack("<Q", parameters.bytes(8))[0])
    else:
        if log & 128:
            log, axis = log & 127, axis_of(parameters)
        assert 2 <= log <= 8
        undo = cosine_block(1 << log)
    assert parameters.finished()
    return in_blocks(log, undo, axis)


def read_differences(parameters):
    n, order = parameters.varint() + 1, parameters.u8()
    axes = [axis_of(parameters) for _ in range(parameters.varint())]
    assert parameters.finished() and order in (1, 2) and len(axes) <= 8

    def undo(first, codes):
        assert all(c < n for c in codes)
        codes = [n - 1 - c // 2 if c & 1 else c // 2 for c in codes]
        for run, steps in reversed(axes or [(1, 2**64)]):
            for _ in range(order):
                for i in range(run, len(codes)):
                    if (first + i) // run % steps:
                        codes[i] = (codes[i] + codes[i - run]) % n
        return codes

    return undo


def read_folded(parameters):
    n, centre = parameters.varint() + 1, parameters.varint()
    assert parameters.finished() and centre < n < 2**32
    reach = min(centre, n - 1 - centre)

    def unfolded(c):
        if c <= 2 * reach:
            return centre - (c + 1) // 2 if c & 1 else centre + c // 2
        return centre + c - reach if reach == centre else centre - (c - reach)

    def undo(_, codes):
        assert all(c < n for c in codes)
        return [unfolded(c) for c in codes]

    return undo


def read_shuffled(parameters):
    n, size = parameters.varint() + 1, parameters.varint()
    assert parameters.finished() and n < 2**32 and 2 <= size <= 256

    def undo(first, codes):
        assert all(c < n for c in codes)
        order = sorted(range(len(codes)), key=lambda i: ((first + i) % size, i))
        return [c for _, c in sorted(zip(order, codes))]

    return undo


MAPS = {0x31: read_differences, 0x32: read_folded, 0x33: read_shuffled}


def checksum(frame, data):
    stored = frame.bytes(4)
    assert struct.unpack("<I", stored)[0] == zlib.crc32(data)
    return stored


def read_records(frame):
    """What follows the sections of a streamed frame."""
    chunk, count, streams = frame.varint(), 0, []
    assert chunk > 0
    checksums = checksum(frame, frame.data[: frame.at])
    while True:
        start, values = frame.at, frame.varint()
        if values == 0:
            assert frame.varint() == count
            checksum(frame, checksums + frame.data[start : frame.at])
            return chunk, count, streams
        assert values <= chunk and count % chunk == 0
        count += values
        streams.append(frame.bytes(frame.varint()))
        checksums += checksum(frame, frame.data[start : frame.at])


def read_payload(frame, flags, count):
    """What follows the sections of any other frame."""
    chunk, lengths = count, None
    if flags & 0x04:
        table = frame.section()
        chunk = table.varint()
        lengths = [table.varint() for _ in range(-(-count // chunk))]
        assert table.finished()
    payload_length = frame.varint()
    if lengths is None:
        streams = [frame.bytes(payload_length)]
        checksum(frame, frame.data[: frame.at])
        return chunk, streams
    checksum(frame, frame.data[: frame.at])
    streams = []
    for length in lengths:
        streams.append(frame.bytes(length))
        checksum(frame, streams[-1])
    assert payload_length == sum(lengths) + 4 * len(lengths)
    return chunk, streams


def decode(data):
    frame = Reader(data)
    assert frame.bytes(4) == b"fewb" and frame.u8() == 0
    flags = frame.u8()
    streamed = flags & 0x08
    count = None if streamed else frame.varint()
    stages, side = frame.section(), frame.section()
    if streamed:
        assert flags < 11
        chunk, count, streams = read_records(frame)
    else:
        assert flags < 7
        chunk, streams = read_payload(frame, flags, count)
    assert frame.finished()

    masks = 0
    while stages.data[stages.at] == 0x11:
        assert stages.u8() == 0x11
        policy = stages.section()
        kept = policy.u8()
        assert kept < 8 and kept & 3 < 3
        policy.bytes(4 if kept & 4 else 0)
        assert policy.finished()
        masks += kept >= 2
    transforms = []
    while stages.data[stages.at] in (0x21, 0x22, 0x23, 0x24, 0x25):
        tag, parameters = stages.u8(), stages.section()
        transforms.append(read_transform(tag, parameters, side))
    as_bits = None
    if stages.data[stages.at] == 0x12:
        as_bits = read_lossless(stages, flags & 3)
    elif stages.data[stages.at] in (0x10, 0x13):
        blocks = read_blocks(stages, side) if stages.data[stages.at] == 0x10 else read_trellis_blocks(stages)

        def values(_, data, number):
            return blocks(data, number)

    else:
        value, bound = read_quantizer(stages, side)
        maps = []
        while stages.data[stages.at] in MAPS:
            maps.append(MAPS[stages.u8()](stages.section()))
        codes = read_codec(stages, side)

        def values(first, data, number):
            stream = codes(first, data, number)
            for undo in reversed(maps):
                stream = undo(first, stream)
            return [(value(first + j, c), bound(first + j)) for j, c in enumerate(stream)]

    assert stages.finished() and side.finished()
    # The first transform is the last one to be undone.
    for undo in reversed(transforms):
        values = undo(values)
    out = []
    for i, data in enumerate(streams):
        first, number = i * chunk, min(chunk, count - i * chunk)
        stream, masked = Reader(data), {}
        for _ in range(masks):
            if len(masked) < number or number == 0:
                masked = read_mask(stream, 2 if flags & 3 else 4, number) | masked
        rest = stream.data[stream.at :]
        if masks and number and len(masked) == number:
            assert not rest
            out += [masked[j] for j in range(number)]
            continue
        if as_bits:
            out += [masked.get(j) or x for j, x in enumerate(as_bits(rest, number))]
            continue
        for j, (x, bound_of_x) in enumerate(values(first, rest, number)):
            out.append(masked.get(j) or narrow(flags & 3, x, bound_of_x))
    return out


def main():
    folder = pathlib.Path(__file__).parent / "v0"
    frames = sorted(folder.glob("*.fewb"))
    for path in frames:
        expected = path.with_suffix(".txt").read_text().split()
        if decode(path.read_bytes()) != expected:
            sys.exit(f"{path.name}: the document and the crate disagree")
    print(f"{len(frames)} golden frames decode by the document alone")
    return 0 if frames else 1


if __name__ == "__main__":
    sys.exit(main())
