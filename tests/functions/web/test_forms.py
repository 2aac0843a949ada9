"""Forms with files are read, and what only looks like one is refused."""

import random

import pytest

from functions.web.forms import read_form
from shared.errors import InvalidInput, Malformed, TooLarge

TYPE = "multipart/form-data; boundary=x"


def part(name: str, data: bytes, file: str = "") -> bytes:
    disposition = f'form-data; name="{name}"' + (f'; filename="{file}"' if file else "")
    return f"--x\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + data + b"\r\n"


def test_fields_and_files_are_read() -> None:
    body = part("image", b"\x89PNG\r\n\xff", "a.png") + part("top_k", b"5") + b"--x--\r\n"
    assert read_form(TYPE, body) == {"image": b"\x89PNG\r\n\xff", "top_k": b"5"}


def test_a_file_without_a_name_is_read_like_one_with_a_name_and_may_be_large() -> None:
    data = random.Random(1).randbytes(5_000_000)
    for file in ("", "photo.jpg"):
        assert read_form(TYPE, part("image", data, file) + b"--x--\r\n") == {"image": data}


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "utf-16", "shift-jis"])
def test_a_file_s_name_may_be_in_any_encoding(encoding: str) -> None:
    name = "für Änne" if encoding != "shift-jis" else "写真"
    body = part("image", b"\x89PNG\r\n\xff", "NAME") + part("top_k", b"5") + b"--x--\r\n"
    sent = body.replace(b"NAME", name.encode(encoding))
    assert read_form(TYPE, sent) == {"image": b"\x89PNG\r\n\xff", "top_k": b"5"}


@pytest.mark.parametrize(
    "body",
    [b"", b"--x", b"--x\r\n\r\n", part("image", b"never ends", "a.png"), b"--y\r\n\r\n--y--", b"\xff" * 100],
    ids=repr,
)
def test_a_form_that_is_none_has_no_image_or_is_refused(body: bytes) -> None:
    try:
        assert read_form(TYPE, body) == {}
    except Malformed:
        pass


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\n"]
)
def test_a_form_without_a_boundary_is_refused(kind: str) -> None:
    with pytest.raises(InvalidInput):
        read_form(kind, part("image", b"x", "a.png") + b"--x--\r\n")


def test_a_form_with_too_much_in_it_is_refused() -> None:
    with pytest.raises(TooLarge):
        read_form(TYPE, b"".join(part(f"f{n}", b"1") for n in range(100)) + b"--x--\r\n")
