"""Runs functions for every trigger alike: one log line per invocation, outputs sent, time limited."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from devhost.function import FunctionInfo
from devhost.outputs import Sender, deliver
from devhost.pace import describe, stopped_within
from devhost.worker import Call, Outcome

log = logging.getLogger("devhost.invocation")

Run = Callable[[FunctionInfo, Call], Awaitable[Outcome]]


class Invoker(Protocol):
    """What the runner needs of the worker."""

    async def invoke(self, function: FunctionInfo, call: Call) -> Outcome:
        """Run the function once."""


class Runner:
    """One per host. `running` counts the invocations in progress."""

    def __init__(self, worker: Invoker, sender: Sender, timeout: float | None = None) -> None:
        self._worker = worker
        self._sender = sender
        self._timeout = timeout
        self.running = 0

    async def run(self, function: FunctionInfo, call: Call) -> Outcome:
        """Run once; never raises for what the function or its outputs do."""
        self.running += 1
        try:
            outcome = await self._finish(function, await self._invoke(function, call))
        finally:
            self.running -= 1
        _report(function, outcome)
        return outcome

    async def _invoke(self, function: FunctionInfo, call: Call) -> Outcome:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._worker.invoke(function, call)
        except TimeoutError:
            limit = self._timeout or 0.0
            return Outcome("", False, limit, error=f"it ran longer than functionTimeout ({limit:g} s)")

    async def _finish(self, function: FunctionInfo, outcome: Outcome) -> Outcome:
        if not outcome.ok:
            return outcome
        try:
            await deliver(function, outcome, self._sender)
        except Exception as error:  # noqa: BLE001 - as on the real host, any failed output fails the invocation
            return replace(outcome, ok=False, error=f"an output could not be sent ({describe(error)})")
        return outcome


async def run_with_retries(run: Run, function: FunctionInfo, call: Call, stop: asyncio.Event) -> Outcome | None:
    """Run under the function's retry policy; None where the host stops before it has succeeded or used it up."""
    limit = function.retry.limit if function.retry else 0
    attempt = 0
    while True:
        outcome = await run(function, replace(call, retry=attempt, retries=limit))
        if outcome.ok or function.retry is None or (0 <= limit <= attempt):
            return outcome
        attempt += 1
        if await stopped_within(stop, function.retry.delay(attempt)):
            return None


def _report(function: FunctionInfo, outcome: Outcome) -> None:
    line = "%s %s in %.0f ms (%s)"
    values = (function.name, "ok" if outcome.ok else "FAILED", outcome.seconds * 1000, outcome.invocation_id)
    if outcome.ok:
        log.info(line, *values)
    else:
        log.error(line + ": %s%s", *values, outcome.error, f"\n{outcome.traceback}" if outcome.traceback else "")
