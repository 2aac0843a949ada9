"""Styles are listed, and a name that is none is answered with what is near."""

import json
from pathlib import Path

from shared.storage import MemoryStorage
from shared.style_transfer.styles import publish
from tests.cli.conftest import Shell


def test_styles_that_ship_and_those_in_storage_are_listed(accounts: MemoryStorage, shell: Shell) -> None:
    publish(accounts.control("bundles"), "sea", b"network", painting={}, parameters={}, metrics={})
    found = {line["style"]: line for line in map(json.loads, shell("styles", "list", "--json").out.splitlines())}
    assert found["sea"] == {"style": "sea", "shipped": False, "trained_here": False, "stored": True}
    assert found["wave"]["shipped"]
    assert "wave" in shell("styles", "list").out


def test_styles_are_listed_without_storage_too(nowhere: None, shell: Shell) -> None:
    ran = shell("styles", "list")
    assert (ran.code, "wave" in ran.out, "left out" in ran.err) == (0, True, True)


def test_a_style_that_is_none_is_refused_at_once(accounts: MemoryStorage, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    ran = shell("style", tmp_path / "a.mp4", "--style", "wav")
    assert (ran.code, ran.err) == (1, "There is no style 'wav'.\nDid you mean wave?\n")
    ran = shell("style", tmp_path / "a.mp4", "--style", "zzz")
    assert "There are: composition" in ran.err
