"""Where run records are kept: one JSON blob each, changed only under its ETag, and marked while open."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from shared.errors import Conflict, NotFound
from shared.runs.record import Run, State
from shared.storage import BlobInfo, BlobStore, retry_conflicts

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class RunStore:
    """Run records in a container: `runs/ID.json`, and `open/ID` until the run has ended."""

    blobs: BlobStore

    def create(self, run: Run) -> bool:
        """Add a new run; False where a run of this id exists already, which is left as it is."""
        self.blobs.put(f"open/{run.id}", b"")
        try:
            self.blobs.put(_name(run.id), _encode(run), new=True)
        except Conflict:
            return False
        return True

    def load(self, run_id: str) -> tuple[Run, str]:
        """The record and its ETag; raises NotFound."""
        blob = self.blobs.get(_name(run_id)) if _ID.fullmatch(run_id) else None
        if blob is None:
            raise NotFound(f"There is no run {run_id}.", "`tally runs list` shows the runs there are.")
        return msgspec.json.decode(blob.data, type=Run), blob.etag

    def save(self, run: Run, etag: str) -> None:
        """Replace the record that had this ETag; raises Conflict where it was changed since."""
        if run.state is State.QUEUED:
            self.blobs.put(f"open/{run.id}", b"")
        self.blobs.put(_name(run.id), _encode(run), etag=etag)
        if run.state.final:
            self.close(run.id)

    def change(self, run_id: str, change: Callable[[Run], Run]) -> Run:
        """The record as changed and saved, whoever else changes it meanwhile.

        Raises NotFound, Overloaded, and what `change` raises.
        """

        def attempt() -> Run:
            run, etag = self.load(run_id)
            changed = change(run)
            self.save(changed, etag)
            return changed

        return retry_conflicts(attempt, f"Run {run_id}")

    def close(self, run_id: str) -> None:
        """Take away the marker of a run that has ended."""
        self.blobs.delete(f"open/{run_id}")

    def open_ids(self) -> list[str]:
        """The runs that have not ended, by their markers (one may be left of a run that has)."""
        return [info.name.removeprefix("open/") for info in self.blobs.list("open/")]

    def ids(self, prefix: str) -> set[str]:
        """The ids that begin so, of all runs there ever were."""
        names = (info.name for info in self.blobs.list(f"runs/{prefix}"))
        return {name.removeprefix("runs/").removesuffix(".json") for name in names}

    def newest(self, limit: int) -> Iterator[Run]:
        """The runs changed last, newest first."""
        infos = sorted(self.blobs.list("runs/"), key=_modified, reverse=True)
        runs = [self.load(info.name.removeprefix("runs/").removesuffix(".json"))[0] for info in infos[:limit]]
        yield from sorted(runs, key=_updated, reverse=True)


def _modified(info: BlobInfo) -> tuple[datetime, str]:
    return info.modified, info.name


def _updated(run: Run) -> tuple[datetime, str]:
    """More precise than the blob's own time, which is in whole seconds."""
    return run.updated, run.id


def _name(run_id: str) -> str:
    return f"runs/{run_id}.json"


def _encode(run: Run) -> bytes:
    return msgspec.json.format(msgspec.json.encode(run))
