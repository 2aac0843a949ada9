"""What stops the demo is a sentence, whatever is in it and wherever the project lies."""

import errno
import os
from pathlib import Path

import pytest

from devhost import demo
from shared.errors import Transient


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Transient("There is no [/nope].", "Look into [red]."), "There is no [/nope]. Look into [red]."),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/[a]/out"),
            "There is no space left for /[a]/out. Free some",
        ),
    ],
)
def test_what_stops_the_demo_is_said_as_it_is(
    error: Exception,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stopped(settings: object, home: Path) -> None:
        raise error

    home = tmp_path / "my [tally]"
    monkeypatch.setattr(demo, "HOME", home)
    monkeypatch.setattr(demo, "OUT", tmp_path / "out")
    monkeypatch.setattr(demo, "running", stopped)
    assert demo.main() == 1
    said = capsys.readouterr().out
    assert f"The demo stopped: {says}" in said
    assert f"What the services said is in {home}/up.log." in said
