"""What an interrupted training keeps comes back bit for bit, and damaged bytes are refused."""

import numpy as np
import pytest

from shared.anomaly_detection.chunk import Chunk, from_bytes, to_bytes
from shared.anomaly_detection.fitting import Parameters, Problem, fit_series
from shared.anomaly_detection.one_class_svm import SeriesModel
from shared.anomaly_detection.rows import SeriesRows
from shared.errors import BundleError


def chunk() -> Chunk:
    values = np.random.default_rng(1).normal(size=(100, 2))
    model = fit_series(SeriesRows("ä\n/b", ("x", "y"), values), Parameters())
    assert isinstance(model, SeriesModel)
    return Chunk((model,), (Problem("c", ("z",), "constant"),))


def test_a_chunk_survives_storage_bit_for_bit():
    kept = chunk()
    back = from_bytes(to_bytes(kept))
    assert to_bytes(back) == to_bytes(kept)
    assert back.problems == kept.problems
    assert back.models[0].device == "ä\n/b"
    assert back.models[0].vectors.tobytes() == np.ascontiguousarray(kept.models[0].vectors).tobytes()
    assert back.models[0].threshold == kept.models[0].threshold


def test_an_empty_chunk_is_a_chunk():
    assert from_bytes(to_bytes(Chunk((), ()))) == Chunk((), ())


def flipped(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


@pytest.mark.parametrize("damage", [lambda d: b"", lambda d: d[:-1], lambda d: b"x" + d, lambda d: b"{}\n", flipped])
def test_damaged_bytes_are_refused(damage):
    with pytest.raises(BundleError, match="no chunk"):
        from_bytes(damage(to_bytes(chunk())))
