"""The whole app in a sandbox, for tests that kill parts of it: real services, real worker, real command line."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import polars as pl

from devhost.azurite import command, environment, install
from devhost.sandbox import ROOT, wait_for
from devhost.services import local_accounts
from shared.anomaly_detection.predictions import folder
from shared.app import make_driver
from shared.readings.dataset import read_windows
from shared.readings.state import decode
from shared.runs.record import Run
from shared.runs.store import RunStore
from shared.settings import Settings
from shared.storage import Storage

TEN = datetime(2026, 1, 31, 10, tzinfo=UTC)
MINUTES = 20


def write_readings(path: Path, minutes: int = MINUTES) -> int:
    """A CSV file of 3 devices with 2 sensors each, a reading a second; returns how many."""
    lines = ["TS,Device,Tag,Value"]
    for second in range(60 * minutes):
        time = TEN + timedelta(seconds=second)
        for device in range(3):
            for tag in range(2):
                value = 10 * tag + (second * (7 + device) % 11) / 4 + (50 if second % 401 == 400 else 0)
                lines.append(f"{time:%Y-%m-%dT%H:%M:%SZ},pump {device},{tag},{value}")
    path.write_text("\n".join(lines) + "\n")
    return len(lines) - 1


def expected_windows(path: Path, window_seconds: int) -> pl.DataFrame:
    """The windows of a CSV file, aggregated by somebody else."""
    readings = pl.read_csv(path, schema_overrides={"Tag": pl.String}).with_columns(
        pl.col("TS").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")
    )
    end = pl.col("TS").dt.truncate(f"{window_seconds}s") + pl.duration(seconds=window_seconds)
    value = pl.col("Value")
    return (
        readings.group_by(pl.col("Device").alias("device"), pl.col("Tag").alias("sensor"), end.alias("window_end"))
        .agg(pl.len().cast(pl.Int64).alias("count"), value.mean().alias("mean"), value.min().alias("min"))
        .sort("device", "sensor", "window_end")
    )


@dataclass
class World:
    """A sandbox that runs: its settings, its folder, and what tests ask of it."""

    env: dict[str, str]
    home: Path
    azurite: "subprocess.Popen[bytes]"
    sent: int = 0

    @property
    def settings(self) -> Settings:
        return Settings.from_env(self.env)

    @property
    def storage(self) -> Storage:
        return Storage.from_settings(self.settings)

    @property
    def runs(self) -> RunStore:
        return RunStore(self.storage.control("runs"))

    def tally(self, *arguments: str) -> str:
        """Run a `tally` command; what it printed. Raises CalledProcessError where it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            env=os.environ | self.env, cwd=ROOT, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tick(self, function: str) -> None:
        """Run a timer function now, as an administrator can."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.env['HOST_PORT']}/admin/functions/{function}",
            data=b"{}",
            headers={"content-type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=60).close()

    def events(self) -> int:
        """How many events were taken in so far."""
        states = self.storage.control("ingest")
        return sum(decode(blob.data).counters.events for info in states.list() if (blob := states.get(info.name)))

    def settled(self, events: int) -> bool:
        """Whether that many events are in windows, and every window in its file."""
        states = self.storage.control("ingest")
        held = [decode(blob.data) for info in states.list() if (blob := states.get(info.name))]
        done = all(not len(state.rows) and not state.owes_files for state in held)
        return done and sum(state.counters.events for state in held) == events

    def windows(self) -> pl.DataFrame:
        """All windows as a reader of the whole container finds them, unmerged."""
        store = self.storage.data("windows")
        frames = [pl.read_parquet(BytesIO(blob.data)) for info in store.list() if (blob := store.get(info.name))]
        return pl.concat(frames).sort("device", "sensor", "window_end")

    def merged_windows(self) -> pl.DataFrame:
        """All windows as a scoring task reads them."""
        return read_windows(self.storage.data("windows"), TEN, TEN + timedelta(hours=1))

    def ended(self, run_id: str, seconds: float = 120) -> Run:
        """The run, once it has ended."""
        wait_for(lambda: self.runs.load(run_id)[0].state.final, f"Run {run_id} did not end", seconds)
        return self.runs.load(run_id)[0]

    def results(self, run_id: str) -> dict[str, bytes]:
        """What a run wrote that must be the same each time: its predictions."""
        store = self.storage.data("predictions")
        prefix = f"{folder(run_id, TEN)}/part-"
        names = [info.name for info in store.list(prefix) if not info.name.endswith(".json")]
        return {name: blob.data for name in names if (blob := store.get(name))}

    def again(self, run_id: str) -> None:
        """Make a run anew, as if it had never been."""
        record = self.runs.load(run_id)[0]
        self.forget(run_id)
        fresh = Run(
            id=run_id, workload=record.workload, params=record.params, created=record.created, updated=record.created
        )
        make_driver(self.settings, self.storage).start(fresh)

    def forget(self, run_id: str) -> None:
        """Remove every trace of a run, so that it can be made again."""
        for store in (self.storage.data("predictions"), self.storage.control("runs"), self.storage.control("logs")):
            for info in list(store.list()):
                if run_id in info.name:
                    store.delete(info.name)
        shutil.rmtree(Path(self.env["LOCAL_COMPUTE_DIR"]) / run_id, ignore_errors=True)


def processes(*words: str) -> Iterator[int]:
    """Ids of the live processes whose command line holds all the words."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if all(word in line for word in words):
            yield int(path.parent.name)


def kill(*words: str) -> int:
    """Kill the first process found with signal 9, waiting for one to appear."""
    return _signal(signal.SIGKILL, *words)


def held(*words: str) -> int:
    """Have the first process found stand still until it gets SIGCONT, waiting for one to appear."""
    return _signal(signal.SIGSTOP, *words)


def _signal(number: signal.Signals, *words: str) -> int:
    deadline = time.monotonic() + 60
    while not (found := next(processes(*words), None)):
        assert time.monotonic() < deadline, f"No process of {words} appeared"
        time.sleep(0.01)  # a task may be over within a second
    os.kill(found, number)
    return found


def start_azurite(env: dict[str, str], home: Path) -> "subprocess.Popen[bytes]":
    """Azurite by itself, so that a test can stop and start it."""
    accounts = local_accounts(env)
    place = home / "azurite"
    place.mkdir(parents=True, exist_ok=True)
    blob, queue = accounts[0].ports
    line = command(install(ROOT / ".tally" / "azurite"), blob, queue, place)
    return subprocess.Popen(line, env=os.environ | environment(accounts), cwd=place, stdout=subprocess.DEVNULL)
