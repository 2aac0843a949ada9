"""Reads forms with files (multipart/form-data, RFC 7578), as browsers, `curl -F` and HTTP libraries send them."""

from collections.abc import Iterator

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder

from shared.errors import Malformed, TooLarge

PARTS = 16
_HINT = "Let your HTTP client build the form and its content type."


class _Decoder(MultipartDecoder):
    """Reads names of files in any encoding: curl on Windows sends them in the code page, and nobody needs them here."""

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        return super()._parse_headers(data.decode(errors="replace").encode())


def read_form(content_type: str, data: bytes) -> dict[str, bytes]:
    """The parts of a form by name, as they are: a file's name SHOULD be there, not MUST; the first of a name counts.

    Raises Malformed for what is no form, TooLarge for too many parts. How large parts are is the body's limit.
    """
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not boundary:
        raise Malformed("The content type names no boundary of the form's parts.", _HINT)
    decoder = _Decoder(boundary.encode(), max_parts=PARTS)
    decoder.receive_data(data)
    decoder.receive_data(None)
    try:
        parts: dict[str, bytes] = {}
        for name, content in _parts(decoder):
            parts.setdefault(name, content)
    except RequestEntityTooLarge as error:
        raise TooLarge(f"The form has more than {PARTS} parts.", "Send the file as the part `image`.") from error
    except (ValueError, AttributeError) as error:  # AttributeError: a part that ends within its head
        raise Malformed("The form cannot be read: it is cut off, or a part has no head.", _HINT) from error
    return parts


def _parts(decoder: MultipartDecoder) -> Iterator[tuple[str, bytes]]:
    name = ""
    while not isinstance(event := decoder.next_event(), Epilogue):
        if isinstance(event, Field | File):
            name = event.name or ""
        elif isinstance(event, Data):  # the whole body is there: a part is one piece
            yield name, event.data
