"""Compressed bodies are opened within a limit, whatever they hold."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.web.inference.content_encoding import decoded
from shared.errors import InvalidInput, Malformed, TooLarge, UnsupportedType

BOMB = gzip.compress(bytes(50_000_000), compresslevel=1)


@given(st.binary(max_size=100))
def test_a_body_comes_back(body: bytes) -> None:
    assert decoded(body, "", 100) == decoded(body, "identity", 100) == body
    assert decoded(gzip.compress(body), "gzip", 100) == decoded(zlib.compress(body), "Deflate", 100) == body
    assert decoded(zlib.compress(body, wbits=-15), "deflate", 100) == body  # as .NET writes it
    assert decoded(gzip.compress(body[:50]) + gzip.compress(body[50:]), "gzip", 100) == body


def test_a_bomb_is_not_unpacked() -> None:
    tracemalloc.start()
    with pytest.raises(TooLarge, match="1000000 bytes"):
        decoded(BOMB, "gzip", 1_000_000)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < 4_000_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"plain",
        gzip.compress(b"a" * 100, mtime=0)[:-9],
        gzip.compress(b"a", mtime=0) + gzip.compress(b"a", mtime=0)[:-1],
        gzip.compress(b"a", mtime=0) + b"more",
    ],
)
def test_a_damaged_body_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        decoded(body, "gzip", 1000)


def test_a_limit_holds_for_all_members_together_and_there_are_not_endlessly_many() -> None:
    assert decoded(gzip.compress(b"a" * 600) * 9, "gzip", 5_400) == b"a" * 5_400
    with pytest.raises(TooLarge):
        decoded(gzip.compress(b"a" * 600) * 9, "gzip", 5_399)
    with pytest.raises(Malformed, match="goes on"):
        decoded(gzip.compress(b"") * 100_000, "gzip", 1_000)


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "zstd", "compress"])
def test_an_encoding_that_is_not_known_is_named(encoding: str) -> None:
    with pytest.raises(UnsupportedType, match=encoding):
        decoded(b"", encoding, 1000)


@given(st.binary(max_size=60), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_are_read_or_refused(body: bytes, encoding: str) -> None:
    try:
        assert len(decoded(b"\x78\x9c" + body, encoding, 1000)) <= 1000
    except InvalidInput:
        pass
