"""Why Event Hubs refused a token: azure-eventhub 5.15.1 tells its log alone, and the same error for every reason."""

import logging
from functools import cache

_LOGGERS = ("azure.eventhub._pyamqp.cbs", "azure.eventhub._pyamqp.aio._cbs_async")
_NOT_FOUND = "amqp:not-found"
_RECORD = "CBS Put token error: %r"


class _Refusals(logging.Filter):
    """Remembers the condition of the last refusal, and lets only through what would have been logged anyway."""

    condition = ""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg == _RECORD and isinstance(record.args, tuple):
            told = record.args[0]
            self.condition = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
        parent = logging.getLogger(record.name).parent
        return parent is None or record.levelno >= parent.getEffectiveLevel()


@cache
def watch() -> _Refusals:
    """Begins to remember refusals; the same one from then on."""
    refusals = _Refusals()
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addFilter(refusals)
    return refusals


def was_not_found(message: str) -> bool:
    """Whether the error with this message, the last one, came of a token for what does not exist."""
    return "Status code: 404" in message or ("Status code: None" in message and watch().condition == _NOT_FOUND)
