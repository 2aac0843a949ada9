"""The FAQ as a real-time model: a question in each row, the entries that answer it best out."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np

from shared.bundles.registry import Bundle as AnyBundle
from shared.bundles.registry import Registry
from shared.errors import InvalidInput, TooLarge
from shared.faq_matching.entries import NOT_BLANK
from shared.serving.answers import BEST, TopK, TopParameters
from shared.serving.datatypes import Datatype
from shared.serving.model import RealTimeModel
from shared.serving.served import Loaded, Served
from shared.serving.tensors import VARIABLE, Tensor, TensorMetadata
from shared.storage import BlobStore

if TYPE_CHECKING:
    from shared.faq_matching.bundle import Bundle, Manifest
    from shared.faq_matching.matcher import Match, Matcher


class FaqRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question."""

    question: Annotated[str, msgspec.Meta(min_length=1, pattern=NOT_BLANK, examples=["How do I run it on my laptop?"])]
    top_k: TopK = BEST


@dataclass(frozen=True, slots=True)
class FaqModel:
    """A bundle with the changes made since; problem: which of them cannot be read."""

    bundle: "Bundle"
    matcher: "Matcher"
    problem: str = ""


type FaqServed = Served[FaqModel, FaqRequest, list[Match]]
type FaqLoaded = Loaded[FaqModel, FaqRequest, list[Match]]


class FaqMatching(RealTimeModel[FaqModel, FaqRequest, "list[Match]"]):
    """The current bundle, or the FAQ that ships, and the changes made over HTTP, all in the container `bundles`."""

    name = "faq"
    platform = "tally_faq"
    parameters = TopParameters

    @staticmethod
    def registry(store: BlobStore) -> "Registry[Manifest]":
        from shared.faq_matching.bundle import registry

        return registry(store)

    def wanted(self) -> Hashable:
        from shared.faq_matching.edits import BLOB

        info = self.store.info(BLOB)
        return super().wanted(), info.etag if info else ""

    def read(self, wanted: Hashable, before: FaqModel | None) -> tuple[str, FaqModel]:
        current, _ = wanted if isinstance(wanted, tuple) else (None, "")
        if before and before.bundle.version == current:  # only entries were changed
            return before.bundle.version, self._edited(before.bundle)
        return super().read(wanted, before)

    def load(self, bundle: "AnyBundle[Manifest]") -> FaqModel:
        from shared.faq_matching.bundle import opened

        return self._edited(opened(bundle))

    def problem(self, model: FaqModel) -> str:
        return model.problem

    def score(self, model: FaqModel, items: Sequence[FaqRequest]) -> "Sequence[list[Match]]":
        found = model.matcher.match([item.question for item in items], max(item.top_k for item in items))
        return [matches[: item.top_k] for matches, item in zip(found, items, strict=True)]

    def inputs(self, model: FaqModel) -> tuple[TensorMetadata, ...]:
        return INPUTS

    def outputs(self, model: FaqModel) -> tuple[TensorMetadata, ...]:
        return OUTPUTS

    async def items(self, model: FaqModel, rows: Sequence[bytes], parameters: TopParameters) -> list[FaqRequest]:
        return [FaqRequest(question, parameters.top_k) for question in questions(rows, self.settings.question_chars)]

    def tensors(self, model: FaqModel, scored: "Sequence[Sequence[Match]]", parameters: TopParameters) -> list[Tensor]:
        return tensors(scored, model.matcher)

    def _edited(self, bundle: "Bundle") -> FaqModel:
        from shared.faq_matching.edits import read_edits

        edits = read_edits(self.store)
        matcher = bundle.matcher.changed(put=edits.put, removed=edits.removed)
        return FaqModel(bundle, matcher, "; ".join(edits.unreadable.values()))


_COLUMNS = (VARIABLE, VARIABLE)  # k entries for each row, as the parameter `top_k` says
INPUTS = (TensorMetadata("question", Datatype.BYTES, (VARIABLE,)),)
OUTPUTS = (
    TensorMetadata("id", Datatype.BYTES, _COLUMNS),
    TensorMetadata("question", Datatype.BYTES, _COLUMNS),
    TensorMetadata("answer", Datatype.BYTES, _COLUMNS),
    TensorMetadata("probability", Datatype.FP32, _COLUMNS),
    TensorMetadata("answered", Datatype.BOOL, (VARIABLE,)),
)


def check_length(text: str, max_chars: int) -> None:
    """Raises TooLarge for a text over the limit."""
    if len(text) > max_chars:
        raise TooLarge(f"A text has {len(text)} characters, {max_chars} are allowed.", "Shorten it.")


def questions(rows: Sequence[bytes], max_chars: int) -> list[str]:
    """The question of each row. Raises InvalidInput for bytes that are no text, and for nothing; TooLarge."""
    try:
        texts = [row.decode() for row in rows]
    except UnicodeDecodeError as error:
        raise InvalidInput("A question is not in UTF-8.", "Encode it so.") from error
    if not all(map(str.strip, texts)):
        raise InvalidInput("A question is empty.", "Send a text in each row.")
    for text in texts:
        check_length(text, max_chars)
    return texts


def tensors(found: "Sequence[Sequence[Match]]", matcher: "Matcher") -> list[Tensor]:
    """The outputs, (rows, k): the entries found for each row, best first; shorter rows end with empty texts and 0."""
    k = max(1, *map(len, found))
    entries = [[matcher.entries[match.id] for match in row] for row in found]
    probability = np.zeros((len(found), k), np.float32)
    for at, row in enumerate(found):
        probability[at, : len(row)] = [match.probability for match in row]
    return [
        Tensor.of_texts("id", [_filled([entry.id for entry in row], k) for row in entries]),
        Tensor.of_texts("question", [_filled([entry.question for entry in row], k) for row in entries]),
        Tensor.of_texts("answer", [_filled([entry.answer for entry in row], k) for row in entries]),
        Tensor.of_array("probability", probability),
        Tensor.of_array("answered", np.array([_answered(row, matcher) for row in found])),
    ]


def _answered(row: "Sequence[Match]", matcher: "Matcher") -> bool:
    return bool(row) and row[0].probability >= matcher.threshold


def _filled(texts: list[str], k: int) -> list[str]:
    return texts + [""] * (k - len(texts))
