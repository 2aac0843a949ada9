"""Changes of blobs that others change too: read, decide, write under the ETag that was read; outrun, begin anew."""

import random
import time
from collections.abc import Callable

from shared.errors import Conflict, Overloaded

TRIES = 10
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5


def retry_conflicts[T](change: Callable[[], T], what: str) -> T:
    """What `change` returns: it reads a blob, decides by what it read alone, and writes under the ETag it read.

    Where it raises Conflict it is made anew, after a pause; pauses grow and are random, so that writers who met once
    do not meet again. Raises Overloaded, about `what`, where others were quicker each time.
    """
    for number in range(TRIES):
        if number:
            time.sleep(random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (number - 1))))  # noqa: S311 - no secret
        try:
            return change()
        except Conflict as error:
            outrun = error
    raise Overloaded(f"{what} was changed by others again and again: too many at once write to it.") from outrun
