"""A published file arrives whole or not at all, goes on where it broke off, and is the one that was meant."""

import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shared.errors import Transient
from shared.image_classification.download import Published, fetch

DATA = bytes(range(256)) * 4000


class Publisher:
    """Serves DATA; a path says how.

    /cuts sends a third of the file at a time, /stops the first half, /whole ignores ranges, /other is another file.
    """

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
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if request.path == "/absent":
            request.send_error(404)
            return
        data = {"/other": DATA[::-1], "/larger": DATA + b"x"}.get(request.path, DATA)
        asked = "" if request.path == "/whole" else request.headers.get("Range", "")
        first = int(asked.removeprefix("bytes=").rstrip("-") or 0)
        if first >= len(data):
            request.send_error(416)
            return
        request.send_response(206 if asked else 200)
        request.send_header("Content-Length", str(len(data) - first))
        request.end_headers()
        end = {"/cuts": first + len(data) // 3, "/stops": len(data) // 2}.get(request.path, len(data))
        request.wfile.write(data[first : max(end, first)])

    def file(self, *paths: str, most: int = len(DATA)) -> Published:
        host, port = self.server.server_address[:2]
        addresses = tuple(f"http://{host!s}:{port}{path}" for path in paths)
        return Published(addresses, sha256(DATA).hexdigest(), most)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    yield publisher
    publisher.server.shutdown()
    publisher.server.server_close()


def part(file: Published, folder: Path) -> Path:
    place = file.place(folder)
    return place.with_name(f"{place.name}.part")


def test_a_file_is_fetched_once(publisher: Publisher, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    for _ in range(2):
        found = fetch(publisher.file("/a"), tmp_path / "new", lambda *sizes: told.append(sizes))
        assert found.read_bytes() == DATA
    assert len(publisher.asked) == 1
    assert told[-1] == (len(DATA), len(DATA))


def test_what_breaks_off_goes_on_where_it_stopped_as_long_as_more_comes(publisher: Publisher, tmp_path: Path) -> None:
    file = publisher.file("/stops")
    with pytest.raises(Transient, match=r"broke off after 4.*Run it again to go on"):
        fetch(file, tmp_path)
    held = part(file, tmp_path).stat().st_size
    assert publisher.asked[-1] == ("/stops", f"bytes={held}-")
    part(file, tmp_path).rename(part(publisher.file("/cuts"), tmp_path))
    assert fetch(publisher.file("/cuts"), tmp_path).read_bytes() == DATA
    assert {asked for path, asked in publisher.asked if path == "/cuts"} > {f"bytes={held}-"}


@pytest.mark.parametrize("path", ["/a", "/whole"])
@pytest.mark.parametrize("held", [DATA[:1000], DATA, b"x" * 1000, DATA + b"x"], ids=["part", "all", "other", "more"])
def test_whatever_was_left_behind_it_becomes_the_file(
    publisher: Publisher, tmp_path: Path, path: str, held: bytes
) -> None:
    part(publisher.file(path), tmp_path).write_bytes(held)
    assert fetch(publisher.file(path), tmp_path).read_bytes() == DATA


@pytest.mark.parametrize("path", ["/other", "/larger"])
def test_another_file_is_refused_and_not_kept(publisher: Publisher, tmp_path: Path, path: str) -> None:
    with pytest.raises(Transient, match=r"not the file that was published|larger than the file"):
        fetch(publisher.file(path), tmp_path)
    assert not publisher.file(path).place(tmp_path).exists()


def test_the_next_address_is_tried(publisher: Publisher, tmp_path: Path) -> None:
    assert fetch(publisher.file("/absent", "/other", "/a"), tmp_path).read_bytes() == DATA


def test_what_is_wrong_is_said_plainly(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(Transient, match=r"/absent: it answers 404 Not Found\."):
        fetch(publisher.file("/absent"), tmp_path)
    nobody = Published(("http://127.0.0.1:9/a",), sha256(DATA).hexdigest(), len(DATA))
    with pytest.raises(Transient, match=r"cannot be reached; is there a network\?.* put it at "):
        fetch(nobody, tmp_path)


def test_a_damaged_copy_is_fetched_again(publisher: Publisher, tmp_path: Path) -> None:
    publisher.file("/a").place(tmp_path).write_bytes(DATA[:-1] + b"?")
    assert fetch(publisher.file("/a"), tmp_path).read_bytes() == DATA
