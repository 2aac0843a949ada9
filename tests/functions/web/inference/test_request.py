"""Requests of real clients are understood; requests that lie are refused with the reason, before anything is made."""

import json
import struct
import tracemalloc
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

from functions.web.inference.metadata import ModelMetadata
from functions.web.inference.parameters import parameter
from functions.web.inference.request import Inference, Wanted, parse
from shared.errors import InvalidInput, Malformed
from shared.serving.datatypes import Datatype
from tests.functions.web.inference.tensors import NUMBERS, model, numbers

WORDS = model(Datatype.BYTES, (-1,))
PAIRS = model(Datatype.FP32, (-1, 2))
PAIR = {"name": "x", "shape": [1, 2], "datatype": "FP32"}
WORD = {"name": "x", "shape": [1], "datatype": "BYTES"}


def read(body: Any, taken: ModelMetadata = PAIRS, header: str = "", rows: int = 8) -> Inference:
    return parse(body if isinstance(body, bytes) else json.dumps(body).encode(), header, taken, rows)


def of_client(array: Any, kind: Datatype, binary: bool, **more: Any) -> tuple[bytes, str]:
    """What Triton's own client sends."""
    given = InferInput("x", list(array.shape), kind)
    given.set_data_from_numpy(array, binary_data=binary)
    body, size = InferenceServerClient.generate_request_body([given], **more)
    return body, str(size or "")


@given(st.sampled_from(NUMBERS).flatmap(lambda kind: st.tuples(st.just(kind), numbers(kind))), st.booleans())
def test_the_clients_numbers_arrive(case: tuple[Datatype, Any], binary: bool) -> None:
    kind, array = case
    body, size = of_client(array, kind, binary)
    found = read(body, model(kind, (-1,) * array.ndim), size)
    np.testing.assert_array_equal(found.input.values, array)
    assert (found.input.datatype, found.input.shape, found.binary) == (kind, array.shape, True)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5), st.booleans())
def test_the_clients_texts_arrive(texts: list[str], binary: bool) -> None:
    body, size = of_client(np.array([text.encode() for text in texts], np.object_), Datatype.BYTES, binary)
    assert read(body, WORDS, size).input.values == [text.encode() for text in texts]


def test_outputs_parameters_and_id_of_the_client_arrive() -> None:
    outputs = [InferRequestedOutput("z", binary_data=False), InferRequestedOutput("y", class_count=2)]
    body, size = of_client(np.zeros((1, 2), np.float32), Datatype.FP32, True, outputs=outputs, request_id="7")
    found = read(body, header=size)
    assert (found.id, found.outputs) == ("7", (Wanted("z", False, 0), Wanted("y", True, 2)))
    body, size = of_client(np.zeros((1, 2), np.float32), Datatype.FP32, False, parameters={"top_k": 5})
    found = read(body, header=size)
    assert (parameter(found.parameters, "top_k", int, 3), found.binary, found.outputs) == (5, True, ())


def test_nothing_is_asked_for_where_clients_send_null() -> None:
    nothing = {"id": None, "parameters": None, "outputs": None}
    found = read({**nothing, "inputs": [{**PAIR, "parameters": None, "data": [1, 2]}]})
    assert (found.id, found.parameters, found.outputs, found.binary) == ("", {}, (), False)


def test_a_column_of_texts_is_as_good_as_a_row() -> None:
    found = read({"inputs": [{**WORD, "shape": [2, 1], "data": ["a", "b"]}]}, WORDS)
    assert found.input.values == [b"a", b"b"]


@pytest.mark.parametrize("of_input", [True, False])
def test_base64_is_said_of_the_input_or_of_the_request(of_input: bool) -> None:
    said = {"parameters": {"content_type": "base64"}}
    body = {"inputs": [{**WORD, "data": ["/w=="], **(said if of_input else {})}], **({} if of_input else said)}
    assert read(body, WORDS).input.values == [b"\xff"]


def test_the_only_input_needs_no_name() -> None:
    assert read({"inputs": [{**WORD, "name": "input-1", "data": ["a"]}]}, WORDS).input.values == [b"a"]


def test_a_raw_body_is_the_only_element() -> None:
    found = read(b"\xff\xd8", WORDS, "0")
    assert (found.input.name, found.input.shape, found.input.values) == ("x", (1,), [b"\xff\xd8"])
    with pytest.raises(InvalidInput, match="no raw bytes"):
        read(b"\xff\xd8", PAIRS, "0")


DATA = {**PAIR, "data": [1, 2]}
TWO_BYTES = {**WORD, "parameters": {"binary_data_size": 2}}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([], "Expected `object`"),
        (b'{"inputs": ' + b"[" * 100_000, "Expected `object`"),
        ({}, "missing required field `inputs`"),
        ({"inputs": []}, "0 inputs"),
        ({"inputs": [DATA, DATA]}, "2 inputs"),
        ({"inputs": [{**DATA, "name": "y"}]}, "no input 'y'. It takes 'x'"),
        ({"inputs": [{**DATA, "datatype": "BF16"}]}, "BF16 is not taken"),
        ({"inputs": [{**DATA, "datatype": "FP8"}]}, "no datatype 'FP8'. Use one of BOOL"),
        ({"inputs": [{**DATA, "datatype": "FP64"}]}, "is FP64. Send FP32"),
        ({"inputs": [{**DATA, "shape": [2]}]}, r"shape \[2\]. Send \[-1, 2\]"),
        ({"inputs": [{**DATA, "shape": [1, 3]}]}, "shape"),
        ({"inputs": [{**DATA, "shape": [1, 2, 1]}]}, "shape"),
        ({"inputs": [{**DATA, "shape": [9, 2]}]}, "9 items in one request are too many. Send at most 8"),
        ({"inputs": [{**DATA, "shape": [0, 2]}]}, ">= 1"),
        ({"inputs": [{**DATA, "shape": [-1, 2]}]}, ">= 1"),
        ({"inputs": [{**DATA, "shape": [10**18, 2]}]}, "too many"),
        ({"inputs": [{**DATA, "shape": [10**30, 2]}]}, "<= 9223372036854775807"),
        ({"inputs": [{**DATA, "shape": [1.5, 2]}]}, "got `float`"),
        ({"inputs": [{**DATA, "shape": [1] * 9}]}, "length <= 8"),
        ({"inputs": [{**DATA, "shape": []}]}, "length >= 1"),
        ({"inputs": [{**DATA, "shape": "1,2"}]}, "got `str`"),
        ({"inputs": [PAIR]}, "brings no data"),
        ({"inputs": [{**PAIR, "parameters": {"shared_memory_region": "a"}}]}, "Input 'x' asks for shared memory"),
        (
            {"inputs": [DATA], "outputs": [{"name": "y", "parameters": {"shared_memory_region": "a"}}]},
            "Output 'y' asks for shared memory",
        ),
        ({"inputs": [{**DATA, "parameters": {"binary_data_size": 0}}]}, "in JSON and in binary"),
        ({"inputs": [{**PAIR, "parameters": {"binary_data_size": -8}}]}, "parameter 'binary_data_size'"),
        ({"inputs": [{**PAIR, "parameters": {"binary_data_size": "8"}}]}, "parameter 'binary_data_size'"),
        ({"inputs": [{**PAIR, "parameters": {"binary_data_size": 8}}]}, "but 0 bytes follow"),
        ({"inputs": [{**PAIR, "parameters": []}]}, "got `array`"),
        ({"inputs": [DATA], "parameters": {"binary_data_output": 1}}, "parameter 'binary_data_output'"),
        ({"inputs": [DATA], "outputs": [{"name": "w"}]}, "no output 'w'"),
        ({"inputs": [DATA], "outputs": [{"name": "y"}, {"name": "y"}]}, "twice"),
        ({"inputs": [DATA], "outputs": [{"name": "y", "parameters": {"binary_data": "yes"}}]}, "'binary_data'"),
        ({"inputs": [DATA], "outputs": [{"name": "y", "parameters": {"classification": 0}}]}, "'classification'"),
        ({"inputs": [{**DATA, "name": "y" * 100}]}, "no input 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy...'"),
        ({"inputs": [DATA], "id": 7}, "Expected `str"),
    ],
)
def test_a_request_that_this_model_cannot_answer_is_refused(body: Any, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as raised:
        read(body)
    assert not isinstance(raised.value, Malformed)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"inputs": [{"name": "\xff"}]}',
        b'{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [NaN, Infinity]}]}',
        b'{"inputs": [{"data": ' + b"[" * 100_000,
        b'{"parameters": {"a": ' + b"[" * 100_000,
        b'{"inputs": []}{"inputs": []}',
    ],
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(body)


@pytest.mark.parametrize("header", ["-1", "1e3", " 5", "٣", "99999", "1" * 30, "ten"])
def test_a_header_that_lies_about_the_length_is_malformed(header: str) -> None:
    with pytest.raises(Malformed, match="Inference-Header-Content-Length"):
        read({"inputs": [DATA]}, header=header)


@pytest.mark.parametrize(
    ("head", "after", "reason"),
    [
        (TWO_BYTES, b"", "is 2, but 0 bytes"),
        (TWO_BYTES, b"abc", "is 2, but 3 bytes"),
        ({**WORD, "data": ["a"]}, b"a", "in JSON and in binary"),
        (WORD, b"a", "brings no data"),
        ({**WORD, "parameters": {"binary_data_size": 4}}, struct.pack("<I", 1), "claims 1 bytes, 0 are there"),
    ],
)
def test_binary_data_that_are_not_as_said_are_refused(head: dict[str, Any], after: bytes, reason: str) -> None:
    text = json.dumps({"inputs": [head]}).encode()
    with pytest.raises(InvalidInput, match=reason):
        read(text + after, WORDS, str(len(text)))


def test_one_byte_more_or_less_of_json_is_malformed() -> None:
    body, size = of_client(np.zeros((1, 2), np.float32), Datatype.FP32, True)
    for wrong in (int(size) - 1, int(size) + 1):
        with pytest.raises(Malformed):
            read(body, header=str(wrong))


def test_a_request_for_more_rows_than_allowed_takes_no_memory() -> None:
    body, size = of_client(np.zeros((100_000, 2), np.float32), Datatype.FP32, True)
    tracemalloc.start()
    with pytest.raises(InvalidInput, match="too many"):
        read(body, header=size)
    assert tracemalloc.get_traced_memory()[1] < 2 * len(body)
    tracemalloc.stop()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["x", "FP32"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["inputs", "outputs", "id", "parameters", "name", "shape", "datatype", "data"]), inner
        )
    ),
    max_leaves=12,
)


@given(json_values, st.dictionaries(st.sampled_from(["name", "shape", "datatype", "data", "parameters"]), json_values))
def test_any_json_is_answered_or_refused(value: Any, changed: dict[str, Any]) -> None:
    for body in (value, {"inputs": [{**DATA, **changed}], "outputs": value}):
        with suppress(InvalidInput):
            assert read(body).input.shape[1] == 2


@given(st.binary(max_size=60), st.text("0123456789-e", max_size=3))
def test_any_bytes_are_answered_or_refused(body: bytes, header: str) -> None:
    for taken in (WORDS, PAIRS):
        with suppress(InvalidInput):
            read(body, taken, header)
