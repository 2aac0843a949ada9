"""Whatever ends a command is a sentence on stderr, said once, with what to do; results alone are on stdout."""

import errno
import os
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import typer

from cli import app
from cli.output import progress
from cli.process import program
from shared.errors import BundleError, TallyError, Transient
from shared.refusals import as_refusal
from tests.cli.conftest import Shell

ROOT = Path(__file__).parents[2]
TALLY = [sys.executable, "-m", "cli"]
SYSTEM = [errno.ENOENT, errno.EACCES, errno.ENOSPC, errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EROFS]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, shell: Shell):  # type: ignore[no-untyped-def]
    """A command that ends in an error, amid a bar."""

    def fail(error: BaseException):  # type: ignore[no-untyped-def]
        instead = typer.Typer()

        @instead.command()
        def work() -> None:
            with progress("files") as bars:
                bars.add_task("Working", total=9)
                raise error

        monkeypatch.setattr(app, "app", instead)
        return shell()

    return fail


@pytest.mark.parametrize("error", [TallyError("It broke.", "Mend it."), BundleError("It broke.", "Mend it.")])
def test_a_refusal_is_said_once_without_its_kind(failing, error: TallyError) -> None:  # type: ignore[no-untyped-def]
    ran = failing(error)
    assert (ran.code, ran.out, ran.err) == (1, "", "It broke.\nMend it.\n")


@pytest.mark.parametrize("number", SYSTEM, ids=errno.errorcode.get)
def test_errors_of_the_system_name_the_file_and_say_what_to_do(failing, number: int) -> None:  # type: ignore[no-untyped-def]
    ran = failing(OSError(number, os.strerror(number), "/some/[/file]"))
    message, hint = ran.err.splitlines()
    assert "/some/[/file]" in message
    assert hint
    assert (ran.code, ran.out, "Errno" in ran.err, "Error" in ran.err) == (1, "", False, False)


def test_the_last_word_of_a_rename_is_where_to() -> None:
    error = OSError(errno.EACCES, "Permission denied", "a.part", None, "a")
    assert as_refusal(error).message == "a may not be used by you."


def test_other_errors_of_the_system_are_told_in_its_words() -> None:
    assert as_refusal(OSError(errno.ENODEV, "No such device", "x")).message == "x cannot be used: No such device."


def test_text_that_is_not_utf_8_is_said_to_be_so(failing) -> None:  # type: ignore[no-untyped-def]
    assert "not UTF-8" in failing(UnicodeDecodeError("utf-8", b"a\xff", 1, 2, "invalid start byte")).err


def test_what_nobody_foresaw_is_a_line_and_how_to_see_more(failing) -> None:  # type: ignore[no-untyped-def]
    ran = failing(KeyError("x"))
    assert ran.code == 1
    assert ran.err.splitlines() == [
        "Something went wrong that nobody foresaw: KeyError: 'x'.",
        "`tally --debug` before the command's name shows where.",
    ]


def test_ctrl_c_says_nothing(failing) -> None:  # type: ignore[no-untyped-def]
    ran = failing(KeyboardInterrupt())
    assert (ran.code, ran.said) == (130, "")


def test_a_traceback_is_shown_to_who_asks(shell: Shell, nowhere: None) -> None:
    with pytest.raises(Transient):
        shell("--debug", "runs", "list")


def test_a_command_that_cannot_be_understood_names_its_help(shell: Shell) -> None:
    for words, said, command in (
        (("runs", "lits"), "Did you mean 'list'?", "tally runs"),
        (("runs", "list", "--limit", "[/x]"), "--limit", "tally runs list"),
        (("models", "use", "faq"), "version", "tally models use"),
        (("style", "[/nope].mp4"), "[/nope].mp4", "tally style"),
        (
            ("backfill", "--from", "yesterday", "--to", "now"),
            "'--from': 'yesterday' is no time; write 2026-01-31",
            "tally backfill",
        ),
        (("reset", "all"), "'what': 'all' is not one of", "tally reset"),
    ):
        ran = shell(*words)
        assert (ran.code, ran.out) == (2, "")
        assert said in ran.err
        assert ran.err.endswith(f"`{command} -h` shows how it is used.\n")


def test_a_full_disk_behind_stdout_is_a_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*TALLY, "--version"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith("There is no space left for the output.\n")
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_reason_to_fail(closed: str) -> None:
    command = f"{shlex.join(TALLY)} styles list {closed}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, "NoneType" in done.stderr) == (0, False)


def test_a_reader_that_goes_away_hears_nothing_more() -> None:
    run = subprocess.Popen([*TALLY, "-h"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout
    assert run.stderr
    run.stdout.close()
    assert run.stderr.read() == b""
    run.wait()
    run.stderr.close()


CHILD = """
import os, signal, sys, time
def stop(*_):
    os.write(1, b"kept\\n")  # print may be at work already
    sys.exit(130)
signal.signal(signal.SIGINT, stop)
os.write(1, b"ready\\n")
time.sleep(60)
"""


def test_a_program_ends_with_its_command_and_keeps_what_it_has() -> None:
    with suppress(KeyboardInterrupt), program([sys.executable, "-c", CHILD], os.environ) as run:
        assert run.stdout
        assert run.stdout.readline() == "ready\n"
        raise KeyboardInterrupt
    assert run.returncode == 130


def test_ctrl_c_at_a_terminal_reaches_a_program_once() -> None:
    with program([sys.executable, "-c", CHILD], os.environ) as run:
        assert run.stdout
        run.stdout.readline()
        assert os.getpgid(run.pid) != os.getpgid(0)
        run.send_signal(signal.SIGINT)
    assert run.returncode == 130
