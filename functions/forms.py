"""Reads forms with files (multipart/form-data, RFC 7578), as browsers and `curl -F` send them."""

from io import BytesIO

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from shared.errors import Malformed, TooLarge

PARTS = 16
FIELD_BYTES = 10_000


def read_form(content_type: str, data: bytes) -> dict[str, str | bytes]:
    """The fields of a form, files as bytes; the first of a name counts.

    Raises Malformed for what is none, TooLarge for too many or too large fields.
    """
    kind, options = parse_options_header(content_type)
    parser = FormDataParser(_in_memory, max_form_memory_size=FIELD_BYTES, max_form_parts=PARTS, silent=False)
    try:
        _, fields, files = parser.parse(BytesIO(data), kind, len(data), options)
    except RequestEntityTooLarge as error:
        raise TooLarge("The form has too many or too large fields.", "Send the file as the part `image`.") from error
    except (ValueError, KeyError) as error:
        raise Malformed(f"The form cannot be read: {error}.", "Let your HTTP client build it.") from error
    return dict(fields) | {name: file.stream.read() for name, file in files.items()}


def _in_memory(*_: object, **__: object) -> BytesIO:
    return BytesIO()  # the body is in memory already, and small enough
