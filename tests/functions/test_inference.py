"""Triton's own HTTP client gets answers from the app; what it asks wrongly comes back as its exception."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from tests.functions.web.inference.app import ROOT, App, running


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(tmp_path_factory.mktemp("app")) as app:
        yield app


class Client(InferenceServerClient):  # type: ignore[misc]
    """Triton's client, with the key in every request."""

    def __init__(self, app: App) -> None:
        super().__init__(f"127.0.0.1:{app.port}")
        self.headers = {"x-functions-key": app.keys.default}

    def ask(self, model: str, tensor: InferInput, **more: Any) -> Any:
        return self.infer(model, [tensor], headers=dict(self.headers), **more)


@pytest.fixture
def client(app: App) -> Iterator[Client]:
    with Client(app) as client:
        yield client


def questions(*texts: str) -> InferInput:
    given = InferInput("question", [len(texts)], "BYTES")
    return given.set_data_from_numpy(np.array([text.encode() for text in texts], np.object_))


def files(*data: bytes) -> InferInput:
    given = InferInput("image", [len(data)], "BYTES")
    return given.set_data_from_numpy(np.array(data, np.object_))


def picture(shade: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", (40, 30), (shade, shade, shade)).save(file, "PNG")
    return file.getvalue()


def test_the_server_and_its_models_are_described(client: Client) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    server = client.get_server_metadata(headers=client.headers)
    assert {"binary_tensor_data", "classification"} <= set(server["extensions"])
    for model in ("faq", "image"):
        found = client.get_model_metadata(model, headers=client.headers)
        assert found["name"] == model
        assert client.is_model_ready(model, headers=client.headers)
        assert client.is_model_ready(model, found["versions"][0], headers=client.headers)
        assert not client.is_model_ready(model, "0", headers=client.headers)
    assert not client.is_model_ready("nobody", headers=client.headers)


@pytest.mark.parametrize("binary", [True, False])
def test_questions_are_answered_in_their_order(app: App, client: Client, binary: bool) -> None:
    asked = ["How do I run it on my laptop?", "What does it cost?", "How do I run it on my laptop?"]
    outputs = [InferRequestedOutput(name, binary) for name in ("id", "probability", "answered")]
    found = client.ask("faq", questions(*asked), outputs=outputs, parameters={"top_k": 2}, request_id="7")
    assert found.get_response()["id"] == "7"
    for row, question in enumerate(asked):
        body = json.dumps({"question": question, "top_k": 2}).encode()
        alone = json.loads(app.send("POST", "/api/score/faq", body).body)
        ids = [value.decode() if binary else value for value in found.as_numpy("id")[row]]
        assert ids == [match["id"] for match in alone["matches"]]
        assert found.as_numpy("probability")[row] == pytest.approx([match["probability"] for match in alone["matches"]])
        assert found.as_numpy("answered")[row] == alone["answered"]


def test_images_are_classified_as_over_the_other_route(app: App, client: Client) -> None:
    found = client.ask("image", files(picture(0), picture(255)), parameters={"top_k": 1})
    for row, data in enumerate([picture(0), picture(255)]):
        alone = json.loads(app.send("POST", "/api/score/image?top_k=1", data, {"content-type": "image/png"}).body)
        assert found.as_numpy("label")[row, 0].decode() == alone["labels"][0]["label"]
        assert found.as_numpy("probabilities")[row].max() == pytest.approx(alone["labels"][0]["probability"])


def test_the_networks_own_input_may_be_sent(client: Client) -> None:
    network = client.get_model_metadata("image", headers=client.headers)["inputs"][1]
    kind = {"FP32": np.float32, "FP16": np.float16, "UINT8": np.uint8}[network["datatype"]]
    rows = np.random.default_rng(5).random((3, *network["shape"][1:])).astype(kind)
    given = InferInput(network["name"], list(rows.shape), network["datatype"]).set_data_from_numpy(rows)
    together = client.ask("image", given).as_numpy("probabilities")
    for row in range(3):
        one = InferInput(network["name"], [1, *rows.shape[1:]], network["datatype"])
        alone = client.ask("image", one.set_data_from_numpy(rows[row : row + 1])).as_numpy("probabilities")
        np.testing.assert_allclose(alone[0], together[row], atol=1e-5)


def test_the_best_classes_are_given_on_request(client: Client) -> None:
    outputs = [InferRequestedOutput("probabilities", class_count=2)]
    found = client.ask("image", files(picture(0)), outputs=outputs).as_numpy("probabilities")
    value, index, label = found[0, 0].decode().split(":", 2)
    whole = client.ask("image", files(picture(0)))
    assert found.shape == (1, 2)
    assert label == whole.as_numpy("label")[0, 0].decode()
    assert float(value) == pytest.approx(whole.as_numpy("probabilities")[0, int(index)], abs=1e-5)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_a_compressed_request_is_answered(client: Client, algorithm: str) -> None:
    found = client.ask("faq", questions("What does it cost?"), request_compression_algorithm=algorithm)
    same = client.ask("faq", questions("What does it cost?"), response_compression_algorithm=algorithm)
    np.testing.assert_array_equal(found.as_numpy("id"), same.as_numpy("id"))


def test_a_raw_body_is_one_item(app: App, client: Client) -> None:
    answer = app.send("POST", "/v2/models/image/infer", picture(9), {"Inference-Header-Content-Length": "0"})
    found = json.loads(answer.body)["outputs"][0]["data"]
    assert found == pytest.approx(client.ask("image", files(picture(9))).as_numpy("probabilities").ravel().tolist())


@pytest.mark.parametrize(
    ("model", "tensor", "version", "status", "reason"),
    [
        ("nobody", questions("a"), "", "404", "no model 'nobody'. There are faq and image."),
        ("faq", questions("a"), "0", "404", "no version '0'"),
        ("faq", questions(""), "", "422", "empty"),
        ("faq", questions("a" * 2_001), "", "413", "2001 characters, 2000 are allowed"),
        ("faq", questions(*["a"] * 129), "", "422", "129 items in one request are too many"),
        ("faq", files(b"a"), "", "422", "no input 'image'. It takes 'question'."),
        ("image", files(b"a"), "", "422", "no image"),
        ("image", files(picture(1), b"a"), "", "422", "no image"),
    ],
)
def test_what_is_asked_wrongly_is_said_in_the_clients_own_exception(
    client: Client, model: str, tensor: InferInput, version: str, status: str, reason: str
) -> None:
    with pytest.raises(InferenceServerException) as raised:
        client.ask(model, tensor, model_version=version)
    assert raised.value.status() == status
    assert reason in raised.value.message()


def test_only_health_is_open_to_all(app: App) -> None:
    for path, status in (("/v2/health/live", 200), ("/v2/health/ready", 200), ("/v2", 401), ("/v2/models/faq", 401)):
        assert app.send("GET", path, headers={"x-functions-key": "wrong"}).status == status


def test_an_error_is_a_problem_as_well(app: App) -> None:
    answer = app.send("POST", "/v2/models/faq/infer", b"{", {"x-request-id": "r1"})
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    problem = json.loads(answer.body)
    assert problem["request_id"] == "r1"
    assert problem["error"] == f"{problem['detail']} {problem['hint']}"


def test_the_documents_examples_answer(app: App, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture(3))
    places = {"TALLY": f"http://127.0.0.1:{app.port}", "TALLY_KEY": app.keys.default, "IMAGE": str(tmp_path / "a.png")}
    text = (ROOT / "docs" / "inference-protocol.md").read_text()
    python, *shell = [command(*found) for found in re.findall(r"```(python|bash)\n(.*?)```", text, re.DOTALL)]
    assert len(run(python, places).splitlines()) >= 1
    for answer in (json.loads(run(each, places)) for each in shell):
        assert [output["shape"][0] for output in answer["outputs"]] == [1, 1]


def command(language: str, text: str) -> list[str]:
    return [sys.executable if language == "python" else "bash", "-c", text]


def run(command: list[str], places: dict[str, str]) -> str:
    return subprocess.run(command, env=os.environ | places, check=True, capture_output=True, text=True).stdout
