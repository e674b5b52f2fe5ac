"""Writes orthonormal cosine transforms as scipy computes them.

    pip install scipy==1.17.1 numpy && python3 tests/golden/scipy_dct.py >tests/golden/scipy_dct.txt

Each line: a length; then bits of the f64 coefficients of the values
`((37 i i) mod 101 - 50) / 64`, in hexadecimal.
"""

import numpy as np
from scipy.fft import dct

for length in [1, 2, 4, 8, 32, 128, 256]:
    values = np.array([((i * i * 37) % 101 - 50) / 64 for i in range(length)], dtype=np.float32)
    coefficients = dct(values.astype(np.float64), type=2, norm="ortho")
    print(length, " ".join(f"{bits:016x}" for bits in coefficients.view(np.uint64)))
