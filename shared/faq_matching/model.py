"""FAQ matching: a question in, the entries that answer it out; entries change without training."""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import msgspec

from shared.errors import InvalidInput, NotFound, PreconditionFailed, TooLarge
from shared.faq_matching.entries import NOT_BLANK, Answer, Entry, Question, Rephrasings
from shared.serving.answers import BEST, ModelName, Probability, TopK, milliseconds_since
from shared.serving.preconditions import Preconditions, etag_of
from shared.serving.served import Loaded, Served
from shared.storage import BlobStore

if TYPE_CHECKING:
    from shared.faq_matching.bundle import Bundle
    from shared.faq_matching.edits import Check, Edits
    from shared.faq_matching.matcher import Match, Matcher

NAME = "faq"
_ID = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
EntryId = Annotated[str, msgspec.Meta(pattern=f"^{_ID.pattern}$", examples=["example"])]
NOTHING = Preconditions()


class FaqRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question."""

    question: Annotated[str, msgspec.Meta(min_length=1, pattern=NOT_BLANK, examples=["How do I run it on my laptop?"])]
    top_k: TopK = BEST


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
class FaqModel:
    """A bundle with the changes made since; problem: which of them cannot be read."""

    bundle: "Bundle"
    matcher: "Matcher"
    problem: str = ""


@dataclass(frozen=True, slots=True)
class FaqSource:
    """The current bundle, or the FAQ that ships, and the changes made over HTTP, all in the container `bundles`."""

    store: BlobStore

    def wanted(self) -> Hashable:
        from shared.faq_matching.bundle import registry
        from shared.faq_matching.edits import BLOB

        info = self.store.info(BLOB)
        return registry(self.store).current(), info.etag if info else ""

    def load(self, wanted: Hashable, before: FaqModel | None) -> tuple[str, FaqModel]:
        from shared.faq_matching.bundle import read
        from shared.faq_matching.edits import read_edits

        current, _ = wanted if isinstance(wanted, tuple) else (None, "")
        bundle = before.bundle if before and current == before.bundle.version else read(self.store)
        edits = read_edits(self.store)
        matcher = bundle.matcher.changed(put=edits.put, removed=edits.removed)
        return bundle.version, FaqModel(bundle, matcher, "; ".join(edits.unreadable.values()))

    def problem(self, model: FaqModel) -> str:
        return model.problem

    def score(self, model: FaqModel, items: Sequence[FaqRequest]) -> "Sequence[list[Match]]":
        found = model.matcher.match([item.question for item in items], max(item.top_k for item in items))
        return [matches[: item.top_k] for matches, item in zip(found, items, strict=True)]


type FaqServed = Served[FaqModel, FaqRequest, list[Match]]
type FaqLoaded = Loaded[FaqModel, FaqRequest, list[Match]]


@dataclass(frozen=True, slots=True)
class Faq:
    """What the FAQ's routes call."""

    served: FaqServed
    store: BlobStore
    max_chars: int

    async def answer(self, asked: FaqRequest, caller: str = "") -> FaqAnswer:
        """The best entries. Raises TooLarge, or what hinders an answer now."""
        begun = perf_counter()
        self.check_length(asked.question)
        loaded = await self.served.ready()
        matches = await loaded.batcher.ask(asked, caller)
        matcher = loaded.model.matcher
        return FaqAnswer(
            bool(matches) and matches[0].probability >= matcher.threshold,
            [_shown(match, matcher.entries) for match in matches],
            ModelName(NAME, loaded.version),
            milliseconds_since(begun),
        )

    def put(self, entry_id: str, entry: FaqEntry, allowed: Preconditions = NOTHING) -> Put:
        """Put an entry in, or another in its place; the next answer here knows it.

        Raises InvalidInput for an id that cannot be one, TooLarge for texts over the limit, PreconditionFailed.
        """
        from shared.faq_matching.edits import put_entry

        for text in (entry.question, *entry.also):
            self.check_length(text)
        if not _ID.fullmatch(entry_id):
            raise InvalidInput(
                f"{entry_id[:80]!r} cannot be an entry's id.", "Use up to 64 letters, digits, '.', '_' and '-'."
            )
        kept = Entry(id=entry_id, question=entry.question, answer=entry.answer, also=entry.also)
        met: list[Entry | None] = []
        self._unless_stale(lambda: put_entry(self.store, kept, self._check(entry_id, allowed, met)))
        return Put(self._changed(entry_id), entry_etag(kept), met[-1] is None)

    def remove(self, entry_id: str, allowed: Preconditions = NOTHING) -> FaqChanged:
        """Remove an entry. Raises NotFound where there is none, PreconditionFailed."""
        from shared.faq_matching.edits import remove_entry

        def check(edits: "Edits") -> None:
            if edits.entry(entry_id, self._trained) is None:
                raise _no_entry(entry_id)
            self._check(entry_id, allowed, [])(edits)

        self._unless_stale(lambda: remove_entry(self.store, entry_id, check))
        return self._changed(entry_id)

    def get(self, entry_id: str) -> Entry:
        """One entry. Raises NotFound where there is none."""
        entry = self.served.loaded().model.matcher.entries.get(entry_id)
        if entry is None:
            raise _no_entry(entry_id)
        return entry

    def check_length(self, text: str) -> None:
        """Raises TooLarge for a text over the limit."""
        if len(text) > self.max_chars:
            raise TooLarge(f"A text has {len(text)} characters, {self.max_chars} are allowed.", "Shorten it.")

    def _check(self, entry_id: str, allowed: Preconditions, met: list[Entry | None]) -> "Check":
        """Looks at the entry as it is when the change is written, also where others change it at the same time."""

        def check(edits: "Edits") -> None:
            met.append(entry := edits.entry(entry_id, self._trained))
            allowed.check(entry_etag(entry) if entry else None)

        return check

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
