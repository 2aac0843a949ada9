"""`tally runs` names what a run is about, says what came out and where, and fetches it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from cli import run_outputs
from shared.runs.record import Run, State
from shared.runs.store import RunStore
from shared.storage import MemoryStorage
from tests.cli.conftest import Shell

NOW = datetime(2026, 1, 31, 10, tzinfo=UTC)
SCORING = "anomaly-20260131T090000Z-3600s"
STYLING = "style-holiday-2691f34a693ae37e"
SPAN = {"bundle": "b" * 16, "start": "2026-01-31T09:00:00+00:00", "end": "2026-01-31T10:00:00+00:00"}
VIDEO = {"video": "2026/holiday.mp4", "etag": "1", "style": "wave", "crf": "18", "steady": "false", "segments": "2"}


def keep(accounts: MemoryStorage, run_id: str, params: dict[str, str], state: State, reason: str = "") -> Run:
    """A run's record, as it ended."""
    history = [(NOW, State.RUNNING), (NOW + timedelta(minutes=1), state)]
    run = Run(
        id=run_id, workload=run_id.partition("-")[0], params=params, created=NOW, updated=NOW, state=state,
        reason=reason, tasks=2, tasks_done=2, history=history,
    )  # fmt: skip
    RunStore(accounts.control("runs")).create(run)
    return run


@pytest.fixture
def ended(accounts: MemoryStorage) -> MemoryStorage:
    """A scoring and a styling that succeeded, with what they left, and a styling that failed."""
    keep(accounts, SCORING, SPAN, State.SUCCEEDED)
    keep(accounts, STYLING, VIDEO, State.SUCCEEDED)
    keep(accounts, "style-bad-0000000000000000", {**VIDEO, "video": "bad.mp4"}, State.FAILED, "No video.")
    place = f"date=2026-01-31/hour=09/run={SCORING}"
    accounts.data("predictions").put(f"{place}/part-00000.parquet", b"rows")
    accounts.data("predictions").put(f"{place}/summary.json", b"{}")
    accounts.data("reports").put(f"{SCORING}.html", b"report")
    for ending in (".mp4", ".jpg", "-sheet.jpg", ".json"):
        accounts.data("styled").put(f"2026/holiday{ending}", ending.encode(), metadata={"run": STYLING})
    return accounts


def test_the_list_names_the_upload_the_span_and_the_zone(ended: MemoryStorage, shell: Shell) -> None:
    lines = shell("runs", "list").out.splitlines()
    (styled,) = (line for line in lines if STYLING in line)
    (scored,) = (line for line in lines if SCORING in line)
    assert "2026/holiday.mp4" in styled
    assert "2026-01-31 09:00:00Z to 2026-01-31 10:00:00Z" in scored
    assert "2026-01-31 10:00:00Z" in styled


def test_those_that_failed_are_found_behind_those_that_did_not(ended: MemoryStorage, shell: Shell) -> None:
    (run,) = map(json.loads, shell("runs", "list", "--failed", "--limit", 1, "--json").out.splitlines())
    assert (run["id"], run["reason"]) == ("style-bad-0000000000000000", "No video.")


def test_a_run_says_what_came_out_and_where(ended: MemoryStorage, shell: Shell) -> None:
    scored, styled = shell("runs", "show", SCORING), shell("runs", "show", STYLING)
    assert (
        f"https://data.blob.core.windows.net/predictions/date=2026-01-31/hour=09/run={SCORING}/ (2 files, 6 bytes)"
        in scored.out
    )
    assert f"reports/{SCORING}.html (6 bytes)" in scored.out
    assert "start      2026-01-31 09:00:00Z" in scored.out
    assert styled.out.count("output") == 4
    assert "/styled/2026/holiday.mp4 (4 bytes)" in styled.out
    assert f"tally runs fetch {STYLING}" in styled.err
    assert "tally runs logs style-bad" in shell("runs", "show", "style-bad").err


def test_what_a_newer_upload_left_is_not_this_runs(ended: MemoryStorage, shell: Shell) -> None:
    ended.data("styled").put("2026/holiday.mp4", b"newer", metadata={"run": "style-another"})
    outputs = json.loads(shell("runs", "show", STYLING, "--json").out)["outputs"]
    assert [output["name"] for output in outputs] == [f"2026/holiday{e}" for e in (".jpg", "-sheet.jpg", ".json")]


def test_a_copy_that_ends_early_leaves_no_half_file(
    ended: MemoryStorage, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(source: object, target: BinaryIO) -> None:
        target.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(run_outputs.shutil, "copyfileobj", interrupted)
    assert shell("runs", "fetch", STYLING, "--out", tmp_path).code == 130
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_what_came_out_is_fetched(ended: MemoryStorage, shell: Shell, tmp_path: Path) -> None:
    ran = shell("runs", "fetch", STYLING, "--out", tmp_path / "here")
    assert ran.out.splitlines()[0] == str(tmp_path / "here" / "holiday.mp4")
    assert {path.name: path.read_text() for path in (tmp_path / "here").iterdir()} == {
        f"holiday{ending}": ending for ending in (".mp4", ".jpg", "-sheet.jpg", ".json")
    }
    shell("runs", "fetch", SCORING, "--out", tmp_path / "scored")
    assert {path.name for path in (tmp_path / "scored").iterdir()} == {
        *(f"{SCORING}{ending}" for ending in (".html", "-part-00000.parquet", "-summary.json"))
    }
    ran = shell("runs", "fetch", "bad", "--out", tmp_path / "none")
    assert (ran.code, ran.err.splitlines()[0]) == (
        1,
        "Run style-bad-0000000000000000 is failed, and nothing came out of it.",
    )
    assert not (tmp_path / "none").exists()


def test_a_part_of_an_id_is_enough_and_a_slip_is_answered_with_what_is_near(ended: MemoryStorage, shell: Shell) -> None:
    assert SCORING in shell("runs", "show", "20260131T0900").out
    assert shell("runs", "show", "style").err.startswith(
        "2 runs have 'style' in their name.\nGive more of it: style-bad"
    )
    near = shell("runs", "show", STYLING.replace("holiday", "holliday")).err
    assert near.endswith(f"Did you mean {STYLING}?\n")
    assert shell("runs", "show", "[/x]").err == "There is no run '[/x]'.\n`tally runs list` shows the runs there are.\n"


def test_what_is_followed_or_steered_can_be_read_by_programs(ended: MemoryStorage, shell: Shell) -> None:
    assert json.loads(shell("runs", "watch", STYLING, "--json").out)["state"] == "succeeded"
    assert json.loads(shell("runs", "retry", "style-bad", "--json").out)["state"] == "queued"
    assert json.loads(shell("runs", "cancel", "style-bad", "--json").out)["cancelling"] is True
    ended.control("logs").put(f"{SCORING}/merge.1.stdout.txt", b"done\xff")
    assert json.loads(shell("runs", "logs", SCORING, "--json").out) == {
        "log": "merge.1.stdout.txt",
        "text": "done\ufffd",
    }
    assert "done" in shell("runs", "logs", SCORING).out
