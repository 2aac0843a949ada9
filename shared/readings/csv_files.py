"""CSV files of readings, whatever their layout, line by line: a file of any size takes little memory."""

import csv
import heapq
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from shared.errors import InvalidInput
from shared.readings.event import MAX_VALUE, series_of
from shared.readings.samples import Sample
from shared.readings.timestamps import parse_time

MAX_LINE = 1 << 20  # bytes
_SEPARATORS = ",;\t"
_TIMES = ("ts", "timestamp", "time", "datetime", "date")
_SENSORS = ("sensor", "tag")
_SHOWN = 5
_LAYOUTS = "Use TS,Device,Tag,Value (or Sensor for Tag), or a time column with one column per sensor."


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a line has its time, device, sensor and value; wide files have one column per sensor instead."""

    separator: str
    width: int
    time: int
    device: int | None = None
    sensor: int | None = None
    value: int | None = None
    sensors: tuple[tuple[int, str], ...] = ()

    def describe(self) -> str:
        """The layout in words."""
        if self.value is not None:
            return "one reading per line" + ("" if self.device is not None else ", of one device")
        return f"one column per sensor: {', '.join(name for _, name in self.sensors)}"


@dataclass(slots=True)
class Skipped:
    """Lines and cells that are not readings: how many, and the first few in words."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.examples) < _SHOWN:
            self.examples.append(text)


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A file whose header was understood; `device` names the device where no column does."""

    path: Path
    layout: Layout
    device: str


def open_csv(path: Path, device: str = "", exclude: Sequence[str] = ()) -> CsvFile:
    """Find out a file's layout from its header; raises InvalidInput saying what is wrong with it."""
    try:
        with path.open("rb") as file:
            header = next(_lines(file, path), "")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    return CsvFile(path, _layout(header, path, exclude), device or path.stem)


def read_merged(
    files: Sequence[CsvFile], skipped: Skipped, on_bytes: Callable[[int], None] = lambda _: None
) -> Iterator[Sample]:
    """The samples of all files in time order, if each file is; `on_bytes` hears of progress."""
    return heapq.merge(*(read_samples(file, skipped, on_bytes) for file in files), key=lambda sample: sample.time)


def read_samples(file: CsvFile, skipped: Skipped, on_bytes: Callable[[int], None] = lambda _: None) -> Iterator[Sample]:
    """The samples of a file in its order; lines that are none are counted in `skipped`.

    Raises InvalidInput for a line that is longer than a line can be.
    """
    with file.path.open("rb") as source:
        for number, line in enumerate(_lines(source, file.path, on_bytes), start=1):
            if number == 1 or not line.strip():
                continue
            fields = _split(line, file.layout.separator)
            if len(fields) != file.layout.width:
                skipped.add(f"{file.path.name}, line {number}: {len(fields)} fields in place of {file.layout.width}")
            else:
                yield from _samples(file, fields, number, skipped)


def _lines(source: BinaryIO, path: Path, on_bytes: Callable[[int], None] = lambda _: None) -> Iterator[str]:
    number = 0
    while line := source.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise InvalidInput(f"{path}, line {number} is longer than 1 MiB.", "This is not a CSV file of readings.")
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{path}, line {number} is not UTF-8.", "Save the file as UTF-8.") from error
        on_bytes(len(line))


def _split(line: str, separator: str) -> list[str]:
    line = line.rstrip("\r\n")
    if '"' not in line:
        return line.split(separator)
    with suppress(csv.Error):
        return next(csv.reader(io.StringIO(line), delimiter=separator), [])
    return []


def _layout(header: str, path: Path, exclude: Sequence[str]) -> Layout:
    separator = max(_SEPARATORS, key=header.count)
    names = [name.strip() for name in _split(header, separator)]
    known = {name.lower(): place for place, name in reversed(list(enumerate(names)))}
    time = next((known[name] for name in _TIMES if name in known), None)
    if time is None or len(names) < 2:
        shown = header.strip()[:80] or "an empty line"
        raise InvalidInput(f"{path} does not begin with a header that names a time column: {shown!r}.", _LAYOUTS)
    sensor = next((known[name] for name in _SENSORS if name in known), None)
    if sensor is not None:
        if "value" not in known:
            raise InvalidInput(f"{path} has a column {names[sensor]!r} and none called Value.", _LAYOUTS)
        return Layout(separator, len(names), time, known.get("device"), sensor, known["value"])
    return Layout(separator, len(names), time, known.get("device"), sensors=_columns(names, time, known, path, exclude))


def _columns(
    names: list[str], time: int, known: dict[str, int], path: Path, exclude: Sequence[str]
) -> tuple[tuple[int, str], ...]:
    if missing := [name for name in exclude if name.lower() not in known]:
        raise InvalidInput(f"{path} has no column {missing[0]!r} to exclude.", f"It has: {', '.join(names)}.")
    left_out = {time, known.get("device"), *(known[name.lower()] for name in exclude)}
    columns = tuple((place, name) for place, name in enumerate(names) if place not in left_out)
    for _, name in columns:
        if series_of("device", name) is None:
            raise InvalidInput(f"{path} has a column whose name is no sensor's: {name[:80]!r}.", _LAYOUTS)
    if not columns or len({name for _, name in columns}) < len(columns):
        raise InvalidInput(f"{path} has no sensor columns, or two of the same name.", _LAYOUTS)
    return columns


def _samples(file: CsvFile, fields: list[str], number: int, skipped: Skipped) -> Iterator[Sample]:
    layout, where = file.layout, f"{file.path.name}, line {number}"
    time = parse_time(fields[layout.time].strip())
    device = fields[layout.device].strip() if layout.device is not None else file.device
    if time is None:
        skipped.add(f"{where}: {fields[layout.time][:40]!r} is no time")
        return
    cells = layout.sensors
    if layout.sensor is not None and layout.value is not None:
        cells = ((layout.value, fields[layout.sensor].strip()),)
    for place, sensor in cells:
        value = _number(fields[place])
        if value is None or series_of(device, sensor) is None:
            skipped.add(
                f"{where}: no reading of device {device[:40]!r}, sensor {sensor[:40]!r}: {fields[place][:40]!r}"
            )
        else:
            yield Sample(time, device, sensor, value)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) <= MAX_VALUE else None
