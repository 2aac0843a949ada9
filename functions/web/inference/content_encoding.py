"""Compressed bodies (RFC 9110, "Content-Encoding"), opened only as far as the limit allows."""

import zlib

from shared.errors import Malformed, TooLarge, UnsupportedEncoding
from shared.serving.datatypes import shown

_EITHER = zlib.MAX_WBITS | 32  # gzip and zlib tell themselves apart
_BARE = -zlib.MAX_WBITS
_PIECE = 16_384  # bytes; what follows a member is copied, so that it had better be little
_MEMBERS = 10_000


def decoded(body: bytes, encoding: str, limit: int) -> bytes:
    """The body as it was before it was compressed, in gzip or deflate; itself where it was not.

    Of gzip, several members one after the other are one body (RFC 1952, 2.2). Deflate may come without the zlib format
    around it, as .NET's DeflateStream writes it (RFC 9110, 8.4.1.2).
    Raises TooLarge where it grows over `limit` bytes, Malformed where it is damaged, UnsupportedEncoding for others.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _inflated(body, limit, _EITHER)
        case "deflate":
            return _inflated(body, limit, _EITHER if _has_header(body) else _BARE)
    raise UnsupportedEncoding(f"The content encoding {shown(encoding)} is not known.", "Send gzip, deflate, or none.")


def _has_header(body: bytes) -> bool:
    zlib_header = body[0:1] and body[0] & 15 == zlib.DEFLATED and int.from_bytes(body[:2]) % 31 == 0
    return bool(zlib_header) or body.startswith(b"\x1f\x8b")


def _inflated(body: bytes, limit: int, format: int) -> bytes:
    stream, members, data = zlib.decompressobj(format), 1, bytearray()
    for at in range(0, len(body), _PIECE):
        piece = body[at : at + _PIECE]
        while piece:
            if stream.eof:
                if not body.startswith(b"\x1f\x8b") or members == _MEMBERS:
                    raise Malformed("The compressed body goes on after its end.", "Compress it whole, and once.")
                stream, members = zlib.decompressobj(format), members + 1
            data += _opened(stream, piece, limit + 1 - len(data))
            if len(data) > limit:
                raise TooLarge(f"The body has more than {limit} bytes once it is decompressed.", "Send less at once.")
            piece = stream.unused_data
    if not stream.eof:
        raise Malformed("The compressed body ends too early.", "Send all of it.")
    return bytes(data)


def _opened(stream: "zlib._Decompress", piece: bytes, most: int) -> bytes:
    try:
        return stream.decompress(piece, most)
    except zlib.error as error:
        raise Malformed(
            "The body is damaged, or not compressed as its content encoding says.", "Compress it whole, and once."
        ) from error
