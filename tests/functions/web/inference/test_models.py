"""Models as the protocol sees them: rows in, as many rows out."""

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from functions.web.inference.metadata import ModelMetadata
from functions.web.inference.parameters import read_parameters
from functions.web.inference.request import Inference, parse
from shared.errors import InvalidInput
from shared.faq_matching import model as faq
from shared.faq_matching.entries import Entry
from shared.faq_matching.matcher import Match
from shared.image_classification import model as image
from shared.image_classification.classifier import Input
from shared.serving.answers import TopParameters
from shared.serving.tensors import rows_of
from shared.settings import Settings
from shared.storage import MemoryStorage

ENTRIES = {name: Entry(id=name, question=f"What is {name}?", answer=f"It is {name}.") for name in ("a", "b")}
MATCHER: Any = SimpleNamespace(entries=ENTRIES, threshold=0.5)
FAQ = ModelMetadata("faq", ("1",), "tally_faq", faq.INPUTS, faq.OUTPUTS)
CLASSIFIER: Any = SimpleNamespace(input=Input("x", "FP32", (-1, 2)), labels=("cat", "dog", "cow"))
CLASSIFICATION = image.ImageClassification(Settings(), MemoryStorage().control("bundles"))
IMAGE = ModelMetadata("image", ("1",), "", CLASSIFICATION.inputs(CLASSIFIER), CLASSIFICATION.outputs(CLASSIFIER))


def asked(body: bytes) -> Inference:
    return parse(body, "", FAQ, 8)


def rows(request: Inference) -> list[Any]:
    return rows_of(request.input.values, request.input.shape[0])


def test_rows_with_fewer_entries_end_with_nothing() -> None:
    found = {tensor.name: tensor for tensor in faq.tensors([[Match("b", 0.7), Match("a", 0.2)], []], MATCHER)}
    assert {tensor.shape for name, tensor in found.items() if name != "answered"} == {(2, 2)}
    assert found["id"].values == [b"b", b"a", b"", b""]
    assert found["answer"].values == [b"It is b.", b"It is a.", b"", b""]
    np.testing.assert_allclose(found["probability"].values, [[0.7, 0.2], [0, 0]])
    assert list(found["answered"].values) == [True, False]


def test_questions_that_nothing_is_like_have_one_empty_column() -> None:
    assert {tensor.shape for tensor in faq.tensors([[], []], MATCHER)} == {(2, 1), (2,)}


def test_what_the_faq_gives_is_what_its_metadata_say() -> None:
    said = {tensor.name: (tensor.datatype, len(tensor.shape)) for tensor in FAQ.outputs}
    found = faq.tensors([[Match("a", 0.9)]], MATCHER)
    assert {tensor.name: (tensor.datatype, len(tensor.shape)) for tensor in found} == said


@pytest.mark.parametrize("question", [b"", b"\xff", b"\xed\xa0\x80"])
def test_a_question_is_text(question: bytes) -> None:
    with pytest.raises(InvalidInput, match="A question is"):
        faq.questions(rows(parse(question, "0", FAQ, 8) if question else asked(EMPTY)), 2_000)


EMPTY = b'{"inputs": [{"name": "question", "shape": [1], "datatype": "BYTES", "data": [""]}]}'


@pytest.mark.parametrize(("parameters", "k"), [(b"{}", 3), (b'{"top_k": 7}', 7), (b'{"top_k": null}', 3)])
def test_top_k_is_a_parameter_of_the_request(parameters: bytes, k: int) -> None:
    request = asked(EMPTY[:-1] + b', "parameters": ' + parameters + b"}")
    assert read_parameters(request.parameters, TopParameters).top_k == k


def test_what_the_classifier_gives_is_what_its_metadata_say() -> None:
    scored = [np.array([0.1, 0.7, 0.2], np.float32), np.array([0.4, 0.3, 0.3], np.float32)]
    probabilities, label = CLASSIFICATION.tensors(CLASSIFIER, scored, TopParameters())
    assert (probabilities.name, probabilities.datatype, probabilities.shape) == ("probabilities", "FP32", (2, 3))
    assert label.values == [b"dog", b"cow", b"cat", b"cat", b"dog", b"cow"]
    assert label.shape == (2, 3)


def test_a_network_whose_input_is_called_like_the_files_keeps_both() -> None:
    own: Any = SimpleNamespace(input=Input("image", "FP32", (-1, 2)))
    assert [tensor.name for tensor in CLASSIFICATION.inputs(own)] == ["image", "input"]


def test_files_and_prepared_rows_are_told_apart() -> None:
    file = rows(parse(b"file", "0", IMAGE, 8))
    assert file == [b"file"]
    text = b'{"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}]}'
    prepared = rows(parse(text, "", IMAGE, 8))
    items = asyncio.run(CLASSIFICATION.items(CLASSIFIER, prepared, TopParameters()))
    np.testing.assert_array_equal(items, [[1, 2], [3, 4]])
