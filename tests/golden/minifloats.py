"""Writes what ml_dtypes makes of small floats.

    pip install ml_dtypes==0.6.0 numpy && python3 tests/golden/minifloats.py >tests/golden/minifloats.txt

    decode      format; then the bits of the f32 that each pattern stands for, in hexadecimal
    encode      format; then a checksum (CRC-32 as in zip) for each 256 patterns of f16, of the patterns they convert to,
                2 bytes each, little-endian; ffff for NaN where the format has none
"""

import zlib

import ml_dtypes
import numpy as np

FORMATS = {
    "E4M3": ml_dtypes.float8_e4m3fn, "E5M2": ml_dtypes.float8_e5m2, "E3M2": ml_dtypes.float6_e3m2fn,
    "E2M3": ml_dtypes.float6_e2m3fn, "E2M1": ml_dtypes.float4_e2m1fn,
}
BITS = {"E4M3": 8, "E5M2": 8, "E3M2": 6, "E2M3": 6, "E2M1": 4}

assert ml_dtypes.__version__ == "0.6.0"
halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
for name, dtype in FORMATS.items():
    patterns = np.arange(1 << BITS[name], dtype=np.uint8).view(dtype)
    values = patterns.astype(np.float32).view(np.uint32)
    print("decode", name, " ".join(f"{bits:08x}" for bits in values))
    with np.errstate(all="ignore"):
        encoded = halves.astype(np.float32).astype(dtype).view(np.uint8).astype(np.uint16)
    if BITS[name] < 8:
        encoded[np.isnan(halves)] = 0xFFFF
    pieces = encoded.astype("<u2").reshape(256, 256)
    print("encode", name, " ".join(f"{zlib.crc32(piece.tobytes()):08x}" for piece in pieces))
exponents = np.arange(255, dtype=np.uint8).view(ml_dtypes.float8_e8m0fnu).astype(np.float32).view(np.uint32)
print("decode", "E8M0", " ".join(f"{bits:08x}" for bits in exponents))
