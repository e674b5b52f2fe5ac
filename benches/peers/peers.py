"""Peers that only Python has: rows as those of the program, of another process but the same machine.

    pip install numpy && pip install --no-deps bitsandbytes
    python peers.py [--values N] [--samples N] [--csv FILE]
"""

import os

# CPU time is that of one thread, so there must be no others.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import ctypes
import importlib.metadata
import importlib.util
import math
import platform
import time

import numpy as np

SAMPLE = 1e-3
HEADER = "group,case,values,level,GB/s,p10,p90,bits per value,ratio"
# The levels of NF4, to the digits that the check needs.
NF4 = np.array(
    [-1, -0.6962, -0.52507, -0.39492, -0.28444, -0.18477, -0.09105, 0]
    + [0.07958, 0.16093, 0.24611, 0.33792, 0.44071, 0.56262, 0.72296, 1],
    np.float32,
)


def seconds(run, times):
    before = time.thread_time()
    for _ in range(times):
        run()
    return time.thread_time() - before


def measure(run, samples):
    """Seconds of a run, once a sample, in order of length; the first run is not counted."""
    run()
    times = max(1, math.ceil(SAMPLE / max(seconds(run, 1), 1e-7)))
    return sorted(seconds(run, times) / times for _ in range(samples))


def cases(count):
    values = (np.random.default_rng(1).standard_normal(count) * 0.02).astype(np.float32)
    probabilities = (np.arange(16) + 0.5) / 16
    yield "16 quantiles", "numpy.quantile", lambda: np.quantile(values, probabilities)

    package = importlib.util.find_spec("bitsandbytes").submodule_search_locations[0]
    library = ctypes.CDLL(os.path.join(package, "libbitsandbytes_cpu.so"))
    block, columns = 64, 4096
    pairs = np.random.default_rng(2).integers(0, 256, count // 2, dtype=np.uint8)
    scales, out = np.full(count // block, 0.5, np.float32), np.empty(count, np.float32)
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (pairs, scales, out)]
    sizes = [ctypes.c_longlong(size) for size in (block, count // columns, columns)]
    dequantize = library.cdequantize_blockwise_cpu_nf4_fp32
    dequantize(*pointers, *sizes)
    expected = 0.5 * NF4[np.stack([pairs >> 4, pairs & 15], axis=1).ravel()]
    assert np.allclose(out, expected, atol=1e-4), "bitsandbytes is wrong"
    yield "NF4 decode", "bitsandbytes, through ctypes", lambda: dequantize(*pointers, *sizes)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--values", type=int, default=1 << 16, help="a multiple of 4096")
    parser.add_argument("--samples", type=int, default=21)
    parser.add_argument("--csv", help="appends rows")
    arguments = parser.parse_args()
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("bitsandbytes", "numpy")]
    lines = [f"# python: Python {platform.python_version()}, " + ", ".join(versions)]
    for group, case, run in cases(arguments.values):
        speeds = [4e-9 * arguments.values / time for time in measure(run, arguments.samples)][::-1]
        low, middle, high = (speeds[round(part * (len(speeds) - 1))] for part in (0.1, 0.5, 0.9))
        lines.append(f'"{group}","{case}",{arguments.values},,{middle:.4f},{low:.4f},{high:.4f},,')
    print(HEADER, *lines, sep="\n")
    if arguments.csv:
        with open(arguments.csv, "a", encoding="utf-8") as file:
            if file.tell() == 0:
                print(HEADER, file=file)
            print(*lines, sep="\n", file=file)


if __name__ == "__main__":
    main()
