"""JSON as people's programs write it, read into a type; the same for every route."""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE

import msgspec

from shared.errors import InvalidInput, Malformed

_BOM = b"\xef\xbb\xbf"
_UTF_16 = (BOM_UTF16_LE, BOM_UTF16_BE)
_FLOAT_FOR_INT = re.compile(r"Expected `int[^`]*`, got `float`")


def decode[T](data: bytes | msgspec.Raw, kind: type[T], what: str = "The body", hint: str = "See /api/docs.") -> T:
    """The value. A byte order mark before it is passed over (RFC 8259, 8.1), and 24.0 is a whole number.

    Raises Malformed for what is no JSON, InvalidInput for JSON of another shape; what: how messages call it.
    """
    text = bytes(data).removeprefix(_BOM)
    if not text.strip():
        raise Malformed(f"{what} is empty.", hint)
    if b"\0" in text[:4] or text.startswith(_UTF_16):  # as PowerShell writes files
        raise Malformed(f"{what} is no JSON: it is in UTF-16 or UTF-32.", "Send UTF-8.")
    try:
        return _read(text, kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{what} is not what is asked for: {error}.", hint) from error
    except UnicodeDecodeError as error:
        raise Malformed(f"{what} is no JSON: it is not in UTF-8.", hint) from error
    except RecursionError as error:
        raise Malformed(f"{what} is no JSON that can be read: it is nested too deeply.", hint) from error
    except msgspec.DecodeError as error:
        raise Malformed(f"{what} is no JSON: {error}.", hint) from error


def is_float_for_int(error: Exception) -> bool:
    """Whether a number with a fraction came where a whole one belongs; if the fraction is 0, it is one."""
    return _FLOAT_FOR_INT.match(str(error)) is not None


def _read[T](text: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        if not is_float_for_int(error):
            raise
        return msgspec.json.decode(text, type=kind, strict=False)
