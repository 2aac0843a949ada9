"""Trains the models of many series on all cores into one bundle, in chunks that an interrupted training keeps."""

import hashlib
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import batched
from multiprocessing import get_context
from typing import Any

from shared.anomaly_detection.bundle import registry, write_bundle
from shared.anomaly_detection.chunk import Chunk, from_bytes, to_bytes
from shared.anomaly_detection.fitting import Parameters, fit_series
from shared.anomaly_detection.one_class_svm import SeriesModel, pack
from shared.anomaly_detection.rows import SeriesRows
from shared.errors import BundleError, InvalidInput, Transient
from shared.storage import BlobStore

SERIES_PER_CHUNK = 64  # about a second of work: what an interruption can cost


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training made: a current bundle, and the reasons why some series have no model."""

    version: str
    chunk: Chunk

    @property
    def wandering(self) -> int:
        """How many sensors are looked at through their changes."""
        return sum(int(model.wandering.sum()) for model in self.chunk.models)


def train(
    series: Sequence[SeriesRows],
    span: tuple[datetime, datetime],
    parameters: Parameters,
    store: BlobStore,
    *,
    jobs: int = 0,
    resume: bool = True,
    progress: Callable[[int], None] = lambda done: None,
) -> Trained:
    """Fit every series in `jobs` processes (0: one per core), write the bundle and make it current.

    series: sorted by name; span: of the windows they come from; store: the bundles' container; progress: called with
    how many more series are done. The same rows and parameters give the same bundle, and use the chunks that an
    earlier, interrupted training of theirs left. Raises InvalidInput where not one series can have a model.
    """
    folder = f"training/{_training_id(series, parameters)}"
    chunks = [list(part) for part in batched(series, SERIES_PER_CHUNK, strict=False)]
    names = [f"{folder}/chunk-{number:05d}" for number in range(len(chunks))]
    done = dict(_kept(store, names)) if resume else {}
    for name in done:
        progress(len(chunks[names.index(name)]))
    missing = {name: part for name, part in zip(names, chunks, strict=True) if name not in done}
    for name, chunk in _fitted(missing, parameters, jobs or os.process_cpu_count() or 1):
        store.put(name, to_bytes(chunk))
        done[name] = chunk
        progress(len(missing[name]))
    trained = _publish(Chunk.joined(done[name] for name in names), series, span, parameters, store)
    for name in names:
        store.delete(name)
    return trained


def _training_id(series: Sequence[SeriesRows], parameters: Parameters) -> str:
    digest = hashlib.sha256(json.dumps(parameters.to_dict()).encode())
    for rows in series:
        digest.update(json.dumps([rows.device, rows.sensors, rows.values.shape]).encode())
        digest.update(rows.values.tobytes())
    return digest.hexdigest()[:16]


def _kept(store: BlobStore, names: Sequence[str]) -> Iterator[tuple[str, Chunk]]:
    """What an earlier training left; a damaged chunk counts as missing."""
    present = {blob.name for blob in store.list(names[0].rpartition("/")[0])} if names else set()
    for name in names:
        blob = store.get(name) if name in present else None
        if blob is not None:
            try:
                yield name, from_bytes(blob.data)
            except BundleError:
                continue


def _fitted(parts: dict[str, list[SeriesRows]], parameters: Parameters, jobs: int) -> Iterator[tuple[str, Chunk]]:
    """Fit the parts and give each as it is done; in this process where one is enough."""
    if min(jobs, len(parts)) <= 1:
        for name, part in parts.items():
            yield name, fit_chunk(part, parameters)
        return
    # Spawned, not forked: a fork would copy the locks of threads that polars and the SDK have started.
    # Ctrl-C reaches all processes: this one ends the others in order.
    pool = ProcessPoolExecutor(
        min(jobs, len(parts)), get_context("spawn"), initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    )
    try:
        waiting: dict[Future[Chunk], str] = {
            pool.submit(fit_chunk, part, parameters): name for name, part in parts.items()
        }
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    except BrokenProcessPool as error:
        raise Transient(
            "A training process died, perhaps for lack of memory.",
            "Train again: what is finished was kept. Fewer --jobs need less memory.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def fit_chunk(part: Sequence[SeriesRows], parameters: Parameters) -> Chunk:
    """The models of some series, and the problems of the others; what a training process does."""
    fits = [fit_series(rows, parameters) for rows in part]
    return Chunk(
        tuple(fit for fit in fits if isinstance(fit, SeriesModel)),
        tuple(fit for fit in fits if not isinstance(fit, SeriesModel)),
    )


def _publish(
    chunk: Chunk,
    series: Sequence[SeriesRows],
    span: tuple[datetime, datetime],
    parameters: Parameters,
    store: BlobStore,
) -> Trained:
    if not chunk.models:
        reason = chunk.problems[0].reason if chunk.problems else "there are no windows"
        raise InvalidInput(f"None of {len(series)} series can have a model: {reason}.", "Train on a longer span.")
    version = write_bundle(
        store,
        pack(chunk.models),
        features=parameters.spec.to_dict(),
        parameters=parameters.to_dict(),
        metrics=_metrics(chunk, series),
        data_span=span,
    )
    registry(store).make_current(version)
    return Trained(version, chunk)


def _metrics(chunk: Chunk, series: Sequence[SeriesRows]) -> dict[str, Any]:
    return {
        "rows": sum(len(rows.values) for rows in series),
        "series": len(chunk.models),
        "support_vectors": sum(len(model.weights) for model in chunk.models),
        "wandering_sensors": sum(int(model.wandering.sum()) for model in chunk.models),
        "without_model": [asdict(problem) for problem in chunk.problems],
    }
