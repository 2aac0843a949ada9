"""What the routes of the FAQ ask: a question in, the entries that answer it out; entries change without training."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import msgspec

from shared.errors import InvalidInput, NotFound, PreconditionFailed
from shared.faq_matching.entries import Answer, Entry, Question, Rephrasings
from shared.faq_matching.model import FaqRequest, FaqServed, check_length
from shared.serving.answers import ModelName, Probability, milliseconds_since
from shared.serving.preconditions import Preconditions, etag_of

if TYPE_CHECKING:
    from shared.faq_matching.edits import Check, Edits
    from shared.faq_matching.matcher import Match

_ID = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
EntryId = Annotated[str, msgspec.Meta(pattern=f"^{_ID.pattern}$", examples=["example"])]
NOTHING = Preconditions()


class FaqMatch(msgspec.Struct, frozen=True):
    """An entry that may answer the question."""

    id: str
    question: str
    answer: str
    probability: Probability


class FaqAnswer(msgspec.Struct, frozen=True):
    """The entries that answer a question best; `answered` false means that probably none does."""

    answered: bool
    matches: list[FaqMatch]
    model: ModelName
    milliseconds: float


class FaqEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of the FAQ; `also` holds other ways to ask its question."""

    question: Question
    answer: Answer
    also: Rephrasings = ()


class FaqChanged(msgspec.Struct, frozen=True):
    """An entry was put in or removed; so many are in the FAQ now."""

    id: str
    entries: int


@dataclass(frozen=True, slots=True)
class Put:
    """What became of an entry that was put in; etag: the one it has now, new: whether there was none before."""

    changed: FaqChanged
    etag: str
    new: bool


@dataclass(frozen=True, slots=True)
class Faq:
    """What the FAQ's routes call."""

    served: FaqServed

    async def answer(self, asked: FaqRequest, caller: str = "") -> FaqAnswer:
        """The best entries. Raises TooLarge, or what hinders an answer now."""
        begun = perf_counter()
        self._check_length(asked.question)
        loaded = await self.served.ready()
        matches = await loaded.batcher.ask(asked, caller)
        matcher = loaded.model.matcher
        return FaqAnswer(
            bool(matches) and matches[0].probability >= matcher.threshold,
            [_shown(match, matcher.entries) for match in matches],
            ModelName(self.served.name, loaded.version),
            milliseconds_since(begun),
        )

    def put(self, entry_id: str, entry: FaqEntry, allowed: Preconditions = NOTHING) -> Put:
        """Put an entry in, or another in its place; the next answer here knows it.

        Raises InvalidInput for an id that cannot be one, TooLarge for texts over the limit, PreconditionFailed.
        """
        from shared.faq_matching.edits import put_entry

        for text in (entry.question, *entry.also):
            self._check_length(text)
        if not _ID.fullmatch(entry_id):
            raise InvalidInput(
                f"{entry_id[:80]!r} cannot be an entry's id.", "Use up to 64 letters, digits, '.', '_' and '-'."
            )
        kept = Entry(id=entry_id, question=entry.question, answer=entry.answer, also=entry.also)
        met: list[Entry | None] = []
        self._unless_stale(lambda: put_entry(self.served.declared.store, kept, self._check(entry_id, allowed, met)))
        return Put(self._changed(entry_id), entry_etag(kept), met[-1] is None)

    def remove(self, entry_id: str, allowed: Preconditions = NOTHING) -> FaqChanged:
        """Remove an entry. Raises NotFound where there is none, PreconditionFailed."""
        from shared.faq_matching.edits import remove_entry

        def check(edits: "Edits") -> None:
            if edits.entry(entry_id, self._trained) is None:
                raise _no_entry(entry_id)
            self._check(entry_id, allowed, [])(edits)

        self._unless_stale(lambda: remove_entry(self.served.declared.store, entry_id, check))
        return self._changed(entry_id)

    def get(self, entry_id: str) -> Entry:
        """One entry. Raises NotFound where there is none."""
        entry = self.served.loaded().model.matcher.entries.get(entry_id)
        if entry is None:
            raise _no_entry(entry_id)
        return entry

    def _check(self, entry_id: str, allowed: Preconditions, met: list[Entry | None]) -> "Check":
        """Looks at the entry as it is when the change is written, also where others change it at the same time."""

        def check(edits: "Edits") -> None:
            met.append(entry := edits.entry(entry_id, self._trained))
            allowed.check(entry_etag(entry) if entry else None)

        return check

    def _check_length(self, text: str) -> None:
        check_length(text, self.served.declared.settings.question_chars)

    @property
    def _trained(self) -> Mapping[str, Entry]:
        return self.served.loaded().model.bundle.matcher.entries

    def _unless_stale(self, change: Callable[[], object]) -> None:
        try:
            change()
        except PreconditionFailed:
            self.served.look()  # who asks again is to see what is there now
            raise

    def _changed(self, entry_id: str) -> FaqChanged:
        self.served.look()
        return FaqChanged(entry_id, len(self.served.loaded().model.matcher.entries))


def entry_etag(entry: Entry) -> str:
    """The ETag of an entry."""
    return etag_of(msgspec.json.encode(entry))


def _no_entry(entry_id: str) -> NotFound:
    return NotFound(f"The FAQ has no entry {entry_id[:80]!r}.", "The matches of an answer name the ids of theirs.")


def _shown(match: "Match", entries: Mapping[str, Entry]) -> FaqMatch:
    entry = entries[match.id]
    return FaqMatch(entry.id, entry.question, entry.answer, match.probability)
