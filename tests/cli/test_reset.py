"""`tally reset` forgets what it is asked to, after a question, and what comes after counts anew."""

import json
from pathlib import Path

import pytest

from cli import reset
from shared.app import make_driver
from shared.readings.ingest import Ingestor
from shared.readings.state import decode
from shared.runs.record import State
from shared.settings import Settings
from shared.storage import MemoryStorage
from tests.cli.conftest import Shell
from tests.cli.test_runs import SCORING, SPAN, STYLING, VIDEO, keep
from tests.readings.plain import WALL, batch, body


def names(accounts: MemoryStorage) -> set[str]:
    """The containers that hold something."""
    return {container for (_, container), store in accounts.containers.items() if any(store.list())}


@pytest.fixture
def filled(accounts: MemoryStorage) -> MemoryStorage:
    """Something in every container there is."""
    keep(accounts, SCORING, SPAN, State.SUCCEEDED)
    accounts.control("runs").put("marks/anomaly", b"{}")
    for container in ("ingest", "bundles", "logs", "work", "compute"):
        accounts.control(container).put("a/b", b"x")
    for container in ("windows", "aside", "predictions", "reports", "styled", "videos"):
        accounts.data(container).put("a/b", b"x")
    return accounts


@pytest.mark.parametrize(
    ("what", "goes"),
    [
        ("readings", {"ingest", "windows", "aside"}),
        ("runs", {"runs", "logs", "work", "compute", "predictions", "reports", "styled"}),
        ("models", {"bundles"}),
    ],
)
def test_what_is_named_goes_and_all_else_stays(what: str, goes: set[str], filled: MemoryStorage, shell: Shell) -> None:
    filled.control("runs").delete(f"open/{SCORING}")
    before = names(filled)
    ran = shell("reset", what, "--yes", "--json")
    assert before - names(filled) == goes
    assert {line["container"] for line in map(json.loads, ran.out.splitlines())} == goes
    assert ran.err.splitlines()[-1] == reset.STAYS[reset.What(what)]


def test_nothing_goes_without_a_word(filled: MemoryStorage, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    before = names(filled)
    ran = shell("reset", "readings", "runs", "models")
    assert (ran.code, "Add --yes." in ran.err) == (1, True)
    monkeypatch.setattr(reset.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(reset.typer, "confirm", lambda *_, **__: False)
    ran = shell("reset", "models")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.endswith("Nothing was removed.\n")
    assert names(filled) == before


def test_it_is_refused_while_a_run_is_running(filled: MemoryStorage, shell: Shell) -> None:
    keep(filled, STYLING, VIDEO, State.RUNNING)
    before = names(filled)
    for what in ("readings", "runs", "models"):
        ran = shell("reset", what, "--yes")
        assert ran.code == 1
        assert STYLING in ran.err
    assert names(filled) == before


def test_runs_that_azure_remembers_are_not_forgotten(
    filled: MemoryStorage, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Settings.from_env({"COMPUTE": "style=azure_batch", "BATCH_ENDPOINT": "https://a.b.batch.azure.com"})
    monkeypatch.setattr(reset, "settings", lambda: elsewhere)
    ran = shell("reset", "runs", "--yes")
    assert (ran.code, "azure_batch" in ran.err) == (1, True)
    assert "runs" in names(filled)


def test_folders_of_local_compute_go_too_or_a_run_of_the_same_span_would_seem_done(
    filled: MemoryStorage, shell: Shell
) -> None:
    folder, other = (Path(reset.settings().local_compute_dir) / name for name in (SCORING, "mine"))
    for place in (folder, other):
        place.mkdir(parents=True)
    (folder / "order.json").touch()
    (other / "thesis.txt").touch()  # LOCAL_COMPUTE_DIR may be a folder that holds more than runs
    assert shell("reset", "runs", "--yes").code == 0
    assert not folder.exists()
    assert (other / "thesis.txt").exists()


def test_readings_that_are_sent_again_after_a_reset_count_again(accounts: MemoryStorage, shell: Shell) -> None:
    ingestor = Ingestor.of(accounts, reset.settings())  # of an app that goes on meanwhile, with what it remembers
    bodies = [body(0), body(1), body(60)]
    ingestor.ingest("0", batch(bodies, 0, WALL))
    assert shell("reset", "readings", "--yes").code == 0
    ingestor.ingest("0", batch(bodies, len(bodies), WALL))
    blob = accounts.control("ingest").get("readings/0")
    assert blob
    counters = decode(blob.data).counters
    assert (counters.events, counters.late) == (3, 0)


def test_a_run_that_was_forgotten_can_start_again(accounts: MemoryStorage, shell: Shell) -> None:
    run = keep(accounts, SCORING, SPAN, State.SUCCEEDED)
    assert shell("reset", "runs", "--yes").code == 0
    assert make_driver(reset.settings(), accounts).start(run)
