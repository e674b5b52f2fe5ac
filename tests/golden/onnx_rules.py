"""Writes what the reference evaluator of the onnx package makes of QuantizeLinear, DequantizeLinear and
DynamicQuantizeLinear.

    pip install onnx==1.23.2 && python3 tests/golden/onnx_rules.py >tests/golden/onnx_rules.txt

Values are those of `SplitMix64`, computed here and in tests/onnx.rs alike; results are checksums (CRC-32 as in zip) of
little-endian integers, i32, and of restored values, f32: one for every 100 values, in hexadecimal.

    linear      type, number of scales, seed; lines follow with bits of the scales in hexadecimal, zero points,
                checksums of integers, checksums of restored values; value i of 10,000 has the scale i modulo their number
    dynamic     seed, number of values, kind; then bits of the scale, zero point, checksum of all integers
"""

import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

TYPES = {
    "u2": TensorProto.UINT2, "i2": TensorProto.INT2, "u4": TensorProto.UINT4, "i4": TensorProto.INT4,
    "u8": TensorProto.UINT8, "i8": TensorProto.INT8, "u16": TensorProto.UINT16, "i16": TensorProto.INT16,
}
RANGES = {
    "u2": (0, 3), "i2": (-2, 1), "u4": (0, 15), "i4": (-8, 7), "u8": (0, 255), "i8": (-128, 127),
    "u16": (0, 65535), "i16": (-32768, 32767),
}
COUNT = 10_000
MASK = (1 << 64) - 1
f32 = np.float32


class Random:
    def __init__(self, seed):
        self.state = seed

    def bits(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = ((self.state ^ (self.state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, n):
        return self.bits() % n


def from_bits(bits):
    return np.array([bits], dtype=np.uint32).view(f32)[0]


def to_bits(x):
    return int(np.array([x], dtype=f32).view(np.uint32)[0])


def value(random, i, scale, low, high):
    """Halves of steps, which are ties where the scale is a power of two; points between; any magnitude."""
    width = high - low
    if i // 7 % 4 < 2:
        return f32(f32(random.below(3 * width + 5) - 3 * width // 2) * f32(0.5)) * scale
    if i // 7 % 4 == 2:
        part = f32(random.below(1 << 24)) / f32(1 << 24)
        return f32(f32(part - f32(0.5)) * f32(3 * width)) * scale
    exponent = (to_bits(scale) >> 23) - 20 + random.below(50)
    bits = random.bits()
    return from_bits(int(bits & 0x807FFFFF) | exponent << 23)


def checksums(data, each):
    data = np.ascontiguousarray(data)
    return " ".join(f"{zlib.crc32(data[i:i + each].tobytes()):08x}" for i in range(0, len(data), each))


def run(op, inputs, outputs, **attributes):
    names = [f"x{i}" for i in range(len(inputs))]
    node = helper.make_node(op, names, outputs, **attributes)
    infos = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
             for n, x in zip(names, inputs)]
    results = [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in outputs]
    graph = helper.make_graph([node], "g", infos, results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)])
    return ReferenceEvaluator(model).run(None, dict(zip(names, inputs)))


def linear(name, scale_count, seed):
    random = Random(seed)
    low, high = RANGES[name]
    # The first scales are powers of two, the others anything.
    scales = np.array(
        [from_bits((127 - 30 + random.below(40)) << 23 | (0 if i % 2 == 0 else random.below(1 << 23)))
         for i in range(scale_count)], dtype=f32)
    zeros = [low + random.below(high - low + 1) for _ in range(scale_count)]
    values = np.array([value(random, i, scales[i % scale_count], low, high) for i in range(COUNT)], dtype=f32)
    x = values.reshape(COUNT // scale_count, scale_count)
    dtype = helper.tensor_dtype_to_np_dtype(TYPES[name])
    zero_points = np.array(zeros).astype(dtype)
    with np.errstate(all="ignore"):
        (q,) = run("QuantizeLinear", [x, scales, zero_points], ["q"], axis=1)
        (y,) = run("DequantizeLinear", [q, scales, zero_points], ["y"], axis=1)
    print("linear", name, scale_count, seed)
    print(" ".join(f"{to_bits(s):08x}" for s in scales))
    print(" ".join(map(str, zeros)))
    print(checksums(q.reshape(-1).astype(np.int32), 100))
    # The sign of a zero is left open.
    print(checksums(y.reshape(-1).astype(f32) + f32(0), 100))


def dynamic_values(seed, count, kind):
    random = Random(seed)
    values = []
    for i in range(count):
        x = f32(f32(random.below(1 << 24)) / f32(1 << 24)) - f32(0.5)
        x = x * from_bits((127 - 10 + seed % 20) << 23)
        values.append({"both": x, "positive": abs(x), "negative": -abs(x), "zero": f32(0)}[kind])
    return values


def dynamic(seed, count, kind):
    values = dynamic_values(seed, count, kind)
    q, scale, zero = run("DynamicQuantizeLinear", [np.array(values, dtype=f32)], ["q", "s", "z"])
    print("dynamic", seed, count, kind, f"{to_bits(scale):08x}", int(zero), checksums(q.astype(np.int32), count))


if __name__ == "__main__":
    assert onnx.__version__ == "1.23.2", onnx.__version__
    for seed, name in enumerate(TYPES):
        for scale_count in [1, 10]:
            linear(name, scale_count, 100 * seed + scale_count)
    for seed in range(30):
        dynamic(seed, 1 if seed < 4 else 500, ["both", "positive", "negative", "zero"][seed % 4])
