"""Writes the scales and zero points that torch's observers and torchao choose.

    pip install torch==2.15.0 torchao==0.18.0 numpy && \
        python3 tests/golden/torch_parameters.py >tests/golden/torch_parameters.txt

Each line: who, rule, type, seed, number of values, kind; bits of the scale, zero point. Values are those of
`onnx_rules.py`, "dynamic".
"""

import warnings

import numpy as np
import torch
from torch.ao.quantization import MinMaxObserver
from torchao.quantization.quant_primitives import MappingType, choose_qparams_affine

from onnx_rules import RANGES, dynamic_values, to_bits

warnings.filterwarnings("ignore")
KINDS = ["both", "positive", "negative", "zero"]
QSCHEMES = {"affine": torch.per_tensor_affine, "symmetric": torch.per_tensor_symmetric}
MAPPINGS = {"affine": MappingType.ASYMMETRIC, "symmetric": MappingType.SYMMETRIC}


def observer(rule, name, values):
    dtype = {"i8": torch.qint8, "u8": torch.quint8}[name]
    observer = MinMaxObserver(dtype=dtype, qscheme=QSCHEMES[rule])
    observer(values)
    return observer.calculate_qparams()


def torchao(rule, name, values):
    low, high = RANGES[name]
    return choose_qparams_affine(
        values.reshape(1, -1), MAPPINGS[rule], (1, len(values)), torch.int32, low, high, eps=2.0**-23)


for who, choose, names in [("observer", observer, ["i8", "u8"]), ("torchao", torchao, ["i8", "i4", "u8"])]:
    for rule in QSCHEMES:
        for name in names:
            for seed in range(8):
                count, kind = 1 if seed < 4 else 300, KINDS[seed % 4]
                values = torch.from_numpy(np.array(dynamic_values(seed, count, kind), dtype=np.float32))
                scale, zero = choose(rule, name, values)
                print(who, rule, name, seed, count, kind, f"{to_bits(scale.item()):08x}", int(zero.item()))
