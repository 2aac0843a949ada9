"""What blobs, containers and queues may be called: one rule for every name, whoever keeps them.

https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
"""

import re
import unicodedata
from collections.abc import Mapping

from shared.errors import InvalidInput
from shared.settings.rules import CONTAINER

LONGEST = 1024
"""Characters of a blob's name, in units of UTF-16 as the service counts them."""
_SEGMENTS = 254
_METADATA_BYTES = 8192
_HINT = "Give it another name."
_CONTAINER = re.compile(CONTAINER)
_METADATA_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_METADATA_VALUE = re.compile(r"([!-~]([ -~]*[!-~])?)?")


def check_name(name: str) -> None:
    """Raise InvalidInput for a name that Azure refuses, or changes, or that leads to another blob.

    HTTP clients fold `.` and `..` on the way, the service ends segments at their last dot and takes `\\` for `/`, XML
    cannot hold some characters, so that no listing with them can be read, and others forge lines of a log.
    """
    if problem := _problem(name):
        shown = name if len(name) <= 100 else f"{name[:100]}..."
        raise InvalidInput(f"{shown!r} cannot be a blob's name: {problem}.", _HINT)


def check_prefix(prefix: str) -> None:
    """Raise InvalidInput for what no name begins with."""
    if problem := _wrong_character(prefix) or _too_long(prefix):
        raise InvalidInput(f"No blob's name begins with {prefix[:100]!r}: {problem}.", _HINT)


def check_container(name: str) -> None:
    """Raise InvalidInput for what cannot be the name of a container or a queue."""
    if not _CONTAINER.fullmatch(name):
        raise InvalidInput(
            f"{name[:100]!r} cannot be the name of a container or a queue.",
            "It has 3 to 63 lower-case letters and digits, with single hyphens between them.",
        )


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Raise InvalidInput for metadata that HTTP headers cannot carry as it is."""
    for name, value in metadata.items():
        if not _METADATA_NAME.fullmatch(name):
            raise InvalidInput(f"{name[:100]!r} cannot be a name of metadata.", "Use letters, digits and '_'.")
        if not _METADATA_VALUE.fullmatch(value):
            raise InvalidInput(f"The metadata {name}={value[:100]!r} is not plain ASCII without spaces around it.")
    if sum(len(name) + len(value) for name, value in metadata.items()) > _METADATA_BYTES:
        raise InvalidInput(f"The metadata has more than {_METADATA_BYTES} bytes.")


def _problem(name: str) -> str:
    if not name:
        return "it is empty"
    return _wrong_character(name) or _too_long(name) or _wrong_segment(name.split("/"))


def _too_long(name: str) -> str:
    length = len(name.encode("utf-16-le")) // 2
    return f"it has {length} characters, {LONGEST} are allowed" if length > LONGEST else ""


def _wrong_segment(segments: list[str]) -> str:
    if len(segments) > _SEGMENTS:
        return f"it has {len(segments)} segments between slashes, {_SEGMENTS} are allowed"
    if segments[-1] == "":
        return "it ends with a slash"
    found = next((segment for segment in segments if segment.endswith(".")), "")
    return f"its segment {found[-20:]!r} ends with a dot" if found else ""


def _wrong_character(text: str) -> str:
    found = next((character for character in text if _is_unfit(character)), "")
    return f"it holds the character {found!r}, which is stored otherwise or not at all" if found else ""


def _is_unfit(character: str) -> bool:
    code = ord(character)
    noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return character == "\\" or noncharacter or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
