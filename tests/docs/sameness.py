"""Whether a screen shows what a document says: alike but for what differs from one machine and moment to another."""

import re

MORE = "…"
_VARIABLE = (
    (r"[━╸╺]+", "BAR"),
    (r"file://\S*/", "file:///PLACE/"),
    (r"(?:/[\w.~-]+)+/(?=\.tally|\.venv|out|docs)", "PLACE/"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"(?<![\w.])(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f]|\d{12})[0-9a-f]{12,64}(?![\w])", "ID"),
    (r"(?<=-)(?=[0-9a-f]*[0-9])[0-9a-f]{12,16}\b", "ID"),
    (r"(?!2026-01-31)\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?", "MOMENT"),
    (r"(?<![T \d:]\d)(?<![-+T:\d])(?:\d+:)?\d+:\d\d(?::\d\d)?(?!\d)|-:--:--", "CLOCK"),
    (r"\d+(?:\.\d+)? (?:s|ms|seconds)\b", "SECONDS"),
    (r"\d+(?:\.\d+)? [kMG]?B\b|\d[\d,]* bytes\b", "BYTES"),
    (r"(?i)seconds: \d+\.\d+|milliseconds\":\d+\.\d+", "SECONDS"),
    (r"0x[0-9A-F]{15}", "ETAG"),
    (r"(?<=\d\.\d{3})\d+", ""),  # beyond three decimals processors differ
    (r"CLOCK(?: CLOCK)+", "CLOCK"),
    (r"[ \t]+", " "),
)


def canonical(lines: list[str]) -> list[str]:
    """The lines with what varies replaced by a word for it; without empty ones."""
    return [text for line in lines if (text := _replaced(line.strip()))]


def _replaced(line: str) -> str:
    for pattern, word in _VARIABLE:
        line = re.sub(pattern, word, line)
    return line


def shortened(said: list[str], shown: list[str]) -> list[str]:
    """What was shown, with `…` where the document has it in place of some lines; all of it where the rest differs."""
    place, chunks = 0, "\n".join(said).split(MORE)
    for chunk in (chunk.strip("\n").splitlines() for chunk in chunks):
        places = (at for at in range(place, len(shown) - len(chunk) + 1) if shown[at : at + len(chunk)] == chunk)
        found = next(places, None)
        if found is None:
            return shown
        place = found + len(chunk)
    return said if MORE in said else shown
