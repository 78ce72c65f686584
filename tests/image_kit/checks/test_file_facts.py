"""Facts of files: sizes of upright photos, borders, missing ends, and one clear line for a photo that has gone."""

import numpy as np
import pytest
from PIL import ExifTags, Image

from image_kit.checks import read_file_facts
from image_kit.errors import UserError

pytest_plugins = ["tests.fixtures.checked_sets"]


def test_facts_are_those_of_the_upright_photo(picture, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    picture(0).save(tmp_path / "a.jpg", exif=exif, quality=95)
    picture(0).transpose(Image.Transpose.ROTATE_270).save(tmp_path / "b.png")
    facts = read_file_facts([tmp_path / "a.jpg", tmp_path / "b.png"])
    assert facts.sizes.tolist() == [[72, 96], [72, 96]]
    assert facts.bytes.tolist() == [(tmp_path / name).stat().st_size for name in ("a.jpg", "b.png")]
    assert np.abs(facts.grey[0].astype(int) - facts.grey[1]).mean() < 4  # the noise of JPEG


def test_a_border_has_its_colour(picture, tmp_path):
    image = picture(0)
    image.save(tmp_path / "a.png")
    framed = Image.new("RGB", image.size, (10, 200, 30))
    framed.paste(image.crop((3, 3, 93, 69)), (3, 3))
    framed.save(tmp_path / "b.png")
    facts = read_file_facts([tmp_path / "a.png", tmp_path / "b.png"])
    assert facts.border_parts[0] < 0.5
    assert (facts.border_parts[1], facts.border_colours[1].tolist()) == (1, [10, 200, 30])


def test_a_photo_that_has_gone_is_one_clear_line(picture, tmp_path):
    picture(0).save(tmp_path / "a.jpg")
    with pytest.raises(UserError, match=r"b\.jpg: changed while in use \(no such file\); start again"):
        read_file_facts([tmp_path / "a.jpg", tmp_path / "b.jpg"])
