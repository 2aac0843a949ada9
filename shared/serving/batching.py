"""Micro-batching: requests that come while the model is busy share its next call.

A request first enters (the bound on how many are inside is what keeps memory and waiting bounded), then its input is
prepared, then it is submitted. An idle model takes what is submitted at once, and waits a few milliseconds only for
requests that have entered already: a lone request never waits.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition, Thread

from shared.errors import InvalidInput, Overloaded, TooManyRequests


@dataclass(frozen=True, slots=True)
class Limits:
    """Items in a call, items inside at once (of one caller: half of them), and how long a call waits for more."""

    batch: int = 16
    inside: int = 128
    wait_seconds: float = 0.002


class Batcher[I, O]:
    """Calls a model with what several requests ask, in a thread of its own.

    call: from inputs to as many outputs, in the same order. Where it raises for several inputs, each is tried alone,
    so that one input that cannot be used spoils no other's answer. told: hears of the size of every call.
    """

    def __init__(
        self,
        call: Callable[[Sequence[I]], Sequence[O]],
        limits: Limits,
        told: Callable[[int], None] = lambda size: None,
    ) -> None:
        self._call, self._limits, self._told = call, limits, told
        self._waiting: deque[tuple[I, Future[O]]] = deque()
        self._changed = Condition()
        self._callers: Counter[str] = Counter()
        self._inside = self._coming = 0
        self._closed = self._working = False

    @property
    def inside(self) -> int:
        """How many items have entered and not left."""
        return self._inside

    @contextmanager
    def enter(self, items: int = 1, caller: str = "") -> Iterator[Callable[[I], Future[O]]]:
        """Take places for some items; what is yielded has one item scored, and may be called so many times.

        A named caller never gets more than half of all places. Raises Overloaded or TooManyRequests where there are
        none left, InvalidInput where there are never so many.
        """
        self._take(items, caller)
        left = items

        def submit(item: I) -> Future[O]:
            nonlocal left
            future: Future[O] = Future()
            with self._changed:
                left -= 1
                self._coming -= 1
                self._waiting.append((item, future))
                self._changed.notify()
            return future

        try:
            yield submit
        finally:
            with self._changed:
                self._inside -= items
                self._coming -= left
                self._callers -= Counter({caller: items})
                self._changed.notify()

    async def ask(self, item: I, caller: str = "") -> O:
        """Enter, and have one item scored."""
        with self.enter(1, caller) as submit:
            return await asyncio.wrap_future(submit(item))

    def close(self) -> None:
        """End the thread once all who have entered have left; who enters later still is answered."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _take(self, items: int, caller: str) -> None:
        share = self._limits.inside // 2 if caller else self._limits.inside
        if items > share:
            raise InvalidInput(f"{items} items in one request are too many.", f"Send at most {share}.")
        with self._changed:
            if self._inside + items > self._limits.inside:
                raise Overloaded("As many requests as may wait are waiting already.", "Send it again in a second.")
            if caller and self._callers[caller] + items > share:
                raise TooManyRequests("You have half of all requests that may wait.", "Send it again in a second.")
            self._inside += items
            self._coming += items
            self._callers[caller] += items
            if not self._working:
                self._working = True
                Thread(target=self._work, name="tally-batcher", daemon=True).start()

    def _work(self) -> None:
        while self._open():
            batch = [(item, future) for item, future in self._gather() if future.set_running_or_notify_cancel()]
            if batch:
                self._told(len(batch))
                self._answer(batch)

    def _open(self) -> bool:
        """Wait for something to do; false once closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or (self._closed and not self._inside))
            self._working = bool(self._waiting)
            return self._working

    def _gather(self) -> list[tuple[I, Future[O]]]:
        """The items of the next call."""
        with self._changed:
            full = self._limits.batch
            self._changed.wait_for(lambda: not self._coming or len(self._waiting) >= full, self._limits.wait_seconds)
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), full))]

    def _answer(self, batch: Sequence[tuple[I, Future[O]]]) -> None:
        try:
            answered = list(zip(batch, self._call([item for item, _ in batch]), strict=True))
        except Exception as error:  # noqa: BLE001 whatever a model raises belongs to who asked
            if len(batch) > 1:
                for one in batch:
                    self._answer([one])
            else:
                batch[0][1].set_exception(error)
            return
        for (_, future), output in answered:
            future.set_result(output)
