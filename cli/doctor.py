"""`tally doctor`: looks at everything the app needs, and says what to do about what is wrong."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cli.context import settings, storage
from cli.options import AsJson
from cli.output import print_json, printable, results, shown_time
from shared.errors import TallyError
from shared.refusals import as_refusal
from shared.settings.faults import Faults
from shared.settings.spelling import misspelt
from shared.settings.this_machine import check_azurite, check_compute_folder, host_setting

LISTED = 5_000  # blobs that are listed, which is one request


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of a thing; `ok` is None where nothing is wrong, but something is not there yet or not told."""

    name: str
    ok: bool | None
    says: str
    hint: str = ""


class Note(TallyError):
    """Nothing is wrong, but there is something to know, with the next step as its hint."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Setup")(doctor)


def doctor(
    azure: Annotated[
        bool, typer.Option("--azure", help="Look at what the settings choose in Azure instead, changing nothing there.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check Python, settings, storage, Event Hubs, the host, readings and models, and say what to do about each.

    The exit code is 1 where something is wrong. What is merely not there yet, such as readings, is a note.

    Example: `tally doctor --json | jq 'select(.ok == false)'`
    """
    sound = True
    for check in _in_azure() if azure else _here():
        sound = sound and check.ok is not False
        print_json(check) if as_json else _show(check)
    raise typer.Exit(0 if sound else 1)


def _here() -> Iterator[Check]:
    from shared.models import MODELS

    yield checked("Python", _python)
    yield from (found := _settings_checks())
    if found[0].ok is False:
        return
    yield checked("data account", partial(_container, "data", "windows", _hours))
    control = checked("control account", partial(_container, "control", "runs", _runs))
    yield control
    yield checked("Event Hubs", _event_hub)
    yield checked("host", _host)
    kinds = ("anomaly", *(model.name for model in MODELS))
    looks = {"readings": _readings} | {f"{kind} models": partial(_models, kind) for kind in kinds}
    for name, look in looks.items():
        yield checked(name, look) if control.ok else Check(name, None, "not looked at: the control account comes first")


def _in_azure() -> Iterator[Check]:
    from cli.azure_rest import AzureRest
    from cli.doctor_azure import AzureChecks
    from shared.clouds import resource_manager

    yield from (found := _settings_checks())
    if found[0].ok is False:
        return
    yield checked("data account", partial(_container, "data", "windows", _hours))
    yield checked("control account", partial(_container, "control", "runs", _runs))
    yield checked("Event Hubs", _event_hub)
    for name, look in AzureChecks(settings(), AzureRest(resource_manager(settings()))).looks():
        yield checked(name, look)


def checked(name: str, look: Callable[[], str]) -> Check:
    """What a look finds; whatever hinders it is said of the thing and ends nothing."""
    from cli.azure_rest import NotChecked

    try:
        return Check(name, True, look())
    except (Note, NotChecked) as error:
        return Check(name, None, error.message, error.hint)
    except Exception as error:  # noqa: BLE001 - the next thing is still to be looked at
        said = as_refusal(error)
        return Check(name, False, said.message, said.hint)


def settings_faults() -> list[Check]:
    """What is wrong with the settings, each once."""
    faults = Faults()
    with faults.gathered():
        check_compute_folder(Path(settings().local_compute_dir))
    with faults.gathered():
        check_azurite(os.environ)
    return [Check("settings", False, fault.message, fault.hint) for fault in faults.found]


def _settings_checks() -> list[Check]:
    """What is wrong, and nothing else; or else what holds, and names that look misspelt."""
    if faults := settings_faults():
        return faults
    return [checked("settings", _settings), *(Check("settings", None, said) for said in misspelt(os.environ))]


MARKS = {True: ("ok   ", "green"), False: ("wrong", "red"), None: ("note ", "yellow")}
WIDTH = 15


def _show(check: Check) -> None:
    name = check.name.ljust(WIDTH)
    results.print(Text.assemble(MARKS[check.ok], " ", (printable(name), "bold"), " ", printable(check.says)))
    if check.hint:
        results.print(f"{'':{len(name) + 7}}{check.hint}")


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


def _container(account: str, name: str, count: Callable[[list[str]], str]) -> str:
    store = storage().data(name) if account == "data" else storage().control(name)
    names = [info.name for info in islice(store.list(), LISTED + 1)]
    return f"answers; {count(names[:LISTED])}{' or more' if len(names) > LISTED else ''}"


def _hours(names: list[str]) -> str:
    hours = len({name.rpartition("/")[0] for name in names if name.startswith("date=")})
    return f"windows of {hours} {'hour' if hours == 1 else 'hours'}" if hours else "no windows yet"


def _runs(names: list[str]) -> str:
    runs = sum(name.startswith("runs/") for name in names)
    return f"{runs} {'run' if runs == 1 else 'runs'}"


def _event_hub() -> str:
    from shared.readings.hub import last_sequences

    if not (settings().event_hubs.string or settings().event_hubs.namespace):
        raise Note("not set: no readings can come in", "Set EventHubs to a connection string where they should.")
    held = last_sequences(settings())
    return f"{settings().event_hub_name} has {len(held)} partitions, {sum(held.values()) + len(held):,} events so far"


def _host() -> str:
    import urllib.error
    import urllib.request

    address = f"http://127.0.0.1:{host_setting(os.environ, 'HOST_PORT')}/"
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return f"answers at {address} ({answer.status})"
    except urllib.error.HTTPError as error:
        return f"answers at {address} ({error.code})"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        said = getattr(reason, "strerror", None) or reason
        raise TallyError(f"Nothing answers at {address}: {said}.", "Start it: `make up`, or `func start`.") from error


def _readings() -> str:
    from shared.readings.state import decode, sealed_until

    states = storage().control("ingest")
    sealed = sealed_until(states, settings().event_hub_name)
    if sealed is None:
        raise Note("none came in yet", "Send some: `tally simulate`, or `tally import FILE.csv`.")
    held = [decode(blob.data) for info in states.list() if (blob := states.get(info.name))]
    windows = sum(state.counters.rows + state.sealed_rows for state in held)
    return f"{windows:,} {'window' if windows == 1 else 'windows'} so far, complete up to {shown_time(sealed)}"


def _models(name: str) -> str:
    from cli.model_kinds import kind_named

    kind = kind_named(name, storage().control("bundles"))
    version = kind.registry.current()
    if version:
        manifest = kind.registry.manifest(version)
        series = getattr(manifest, "series", None)
        return version if series is None else f"{version}: models of {series:,} series"
    if kind.registry.shipped:
        return f"{kind.shipped}, the one that ships"
    first = "Once there are readings: `tally train anomaly`." if name == "anomaly" else kind.registry.kind.remedy
    raise Note("none are trained yet", first)
