"""Whatever is sent, the answer is a 4xx with a reason, or an answer; never a 500, and memory stays bounded."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functions.web.inference.app import Answer, App, running
from tests.hostile.case import Hostile
from tests.hostile.corpus import corpus

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(tmp_path_factory.mktemp("app")) as app:
        yield app


@pytest.fixture(scope="module")
def network(app: App) -> dict[str, Any]:
    """The input of the image model's network, for one row."""
    model = json.loads(app.send("GET", "/v2/models/image").body)
    tensor = next(tensor for tensor in model["inputs"] if tensor["datatype"] != "BYTES")
    return {**tensor, "shape": tensor["shape"][1:]}


@pytest.fixture(scope="module")
def cases(network: dict[str, Any]) -> list[Hostile]:
    return corpus(network)


def send(app: App, case: Hostile) -> Answer:
    return app.send(case.method, case.path, case.body, case.headers)


def wrong_with(case: Hostile, answer: Answer) -> str:
    """What is wrong with the answer; empty where nothing is."""
    if answer.status in (200, 201):
        return "" if case.fine else f"answered {answer.body[:80]!r}"
    if not 400 <= answer.status < 500:
        return f"status {answer.status}: {answer.body[:200]!r}"
    if case.unrouted:
        return ""
    problem = json.loads(answer.body) if answer.headers.get("content-type") == "application/problem+json" else {}
    if not (problem.get("detail") and problem.get("error") and problem.get("request_id")):
        return f"status {answer.status} without a reason: {answer.body[:80]!r}"
    return "" if len(answer.body) < 2_000 else f"a reason of {len(answer.body)} bytes"


@pytest.mark.slow
def test_every_hostile_request_is_refused_with_a_reason_in_bounded_memory(app: App, cases: list[Hostile]) -> None:
    assert len(cases) >= 500
    Path("/proc/self/clear_refs").write_text("5")  # the peak is now what is held now
    before = _peak()
    wrong = [f"{case.name}: {found}" for case in cases if (found := wrong_with(case, send(app, case)))]
    held = _peak() - before
    assert not wrong, "\n".join(wrong)
    assert held < 300 * MEGABYTE


@pytest.mark.slow
def test_the_corpus_is_the_same_at_every_run(cases: list[Hostile], network: dict[str, Any]) -> None:
    assert corpus(network) == cases


def _peak() -> int:
    """The most memory that this process held since then, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
