"""The report: whole, safe, in order, and small, whatever the run found."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring_images.anomaly.figure import COLUMNS, PANELS_SHOWN, Panel, ScoreTrack, SeriesFigure, percent
from scoring_images.anomaly.report import Report, render
from scoring_images.anomaly.summary import SeriesSummary, StageSeconds, Summary
from scoring_images.anomaly.tables import NAMES_SHOWN

START = datetime(2026, 11, 20, 22, tzinfo=UTC)
END = START + timedelta(hours=1)
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>&#x3c;style>\u202e\x00'
VOID = {"meta", "br", "img", "link", "input"}


class Page(HTMLParser):
    """What a reader's browser would make of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)

    @property
    def ids(self) -> list[str | None]:
        """All ids, in page order."""
        return [value for name, value in self.attributes if name == "id"]


def series(device: str = "pump", sensor: str = "flow", windows: int = 720, flagged: int = 3) -> SeriesSummary:
    """A series in the list."""
    when = START + timedelta(minutes=5)
    return (
        SeriesSummary(device, sensor, windows, flagged, 0.5, when, when)
        if flagged
        else SeriesSummary(device, sensor, windows, 0, 1.2)
    )


def figure(of: SeriesSummary, sensors: int = 1) -> SeriesFigure:
    """A figure with as many rows as the series has windows."""
    rng = np.random.default_rng(0)
    x = (np.arange(of.windows) + 1) * 3600 / max(1, of.windows)
    mean = rng.normal(20, 3, of.windows)
    score = rng.normal(0.1, 0.02, of.windows)
    score[: of.flagged] = -0.1
    panels = tuple(Panel(of.sensor or f"s{n}", x, mean, mean - 1, mean + 1) for n in range(sensors))
    return SeriesFigure(of, panels, ScoreTrack(x, score, score < 0, 0.0))


def report(worst: list[SeriesSummary], **changes: object) -> Report:
    """A report that plots all series of the list."""
    values: dict[str, object] = {
        "run": "run-1",
        "bundle": "abc",
        "start": START,
        "end": END,
        "parts": 2,
        "windows": sum(each.windows for each in worst),
        "flagged": sum(each.flagged for each in worst),
        "skipped": 0,
        "series": len(worst),
        "series_flagged": sum(each.flagged > 0 for each in worst),
        "series_silent": 0,
        "without_model_total": 0,
        "without_model": (),
        "seconds": {"score": StageSeconds(2.0, 1.5)},
        "worst": tuple(worst),
    }
    bins = np.array([1, 2, 7])
    summary = Summary(**(values | changes))  # type: ignore[arg-type]
    return Report(summary, tuple(figure(each) for each in worst), (bins,) * len(worst), np.ones(120))


def test_a_report_is_one_whole_page_that_asks_for_nothing() -> None:
    page = Page(render(report([series("a"), series("b", flagged=0)])))
    assert page.open == []
    assert page.tags["html"] == page.tags["body"] == page.tags["style"] == 1
    assert page.tags.keys() & {"script", "link", "img", "iframe", "object", "embed", "base", "form"} == set()
    assert not [name for name, _ in page.attributes if name in ("src", "srcset", "xlink:href") or name.startswith("on")]
    assert all(value and value.startswith("#s") for name, value in page.attributes if name == "href")


def test_the_page_forbids_scripts_and_requests() -> None:
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'") in (
        Page(render(report([]))).attributes
    )


def test_hostile_ids_are_only_text() -> None:
    plain, hostile = (
        render(
            report([series(name, name)], run=name, bundle=name, without_model=((name, name),), without_model_total=1)
        )
        for name in ("pump", HOSTILE)
    )
    page = Page(hostile)
    assert page.tags == Page(plain).tags
    assert "".join(page.text).count("<script>alert(1)</script>") >= 5
    assert "\x00" not in hostile.decode()


@given(st.text(), st.text())
@settings(max_examples=10)
def test_no_name_changes_the_structure(device: str, sensor: str) -> None:
    page = Page(render(report([series(device, sensor or " ")])))
    assert page.open == []
    assert page.tags == Page(render(report([series()]))).tags


def test_figures_and_rows_come_worst_first_and_are_linked() -> None:
    names = ["worst", "second", "third"]
    page = Page(render(report([series(name, flagged=9 - n) for n, name in enumerate(names)])))
    assert page.ids == ["s1", "s2", "s3"]
    assert [text for text in page.text if text in names] == names * 2
    assert [value for name, value in page.attributes if name == "href"] == ["#s1", "#s2", "#s3"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "No anomalies"),
        ({"windows": 0, "series": 0}, "Nothing was scored"),
        ({"windows": 0, "series": 0}, "There are no readings in this span"),
        ({"windows": 0, "series": 0, "without_model_total": 3}, "None of the 3 series with readings"),
        ({"windows": 9, "series": 700}, "700"),
        ({"windows": 9, "skipped": 4}, "4 more could not be scored"),
        ({"series": 5, "series_silent": 12}, "12 more were silent"),
    ],
)
def test_a_run_without_findings_says_why(changes: dict[str, object], text: str) -> None:
    page = Page(render(report([], **changes)))
    assert page.open == []
    assert any(text in piece for piece in page.text)


def test_many_series_without_a_model_are_counted_and_folded() -> None:
    names = tuple((f"d{n}", "x") for n in range(NAMES_SHOWN + 50))
    page = Page(render(report([series()], without_model=names, without_model_total=5000)))
    assert page.tags["details"] == 1
    assert page.tags["li"] == NAMES_SHOWN
    assert f"And {5000 - NAMES_SHOWN:,} more." in page.text


def test_series_beyond_the_list_are_summed_up() -> None:
    page = Page(render(report([series()], series=1000, series_flagged=41)))
    assert "And 999 more series, 40 of them with flagged windows." in page.text


def test_the_page_of_a_large_run_stays_under_3_mb() -> None:
    worst = [series(f"device-{n:05d}", "pressure", 5_000, 2_000) for n in range(40)]
    listed = worst + [series(f"device-{n:05d}", "pressure") for n in range(40, 500)]
    whole = report(worst)
    summary = report(listed, series=100_000).summary
    ribbons = (np.arange(0, 80, 2),) * 500
    assert len(render(Report(summary, whole.figures, ribbons, whole.timeline))) < 3_000_000
    devices = tuple(figure(series(f"device-{n}", "", 5_000, 2_000), 20) for n in range(40))
    assert len(render(Report(summary, devices, ribbons, whole.timeline))) < 3_000_000


def test_a_device_with_many_sensors_shows_the_first_and_says_so() -> None:
    whole = report([series("a", "")])
    page = Page(render(Report(whole.summary, (figure(series("a", ""), 20),), whole.ribbons, whole.timeline)))
    assert page.attributes.count(("class", "plot small")) == PANELS_SHOWN
    assert any("the first 12 of 20 sensors" in text for text in page.text)


def test_a_series_that_sent_for_a_short_time_is_drawn_on_a_span_of_its_own() -> None:
    of, whole = series(windows=60), report([series(windows=60)])
    each = figure(of)
    short = replace(each, track=replace(each.track, x=np.arange(60.0) + 1200))
    short = replace(short, panels=tuple(replace(panel, x=np.arange(60.0) + 1200) for panel in each.panels))
    page = Page(render(Report(whole.summary, (short,), whole.ribbons, whole.timeline)))
    assert {"22:20:00", "22:21:00"} <= set(page.text)


@pytest.mark.parametrize("windows", [1, 2, COLUMNS + 1])
@pytest.mark.parametrize("value", [0.0, 1e300, -1e-300, 5.0])
def test_constant_series_of_any_length_and_size_can_be_drawn(windows: int, value: float) -> None:
    of = series(windows=windows, flagged=1)
    x = (np.arange(windows) + 1) * 3600 / windows
    values = np.full(windows, value)
    track = ScoreTrack(x, np.full(windows, -1.0), np.full(windows, fill_value=True), 0.0)
    whole = report([of])
    drawn = SeriesFigure(of, (Panel("x", x, values, values, values),), track)
    page = render(Report(whole.summary, (drawn,), whole.ribbons, whole.timeline))
    assert b"nan" not in page
    assert b"inf" not in page


def test_a_figure_without_finite_values_can_be_drawn() -> None:
    of = series(windows=3, flagged=1)
    x, nothing = np.array([5.0, 10.0, 15.0]), np.full(3, np.nan)
    drawn = SeriesFigure(of, (Panel("x", x, nothing, nothing, nothing),), ScoreTrack(x, -np.ones(3), x > 0, 0.0))
    whole = report([of])
    assert Page(render(Report(whole.summary, (drawn,), whole.ribbons, whole.timeline))).open == []


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1e-9, "< 0.01 %"), (0.005, "0.50 %"), (0.123, "12.3 %"), (0.9999, "> 99.9 %"), (1, "100 %")],
)
def test_shares_never_round_to_none_or_all(share: float, text: str) -> None:
    assert percent(share) == text
