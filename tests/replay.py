"""A storage service that answers what it is given, one answer after the other, the last one again and again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers and a body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Request:
    """What came: the path without the account, and the query as one value for each name."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(slots=True)
class Service:
    """Where it listens, and what it was asked."""

    address: str
    requests: list[Request] = field(default_factory=list)

    @property
    def connection(self) -> str:
        """The connection string of an account there."""
        return f"AccountName=a;AccountKey=YQ==;BlobEndpoint={self.address}/a;QueueEndpoint={self.address}/a"


def refusal(status: int, code: str, says: str = "No.") -> Answer:
    """A refusal in the service's form."""
    body = f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{says}\nRequestId:0\nTime:0'
    headers = {"x-ms-error-code": code, "content-type": "application/xml"}
    return Answer(status, headers, f"{body}</Message></Error>".encode())


@contextmanager
def replaying(answers: Sequence[Answer]) -> Iterator[Service]:
    """The service, while it answers."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            service.requests.append(Request(self.command, unquote(url.path).removeprefix("/a"), query, headers))
            given = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(given.status)
            for name, value in ({"content-length": str(len(given.body))} | given.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(given.body)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service = Service(f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield service
        finally:
            server.shutdown()
