"""KServe's own client gets the answers that the API's other routes give."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.functions.web.inference.app import App

HERE = Path(__file__).parent


@pytest.mark.slow
def test_kserves_client_asks_both_models(app: App, kserve: Path, tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    Image.new("RGB", (40, 30), "white").save(image)
    own = [sys.executable, "-W", "ignore", HERE / "kserve_client.py"]
    url = f"http://127.0.0.1:{app.port}"
    done = subprocess.run([*own, kserve, url, app.keys.default, image], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    asked = app.send("POST", "/api/score/faq?top_k=1", b'{"question": "What does it cost?"}')
    seen = app.send("POST", "/api/score/image?top_k=1", image.read_bytes())
    found = json.loads(done.stdout)
    assert (found["live"], found["ready"], found["model"]) == (True, True, True)
    assert found["ids"][1] == json.loads(asked.body)["matches"][0]["id"]
    assert found["label"] == [json.loads(seen.body)["labels"][0]["label"]]
