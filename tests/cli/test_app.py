"""The `tally` command as a person meets it: what goes wrong is said in a sentence, and the command ends."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cli.app import main

ROOT = Path(__file__).parents[2]


def test_names_from_the_command_line_are_shown_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tally", "import", "[/b].csv"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "[/b].csv cannot be read" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    ["runs list", "train anomaly", "backfill --from 2026-01-01 --to 2026-01-02", "simulate --duration 2"],
)
def test_where_nothing_runs_a_command_says_so_and_ends(command: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # nobody listens there once it is closed
    address = f"127.0.0.1:{port}"
    account = f"AccountName=a;AccountKey=YQ==;BlobEndpoint=http://{address}/a;QueueEndpoint=http://{address}/a"
    hub = f"Endpoint=sb://{address};SharedAccessKeyName=a;SharedAccessKey=YQ==;UseDevelopmentEmulator=true"
    done = subprocess.run(
        [sys.executable, "-m", "cli", *command.split()],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DataStorage": account,
            "ControlStorage": account,
            "EventHubs": hub,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Connection refused" in done.stderr
    assert "Errno" not in done.stderr
    assert "`make up`" in done.stderr
    assert "Pool" not in done.stderr
