"""Options that commands share: times, JSON, and where a bundle goes."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S%z"]
"""How a time may be written."""
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout: an object per line, and nothing else.")]
Out = Annotated[Path | None, typer.Option(help="Write the bundle into this folder; nothing is published.")]


def utc(time: datetime) -> datetime:
    """The time in UTC, which one without a zone is taken to be in."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
