"""Image files that are cut off, damaged, or claim to be far larger than they are."""

import random
import struct
import zlib
from functools import cache
from io import BytesIO

from PIL import Image

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
CLAIM = 60_000


@cache
def pictures() -> dict[str, bytes]:
    """A small valid image in every format."""
    pixels = random.Random(7).randbytes(48 * 32 * 3)
    image = Image.frombytes("RGB", (48, 32), pixels)
    return {name: _saved(image, name) for name in FORMATS}


def cut_off() -> list[tuple[str, bytes]]:
    """Files that end too early."""
    return [
        (f"{name} cut off after {len(data) * part // 10} bytes", data[: len(data) * part // 10])
        for name, data in pictures().items()
        for part in range(1, 9)
    ]


def damaged() -> list[tuple[str, bytes]]:
    """Files of which some bytes are others; some can still be read."""
    chance = random.Random(11)
    found = []
    for name, data in pictures().items():
        for count in (1, 2, 4, 8, 16, 32, 64):
            changed = bytearray(data)
            for _ in range(count):
                changed[chance.randrange(len(data))] = chance.randrange(256)
            found.append((f"{name} with {count} other bytes", bytes(changed)))
    return found


def claims() -> list[tuple[str, bytes]]:
    """Small files whose headers claim 60000 x 60000 pixels (16383 in WebP, which knows no more), or none."""
    return [
        ("PNG claims to be huge", _png(CLAIM, CLAIM)),
        ("PNG claims the most there is", _png(2**31 - 1, 2**31 - 1)),
        ("PNG claims more than there is", _png(2**32 - 1, 2**32 - 1)),
        ("PNG claims a line", _png(2**31 - 1, 1)),
        ("PNG of no width", _png(0, 10)),
        ("PNG of no height", _png(10, 0)),
        ("PNG of an unknown kind", _png(10, 10, kind=9)),
        ("PNG of 64 bits", _png(10, 10, depth=64)),
        ("PNG whose pixels are a bomb", _png(20_000, 20_000, data=_bomb(50_000_000))),
        ("PNG with far more pixels than it claims", _png(1, 1, data=_bomb(50_000_000))),
        ("PNG with a bomb as its profile", _png(8, 8, before=_chunk(b"iCCP", b"p\0\0" + _bomb(50_000_000)), data=b"")),
        ("PNG with a bomb as its text", _png(8, 8, before=_chunk(b"zTXt", b"t\0\0" + _bomb(90_000_000)), data=b"")),
        ("PNG with a chunk that claims 2 GB", PNG + struct.pack(">I4s", 2**31 - 1, b"IHDR")),
        ("PNG of one megabyte of empty chunks", PNG + _chunk(b"aaAa", b"") * 80_000),
        ("PNG over the limit of pixels", _saved(Image.new("1", (5_001, 5_001)), "PNG")),
        ("PNG with as many pixels as allowed", _saved(Image.new("1", (5_000, 5_000)), "PNG")),
        ("GIF claims to be huge", b"GIF89a" + struct.pack("<HHBBB", CLAIM, CLAIM, 0, 0, 0) + _gif_frame(CLAIM, CLAIM)),
        ("GIF claims a huge frame", b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + _gif_frame(65_535, 65_535)),
        ("GIF without a frame", b"GIF89a" + struct.pack("<HHBBB", 10, 10, 0, 0, 0) + b";"),
        ("GIF of no size", b"GIF89a" + struct.pack("<HHBBB", 0, 0, 0, 0, 0) + _gif_frame(0, 0)),
        ("JPEG claims to be huge", _resized_jpeg(CLAIM, CLAIM)),
        ("JPEG claims a line", _resized_jpeg(65_535, 1)),
        ("JPEG of no height", _resized_jpeg(48, 0)),
        ("JPEG of no width", _resized_jpeg(0, 32)),
        ("WebP claims to be huge", _webp(16_383, 16_383)),
        ("WebP claims a canvas of 16 million squared", _webp_canvas(2**24, 2**24)),
        ("BMP claims to be huge", _bmp(CLAIM, CLAIM)),
        ("BMP claims the most there is", _bmp(2**31 - 1, 2**31 - 1)),
        ("BMP of negative size", _bmp(-48, -32)),
        ("BMP of no size", _bmp(0, 0)),
        ("BMP whose pixels begin behind its end", _bmp(48, 32, offset=2**32 - 1)),
        ("BMP of unknown bits", _bmp(48, 32, bits=77)),
        ("BMP with runs that never end", _bmp(5_000, 4_000, bits=8, compression=1)),
    ]


def no_pictures() -> list[tuple[str, bytes]]:
    """Files of other kinds, and only the beginnings of images."""
    image = Image.new("RGB", (8, 8))
    return [
        ("nothing", b""),
        ("a zero byte", b"\0"),
        ("text", b"this is no image"),
        ("a megabyte of zeros", bytes(1_000_000)),
        ("a megabyte of chance", random.Random(3).randbytes(1_000_000)),
        ("SVG", b'<svg xmlns="http://www.w3.org/2000/svg" width="60000" height="60000"/>'),
        ("SVG that reads a file", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><svg>&b;</svg>'),
        ("PDF", b"%PDF-1.7\n%%EOF"),
        ("PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 60000 60000\n"),
        ("ZIP", b"PK\x03\x04" + bytes(40)),
        ("gzip", zlib.compress(bytes(1_000))),
        ("ELF", b"\x7fELF" + bytes(60)),
        ("TIFF", _saved(image, "TIFF")),
        ("ICO", _saved(image, "ICO")),
        ("PPM", _saved(image, "PPM")),
        ("TGA", _saved(image, "TGA")),
        ("PNG's first bytes", PNG),
        ("JPEG's first bytes", b"\xff\xd8\xff\xe0"),
        ("GIF's first bytes", b"GIF89a"),
        ("WebP's first bytes", b"RIFF\xff\xff\xff\xffWEBPVP8 "),
        ("BMP's first bytes", b"BM"),
        ("PNG's first bytes, and JPEG after them", PNG + pictures()["JPEG"]),
        ("base64 as it is", b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"),
        ("an address of an image", b"https://example.com/cat.jpg"),
    ]


PNG = b"\x89PNG\r\n\x1a\n"


def _saved(image: Image.Image, name: str) -> bytes:
    file = BytesIO()
    image.save(file, name)
    return file.getvalue()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@cache
def _bomb(size: int) -> bytes:
    """Zlib data that become `size` zeros."""
    stream = zlib.compressobj(1)
    parts = [stream.compress(bytes(1_000_000)) for _ in range(size // 1_000_000)]
    return b"".join([*parts, stream.flush()])


def _png(
    width: int, height: int, kind: int = 2, depth: int = 8, data: bytes = b"x\x9c\x03\0\0\0\0\x01", before: bytes = b""
) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return PNG + header + before + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _gif_frame(width: int, height: int) -> bytes:
    return b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\x00;"


def _resized_jpeg(width: int, height: int) -> bytes:
    data = pictures()["JPEG"]
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def _webp(width: int, height: int) -> bytes:
    frame = b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(20)
    return _riff(b"VP8 " + struct.pack("<I", len(frame)) + frame)


def _webp_canvas(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return _riff(b"VP8X" + struct.pack("<II", 10, 2) + size + b"ANIM" + struct.pack("<IIH", 6, 0, 0))


def _riff(content: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(content) + 4) + b"WEBP" + content


def _bmp(width: int, height: int, offset: int = 54, bits: int = 24, compression: int = 0) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, offset) + header + b"\xff\x01" * 100
