"""What a person is told at the start: which services run where, and which functions wait for what."""

from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table

from devhost.function import FunctionInfo
from devhost.host_json import HostOptions
from devhost.keys import Keys
from devhost.schedule import parse_schedule
from devhost.services import Service


def services_table(services: Iterable[Service], settings: Mapping[str, str]) -> Table:
    """One line per port."""
    table = Table("service", "what", "where", "chosen by", title="Local services")
    for service in services:
        for port in service.ports:
            table.add_row(service.name, port.purpose, f"127.0.0.1:{port.number}", port.setting)
    return table


def functions_table(functions: Iterable[FunctionInfo], options: HostOptions, port: int) -> Table:
    """One line per function: where to call it, when it fires, or what it reads."""
    table = Table("function", "trigger", "what sets it off", title="Functions")
    for function in functions:
        table.add_row(function.name, _trigger(function), cause(function, options, port))
    return table


def cause(function: FunctionInfo, options: HostOptions, port: int) -> str:
    """What sets the function off, in words."""
    match function.trigger_type:
        case "httpTrigger":
            prefix = f"/{options.route_prefix}" if options.route_prefix else ""
            methods = " ".join(function.methods) or "any method"
            return f"{methods} http://127.0.0.1:{port}{prefix}/{function.route}"
        case "timerTrigger":
            return f"{parse_schedule(function.schedule).words()} ({function.schedule})"
        case "queueTrigger":
            return f"queue {function.queue} of {function.connection}"
    return f"event hub {function.event_hub} of {function.connection}, group {function.consumer_group}"


def _trigger(function: FunctionInfo) -> str:
    kind = function.trigger_type.removesuffix("Trigger")
    keyed = kind == "http" and function.auth_level != "anonymous"
    return f"{kind}, {function.auth_level} key" if keyed else kind


def show(table: Table) -> None:
    """Print a table, or where it is too wide for the terminal, its rows as lines: no address is cut or broken."""
    # markup stays off: a route's braces and brackets are text.
    console = Console(markup=False, highlight=False, width=None if Console().is_terminal else 140)
    if console.measure(table, options=console.options.update(max_width=1000)).maximum <= console.width:
        console.print(table)
        return
    console.print(f"{table.title}:", soft_wrap=True)
    for name, *about, last in zip(*(column.cells for column in table.columns), strict=True):
        console.print(f"{name} ({', '.join(map(str, about))})\n  {last}", soft_wrap=True)


def next_steps(port: int) -> str:
    """What to do once everything runs."""
    return (
        "Everything runs. Ctrl-C stops it. Next, in another terminal:\n"
        "  .venv/bin/tally import YOUR.csv     sends readings (or: tally simulate)\n"
        "  .venv/bin/tally doctor              says what is there and what is missing\n"
        f"  http://127.0.0.1:{port}/api/docs      the HTTP API\n"
        "  docs/local-host.md                  how this host works"
    )


def key_hint(keys: Keys | None, file: object) -> str:
    """How to call what needs a key, without showing one."""
    if keys is None:
        return "No function asks for a key (DEVHOST_AUTH is off)."
    return f"Keys for x-functions-key are in {file}."
