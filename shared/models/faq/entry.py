"""An entry of a FAQ."""

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """A question with its answer; `also` holds other ways to ask it."""

    id: str
    question: str
    answer: str
    also: tuple[str, ...] = ()
