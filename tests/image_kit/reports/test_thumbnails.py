"""Thumbnails: upright, small, within the budget, and the most important first."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from image_kit.photos import PhotoError
from image_kit.reports.thumbnails import MOST, SIDE, Photo, Thumbnails, make_thumbnail


def pixels_of(thumbnail):
    data = base64.b64decode(thumbnail.uri.removeprefix("data:image/jpeg;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)))


def test_a_turned_photo_is_upright(tmp_path):
    pixels = np.zeros((200, 400, 3), np.uint8)
    pixels[:, :200] = (250, 0, 0)  # left half red; orientation 6 turns left to the top
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    thumbnail = make_thumbnail(tmp_path / "turned.jpg")
    assert (thumbnail.width, thumbnail.height) == (SIDE // 2, SIDE)
    shown = pixels_of(thumbnail)
    assert shown[10, 30, 0] > 200
    assert shown[-10, 30].max() < 50


@pytest.mark.parametrize("channels", [1, 3])
def test_an_array_is_shown_in_its_own_size(channels):
    thumbnail = make_thumbnail(np.full((28, 20, channels), 77, np.uint8))
    assert (thumbnail.width, thumbnail.height) == (20, 28)
    assert abs(int(pixels_of(thumbnail)[5, 5, 0]) - 77) <= 2  # JPEG


def test_what_is_missing_is_an_error_of_one_and_no_thumbnail_of_many(tmp_path):
    with pytest.raises(PhotoError, match="no such file"):
        make_thumbnail(tmp_path / "gone.jpg")
    there, gone = Photo("there", np.zeros((8, 8, 3), np.uint8)), Photo("gone", tmp_path / "gone.jpg")
    thumbnails = Thumbnails([gone, there], 10_000)
    assert thumbnails(gone) is None
    assert thumbnails(there)
    assert (thumbnails.unreadable, thumbnails.left_out) == (1, 0)


def test_the_first_ones_get_the_bytes():
    photos = [Photo(str(number), np.full((8, 8, 3), number, np.uint8)) for number in range(MOST + 30)]
    size = len(make_thumbnail(photos[0].source).uri)
    thumbnails = Thumbnails([photos[0], *photos], 10 * size)
    assert [bool(thumbnails(photo)) for photo in photos[:12]] == [True] * 9 + [False] * 3  # the first is shown twice
    assert thumbnails.left_out == MOST + 30 - 9
    assert Thumbnails(photos, 10**9).left_out == 30
