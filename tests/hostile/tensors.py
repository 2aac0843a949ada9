"""Inference requests whose tensors are not what they say: shapes, types, sizes, lengths, headers."""

import gzip
import json
import struct
import zlib
from typing import Any

LENGTH = "inference-header-content-length"
HUGE = 2**63 - 1


def inputs(given: dict[str, Any], data: Any) -> list[tuple[str, bytes]]:
    """JSON requests like the valid `given` input (a name, datatype, shape) with `data`, each wrong in one way."""
    whole = {**given, "data": data}
    return [
        *((f"shape {str(shape)[:40]}", _json({**whole, "shape": shape})) for shape in SHAPES),
        *((f"datatype {kind!r:.40}", _json({**whole, "datatype": kind})) for kind in DATATYPES),
        *((f"name {name!r:.40}", _json({**whole, "name": name})) for name in NAMES),
        *((f"data {str(other)[:40]}", _json({**given, "data": other})) for other in DATA),
        *((f"parameters {str(some)[:60]}", _json({**given, "parameters": some})) for some in PARAMETERS),
        ("no data", _json(given)),
        *((f"no {key}", _json({name: value for name, value in whole.items() if name != key})) for key in given),
        ("no inputs", json.dumps({"inputs": []}).encode()),
        ("inputs null", json.dumps({"inputs": None}).encode()),
        ("inputs an object", json.dumps({"inputs": whole}).encode()),
        ("twice the same input", json.dumps({"inputs": [whole, whole]}).encode()),
        ("a thousand inputs", json.dumps({"inputs": [whole] * 1_000}).encode()),
        ("deep data", _json({**given, "data": "@"}).replace(b'"@"', b"[" * 100_000 + b"]" * 100_000)),
        ("NaN", _json({**given, "data": "@"}).replace(b'"@"', b"[NaN]")),
        ("Infinity", _json({**given, "data": "@"}).replace(b'"@"', b"[Infinity]")),
        ("no UTF-8", _json({**given, "data": ["@"]}).replace(b"@", b"\xff")),
        *((f"outputs {str(some)[:60]}", _json(whole, outputs=some)) for some in OUTPUTS),
        *((f"request's parameters {str(some)[:60]}", _json(whole, parameters=some)) for some in WHOLE_PARAMETERS),
        ("id is a number", _json(whole, id=7)),
        ("id is an object", _json(whole, id={})),
    ]


def binary(given: dict[str, Any], data: bytes) -> list[tuple[str, bytes, dict[str, str]]]:
    """Requests like the valid one with `data` after the JSON, each lying about a length. Name, body and headers."""

    def sent(size: object, after: bytes, said: int | None = None, **more: Any) -> tuple[bytes, dict[str, str]]:
        head = _json({**given, "parameters": {"binary_data_size": size}, **more})
        return head + after, {LENGTH: str(len(head) if said is None else said)}

    whole, own = sent(len(data), data)
    size = int(own[LENGTH])
    sizes = (0, 1, len(data) - 1, len(data) + 1, 2**31, 2**63, 2**64, -1, 1.5, "4", None, True, [], 10**400)
    return [
        *((f"binary_data_size {str(some)[:30]}", *sent(some, data)) for some in sizes),
        *((f"header {text[:30]!r}", whole, {LENGTH: text}) for text in HEADERS),
        *((f"header {off:+d}", whole, {LENGTH: str(size + off)}) for off in (-100, -1, 1, 3)),
        ("header of all", whole, {LENGTH: str(len(whole))}),
        ("header of one more than all", whole, {LENGTH: str(len(whole) + 1)}),
        ("no header", whole, {}),
        ("no data follow", *sent(len(data), b"")),
        ("data follow twice", *sent(len(data), data * 2)),
        ("one byte follows", *sent(1, b"\x01")),
        ("data in both ways", *sent(len(data), data, data=["a"])),
        *((f"shape {shape} of the same data", *sent(len(data), data, shape=shape)) for shape in ([2], [0], [HUGE])),
        *((f"elements {name}", *sent(len(some), some)) for name, some in ELEMENTS),
        ("shared memory", *sent(len(data), data, parameters={"shared_memory_region": "a"})),
        ("a raw body of nothing", b"", {LENGTH: "0"}),
    ]


def compressed(valid: bytes) -> list[tuple[str, bytes, dict[str, str]]]:
    """Bodies that are compressed badly, too well, or in ways nobody knows."""
    bomb = _packed(bytes(30_000_000))
    spaces = _packed(valid + b" " * 12_000_000)
    packed = _packed(valid)
    return [
        ("a bomb", bomb, {"content-encoding": "gzip"}),
        ("a bomb of spaces", spaces, {"content-encoding": "gzip"}),
        ("a bomb in deflate", zlib.compress(bytes(30_000_000), 1), {"content-encoding": "deflate"}),
        ("a bomb within", _packed(bomb), {"content-encoding": "gzip"}),
        ("twice", _packed(packed), {"content-encoding": "gzip, gzip"}),
        ("cut off", packed[:-10], {"content-encoding": "gzip"}),
        ("more after its end", packed + b"more", {"content-encoding": "gzip"}),
        ("another sum", packed[:-8] + bytes(8), {"content-encoding": "gzip"}),
        ("not at all", valid, {"content-encoding": "gzip"}),
        ("nothing", b"", {"content-encoding": "gzip"}),
        ("without saying so", packed, {}),
        *((f"in {kind[:20]}", packed, {"content-encoding": kind}) for kind in ("br", "zstd", "x", "a" * 5_000)),
    ]


def _packed(data: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0)


def _json(given: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"inputs": [given], **more}).encode()


SHAPES: tuple[Any, ...] = (
    [], [0], [-1], [2], [3, 2], [1, 2], [1, 1, 1], [1] * 9, [1] * 10_000, [HUGE], [HUGE, HUGE], [HUGE] * 8, [2**64],
    [10**400], [1.0], [1.5], ["1"], [None], [True], [[1]], None, 1, "1", {}, [129], [100_000], [-(2**63)],
)  # fmt: skip
DATATYPES: tuple[Any, ...] = (
    "", "bytes", "BYTES ", "STRING", "BF16", "FP8", "FP64", "UINT8", "INT64", "BOOL", "x" * 100_000, None, 1, [], {},
)  # fmt: skip
NAMES: tuple[Any, ...] = ("", "nobody", "question ", "QUESTION", "../x", "n" * 100_000, "\0", None, 1, [], {})
DATA: tuple[Any, ...] = (
    [], [[]], [[], []], None, 1, True, {}, {"a": 1}, [None], [{}], [True], [["a"], "a"], ["a", "b"], [1, "a"], [[1], 2],
    ["a"] * 10_000, [[["a"]]], [[]] * 10_000, [10**400], [1e308, 1e308],
)  # fmt: skip
PARAMETERS: tuple[Any, ...] = (
    1, "a", [], [1], {"binary_data_size": 4}, {"binary_data_size": -4}, {"binary_data_size": "4"},
    {"binary_data_size": None}, {"binary_data_size": 2**64}, {"binary_data_size": 10**400}, {"binary_data_size": {}},
    {"shared_memory_region": "a", "shared_memory_byte_size": 4}, {"content_type": 1}, {"content_type": []},
)  # fmt: skip
OUTPUTS: tuple[Any, ...] = (
    1, "answer", {}, [1], ["answer"], [{}], [{"name": None}], [{"name": "nobody"}], [{"name": "label"}] * 2,
    [{"name": "id"}, {"name": "id"}], [{"name": "n" * 100_000}], [{"name": "id", "parameters": 1}],
    [{"name": "id", "parameters": {"classification": 2}}], [{"name": "label", "parameters": {"classification": 2}}],
    [{"name": "id", "parameters": {"binary_data": "yes"}}], [{"name": "label", "parameters": {"binary_data": 1}}],
    [{"name": "probabilities", "parameters": {"classification": -1}}], [{"name": "nobody"}] * 100_000,
    [{"name": "probabilities", "parameters": {"classification": 1.5}}],
)  # fmt: skip
WHOLE_PARAMETERS: tuple[Any, ...] = (
    1, [], "a", {"top_k": 0}, {"top_k": -1}, {"top_k": 101}, {"top_k": 1.5}, {"top_k": "3"}, {"top_k": True},
    {"top_k": 2**64}, {"top_k": 10**400}, {"top_k": []}, {"top_k": {}}, {"binary_data_output": "yes"},
    {"binary_data_output": 1}, {"binary_data_output": []}, {"content_type": 1},
)  # fmt: skip
HEADERS = (
    "-1",
    "+5",
    "1e2",
    "0x10",
    " ",
    "five",
    "1.0",
    "9" * 19,
    "9" * 5_000,
    "٣",
    "1,2",
    "NaN",
    "1_0",
    "00000000000000000000001",
)
ELEMENTS: list[tuple[str, bytes]] = [
    ("shorter than a length", b"\x01\x00\x00"),
    ("longer than the body", struct.pack("<I", 2**32 - 1) + b"abcd"),
    ("one byte longer than there is", struct.pack("<I", 5) + b"abcd"),
    ("one byte shorter than there is", struct.pack("<I", 3) + b"abcd"),
    ("in big-endian", struct.pack(">I", 4) + b"abcd"),
    ("two for one", struct.pack("<I", 1) + b"a" + struct.pack("<I", 1) + b"b"),
    ("no UTF-8", struct.pack("<I", 2) + b"\xff\xfe"),
    ("empty", struct.pack("<I", 0)),
    ("many empty", bytes(400_000)),
    ("NaN", struct.pack("<f", float("nan")) * 64),
    ("infinity", struct.pack("<f", float("inf")) * 64),
]
