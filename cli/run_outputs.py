"""What came out of a run: which blobs, where they are, and copies of them on this machine."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from cli.context import workloads
from cli.files import writing
from shared.compute.azure import blob_address
from shared.runs.record import Run, State
from shared.settings import Connection
from shared.storage import BlobFile, BlobStore, Storage


@dataclass(frozen=True, slots=True)
class Output:
    """A blob of the data account that a run wrote."""

    container: str
    name: str
    bytes: int
    url: str
    file: str
    """What it is called as a file: its own name, and the run's before one that other runs give as well."""


def outputs_of(run: Run, storage: Storage, account: Connection) -> list[Output]:
    """What a run that succeeded left, as far as it is still there, and not that of a newer upload."""
    workload = workloads().get(run.workload)
    if run.state is not State.SUCCEEDED or workload is None:
        return []
    return [
        Output(
            container,
            name,
            size,
            f"{blob_address(account)}/{container}/{quote(name, safe='/=')}",
            _file(name, run.id, place),
        )
        for container, place in workload.outputs(run.id, workload.read(run.params))
        for name, size in _found(storage.data(container), place, run.id)
    ]


def _file(name: str, run_id: str, place: str) -> str:
    own = name.rpartition("/")[2]
    return f"{run_id}-{own}" if place.endswith("/") else own


def _found(store: BlobStore, place: str, run_id: str) -> Iterator[tuple[str, int]]:
    if place.endswith("/"):
        yield from ((info.name, info.size) for info in store.list(place))
    elif (info := store.info(place)) and info.metadata.get("run", run_id) == run_id:
        yield info.name, info.size


def summaries(outputs: Sequence[Output]) -> list[str]:
    """A line for each output, or for each folder of several."""
    lines = []
    for folder, group in groupby(outputs, key=lambda output: output.url.rpartition("/")[0]):
        some = list(group)
        size = f"{sum(output.bytes for output in some):,} bytes"
        many = "=" in folder  # predictions lie below a date, as many files as there are tasks
        lines += [f"{folder}/ ({len(some)} files, {size})"] if many else [f"{o.url} ({o.bytes:,} bytes)" for o in some]
    return lines


def fetch_all(outputs: Sequence[Output], storage: Storage, folder: Path) -> Iterator[tuple[Output, Path]]:
    """Copy outputs into a folder, each whole or not at all; each as it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for output in outputs:
        path = folder / output.file
        store = storage.data(output.container)
        if info := store.info(output.name):
            with writing(path), _whole(path) as file:
                shutil.copyfileobj(BlobFile(store, info), file)
            yield output, path


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name once all of it is written; of what ends early nothing is left."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
