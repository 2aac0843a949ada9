"""The report of a run as one self-contained HTML page: no script, no request, every id escaped."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scoring_images.anomaly.axis import HEIGHT, WIDTH, Floats, Ints, value_axis
from scoring_images.anomaly.figure import Frame, SeriesFigure, figure, percent, time_labels
from scoring_images.anomaly.markup import Node, page, tag
from scoring_images.anomaly.plot import bars, grid, svg
from scoring_images.anomaly.summary import Summary
from scoring_images.anomaly.tables import count, series_table, stage_table, unknown_series

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

READING = (
    "A score says how much a window is like the training data of its own series; scores of different series "
    "do not compare. A window is flagged where its score is below the threshold. Series are ordered by flagged "
    "windows, then by how far their lowest score lies below the threshold. Times are UTC and name the end of a "
    "window."
)


@dataclass(frozen=True, slots=True)
class Report:
    """What the page shows: `ribbons` are the flagged bins (of RIBBON_BINS) of each worst series, `timeline`
    the flagged windows in equal intervals of the span.
    """

    summary: Summary
    figures: tuple[SeriesFigure, ...]
    ribbons: tuple[Ints, ...]
    timeline: Floats


def render(report: Report) -> bytes:
    """The page as UTF-8."""
    s = report.summary
    table = series_table(s, report.ribbons, len(report.figures))
    sections = [_header(s), _timeline(report), _figures(report), table, unknown_series(s), stage_table(s)]
    return page(tag("html", _head(s), tag("body", sections, _footer(s)), lang="en"))


def _head(s: Summary) -> Node:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{'Anomalies' if s.flagged else 'No anomalies'}, {_span(s.start, s.end)}"),
        tag("style", Path(__file__).with_name("report.css").read_text()),
    )


def _span(start: datetime, end: datetime) -> str:
    day = f"{start.day} {start:%B %Y}, {start:%H:%M}"
    if start.date() == end.date():
        return f"{day} to {end:%H:%M} UTC"
    return f"{day} to {end.day} {end:%B %Y}, {end:%H:%M} UTC"


def _header(s: Summary) -> Node:
    return tag(
        "header",
        tag("p", _span(s.start, s.end), class_="over"),
        tag("h1", _headline(s)),
        tag("p", _lead(s), class_="lead"),
        tag("dl", [_fact(*each) for each in _facts(s)], class_="facts"),
    )


def _headline(s: Summary) -> str:
    if not s.windows:
        return "Nothing was scored"
    if not s.flagged:
        return "No anomalies"
    return f"Anomalies in {s.series_flagged:,} of {s.series:,} {s.kind}"


def _lead(s: Summary) -> str:
    if s.windows:
        return _scored(s)
    if s.without_model_total:
        return (
            f"None of the {s.without_model_total:,} series with readings in this span has a model. "
            "Train a bundle that knows them, then score this span again."
        )
    return "There are no readings in this span. Check that devices sent some and that it is the span you meant."


def _scored(s: Summary) -> str:
    if s.flagged:
        found = f"{s.flagged:,} of {s.windows:,} windows ({percent(s.rate)}) look unlike the training data."
    else:
        found = f"All {s.windows:,} windows look like the data that the models were trained on."
    return " ".join([found, *_left_out(s)])


def _left_out(s: Summary) -> list[str]:
    skipped = f"{s.skipped:,} more could not be scored: a value was missing or not a number."
    unknown = f"{count(s.without_model_total, 'series has', 'series have')} no model."
    failed = f"{s.series_missing:,} {s.kind} were not scored: {s.parts_missing} of {s.parts} tasks failed."
    told = ((skipped, s.skipped), (unknown, s.without_model_total), (failed, s.parts_missing))
    return [text for text, any_ in told if any_]


def _facts(s: Summary) -> list[tuple[str, str, str]]:
    share = f"{percent(s.rate)} of {s.windows:,}" if s.windows else "there were none to score"
    silent = f"{s.series_silent:,} more were silent" if s.series_silent else "every model had readings"
    unknown = "not scored; listed below" if s.without_model_total else "every series has one"
    return [
        ("Windows flagged", f"{s.flagged:,}", share),
        (f"{s.kind.capitalize()} flagged", f"{s.series_flagged:,}", f"of {s.series:,} scored"),
        (f"{s.kind.capitalize()} scored", f"{s.series:,}", silent if s.series else "none that has a model"),
        ("Series without a model", f"{s.without_model_total:,}", unknown),
    ]


def _fact(name: str, amount: str, note: str) -> Node:
    return tag("div", tag("dt", name), tag("dd", amount, tag("small", note)))


def _timeline(report: Report) -> Node | None:
    if not report.summary.flagged:
        return None
    frame = Frame.of(report.summary.start, report.summary.end)
    top = float(report.timeline.max())
    up = value_axis(0.0, top)
    marks = ("bars", bars(report.timeline, top))
    picture = svg("Flagged windows over time", ("g", grid(frame.across, up, frame.at, [])), marks)
    labels = tag("div", tag("span", f"{top:,.0f}", style="top:.4rem"), class_="y")
    return tag(
        "section",
        tag("h2", "When"),
        tag("p", "Flagged windows of all series together.", class_="soft"),
        tag("figure", tag("div", labels, picture, class_="plot when"), time_labels(frame)),
    )


def _figures(report: Report) -> Node | None:
    if not report.figures:
        return None
    frame = Frame.of(report.summary.start, report.summary.end)
    flagged = report.summary.flagged > 0
    title = "Worst first" if flagged else "Closest to the threshold"
    return tag(
        "section",
        tag("h2", title),
        tag("p", _key(), class_="soft keys"),
        [figure(each, rank, frame) for rank, each in enumerate(report.figures, 1)],
    )


def _key() -> list[Node]:
    middle = HEIGHT // 2
    entries = [
        ("mean of a window", [("l", f"M0 {middle}h{WIDTH}")]),
        ("least to greatest reading", [("b", f"M0 0h{WIDTH}v{HEIGHT}h-{WIDTH}z")]),
        ("score", [("s", f"M0 {middle}h{WIDTH}")]),
        ("threshold", [("t", f"M0 {middle}h{WIDTH}")]),
        ("flagged", [("f", f"M0 0h{WIDTH}v{HEIGHT}h-{WIDTH}z"), ("d", f"M{WIDTH // 2} {middle}h0")]),
    ]
    return [tag("span", svg(name, *paths), name, class_="key") for name, paths in entries]


def _footer(s: Summary) -> Node:
    names = tag("p", "Run ", tag("code", s.run), ", models of bundle ", tag("code", s.bundle), ".")
    return tag("footer", names, tag("p", READING))
