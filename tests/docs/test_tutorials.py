"""The tutorials are played in a fresh clone, key by key: what the screen shows is what they say."""

from pathlib import Path

import pytest

from tests.docs.blocks import ROOT
from tests.docs.play import cloned, differences


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("document", sorted((ROOT / "docs").glob("tutorial-*.md")), ids=lambda path: path.stem)
def test_a_tutorial_shows_what_happens(document: Path, tmp_path: Path) -> None:
    with cloned(tmp_path) as clone:
        played = list(clone.play(document))
    assert played
    assert "\n".join(line for block, steps in played for line in differences(block, steps)) == ""
