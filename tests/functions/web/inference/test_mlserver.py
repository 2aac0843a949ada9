"""MLServer's own types and codecs write requests that are answered, and read the answers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.functions.web.inference.app import ROOT, running

HERE = Path(__file__).parent
FOLDER = ROOT / ".tally" / "mlserver"


@pytest.fixture(scope="module")
def mlserver() -> Path:
    """MLServer's package, installed once; without what it depends on."""
    pinned, mark = HERE / "mlserver.txt", FOLDER / ".installed"
    if not mark.exists() or mark.read_text() != pinned.read_text():
        uv = Path(sys.executable).with_name("uv")
        options = ["--python-version", "3.12", "--no-deps", "--require-hashes", "--target", str(FOLDER)]
        command = [uv, "pip", "install", "--quiet", *options, "--requirement", pinned]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (subprocess.CalledProcessError, OSError) as error:
            pytest.skip(f"MLServer cannot be installed: {getattr(error, 'stderr', error)}")
        mark.write_text(pinned.read_text())
    return FOLDER


@pytest.mark.slow
def test_mlservers_codecs_ask_and_read(mlserver: Path, tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    Image.new("RGB", (40, 30), "white").save(image)
    with running(tmp_path) as app:
        url = f"http://127.0.0.1:{app.port}"
        command = [sys.executable, HERE / "mlserver_client.py", mlserver, url, app.keys.default, image]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["ids"]) == 4
    assert (len(found["probability"]), len(found["probability"][0])) == (2, 2)
    assert len(found["answered"]) == 2
    assert len(found["same ids"]) == 6
    assert found["same ids"][:2] == found["ids"][:2]
    assert len(found["labels"]) == 6
    assert found["probabilities"][0] == found["probabilities"][1]
    assert len(found["of tensors"]) == 2
