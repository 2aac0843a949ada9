"""`tally doctor`: looks at everything the app needs, and says what to do about what is wrong."""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from shared.cli.azure_rest import Look, NotChecked
from shared.cli.context import console, settings, storage
from shared.errors import SettingsError, TallyError, Transient
from shared.settings.spelling import misspelt
from shared.settings.this_machine import check_azurite


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of a thing; `ok` is None where it cannot be told."""

    name: str
    ok: bool | None
    says: str
    hint: str = ""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    azure: Annotated[
        bool, typer.Option("--azure", help="Look at what the settings choose in Azure instead, changing nothing there.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object per line.")] = False,
) -> None:
    """Check Python, settings, storage, Event Hubs, the host, the models; exit code 1 where something is wrong."""
    sound = True
    looks = list(_in_azure() if azure else _here())
    width = max(len(name) for name, _ in looks)
    for name, look in looks:
        check = checked(name, look)
        sound = sound and check.ok is not False
        if as_json:
            print(msgspec.json.encode(check).decode(), flush=True)
        else:
            _show(check, width)
    raise typer.Exit(0 if sound else 1)


def _here() -> list[tuple[str, Look]]:
    return [
        ("Python", _python),
        ("settings", _settings),
        ("data account", partial(_container, "data", "windows", "hours of windows")),
        ("control account", partial(_container, "control", "runs", "blobs about runs")),
        ("Event Hubs", _event_hub),
        ("host", _host),
        ("readings", _readings),
        ("bundle", _bundle),
    ]


def _in_azure() -> Iterator[tuple[str, Look]]:
    from shared.cli.azure_rest import AzureRest
    from shared.cli.doctor_azure import AzureChecks
    from shared.clouds import resource_manager

    yield from (each for each in _here() if each[0] in ("settings", "data account", "control account", "Event Hubs"))
    yield from AzureChecks(settings(), AzureRest(resource_manager(settings()))).looks()


def checked(name: str, look: Look) -> Check:
    """What a look finds."""
    try:
        return Check(name, True, look())
    except NotChecked as error:
        return Check(name, None, error.message, error.hint)
    except TallyError as error:
        return Check(name, False, error.message, error.hint)


MARKS = {True: "[green]ok[/green]   ", False: "[red]wrong[/red]", None: "[yellow]?[/yellow]    "}


def _show(check: Check, width: int) -> None:
    console.print(f"{MARKS[check.ok]} [bold]{escape(check.name.ljust(width))}[/bold] ", end="")
    console.print(check.says, highlight=False, markup=False, soft_wrap=True)
    if check.hint:
        console.print(f"{'':{width + 7}}{check.hint}", highlight=False, markup=False, soft_wrap=True)


def _python() -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] != (3, 13):
        raise TallyError(
            f"{version}, but Azure's worker for this app is 3.13.", "Make the environment anew: `make up`."
        )
    return version


def _settings() -> str:
    held = settings()
    check_azurite(os.environ)
    return (
        f"windows of {held.window_seconds} s, runs over {held.scoring_span_seconds} s, "
        f"scored at {held.scoring_schedule!r}, compute {held.compute}"
        + "".join(f". {each}" for each in misspelt(os.environ))
    )


def _container(account: str, name: str, what: str) -> str:
    store = storage().data(name) if account == "data" else storage().control(name)
    try:
        count = sum(1 for _, _ in zip(store.list(), range(1000), strict=False))
    except Transient as error:
        if getattr(error.__cause__, "status_code", None) == 403:
            hint = "Give it the role 'Storage Blob Data Contributor', and let it through the account's firewall."
            raise SettingsError(f"The identity may not read the container {name}.", hint) from error
        raise
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
