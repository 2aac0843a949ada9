"""The lines of the host's log say when they are from, whatever zone the machine is in."""

import subprocess
import sys

import pytest

LINES = """
import logging, sys
from devhost import log
sys.stderr.isatty = lambda: {terminal}
log.set_up()
record = logging.makeLogRecord({{"name": "tally", "levelno": 20, "levelname": "INFO", "msg": "here", "created": 1e9}})
logging.getLogger().handle(record)
"""


@pytest.mark.parametrize(("terminal", "at"), [(False, "2001-09-09 01:46:40"), (True, "01:46:40Z")])
def test_times_are_utc_and_say_so(terminal: bool, at: str) -> None:
    code, env = LINES.format(terminal=terminal), {"TZ": "Asia/Kolkata"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert at in done.stderr
    assert "Z" in done.stderr.split("INFO")[0]
