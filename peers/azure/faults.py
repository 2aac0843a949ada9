"""Faults to be injected: what a network and a busy service do to requests now and then."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from peers.azure.exchange import Answer


class Kind(StrEnum):
    """What happens to a request."""

    STATUS = "status"
    CUT_BEFORE = "cut before"
    CUT_AFTER = "cut after"
    SLOW = "slow"
    NOT_JSON = "not JSON"
    ANSWER = "answer"


@dataclass(slots=True)
class Fault:
    """Befalls the next `times` requests whose operation matches (`POST /jobs`, a regular expression).

    `answer` is what they get, where that is its kind.
    """

    kind: Kind
    operation: str = ".*"
    times: int = 1
    status: int = 503
    code: str = "ServerBusy"
    retry_after: int | str | None = None
    seconds: float = 1.0
    skip: int = 0
    answer: Answer | None = None

    def befalls(self, operation: str) -> bool:
        """Whether it befalls this request; counts it if so."""
        if not self.times or not re.fullmatch(self.operation, operation):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass(slots=True)
class Faults:
    """The faults in waiting, and how many requests each operation has had."""

    waiting: list[Fault] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)

    def add(self, kind: Kind, operation: str = ".*", **options: Any) -> Fault:
        """Have a fault injected."""
        fault = Fault(kind, operation, **options)
        self.waiting.append(fault)
        return fault

    def next(self, operation: str) -> Fault | None:
        """The fault of this request, if any."""
        self.requests[operation] = self.requests.get(operation, 0) + 1
        return next((fault for fault in self.waiting if fault.befalls(operation)), None)
