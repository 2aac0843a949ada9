"""What clients send that can only mean one thing is taken, by every route alike; the rest is refused with its cause."""

import asyncio
import gzip
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from PIL import Image

from functions import inference, realtime, runs
from shared.app import make_driver
from shared.faq_matching.service import Faq
from shared.image_classification.service import Images
from shared.models import serve_all
from shared.settings import Settings
from shared.storage import MemoryStorage

CASES = Path(__file__).parents[3] / "shared" / "data" / "cases" / "serving"
QUESTION = {"question": "How can I try Tally without Azure?"}
BOM = b"\xef\xbb\xbf"


@pytest.fixture(autouse=True)
def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Handlers on an app in memory."""
    storage, settings = MemoryStorage(), Settings(local_compute_dir=str(tmp_path))
    served, driver = serve_all(settings, storage), make_driver(settings, storage)
    for module in (realtime, inference):
        monkeypatch.setattr(module, "settings", lambda: settings)
    monkeypatch.setattr(inference, "models", lambda: served)
    monkeypatch.setattr(realtime, "faq", lambda: Faq(served["faq"]))
    monkeypatch.setattr(realtime, "images", lambda: Images(served["image"]))
    for name, made in {"storage": storage, "settings": settings, "driver": driver}.items():
        monkeypatch.setattr(runs, name, partial(lambda made: made, made))


def send(handler: Any, body: bytes = b"", kind: str = "application/json", **more: Any) -> func.HttpResponse:
    headers = {"content-type": kind, **more.get("headers", {})}
    request = func.HttpRequest(
        "POST", "/", headers=headers, params=more.get("query", {}), route_params=more.get("route", {}), body=body
    )
    answer = handler(request)
    return asyncio.run(answer) if asyncio.iscoroutine(answer) else answer


def said(answer: func.HttpResponse) -> Any:
    return json.loads(answer.get_body())


def inferred(*data: str, shape: Any = (1,), **parameters: Any) -> bytes:
    tensor = {"name": "question", "datatype": "BYTES", "shape": list(shape), "data": data}
    return json.dumps({"inputs": [tensor], "parameters": parameters}).encode()


BODIES: dict[str, tuple[Any, bytes, dict[str, str]]] = {
    "score_faq": (realtime.score_faq, json.dumps(QUESTION).encode(), {}),
    "put_faq_entry": (realtime.put_faq_entry, b'{"question": "Why?", "answer": "So."}', {"id": "why"}),
    "score": (realtime.score, b'{"input": "How can I try Tally?"}', {}),
    "infer_model": (inference.infer_model, inferred("How can I try Tally?"), {"model": "faq"}),
    "start_run": (runs.start_run, b'{"workload": "style", "video": "none.mp4", "crf": 24.0}', {}),
}


@pytest.mark.parametrize("name", BODIES)
def test_every_route_reads_json_with_a_byte_order_mark_compressed_or_not(name: str) -> None:
    handler, body, route = BODIES[name]
    status = send(handler, body, route=route).status_code
    wanted = {"start_run": 404, "put_faq_entry": 200}.get(name, 200)  # there is no such video
    assert status == {"put_faq_entry": 201}.get(name, wanted)
    assert send(handler, BOM + body, route=route).status_code == wanted
    packed = gzip.compress(BOM + body)
    assert send(handler, packed, route=route, headers={"content-encoding": "gzip"}).status_code == wanted
    for broken in (packed[:-9], body):
        assert send(handler, broken, route=route, headers={"content-encoding": "gzip"}).status_code == 400


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_json_in_another_encoding_than_utf_8_is_refused_with_its_cause(encoding: str) -> None:
    answer = send(realtime.score_faq, '{"question": "Wie läuft es?"}'.encode(encoding))
    assert answer.status_code == 400
    assert "UTF-" in said(answer)["detail"]


@pytest.mark.parametrize("name", BODIES)
def test_a_coding_that_is_not_known_is_415_and_says_which_are(name: str) -> None:
    handler, body, route = BODIES[name]
    answer = send(handler, body, route=route, headers={"content-encoding": "br"})
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip, deflate")
    assert "accept-encoding" not in send(handler, body, "text/html", route=route).headers


@pytest.mark.parametrize("top_k", ["2", "2.0"])
def test_a_whole_number_is_one_with_a_fraction_of_nothing(top_k: str) -> None:
    asked = f'{{"question": "How?", "top_k": {top_k}}}'.encode()
    assert len(said(send(realtime.score_faq, asked))["matches"]) == 2
    body = inferred("How?", shape=[float(top_k) - 1], top_k=float(top_k))
    assert said(send(inference.infer_model, body, route={"model": "faq"}))["outputs"][0]["shape"] == [1, 2]


def test_how_many_may_be_said_in_the_query_beside_any_body() -> None:
    image = json.dumps({"image": b64encode(picture()).decode()}).encode()
    for handler, body, found in (
        (realtime.score_faq, json.dumps(QUESTION).encode(), "matches"),
        (realtime.score_image, image, "labels"),
    ):
        assert len(said(send(handler, body, query={"top_k": "2"}))[found]) == 2
        assert send(handler, body, query={"top_k": "0"}).status_code == 422
        twice = json.dumps(json.loads(body) | {"top_k": 2}).encode()
        assert len(said(send(handler, twice, query={"top_k": "2"}))[found]) == 2
        assert "in the query" in said(send(handler, twice, query={"top_k": "3"}))["detail"]


def picture() -> bytes:
    sink = BytesIO()
    Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(sink, "PNG")
    return sink.getvalue()


def form(parts: dict[str, bytes], named: bool) -> bytes:
    file = '; filename="a.png"' if named else ""
    head = '--x\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    texts = (head.format(name, file).encode() + data + b"\r\n" for name, data in parts.items())
    return b"".join(texts) + b"--x--\r\n"


def ways() -> Iterator[tuple[str, bytes, str]]:
    text = b64encode(picture()).decode()
    wrapped = "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    written = {
        "plain": text,
        "a data URL": f"data:image/png;base64,{text}",
        "wrapped": wrapped,
        "unpadded": text.rstrip("="),
        "URL-safe": urlsafe_b64encode(picture()).decode(),
    }
    for name, as_text in written.items():
        yield f"JSON, {name}", json.dumps({"image": as_text}).encode(), "application/json"
        yield f"form, {name}", form({"image": as_text.encode()}, named=False), "multipart/form-data; boundary=x"
    for named in (True, False):
        body = form({"image": picture(), "top_k": b""}, named)
        yield f"form, file {'with' if named else 'without'} a name", body, "multipart/form-data; boundary=x"


@pytest.mark.parametrize(("body", "kind"), [pytest.param(*way[1:], id=way[0]) for way in ways()])
def test_a_picture_is_the_same_in_every_way_of_sending(body: bytes, kind: str) -> None:
    expected = said(send(realtime.score_image, picture(), "image/png"))["labels"]
    assert said(send(realtime.score_image, body, kind))["labels"] == expected


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("%%%%", "the character '%' at place 0"),
        ("QUJD=QUJD", "the character '=' at place 4"),
        ("QUJDR", "cut off"),
        ("data:image/png,abc", "not in base64"),
        ("", "empty"),
        ("QUJD", "no image"),
    ],
)
def test_what_is_no_base64_is_refused_with_its_cause_by_every_route(text: str, cause: str) -> None:
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1],
        "data": [text],
        "parameters": {"content_type": "base64"},
    }
    answers = [
        send(realtime.score_image, json.dumps({"image": text}).encode()),
        send(realtime.score, json.dumps({"input": {"a": text}}).encode()),
        send(inference.infer_model, json.dumps({"inputs": [tensor]}).encode(), route={"model": "image"}),
    ]
    assert [answer.status_code for answer in answers] == [422] * 3
    assert all(cause in said(answer)["detail"] for answer in answers)


def test_of_several_pictures_the_one_that_is_none_is_named() -> None:
    good, bad = b64encode(picture()).decode(), b64encode(b"no picture").decode()
    for text, cause in ((bad, "no image"), ("%%", "character")):
        answer = send(realtime.score, json.dumps({"input": {"a": good, "b.png": text}}).encode())
        assert (answer.status_code, said(answer)["detail"].startswith("Image 'b.png': ")) == (422, True)
        assert cause in said(answer)["detail"]
    tensor = {"name": "image", "datatype": "BYTES", "shape": [2], "data": [good, bad]}
    answer = send(inference.infer_model, json.dumps({"inputs": [tensor]}).encode(), route={"model": "image"})
    assert (answer.status_code, said(answer)["detail"]) == (422, "Row 1: This is no image.")


def hopeless() -> Iterator[tuple[str, Any, bytes, dict[str, str]]]:
    asks = partial(inferred, "How?")
    yield "a shape that lies", inference.infer_model, asks(shape=[2]), {"model": "faq"}
    yield "a number for a text", inference.infer_model, asks().replace(b'"How?"', b"5"), {"model": "faq"}
    yield "no array", inference.infer_model, asks().replace(b'["How?"]', b"5"), {"model": "faq"}
    yield "a parameter that is none", inference.infer_model, asks(top_k="many"), {"model": "faq"}
    yield "a row that says nothing", inference.infer_model, inferred(" "), {"model": "faq"}
    yield "no such model", inference.infer_model, asks(), {"model": "none"}
    yield "no such entry", realtime.remove_faq_entry, b"", {"id": "nothing"}
    yield "no such run", runs.show_run, b"", {"id": "nothing"}
    yield "a year of nobody", runs.start_run, b'{"start": "0001-01-01T00:00:00Z", "end": "0001-01-01T00:00:00Z"}', {}
    image = {"name": "input", "datatype": "FP32", "shape": [1, 1, 16, 16], "data": [0] * 256}
    for name, value in (("not enough", [0]), ("texts", ["0"] * 256), ("too large", [1e300] * 256)):
        body = json.dumps({"inputs": [image | {"data": value}]}).encode()
        yield name, inference.infer_model, body, {"model": "image"}


@pytest.mark.parametrize(("handler", "body", "route"), [pytest.param(*case[1:], id=case[0]) for case in hopeless()])
def test_every_refusal_says_what_to_do(handler: Any, body: bytes, route: dict[str, str]) -> None:
    answer = send(handler, body, route=route)
    assert answer.status_code in (404, 422)
    assert said(answer)["hint"]


@pytest.mark.skipif(not CASES.exists(), reason="The cases of strangers are not on this machine.")
@pytest.mark.parametrize("file", sorted(path.name for path in CASES.glob("base64-*.json")))
def test_strangers_pictures_have_the_label_of_their_file(file: str) -> None:
    best = said(send(realtime.score_image, (CASES / "base64-one.png").read_bytes(), "image/png"))["labels"][0]
    body = (CASES / file).read_bytes()
    if ".v2." in file:
        outputs = said(send(inference.infer_model, body, route={"model": "image"}))["outputs"]
        assert next(one["data"][0] for one in outputs if one["name"] == "label") == best["label"]
    else:
        assert said(send(realtime.score_image, body))["labels"][0] == best


@pytest.mark.skipif(not CASES.exists(), reason="The cases of strangers are not on this machine.")
@pytest.mark.parametrize(
    ("file", "handler", "route"),
    [("bom-question.json", realtime.score_faq, {}), ("bom-infer.json", inference.infer_model, {"model": "faq"})],
)
def test_strangers_json_is_answered_as_without_its_mark(file: str, handler: Any, route: dict[str, str]) -> None:
    body = (CASES / file).read_bytes()
    assert body.startswith(BOM)
    found = [send(handler, sent, route=route) for sent in (body, body.removeprefix(BOM))]
    assert [answer.status_code for answer in found] == [200, 200]
    marked, plain = (said(answer) for answer in found)
    assert marked.get("matches") == plain.get("matches")
    assert marked.get("outputs") == plain.get("outputs")


def test_more_rows_than_one_caller_may_send_are_refused_with_their_number() -> None:
    body = inferred(*["How?"] * 65, shape=[65])
    answer = send(inference.infer_model, body, route={"model": "faq"})
    assert (answer.status_code, said(answer)["hint"]) == (422, "Send at most 64.")


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u3000"])
def test_a_question_that_says_nothing_is_refused_by_every_route(text: str) -> None:
    answers = [
        send(realtime.score_faq, json.dumps({"question": text}).encode()),
        send(realtime.score, json.dumps({"input": text}).encode()),
        send(inference.infer_model, inferred(text), route={"model": "faq"}),
    ]
    assert [answer.status_code for answer in answers] == [422] * 3


def entry(handler: Any, answer: str = "", id: str = "penguin", **headers: str) -> func.HttpResponse:
    body = json.dumps({"question": "Where do penguins buy?", "answer": answer}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(handler, body, headers=named, route={"id": id})


def test_of_two_editors_the_second_hears_of_the_first() -> None:
    first = entry(realtime.put_faq_entry, "South.", if_none_match="*")
    assert (first.status_code, entry(realtime.put_faq_entry, "North.", if_none_match="*").status_code) == (201, 412)
    shown = entry(realtime.show_faq_entry)
    assert shown.headers["etag"] == first.headers["etag"]
    known = entry(realtime.show_faq_entry, if_none_match=shown.headers["etag"])
    assert (known.status_code, known.mimetype) == (304, shown.mimetype)
    second = entry(realtime.put_faq_entry, "West.", if_match=first.headers["etag"])
    assert second.status_code == 200
    late = entry(realtime.put_faq_entry, "East.", if_match=first.headers["etag"])
    assert (late.status_code, said(late)["title"]) == (412, "Precondition Failed")
    assert entry(realtime.remove_faq_entry, if_match=first.headers["etag"]).status_code == 412
    assert said(entry(realtime.show_faq_entry))["answer"] == "West."
    assert entry(realtime.remove_faq_entry, if_match=f'"x", {second.headers["etag"]}').status_code == 200
    assert entry(realtime.put_faq_entry, "East.", if_match="*").status_code == 412


@pytest.mark.parametrize(
    "changed",
    [
        {"question": " "},
        {"also": ["\n\u00a0"]},
        {"also": [""]},
        {"also": ["a"] * 201},
        {"answer": "a" * 100_001},
        {"question": "a" * 4_001},
    ],
)
def test_an_entry_that_could_not_be_kept_is_refused_and_changes_nothing(changed: dict[str, Any]) -> None:
    body = json.dumps({"question": "Why?", "answer": "So."} | changed).encode()
    assert send(realtime.put_faq_entry, body, route={"id": "p"}).status_code in (413, 422)
    assert entry(realtime.put_faq_entry).status_code == 201
    assert send(realtime.show_faq_entry, route={"id": "p"}).status_code == 404
