"""Schemathesis asks what the API's document allows and what it does not, in all its phases: the app stays whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functions.web.inference.app import App, running

SECONDS = int(os.environ.get("FUZZ_SECONDS", "45"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 240)]
REASONS = Path(__file__).with_name("schemathesis.toml")


def test_every_answer_is_one_that_the_document_names_and_afterwards_all_still_answer(tmp_path: Path) -> None:
    with running(tmp_path) as app:
        program = Path(sys.executable).with_name("schemathesis")
        command = [program, "--config-file", REASONS, "run", f"http://127.0.0.1:{app.port}/api/openapi.json"]
        options = ["--phases", "examples,coverage,fuzzing,stateful", "--max-time", str(SECONDS), "--seed", "14"]
        quiet = ["--continue-on-failure", "--generation-database", "none", "--no-color", "--warnings", "off"]
        key = ["--header", f"x-functions-key: {app.keys.default}"]
        done = subprocess.run(
            [*command, *options, *quiet, *key], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
        assert still_answers(app) == {"faq": True, "image": True}


def still_answers(app: App) -> dict[str, bool]:
    """Which models are ready and answer, after the FAQ was changed once more."""
    entry = json.dumps({"question": "Where do penguins buy?", "answer": "South."}).encode()
    put = app.send("PUT", "/api/faq/penguin", entry, {"content-type": "application/json"})
    asked = app.send("POST", "/api/score/faq", b'{"question": "Where do penguins buy?"}')
    white = b"BM:\0\0\0\0\0\0\x006\0\0\0(\0\0\0\1\0\0\0\1\0\0\0\1\0\x18" + bytes(25) + b"\xff\xff\xff\0"
    image = app.send("POST", "/api/score/image", white)
    ready = json.loads(app.send("GET", "/api/health/ready").body)
    well = {check["name"] for check in ready["checks"] if not check["problem"]}
    first = json.loads(asked.body)["matches"][0]["id"]
    return {
        "faq": "faq" in well and put.status in (200, 201) and first == "penguin",
        "image": "image" in well and image.status == 200,
    }
