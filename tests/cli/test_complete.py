"""Tab offers runs, models and styles; it is silent where storage is away."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli import complete
from shared.runs.record import State
from shared.storage import MemoryStorage
from shared.style_transfer.styles import publish
from tests.cli.test_runs import SCORING, SPAN, keep

ROOT = Path(__file__).parents[2]


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> MemoryStorage:
    memory = MemoryStorage()
    monkeypatch.setattr(complete, "_storage", lambda: memory)
    return memory


def test_what_there_is_is_offered(storage: MemoryStorage) -> None:
    keep(storage, SCORING, SPAN, State.SUCCEEDED)
    version = publish(storage.control("bundles"), "sea", b"network", painting={}, parameters={}, metrics={})
    assert complete.run_ids("") == [SCORING]
    assert {"faq", "image", "anomaly", "style/sea", "style/wave"} <= set(complete.kinds(""))
    assert {"sea", "wave"} <= set(complete.style_names(""))
    chosen = SimpleNamespace(params={"kind": "style/sea"})
    assert complete.versions(chosen, "") == [version]
    assert complete.versions(SimpleNamespace(params={"kind": "faq"}), "")[0] == "shipped"
    assert complete.versions(SimpleNamespace(params={"kind": "no"}), "") == []


def test_the_shell_is_answered_and_hears_nothing_else_where_nothing_runs(nowhere: None) -> None:
    for words, offered in (("tally style a.mp4 --style wa", "wave"), ("tally runs show ", "")):
        asked = {"_TALLY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        command = [sys.executable, "-m", "cli"]
        done = subprocess.run(command, cwd=ROOT, env=os.environ | asked, capture_output=True, text=True, check=False)
        assert (done.stdout.strip(), done.stderr) == (offered, "")
