"""Damaged metadata leaves sound pixels good."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from image_kit.photos import PhotoError, open_photo, read_header
from image_kit.photos.metadata import without_metadata

pytestmark = pytest.mark.filterwarnings("error")
TALL = np.zeros((48, 32, 3), np.uint8)
TALL[:24] = 255
# 64 x 48 pixels of grey 128.
LOSSLESS_START = "ffd8ffc40014000100000000000000000000000000000000ffc3000b080030004001001100ffda000801000006"
LOSSLESS = bytes.fromhex(LOSSLESS_START) + bytes(386) + b"\xff\xd9"


def encoded(pixels, kind, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def check(data):
    assert np.abs(np.asarray(open_photo(data)).astype(int) - TALL).mean() < 1  # the noise of JPEG
    assert (read_header(data).width, read_header(data).height) == (32, 48)


@pytest.mark.parametrize("kind", [b"pHYs", b"cHRM", b"gAMA", b"iCCP", b"tIME", b"acTL", b"bKGD"])
def test_of_a_png(kind):
    png = encoded(TALL, "PNG")
    chunk = struct.pack(">I", 2) + kind + b"ab" + struct.pack(">I", zlib.crc32(kind + b"ab"))
    check(png[:33] + chunk + png[33:])


@pytest.mark.parametrize(
    ("marker", "body"), [(0xE2, b"ICC_PROFILE\0"), (0xEE, b"Adobe"), (0xED, b"Photoshop 3.0\x008BIM"), (0xFE, b"")]
)
def test_of_a_jpeg(marker, body):
    exif = Image.Exif()
    exif[0x0112] = 6  # which must stay
    jpeg = encoded(np.ascontiguousarray(np.rot90(TALL)), "JPEG", quality=95, exif=exif)
    check(jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + jpeg[2:])


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\xff\xd8\xff", b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n\0\0"])
def test_other_and_short_files_stay_as_they_are(data):
    assert without_metadata(data) == data


@pytest.mark.parametrize(
    ("place", "value", "said"), [(4, 12, "a JPEG of 12 bits a sample, which"), (1, 0xF7, "a JPEG-LS image, which")]
)
def test_a_frame_that_cannot_be_read_is_no_damage(place, value, said):
    """As X-ray equipment saves it; before the frame, there may be any amount of metadata."""
    data = bytearray(encoded(TALL, "JPEG", icc_profile=bytes(2_000)))
    data[data.index(b"\xff\xc0") + place] = value
    with pytest.raises(PhotoError, match=f"^{said} cannot be read; save it as PNG$"):
        open_photo(bytes(data))


@pytest.mark.parametrize("smallest", [None, 24, 1])
def test_a_lossless_jpeg_is_read_alike_at_every_size(smallest):
    """As medical archives have them; libjpeg makes others smaller, and called this one broken."""
    photo = open_photo(LOSSLESS, smallest)
    assert (photo.size, photo.getextrema()) == ((64, 48), ((128, 128),) * 3)
