"""How patiently Azure's services are asked: one policy, for Batch's SDK and for Machine Learning over REST.

The SDK's own would wait as long as a service asks for, and repeat neither a POST nor what got an answer that is no
JSON. Every request here is safe to repeat, and a function that waited longer would block its worker: its message
comes again.
"""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds before each further try."""
LONGEST_WAIT = 10.0
PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""The statuses of a service that is busy, or of what stands before it."""


class Unanswered(Exception):
    """A try failed in a way that another may mend; `error` is what to raise where none is left.

    `response` is the SDK's, of either of its kinds, or None where there was no answer.
    """

    def __init__(self, error: Exception, response: Any = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.response = response


def persist[T](attempt: Callable[[], T], renew: Callable[[], None]) -> T:
    """What `attempt` returns, tried again while it raises Unanswered: a few times, after pauses.

    A token that is refused (401) is given up by `renew`, once and at once. Raises the error of the last Unanswered.
    """
    pauses, renewed = iter(PAUSES), False
    while True:
        try:
            return attempt()
        except Unanswered as failed:
            refused = failed.response is not None and failed.response.status_code == 401
            pause = next(pauses, None)
            if pause is None or (refused and renewed):
                raise failed.error from failed.__cause__
            if refused:
                renew()
                renewed = True
            else:
                time.sleep(min(LONGEST_WAIT, _asked_pause(failed.response) or pause * random.uniform(0.8, 1.2)))  # noqa: S311 - no secret


def _asked_pause(response: Any) -> float | None:
    """The seconds that the service asks to wait, in any form that azure-core reads; None where it asks for none."""
    if response is None:
        return None
    from azure.core.pipeline import PipelineContext, PipelineResponse
    from azure.core.pipeline.policies import RetryPolicy

    with suppress(ValueError, TypeError):  # it is neither a number nor a date
        return RetryPolicy().get_retry_after(PipelineResponse(None, response, PipelineContext(None)))
    return None
