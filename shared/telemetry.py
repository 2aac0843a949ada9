"""One way to log: a sentence and its facts, so that every line about a run carries the run's id; and to time stages."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from shared.errors import one_line

_LOGGER = logging.getLogger("tally")


def log(sentence: str, *, level: int = logging.INFO, **facts: object) -> None:
    """Log a sentence; the facts follow as `name=value`, empty ones left out, each in one line whatever is in it."""
    shown = {name: value for name, value in facts.items() if value not in ("", None)}
    text = " ".join([sentence, *(f"{name}={one_line(str(value))}" for name, value in shown.items())])
    _LOGGER.log(level, "%s", text)


@dataclass(frozen=True, slots=True)
class Stages:
    """Seconds per stage; each stage's line is printed when it ends."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block; blocks of the same name add up."""
        begun = perf_counter()
        yield
        spent = perf_counter() - begun
        self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 6)
        print(f"{name}: Time taken in seconds: {spent:.3f}", flush=True)
