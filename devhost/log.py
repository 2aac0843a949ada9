"""The host's log: plain lines in a file or pipe, colours on a terminal; the app's own lines go the same way."""

import logging
import sys
import time
from datetime import UTC, datetime

from rich.text import Text

_QUIET = ("azure", "uvicorn", "asyncio", "urllib3", "aiohttp")


def set_up(level: int = logging.INFO) -> None:
    """Send all logs to standard error, libraries' only from warnings on."""
    logging.basicConfig(level=level, handlers=[_handler()], force=True)
    # Looked up for every line, and shown in none.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # The event processor warns of each outage again and again; the listeners say it once.
    logging.getLogger("azure.eventhub").setLevel(logging.ERROR)
    # What asks to change the protocol (curl, Java's client) gets plain HTTP, as the standard has it.
    logging.getLogger("uvicorn.error").addFilter(_no_talk_of_upgrades)
    # A SDK that cannot reach a service logs it, and raises it, too.
    logging.getLogger("azure.functions").setLevel(logging.WARNING)


def _no_talk_of_upgrades(record: logging.LogRecord) -> bool:
    return "upgrade" not in record.getMessage() and "WebSocket" not in record.getMessage()


def _handler() -> logging.Handler:
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.logging import RichHandler

        shown = RichHandler(console=Console(stderr=True), show_path=False, markup=False, log_time_format=_clock)
        shown.setFormatter(logging.Formatter("%(message)s"))
        return shown
    handler = logging.StreamHandler()
    lines = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")
    lines.converter = time.gmtime
    handler.setFormatter(lines)
    return handler


def _clock(local: datetime) -> Text:
    """The time of a line in UTC, as every command shows times."""
    return Text(f"{local.astimezone(UTC):%H:%M:%SZ}")
