"""Where the time goes in a chain of generators: each stage is charged what it takes itself, not what it waits for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter


@dataclass(slots=True)
class Pace:
    """Seconds per stage; one stage runs at a time, and one that is entered from another interrupts it."""

    spent: dict[str, float] = field(default_factory=dict)
    running: list[str] = field(default_factory=list)
    since: float = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Charge the block to a stage."""
        self._charge()
        self.running.append(name)
        try:
            yield
        finally:
            self._charge()
            self.running.pop()

    def of[T](self, name: str, items: Iterator[T]) -> Iterator[T]:
        """The items, what it takes to make them charged to a stage."""
        while True:
            with self.stage(name):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item

    def seconds(self) -> dict[str, float]:
        """What each stage took so far, rounded."""
        return {name: round(spent, 3) for name, spent in self.spent.items()}

    def _charge(self) -> None:
        now = perf_counter()
        if self.running:
            stage = self.running[-1]
            self.spent[stage] = self.spent.get(stage, 0.0) + now - self.since
        self.since = now
