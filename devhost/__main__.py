"""`python -m devhost host` runs the app; `python -m devhost up` runs the services around it as well."""

import asyncio
import signal
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from devhost import azurite, log, services, show
from devhost.app_settings import read_settings
from devhost.function import FunctionInfo
from devhost.host import Place, run_host
from devhost.host_json import read_host_json
from devhost.http import bind
from devhost.keys import Keys
from devhost.services import Service
from devhost.supervisor import HOPELESS, Supervisor
from devhost.worker import leave
from shared.errors import TallyError
from shared.refusals import as_refusal
from shared.settings.start import settings_here
from shared.workloads import NAMES

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)

Root = Annotated[Path, typer.Option(help="Folder of function_app.py and host.json.")]
Data = Annotated[Path, typer.Option(help="Folder for what the services keep.")]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="Instead of local.settings.json.")]
DATA = Path(".tally/data")
AZURITE = Path(".tally/azurite")


@app.command()
def host(root: Root = Path(), data: Data = DATA, settings: SettingsFile = None) -> None:
    """Run the function app, as `func start` does; services must run already."""
    log.set_up()
    _say_errors(_host(root.resolve(), data, settings), HOPELESS)
    leave(0)


@app.command()
def up(
    root: Root = Path(),
    data: Data = DATA,
    settings: SettingsFile = None,
    no_host: Annotated[bool, typer.Option("--no-host", help="Services only.")] = False,
) -> None:
    """Start Azurite, the Event Hubs peer and the host, and keep them running until Ctrl-C."""
    log.set_up()
    _say_errors(_up(root.resolve(), data.resolve(), settings, no_host), 1)


def _say_errors(main: Coroutine[Any, Any, None], code: int) -> None:
    try:
        asyncio.run(main)
    except TallyError as error:
        print(f"devhost: {error}", file=sys.stderr)
        raise typer.Exit(code) from None
    except OSError as error:
        if error.errno is None:
            raise
        print(f"devhost: {as_refusal(error)}", file=sys.stderr)
        raise typer.Exit(1) from None


async def _host(root: Path, data: Path, file: Path | None) -> None:
    settings = read_settings(root, file)
    settings_here(settings, NAMES, serving=True)
    options, listening = read_host_json(root), bind(services.host_port(settings))
    place = Place(root, data / "host", data.parent / "keys.json")

    def ready(functions: list[FunctionInfo], keys: Keys | None) -> None:
        show.show(show.functions_table(functions, options, listening.getsockname()[1]))
        print(show.key_hint(keys, place.keys), flush=True)

    await run_host(place, settings, listening, _stop_on_signals(), ready)


async def _up(root: Path, data: Path, file: Path | None, no_host: bool) -> None:
    settings = read_settings(root, file)
    settings_here(settings, NAMES, serving=True)
    around = [service for service in _around(settings, data) if service]
    hosts = [] if no_host else [services.host_service(settings, root, data, file)]
    wanted = [*around, *hosts]
    services.check_ports(wanted)
    stop, ready = _stop_on_signals(), asyncio.Event()
    telling = asyncio.create_task(_tell(wanted, settings, ready))
    try:
        await Supervisor(around, hosts).run(stop, ready)
    finally:
        telling.cancel()


def _around(settings: dict[str, str], data: Path) -> Iterator[Service | None]:
    if services.needs_azurite(settings):
        (data / "azurite").mkdir(parents=True, exist_ok=True)
        yield services.azurite_service(settings, data, _install_azurite())
    yield services.event_hubs_service(settings, data)
    yield services.contract_service(settings, data)


async def _tell(wanted: list[Service], settings: dict[str, str], ready: asyncio.Event) -> None:
    await ready.wait()
    show.show(show.services_table(wanted, settings))
    print(show.next_steps(services.host_port(settings)), flush=True)


def _install_azurite() -> Path:
    folder = AZURITE.resolve()
    if azurite.installed(folder):
        return azurite.install(folder)
    with Console(stderr=True).status("Installing Azurite (once)"):
        return azurite.install(folder)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


if __name__ == "__main__":
    app()
