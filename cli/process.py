"""Runs a program of Tally's and reads what it says, line by line; the program ends with the command."""

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from cli.context import CODE

_PATIENCE = 30  # seconds that a program which is to stop may take to leave things in order


@contextmanager
def program(command: Sequence[str], env: Mapping[str, str]) -> "Iterator[subprocess.Popen[str]]":
    """The program, its stdout and stderr as one stream of lines. Ctrl-C and errors reach it, and it is waited for."""
    pipe = subprocess.PIPE
    run = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT, text=True, errors="replace",
        env=dict(env), cwd=CODE, process_group=0,  # of its own: Ctrl-C comes to it once, from here
    )  # fmt: skip
    try:
        yield run
        run.wait()
    except BaseException:
        run.send_signal(signal.SIGINT)
        raise
    finally:
        try:
            run.wait(_PATIENCE)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            run.kill()
            run.wait()
        if run.stdout:
            run.stdout.close()
