"""What samples mean: palettes, transparency, gray, 16 bits, floats and CMYK all become RGB of 8 bits."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from image_kit.photos.opening import open_photo

pytestmark = pytest.mark.filterwarnings("error")

RED, BLUE = (230, 20, 20), (20, 20, 230)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_a_transparent_colour_of_a_palette_becomes_white():
    image = Image.new("P", (4, 2))
    image.putpalette([*RED, *BLUE])
    image.putpixel((0, 0), 1)
    for kind in ("PNG", "GIF"):
        opened = open_photo(encoded(image, kind, transparency=1))
        assert opened.getpixel((0, 0)) == (255, 255, 255)
        assert opened.getpixel((1, 0)) == RED


def test_palette_entries_half_transparent():
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, *BLUE])
    image.putpixel((1, 0), 1)
    opened = open_photo(encoded(image, "PNG", transparency=bytes([51, 255])))
    assert opened.getpixel((0, 0)) == (204, 204, 204)
    assert opened.getpixel((1, 0)) == BLUE


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_laid_on_white(mode):
    pixels = np.zeros((1, 3, len(mode)), np.uint8)
    pixels[0, :, -1] = 0, 51, 255
    opened = open_photo(encoded(Image.fromarray(pixels, mode) if mode == "RGBA" else _gray_alpha(pixels), "PNG"))
    assert [opened.getpixel((x, 0)) for x in range(3)] == [(255,) * 3, (204,) * 3, (0,) * 3]


def _gray_alpha(pixels: np.ndarray) -> Image.Image:
    return Image.merge("LA", [Image.fromarray(pixels[..., 0]), Image.fromarray(pixels[..., 1])])


def test_a_transparent_colour_of_rgb_becomes_white():
    image = Image.new("RGB", (2, 1), RED)
    image.putpixel((1, 0), BLUE)
    opened = open_photo(encoded(image, "PNG", transparency=RED))
    assert [opened.getpixel((x, 0)) for x in range(2)] == [(255, 255, 255), BLUE]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_gray_and_black_and_white(kind):
    gray = np.tile(np.uint8([10, 250]), (16, 16)).repeat(8, axis=1)
    opened = np.asarray(open_photo(encoded(Image.fromarray(gray), kind)))
    assert np.abs(opened.astype(int) - gray[..., None]).max() <= (3 if kind == "JPEG" else 0)
    if kind != "JPEG":
        opened = np.asarray(open_photo(encoded(Image.fromarray(gray).point(lambda v: v > 99 and 255, "1"), kind)))
        assert set(np.unique(opened)) == {0, 255}


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_become_8_whole_range(kind):
    """k * 257 is k exactly; one photo may use the whole range, another the dark end of it only."""
    samples = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    opened = np.asarray(open_photo(encoded(Image.fromarray(samples), kind)))
    assert (opened == np.arange(256).reshape(16, 16, 1)).all()
    assert (np.asarray(open_photo(encoded(Image.fromarray(samples * 0 + 65535), kind))) == 255).all()


@pytest.mark.parametrize("dark", [0, 100, 256, 257])
def test_a_dark_16_bit_photo_is_not_made_bright(dark):
    opened = np.asarray(open_photo(encoded(Image.fromarray(np.full((4, 4), dark, np.uint16)), "PNG")))
    assert (opened == round(dark / 257)).all()


def test_16_bit_colour_png():
    """Pillow itself reads 16-bit RGB as 8-bit; the high byte must be what arrives."""
    row = b"\0" + struct.pack(">6H", 65535, 0, 0, 0, 257 * 7, 65535)
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in (
            (b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(row)),
            (b"IEND", b""),
        )
    )
    opened = open_photo(png)
    assert [opened.getpixel((x, 0)) for x in range(2)] == [(255, 0, 0), (0, 7, 255)]


@pytest.mark.parametrize(
    ("samples", "expected"), [((0.0, 0.5, 1.0), (0, 128, 255)), ((0, 100.4, 255), (0, 100, 255)), ((-5, 0, 1e9),) * 2]
)
def test_float_tiffs(samples, expected):
    image = Image.fromarray(np.array([samples], np.float32))
    opened = open_photo(encoded(image, "TIFF"))
    assert [opened.getpixel((x, 0))[0] for x in range(3)] == np.clip(expected, 0, 255).tolist()


def test_float_tiffs_with_values_that_are_nan_or_infinite():
    image = Image.fromarray(np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32))
    opened = open_photo(encoded(image, "TIFF"))
    assert opened.size == (4, 1)
    assert opened.getpixel((1, 0))[0] == 255
    assert opened.getpixel((2, 0))[0] == 0


def test_32_bit_integers_are_clipped_or_scaled():
    opened = open_photo(encoded(Image.fromarray(np.array([[0, 100, 255]], np.int32)), "TIFF"))
    assert [opened.getpixel((x, 0))[0] for x in range(3)] == [0, 100, 255]
    opened = open_photo(encoded(Image.fromarray(np.array([[-1, 257 * 9, 65535]], np.int32)), "TIFF"))
    assert [opened.getpixel((x, 0))[0] for x in range(3)] == [0, 9, 255]


def test_a_cmyk_jpeg():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan, all magenta and yellow: red
    red, green, blue = open_photo(encoded(image, "JPEG", quality=95)).getpixel((8, 8))
    assert red > 240
    assert max(green, blue) < 15
