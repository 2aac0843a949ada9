"""The report's tables: the worst series, those without a model, and where the time went."""

from collections.abc import Sequence

import numpy as np

from scoring_images.anomaly.axis import Ints
from scoring_images.anomaly.figure import percent
from scoring_images.anomaly.markup import Node, tag
from scoring_images.anomaly.plot import svg
from scoring_images.anomaly.summary import SeriesSummary, StageSeconds, Summary

RIBBON_BINS = 80
NAMES_SHOWN = 200
NAMES_UNFOLDED = 30


def count(n: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{n:,} {one if n == 1 else many}"


def series_table(s: Summary, ribbons: Sequence[Ints], plotted: int) -> Node | None:
    """The worst series, each with the bins in which it was flagged; `plotted` of them link to a figure."""
    if not s.worst:
        return None
    devices_only = s.kind == "devices"
    names = ["", "Device"] if devices_only else ["", "Device", "Sensor"]
    head = [tag("th", name, scope="col") for name in names]
    head += [tag("th", name, class_="n", scope="col") for name in ("Flagged", "Windows", "Share")]
    head.append(tag("th", "When", class_="ribbon", scope="col"))
    pairs = enumerate(zip(s.worst, ribbons, strict=True), 1)
    rows = [_row(rank, each, ribbon, rank <= plotted, devices_only) for rank, (each, ribbon) in pairs]
    return tag(
        "section",
        tag("h2", f"All {s.kind}" if len(s.worst) == s.series else f"The worst {len(s.worst):,} {s.kind}"),
        tag("div", tag("table", tag("thead", tag("tr", head)), tag("tbody", rows)), class_="scroll"),
        _rest(s),
    )


def _row(rank: int, each: SeriesSummary, ribbon: Ints, plotted: bool, devices_only: bool) -> Node:
    device = tag("bdi", each.device)
    cells = [
        tag("td", f"{rank}", class_="soft"),
        tag("td", tag("a", device, href=f"#s{rank}") if plotted else device),
        None if devices_only else tag("td", tag("bdi", each.sensor)),
        tag("td", f"{each.flagged:,}", class_="n flag" if each.flagged else "n"),
        tag("td", f"{each.windows:,}", class_="n"),
        tag("td", percent(each.rate), class_="n"),
        tag("td", _ribbon(ribbon), class_="ribbon"),
    ]
    return tag("tr", cells)


def _ribbon(bins: Ints) -> Node:
    path = "".join(f"M{first} 0h{last - first}v1h-{last - first}z" for first, last in _runs(bins))
    return svg("When windows were flagged", ("r", path), width=RIBBON_BINS, height=1)


def _runs(bins: Ints) -> Sequence[tuple[int, int]]:
    if not len(bins):
        return []
    breaks = np.flatnonzero(np.diff(bins) > 1)
    first, last = bins[np.append(0, breaks + 1)], bins[np.append(breaks, len(bins) - 1)] + 1
    return list(zip(first.tolist(), last.tolist(), strict=True))


def _rest(s: Summary) -> Node | None:
    rest = s.series - len(s.worst)
    if not rest:
        return None
    flagged = s.series_flagged - sum(1 for each in s.worst if each.flagged)
    what = f"{flagged:,} of them with flagged windows" if flagged else "none of them with flagged windows"
    return tag("p", f"And {rest:,} more {s.kind}, {what}.", class_="soft")


def unknown_series(s: Summary) -> Node | None:
    """The series that no model was trained for."""
    if not s.without_model_total:
        return None
    shown = s.without_model[:NAMES_SHOWN]
    names = tag("ul", [tag("li", _name(*each)) for each in shown], class_="names")
    rest = s.without_model_total - len(shown)
    listed = [names, tag("p", f"And {rest:,} more.", class_="soft") if rest else None]
    folded = tag("details", tag("summary", f"Show {len(shown):,} names"), listed)
    text = (
        f"No model was trained for {s.without_model_total:,} series that sent readings, so nothing is known "
        "about them. Training again makes models for those with enough readings."
    )
    body = listed if len(shown) <= NAMES_UNFOLDED else folded
    return tag("section", tag("h2", "Without a model"), tag("p", text, class_="soft"), body)


def _name(device: str, sensor: str) -> list[Node | str]:
    kinds = (("device ", device), (" sensor ", sensor))
    return [part for kind, name in kinds if name for part in (tag("span", kind, class_="kind"), tag("bdi", name))]


def stage_table(s: Summary) -> Node | None:
    """How long each stage took."""
    if not s.seconds:
        return None
    names = (f"Seconds, {count(s.parts, 'part', 'parts')}", "Slowest part")
    head = [tag("th", "Stage", scope="col"), *(tag("th", name, class_="n", scope="col") for name in names)]
    rows = [_stage(name, seconds) for name, seconds in s.seconds.items()]
    table = tag("table", tag("thead", tag("tr", head)), tag("tbody", rows), class_="short")
    cost = tag("p", f"Cost of scoring: {s.cost}", class_="soft") if s.cost else None
    return tag("section", tag("h2", "Time per stage"), table, cost)


def _stage(name: str, seconds: StageSeconds) -> Node:
    figures = [tag("td", f"{value:,.2f}", class_="n") for value in (seconds.total, seconds.slowest)]
    return tag("tr", tag("td", name), figures)
