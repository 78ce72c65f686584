"""How many steps and images are handed over at once."""

import pytest

from image_kit.fast_keras import choose_steps_per_execution, choose_validation_batch_size


@pytest.mark.parametrize(
    ("shape", "batch_size", "steps", "expected"),
    [
        ((300, 300, 3), 16, 1000, 1),  # photos: Python's part of a step is small
        ((28, 28, 1), 128, 422, 32),
        ((28, 28, 1), 128, 80, 10),
        ((28, 28, 1), 128, 7, 1),
        ((28, 28, 1), 128, 0, 1),
        ((100, 100, 1), 100, 800, 32),
        ((100, 100, 1), 101, 800, 1),
    ],
)
def test_steps_in_one_call(shape, batch_size, steps, expected):
    assert choose_steps_per_execution(shape, batch_size, steps) == expected


@pytest.mark.parametrize(
    ("shape", "batch_size", "expected"),
    [((28, 28, 1), 64, 1024), ((32, 32, 3), 256, 325), ((32, 32, 3), 400, 400), ((300, 300, 3), 16, 16)],
)
def test_images_validated_on_at_once(shape, batch_size, expected):
    assert choose_validation_batch_size(shape, batch_size) == expected
