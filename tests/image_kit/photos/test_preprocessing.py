"""What part of a photo the network sees."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image

from image_kit.photos import Preprocessing


def noise(width, height, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize(
    ("crop", "size", "box"),
    [
        (0, (400, 100), (0, 0, 400, 100)),
        (1, (400, 100), (150, 0, 250, 100)),
        (0.5, (400, 100), (100, 0, 300, 100)),  # sqrt(4) = 2 times as wide as high is left, squeezed to half its width
        (1, (100, 400), (0, 150, 100, 250)),
        (0.5, (100, 400), (0, 100, 100, 300)),
        (0.5, (300, 300), (0, 0, 300, 300)),
        (1, (64, 64), (0, 0, 64, 64)),
    ],
)
def test_the_middle_of_a_photo_is_seen(crop, size, box):
    photo = noise(*size)
    seen = Preprocessing((32, 32, 3), crop=crop).resize(photo)
    wanted = photo.resize((32, 32), Image.Resampling.BILINEAR, box=box)
    np.testing.assert_array_equal(seen, np.asarray(wanted))


def test_an_image_that_is_not_square_keeps_its_proportions_too():
    photo = noise(300, 300)
    wide = Preprocessing((16, 48, 3), crop=1).resize(photo)  # the middle third of its height
    np.testing.assert_array_equal(
        wide, np.asarray(photo.resize((48, 16), Image.Resampling.BILINEAR, (0, 100, 300, 200)))
    )


@given(st.integers(1, 3000), st.integers(1, 3000), st.floats(0, 1), st.integers(1, 99), st.integers(1, 99))
def test_what_is_seen_lies_in_the_photo_and_in_its_middle(width, height, crop, image_height, image_width):
    left, top, right, bottom = Preprocessing((image_height, image_width, 3), crop=crop)._seen(width, height)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert left + right == pytest.approx(width)
    assert top + bottom == pytest.approx(height)
    assert left == 0 or top == 0  # one pair of edges is never cut


@pytest.mark.parametrize("size", [(31, 77), (500, 40), (32, 24), (1, 1)])
@pytest.mark.parametrize("shape", [(24, 32, 3), (24, 32, 1)])
def test_without_a_crop_pixels_are_those_of_every_release_before(size, shape):
    photo = noise(*size)
    before = (photo.convert("L") if shape[2] == 1 else photo).resize((32, 24), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(Preprocessing(shape).resize(photo), np.asarray(before).reshape(shape))
