"""Whatever file is sent becomes an upright RGB image or a reason why not, within bounds."""

import struct
import subprocess
import sys
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shared.errors import InvalidInput
from shared.image_classification.decode import decode
from tests.image_classification.pictures import FORMATS, photo, saved

LIMIT = 1_000_000


TURNED = Image.Exif()
TURNED[0x0112] = 6


def pixels(data: bytes) -> np.ndarray:
    image = decode(data, LIMIT)
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_is_read(form: str) -> None:
    exact = pixels(saved(photo()))
    lossy = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(form, {})
    assert np.abs(pixels(saved(photo(), form, **lossy)) - exact).mean() < (40 if form == "GIF" else 2)


@pytest.mark.parametrize("turn", range(1, 9))
def test_what_a_camera_held_otherwise_took_is_upright(turn: int) -> None:
    turns = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],  # the camera stores it turned the other way
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = photo()
    for how in turns.get(turn, []):
        stored = stored.transpose(how)
    exif = Image.Exif()
    exif[0x0112] = turn
    np.testing.assert_array_equal(pixels(saved(stored, "PNG", exif=exif)), np.asarray(photo()))


def test_grey_palette_and_one_bit_images_become_rgb() -> None:
    grey = photo().convert("L")
    np.testing.assert_array_equal(pixels(saved(grey)), np.asarray(grey.convert("RGB")))
    for mode in ("P", "1", "LA"):
        found = pixels(saved(photo().convert(mode)))
        np.testing.assert_array_equal(found, np.asarray(photo().convert(mode).convert("RGB")))


def test_sixteen_bits_keep_their_brightness() -> None:
    values = np.linspace(0, 65535, 48 * 32).reshape(32, 48).astype(np.uint16)
    np.testing.assert_array_equal(pixels(saved(Image.fromarray(values)))[:, :, 0], values >> 8)


def test_what_is_transparent_is_white() -> None:
    image = photo().convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    assert (pixels(saved(image)) == 255).all()
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    assert (pixels(saved(half)) == 127).all()
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    assert (pixels(saved(palette, "GIF", transparency=1)) == 255).all()


def test_inks_of_print_become_light() -> None:
    found = pixels(saved(photo().convert("CMYK"), "JPEG", quality=95))
    assert np.abs(found - np.asarray(photo())).mean() < 6


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_of_moving_images_the_first_frame_counts(form: str) -> None:
    more = [Image.new("RGB", (48, 32), "black")] * 2
    options = {"lossless": True} if form == "WEBP" else {}
    still = pixels(saved(photo(), form, **options))
    moving = pixels(saved(photo(), form, save_all=True, append_images=more, **options))
    assert np.abs(moving - still).mean() < 2


@pytest.mark.parametrize("form", FORMATS)
def test_every_truncation_is_refused_or_lacks_nothing(form: str) -> None:
    whole = saved(photo(), form)
    expected = pixels(whole)
    for size in range(len(whole)):
        with suppress(InvalidInput):
            np.testing.assert_array_equal(pixels(whole[:size]), expected)


def test_a_file_of_two_photographs_shows_the_first() -> None:
    both = saved(photo(), "MPO", save_all=True, append_images=[Image.new("RGB", (48, 32))], quality=95, subsampling=0)
    assert np.abs(pixels(both) - np.asarray(photo())).mean() < 2


def test_exif_data_that_cannot_be_read_do_not_hide_the_image() -> None:
    whole = saved(photo(), "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff nonsense")
    np.testing.assert_array_equal(pixels(whole), np.asarray(photo()))


def test_scans_without_end_are_refused_before_they_are_decoded() -> None:
    whole = saved(photo(), "JPEG", progressive=True)
    pixels(whole)
    scan = whole[whole.rfind(b"\xff\xda") : -2]
    with pytest.raises(InvalidInput, match="segments"):
        decode(whole[:-2] + 100_000 * scan + whole[-2:], LIMIT)
    with pytest.raises(InvalidInput, match="segments"):
        decode(whole[:2] + 10_000 * b"\xff\xe1\0\x09Exif\0\0x" + whole[2:], LIMIT)


def test_a_screen_as_small_as_allowed_does_not_let_a_larger_frame_in() -> None:
    whole = bytearray(saved(photo(), "GIF"))
    frame = whole.index(b",\0\0\0\0" + struct.pack("<HH", 48, 32))
    whole[frame + 5 : frame + 9] = struct.pack("<HH", 60_000, 60_000)
    with pytest.raises(InvalidInput, match="60000x60000"):
        decode(bytes(whole), LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_memory_is_bounded_by_the_pixels(form: str) -> None:
    options = {"JPEG": {"progressive": True, "exif": TURNED}, "PNG": {"exif": TURNED}}[form]
    whole = saved(Image.new({"JPEG": "RGB", "PNG": "RGBA"}[form], (5000, 4000)), form, **options)
    code = (
        "import re, sys; from pathlib import Path; from shared.image_classification.decode import decode;"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]);"
        "data = sys.stdin.buffer.read(); before = peak(); decode(data, 20_000_000); print((peak() - before) * 1024)"
    )
    run = subprocess.run([sys.executable, "-c", code], input=whole, stdout=subprocess.PIPE, check=True)
    assert 3 * 20_000_000 <= int(run.stdout) <= 4 * 3 * 20_000_000 + 10_000_000


@given(st.sampled_from(FORMATS), st.integers(0, 3000), st.binary(min_size=1, max_size=20))
def test_damage_raises_nothing_else(form: str, at: int, noise: bytes) -> None:
    data = saved(photo(), form)
    with suppress(InvalidInput):
        decode(data[:at] + noise + data[at + len(noise) :], LIMIT)


def bomb(width: int, height: int) -> bytes:
    """A PNG that promises many pixels in few bytes."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (head, b"IDAT" + zlib.compress(bytes(1000)))
    parts = (struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("size", [(60_000, 60_000), (1001, 1000), (2**31 - 1, 1), (2**31 - 1, 2**31 - 1)])
def test_more_pixels_than_allowed_are_refused_before_they_are_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidInput, match=f"{size[0]}x{size[1]} pixels, 1000000 are allowed"):
        decode(bomb(*size), LIMIT)


@pytest.mark.parametrize("form", ["TIFF", "PPM", "ICO", "TGA", "PCX", "PDF"])
def test_other_formats_are_refused(form: str) -> None:
    with pytest.raises(InvalidInput, match="no image"):
        decode(saved(photo(), form), LIMIT)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"<svg/>", b"\xff\xd8\xff"])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode(data, LIMIT)
