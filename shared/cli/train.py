"""`tally train`: fits models on what was measured and makes them the ones that score."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from shared.cli import train_faq, train_image, train_style
from shared.cli.context import console, storage
from shared.errors import NotFound
from shared.models.features import Per

if TYPE_CHECKING:
    import polars

    from shared.models.fitting import Problem

train = typer.Typer(help="Fit models.", no_args_is_help=True)
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"]
HOUR = timedelta(hours=1)
NAMED = 10  # series without a model that are named on the screen; the manifest names all


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(train, name="train")
    train_style.register(train)
    train_image.register(train)
    train_faq.register(train)


@train.command()
def anomaly(
    start: Annotated[
        datetime | None, typer.Option("--from", formats=FORMATS, help="UTC; default: the first window.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", formats=FORMATS, help="UTC, not included; default: the last.")
    ] = None,
    first: Annotated[int | None, typer.Option(min=1, help="Use only the first rows of each series.")] = None,
    per: Annotated[Per, typer.Option(help="A model per series, or per device over all its sensors.")] = Per.SERIES,
    false_alarm_rate: Annotated[float, typer.Option(help="Share of normal rows that may be flagged.")] = 0.005,
    nu: Annotated[float, typer.Option(help="Share of training rows outside the border before calibration.")] = 0.05,
    gamma: Annotated[float, typer.Option(help="Width of the kernel, of one feature; d features use gamma / d.")] = 0.2,
    tol: Annotated[float, typer.Option(help="Where the solver stops; 1e-3 is too early for small nu.")] = 1e-6,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: one per core.")] = 0,
    resume: Annotated[bool, typer.Option(help="Go on where an interrupted training stopped.")] = True,
) -> None:
    """Fit a one-class SVM per series on its windows, calibrate it, and make the bundle current.

    The span should be normal: what happens in it will not be an anomaly later.
    """
    from shared.models.fitting import Parameters
    from shared.models.rows import rows_of
    from shared.models.training import train as train_models

    parameters = Parameters(per, false_alarm_rate=false_alarm_rate, nu=nu, gamma=gamma, tol=tol)
    with _progress() as progress:
        windows = _windows(_utc(start), _utc(end), progress)
        series = rows_of(windows, per, first)
        fitting = progress.add_task(f"Fitting {'devices' if per is Per.DEVICE else 'series'}", total=len(series))
        trained = train_models(
            series,
            _span(windows),
            parameters,
            storage().control("bundles"),
            jobs=jobs,
            resume=resume,
            progress=lambda done: progress.advance(fitting, done),
        )
    models = trained.chunk.models
    console.print(f"Bundle {trained.version} is current: {len(models)} models.", highlight=False)
    if trained.wandering:
        console.print(f"{trained.wandering} sensors wander by themselves: they are watched for sudden changes only.")
    _say_problems(trained.chunk.problems)


def _progress() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console)


def _utc(time: datetime | None) -> datetime | None:
    return time and time.replace(tzinfo=UTC)


def _windows(start: datetime | None, end: datetime | None, progress: Progress) -> "polars.DataFrame":
    """The windows of the span, read hour by hour; raises NotFound where there are none."""
    import polars as pl

    from shared.readings.dataset import file_start, read_windows

    store = storage().data("windows")
    begins = (file_start(blob.name) for blob in store.list("date="))
    hours = sorted({begin.replace(minute=0, second=0) for begin in begins if begin})
    low, high = start or datetime.min.replace(tzinfo=UTC), end or datetime.max.replace(tzinfo=UTC)
    spans = [(max(hour, low), min(hour + HOUR, high)) for hour in hours if hour + HOUR > low and hour < high]
    frames, reading = [], progress.add_task("Reading hours", total=len(spans))
    for span in spans:
        frames.append(read_windows(store, *span))
        progress.advance(reading)
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
        name = escape(f"{problem.device}/{'+'.join(problem.sensors)}")
        console.print(f"[yellow]no model[/yellow] for {name}: {escape(problem.reason)}", highlight=False)
    if len(problems) > NAMED:
        console.print(f"[yellow]no model[/yellow] for {len(problems) - NAMED} more: the bundle's manifest names all.")
