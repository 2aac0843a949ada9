"""What a FAQ consists of, and how large its parts may be."""

from collections.abc import Iterable
from typing import Annotated

import msgspec

type Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
NOT_BLANK = r"\S"
"""The pattern of a text that says something."""
type Question = Annotated[str, msgspec.Meta(min_length=1, max_length=4_000, pattern=NOT_BLANK)]
type Answer = Annotated[str, msgspec.Meta(max_length=100_000)]
type Rephrasings = Annotated[tuple[Question, ...], msgspec.Meta(max_length=200)]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A question with its answer; `also` are other ways to ask it."""

    id: Id
    question: Question
    answer: Answer
    also: Rephrasings = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """All ways to ask it, the question first."""
        return (self.question, *self.also)


def by_id(entries: Iterable[Entry]) -> dict[str, Entry]:
    """The entries under their ids; of the same id the last."""
    return {entry.id: entry for entry in entries}
