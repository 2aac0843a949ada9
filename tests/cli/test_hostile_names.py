"""Names from outside, whatever is in them, end no command and obey nobody."""

import json
from pathlib import Path

import pytest

from shared.runs.record import State
from shared.storage import MemoryStorage
from tests.cli.conftest import Ran, Shell
from tests.cli.test_runs import SPAN, VIDEO, keep

NAMES = [
    "[/nope].mp4",
    "[red]a[/red]",
    "[bold",
    ":smile:",
    "a\nb",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\u202egnp.exe",
    "-dash.mp4",
    "{task.description}",
    "%s{0}",
    "\udcff",
    "x" * 300,
]
hostile = pytest.mark.parametrize("name", NAMES, ids=ascii)


def sane(ran: Ran) -> Ran:
    assert ran.code in (0, 1, 2)
    assert "nobody foresaw" not in ran.err
    assert not set(ran.said) & set("\x1b\x07\u202e\udcff")
    return ran


@hostile
def test_what_runs_hold_is_shown(name: str, accounts: MemoryStorage, shell: Shell) -> None:
    text = name.encode("utf-8", "replace").decode()
    stored = text if text.isprintable() else "a"  # storage takes no others
    keep(accounts, "style-a-1", {**VIDEO, "video": text, text: text}, State.FAILED, f"No {text}")
    keep(accounts, "style-b-1", {**VIDEO, "video": stored}, State.SUCCEEDED)
    accounts.data("styled").put(stored, b"x", metadata={"run": "style-b-1"})
    accounts.control("logs").put(f"style-a-1/{stored}", text.encode())
    for words in (("list",), ("show", "style-a-1"), ("show", "style-b-1"), ("logs", "style-a-1")):
        assert sane(shell("runs", *words)).code == 0
        for line in shell("runs", *words, "--json").out.splitlines():
            json.loads(line)


@hostile
def test_what_somebody_types_is_answered(
    name: str, accounts: MemoryStorage, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keep(accounts, "anomaly-1", SPAN, State.SUCCEEDED)
    film = tmp_path / "film.mp4"
    film.touch()
    for words in (
        *(("runs", verb, "--", name) for verb in ("show", "watch", "retry", "cancel", "logs", "fetch")),
        ("runs", "logs", "anomaly-1", "--", name),
        ("runs", "fetch", "anomaly-1", "--out", name),
        ("models", "use", "--", name, "v"),
        ("models", "use", "--", "faq", name),
        ("models", "add", "--labels", name, "--", name),
        ("models", "quantize", "--", name),
        ("style", "--", name),
        ("upload", "--", name),
        ("upload", film, "--style", name),
        ("style", film, "--style", name),
        ("train", "faq", "--", name),
        ("train", "image", "--", name),
        ("train", "style", "--style", name, "--content", name, "--name", name, "--features", name),
        ("import", "--", name),
        ("import", "--device", name, "--", film),
        ("simulate", "--labels", f"{name}/{name}"),
        ("evaluate", "--", name),
        ("evaluate", "--run", name, film),
        ("backfill", "--from", name, "--to", name),
        ("reset", "--", name),
        ("--", name),
    ):
        assert sane(shell(*words)).code in (1, 2)


@hostile
def test_files_with_any_name_and_content_are_read(
    name: str, accounts: MemoryStorage, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    short = name[:200].replace("/", "_")
    for ending, content in ((".csv", f"TS,Device,Tag,Value\n{name},{name},{name},{name}\n"), (".json", f'["{name}"]')):
        path = Path("." if short.startswith("-") else "", f"{short}{ending}")
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    for words in (("evaluate", "--", f"{short}.csv"), ("train", "faq", "--", f"{short}.json")):
        assert sane(shell(*words)).code == 1
