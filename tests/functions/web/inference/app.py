"""The whole app over HTTP within this process: the local host's HTTP side, Microsoft's worker, storage in memory."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

from devhost.cors import Cors
from devhost.http import Site, asgi, bind, serve
from devhost.keys import Keys, read_keys
from devhost.routes import Routes
from devhost.worker import Worker
from functions import dependencies, runs
from shared.app import make_driver
from shared.settings import Settings
from shared.storage import MemoryStorage

ROOT = Path(__file__).parents[4]
HTTP = "httpTrigger"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class App:
    """Where it listens, and its keys."""

    port: int
    keys: Keys

    def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """One request, with the key of the host."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            given = {"x-functions-key": self.keys.default} | dict(headers or {})
            connection.request(method, quote(path, safe="/%?=&"), body, {k: v.encode() for k, v in given.items()})
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()


@contextmanager
def running(folder: Path, storage: Any = None, cors: Cors = Cors(), **changed: Any) -> Iterator[App]:  # noqa: B008
    """The app, until the block ends; cors: pages that may ask it; `changed` are settings."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = Thread(target=loop.run_forever, name="app")
    thread.start()
    kept, settings = storage or MemoryStorage(), Settings(local_compute_dir=str(folder), **changed)
    with (
        patch.object(dependencies, "storage", lambda: kept),
        patch.object(dependencies, "settings", lambda: settings),
        patch.object(runs, "storage", lambda: kept),
        patch.object(runs, "driver", lambda: make_driver(settings, kept)),
    ):
        dependencies.models.cache_clear()
        worker = Worker(ROOT)
        served = [function for function in worker.functions if function.trigger_type == HTTP]
        keys = read_keys(folder / "keys.json", [function.name for function in served])
        listening = bind(0)
        site = Site(Routes.of(served), "", keys, worker.invoke, settings.body_bytes * 2)
        serving = asyncio.run_coroutine_threadsafe(serve(cors.around(asgi(site, [])), listening, stop), loop)
        try:
            yield App(listening.getsockname()[1], keys)
        finally:
            loop.call_soon_threadsafe(stop.set)
            serving.result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
            worker.close()
            dependencies.models.cache_clear()
