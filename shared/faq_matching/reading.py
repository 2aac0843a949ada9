"""FAQs as people keep them: JSON, question sets of Stack Exchange, tables; HTML becomes plain text."""

import csv
import re
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec

from shared.errors import InvalidInput
from shared.faq_matching.entries import Entry

HINT = (
    'It can be a JSON list of {"question": "...", "answer": "...", "also": ["..."]}, Stack Exchange threads '
    '({"root": {"qapair": [...]}}), or a table (.tsv, .csv) whose first line names a column question or Text0.'
)
_LONGEST = 4_000  # characters of a question
_DUPLICATE = re.compile(r"(?im)^\W*possible duplicates?\b.*$")
_HTML = re.compile(r"</(?:p|a|li|pre|code|div|em|strong|b|i|blockquote)>|<(?:p|br|hr)\b[^<>]*>|&(?:\w+|#\d+);")
_BLOCKS = {"p", "div", "br", "li", "ul", "ol", "pre", "blockquote", "tr", "h1", "h2", "h3", "h4", "hr"}
_SILENT = {"script", "style"}


def read_entries(path: Path) -> list[Entry]:
    """The entries of a file, at least one. Raises InvalidInput where it is no FAQ, with the entry that is not."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read as UTF-8 text: {error}.", HINT) from error
    rows = _table(text, "," if path.suffix == ".csv" else "\t") if path.suffix in (".tsv", ".csv") else _json(text)
    entries: dict[str, Entry] = {}
    for number, row in enumerate(rows, 1):
        try:
            entry = msgspec.convert(row, Entry)
        except msgspec.ValidationError as error:
            raise InvalidInput(f"Entry {number} of {path.name} cannot be used: {error}.", HINT) from error
        before = entries.get(entry.id)
        entries[entry.id] = _joined(before, entry) if before else entry
    if not entries:
        raise InvalidInput(f"{path.name} has no entries.", HINT)
    return list(entries.values())


def plain(text: str) -> str:
    """The text without HTML and lines that name a possible duplicate; one that only mentions a tag stays as it is."""
    if _HTML.search(text):
        parser = _Text()
        parser.feed(text)
        parser.close()
        text = re.sub(r"\n{2,}", "\n\n", re.sub(r"[ \t]*\n[ \t]*", "\n", "".join(parser.parts)))
    return _DUPLICATE.sub("", text).strip()


class _Text(HTMLParser):
    """Collects what a reader sees, a line for each block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._quotes: list[int] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._silent += tag in _SILENT
        if tag == "blockquote":
            self._quotes.append(len(self.parts))
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(self._silent - (tag in _SILENT), 0)
        if tag == "blockquote" and self._quotes:
            begin = self._quotes.pop()
            if _DUPLICATE.search("".join(self.parts[begin:])):
                del self.parts[begin:]
        if tag in _BLOCKS - {"li", "br"}:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def _json(text: str) -> Iterator[dict[str, Any]]:
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(f"The file is not JSON: {error}.", HINT) from error
    threads = (
        data.get("root", {}).get("qapair") if isinstance(data, dict) and isinstance(data.get("root"), dict) else None
    )
    rows = data if threads is None else threads
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidInput("The file's JSON is not a list of entries.", HINT)
    return map(_thread if threads is not None else _entry, rows)


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    texts = {name: plain(row[name]) for name in ("question", "answer") if isinstance(row.get(name), str)}
    also = row.get("also", ())
    cleaned = (
        [plain(text) if isinstance(text, str) else text for text in also] if isinstance(also, list | tuple) else also
    )
    return {"id": _id_of(texts.get("question", "")), "answer": "", **row, **texts, "also": cleaned}


def _thread(row: dict[str, Any]) -> dict[str, Any]:
    """Of Stack Exchange: several answers, and rephrasings of which some are missing (`*`)."""
    also = [text for text in row.get("rephr") or () if text and str(text).strip() != "*"]
    answers = [text for text in row.get("answer") or () if text]
    return _entry({"question": row.get("question"), "answer": "\n\n".join(map(str, answers)), "also": also})


def _table(text: str, delimiter: str) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(10_000_000)
    reader = csv.DictReader(StringIO(text, newline=""), delimiter=delimiter)
    names = {name.lower(): name for name in reader.fieldnames or ()}
    asked = next((names[name] for name in ("question", "text0", "text") if name in names), None)
    if asked is None:
        raise InvalidInput(f"The table has no column of questions, only {', '.join(names)}.", HINT)
    for row in reader:
        title, body = _title(row[asked] or "")
        link = f"https://stackoverflow.com/a/{row[names['answerid']]}" if "answerid" in names else ""
        yield {
            "id": (row[names["id"]] if "id" in names else "") or _id_of(title),
            "question": title,
            "answer": plain(row[names["answer"]] or "") if "answer" in names else link,
            "also": [body] if body else [],
        }


def _title(text: str) -> tuple[str, str]:
    """A title and the text below it, where there is one: `Title. <p>Text …`."""
    tag = re.search(r"\.\s*<p>|<(?:p|pre|div|blockquote)\b", text)
    if tag is None:
        return plain(text)[:_LONGEST], ""
    return plain(text[: tag.start()])[:_LONGEST], plain(text[tag.start() :].lstrip(". "))[:_LONGEST]


def _joined(first: Entry, more: Entry) -> Entry:
    """Of two with one id: the first, which the other's phrasings are added to."""
    also = tuple(dict.fromkeys((*first.also, *more.texts)))
    return Entry(id=first.id, question=first.question, answer=first.answer or more.answer, also=also)


def _id_of(question: str) -> str:
    """An id that stays while the question does."""
    return sha256(question.encode("utf-8", "replace")).hexdigest()[:12]
