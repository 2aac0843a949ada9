"""Workloads: each knows what tasks a run of its kind needs. A new scoring problem is one more file here."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.compute import Task


class Workload(Protocol):
    """Plans the runs of one kind."""

    def plan(self, run_id: str, params: Mapping[str, str]) -> Sequence[Task]:
        """The tasks of a run; the same run, the same tasks. Raises InvalidInput where it cannot be run."""

    def outputs(self, run_id: str, params: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        """Where a run leaves what it makes: a container of the data account, and a blob's name or, with / at its end,
        that of a folder.
        """
