"""Fetches a published file over HTTPS: goes on where it broke off, and keeps only the very file that was meant."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

import requests

from shared.errors import InvalidInput, TallyError, Transient

BLOCK = 1 << 16
TIMEOUT_SECONDS = 30

type Progress = Callable[[int, int], None]
"""Hears how many bytes there are, and how many there will be (0: not known)."""


@dataclass(frozen=True, slots=True)
class Published:
    """A file that others publish: where, what it must be, and a size in bytes that it stays below.

    The addresses are tried in turn.
    """

    addresses: tuple[str, ...]
    sha256: str
    most: int

    def place(self, folder: Path) -> Path:
        """Where it is kept in a folder."""
        return folder / f"{self.sha256[:16]}-{self.addresses[0].rsplit('/', 1)[-1]}"


def fetch(file: Published, folder: Path, progress: Progress = lambda size, total: None) -> Path:
    """The file in the folder, fetched unless it is there; what is there of it already is not fetched again.

    Raises Transient where no address gives it.
    """
    target = file.place(folder)
    if target.exists() and _digest(target) == file.sha256:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    problems = []
    for address in file.addresses:
        try:
            return _fetched(address, file, target, progress)
        except (requests.RequestException, TallyError) as error:
            problems.append(f"{address}: {_reason(error)}")
    raise Transient(
        f"The file cannot be fetched. {' '.join(problems)}",
        f"Run it again to go on; or fetch the file elsewhere, and put it at {target}.",
    )


def _fetched(address: str, file: Published, target: Path, progress: Progress) -> Path:
    """Raises InvalidInput where what came is something else, Transient where it ends too soon."""
    part = target.with_name(f"{target.name}.part")
    first = held = _size(part)
    while not _grown(address, part, file.most, progress):
        if _size(part) <= held:
            raise Transient(f"The connection broke off after {held:,} bytes.")
        held = _size(part)
    if _digest(part) == file.sha256:
        return part.replace(target)
    part.unlink()
    if first:  # of another file, maybe: an older download, another address
        return _fetched(address, file, target, progress)
    raise InvalidInput(f"What came is not the file that was published (SHA-256 {file.sha256}).")


def _grown(address: str, part: Path, most: int, progress: Progress) -> bool:
    """Fetch what the part lacks, and whether it is whole then. If-Range is not needed: the digest decides."""
    held = _size(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={held}-"} if held else {})
    with requests.get(address, stream=True, timeout=TIMEOUT_SECONDS, headers=headers) as answer:
        if held and answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return True  # nothing is lacking
        answer.raise_for_status()
        if answer.status_code != HTTPStatus.PARTIAL_CONTENT:
            held = 0
        length = int(answer.headers.get("Content-Length", 0))
        total = held + length if length else 0
        with part.open("r+b" if held else "wb") as sink:
            sink.seek(held)
            try:
                for block in answer.iter_content(BLOCK):
                    _check_size(sink.tell() + len(block), most)
                    sink.write(block)
                    progress(sink.tell(), total)
            except requests.RequestException:
                return False
            return sink.tell() >= total


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise InvalidInput("What comes is larger than the file that was published.")


def _reason(error: Exception) -> str:
    match error:
        case requests.HTTPError(response=requests.Response() as answer):
            return f"it answers {answer.status_code} {answer.reason}."
        case requests.exceptions.SSLError():
            return "its certificate is not trusted here."
        case requests.Timeout():
            return "it does not answer."
        case requests.ConnectionError():
            return "it cannot be reached; is there a network?"
        case _:
            return str(error)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _digest(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as source:
        while block := source.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
