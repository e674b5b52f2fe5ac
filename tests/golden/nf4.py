"""Writes what bitsandbytes makes of NF4: its levels, then values of 4 bits in blocks of 64, high nibble first.

    pip install bitsandbytes==0.50.2 torch==2.15.0 numpy && python3 tests/golden/nf4.py >tests/golden/nf4.txt

    levels      bits of f32, in hexadecimal
    values      seed, number; then bits of the scales, bytes of the codes; values are those of `onnx_rules.py`, "dynamic"
"""

import bitsandbytes
import numpy as np
import torch
from bitsandbytes.functional import get_4bit_type, quantize_4bit

from onnx_rules import dynamic_values, to_bits

assert bitsandbytes.__version__ == "0.50.2"
print("levels", " ".join(f"{to_bits(level):08x}" for level in get_4bit_type("nf4", device="cpu").tolist()))
for seed, count in [(1, 64), (2, 640), (3, 4096), (4, 100)]:
    values = torch.from_numpy(np.array(dynamic_values(seed, count, "both"), dtype=np.float32))
    codes, state = quantize_4bit(values, blocksize=64, quant_type="nf4")
    scales = " ".join(f"{to_bits(scale):08x}" for scale in state.absmax.tolist())
    print("values", seed, count)
    print(scales)
    print(bytes(codes.flatten().tolist()).hex())
