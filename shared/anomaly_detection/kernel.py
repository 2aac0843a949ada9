"""Decision values of thousands of one-class SVMs in one call: compiled, in float64, without scikit-learn.

`python -m shared.anomaly_detection.kernel` compiles ahead, as an image does when it is built; else the first
call ever does, and takes seconds.
"""

import numpy as np
from numpy.typing import NDArray

from shared.anomaly_detection import compiled
from shared.anomaly_detection.compiled import Routine
from shared.anomaly_detection.one_class_svm import PackedModels
from shared.errors import InvalidInput

type Floats = NDArray[np.float64]
type Integers = NDArray[np.int64]

ROUTINE = Routine("shared.anomaly_detection.gauss_sum", "decision_values", "niiiffffffifnnffff")
BLOCK = 64  # rows evaluated together, in the processor's nearest memory


def decision_values(models: PackedModels, x: Floats, offsets: Integers) -> Floats:
    """Each row's decision value by its model, f64[rows], as scikit-learn's `decision_function` gives it.

    x: [rows, columns], features not yet standardised, the rows of one model after those of another; a model of fewer
    features reads the first columns. offsets: [models + 1], where each model's rows begin. A value depends on its own
    row and model alone, bit for bit; it differs from scikit-learn's by rounding, about 1e-15 of the sum of the weights.
    A row that is not finite gets NaN. Raises InvalidInput where the shapes do not fit.
    """
    rows = np.ascontiguousarray(x, dtype=np.float64)
    bounds = np.ascontiguousarray(offsets, dtype=np.int64)
    _check(models, rows, bounds)
    values = np.empty(len(rows))
    columns = rows.shape[1]
    z, squares, sums = np.empty(columns * BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    packed = (models.features, models.support, models.coordinates, models.means, models.scales)
    weighed = (models.vectors, models.weights, models.rho, models.gamma)
    before = [array.ctypes.data for array in (*packed, *weighed, bounds, rows)]
    after = [array.ctypes.data for array in (z, squares, sums, values)]
    compiled.load(ROUTINE)(len(models), *before, columns, BLOCK, *after)
    values[~np.isfinite(rows).all(axis=1)] = np.nan
    return values


def _check(models: PackedModels, rows: Floats, bounds: Integers) -> None:
    if rows.ndim != 2 or (len(models) and models.dims.max() > rows.shape[1]):
        raise InvalidInput(f"The models have more features than rows of shape {rows.shape}.")
    shared_out = bounds.shape == (len(models) + 1,) and bounds[0] == 0 and bounds[-1] == len(rows)
    if not shared_out or (np.diff(bounds) < 0).any():
        raise InvalidInput(f"The offsets do not share {len(rows)} rows out among {len(models)} models.")


if __name__ == "__main__":
    compiled.load(ROUTINE)
    print(f"Compiled: {ROUTINE.kept()}")
