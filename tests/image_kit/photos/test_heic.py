"""HEIC photos, with and without their decoder, whatever their names say."""

import io

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from image_kit.photos import open_photo

WITHOUT = """
import sys
sys.modules["pillow_heif"] = None
from pathlib import Path
from image_kit.photos import PhotoError, find_photos, open_photo
for source in (Path(PATH), Path(PATH).read_bytes()):
    try:
        open_photo(source)
    except PhotoError as error:
        print(error)
import io
print([source.name for source in find_photos(["-"], io.BytesIO(Path(PATH).read_bytes()))])
"""


@pytest.fixture
def photo_and_heic(tmp_path):
    """An image, and a HEIC file of it whose name is that of a JPEG."""
    image = Image.effect_noise((64, 48), 30).convert("RGB").resize((64, 48))
    image.paste((200, 30, 30), (0, 0, 32, 24))
    path = tmp_path / "phone.jpg"
    pillow_heif.from_pillow(image).save(path, quality=95)
    return image, path


def test_it_is_read_by_its_content(photo_and_heic):
    image, path = photo_and_heic
    for source in (path, path.read_bytes()):
        opened = open_photo(source)
        assert (opened.mode, opened.size) == ("RGB", (64, 48))
        assert np.abs(np.asarray(opened, int) - np.asarray(image)).mean() < 8  # it is compressed with losses


def test_it_is_turned_upright_once(tmp_path):
    image = Image.new("RGB", (64, 48), "white")
    image.paste((200, 30, 30), (0, 0, 16, 48))  # the left edge is red
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise: the left edge becomes the upper one
    pillow_heif.from_pillow(image).save(tmp_path / "a.heic", exif=exif.tobytes(), quality=95)
    opened = open_photo(tmp_path / "a.heic")
    assert opened.size == (48, 64)
    above, below = np.asarray(opened, int)[4, 24], np.asarray(opened, int)[60, 24]
    assert above[1] < 80 < below[1]


@pytest.mark.parametrize("name", ["a.HEIC", "b.heif", "c.hif"])
def test_a_jpeg_under_its_name_is_read(tmp_path, name):
    data = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(data, "JPEG")
    (tmp_path / name).write_bytes(data.getvalue())
    assert open_photo(tmp_path / name).size == (20, 10)


def test_without_the_decoder_one_line_says_what_to_install(photo_and_heic, run_python):
    path = photo_and_heic[1]
    process = run_python("-c", WITHOUT.replace("PATH", repr(str(path))))
    line = "is a HEIC photo; to read such photos: pip install pillow-heif, or save it as JPEG\n"
    assert process.stdout == line * 2 + "['-']\n", process.stderr
