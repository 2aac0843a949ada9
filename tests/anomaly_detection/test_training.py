"""Training gives one current bundle, the same however it was run, and goes on where it was interrupted."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pytest

from shared.anomaly_detection import training
from shared.anomaly_detection.bundle import read_bundle, registry
from shared.anomaly_detection.chunk import to_bytes
from shared.anomaly_detection.features import FeatureSpec, Per
from shared.anomaly_detection.fitting import Parameters
from shared.anomaly_detection.rows import SeriesRows
from shared.anomaly_detection.training import Trained, fit_chunk, train
from shared.errors import InvalidInput
from shared.storage import MemoryBlobs

SPAN = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
QUICK = Parameters(folds=3)


def series(count: int = 12) -> list[SeriesRows]:
    random = np.random.default_rng(1)
    return [SeriesRows(f"d{n:03}", ("t",), random.normal(n, 1, (60, 1))) for n in range(count)]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(training, "SERIES_PER_CHUNK", 4)


def run(store: MemoryBlobs, data: list[SeriesRows] | None = None, **options) -> Trained:
    return train(series() if data is None else data, SPAN, QUICK, store, **{"jobs": 1, **options})


def test_training_makes_a_bundle_of_all_series_current():
    store = MemoryBlobs()
    trained = run(store)
    assert registry(store).current() == trained.version
    bundle = read_bundle(store, trained.version)
    assert [bundle.models[n].device for n in range(12)] == [f"d{n:03}" for n in range(12)]
    assert FeatureSpec.from_dict(bundle.manifest.features) == QUICK.spec
    assert bundle.manifest.parameters == QUICK.to_dict() | {"per": "series"}
    assert bundle.manifest.data_span == SPAN
    assert bundle.manifest.metrics["rows"] == 720


def test_series_without_a_model_are_named_and_the_rest_is_trained():
    short = SeriesRows("d006b", ("t",), np.ones((3, 1)))
    flat = SeriesRows("d100", ("t",), np.ones((99, 1)))
    data = sorted([*series(), short, flat], key=lambda rows: rows.device)
    store = MemoryBlobs()
    trained = run(store, data)
    assert len(trained.chunk.models) == 12
    named = read_bundle(store, trained.version).manifest.metrics["without_model"]
    assert [problem["device"] for problem in named] == ["d006b", "d100"]
    assert named[0]["reason"] == "3 rows; at least 50 are needed"


def test_the_same_rows_give_the_same_bundle_and_other_rows_another():
    first, second = MemoryBlobs(), MemoryBlobs()
    version = run(first).version
    assert run(second).version == version
    assert {name: data for name, (data, _) in first.blobs.items()} == {
        name: data for name, (data, _) in second.blobs.items()
    }
    assert run(second, series(11)).version != version


def test_nothing_but_the_bundle_is_left():
    store = MemoryBlobs()
    run(store)
    assert not list(store.list("training/"))


@dataclass
class BreaksAfter(MemoryBlobs):
    """A container whose writes fail after so many."""

    writes: int = 0
    log: list[str] = field(default_factory=list)

    def put(self, name, data, *, etag=None, new=False):
        if len(self.log) >= self.writes:
            raise ConnectionError("gone")
        self.log.append(name)
        return MemoryBlobs.put(self, name, data, etag=etag, new=new)


@pytest.mark.parametrize("writes", range(6))
def test_training_interrupted_at_any_write_goes_on_and_ends_the_same(writes, monkeypatch):
    whole = run(MemoryBlobs()).version
    store = BreaksAfter(writes=writes)
    with pytest.raises(ConnectionError):
        run(store)
    fitted = []
    monkeypatch.setattr(training, "fit_chunk", lambda *part: fitted.append(part) or fit_chunk(*part))
    store.writes = 100
    done = []
    assert run(store, progress=done.append).version == whole
    assert len(fitted) == max(3 - writes, 0)
    assert sum(done) == 12
    assert not list(store.list("training/"))


def test_a_damaged_chunk_is_fitted_again():
    store = BreaksAfter(writes=2)
    with pytest.raises(ConnectionError):
        run(store)
    store.writes = 100
    name = store.log[0]
    MemoryBlobs.put(store, name, store.get(name).data[:-1])
    assert run(store).version == run(MemoryBlobs()).version


def test_training_starts_afresh_where_asked(monkeypatch):
    store = BreaksAfter(writes=2)
    with pytest.raises(ConnectionError):
        run(store)
    store.writes = 100
    fitted = []
    monkeypatch.setattr(training, "fit_chunk", lambda *part: fitted.append(part) or fit_chunk(*part))
    run(store, resume=False)
    assert len(fitted) == 3


def test_no_series_that_can_have_a_model_is_an_error_with_the_reason():
    with pytest.raises(InvalidInput, match="None of 1 series can have a model: 3 rows"):
        run(MemoryBlobs(), [SeriesRows("d", ("t",), np.ones((3, 1)))])
    with pytest.raises(InvalidInput, match="there are no windows"):
        run(MemoryBlobs(), [])


def test_device_models_are_one_per_device():
    values = np.random.default_rng(1).normal(size=(80, 3))
    data = [SeriesRows("pump", ("a", "b", "c"), values)]
    store = MemoryBlobs()
    trained = train(data, SPAN, Parameters(Per.DEVICE), store, jobs=1)
    bundle = read_bundle(store, trained.version)
    assert bundle.models[0].sensors == ("a", "b", "c")
    assert bundle.manifest.features == {"per": "device", "mean_rows": 4}


@pytest.mark.slow
def test_several_processes_give_the_same_bundle():
    assert run(MemoryBlobs(), jobs=2).version == run(MemoryBlobs()).version


def test_a_chunk_is_the_same_wherever_it_is_fitted():
    assert to_bytes(fit_chunk(series(3), QUICK)) == to_bytes(fit_chunk(series(3), QUICK))
