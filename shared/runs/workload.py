"""A workload: one batch scoring problem, declared in one value from which all parts of the app know it."""

from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import msgspec

from shared.compute import Image, Task
from shared.errors import InvalidInput
from shared.runs.record import Run
from shared.settings import Settings
from shared.storage import BlobInfo, Storage
from shared.storage.names import check_name

if TYPE_CHECKING:
    from shared.runs.driver import Driver

PROBLEM = "problem"
"""Stands among the arguments of a run that cannot be planned, with the reason: an upload that cannot be used."""


class Request(msgspec.Struct, frozen=True, tag_field="workload", forbid_unknown_fields=True):
    """What `POST /api/runs` takes to start a run of a workload, whose name is the subclass's `tag`."""

    def run(self, storage: Storage, settings: Settings, now: datetime) -> Run:
        """The run asked for, the same for the same request; raises NotFound, InvalidInput."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads[P: msgspec.Struct]:
    """Blobs of a container of the data account: each version of one is a run."""

    container: str
    member: str
    """The member of the run's parameters that holds the blob's name."""
    params: Callable[[BlobInfo, Settings], P]
    """The parameters of a version's run; raises InvalidInput where its metadata cannot be used."""
    check_name: Callable[[str], None] = check_name
    """Raises InvalidInput where the blob, or what would be written for it, has a name that storage does not take."""


def _no_outputs(run_id: str, params: Any) -> Sequence[tuple[str, str]]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload[P: msgspec.Struct]:
    """A batch scoring problem: what a run of it is told, which tasks it needs, what sets it off, and what it leaves."""

    name: str
    image: Image
    params: type[P]
    """What a run is told. Records hold it as text, member by member: texts, numbers, truth values, times."""
    plan: Callable[[str, P, Storage, Settings], Sequence[Task]]
    """The tasks of a run, by its id; the same run, the same tasks. Raises InvalidInput where it cannot be run."""
    outputs: Callable[[str, P], Sequence[tuple[str, str]]] = _no_outputs
    """Where a run leaves what it makes: a container of the data account, and a blob's name or, with / at its end, that
    of a folder."""
    subject: Callable[[P], str] = str
    """What a run is about, in a few words."""
    request: type[Request] | None = None
    """What `POST /api/runs` takes; None where nobody can ask for a run."""
    example: Mapping[str, Any] | None = None
    """Such a request, for the API's document."""
    uploads: Uploads[P] | None = None
    """The uploads that set runs off."""
    start_due: "Callable[[Driver, Storage, Settings], Sequence[str]] | None" = None
    """Starts what is due whenever the timer of SCORING_SCHEDULE ticks, late or twice; the ids of those started."""
    command: str = ""
    """The command of `tally` that starts runs."""

    def run(self, run_id: str, params: P, now: datetime) -> Run:
        """A new run."""
        return Run(id=run_id, workload=self.name, params=as_text(params), created=now, updated=now)

    def read(self, params: Mapping[str, str]) -> P:
        """The parameters that a record holds; raises InvalidInput."""
        known = {name: params[name] for name in self.params.__struct_fields__ if name in params}
        try:
            return msgspec.convert(known, self.params, strict=False)
        except msgspec.ValidationError as error:
            raise InvalidInput(f"These are no arguments of a run of {self.name}: {error}.") from error


def as_text(params: msgspec.Struct) -> dict[str, str]:
    """The members as text, as records hold them; None is left out."""
    members = {name: getattr(params, name) for name in params.__struct_fields__}
    return {name: _text(value) for name, value in members.items() if value is not None}


def _text(value: Any) -> str:
    plain = msgspec.to_builtins(value)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()


def as_argument(params: msgspec.Struct) -> str:
    """The parameters as a word of a task's command line: JSON, percent-encoded, so that nothing takes it for more."""
    return f"--params={quote(msgspec.json.encode(params))}"


def argument_of[P: msgspec.Struct](params: type[P]) -> Callable[[str], P]:
    """What reads that word, as argparse wants it."""

    def read(text: str) -> P:
        try:
            return msgspec.json.decode(unquote(text), type=params)
        except msgspec.DecodeError as error:
            raise ArgumentTypeError(f"{text!r}: {error}") from error

    return read


@dataclass(frozen=True, slots=True)
class Planner:
    """A workload, with the accounts and the settings that it plans its runs with."""

    workload: Workload[Any]
    storage: Storage
    settings: Settings

    def plan(self, run_id: str, params: Mapping[str, str]) -> Sequence[Task]:
        """The tasks of a run; raises InvalidInput where it cannot be run."""
        if PROBLEM in params:
            raise InvalidInput(params[PROBLEM])
        return self.workload.plan(run_id, self.workload.read(params), self.storage, self.settings)
