"""What a service sees of HTTP: requests, answers, refusals, and the operations that it offers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `headers` have lower-case names, `parts` are the decoded segments of the path."""

    method: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: bytes
    origin: str

    def json(self) -> Any:
        """The body; None where there is none. Raises msgspec.DecodeError."""
        return msgspec.json.decode(self.content) if self.content else None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `body` is JSON, or bytes as they are, or None. A `partial` one leaves out what was not selected."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    partial: bool = False

    def content(self) -> bytes:
        """The body as sent."""
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


class Refusal(Exception):
    """A service's no: a status, a code, a sentence, and details by name; `problems` are those of a broken contract."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Mapping[str, str] | None = None,
        problems: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = dict(details or {})
        self.problems = list(problems)


Handler = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Operation:
    """What a method does on paths of one shape, `/jobs/{jobId}`; the handler gets the request and the names."""

    method: str
    template: str
    handler: Handler

    @property
    def name(self) -> str:
        """Method and shape of the path."""
        return f"{self.method} {self.template}"


class Contract(Protocol):
    """Says what is wrong with requests and answers of an operation; nothing where the list is empty."""

    def request_problems(self, operation: Operation, request: Request) -> list[str]:
        """Problems of a request: query, content type, body."""

    def answer_problems(self, operation: Operation, answer: Answer) -> list[str]:
        """Problems of an answer: status, body."""


class Service(Protocol):
    """A service that the server offers."""

    @property
    def contract(self) -> Contract:
        """What its requests and answers must be like."""

    @property
    def resource(self) -> str:
        """What a token must have been issued for; empty where the service looks at tokens itself."""

    def operations(self) -> list[Operation]:
        """All it can do."""

    def refused(self, refusal: Refusal) -> Answer:
        """A refusal in the words of this service."""

    async def live(self) -> None:
        """What goes on beside the requests, until it is cancelled."""


@dataclass(frozen=True, slots=True)
class Route:
    """An operation of a service, found by the path."""

    service: Service
    operation: Operation
    names: Mapping[str, str]


class Routes:
    """Finds the operation of a request; segments are compared as sent, decoded once."""

    def __init__(self, services: list[Service]) -> None:
        self._known: dict[tuple[str, int], list[tuple[tuple[str, ...], Service, Operation]]] = {}
        for service in services:
            for operation in service.operations():
                shape = tuple(operation.template.strip("/").split("/"))
                self._known.setdefault((operation.method, len(shape)), []).append((shape, service, operation))

    def find(self, method: str, parts: tuple[str, ...]) -> Route | None:
        """The route of a path, or None; a literal segment wins over a named one."""
        found = [
            Route(service, operation, names)
            for shape, service, operation in self._known.get((method, len(parts)), [])
            if (names := _names(shape, parts)) is not None
        ]
        return min(found, key=lambda route: len(route.names), default=None)


def _names(shape: tuple[str, ...], parts: tuple[str, ...]) -> dict[str, str] | None:
    names = {}
    for wanted, part in zip(shape, parts, strict=True):
        if wanted.startswith("{"):
            names[wanted.strip("{}")] = part
        elif wanted != part:
            return None
    return names


def split_path(raw_path: str) -> tuple[str, ...]:
    """The decoded segments; an encoded slash stays inside its segment."""
    return tuple(unquote(part) for part in raw_path.strip("/").split("/"))
