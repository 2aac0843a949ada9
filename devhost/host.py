"""The local Functions host: one worker, a listener for each trigger, and the HTTP side, until it is stopped."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from devhost.admin import Admin
from devhost.app_settings import switched_on
from devhost.cors import Cors, read_cors
from devhost.event_grid import AzureListing, EventGrid, Seen
from devhost.eventhubs import EventHubListener
from devhost.function import FunctionInfo, of_type
from devhost.host_json import HostOptions, read_host_json
from devhost.http import Site, asgi, serve
from devhost.keys import Keys, read_keys
from devhost.outputs import queue_sender
from devhost.pace import Listen, keep_listening
from devhost.queue import LEASE_SECONDS, AzureQueue, QueueListener
from devhost.routes import Routes
from devhost.runner import Run, Runner
from devhost.timer import StatusFiles, TimerListener
from devhost.worker import Worker
from shared.settings.faults import Faults
from shared.settings.this_machine import host_setting

log = logging.getLogger("devhost")

GRACE_SECONDS = 15.0
KNOWN = frozenset({"httpTrigger", "timerTrigger", "queueTrigger", "eventHubTrigger"})

Listener = tuple[str, Listen]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host lives: the app's folder, the folder of its own small state, the file of its keys."""

    root: Path
    data: Path
    keys: Path


async def run_host(
    place: Place,
    settings: Mapping[str, str],
    listening: socket.socket,
    stop: asyncio.Event,
    ready: Callable[[list[FunctionInfo], Keys | None], None] = lambda functions, keys: None,
) -> None:
    """Run the app until `stop` is set; `ready` is called once everything listens.

    Raises SettingsError or InvalidInput for an app that cannot run; nothing else ends it.
    """
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    options, cors = read_host_json(place.root), read_cors(place.root)
    worker = Worker(place.root)
    functions = enabled(worker.functions, settings)
    async with AsyncExitStack() as stack:
        stack.callback(worker.close)
        sender = await stack.enter_async_context(queue_sender(settings, base64=options.queues.base64))
        runner = Runner(worker, sender, options.function_timeout)
        listeners = trigger_listeners(functions, runner.run, settings, options, place.data, stack)
        if grid := await event_grid(settings, place.data, stack):
            listeners.append(("Event Grid", grid.listen))
        tasks = [asyncio.create_task(keep_listening(name, listen, stop)) for name, listen in listeners]
        keys = host_keys(place, settings, functions)
        tasks.append(asyncio.create_task(_serve(functions, options, keys, cors, runner.run, listening, stop)))
        ready(functions, keys)
        await _until_stopped(tasks, stop)


def enabled(functions: list[FunctionInfo], settings: Mapping[str, str]) -> list[FunctionInfo]:
    """The functions that run here, settings filled in; `AzureWebJobs.NAME.Disabled` leaves one out."""
    kept, faults = [], Faults()
    for function in functions:
        if switched_on(settings, f"AzureWebJobs.{function.name}.Disabled", default=False):
            log.info("%s is disabled by a setting", function.name)
        elif function.trigger_type not in KNOWN:
            log.warning(
                "%s has a %s, which this host does not know: it never runs",
                function.name,
                function.trigger_type,
            )
        else:
            with faults.gathered():
                kept.append(function.expanded(settings))
    faults.raise_all()
    return kept


def host_keys(place: Place, settings: Mapping[str, str], functions: list[FunctionInfo]) -> Keys | None:
    """The keys that callers need, or None where `DEVHOST_AUTH` is off."""
    if not host_setting(settings, "DEVHOST_AUTH"):
        return None
    return read_keys(place.keys, [f.name for f in of_type(functions, "httpTrigger")])


def trigger_listeners(
    functions: list[FunctionInfo],
    run: Run,
    settings: Mapping[str, str],
    options: HostOptions,
    data: Path,
    stack: AsyncExitStack,
) -> list[Listener]:
    """A listener for every function that no HTTP call sets off; their clients close with `stack`."""
    statuses = StatusFiles(data / "timers")
    lease = host_setting(settings, "DEVHOST_QUEUE_LEASE_SECONDS") or LEASE_SECONDS

    def listener(function: FunctionInfo) -> Listen:
        match function.trigger_type:
            case "timerTrigger":
                return TimerListener(function, run, statuses).listen
            case "queueTrigger":
                queue = AzureQueue(settings, function.connection, function.queue)
                stack.push_async_callback(queue.close)
                return QueueListener(function, run, queue, options.queues, lease).listen
        return EventHubListener(function, run, settings, options.event_hubs).listen

    return [(f.name, listener(f)) for f in functions if f.trigger_type != "httpTrigger"]


async def event_grid(settings: Mapping[str, str], data: Path, stack: AsyncExitStack) -> EventGrid | None:
    """The player of Event Grid, where `EVENT_GRID_CONTAINERS` names containers of a local account."""
    containers, queue = (host_setting(settings, f"EVENT_GRID_{part}") for part in ("CONTAINERS", "QUEUE"))
    if not containers:
        return None
    listing = AzureListing(settings, "DataStorage")
    stack.push_async_callback(listing.close)
    if not listing.local:
        log.info("DataStorage is in the cloud: Event Grid itself has to tell of its blobs")
        return None
    sender = await stack.enter_async_context(queue_sender(settings, base64=False))
    seen = Seen(data / "event-grid" / listing.account)
    return EventGrid(listing.account, containers, "ControlStorage", queue, listing, seen, sender)


async def _serve(
    functions: list[FunctionInfo],
    options: HostOptions,
    keys: Keys | None,
    cors: Cors,
    run: Run,
    listening: socket.socket,
    stop: asyncio.Event,
) -> None:
    site = Site(Routes.of(of_type(functions, "httpTrigger")), options.route_prefix, keys, run)
    await serve(cors.around(asgi(site, Admin(functions, keys, run).routes())), listening, stop)


async def _until_stopped(tasks: list[asyncio.Task[None]], stop: asyncio.Event) -> None:
    stopping = asyncio.create_task(stop.wait())
    try:
        # Listeners restart by themselves: one that ends by an error has an error no restart mends.
        await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        _, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
        if late:
            log.warning("%d listeners did not finish in %g s and are broken off", len(late), GRACE_SECONDS)
    finally:
        stopping.cancel()
        for task in tasks:
            if not task.done():
                task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error
