"""The real-time endpoints on the models that ship: what they answer, what they refuse, and that all may come twice."""

import asyncio
import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import azure.functions as func
import pytest
from PIL import Image

from functions import operations, realtime
from shared.faq_matching.model import FaqMatching
from shared.faq_matching.service import Faq, FaqEntry
from shared.image_classification.service import Images
from shared.models import serve, serve_all
from shared.settings import Settings
from shared.storage import MemoryStorage

SETTINGS = Settings(question_chars=200, body_bytes=300_000, image_pixels=1_000_000, scoring_threads=1)
ENTRY = {"question": "Where do penguins buy their tuxedos?", "answer": "At the iceberg.", "also": ["penguin clothes"]}


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> MemoryStorage:
    """Handlers on an app in memory."""
    storage = MemoryStorage()
    served = serve_all(SETTINGS, storage)
    monkeypatch.setattr(realtime, "faq", lambda: Faq(served["faq"]))
    monkeypatch.setattr(realtime, "images", lambda: Images(served["image"]))
    monkeypatch.setattr(operations, "models", lambda: served)
    monkeypatch.setattr(realtime, "settings", lambda: SETTINGS)
    return storage


def make_faq(storage: MemoryStorage) -> Faq:
    return Faq(serve(FaqMatching, SETTINGS, storage))


def call(handler: Any, body: bytes = b"", kind: str = "application/json", **route: str) -> tuple[int, Any]:
    query = {"top_k": route.pop("top_k")} if "top_k" in route else {}
    headers = {"content-type": kind} if kind else {}
    request = func.HttpRequest("POST", "/", headers=headers, params=query, route_params=route, body=body)
    answer = handler(request)
    if asyncio.iscoroutine(answer):
        answer = asyncio.run(answer)
    return answer.status_code, json.loads(answer.get_body())


def asked(question: str, **more: Any) -> tuple[int, Any]:
    return call(realtime.score_faq, json.dumps({"question": question, **more}).encode())


def picture(size: tuple[int, int] = (64, 48), form: str = "PNG") -> bytes:
    sink = BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(sink, form)
    return sink.getvalue()


def test_a_question_is_answered_with_what_fits_best_and_by_whom(storage: MemoryStorage) -> None:
    status, answer = asked("How can I try Tally without Azure?", top_k=2)
    assert status == 200
    assert len(answer["matches"]) == 2
    first, second = answer["matches"]
    assert 1 >= first["probability"] >= second["probability"] >= 0
    assert (first["question"] != "", first["answer"] != "") == (True, True)
    assert answer["model"]["name"] == "faq"
    assert answer["milliseconds"] > 0


def test_a_question_about_something_else_is_not_answered(storage: MemoryStorage) -> None:
    assert asked("Which wine goes with roast lamb on a rainy evening?")[1]["answered"] is False
    assert asked("qqqq zzzz xxxx")[1]["answered"] is False


def test_an_entry_put_in_answers_the_next_question_and_one_removed_no_more(storage: MemoryStorage) -> None:
    body = json.dumps(ENTRY).encode()
    first, again = (call(realtime.put_faq_entry, body, id="tuxedo") for _ in range(2))
    assert (first[0], again[0], first[1]) == (201, 200, again[1])
    answer = asked(ENTRY["question"])[1]
    assert (answer["answered"], answer["matches"][0]["id"]) == (True, "tuxedo")
    assert call(realtime.show_faq_entry, id="tuxedo") == (200, {"id": "tuxedo", **ENTRY})
    assert call(realtime.remove_faq_entry, id="tuxedo")[0] == 200
    assert "tuxedo" not in {match["id"] for match in asked(ENTRY["question"], top_k=100)[1]["matches"]}
    assert call(realtime.remove_faq_entry, id="tuxedo")[0] == 404
    assert call(realtime.show_faq_entry, id="tuxedo")[0] == 404


def test_an_entry_of_the_faq_that_ships_can_be_changed_and_removed(storage: MemoryStorage) -> None:
    shipped = asked("How can I try Tally without Azure?")[1]["matches"][0]
    changed = {"question": shipped["question"], "answer": "Like this."}
    assert call(realtime.put_faq_entry, json.dumps(changed).encode(), id=shipped["id"])[0] == 200
    assert asked(shipped["question"])[1]["matches"][0]["answer"] == "Like this."
    assert call(realtime.remove_faq_entry, id=shipped["id"])[0] == 200
    assert call(realtime.show_faq_entry, id=shipped["id"])[0] == 404


def test_other_instances_know_of_a_change_at_their_next_look(storage: MemoryStorage) -> None:
    here, there = make_faq(storage), make_faq(storage)
    there.served.loaded()
    entry = FaqEntry("Where do penguins buy their tuxedos?", "At the iceberg.")
    here.put("tuxedo", entry)
    there.put("snow", FaqEntry("Where does snow go in summer?", "South."))
    here.served.look()
    assert {here.get(name).answer for name in ("tuxedo", "snow")} == {"At the iceberg.", "South."}
    assert there.get("tuxedo") == here.get("tuxedo")


def test_changes_made_at_once_are_all_kept(storage: MemoryStorage) -> None:
    instances: list[Faq] = [make_faq(storage) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: instances[n % 4].put(f"n{n}", FaqEntry(f"Question number {n}?", str(n))), range(12)))
    last = make_faq(storage)
    assert [last.get(f"n{n}").answer for n in range(12)] == [str(n) for n in range(12)]


@pytest.mark.parametrize("entry_id", ["", "../x", "a b", "x" * 65, "ü", "a\n"])
def test_an_id_that_cannot_be_one_is_refused(storage: MemoryStorage, entry_id: str) -> None:
    assert call(realtime.put_faq_entry, json.dumps(ENTRY).encode(), id=entry_id)[0] == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"question": ""}', 422),
        (b'{"question": 5}', 422),
        (b'{"question": "a", "top_k": 0}', 422),
        (b'{"question": "a", "top_k": 101}', 422),
        (b'{"question": "a", "color": "red"}', 422),
        (b'{"question": "' + b"a" * 201 + b'"}', 413),
        (b'{"question": "' + b"a" * 300_000 + b'"}', 413),
        (b"[]", 422),
        (b"", 400),
        (b'{"question": "a"', 400),
    ],
)
def test_a_question_that_is_none_is_refused(storage: MemoryStorage, body: bytes, status: int) -> None:
    assert call(realtime.score_faq, body)[0] == status


def form(name: str, data: bytes) -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="a"\r\n\r\n'
    return head.encode() + data + b"\r\n--x--\r\n"


WAYS: dict[str, Callable[[bytes], tuple[bytes, str]]] = {
    "body": lambda data: (data, "image/png"),
    "bytes": lambda data: (data, "application/octet-stream"),
    "no type": lambda data: (data, ""),
    "form": lambda data: (form("image", data), "multipart/form-data; boundary=x"),
    "json": lambda data: (json.dumps({"image": base64.b64encode(data).decode()}).encode(), "application/json"),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_image_may_come_in_any_of_these_ways(storage: MemoryStorage, way: str) -> None:
    expected = call(realtime.score_image, picture(), "image/png")[1]["labels"]
    body, kind = WAYS[way](picture())
    status, answer = call(realtime.score_image, body, kind)
    assert (status, answer["labels"]) == (200, expected)
    assert len(expected) == 3
    assert answer["model"]["name"] == "image"


def test_as_many_labels_come_back_as_are_asked_for(storage: MemoryStorage) -> None:
    assert len(call(realtime.score_image, picture(), "image/png", top_k="5")[1]["labels"]) == 5
    assert call(realtime.score_image, picture(), "image/png", top_k="0")[0] == 422
    assert call(realtime.score_image, picture(), "image/png", top_k="many")[0] == 422


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "image/png", 422),
        (b"no image", "image/png", 422),
        (picture()[:-40], "image/png", 422),
        (picture((1200, 1200), "GIF"), "image/gif", 422),
        (b"\0" * 300_001, "image/png", 413),
        (picture(), "text/html", 415),
        (b'{"image": "%%%"}', "application/json", 422),
        (form("picture", b"x"), "multipart/form-data; boundary=x", 422),
        (form("image", b"x"), "multipart/form-data; boundary=x", 422),
    ],
)
def test_what_is_no_image_is_refused(storage: MemoryStorage, body: bytes, kind: str, status: int) -> None:
    answered, problem = call(realtime.score_image, body, kind)
    assert answered == status
    assert problem["detail"]


def test_the_reference_architectures_requests_are_answered_in_their_shape(storage: MemoryStorage) -> None:
    status, answer = call(realtime.score, b'{"input": "How can I try Tally without Azure?"}')
    entries, time = answer["result"]
    assert status == 200
    assert len(entries) > 3
    assert [len(entry) for entry in entries] == [3] * len(entries)
    assert time.startswith("Computed in ")
    image = base64.b64encode(picture()).decode()
    (images, _), status = call(realtime.score, json.dumps({"input": {"a.png": image}}).encode())[1]["result"], 200
    assert [len(label) for label in images["a.png"]] == [2, 2, 2]


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"input": ""}', b'{"input": 5}', b'{"input": {"a": 5}}', b'{"input": [""]}', b'{"input": {"a": ""}}'],
)
def test_what_the_references_answered_with_500_is_refused(storage: MemoryStorage, body: bytes) -> None:
    assert call(realtime.score, body)[0] == 422


def test_ready_loads_the_models_and_metrics_tell_of_them(storage: MemoryStorage) -> None:
    status, ready = call(operations.ready)
    assert (status, ready["status"]) == (200, "ready")
    assert [check["name"] for check in ready["checks"]] == ["faq", "image"]
    asked("anything")
    metrics = asyncio.run(operations.show_metrics(func.HttpRequest("GET", "/", body=b""))).get_body().decode()
    assert f'version="{ready["checks"][0]["version"]}"' in metrics


def test_a_stored_entry_that_is_none_costs_itself_only_and_is_named(storage: MemoryStorage) -> None:
    bad = b'{"put": [{"id": "p", "question": "Why?", "answer": "", "also": [""]}]}'
    storage.control("bundles").put("faq/edits.json", bad)
    status, ready = call(operations.ready)
    assert (status, ready["status"]) == (200, "degraded")
    assert "'p' is not read" in ready["checks"][0]["problem"]
    assert call(realtime.put_faq_entry, json.dumps(ENTRY).encode(), id="tuxedo")[0] == 201
    assert asked(ENTRY["question"])[1]["matches"][0]["id"] == "tuxedo"
    assert call(realtime.put_faq_entry, json.dumps(ENTRY).encode(), id="p")[0] == 201
    assert call(operations.ready)[1]["status"] == "ready"


def test_a_damaged_bundle_at_the_start_is_503_and_named(storage: MemoryStorage) -> None:
    storage.control("bundles").put("image/current.json", b'{"version": "0123456789abcdef"}')
    assert call(realtime.score_image, picture(), "image/png")[0] == 503
    status, ready = call(operations.ready)
    assert (status, ready["status"]) == (503, "unavailable")
    assert "0123456789abcdef" in ready["checks"][1]["problem"]
    assert asked("anything")[0] == 200
