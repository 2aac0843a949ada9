"""Forms that never end, have no parts, too many, or parts that are not what they say."""

BOUNDARY = "boundary"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, data: bytes, more: str = '; filename="a.png"') -> bytes:
    """A part of a form."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    """A form that ends as it should."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def forms(image: bytes) -> list[tuple[str, bytes, str]]:
    """Name, body and content type."""
    whole = form(part("image", image))
    ended = f"--{BOUNDARY}--\r\n".encode()
    line = f"--{BOUNDARY}\r\n".encode()
    return [
        *((f"cut off after {at} bytes", whole[:at], TYPE) for at in (1, 10, 40, 60, 90, len(image), len(whole) - 14)),
        ("nothing", b"", TYPE),
        ("only its end", ended, TYPE),
        ("only a beginning", line, TYPE),
        ("no boundary is named", whole, "multipart/form-data"),
        ("an empty boundary", whole, "multipart/form-data; boundary="),
        ("another boundary", whole, "multipart/form-data; boundary=other"),
        ("a boundary of 10000 letters", whole, f"multipart/form-data; boundary={'b' * 10_000}"),
        ("a boundary of odd letters", whole, 'multipart/form-data; boundary="\\";\\r\\n"'),
        ("a content type that is cut off", whole, "multipart/form-data; boundary"),
        ("a part without a header", form(line + b"\r\n" + image + b"\r\n"), TYPE),
        ("a part whose header never ends", line + b"Content-Disposition: form-data; name=" + b"a" * 100_000, TYPE),
        ("a part with 10000 headers", form(line + b"A: b\r\n" * 10_000 + b"\r\nx\r\n"), TYPE),
        ("a part without a name", form(line + b"Content-Disposition: form-data\r\n\r\nx\r\n"), TYPE),
        ("a name of 100000 letters", form(part("n" * 100_000, image)), TYPE),
        ("10000 parts", form(*[part(f"p{at}", b"x") for at in range(10_000)]), TYPE),
        ("10000 times the image", form(*[part("image", b"x")] * 10_000), TYPE),
        ("another part", form(part("picture", image)), TYPE),
        ("the image as a text", form(part("image", b"no image", "")), TYPE),
        ("a megabyte as a text", form(part("image", b"a" * 1_000_000, "")), TYPE),
        ("an empty file", form(part("image", b"")), TYPE),
        ("a form within", form(part("image", form(part("image", b"x")))), TYPE),
        ("top_k is a word", form(part("top_k", b"many", ""), part("image", image)), TYPE),
        ("top_k is zero", form(part("top_k", b"0", ""), part("image", image)), TYPE),
        ("top_k is huge", form(part("top_k", b"9" * 5_000, ""), part("image", image)), TYPE),
        ("top_k is a file", form(part("top_k", b"\xff\xfe"), part("image", image)), TYPE),
        ("top_k is no UTF-8", form(part("top_k", b"\xff\xfe", ""), part("image", image)), TYPE),
        ("base64 that is none", form(line + _encoded("base64") + b"!!!\r\n"), TYPE),
        ("an encoding that is none", form(line + _encoded("x-bomb") + b"!!!\r\n"), TYPE),
        ("many dashes", b"--" * 500_000, TYPE),
        ("many line breaks", line + b"\r\n" * 400_000, TYPE),
        ("almost its boundary, often", line + b"\r\n\r\n" + b"\r\n--boundar" * 80_000, TYPE),
    ]


def _encoded(encoding: str) -> bytes:
    disposition = 'Content-Disposition: form-data; name="image"; filename="a.png"'
    return f"{disposition}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
