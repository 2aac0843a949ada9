"""Makes a run of each version of an upload, for every workload that uploads set off."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.errors import InvalidInput
from shared.runs.driver import Driver
from shared.runs.record import Run
from shared.runs.workload import PROBLEM, Uploads, Workload
from shared.settings import Settings
from shared.storage import BlobInfo, Storage
from shared.telemetry import log
from shared.uploads import Upload

GRACE = timedelta(seconds=30)
"""How long an upload's own event has to come before a sweep starts its run."""


def run_id_of(workload: str, container: str, name: str, etag: str, asked: str = "") -> str:
    """The id of the run of a version of a blob: its name as far as ids may show it, and a hash.

    `asked` tells the runs apart that somebody asks for with other arguments than the upload itself has.
    """
    cause = "\0".join((container, name, etag.strip('"'), asked))
    shown = re.sub("[^a-z0-9]+", "-", name.rpartition("/")[2].rpartition(".")[0].lower()).strip("-")[:24]
    return "-".join(filter(None, (workload, shown, hashlib.sha256(cause.encode()).hexdigest()[:16])))


def is_folder(blob: BlobInfo) -> bool:
    """Whether it is a folder of a hierarchical account, which the blob service shows as an empty blob."""
    return blob.metadata.get("hdi_isfolder", "").lower() == "true"


@dataclass(frozen=True, slots=True)
class Intake:
    """What makes runs of uploads."""

    driver: Driver
    storage: Storage
    settings: Settings
    workloads: Sequence[Workload[Any]]

    def start_all(self, upload: Upload) -> list[str]:
        """Start the runs that an upload sets off; their ids. The same upload again starts nothing new."""
        begun = [
            self.start(workload, upload.name, upload.etag)
            for workload, uploads in self._watching()
            if uploads.container == upload.container
        ]
        return [run_id for run_id in begun if run_id]

    def start(self, workload: Workload[Any], name: str, etag: str = "") -> str | None:
        """Start the run of an upload as it is now; its id, or None where it is gone or no longer the version named.

        An upload whose name or metadata cannot be used has a run too: it fails, and says why. A folder of a
        hierarchical account has none.
        """
        uploads = _uploads_of(workload)
        try:
            uploads.check_name(name)
        except InvalidInput as error:
            return self._start_failing(workload, name, etag, error)
        blob = self.storage.data(uploads.container).info(name)
        if blob is None or (etag and etag.strip('"') != blob.etag.strip('"')):
            log("upload passed over: it is gone, or was replaced since", blob=repr(name), etag=etag)
            return None
        if is_folder(blob):
            return None
        try:
            params = uploads.params(blob, self.settings)
        except InvalidInput as error:
            return self._start_failing(workload, name, blob.etag, error)
        run_id = run_id_of(workload.name, uploads.container, name, blob.etag)
        self.driver.start(workload.run(run_id, params, self.driver.now()))
        return run_id

    def sweep(self) -> list[str]:
        """Start a run for every upload that has none: its event was lost, or there is nobody to send events."""
        return [run_id for workload, uploads in self._watching() for run_id in self._sweep(workload, uploads)]

    def _sweep(self, workload: Workload[Any], uploads: Uploads[Any]) -> Iterator[str]:
        """Empty blobs are passed over: in hierarchical accounts they are folders, and files that were only begun."""
        old = self.driver.now() - GRACE
        there = [blob for blob in self.storage.data(uploads.container).list() if blob.size and blob.modified < old]
        known = self.driver.store.ids(f"{workload.name}-") if there else set()
        for blob in there:
            if run_id_of(workload.name, uploads.container, blob.name, blob.etag) not in known:
                run_id = self.start(workload, blob.name, blob.etag)
                if run_id:
                    yield run_id

    def _start_failing(self, workload: Workload[Any], name: str, etag: str, error: InvalidInput) -> str:
        uploads, now = _uploads_of(workload), self.driver.now()
        run_id = run_id_of(workload.name, uploads.container, name, etag)
        params = {uploads.member: name, PROBLEM: str(error)}
        self.driver.start(Run(id=run_id, workload=workload.name, params=params, created=now, updated=now))
        return run_id

    def _watching(self) -> Iterator[tuple[Workload[Any], Uploads[Any]]]:
        return ((workload, workload.uploads) for workload in self.workloads if workload.uploads)


def _uploads_of(workload: Workload[Any]) -> Uploads[Any]:
    if workload.uploads is None:
        raise InvalidInput(f"Uploads start no run of {workload.name}.")
    return workload.uploads
