"""Real-time scoring under load and faults: no answer is lost or mixed up, and what still can answer does."""

import asyncio
import base64
import json
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from shared.errors import Transient
from shared.faq_matching import bundle as faqs
from shared.image_classification import bundle, training
from shared.storage import MemoryBlobs, MemoryStorage
from tests.functions.web.inference.app import App, running
from tests.image_classification.pictures import saved

pytestmark = pytest.mark.slow
CLIENTS = 64


class Account:
    """Storage in memory that can be taken away."""

    def __init__(self) -> None:
        self.kept, self.away = MemoryStorage(), False

    def control(self, container: str) -> Any:
        return _Guarded(self, self.kept.control(container))

    def queue(self, name: str) -> Any:
        return self.kept.queue(name)


@dataclass
class _Guarded:
    account: Account
    blobs: MemoryBlobs

    def __getattr__(self, name: str) -> Any:
        if self.account.away:
            raise Transient("Storage does not answer.")
        return getattr(self.blobs, name)


@pytest.fixture(scope="module")
def account() -> Account:
    return Account()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, account: Account) -> Iterator[App]:
    with running(tmp_path_factory.mktemp("app"), account, reload_seconds=0) as app:
        assert ready(app)["status"] == "ready"
        yield app


type Ask = Callable[[aiohttp.ClientSession, Any], Awaitable[Any]]


def ask_all(app: App, ask: Ask, items: Iterable[Any], clients: int = CLIENTS) -> list[Any]:
    """What each item was answered, in order, asked by so many clients at once."""

    async def run() -> list[Any]:
        queue = list(enumerate(items))[::-1]
        answers: dict[int, Any] = {}

        async def client(session: aiohttp.ClientSession) -> None:
            while queue:
                number, item = queue.pop()
                answers[number] = await ask(session, item)

        place, key = f"http://127.0.0.1:{app.port}", {"x-functions-key": app.keys.default}
        async with aiohttp.ClientSession(place, headers=key, connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*(client(session) for _ in range(clients)))
        return [answers[number] for number in range(len(answers))]

    return asyncio.run(run())


async def ask_faq(session: aiohttp.ClientSession, question: str) -> Any:
    async with session.post("/api/score/faq", json={"question": question, "top_k": 1}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def ask_image(session: aiohttp.ClientSession, image: bytes) -> Any:
    async with session.post("/api/score/image", data=image, headers={"content-type": "image/png"}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


def ready(app: App) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(app.send("GET", "/api/health/ready").body)
    return found


@pytest.fixture(scope="module")
def digits() -> list[tuple[bytes, str]]:
    """Files of digits, with what the classifier that ships takes each for."""
    classifier = bundle.read(None, threads=1).classifier
    files = [saved(image) for image in training.digits().images[:200]]
    rows = [classifier.classify(classifier.prepare(file, 10**6)[None])[0] for file in files]
    return [(file, classifier.top(row, 1)[0].label) for file, row in zip(files, rows, strict=True)]


def test_two_thousand_requests_at_once_are_each_answered_as_if_alone(app: App, digits: list[tuple[bytes, str]]) -> None:
    entries = list(faqs.read(None).matcher.entries.values())
    questions = [entries[number % len(entries)] for number in range(1200)]
    images = [digits[number % len(digits)] for number in range(800)]

    async def ask(session: aiohttp.ClientSession, item: Any) -> Any:
        if isinstance(item, tuple):
            return (await ask_image(session, item[0]))["labels"][0]["label"]
        return (await ask_faq(session, item.question))["matches"][0]["id"]

    mixed = [*questions, *images]
    mixed[::2], mixed[1::2] = mixed[:1000], mixed[1000:]
    expected = [item[1] if isinstance(item, tuple) else item.id for item in mixed]
    assert ask_all(app, ask, mixed) == expected


def test_a_model_exchanged_under_load_answers_every_request_as_one_version_does(
    app: App, account: Account, digits: list[tuple[bytes, str]]
) -> None:
    registry = bundle.registry(account.control("bundles"))
    shipped = bundle.current(None)
    facts = {name: getattr(shipped.manifest, name) for name in ("preprocessing", "softmax", "source", "metrics")}
    versions = {}
    for letter in "ab":
        labels = tuple(f"{letter}{label}" for label in shipped.manifest.labels)
        versions[registry.write(shipped.content, labels=labels, **facts)] = letter
    image, label = digits[0]
    seen = set()

    async def ask(session: aiohttp.ClientSession, number: int) -> bool:
        if number % 50 == 0:
            registry.make_current(list(versions)[number // 50 % 2])
        answer = await ask_image(session, image)
        seen.add(answer["model"]["version"])
        return bool(answer["labels"][0]["label"] == versions.get(answer["model"]["version"], "") + label)

    assert all(ask_all(app, ask, range(600), 16))
    assert set(versions) <= seen


def test_a_damaged_new_model_is_refused_and_named_while_the_old_one_answers(
    app: App, account: Account, digits: list[tuple[bytes, str]]
) -> None:
    bundles = account.control("bundles")
    registry = bundle.registry(bundles)
    before = bundle.read(bundles, threads=1).version
    version = registry.write(b"no network", labels=("a",), preprocessing={}, softmax=True, source={}, metrics={})
    registry.make_current(version)
    answers = ask_all(app, ask_image, [digits[0][0]] * 200, 16)
    assert {answer["model"]["version"] for answer in answers} == {before}
    found = ready(app)
    assert found["status"] == "degraded"
    assert "cannot be opened" in found["checks"][1]["problem"]
    registry.make_current(before)
    while ready(app)["status"] != "ready":
        pass


def test_without_storage_scoring_goes_on_and_ready_says_what_is_missing(
    app: App, account: Account, digits: list[tuple[bytes, str]]
) -> None:
    assert ready(app)["status"] == "ready"
    account.away = True
    try:
        ask_all(app, ask_image, [digits[0][0]] * 50, 8)
        ask_all(app, ask_faq, ["How can I try it?"] * 50, 8)
        while ready(app)["status"] == "ready":
            pass
        found = ready(app)
        assert found["status"] == "degraded"
        assert {check["problem"] for check in found["checks"]} == {"Storage does not answer."}
        put = app.send("PUT", "/api/faq/new", b'{"question": "a", "answer": "b"}')
        assert (put.status, put.headers["retry-after"]) == (503, "1")
    finally:
        account.away = False
    while ready(app)["status"] != "ready":
        pass


def test_clients_that_send_slowly_or_go_away_hold_nobody_up(app: App, digits: list[tuple[bytes, str]]) -> None:
    said = ("POST /api/score/image HTTP/1.1", "Host: a", f"x-functions-key: {app.keys.default}", "Content-Length: 1000")
    slow = [socket.create_connection(("127.0.0.1", app.port)) for _ in range(200)]
    for client in slow:
        client.sendall("\r\n".join((*said, "", "")).encode() + digits[0][0][:100])
    for client in slow[::2]:
        client.close()
    answers = ask_all(app, ask_image, [digits[0][0]] * 100, 8)
    assert {answer["labels"][0]["label"][-1] for answer in answers} == {digits[0][1]}
    for client in slow[1::2]:
        client.close()


def test_more_than_may_wait_hear_so_and_come_through_when_they_ask_again(
    tmp_path: Path, digits: list[tuple[bytes, str]]
) -> None:
    refused = 0

    async def ask(session: aiohttp.ClientSession, image: bytes) -> str:
        nonlocal refused
        while True:
            async with session.post("/api/score/image", json={"image": base64.b64encode(image).decode()}) as answer:
                if answer.status == 200:
                    return str((await answer.json())["labels"][0]["label"])
                assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
                refused += 1
                await asyncio.sleep(0.01)

    with running(tmp_path, queue_limit=2) as app:
        found = ask_all(app, ask, [image for image, _ in digits[:80]])
    assert found == [label for _, label in digits[:80]]
    assert refused > 0
