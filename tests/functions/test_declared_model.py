"""A model that is declared, and put into the one tuple, is served like those that ship: no other file knows of it."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from tritonclient.http import InferenceServerClient, InferInput

from cli.model_kinds import kind_named
from functions import dependencies
from shared import models
from shared.bundles.registry import Bundle, Kind, Manifest, Registry
from shared.serving.datatypes import Datatype
from shared.serving.model import RealTimeModel
from shared.serving.tensors import VARIABLE, TensorMetadata
from shared.storage import BlobStore, MemoryStorage
from tests.functions.web.inference.app import ROOT, App, running


class SumManifest(Manifest, frozen=True, kw_only=True):
    factor: float


class Sum(RealTimeModel[float, NDArray[np.float32], float]):
    """Adds up each row, times the factor that its bundle holds."""

    name = "sum"

    @staticmethod
    def registry(store: BlobStore) -> Registry[SumManifest]:
        return Registry(store, "sum", Kind("sum 1", "model.bin", SumManifest))

    def load(self, bundle: Bundle[SumManifest]) -> float:
        return bundle.manifest.factor

    def score(self, model: float, items: Sequence[NDArray[np.float32]]) -> Sequence[float]:
        return [model * float(row.sum()) for row in items]

    def inputs(self, model: float) -> tuple[TensorMetadata, ...]:
        return (TensorMetadata("x", Datatype.FP32, (VARIABLE, 3)),)

    def outputs(self, model: float) -> tuple[TensorMetadata, ...]:
        return (TensorMetadata("total", Datatype.FP32, (VARIABLE,)),)


class WatchedSum(Sum):
    """Says how many items each call had, and answers once it is free to."""

    calls: ClassVar[list[int]] = []
    free: ClassVar = Event()

    def score(self, model: float, items: Sequence[NDArray[np.float32]]) -> Sequence[float]:
        self.calls.append(len(items))
        self.free.wait(30)
        return super().score(model, items)


@pytest.fixture(scope="module")
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture(scope="module")
def app(storage: MemoryStorage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "MODELS", (*models.MODELS, WatchedSum))
        with running(tmp_path_factory.mktemp("app"), storage, reload_seconds=0) as app:
            yield app


@pytest.fixture(autouse=True)
def version(storage: MemoryStorage) -> str:
    """The version whose factor is 2 is current."""
    WatchedSum.free.set()
    return publish(storage, 2)


def publish(storage: MemoryStorage, factor: float) -> str:
    bundles = Sum.registry(storage.control("bundles"))
    version = bundles.write(b"", factor=factor)
    bundles.make_current(version)
    return version


def look() -> None:
    dependencies.models()["sum"].look()


def get(app: App, path: str) -> Any:
    return json.loads(app.send("GET", path).body)


def infer(app: App, *rows: Sequence[float], datatype: str = "FP32") -> tuple[int, Any]:
    tensor = {"name": "x", "shape": [len(rows), 3], "datatype": datatype, "data": [list(row) for row in rows]}
    answer = app.send("POST", "/v2/models/sum/infer", json.dumps({"inputs": [tensor]}).encode())
    return answer.status, json.loads(answer.body)


def test_before_its_first_bundle_it_is_not_ready_and_health_says_why(app: App, storage: MemoryStorage) -> None:
    Sum.registry(storage.control("bundles")).use_shipped()
    assert app.send("GET", "/v2/models/sum/ready").status == 503
    assert app.send("GET", "/v2/health/ready").status == 503
    checks = {check["name"]: check["problem"] for check in get(app, "/api/health/ready")["checks"]}
    assert checks == {"faq": "", "image": "", "sum": checks["sum"]}
    assert "none ships" in checks["sum"]


def test_it_is_described_and_ready(app: App, version: str) -> None:
    look()
    found = get(app, "/v2/models/sum")
    assert (found["name"], found["versions"]) == ("sum", [version])
    assert found["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}]
    assert found["outputs"] == [{"name": "total", "datatype": "FP32", "shape": [-1]}]
    assert get(app, f"/v2/models/sum/versions/{version}/ready") == {"name": "sum", "ready": True}
    assert {"name": "sum", "version": version, "problem": ""} in get(app, "/api/health/ready")["checks"]


def test_it_answers_in_json_and_in_binary(app: App, version: str) -> None:
    look()
    status, answer = infer(app, (1, 2, 3), (0, 0, 0.5))
    assert (status, answer["model_version"]) == (200, version)
    assert answer["outputs"] == [{"name": "total", "datatype": "FP32", "shape": [2], "data": [12, 1]}]
    rows = np.array([[1, 2, 3], [0, 0, 0.5]], np.float32)
    with InferenceServerClient(f"127.0.0.1:{app.port}") as client:
        given = InferInput("x", [2, 3], "FP32").set_data_from_numpy(rows)
        found = client.infer("sum", [given], headers={"x-functions-key": app.keys.default})
    np.testing.assert_array_equal(found.as_numpy("total"), [12, 1])


def test_the_next_bundle_takes_over(app: App, storage: MemoryStorage) -> None:
    look()
    assert infer(app, (1, 1, 1))[1]["outputs"][0]["data"] == [6]
    version = publish(storage, 10)
    look()
    answer = infer(app, (1, 1, 1))[1]
    assert (answer["model_version"], answer["outputs"][0]["data"]) == (version, [30])


def test_requests_share_calls_which_are_counted(app: App, version: str) -> None:
    look()
    WatchedSum.free.clear()
    WatchedSum.calls.clear()
    with ThreadPoolExecutor(5) as clients:
        answers = [clients.submit(infer, app, (number, 0, 0)) for number in range(5)]
        while dependencies.models()["sum"].state().inside < 5:
            pass
        WatchedSum.free.set()
        assert [answer.result()[1]["outputs"][0]["data"] for answer in answers] == [[0], [2], [4], [6], [8]]
    assert sum(WatchedSum.calls) == 5
    assert len(WatchedSum.calls) <= 2
    told = app.send("GET", "/api/metrics").body.decode()
    assert 'tally_batch_size_count{model="sum"' in told
    assert any(f'version="{version}"' in line for line in told.splitlines() if 'tally_model_info{model="sum"' in line)


def test_what_it_does_not_take_is_refused_in_its_words(app: App) -> None:
    look()
    status, problem = infer(app, (1, 2, 3), datatype="INT64")
    assert (status, problem["hint"]) == (422, "Send FP32.")
    assert get(app, "/v2/models/nobody")["hint"] == "There are faq and image and sum."


def test_the_command_line_knows_its_versions(app: App, storage: MemoryStorage, version: str) -> None:
    assert kind_named("sum", storage.control("bundles")).registry.current() == version


def test_the_apis_document_names_it() -> None:
    code = """
from shared import models
from tests.functions.test_declared_model import Sum
models.MODELS += (Sum,)
import function_app
from functions.web.http import OPERATIONS
from functions.web.openapi import document
print(document(OPERATIONS)["paths"]["/v2/models/{model}"]["get"]["parameters"][0]["schema"]["description"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "faq or image or sum."
