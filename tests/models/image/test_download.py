"""A published file arrives whole or not at all, goes on where it broke off, and is the one that was meant."""

import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shared.errors import Transient
from shared.models.image.download import BLOCK, Published, fetch

DATA = bytes(range(256)) * 4000


class Publisher:
    """Serves DATA; a path says how: /cuts breaks off in the middle, /whole ignores ranges, /other is another file."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.asked.append((self.path, self.headers.get("Range", "")))
                publisher.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if request.path == "/absent":
            request.send_error(404)
            return
        data = {"/other": DATA[::-1], "/larger": DATA + b"x"}.get(request.path, DATA)
        first = 0 if request.path == "/whole" else int(request.headers["Range"].removeprefix("bytes=").rstrip("-"))
        request.send_response(206 if first else 200)
        request.send_header("Content-Length", str(len(data) - first))
        request.end_headers()
        end = first + (len(data) - first) // 2 if request.path == "/cuts" else len(data)
        request.wfile.write(data[first:end])

    def file(self, *paths: str) -> Published:
        host, port = self.server.server_address[:2]
        addresses = tuple(f"http://{host!s}:{port}{path}" for path in paths)
        return Published(addresses, sha256(DATA).hexdigest(), len(DATA))


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    yield publisher
    publisher.server.shutdown()
    publisher.server.server_close()


def test_a_file_is_fetched_once(publisher: Publisher, tmp_path: Path) -> None:
    told: list[int] = []
    for _ in range(2):
        assert fetch(publisher.file("/a"), tmp_path / "new" / "a", told.append).read_bytes() == DATA
    assert len(publisher.asked) == 1
    assert told[-1] == len(DATA)


def test_what_broke_off_goes_on_where_it_stopped(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(Transient, match="Run it again to go on"):
        fetch(publisher.file("/cuts"), tmp_path / "a")
    assert not (tmp_path / "a").exists()
    assert fetch(publisher.file("/a"), tmp_path / "a").read_bytes() == DATA
    assert publisher.asked[1] == ("/a", f"bytes={len(DATA) // 2 // BLOCK * BLOCK}-")


def test_a_server_that_knows_no_ranges_sends_it_anew(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(DATA[:1000])
    assert fetch(publisher.file("/whole"), tmp_path / "a").read_bytes() == DATA


@pytest.mark.parametrize("path", ["/other", "/larger"])
def test_another_file_is_refused_and_not_kept(publisher: Publisher, tmp_path: Path, path: str) -> None:
    with pytest.raises(Transient, match=r"not the file that was published|larger than the one"):
        fetch(publisher.file(path), tmp_path / "a")
    assert not (tmp_path / "a").exists()
    assert fetch(publisher.file("/a"), tmp_path / "a").read_bytes() == DATA


def test_the_next_address_is_tried(publisher: Publisher, tmp_path: Path) -> None:
    assert fetch(publisher.file("/absent", "/other", "/a"), tmp_path / "a").read_bytes() == DATA


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    nobody = Published(("http://127.0.0.1:9/a",), sha256(DATA).hexdigest(), len(DATA))
    with pytest.raises(Transient, match="Is there a network"):
        fetch(nobody, tmp_path / "a")


def test_a_damaged_copy_is_fetched_again(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(DATA[:-1] + b"?")
    assert fetch(publisher.file("/a"), tmp_path / "a").read_bytes() == DATA
