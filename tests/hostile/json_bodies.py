"""Bodies that are no JSON, or JSON that says what nobody asked for."""

import json
from typing import Any

DEEP = 100_000
INT64 = 2**63


def broken(valid: bytes, cuts: int) -> list[tuple[str, bytes]]:
    """What a body becomes when it is cut off, wrapped, or its bytes are of another kind."""
    text = valid.decode()
    cut = {len(valid) * part // (cuts + 1) for part in range(1, cuts + 1)}
    return [
        *((f"cut off after {at} bytes", valid[:at]) for at in sorted(cut)),
        ("nothing", b""),
        ("spaces", b"  \n\t "),
        ("a zero byte", b"\0"),
        ("zero bytes around it", b"\0" + valid + b"\0"),
        ("twice", valid * 2),
        ("a comma too many", valid[:-1] + b",}"),
        ("single quotes", valid.replace(b'"', b"'")),
        ("no quotes", valid.replace(b'"', b"")),
        ("a byte order mark", b"\xef\xbb\xbf" + valid),
        ("UTF-16", text.encode("utf-16")),
        ("UTF-32", text.encode("utf-32-le")),
        ("an HTML page", b"<html><body>hello</body></html>"),
        ("XML", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>'),
        ("YAML", b"question: what\n"),
        ("a form", b"question=what&top_k=3"),
        ("a pickle", b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94."),
        ("gzip without saying so", bytes.fromhex("1f8b08000000000000ff4b04000000ffff")),
        ("a comment", b"// hello\n" + valid),
        ("concatenated lines", valid + b"\n" + valid),
        ("deep arrays", b"[" * DEEP),
        ("deep arrays, closed", b"[" * DEEP + b"]" * DEEP),
        ("deep objects", b'{"a":' * DEEP),
        ("deep objects, closed", b'{"a":' * DEEP + b"1" + b"}" * DEEP),
        ("an array", b"[" + valid + b"]"),
        ("many zeros", b"[" + b"0," * 500_000 + b"0]"),
        ("many empty objects", b"[" + b"{}," * 300_000 + b"{}]"),
        ("a number of 100000 digits", b"9" * 100_000),
        *((f"only {value}", json.dumps(value).encode()) for value in (None, True, 0, -1.5, "text", [], {})),
        ("only NaN", b"NaN"),
        ("only Infinity", b"-Infinity"),
    ]


def values_for(template: bytes) -> list[tuple[str, bytes]]:
    """What a body becomes with hostile values in the place of `@`, which is not a text."""
    return [(name, template.replace(b"@", value)) for name, value in VALUES]


def not_text(template: bytes) -> list[tuple[str, bytes]]:
    """What a body becomes with texts that are none, in the place of `@` within quotes."""
    return [(name, template.replace(b"@", value)) for name, value in TEXTS]


VALUES: list[tuple[str, bytes]] = [
    ("null", b"null"),
    ("false", b"false"),
    ("true", b"true"),
    ("zero", b"0"),
    ("minus one", b"-1"),
    ("a fraction", b"1.5"),
    ("a large number", str(INT64).encode()),
    ("a huge number", b"1" + b"0" * 400),
    ("a number of 5000 digits", b"7" * 5_000),
    ("an exponent", b"1e999"),
    ("a negative exponent", b"1e-999"),
    ("NaN", b"NaN"),
    ("Infinity", b"Infinity"),
    ("hexadecimal", b"0x10"),
    ("a leading zero", b"007"),
    ("an empty array", b"[]"),
    ("an array of nulls", b"[null, null]"),
    ("an object", b'{"a": 1}'),
    ("an empty object", b"{}"),
    ("deep arrays", b"[" * DEEP + b"]" * DEEP),
    ("deep objects", b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    ("many numbers", b"[" + b"1," * 200_000 + b"1]"),
]

TEXTS: list[tuple[str, bytes]] = [
    ("a byte that is no UTF-8", b"\xff"),
    ("a character that is cut off", b"\xe2\x82"),
    ("an overlong zero", b"\xc0\x80"),
    ("an encoded surrogate", b"\xed\xa0\x80"),
    ("beyond Unicode", b"\xf5\x80\x80\x80"),
    ("Latin-1", "Schlüssel".encode("latin-1")),
    ("half a surrogate, escaped", b"\\ud800"),
    ("an escape that is none", b"\\x41"),
    ("an escape that is cut off", b"\\u12"),
    ("a line break", b"a\nb"),
    ("a control character", b"\x01"),
    ("a zero byte", b"\0"),
]


def with_values(valid: dict[str, Any], name: str) -> bytes:
    """A body with `@` for the value of one member."""
    return json.dumps(valid | {name: "@"}).replace('"@"', "@").encode()
