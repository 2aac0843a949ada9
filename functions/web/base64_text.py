"""Base64 as people's programs write it: RFC 4648 with or without padding, wrapped, URL-safe, or as a data URL."""

import re
from base64 import b64decode

from shared.errors import InvalidInput

_DATA_URL = re.compile(r"\s*data:[^,]*,", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n]+")
_TEXT = re.compile(r"[A-Za-z0-9+/]*")
_URL_SAFE = str.maketrans("-_", "+/")
_HINT = "Send the file's bytes in base64, such as iVBORw0KGgo=."


def decode(text: str) -> bytes:
    """The bytes. Raises InvalidInput for what is not base64, with the cause."""
    if scheme := _DATA_URL.match(text):
        if not scheme[0].lower().endswith(";base64,"):
            raise InvalidInput("The data URL is not in base64.", _HINT)
        text = text[scheme.end() :]
    text = _SPACE.sub("", text).translate(_URL_SAFE)
    bare = text.removesuffix("=").removesuffix("=")
    end = _TEXT.match(bare)
    if end is None or end.end() != len(bare):
        at = end.end() if end else 0
        raise InvalidInput(f"The base64 has the character {bare[at]!r} at place {at}.", _HINT)
    if len(bare) % 4 == 1:
        raise InvalidInput("The base64 is cut off: one letter of it alone is no byte.", _HINT)
    return b64decode(bare + "=" * (-len(bare) % 4))


def decode_if(data: bytes) -> bytes:
    """The bytes of a file that came as base64 text; any other file as it is: pictures are never ASCII throughout."""
    if not data or not data.isascii():
        return data
    try:
        return decode(data.decode("ascii"))
    except InvalidInput:
        return data
