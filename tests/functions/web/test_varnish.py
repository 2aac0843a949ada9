"""Varnish, with the rules that it ships with, gives nobody what needs a key, and keeps nothing that changes."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

import function_app  # noqa: F401 declares every endpoint
from functions.web.http import OPERATIONS
from tests.functions.web.inference.app import App, running

PROGRAM = shutil.which("varnishd") or shutil.which("/usr/sbin/varnishd")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="Varnish is not on this machine: apt-get install varnish."),
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(tmp_path_factory.mktemp("app")) as app:
        yield app


@pytest.fixture(scope="module")
def front(app: App, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The same app behind Varnish."""
    assert PROGRAM
    port, folder = free_port(), tmp_path_factory.mktemp("varnish")
    command = [PROGRAM, "-F", "-a", f"127.0.0.1:{port}", "-b", f"127.0.0.1:{app.port}", "-n", str(folder), "-j", "none"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as varnish:
        try:
            until_it_answers(port)
            yield replace(app, port=port)
        finally:
            varnish.terminate()


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def until_it_answers(port: int) -> None:
    for _ in range(600):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("Varnish does not answer.")


ASKED = [one for one in OPERATIONS if one.method == "GET"]


@pytest.mark.parametrize("operation", ASKED, ids=lambda operation: operation.name)
def test_what_needs_a_key_is_never_served_without(front: App, operation: object) -> None:
    path = "/" + operation.route.replace("{model}", "faq").replace("{id}", "what-is-tally")  # type: ignore[attr-defined]
    with_key = [front.send("GET", path) for _ in range(2)]
    without = front.send("GET", path, headers={"x-functions-key": ""})
    assert all("x-varnish" in answer.headers for answer in (*with_key, without))
    assert without.status == (401 if operation.key else 200)  # type: ignore[attr-defined]


def test_an_entry_that_was_changed_is_seen_at_once_and_health_is_asked_for_each_time(app: App, front: App) -> None:
    for answer in ("North.", "South."):
        body = json.dumps({"question": "Where do penguins buy?", "answer": answer}).encode()
        app.send("PUT", "/api/faq/penguin", body)
        assert json.loads(front.send("GET", "/api/faq/penguin").body)["answer"] == answer
    ids = {front.send("GET", "/api/health/ready").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
