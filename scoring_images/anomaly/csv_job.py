"""Scores a CSV file of readings as it stands: a line in, the same line with its prediction out, in bounded memory."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring_images.anomaly.plain_csv import PlainReader
from scoring_images.anomaly.series_numbers import SeriesNumbers
from shared.anomaly_detection.bundle import read_bundle, registry
from shared.anomaly_detection.features import FeatureSpec, Per, features
from shared.anomaly_detection.kernel import decision_values
from shared.anomaly_detection.one_class_svm import PackedModels, starts
from shared.errors import InvalidInput
from shared.storage import BlobStore

BLOCK_BYTES = 32 << 20
MAX_LINE = 1 << 20  # bytes
COLUMNS = {"ts": "TS", "device": "Device", "tag": "Tag", "sensor": "Tag", "value": "Val"}
PLAIN_HEADER = ["TS", "Device", "Tag", "Val"]
LAYOUT = "Use the header TS,Device,Tag,Value (or Sensor for Tag)."


@dataclass(slots=True)
class CsvReport:
    """What became of the lines of a file."""

    scored: int = 0
    flagged: int = 0
    rejected: int = 0  # no device, sensor or finite number in it
    without_model: dict[tuple[str, str], int] = field(default_factory=dict)  # (device, sensor): lines


def score_file(bundles: BlobStore, version: str | None, source: Path, sink: Path) -> str:
    """Score a file with a bundle (None: the current one) into another, which appears whole; a sentence about it.

    Raises InvalidInput for a file that cannot be read or scored, and BundleError.
    """
    version = version or registry(bundles).current()
    if version is None:
        raise InvalidInput("There is no bundle to score with.", "Train one: `tally train anomaly`.")
    bundle = read_bundle(bundles, version)
    part = sink.with_name(f"{sink.name}.part")
    try:
        with source.open("rb") as read, part.open("wb") as written:
            report = score_csv(bundle.models, FeatureSpec.from_dict(bundle.manifest.features), read, written)
        part.replace(sink)
    except OSError as error:
        raise InvalidInput(f"{error.filename} cannot be used: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
    unknown = sum(report.without_model.values())
    return (
        f"{report.scored:,} lines scored with bundle {version}, {report.flagged:,} flagged; "
        f"{unknown:,} of series without a model and {report.rejected:,} that are no readings left out"
    )


def score_csv(models: PackedModels, spec: FeatureSpec, source: BinaryIO, sink: BinaryIO) -> CsvReport:
    """Score TS,Device,Tag,Value lines into TS,Device,Tag,Val,Prediction (1: an anomaly), in the order of the file.

    The lines of a series must be in time order. Lines that cannot be scored are left out and counted. Raises
    InvalidInput for models of whole devices, another header, and what is not CSV.
    """
    if spec.per is not Per.SERIES:
        raise InvalidInput("A CSV file is scored with one model per series.", "Train with one model per series.")
    job = _Job(models, spec)
    blocks = _blocks(source)
    header, first = _header(next(blocks, b""))
    sink.write(b"TS,Device,Tag,Val,Prediction\n")
    job.score(first, header, sink)
    for block in blocks:
        job.score(block, header, sink)
    return job.report


def _blocks(source: BinaryIO) -> Iterator[bytes]:
    """The file in pieces of whole lines."""
    rest = b""
    while data := source.read(BLOCK_BYTES):
        cut = data.rfind(b"\n") + 1
        if cut:
            yield rest + data[:cut]
            rest = b""
        rest += data[cut:]
        if len(rest) > MAX_LINE:
            raise InvalidInput(f"A line is longer than {MAX_LINE:,} bytes.", LAYOUT)
    if rest:
        yield rest


def _header(block: bytes) -> tuple[list[str], bytes]:
    """The names of the columns as they will be written, and what follows the header."""
    line, _, rest = block.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
    text = line.decode(errors="replace").strip()
    found = next(csv.reader([text]), [])
    names = [COLUMNS.get(name.strip().lower(), f"column {number}") for number, name in enumerate(found)]
    if sorted(name for name in names if not name.startswith("column")) != sorted(set(COLUMNS.values())):
        raise InvalidInput(f"The header is {text[:80]!r}.", LAYOUT)
    return names, rest


@dataclass(slots=True)
class _Job:
    models: PackedModels
    spec: FeatureSpec
    plain: PlainReader | None = None
    numbers: SeriesNumbers | None = None
    report: CsvReport = field(default_factory=CsvReport)
    # The last rows of every series, which the next block's features look back on.
    earlier_series: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    earlier_values: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def score(self, block: bytes, header: list[str], sink: BinaryIO) -> None:
        """Write the predictions for a block of lines."""
        if header == PLAIN_HEADER and self._score_plain(block, sink):
            return
        self._score_any(block, header, sink)

    def _score_plain(self, block: bytes, sink: BinaryIO) -> bool:
        """The quick way; False, and nothing done, where a line is not plain."""
        self.plain = self.plain or PlainReader.of(self.models)
        lines = self.plain.read(block)
        if lines is not None:
            sink.write(lines.flagged(self._flags(lines.series, lines.values)))
        return lines is not None

    def _score_any(self, block: bytes, header: list[str], sink: BinaryIO) -> None:
        quoted = b'"' in block
        lines = _parse(block, header, quoted)
        values = lines["Val"].str.strip_chars().cast(pl.Float64, strict=False)
        self.numbers = self.numbers or SeriesNumbers.of(self.models)
        series = self.numbers.find(lines["Device"], lines["Tag"])
        usable = values.is_finite().fill_null(False).to_numpy()
        if not usable.all() or (len(series) and series.min() < 0):
            lines, values, series = self._set_aside(lines, values, series, usable)
        flags = pl.Series("Prediction", self._flags(series, values.to_numpy()).astype(np.int8))
        out = lines.select("TS", "Device", "Tag", "Val", flags)
        out.write_csv(sink, include_header=False, quote_style="necessary" if quoted else "never")

    def _set_aside(
        self, lines: pl.DataFrame, values: pl.Series, series: NDArray[np.int64], usable: NDArray[np.bool_]
    ) -> tuple[pl.DataFrame, pl.Series, NDArray[np.int64]]:
        """Count the lines that cannot be scored, and return the others."""
        usable &= lines.select(pl.all_horizontal(pl.col("TS", "Device", "Tag").is_not_null())).to_series().to_numpy()
        self.report.rejected += int((~usable).sum())
        unknown = lines.filter(pl.Series(usable & (series < 0))).group_by("Device", "Tag").len()
        for device, sensor, count in unknown.sort("Device", "Tag").iter_rows():
            held = self.report.without_model.get((device, sensor), 0)
            self.report.without_model[device, sensor] = held + count
        good = usable & (series >= 0)
        return lines.filter(pl.Series(good)), values.filter(pl.Series(good)), series[good]

    def _flags(self, series: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each row is an anomaly, given the earlier rows, which are then brought up to date."""
        before = len(self.earlier_series)
        series = np.concatenate([self.earlier_series, series])
        order = np.argsort(series, kind="stable")
        series, values = series[order], np.concatenate([self.earlier_values, values])[order]
        counts = np.bincount(series, minlength=len(self.models))
        offsets = starts(counts)
        x = features(values[:, None], offsets, self.models.wandering[:, None], self.spec.mean_rows)
        decisions = decision_values(self.models, x, offsets)
        flags = np.empty(len(series), np.bool_)
        flags[order] = decisions < np.repeat(self.models.thresholds, counts)
        last = np.repeat(offsets[1:], counts) - np.arange(len(series)) <= self.spec.history_rows
        self.earlier_series, self.earlier_values = series[last], values[last]
        flags = flags[before:]
        self.report.scored += len(flags)
        self.report.flagged += int(flags.sum())
        return flags


def _parse(block: bytes, header: list[str], quoted: bool) -> pl.DataFrame:
    """The fields of every line as text, null where there is none. A quote that nothing closes is taken as it stands."""
    if not block.strip():
        return pl.DataFrame(schema=dict.fromkeys(header, pl.String))
    try:
        return pl.read_csv(
            BytesIO(block),
            has_header=False,
            schema=dict.fromkeys(header, pl.String),
            quote_char='"' if quoted else None,
            truncate_ragged_lines=True,
            missing_columns="insert",
            extra_columns="ignore",
            encoding="utf8-lossy",
        )
    except pl.exceptions.PolarsError as error:
        if quoted:
            return _parse(block, header, quoted=False)
        raise InvalidInput(f"This is not CSV: {str(error).partition('\n')[0]}.", LAYOUT) from error
