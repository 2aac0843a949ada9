"""Served models: read once, exchanged when another becomes current, and kept when the other cannot be used."""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any

from shared.errors import BundleError, TallyError
from shared.serving.batching import Batcher, Limits
from shared.serving.model import RealTimeModel
from shared.telemetry import log


@dataclass(frozen=True, slots=True)
class Loaded[M, I, O]:
    """A model that answers, and what gathers the requests for it."""

    wanted: Hashable
    version: str
    model: M
    batcher: Batcher[I, O]


@dataclass(frozen=True, slots=True)
class Health:
    """A served model: the version that answers (empty: none yet), what is wrong (empty: nothing), items inside."""

    name: str
    version: str
    problem: str
    inside: int = 0


_NOTHING = object()
"""What is never wanted: None is wanted where the model that ships is."""


class Served[M, I, O]:
    """A declared model in this process. Looks for a newer bundle every so many seconds, beside the requests.

    told: hears of the size of every call.
    """

    def __init__(
        self,
        declared: RealTimeModel[M, I, O],
        limits: Limits,
        reload_seconds: float,
        told: Callable[[str, int], None] = lambda name, size: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.declared, self.name = declared, declared.name
        self._limits, self._told, self._clock = limits, told, clock
        self._reload_seconds = reload_seconds
        self._loaded: Loaded[M, I, O] | None = None
        self._refused: Hashable = _NOTHING
        self._problem = ""
        self._error: TallyError | None = None
        self._looked = -float("inf")
        self._lock = Lock()

    def loaded(self) -> Loaded[M, I, O]:
        """The model that answers. The first call reads it, and raises what hinders that; later ones never wait."""
        if self._loaded is None:
            with self._lock:
                if self._loaded is None:
                    self._first_look()
        elif self._clock() - self._looked >= self._reload_seconds:
            self._looked = self._clock()
            Thread(target=self.look, name="tally-reload", daemon=True).start()
        assert self._loaded is not None
        return self._loaded

    async def ready(self) -> Loaded[M, I, O]:
        """As `loaded`; the first call does its reading beside the event loop."""
        return self.loaded() if self._loaded else await asyncio.to_thread(self.loaded)

    async def score(
        self, loaded: Loaded[M, I, O], rows: Sequence[Any], parameters: Any, caller: str = ""
    ) -> Sequence[O]:
        """What the model gives for rows of an input. Raises InvalidInput for these, Overloaded, TooManyRequests."""
        with loaded.batcher.enter(len(rows), caller) as submit:
            items = await self.declared.items(loaded.model, rows, parameters)
            return await asyncio.gather(*(asyncio.wrap_future(submit(item)) for item in items))

    def look(self) -> None:
        """Serve what is to be served now, if it is another and can be used; otherwise remember why not."""
        with self._lock:
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 nothing may end the model that answers
                self._problem = str(error) or type(error).__name__

    def health(self) -> Health:
        """How it stands; a first model is read for that, if it can be."""
        with suppress(TallyError):
            self.loaded()
        return self.state()

    def state(self) -> Health:
        """How it stands, without doing anything."""
        if self._loaded:
            return Health(self.name, self._loaded.version, self._problem, self._loaded.batcher.inside)
        return Health(self.name, "", str(self._error or "No model was read yet."))

    def close(self) -> None:
        """End its thread."""
        if self._loaded:
            self._loaded.batcher.close()

    def _first_look(self) -> None:
        if self._error and self._clock() - self._looked < self._reload_seconds:
            raise self._error  # not read anew for every request
        try:
            self._look()
        except TallyError as error:
            self._error = error
            raise

    def _look(self) -> None:
        self._looked = self._clock()
        wanted = self.declared.wanted()
        if self._loaded and wanted == self._loaded.wanted:
            self._problem = self.declared.problem(self._loaded.model)
        elif wanted != self._refused or self._loaded is None:
            self._exchange(wanted)

    def _exchange(self, wanted: Hashable) -> None:
        before = self._loaded
        try:
            version, model = self.declared.read(wanted, before.model if before else None)
        except BundleError as error:
            self._refused = wanted  # reading it again would find it no better
            log("model refused", level=logging.ERROR, model=self.name, reason=error.message)
            raise
        batcher = Batcher(self._calling(model), self._limits, lambda size: self._told(self.name, size))
        self._loaded, self._refused = Loaded(wanted, version, model, batcher), _NOTHING
        self._problem = self.declared.problem(model)
        log("model loaded", model=self.name, version=version)
        if before:
            before.batcher.close()

    def _calling(self, model: M) -> Callable[[Sequence[I]], Sequence[O]]:
        return lambda items: self.declared.score(model, items)
