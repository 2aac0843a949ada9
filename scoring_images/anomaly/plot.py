"""Small plots as SVG paths: marks stretch with the page while lines, dots and text keep their size."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from scoring_images.anomaly.axis import HEIGHT, WIDTH, Axis, Flags, Floats, Ints
from scoring_images.anomaly.markup import Node, tag

GAP_STEPS = 6.0
"""A silence of more than this many usual steps breaks the line."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A line through `x`, `y`, and a band from `low` to `high` around it at `band_x`; both in time order.

    `new` and `band_new` are true where a stroke begins after a gap.
    """

    x: Floats
    y: Floats
    new: Flags
    band_x: Floats
    low: Floats
    high: Floats
    band_new: Flags


def trace(x: Floats, mean: Floats, low: Floats, high: Floats, span: timedelta, columns: int) -> Trace:
    """The rows as they are or, where they are many, only the extremes of each of `columns` parts of the span."""
    good = np.isfinite(mean)
    x, mean, low, high = x[good], mean[good], low[good], high[good]
    if len(x) <= 2 * columns:
        new = _strokes(x, x)
        return Trace(x, mean, new, x, low, high, new)
    column = np.clip(x / span.total_seconds() * columns, 0, columns - 1).astype(np.int64)
    first = np.flatnonzero(np.diff(column, prepend=-1))
    new = _strokes(x[first], x[np.append(first[1:], len(x)) - 1])
    ends = np.sort(np.stack([_places(mean, first, np.minimum), _places(mean, first, np.maximum)], 1), axis=1)
    middle = x[ends].mean(axis=1)
    highs = np.fmax.reduceat(high, first)
    lows = highs if bool((low == high).all()) else np.fmin.reduceat(low, first)
    return Trace(x[ends].ravel(), mean[ends].ravel(), _first_of_two(new), middle, lows, highs, new)


def _places(values: Floats, first: Ints, extreme: np.ufunc) -> Ints:
    """Where the extreme of each column stands; `first` are the columns' first rows."""
    lengths = np.diff(np.append(first, len(values)))
    others = values != np.repeat(extreme.reduceat(values, first), lengths)
    places: Ints = np.minimum.reduceat(np.where(others, len(values), np.arange(len(values))), first)
    return places


def _first_of_two(new: Flags) -> Flags:
    return np.stack([new, np.zeros_like(new)], 1).ravel()


def _strokes(first: Floats, last: Floats) -> Flags:
    gaps = np.diff(first)
    usual = float(np.median(gaps)) if len(gaps) else 0.0
    return np.append(True, first[1:] - last[:-1] > GAP_STEPS * usual)[: len(first)]


def line(t: Trace, across: Axis, up: Axis) -> str:
    """Path of the line."""
    return _path(across.place(t.x), up.place(t.y), t.new)


def _path(x: Ints, y: Ints, new: Flags) -> str:
    dx, dy = np.diff(x, prepend=0).tolist(), np.diff(y, prepend=0).tolist()
    alone = (new & np.append(new[1:], True)).tolist()
    strokes = zip(dx, dy, new.tolist(), alone, strict=True)
    return "".join(f"{'m' if n else 'l'}{a} {b}{'h0' if dot else ''}" for a, b, n, dot in strokes)


def band(t: Trace, across: Axis, up: Axis) -> str:
    """Path of the band; empty where it has no width anywhere."""
    x, low, high = across.place(t.band_x), up.place(t.low), up.place(t.high)
    if bool((low == high).all()):
        return ""
    pieces = np.split(np.arange(len(x)), np.flatnonzero(t.band_new)[1:])
    return "".join(_ring(np.append(x[p], x[p][::-1]), np.append(high[p], low[p][::-1])) for p in pieces)


def _ring(x: Ints, y: Ints) -> str:
    dx, dy = np.diff(x).tolist(), np.diff(y).tolist()
    return f"M{x[0]} {y[0]}" + "".join(f"l{a} {b}" for a, b in zip(dx, dy, strict=True)) + "z"


def dots(x: Ints, y: Ints) -> str:
    """Path of one dot per place; strokes without length, drawn round by their line caps."""
    places = np.unique(np.stack([x, y], 1), axis=0)
    dx, dy = (np.diff(places[:, side], prepend=0).tolist() for side in (0, 1))
    return "".join(f"m{a} {b}h0" for a, b in zip(dx, dy, strict=True))


def stretches(x: Ints, width: int, height: int = HEIGHT) -> str:
    """Path of upright bars, `width` units around each place, merged where they touch."""
    if not len(x):
        return ""
    breaks = np.flatnonzero(np.diff(x) > width)
    first, last = x[np.append(0, breaks + 1)] - width // 2, x[np.append(breaks, len(x) - 1)]
    bars = zip(first.tolist(), (last + (width + 1) // 2).tolist(), strict=True)
    return "".join(f"M{a} 0h{b - a}v{height}h{a - b}z" for a, b in bars)


def bars(heights: Floats, top: float) -> str:
    """Path of one bar per column, `top` being as high as the plot; what is not 0 stays visible."""
    step = WIDTH / len(heights)
    up = np.where(heights > 0, np.maximum(np.rint(heights / top * HEIGHT), 8), 0).astype(int).tolist()
    across = max(1, round(step) - 3)
    return "".join(f"M{round(n * step)} {HEIGHT}v-{h}h{across}v{h}z" for n, h in enumerate(up) if h)


def svg(label: str, *paths: tuple[str, str], width: int = WIDTH, height: int = HEIGHT) -> Node:
    """A picture of (class, path) pairs, drawn in that order; empty paths are left out."""
    return tag(
        "svg",
        [tag("path", class_=name, d=d) for name, d in paths if d],
        viewBox=f"0 0 {width} {height}",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )


def grid(across: Axis, up: Axis, at_x: Sequence[float], at_y: Sequence[float]) -> str:
    """Path of thin lines at the ticks."""
    columns = across.place(np.array(at_x, dtype=np.float64)).tolist()
    rows = up.place(np.array(at_y, dtype=np.float64)).tolist()
    return "".join(f"M{x} 0v{HEIGHT}" for x in columns) + "".join(f"M0 {y}h{WIDTH}" for y in rows)
