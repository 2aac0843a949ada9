"""What a task of a run is asked to do, what its outputs are called, and where they go."""

import re
from dataclasses import dataclass
from datetime import datetime

import msgspec

from shared.anomaly_detection.predictions import folder
from shared.errors import InvalidInput, NotFound
from shared.storage import BlobStore, Storage

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Job:
    """A run as all its tasks see it: it scores the windows whose start lies in [start, end), aware UTC."""

    run: str
    bundle: str
    start: datetime
    end: datetime
    parts: int
    csv: bool = False

    def __post_init__(self) -> None:
        if not _RUN_ID.fullmatch(self.run):
            raise InvalidInput(f"{self.run!r} cannot be the id of a run.", "Use letters, digits, '.', '_', '-'.")
        if self.start >= self.end:
            raise InvalidInput(f"The span {self.start.isoformat()} to {self.end.isoformat()} is empty.")
        if self.parts < 1:
            raise InvalidInput(f"A run has at least one part, not {self.parts}.")

    @property
    def folder(self) -> str:
        """Where the run's predictions lie in the container `predictions`."""
        return folder(self.run, self.start)

    def part_name(self, number: int, kind: str) -> str:
        """The blob of a part's rows (`parquet`, `csv`) or counts (`json`)."""
        return f"{self.folder}/part-{number:05d}.{kind}"


@dataclass(frozen=True, slots=True)
class Part:
    """The share of one scoring task: the models [first, last) of the bundle."""

    number: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class PartSummary:
    """What one scoring task did; written after its rows, so that it says they are complete.

    `skipped` counts windows that could not be scored: no finite value or, with a model per device, a sensor missing.
    Only part 0 looks for series without a model.
    """

    run: str
    bundle: str
    start: datetime
    end: datetime
    part: int
    first: int
    last: int
    series: int
    windows: int
    flagged: int
    skipped: int
    without_model: list[tuple[str, str]]
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class Containers:
    """The containers that tasks read from and write to."""

    windows: BlobStore
    predictions: BlobStore
    reports: BlobStore
    bundles: BlobStore

    @classmethod
    def of(cls, storage: Storage) -> "Containers":
        """Those of the two storage accounts."""
        return cls(
            storage.data("windows"), storage.data("predictions"), storage.data("reports"), storage.control("bundles")
        )


def read_part(store: BlobStore, job: Job, number: int) -> PartSummary:
    """The counts of a finished part; raises NotFound, and InvalidInput where they are of another job."""
    name = job.part_name(number, "json")
    blob = store.get(name)
    if blob is None:
        raise NotFound(f"Part {number} of run {job.run} has no result ({name}).", "Score that part, then merge again.")
    part = msgspec.json.decode(blob.data, type=PartSummary)
    if (part.run, part.bundle, part.start, part.end) != (job.run, job.bundle, job.start, job.end):
        raise InvalidInput(f"{name} is of bundle {part.bundle} over another span or of another bundle than this run's.")
    return part
