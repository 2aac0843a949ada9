"""From a text to words, and from a word to what is compared: its stem and its groups of letters."""

import re
import unicodedata

_WORD = re.compile(r"\w+")
_ENDINGS = {
    *("ization", "ational", "fulness", "ousness", "iveness", "tional", "ations", "ation", "ments", "ment", "ingly"),
    *("edly", "ness", "able", "ible", "ings", "ing", "ers", "ies", "ied", "ed", "er", "es", "ly", "s", "e", "y"),
}
_LONGEST = max(map(len, _ENDINGS))
_SHORTEST = 3  # letters that stay of a word
GROUPS = (3, 4)


def words(text: str) -> list[str]:
    """The words of a text in lower case, in order; accents and widths in their composed form (NFKC)."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def stem(word: str) -> str:
    """The word without its ending: `deleting` and `deleted` become `delet`."""
    ends = range(max(len(word) - _LONGEST, _SHORTEST), len(word))
    short = next((word[:end] for end in ends if word[end:] in _ENDINGS), word)
    doubled = len(short) > _SHORTEST and short[-1] == short[-2] and short[-1] not in "lsz"
    return short[:-1] if doubled else short


def groups(word: str) -> list[str]:
    """The groups of 3 and 4 neighbouring characters of ` word `: what scikit-learn calls `char_wb`."""
    padded = f" {word} "
    found = [padded[i : i + GROUPS[0]] for i in range(len(padded) - GROUPS[0] + 1)]
    if len(padded) > GROUPS[0]:
        found += [padded[i : i + GROUPS[1]] for i in range(len(padded) - GROUPS[1] + 1)]
    return found
