"""What comes from outside is shown as it is, and bars leave nothing behind where something ends early."""

import io
import json
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from cli import output
from cli.output import PlainConsole, one_line, print_json, printable, progress, shown_time

ANY_TEXT = st.text(st.characters() | st.sampled_from("[]/:\\\x1b\u202e\udcff"))


@given(ANY_TEXT)
def test_any_text_can_be_printed_whether_alone_in_a_table_or_above_bars(text: str) -> None:
    file = io.TextIOWrapper(io.BytesIO(), "utf-8")
    console = PlainConsole(file=file, width=200)
    console.print(text)
    table = Table(text)
    table.add_row(text)
    console.print(table)
    file.flush()


@given(ANY_TEXT)
def test_what_is_shown_obeys_no_control_character(text: str) -> None:
    shown = one_line(text)
    assert printable(shown) == shown
    assert not set(shown) & set("\n\r\x1b\x07\u202e")


@pytest.mark.parametrize("text", ["[red]x[/red]", "[/nope].mp4", ":smile:", "C:\\[x]", "[link=http://a]b[/link]"])
def test_nothing_is_taken_for_markup(text: str) -> None:
    file = io.StringIO()
    PlainConsole(file=file).print(text)
    assert file.getvalue() == f"{text}\n"


def test_times_are_utc_and_say_so() -> None:
    there = datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))
    assert shown_time(there) == "2026-01-31 10:00:00Z"


def test_json_is_a_line_that_any_reader_takes(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"at": datetime(2026, 1, 31, tzinfo=UTC), "none": float("nan"), "text": "a\nb"})
    print_json({"file": "\udcff.mp4"})
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {"at": "2026-01-31T00:00:00Z", "none": None, "text": "a\nb"}
    assert second == {"file": "\udcff.mp4"}


def test_a_terminal_that_does_not_know_a_character_gets_its_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii"))
    output.prepare_streams()
    output.results.print("ü \N{GRINNING FACE}")
    output.print_table(["video"], [["ü.mp4"]])
    print_json({"video": "ü.mp4", "share": float("nan")})
    sys.stdout.flush()
    lines = written.getvalue().decode("ascii").splitlines()
    assert lines[0] == "\\xfc \\U0001f600"
    assert lines[2].rstrip() == "\\xfc.mp4"
    assert json.loads(lines[3]) == {"video": "ü.mp4", "share": None}


@pytest.mark.parametrize("terminal", [True, False])
def test_bars_of_what_fails_are_gone(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(output, "notes", PlainConsole(file=file, force_terminal=terminal, width=100))
    with suppress(ValueError), progress("files") as bars:
        bars.add_task("Reading [/x]", total=3)
        raise ValueError
    kept = file.getvalue().rpartition("\x1b[2K")[2]
    assert "Reading" not in kept
    assert terminal == ("Reading [/x]" in file.getvalue())


def test_bars_say_what_their_times_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(output, "notes", PlainConsole(file=file, width=100))
    with progress("files") as bars:
        bars.advance(bars.add_task("Reading", total=2))
    assert "1/2 files" in file.getvalue()
    assert "elapsed" in file.getvalue()
