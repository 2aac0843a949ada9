"""`python -m peers.eventhub`: the look-alike as a process of its own."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from peers.eventhub.broker import DEFAULT_GROUP, HubSpec
from peers.eventhub.server import Options, listen
from peers.eventhub.times import Times
from peers.eventhub.tokens import SharedKey
from shared.errors import SettingsError, TallyError


def hub_spec(text: str) -> HubSpec:
    """NAME:PARTITIONS, or NAME:PARTITIONS:GROUP,GROUP. ValueError for anything else."""
    name, count, *groups = text.split(":")
    if not name or "/" in name or name.startswith((".", "$")) or not 1 <= int(count) <= 1024 or len(groups) > 1:
        raise ValueError(text)
    more = tuple(group for group in groups[0].split(",") if group) if groups else ()
    return HubSpec(name, int(count), tuple(dict.fromkeys((DEFAULT_GROUP, *more))))


def port_number(text: str) -> int:
    """0 to 65535. ValueError for anything else."""
    number = int(text)
    if not 0 <= number <= 65_535:
        raise ValueError(text)
    return number


def duration(text: str) -> float:
    """Seconds, 0 to a day. ValueError for anything else."""
    seconds = float(text)
    if not 0 <= seconds <= 86_400:
        raise ValueError(text)
    return seconds


def options(arguments: Sequence[str], env: Mapping[str, str]) -> Options:
    """What the command line and the environment ask for. SettingsError if the key is missing."""
    parser = argparse.ArgumentParser(prog="python -m peers.eventhub", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="loopback address (default 127.0.0.1)")
    parser.add_argument("--port", type=port_number, default=5672, help="0 takes any free one (default 5672)")
    parser.add_argument("--data", type=Path, required=True, help="folder for the events")
    parser.add_argument(
        "--hub", type=hub_spec, action="append", required=True, metavar="NAME:PARTITIONS[:GROUP,...]", help="repeat it"
    )
    parser.add_argument(
        "--idle-timeout",
        type=duration,
        default=Times().idle,
        metavar="SECONDS",
        help="silence after which a connection is closed; 0 never closes (default 240)",
    )
    parser.add_argument(
        "--stolen-after",
        type=duration,
        default=Times().stolen,
        metavar="SECONDS",
        help="how long a receiver goes on beside the one that has taken its partition (default 3.5)",
    )
    given = parser.parse_args(arguments)
    times, identity = Times(idle=given.idle_timeout, stolen=given.stolen_after), env.get("IDENTITY_HEADER", "")
    return Options(given.hub, _key(env), given.data, given.host, given.port, times, identity)


def main() -> int:
    """Serves until SIGTERM or SIGINT; 1 with a line on stderr if it cannot start."""
    try:
        asyncio.run(_serve(options(sys.argv[1:], os.environ)))
    except TallyError as error:
        print(f"eventhub: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(chosen: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await listen(chosen)
    hubs = ", ".join(f"{hub.name} ({hub.partitions} partitions)" for hub in chosen.hubs)
    print(f"eventhub: listening on {chosen.host}:{server.port}, hubs: {hubs}", flush=True)
    await stop.wait()
    await server.close()


def _key(env: Mapping[str, str]) -> SharedKey:
    missing = [name for name in ("EVENTHUB_KEY_NAME", "EVENTHUB_KEY") if not env.get(name)]
    if missing:
        raise SettingsError(
            f"{' and '.join(missing)} must be set.", "They are the shared access policy's name and key."
        )
    return SharedKey(env["EVENTHUB_KEY_NAME"], env["EVENTHUB_KEY"])


if __name__ == "__main__":
    sys.exit(main())
