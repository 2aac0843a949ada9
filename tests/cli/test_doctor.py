"""`tally doctor` calls wrong what is wrong, once, and a fresh installation sound."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from cli import context, doctor
from cli.doctor import Check
from shared.storage import MemoryStorage
from tests.cli.conftest import Shell
from tests.readings.plain import START, WALL, Account, batch, body


class Answering(BaseHTTPRequestHandler):
    """Any host."""

    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("HOST_PORT", str(server.server_port))
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        yield
        server.shutdown()


def checks(shell: Shell) -> tuple[int, dict[str, Check]]:
    ran = shell("doctor", "--json")
    assert ran.err == ""
    found = [Check(**line) for line in map(json.loads, ran.out.splitlines())]
    return ran.code, {check.name: check for check in found}


def test_a_fresh_installation_is_sound_and_told_what_comes_next(
    accounts: MemoryStorage, host: None, shell: Shell
) -> None:
    code, found = checks(shell)
    assert code == 0
    assert [name for name, check in found.items() if check.ok is False] == []
    assert found["readings"] == Check(
        "readings", None, "none came in yet", "Send some: `tally simulate`, or `tally import FILE.csv`."
    )
    assert "tally train anomaly" in found["anomaly models"].hint
    for kind in ("faq", "image"):
        assert found[f"{kind} models"].ok
        assert found[f"{kind} models"].says.endswith("the one that ships")
    assert found["host"].ok
    assert "none came in yet" in shell("doctor").out


def test_windows_are_counted_not_files(accounts: MemoryStorage, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account()
    account.ingestor().ingest("0", batch([body(0), body(7)], 0, WALL))
    account.close()
    for info in account.states.list():
        blob = account.states.get(info.name)
        assert blob
        accounts.control("ingest").put(f"readings/{info.name.rpartition('/')[2]}", blob.data)
    for name in range(238):
        accounts.data("windows").put(f"{START:date=%Y-%m-%d/hour=%H}/p{name}-20180406T000000Z.parquet", b"")
    found = checks(shell)[1]
    assert found["readings"].says == "2 windows so far, complete up to 2018-04-06 21:00:00Z"
    assert found["data account"].says == "answers; windows of 1 hour"


def test_what_nothing_answers_for_is_said_once(nowhere: None, shell: Shell) -> None:
    ran = shell("doctor", "--json")
    found = {line["name"]: line for line in map(json.loads, ran.out.splitlines())}
    assert ran.code == 1
    assert found["control account"]["ok"] is False
    assert [found[name]["says"] for name in ("readings", "anomaly models", "faq models", "image models")] == [
        "not looked at: the control account comes first"
    ] * 4


def test_faults_in_the_settings_are_said_alone(shell: Shell, monkeypatch: pytest.MonkeyPatch, nowhere: None) -> None:
    monkeypatch.setenv("WINDOW_SECONDS", "[/x]")
    context.settings.cache_clear()
    for words in (("doctor",), ("doctor", "--azure")):
        ran = shell(*words)
        assert ran.code == 1
        assert ran.said.count("WINDOW_SECONDS") == 1
        assert "[/x]" in ran.out
        assert "account" not in ran.out
    monkeypatch.setenv("SCORING_SCHEDULE", "at noon")
    monkeypatch.setenv("COMPUTE", "azure_batch")
    context.settings.cache_clear()
    said = shell("doctor").out
    for name in ("WINDOW_SECONDS", "SCORING_SCHEDULE", "BATCH_ENDPOINT"):
        assert said.count(f"wrong settings        {name} is") == 1
    for name in ("WINDOW_SECONDS", "SCORING_SCHEDULE", "COMPUTE"):
        monkeypatch.delenv(name)
    context.settings.cache_clear()


def test_a_look_that_fails_unforeseen_does_not_end_the_others() -> None:
    def broken() -> str:
        raise KeyError("x")

    assert doctor.checked("thing", broken).says == "Something went wrong that nobody foresaw: KeyError: 'x'."


def test_a_misspelt_setting_is_a_note(accounts: MemoryStorage, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDOW_SECOND", "5")
    notes = [
        line for line in map(json.loads, shell("doctor", "--json").out.splitlines()) if "WINDOW_SECOND " in line["says"]
    ]
    assert [(note["ok"], "WINDOW_SECONDS" in note["says"]) for note in notes] == [(None, True)]
