"""Fetches a published file over HTTPS: goes on where it broke off, and keeps only the very file that was meant."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

import requests

from shared.errors import InvalidInput, TallyError, Transient

BLOCK = 1 << 16
TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Published:
    """A file that others publish: where, and what it must be. The addresses are tried in turn."""

    addresses: tuple[str, ...]
    sha256: str
    size: int


def fetch(file: Published, target: Path, progress: Callable[[int], None] = lambda size: None) -> Path:
    """The file at `target`, fetched unless it is there; what is there of it already is not fetched again.

    progress: called with how many bytes there are. Raises Transient where no address answers, InvalidInput where what
    was fetched is something else.
    """
    if target.exists() and _digest(target) == file.sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    problems = []
    for address in file.addresses:
        try:
            return _fetched(address, file, target, progress)
        except (requests.RequestException, TallyError) as error:
            problems.append(f"{address}: {error}")
    raise Transient("The file cannot be fetched. " + " ".join(problems), "Is there a network? Run it again to go on.")


def _fetched(address: str, file: Published, target: Path, progress: Callable[[int], None]) -> Path:
    part = target.with_name(f"{target.name}.part")
    held = part.stat().st_size if part.exists() else 0
    if held < file.size:
        with requests.get(address, stream=True, timeout=TIMEOUT_SECONDS, headers={"Range": f"bytes={held}-"}) as answer:
            answer.raise_for_status()
            resumed = answer.status_code == HTTPStatus.PARTIAL_CONTENT
            with part.open("ab" if resumed else "wb") as sink:
                for size in _copied(answer, sink.write, file.size - (held if resumed else 0)):
                    progress(size + (held if resumed else 0))
    if _digest(part) != file.sha256:
        part.unlink()
        raise InvalidInput(f"What came is not the file that was published (SHA-256 {file.sha256}).")
    part.replace(target)
    return target


def _copied(answer: requests.Response, write: Callable[[bytes], object], limit: int) -> Iterator[int]:
    """Write the body, and yield how much there is; raises InvalidInput for more than the limit, Transient for less."""
    size = 0
    for block in answer.iter_content(BLOCK):
        size += len(block)
        if size > limit:
            raise InvalidInput("The file is larger than the one that was published.")
        write(block)
        yield size
    if size < limit:
        raise Transient(f"The connection broke off after {size} of {limit} bytes.")


def _digest(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as source:
        while block := source.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
