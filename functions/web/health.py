"""Whether this process lives, and whether it can answer: what fails is named."""

import asyncio
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from shared.serving.served import Health, Served


class Live(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["live"] = "live"


class Check(msgspec.Struct, frozen=True):
    """A model: the version that answers (empty: none does), and what is wrong (empty: nothing)."""

    name: str
    version: str
    problem: str


class Ready(msgspec.Struct, frozen=True):
    """Ready: all is well. Degraded: every model answers, something is wrong. Unavailable: some model cannot answer."""

    status: Literal["ready", "degraded", "unavailable"]
    checks: list[Check]


async def looked_at(models: Iterable[Served[Any, Any, Any]]) -> Ready:
    """How models stand; those that were not read yet are, beside the event loop."""
    return await asyncio.to_thread(lambda: readiness(model.health() for model in models))


def readiness(models: Iterable[Health]) -> Ready:
    """What the models' health comes to."""
    checks = [Check(model.name, model.version, model.problem) for model in models]
    if not all(check.version for check in checks):
        return Ready("unavailable", checks)
    return Ready("degraded" if any(check.problem for check in checks) else "ready", checks)
