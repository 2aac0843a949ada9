"""Compressed bodies (RFC 9110, "Content-Encoding"), opened only as far as the limit allows."""

import zlib

from shared.errors import Malformed, TooLarge, UnsupportedEncoding
from shared.realtime.inference.datatypes import shown

_EITHER = zlib.MAX_WBITS | 32  # gzip and zlib tell themselves apart


def decoded(body: bytes, encoding: str, limit: int) -> bytes:
    """The body as it was before it was compressed, in gzip or deflate; itself where it was not.

    Raises TooLarge where it grows over `limit` bytes, Malformed where it is damaged, UnsupportedEncoding for others.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip" | "deflate":
            return _inflated(body, limit)
    raise UnsupportedEncoding(f"The content encoding {shown(encoding)} is not known.", "Send gzip, deflate, or none.")


def _inflated(body: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj(_EITHER)
    try:
        data = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise Malformed("The body is damaged, or not compressed as its content encoding says.") from error
    if len(data) > limit:
        raise TooLarge(f"The body has more than {limit} bytes once it is decompressed.", "Send less at once.")
    if not stream.eof or stream.unused_data:
        raise Malformed("The compressed body ends too early, or goes on after its end.")
    return data
