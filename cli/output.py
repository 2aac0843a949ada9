"""What commands print: results to stdout, all else to stderr, and whatever comes from outside just as it is."""

import io
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Progress

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_WIDE = 4_000  # columns of a table that goes into a file or a pipe: every line stays whole


class PlainConsole(Console):
    """Takes text as it is: no markup, no codes of emoji, and control characters shown instead of obeyed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, soft_wrap=True, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


results = PlainConsole()
notes = PlainConsole(stderr=True)


def printable(text: str) -> str:
    """The text with control characters, and what is no character at all, as escapes; line breaks stay."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(value: object) -> str:
    """A value from outside as it can stand within a line or a table."""
    return printable(str(value)).replace("\n", "\\n").replace("\t", "\\t")


def shown_time(when: datetime) -> str:
    """A time as every command shows it: `2026-01-31 10:00:00Z`."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def prepare_streams() -> None:
    """Have stdin and stdout be there, if only in name, and stdout take characters that the terminal does not know."""
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115 - open to the end, as the standard streams are
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def print_json(value: Any) -> None:
    """An object as a line of JSON on stdout; times are ISO 8601 in UTC, what is no number is null."""
    try:
        text = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # the name of a file that is no text
        text = json.dumps(msgspec.to_builtins(value))
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text))
    print(text, flush=True)


def print_facts(facts: Iterable[tuple[str, object]], width: int = 10) -> None:
    """A name and a value in each line."""
    for name, value in facts:
        shown = value if isinstance(value, Text) else Text(one_line(value))
        results.print(Text.assemble((one_line(name).ljust(width), "bold"), " ", shown))


def print_table(columns: Sequence[str], rows: Iterable[Sequence["str | Text"]]) -> None:
    """A table; its first column is never cut, and no line is where a file or a pipe takes it."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else one_line(cell) for cell in row))
    console = results if results.is_terminal else PlainConsole(width=_WIDE)
    console.print(table, soft_wrap=False)


def warn(what: str, rest: str = "") -> None:
    """Say on stderr what deserves attention, and what follows from it."""
    notes.print(Text.assemble((printable(what), "yellow"), f" {printable(rest)}" if rest else ""))


@contextmanager
def progress(unit: str, *, transient: bool = False) -> "Iterator[Progress]":
    """Bars on stderr for `unit`s (`bytes` in their larger ones), with the time taken and the time left.

    What ends in an error or with Ctrl-C leaves no bars behind.
    """
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn

    class Times(ProgressColumn):
        def render(self, task: Task) -> Text:
            left = "" if task.finished or task.time_remaining is None else f", {_clock(task.time_remaining)} left"
            return Text(f"{_clock(task.finished_time or task.elapsed or 0)} elapsed{left}", style="cyan")

    class Bars(Progress):
        def stop(self) -> None:
            self.live.stop()
            if not (self.console.is_interactive or self.live.transient):
                self.console.print()  # ends the line of the bars, where nobody watched them

    counted = (DownloadColumn(),) if unit == "bytes" else (MofNCompleteColumn(), TextColumn(unit))
    name = TextColumn("{task.description}", markup=False)
    with Bars(name, BarColumn(20), *counted, Times(), console=notes, transient=transient) as bars:
        try:
            yield bars
        except BaseException:
            bars.live.transient = True
            raise


def _clock(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
