"""`tally train`: fits models on what was measured and makes them the ones that score."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from cli import train_faq, train_image, train_style
from cli.context import storage
from cli.options import FORMATS, AsJson, utc
from cli.output import notes, print_json, progress, results, warn
from shared.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    import polars
    from rich.progress import Progress

    from shared.anomaly_detection.fitting import Problem
    from shared.anomaly_detection.training import Trained

train = typer.Typer(help="Fit models to what was measured, written, painted or photographed.", no_args_is_help=True)
HOUR = timedelta(hours=1)
NAMED = 10  # series without a model that are named on the screen; the manifest names all


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(train, name="train", rich_help_panel="Models")
    train_style.register(train)
    train_image.register(train)
    train_faq.register(train)


@train.command()
def anomaly(
    start: Annotated[
        datetime | None,
        typer.Option("--from", formats=FORMATS, metavar="TIME", help="UTC; default: the first window."),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option("--to", formats=FORMATS, metavar="TIME", help="UTC, not included; default: the last."),
    ] = None,
    first: Annotated[int | None, typer.Option(min=1, help="Use only the first rows of each series.")] = None,
    per: Annotated[
        Literal["series", "device"], typer.Option(help="A model per series, or per device over all its sensors.")
    ] = "series",
    false_alarm_rate: Annotated[float, typer.Option(help="Share of normal rows that may be flagged.")] = 0.005,
    nu: Annotated[float, typer.Option(help="Share of training rows outside the border before calibration.")] = 0.05,
    gamma: Annotated[float, typer.Option(help="Width of the kernel, of one feature; d features use gamma / d.")] = 0.2,
    tol: Annotated[float, typer.Option(help="Where the solver stops; 1e-3 is too early for small nu.")] = 1e-6,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: one per core.")] = 0,
    resume: Annotated[bool, typer.Option(help="Go on where an interrupted training stopped.")] = True,
    as_json: AsJson = False,
) -> None:
    """Fit a one-class SVM per series on its windows, calibrate it, and make the bundle current.

    The span should be normal: what happens in it will not be an anomaly later.

    Example: `tally train anomaly --from 2026-01-31 --to 2026-02-01`
    """
    from shared.anomaly_detection.features import Per
    from shared.anomaly_detection.fitting import Parameters
    from shared.anomaly_detection.rows import rows_of
    from shared.anomaly_detection.training import train as train_models

    kind = Per(per)
    parameters = Parameters(kind, false_alarm_rate=false_alarm_rate, nu=nu, gamma=gamma, tol=tol)
    low, high = start and utc(start), end and utc(end)
    if low and high and high <= low:
        raise InvalidInput("--to is not after --from.")
    with progress("done") as bars:
        windows = _windows(low, high, bars)
        series = rows_of(windows, kind, first)
        fitting = bars.add_task(f"Fitting {'devices' if kind is Per.DEVICE else 'series'}", total=len(series))
        trained = train_models(
            series,
            _span(windows),
            parameters,
            storage().control("bundles"),
            jobs=jobs,
            resume=resume,
            progress=lambda done: bars.advance(fitting, done),
        )
    _report(trained, as_json)


def _report(trained: "Trained", as_json: bool) -> None:
    models, problems = len(trained.chunk.models), trained.chunk.problems
    if as_json:
        print_json({"kind": "anomaly", "version": trained.version, "models": models, "without_model": problems})
        return
    results.print(f"Bundle {trained.version} is current: {models} models.")
    if trained.wandering == 1:
        notes.print("1 sensor wanders by itself: it is watched for sudden changes only.")
    elif trained.wandering:
        notes.print(f"{trained.wandering} sensors wander by themselves: they are watched for sudden changes only.")
    _say_problems(problems)


def _windows(start: datetime | None, end: datetime | None, bars: "Progress") -> "polars.DataFrame":
    """The windows of the span, read hour by hour; raises NotFound where there are none."""
    import polars as pl

    from shared.readings.dataset import file_start, read_windows

    store = storage().data("windows")
    begins = (file_start(blob.name) for blob in store.list("date="))
    hours = sorted({begin.replace(minute=0, second=0) for begin in begins if begin})
    low, high = start or datetime.min.replace(tzinfo=UTC), end or datetime.max.replace(tzinfo=UTC)
    spans = [(max(hour, low), min(hour + HOUR, high)) for hour in hours if hour + HOUR > low and hour < high]
    frames, reading = [], bars.add_task("Reading hours", total=len(spans))
    for span in spans:
        frames.append(read_windows(store, *span))
        bars.advance(reading)
    if not any(map(len, frames)):
        raise NotFound("There are no windows in this span.", "`tally import` or `tally simulate` sends readings.")
    return pl.concat([frame.select("device", "sensor", "window_end", "mean") for frame in frames])


def _span(windows: "polars.DataFrame") -> tuple[datetime, datetime]:
    """The ends of the first and the last window."""
    ends = windows["window_end"]
    return cast(datetime, ends.min()), cast(datetime, ends.max())


def _say_problems(problems: "Sequence[Problem]") -> None:
    """Why some series have no model: the first few by name."""
    for problem in problems[:NAMED]:
        warn("no model", f"for {problem.device}/{'+'.join(problem.sensors)}: {problem.reason}")
    if len(problems) > NAMED:
        warn("no model", f"for {len(problems) - NAMED} more: the bundle's manifest names all.")
