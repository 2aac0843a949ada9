"""The arithmetic of scoring, for numba to compile (see `native.py`).

Rows are innermost, so that the processor takes several at once, and every row is summed over the support vectors in the
same order whatever stands beside it: its value does not depend, not even in its last bit, on how rows are cut into
tasks.
"""

import math

import numpy as np

from shared.anomaly_detection.native import Floats, Integers, inlined

ROUNDER = 1.5 * 2.0**52  # added to a number, it leaves the nearest integer in the low bits of the sum
SMALLEST = -1020.0  # an exponent of two below which nothing is left to add
# 2**f for f in [-0.5, 0.5], to 2e-15
P0, P1, P2, P3, P4, P5, P6, P7, P8, P9, P10 = (
    np.polynomial.Chebyshev.interpolate(np.exp2, 10, domain=[-0.5, 0.5])
    .convert(kind=np.polynomial.Polynomial)
    .coef.tolist()
)
LN_2 = math.log(2)


@inlined
def power_of_two(x: float) -> float:
    """2**x for x <= 0: x is an integer, which goes into the exponent's bits, and a rest for the polynomial."""
    bounded = max(x, SMALLEST)
    shifted = bounded + ROUNDER
    f = bounded - (shifted - ROUNDER)
    f2 = f * f
    f4 = f2 * f2
    low = (P0 + P1 * f) + f2 * (P2 + P3 * f)
    middle = (P4 + P5 * f) + f2 * (P6 + P7 * f)
    high = (P8 + P9 * f) + f2 * P10
    fraction = low + f4 * (middle + f4 * high)
    integer = np.float64(shifted).view(np.int64) << 52
    return np.int64(np.float64(fraction).view(np.int64) + integer).view(np.float64)


@inlined
def standardise(
    x: Floats,
    columns: int,
    first: int,
    last: int,
    width: int,
    means: Floats,
    scales: Floats,
    feature: int,
    dims: int,
    block: int,
    z: Floats,
) -> None:
    """Rows first, first + 1, ... into z [dims, block], the one before `last` repeated to fill `width`."""
    for f in range(dims):
        mean, scale = means[feature + f], scales[feature + f]
        for j in range(width):
            z[f * block + j] = (x[min(first + j, last - 1) * columns + f] - mean) / scale


@inlined
def distances(
    z: Floats, vectors: Floats, vector: int, step: int, dims: int, width: int, block: int, squares: Floats
) -> None:
    """Squared distances of `width` rows to the support vector at `vector`, whose coordinates lie `step` apart."""
    if dims == 2:
        value, mean = vectors[vector], vectors[vector + step]
        for j in range(width):
            squares[j] = (z[j] - value) ** 2 + (z[block + j] - mean) ** 2
        return
    coordinate = vectors[vector]
    for j in range(width):
        squares[j] = (z[j] - coordinate) ** 2
    for f in range(1, dims):
        coordinate = vectors[vector + f * step]
        for j in range(width):
            squares[j] += (z[f * block + j] - coordinate) ** 2


@inlined
def weigh(weight: float, steepness: float, width: int, squares: Floats, sums: Floats) -> None:
    """Add a support vector's part to the sums of `width` rows."""
    for j in range(width):
        sums[j] += weight * power_of_two(steepness * squares[j])


def decision_values(
    models: int,
    features: Integers,
    support: Integers,
    coordinates: Integers,
    means: Floats,
    scales: Floats,
    vectors: Floats,
    weights: Floats,
    rho: Floats,
    gamma: Floats,
    offsets: Integers,
    x: Floats,
    columns: int,
    block: int,
    z: Floats,
    squares: Floats,
    sums: Floats,
    out: Floats,
) -> int:
    """Every row's decision value into `out`; the arrays are those of PackedModels; z [columns, block], squares and
    sums [block] are room to work in, for `block` rows, a multiple of four."""
    for m in range(models):
        dims, count, last = features[m + 1] - features[m], support[m + 1] - support[m], offsets[m + 1]
        first = offsets[m]
        while first < last:
            filled = min(block, last - first)
            width = (filled + 3) // 4 * 4
            standardise(x, columns, first, last, width, means, scales, features[m], dims, block, z)
            for j in range(width):
                sums[j] = 0.0
            for i in range(count):
                distances(z, vectors, coordinates[m] + i, count, dims, width, block, squares)
                weigh(weights[support[m] + i], -gamma[m] / LN_2, width, squares, sums)
            for j in range(filled):
                out[first + j] = sums[j] - rho[m]
            first += block
    return 0
