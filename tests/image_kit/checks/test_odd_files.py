"""Odd files: each oddity is told once, in words that name it, and ordinary photos are left alone."""

import numpy as np
import pytest
from PIL import ExifTags, Image

from image_kit.checks import find_odd_files, read_file_facts
from image_kit.photos import jpeg_bits

pytest_plugins = ["tests.fixtures.checked_sets"]


@pytest.fixture
def folder(picture_folder):
    return picture_folder({"cat": range(4), "dog": range(4, 8)})


def find_in(checked, folder):
    photos = checked(folder)
    return find_odd_files(photos, read_file_facts(photos.paths))


def test_ordinary_photos_are_not_odd(folder, checked, picture):
    picture(9).convert("L").save(folder / "cat/grey.png")
    picture(10).save(folder / "cat/photo.webp")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageWidth] = 96
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageHeight] = 72
    picture(11).save(folder / "cat/lying.jpg", exif=exif)
    assert find_in(checked, folder) == []


def write_odd(kind, path, picture):
    image = picture(20)
    if kind == "single colour":
        Image.new("RGB", (60, 60), (200, 10, 10)).save(path)
    elif kind == "plain grey":
        pixels = np.asarray(image).copy()
        pixels[50:] = 128
        Image.fromarray(pixels).save(path, quality=100, subsampling=0)
    elif kind == "tiny":
        image.resize((20, 16)).save(path)
    elif kind == "times as long as wide":
        image.resize((400, 50)).save(path)
    elif kind == "animation":
        image.save(path, format="GIF", save_all=True, append_images=[picture(21)])
    elif kind == "bits a sample":
        Image.fromarray(np.random.default_rng(0).integers(0, 65536, (64, 64), np.uint16)).save(path, format="PNG")
    elif kind == "but it is a PNG":
        image.save(path, format="PNG")
    else:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageWidth] = 96
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageHeight] = 72
        image.transpose(Image.Transpose.ROTATE_270).save(path, exif=exif)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("single colour", "odd.jpg"),
        ("plain grey", "odd.jpg"),
        ("tiny", "odd.jpg"),
        ("times as long as wide", "odd.jpg"),
        ("animation", "odd.gif"),
        ("bits a sample", "odd.png"),
        ("but it is a PNG", "odd.jpg"),
        ("lies on its side", "odd.jpg"),
    ],
)
def test_each_oddity_is_told(kind, name, folder, checked, picture):
    write_odd(kind, folder / "dog" / name, picture)
    (found,) = find_in(checked, folder)
    assert (found.file, found.kind) == (f"dog/{name}", "odd")
    assert kind in found.evidence
    assert found.suggestion


def test_thumbnails_and_system_files_are_told(folder, checked, picture):
    (folder / "cat/thumbs").mkdir()
    picture(30).save(folder / "cat/thumbs/a.jpg")
    (folder / "dog/Thumbs.db").write_bytes(b"x")
    found = find_in(checked, folder)
    assert [each.file for each in found] == ["cat/thumbs/a.jpg", ""]
    assert "thumbnail" in found[0].evidence
    assert "dog/Thumbs.db" in found[1].evidence


def test_unreadable_photos_come_first_with_their_reason(folder, checked):
    data = (folder / "dog/004x.jpg").read_bytes()
    (folder / "dog/cut.jpg").write_bytes(data[: len(data) // 2])
    (folder / "dog/text.jpg").write_text("no photo")
    found = find_in(checked, folder)
    assert [(each.file, each.kind, each.action) for each in found] == [
        ("dog/cut.jpg", "unreadable", "drop"),
        ("dog/text.jpg", "unreadable", "drop"),
    ]
    assert "ends too early" in found[0].evidence


def test_a_jpeg_of_12_bits_is_named_as_such(folder, checked):
    data = bytearray((folder / "dog/004x.jpg").read_bytes())
    at = data.index(b"\xff\xc0") + 4
    assert data[at] == 8
    assert jpeg_bits(bytes(data)) == 8
    data[at] = 12
    (folder / "dog/deep.jpg").write_bytes(data)
    (found,) = find_in(checked, folder)
    assert found.kind == "unreadable"
    assert "12 bits" in found.evidence
