"""One way to log: a sentence and its facts, so that every line about a run carries the run's id."""

import logging

_LOGGER = logging.getLogger("tally")


def log(sentence: str, *, level: int = logging.INFO, **facts: object) -> None:
    """Log a sentence; the facts follow as `name=value`, empty ones left out."""
    shown = {name: value for name, value in facts.items() if value not in ("", None)}
    text = " ".join([sentence, *(f"{name}={value}" for name, value in shown.items())])
    _LOGGER.log(level, "%s", text)
