"""Responses are what Triton's own client reads."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.http import InferResult

from functions.web.inference.metadata import ServerMetadata
from functions.web.inference.request import Inference, Input, Wanted
from functions.web.inference.response import Encoded, encode
from shared.errors import InvalidInput
from shared.serving.datatypes import Datatype
from shared.serving.tensors import Tensor
from tests.functions.web.inference.tensors import NUMBERS, numbers

X = Input("x", Datatype.BYTES, (1,), [b""])
PROBABILITIES = Tensor.of_array("y", np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0]], np.float32), ["cat", "dog", "cow"])
LABELS = Tensor.of_texts("z", [["dog", "grün"], ["cat", ""]])


def answered(*wanted: Wanted, binary: bool = False, request_id: str = "") -> Encoded:
    return encode(Inference(request_id, {}, X, wanted, binary), "m", "1", [PROBABILITIES, LABELS])


def read(answer: Encoded) -> Any:
    size = answer.headers.get("Inference-Header-Content-Length")
    return InferResult.from_response_body(answer.body, header_length=int(size) if size else None)


@given(st.sampled_from(NUMBERS).flatmap(numbers), st.booleans())
def test_the_client_reads_numbers(array: Any, binary: bool) -> None:
    found = read(encode(Inference("", {}, X, (), binary), "m", "1", [Tensor.of_array("y", array)]))
    assert found.as_numpy("y").dtype == array.dtype
    np.testing.assert_array_equal(found.as_numpy("y"), array)


@pytest.mark.parametrize("binary", [True, False])
def test_the_client_reads_all_outputs_where_it_asks_for_none(binary: bool) -> None:
    answer = answered(binary=binary, request_id="7")
    found = read(answer)
    assert answer.media_type == ("application/octet-stream" if binary else "application/json")
    np.testing.assert_array_equal(found.as_numpy("y"), PROBABILITIES.values)
    texts = [text.decode() if binary else text for text in found.as_numpy("z").ravel()]
    assert texts == ["dog", "grün", "cat", ""]
    assert found.get_response()["id"] == "7"
    assert (found.get_response()["model_name"], found.get_response()["model_version"]) == ("m", "1")


def test_outputs_come_as_asked_for_and_in_that_order() -> None:
    found = read(answered(Wanted("z", True, 0), Wanted("y", False, 0)))
    assert [output["name"] for output in found.get_response()["outputs"]] == ["z", "y"]
    assert found.as_numpy("z")[0, 1].decode() == "grün"
    assert "binary_data_size" not in found.get_output("y").get("parameters", {})
    assert [output["name"] for output in read(answered(Wanted("z", False, 0))).get_response()["outputs"]] == ["z"]


def test_a_request_without_an_id_gets_none() -> None:
    assert "id" not in json.loads(answered().body)


@pytest.mark.parametrize("binary", [True, False])
def test_the_best_classes_come_as_value_index_and_label(binary: bool) -> None:
    found = read(answered(Wanted("y", binary, 2))).as_numpy("y")
    texts = [text.decode() if binary else text for text in found.ravel()]
    assert texts == ["0.700000:1:dog", "0.200000:2:cow", "0.500000:0:cat", "0.500000:1:dog"]
    assert read(answered(Wanted("y", binary, 10**9))).as_numpy("y").shape == (2, 3)


def test_what_has_no_classes_is_not_classified() -> None:
    with pytest.raises(InvalidInput, match="'z' cannot be classified"):
        answered(Wanted("z", False, 1))


def test_the_server_names_the_extensions_that_it_speaks() -> None:
    assert ServerMetadata("tally", "1").extensions == ("binary_tensor_data", "classification", "parameters")
