"""`tally import` and `tally simulate`, through the real client into a hub on this machine."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from azure.eventhub import EventHubProducerClient
from typer.testing import CliRunner, Result

from cli import readings
from peers.eventhub.broker import HubSpec
from peers.eventhub.server import Options, Server, background
from peers.eventhub.tokens import SharedKey
from shared.errors import InvalidInput
from shared.settings import Connection, Settings
from tests.readings.plain import START, WALL, Account, batch, body

pytestmark = pytest.mark.slow

HEADER = "TS,Device,Tag,Value\n"


class FakeStorage:
    """The control account of an Account."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def control(self, container: str) -> object:
        assert container == "ingest"
        return self.account.states


@pytest.fixture(scope="module")
def peer() -> Iterator[Server]:
    with background(Options((HubSpec("readings", 2),), SharedKey("policy", "c2VjcmV0IGtleQ=="))) as server:
        yield server


@pytest.fixture
def account(peer: Server, monkeypatch: pytest.MonkeyPatch) -> Account:
    account = Account()
    connection = Connection("EventHubs", peer.connection_string)
    monkeypatch.setattr(readings, "settings", lambda: Settings(event_hubs=connection))
    monkeypatch.setattr(readings, "storage", lambda: FakeStorage(account))
    return account


def run(*words: object) -> Result:
    app = typer.Typer()
    readings.register(app)
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})


def events_in(peer: Server) -> int:
    with EventHubProducerClient.from_connection_string(peer.connection_string, eventhub_name="readings") as hub:
        return sum(1 + hub.get_partition_properties(p)["last_enqueued_sequence_number"] for p in ("0", "1"))


def test_files_are_sent_and_what_is_no_reading_is_said(peer: Server, account: Account, tmp_path: Path) -> None:
    path = tmp_path / "pump.csv"
    path.write_text(HEADER + "2020-01-01 00:00:00,1,2,3\n2020-01-01 00:00:01,1,2,oops\n2020-01-01 00:00:02,7,2,3\n2020")
    before = events_in(peer)
    result = run("import", path)
    assert result.exit_code == 0, result.output
    assert events_in(peer) - before == 2
    assert "pump.csv: one reading per line" in result.output
    assert "Sent 2 readings of 1 file" in result.output
    assert "pump.csv, line 5: 1 fields in place of 4" in result.output


def test_readings_older_than_what_is_closed_are_announced(account: Account, tmp_path: Path) -> None:
    account.ingestor().ingest("0", batch([body(0)], 0, WALL))
    account.close()
    path = tmp_path / "old.csv"
    path.write_text(HEADER + f"{START:%Y-%m-%d} 00:00:00,1,2,3\n")
    assert "Windows before 2018-04-06 21:00:00Z are closed" in run("import", path).output


def test_disorder_beyond_the_allowed_lateness_is_announced(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    path.write_text(HEADER + "2020-01-01 01:00:00,1,2,3\n2020-01-01 00:00:00,2,2,3\n")
    assert "1 readings go further back in time" in run("import", path).output


def test_a_file_without_readings_is_an_error(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text(HEADER)
    assert isinstance(run("import", path).exception, InvalidInput)


def test_signals_are_sent_and_their_anomalies_are_labelled(peer: Server, account: Account, tmp_path: Path) -> None:
    before, labels = events_in(peer), tmp_path / "labels.csv"
    result = run("simulate", "--devices", 2, "--sensors", 2, "--duration", 400, "--anomalies", 0.3, "--labels", labels)
    assert result.exit_code == 0, result.output
    assert events_in(peer) - before == 1600
    with labels.open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert {row["Device"] for row in rows} <= {"machine-001", "machine-002"}
    assert all(row["Start"] <= row["End"] for row in rows)


def test_live_signals_cannot_begin_in_the_past(account: Account) -> None:
    assert isinstance(run("simulate", "--live", "--from", "2020-01-01").exception, InvalidInput)
