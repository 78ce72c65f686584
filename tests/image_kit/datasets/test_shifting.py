"""Images moved off centre."""

import numpy as np
import pytest

from image_kit.datasets.loading import load_arrays
from image_kit.datasets.shifting import shift_image_set, shift_images
from image_kit.errors import UserError
from presets import PRESETS


def test_images_move_left_right_up_down_in_turn():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    moved = shift_images(np.stack([image] * 6), 1)[..., 0]
    left = [[1, 2, 3, 3], [5, 6, 7, 7], [9, 10, 11, 11]]
    right = [[0, 0, 1, 2], [4, 4, 5, 6], [8, 8, 9, 10]]
    up = [[4, 5, 6, 7], [8, 9, 10, 11], [8, 9, 10, 11]]
    down = [[0, 1, 2, 3], [0, 1, 2, 3], [4, 5, 6, 7]]
    assert moved.tolist() == [left, right, up, down, left, right]


@pytest.mark.parametrize("pixels", [-1, 4, 99])
def test_a_shift_beyond_the_image_is_refused(pixels):
    with pytest.raises(UserError, match=f"--shift: must be from 0 to 3 for these images, received {pixels}"):
        shift_images(np.zeros((5, 4, 6, 3), np.uint8), pixels)


@pytest.mark.parametrize("pixels", [0, 3])
def test_any_distance(pixels):
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), np.uint8)
    moved = shift_images(images, pixels)
    assert moved.shape == images.shape
    assert moved.dtype == np.uint8
    if pixels == 0:
        assert (moved == images).all()
    if pixels == 99:  # nothing but the edge is left
        assert (moved[0] == images[0, :, -1:]).all()
        assert (moved[2] == images[2, -1:]).all()


def test_a_shifted_set_keeps_labels_and_names(mnist):
    images = load_arrays(PRESETS["mnist_dense"], str(mnist)).parts["test"]
    moved = shift_image_set(images, 2)
    assert (moved.take(np.arange(7)) == shift_images(images.images, 2)).all()
    assert (moved.labels.tolist(), moved.names) == (images.labels.tolist(), images.names)
