"""All hostile requests, the same at every run."""

import json
import struct
from base64 import b64encode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.hostile import forms, json_bodies, pictures, tensors
from tests.hostile.case import ENTRY, FAQ, IMAGE, JSON, REFERENCE, V2_FAQ, V2_IMAGE, Hostile, posted

BINARY = "application/octet-stream"
QUESTION = {"question": "How do I deploy it?"}
TEXT = {"name": "question", "datatype": "BYTES", "shape": [1]}
FILE = {"name": "image", "datatype": "BYTES", "shape": [1]}
LARGE = 10_000_001


def corpus(network: dict[str, Any]) -> list[Hostile]:
    """Every case. network: the input of the served image network (name, datatype, shape of one row)."""
    found = [*_questions(), *_entries(), *_images(), *_references(), *_inference(network), *_anything()]
    found = [replace(case, fine=True) if case.name.rpartition(": ")[2] in ONE_MEANING else case for case in found]
    met: Counter[str] = Counter()
    for at, case in enumerate(found):
        met[case.name] += 1
        if met[case.name] > 1:
            found[at] = replace(case, name=f"{case.name} ({met[case.name]})")
    return found


def _questions() -> Iterator[Hostile]:
    valid = json.dumps(QUESTION).encode()
    yield from posted(FAQ, "broken", json_bodies.broken(valid, 12))
    yield from posted(FAQ, "question is", json_bodies.values_for(b'{"question": @}'))
    yield from posted(FAQ, "question holds", json_bodies.not_text(b'{"question": "a @ b"}'))
    top_k = json_bodies.values_for(b'{"question": "what?", "top_k": @}')
    yield from posted(FAQ, "top_k is", top_k)
    yield from posted(FAQ, "has", [("another member", b'{"question": "a", "q": 1}'), ("no question", b'{"top_k": 1}')])
    yield from posted(FAQ, "question is", [("empty", b'{"question": ""}'), ("too long", _long(2_001))])
    odd = {
        "spaces": "   ",
        "zero bytes": "\0\0",
        "right to left": "\u202eevil",
        "emoji": "🤷" * 500,
        "regex": "(a+)+$" * 99,
    }
    yield from posted(
        FAQ, "odd", [(name, json.dumps({"question": text}).encode()) for name, text in odd.items()], fine=True
    )
    for kind in (
        "text/plain",
        "text/html",
        "application/xml",
        "application/x-www-form-urlencoded",
        forms.TYPE,
        "json",
        "/;",
    ):
        yield from posted(FAQ, f"is said to be {kind}", [("valid", valid)], kind)


def _entries() -> Iterator[Hostile]:
    valid = b'{"question": "a", "answer": "b"}'
    for case in posted(ENTRY, "put, broken", json_bodies.broken(valid, 5)):
        yield _put(case)
    for name in ("question", "answer", "also"):
        template = json_bodies.with_values({"question": "a", "answer": "b", "also": ["c"]}, name)
        yield from map(_put, posted(ENTRY, f"put, {name} is", _without(json_bodies.values_for(template), name)))
    for entry_id in ("-", ".hidden", "a b", "a%2Fb", "..%2F..%2Fx", "%00", "%ff", "a" * 65, "ü", "a%0d%0ax:y"):
        path, lost = f"/api/faq/{entry_id}", any(part in entry_id for part in ("%2F", "%0a"))
        headers = {"content-type": JSON}
        yield Hostile(f"put an entry {entry_id[:20]}", path, valid, headers, "PUT", unrouted=lost)
        yield Hostile(f"delete an entry {entry_id[:20]}", path, b"", {}, "DELETE", unrouted=lost)


def _images() -> Iterator[Hostile]:
    for kind, files, fine in (
        ("cut off", pictures.cut_off(), False),
        ("damaged", pictures.damaged(), True),
        ("claims", pictures.claims(), False),
        ("no picture", pictures.no_pictures(), False),
    ):
        for name, data in files:
            yield Hostile(
                f"{IMAGE}: {kind}: {name}", IMAGE, data, {"content-type": "image/png"}, fine=fine or name in READABLE
            )
    png = pictures.pictures()["PNG"]
    valid = json.dumps({"image": b64encode(png).decode()}).encode()
    yield from posted(IMAGE, "broken JSON", json_bodies.broken(valid, 5))
    yield from posted(IMAGE, "image is", json_bodies.values_for(b'{"image": @}'))
    yield from posted(IMAGE, "image holds", json_bodies.not_text(b'{"image": "@"}'))
    yield from posted(IMAGE, "base64", [(name, json.dumps({"image": text}).encode()) for name, text in _base64(png)])
    for name, body, kind in forms.forms(png):
        yield from posted(IMAGE, "form", [(name, body)], kind, fine=name in FINE_FORMS)
    for kind in (
        "text/plain",
        "text/html",
        "video/mp4",
        "application/pdf",
        "multipart/mixed; boundary=boundary",
        "image",
    ):
        yield from posted(IMAGE, f"is said to be {kind}", [("valid", png)], kind)
    for top_k in ("0", "-1", "101", "x", "1.5", "9" * 4_000):
        yield Hostile(f"{IMAGE}: ?top_k={top_k[:9]}", f"{IMAGE}?top_k={top_k}", png, {"content-type": "image/png"})


def _references() -> Iterator[Hostile]:
    yield from posted(REFERENCE, "broken", json_bodies.broken(b'{"input": "what?"}', 5))
    yield from posted(REFERENCE, "input is", _without(json_bodies.values_for(b'{"input": @}'), "input"))
    yield from posted(REFERENCE, "input holds", json_bodies.not_text(b'{"input": "@"}'))
    yield from posted(REFERENCE, "image is", json_bodies.values_for(b'{"input": {"image": @}}'))
    many = {"input": {str(at): "AAAA" for at in range(1_000)}}
    yield from posted(
        REFERENCE, "has", [("1000 images", json.dumps(many).encode()), ("no picture", b'{"input": {"a": "AAAA"}}')]
    )


def _inference(network: dict[str, Any]) -> Iterator[Hostile]:
    png = pictures.pictures()["PNG"]
    text = b64encode(png).decode()
    row = {**network, "shape": [1, *network["shape"]]}
    for path, given, data, after in (
        (V2_FAQ, TEXT, ["what?"], _element(b"what?")),
        (V2_IMAGE, {**FILE, "parameters": {"content_type": "base64"}}, [text], _element(png)),
    ):
        valid = json.dumps({"inputs": [{**given, "data": data}]}).encode()
        yield from posted(path, "broken", json_bodies.broken(valid, 8))
        inputs = tensors.inputs(given, data)
        if path == V2_IMAGE:  # base64 in JSON is a picture, also where nobody says so
            inputs = [case for case in inputs if case[0] != "no parameters"]
        yield from posted(path, "JSON", _fit(inputs))
        for name, body, headers in [*tensors.binary(given, after), *tensors.compressed(valid)]:
            yield Hostile(f"{path}: binary: {name}", path, body, headers, fine=name in FINE_TENSORS)
    wrong = [case for case in tensors.inputs(row, [0.5]) if not case[0].startswith(("outputs", "request's", "id "))]
    yield from posted(V2_IMAGE, "network's input", wrong)
    for name, body, headers in tensors.binary(row, bytes(64)):
        yield Hostile(f"{V2_IMAGE}: network's input: {name}", V2_IMAGE, body, headers)
    for path in (
        "/v2/models/nobody/infer",
        "/v2/models/faq/versions/0/infer",
        "/v2/models/%00/infer",
        f"/v2/models/{'m' * 999}/infer",
    ):
        yield Hostile(f"{path[:40]}: no such model", path, b"{}", {"content-type": JSON})
    yield from posted(V2_FAQ, "is said to be", [("a web page", b"{}")], "text/html")


def _anything() -> Iterator[Hostile]:
    for path in (FAQ, IMAGE, REFERENCE, V2_FAQ, V2_IMAGE):
        yield Hostile(f"{path}: too large", path, bytes(LARGE), {"content-type": JSON})
        yield Hostile(f"{path}: headers of 100000 letters", path, b"", {"content-type": "a" * 100_000}, unrouted=True)
        yield Hostile(f"{path}: headers that are no ASCII", path, b"{}", {"content-type": "größe/ü"})


def _put(case: Hostile) -> Hostile:
    return Hostile(case.name, case.path, case.body, case.headers, "PUT")


def _long(size: int) -> bytes:
    return json.dumps({"question": "a" * size}).encode()


def _element(value: bytes) -> bytes:
    return struct.pack("<I", len(value)) + value


def _base64(png: bytes) -> list[tuple[str, str]]:
    text = b64encode(png).decode()
    return [
        ("empty", ""),
        ("of no picture", b64encode(b"no picture").decode()),
        ("cut off by one", text[:-1]),
        ("cut off by two", text[:-2] + "="),
        ("cut in half", text[: len(text) // 2]),
        ("for addresses", urlsafe_b64encode(b"\xfb\xff" * 99).decode()),
        ("in an address", f"data:image/png;base64,{text}"),
        ("with spaces", " ".join(text)),
        ("with other letters", text.replace("A", "ä")),
        ("padded to no end", text + "=" * 1_000),
        ("of base64", b64encode(text.encode()).decode()),
        ("of hexadecimal", png.hex()),
    ]


def _without(bodies: list[tuple[str, bytes]], name: str) -> list[tuple[str, bytes]]:
    """Without values that are good ones for this member."""
    good = {"also": ("an empty array",), "input": ("an empty object",)}.get(name, ())
    return [(value, body) for value, body in bodies if value not in good]


def _fit(bodies: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Without what is wrong for another model's input only."""
    return [(name, body) for name, body in bodies if name not in FITTING]


ONE_MEANING = {"a byte order mark", "shape [1.0]", "cut off by one", "cut off by two", "in an address", "with spaces"}
"""What looks bad and can only mean one thing, so it is answered."""
READABLE = {"PNG with as many pixels as allowed", "PNG with far more pixels than it claims", "GIF claims a huge frame"}
FINE_FORMS = {"another boundary"}
FINE_TENSORS = {"elements many empty"}
FITTING: set[str] = set()
