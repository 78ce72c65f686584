"""The script that has every command read strange images, on a few that it makes itself."""

import io

import numpy as np
import pytest
from PIL import Image

from tests import real_images
from tests.fixtures.deep_files import png

NOISE = np.random.default_rng(0).integers(0, 255, (40, 60, 4), np.uint8)


def encoded(mode, kind, **options):
    buffer = io.BytesIO()
    Image.fromarray(NOISE[..., : len(mode)], mode if len(mode) == 4 else None).save(buffer, kind, **options)
    return buffer.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded("RGB", "JPEG", exif=exif)


STRANGE = {
    "sound.png": encoded("RGB", "PNG"),
    "clear.png": encoded("RGBA", "PNG"),
    "inks.jpg": encoded("CMYK", "JPEG"),
    **{f"turned-{number}.jpg": turned(number) for number in range(1, 10)},
    "deep.png": png(NOISE[..., :3].astype(np.uint16) * 257),
    "small.gif": encoded("RGB", "GIF"),
    "lying.png": encoded("RGB", "WEBP"),
}
BROKEN = {
    "cut.jpg": encoded("RGB", "JPEG")[:-900],
    "cut.png": encoded("RGB", "PNG")[:-900],
    "empty.jpg": b"",
    "page.jpg": b"<!doctype html><p>404",
}


@pytest.mark.nightly
def test_every_command_reads_strange_images_alike(tmp_path):
    (tmp_path / "images").mkdir()
    for name, data in {**STRANGE, **BROKEN}.items():
        (tmp_path / "images" / name).write_bytes(data)
    (tmp_path / "work").mkdir()
    read, errors = real_images.read_everywhere(tmp_path / "images", tmp_path / "work")
    assert (read, sum(errors.values())) == (len(STRANGE), len(BROKEN))


def test_a_disagreement_is_told():
    with pytest.raises(AssertionError, match=r"b\.png: \{'check': None, 'predict': 'damaged'\}"):
        real_images.compare(["a.png", "b.png"], {"check": {}, "predict": {"b.png": "damaged"}})
