"""Questions people ask, matched to the entries of a FAQ: what serves them needs numpy and msgspec alone."""

from shared.models.faq.entries import Entry
from shared.models.faq.matcher import Match, Matcher

__all__ = ["Entry", "Match", "Matcher"]
