"""Headers: what a file says before its pixels are decoded."""

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from image_kit.photos import fits_suffix, open_photo, read_header

pytest_plugins = ["tests.fixtures.checked_sets"]


@pytest.mark.parametrize("quality", [30, 50, 75, 92, 100])
def test_the_quality_of_a_jpeg_is_read_from_its_tables(quality, picture, tmp_path):
    picture(0).save(tmp_path / "a.jpg", quality=quality)
    assert abs(read_header((tmp_path / "a.jpg").read_bytes()).quality - quality) <= 1  # the tables are rounded


def test_damaged_exif_does_not_matter(picture, tmp_path):
    picture(0).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01")
    header = read_header((tmp_path / "a.jpg").read_bytes())
    assert (header.width, header.height) == (96, 72)
    assert np.isnan(header.taken)


def test_times_and_cameras_are_read(picture, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Maker ", "Model\0"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "1970:01:02 00:00:05"
    picture(0).save(tmp_path / "a.jpg", exif=exif)
    header = read_header((tmp_path / "a.jpg").read_bytes())
    assert (header.camera, header.taken) == ("Maker Model", 24 * 3600 + 5)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(("orientation", "size"), [(1, (96, 72)), (3, (96, 72)), (6, (72, 96)), (8, (72, 96))])
def test_the_size_is_that_of_the_upright_photo(kind, orientation, size, picture, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    picture(0).save(tmp_path / "a", kind, exif=exif)
    header = read_header((tmp_path / "a").read_bytes())
    assert (header.width, header.height, header.was_turned) == (*size, False)
    assert open_photo(tmp_path / "a").size == size


@pytest.mark.parametrize(
    ("name", "format_name", "fits"),
    [("a.JPG", "JPEG", True), ("a.jpg", "MPO", True), ("a.png", "JPEG", False), ("a.dib", "BMP", True)],
)
def test_a_suffix_fits_its_format(name, format_name, fits):
    assert fits_suffix(Path(name), format_name) == fits
