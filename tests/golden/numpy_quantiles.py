"""Writes quantiles of random cases as numpy computes them.

    python3 tests/golden/numpy_quantiles.py >tests/golden/numpy_quantiles.txt

Written with numpy 2.4.6. Floats are their bits in hexadecimal without trailing zeros: of f32 in the pool, of f64
elsewhere. Values of a case are a piece of the pool, as f32, narrowed to f16 or cut to bf16, and widened to f64.

    pool        bits of f32, eight digits each
    case        element, NaN policy, start in the pool, number of values; two lines with its quantiles follow:
                probability, a letter for each method, the results that the letters a, b, ... stand for
    axis        element, NaN policy, start in the pool, axis, method, shape; two lines follow:
                probabilities; results in row-major order
"""

import warnings

import numpy as np

METHODS = [
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull",
    "linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest",
]
FUNCTIONS = {"propagate": np.quantile, "ignore": np.nanquantile}

random = np.random.default_rng(20240607)


def pool():
    """Pieces of every temper, 250 values each, so that most cases meet two of them or one."""
    tiny, largest = np.float32(1e-45), np.finfo(np.float32).max
    pieces = [
        random.normal(size=250),
        random.integers(-3, 4, 250),
        random.normal(size=250) * 10.0 ** random.integers(-30, 30, 250),
        random.choice([0.0, -0.0, 1.0, -1.0], 250),
        random.normal(size=250) * 1e-40,
        random.choice([tiny, -tiny, 0.0, 3 * tiny], 250),
        random.choice([largest, -largest, largest / 2, 1.0], 250),
        np.where(random.random(250) < 0.1, np.inf, random.normal(size=250)),
        np.where(random.random(250) < 0.1, -np.inf, random.normal(size=250)),
        random.choice([np.inf, -np.inf, 0.0, 2.5], 250),
        random.integers(0, 2**32, 250, dtype=np.uint32).view(np.float32),
        np.full(250, 0.1),
        1 + random.integers(0, 5, 250) * 2.0**-23,
        random.normal(size=250) * 300,
        np.where(random.random(250) < 0.02, np.nan, random.normal(size=250)),
        np.where(random.random(250) < 0.5, np.nan, random.normal(size=250)),
        np.full(250, np.nan),
    ]
    values = np.concatenate([np.asarray(piece).astype(np.float32) for piece in pieces])
    # One NaN is as good as another.
    values[np.isnan(values)] = np.nan
    return values


def elements(values, element):
    if element == "f16":
        values = values.astype(np.float16)
    elif element == "bf16":
        values = (values.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    return values.astype(np.float64)


def hexadecimal(x):
    x = np.float64(np.nan) if np.isnan(x) else np.float64(x)
    return f"{x.view(np.uint64):016x}".rstrip("0") or "0"


def probability(n):
    """Anything, the ends, or at and around a place where a rank changes."""
    kind = random.integers(0, 8)
    if kind == 0:
        return float(random.integers(0, 2))
    if kind < 4:
        return float(random.random())
    step = random.integers(0, 2 * n + 1) / 2
    p = min(float(step / [n, max(n - 1, 1), n + 1][kind % 3]), 1.0)
    nudge = random.integers(-1, 2)
    return float(np.clip(p if nudge == 0 else np.nextafter(p, nudge * np.inf), 0.0, 1.0))


def write_case(values, element, policy, start, n):
    print("case", element, policy, start, n)
    x = elements(values[start : start + n], element)
    for _ in range(2):
        p = probability(n)
        distinct, letters = [], ""
        for method in METHODS:
            result = hexadecimal(FUNCTIONS[policy](x, np.array([p]), method=method)[0])
            if result not in distinct:
                distinct.append(result)
            letters += "abcdefghijklm"[distinct.index(result)]
        print(hexadecimal(p), letters, *distinct)


def write_axis(values, element, policy, index):
    shape = tuple(int(n) for n in random.integers(1, [6, 8, 40]))
    axis, n = index % 3, int(np.prod(shape))
    start = int(random.integers(0, len(values) - n))
    method = METHODS[index % len(METHODS)]
    probabilities = np.array([probability(shape[axis]) for _ in range(3)])
    x = elements(values[start : start + n], element).reshape(shape)
    results = FUNCTIONS[policy](x, probabilities, axis=axis, method=method)
    print("axis", element, policy, start, axis, index % len(METHODS), *shape)
    print(*map(hexadecimal, probabilities))
    print(*map(hexadecimal, results.ravel()))


warnings.simplefilter("ignore")
values = pool()
for row in values.view(np.uint32).reshape(-1, 10):
    print("pool", *(f"{bits:08x}" for bits in row))
for index in range(1000):
    n = int(random.integers(1, 10 if index % 4 == 0 else 201))
    # NaN stands at the end of the pool, so most cases have none.
    start = int(random.integers(0, len(values) - n))
    element = ["f32", "f32", "f32", "f32", "f16", "bf16"][index % 6]
    write_case(values, element, ["propagate", "ignore"][index % 2], start, n)
for index in range(39):
    write_axis(values, ["f32", "f16", "bf16"][index // 13], ["propagate", "ignore"][index % 2], index)
