"""`tally doctor`: looks at everything the app needs, and says what to do about what is wrong."""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

import typer

from shared.cli.context import console, settings, storage
from shared.errors import TallyError


@dataclass(frozen=True, slots=True)
class Check:
    """A thing looked at: what it is, and a function that says in words how it is, or raises TallyError."""

    name: str
    look: Callable[[], str]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor() -> None:
    """Check Python, settings, storage, Event Hubs, the host, the models; exit code 1 where something is wrong."""
    checks = [
        Check("Python", _python),
        Check("settings", _settings),
        Check("data account", lambda: _container("data", "windows", "hours of windows")),
        Check("control account", lambda: _container("control", "runs", "blobs about runs")),
        Check("Event Hubs", _event_hub),
        Check("host", _host),
        Check("readings", _readings),
        Check("bundle", _bundle),
    ]
    sound = [_show(check) for check in checks]
    raise typer.Exit(0 if all(sound) else 1)


def _show(check: Check) -> bool:
    try:
        found, mark, hint = check.look(), "[green]ok[/green]   ", ""
    except TallyError as error:
        found, mark, hint = error.message, "[red]wrong[/red]", error.hint
    console.print(f"{mark} [bold]{check.name:<16}[/bold]", end="")
    console.print(found, highlight=False, markup=False, soft_wrap=True)
    if hint:
        console.print(f"{'':23}{hint}", highlight=False, markup=False, soft_wrap=True)
    return mark.startswith("[green]")


def _python() -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] != (3, 13):
        raise TallyError(
            f"{version}, but Azure's worker for this app is 3.13.", "Make the environment anew: `make up`."
        )
    return version


def _settings() -> str:
    held = settings()
    return (
        f"windows of {held.window_seconds} s, runs over {held.scoring_span_seconds} s, "
        f"scored at {held.scoring_schedule!r}, compute {held.compute}"
    )


def _container(account: str, name: str, what: str) -> str:
    store = storage().data(name) if account == "data" else storage().control(name)
    count = sum(1 for _, _ in zip(store.list(), range(1000), strict=False))
    return f"answers; {count}{'+' if count == 1000 else ''} {what}"


def _event_hub() -> str:
    from shared.readings.hub import last_sequences

    held = last_sequences(settings())
    return f"{settings().event_hub_name} has {len(held)} partitions, {sum(held.values()) + len(held):,} events so far"


def _host() -> str:
    settings()
    address = f"http://127.0.0.1:{os.environ.get('HOST_PORT', '7071')}/"
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return f"answers at {address} ({answer.status})"
    except urllib.error.HTTPError as error:
        return f"answers at {address} ({error.code})"
    except OSError as error:
        raise TallyError(f"Nothing answers at {address}: {error}.", "Start it: `make up`, or `func start`.") from error


def _readings() -> str:
    from shared.readings.state import sealed_until

    sealed = sealed_until(storage().control("ingest"), settings().event_hub_name)
    if sealed is None:
        raise TallyError("None came in yet.", "Send some: `tally simulate`, or `tally import FILE.csv`.")
    return f"windows are complete up to {sealed:%Y-%m-%d %H:%M:%S} UTC"


def _bundle() -> str:
    from shared.models.bundle import registry

    version = registry(storage().control("bundles")).current()
    if version is None:
        raise TallyError("No models are trained yet.", "Train some: `tally train anomaly`.")
    manifest = registry(storage().control("bundles")).manifest(version)
    return f"{version}: models of {manifest.series} series"
