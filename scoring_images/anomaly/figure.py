"""One series of the report as a figure: its values with their band, its score, and what was flagged."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from scoring_images.anomaly.axis import WIDTH, Axis, Flags, Floats, ticks, time_ticks, value_axis
from scoring_images.anomaly.markup import Node, tag
from scoring_images.anomaly.plot import band, dots, grid, line, stretches, svg, trace
from scoring_images.anomaly.summary import SeriesSummary

COLUMNS = 400
SMALL_COLUMNS = 150
PANELS_SHOWN = 12
MANY_DOTS = 60


@dataclass(frozen=True, slots=True)
class Panel:
    """Windows of one sensor: `x` in seconds after the span's start, ascending; the rest in its unit."""

    sensor: str
    x: Floats
    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class ScoreTrack:
    """Scores of a series, one per scored window; below the threshold is flagged."""

    x: Floats
    score: Floats
    flagged: Flags
    threshold: float


@dataclass(frozen=True, slots=True)
class SeriesFigure:
    """What one figure shows."""

    series: SeriesSummary
    panels: tuple[Panel, ...]
    track: ScoreTrack


@dataclass(frozen=True, slots=True)
class Frame:
    """A span as a horizontal axis with its labelled times."""

    start: datetime
    span: timedelta
    across: Axis
    times: tuple[tuple[float, str], ...]

    @classmethod
    def of(cls, start: datetime, end: datetime) -> "Frame":
        """The frame of windows that start in [start, end)."""
        span = end - start
        axis = Axis(0.0, span.total_seconds(), WIDTH)
        return cls(start, span, axis, tuple(time_ticks(start, end)))

    @property
    def at(self) -> list[float]:
        """Where the labelled times lie, in seconds."""
        return [at for at, _ in self.times]


def figure(each: SeriesFigure, rank: int, frame: Frame) -> Node:
    """The figure, with the anchor `s<rank>`."""
    each, frame = _zoomed(each, frame)
    several = len(each.panels) > 1
    shown = each.panels[:PANELS_SHOWN]
    columns = SMALL_COLUMNS if several else COLUMNS
    return tag(
        "figure",
        tag("figcaption", tag("span", f"{rank}", class_="rank"), _title(each.series), _meta(each)),
        [_value_plot(panel, each.track, frame, columns, several) for panel in shown],
        _score_plot(each.track, frame, COLUMNS),
        time_labels(frame),
        id=f"s{rank}",
    )


def _zoomed(each: SeriesFigure, frame: Frame) -> tuple[SeriesFigure, Frame]:
    """The figure on a span of its own where it has windows in less than half of the report's."""
    times = np.concatenate([each.track.x, *(panel.x for panel in each.panels)])
    first, last = (float(times.min()), float(times.max())) if len(times) else (0.0, frame.span.total_seconds())
    air = max(30.0, 0.02 * (last - first))
    first, last = math.floor(first - air), math.ceil(last + air)
    if 2 * (last - first) > frame.span.total_seconds():
        return each, frame
    panels = tuple(replace(panel, x=panel.x - first) for panel in each.panels)
    zoomed = replace(each, panels=panels, track=replace(each.track, x=each.track.x - first))
    return zoomed, Frame.of(frame.start + timedelta(seconds=first), frame.start + timedelta(seconds=last))


def _title(series: SeriesSummary) -> Node:
    device = [tag("span", "device ", class_="kind"), tag("bdi", series.device)]
    sensor = [tag("span", " sensor ", class_="kind"), tag("bdi", series.sensor)] if series.sensor else []
    return tag("h3", device, sensor)


def _meta(each: SeriesFigure) -> Node:
    series = each.series
    hidden = len(each.panels) - PANELS_SHOWN
    more = f"; the first {PANELS_SHOWN} of {len(each.panels)} sensors shown" if hidden > 0 else ""
    if not series.flagged:
        return tag("p", f"none of {series.windows:,} windows flagged{more}")
    share = percent(series.rate)
    return tag("p", f"{series.flagged:,} of {series.windows:,} windows flagged ({share}){_when(series)}{more}")


def _when(series: SeriesSummary) -> str:
    if series.first is None or series.last is None:
        return ""
    if series.first == series.last:
        return f", at {series.first:%H:%M:%S}"
    form = "%H:%M:%S" if series.first.date() == series.last.date() else "%-d %b %H:%M"
    return f", {series.first:{form}} to {series.last:{form}}"


def percent(share: float) -> str:
    """A share as text: never "0 %" for some, nor "100 %" for not quite all."""
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    if share < 0.0001:
        return "< 0.01 %"
    return "> 99.9 %" if share >= 0.999 else f"{100 * share:.{2 if share < 0.01 else 1}f} %"


def _value_plot(panel: Panel, track: ScoreTrack, frame: Frame, columns: int, small: bool) -> Node:
    headroom = 0.3 if small else 0.06
    up = value_axis(_least(panel.low, panel.mean), _greatest(panel.high, panel.mean), headroom)
    t = trace(panel.x, panel.mean, panel.low, panel.high, frame.span, columns)
    labels = ticks(up, 3 if small else 4)
    paths = [
        ("g", grid(frame.across, up, frame.at, [value for value, _ in labels])),
        ("f", _flag_bars(track, frame)),
        ("b", band(t, frame.across, up)),
        ("l", line(t, frame.across, up)),
        _marks("" if small else _value_dots(panel, track, frame, up, columns)),
    ]
    picture = svg(f"Values of sensor {panel.sensor} over time", *paths)
    if not small:
        return tag("div", value_labels(up, labels), picture, class_="plot")
    name = tag("bdi", panel.sensor, class_="name")
    return tag("div", value_labels(up, labels), picture, name, class_="plot small")


def _least(*values: Floats) -> float:
    found = [float(np.nanmin(v)) for v in values if np.isfinite(v).any()]
    return min(found, default=float("nan"))


def _greatest(*values: Floats) -> float:
    found = [float(np.nanmax(v)) for v in values if np.isfinite(v).any()]
    return max(found, default=float("nan"))


def _flag_bars(track: ScoreTrack, frame: Frame) -> str:
    width = WIDTH * _usual_step(track.x) / max(frame.span.total_seconds(), 1.0)
    return stretches(frame.across.place(track.x[track.flagged]), max(4, round(width)))


def _usual_step(x: Floats) -> float:
    return float(np.median(np.diff(x))) if len(x) > 1 else 0.0


def _value_dots(panel: Panel, track: ScoreTrack, frame: Frame, up: Axis, columns: int) -> str:
    flagged = np.isin(panel.x, track.x[track.flagged]) & np.isfinite(panel.mean)
    return _extreme_dots(panel.x[flagged], panel.mean[flagged], frame, up, columns)


def _extreme_dots(x: Floats, y: Floats, frame: Frame, up: Axis, columns: int) -> str:
    if not len(x):
        return ""
    t = trace(x, y, y, y, frame.span, columns)
    return dots(frame.across.place(t.x), up.place(t.y))


def _marks(path: str) -> tuple[str, str]:
    return "d many" if path.count("m") > MANY_DOTS else "d", path


def _score_plot(track: ScoreTrack, frame: Frame, columns: int) -> Node:
    with_threshold = np.append(track.score, track.threshold)
    up = value_axis(_least(with_threshold), _greatest(with_threshold))
    t = trace(track.x, track.score, track.score, track.score, frame.span, columns)
    flagged = track.flagged & np.isfinite(track.score)
    paths = [
        ("g", grid(frame.across, up, frame.at, [])),
        ("f", _flag_bars(track, frame)),
        ("t", f"M0 {int(up.place(np.array([track.threshold]))[0])}h{WIDTH}"),
        ("s", line(t, frame.across, up)),
        _marks(_extreme_dots(track.x[flagged], track.score[flagged], frame, up, columns)),
    ]
    picture = svg("Score over time, with the threshold below which a window is flagged", *paths)
    return tag("div", value_labels(up, [(track.threshold, "threshold")]), picture, class_="plot low")


def value_labels(up: Axis, labels: Sequence[tuple[float, str]]) -> Node:
    """Labels of a vertical axis."""
    places = [tag("span", text, style=f"top:{up.percent(value)}%") for value, text in labels]
    return tag("div", places, class_="y")


def time_labels(frame: Frame) -> Node:
    """Labels of the times below a figure."""
    places = [(frame.across.percent(at), text) for at, text in frame.times]
    spans = [tag("span", text, class_="edge" if at < 1 else None, style=f"left:{at}%") for at, text in places]
    return tag("div", tag("div", spans, class_="x"), class_="plot")
