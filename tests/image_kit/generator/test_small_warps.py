"""generator.small_warps: one warp at a time, whatever the image's place. Parity with Keras: test_flow_parity."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from image_kit.generator.image_generator import ImageDataGenerator
from image_kit.generator.small_warps import warp_small
from image_kit.generator.warp import affine_matrices, warp

SHAPES = [(32, 32, 3), (28, 28, 1), (1, 1, 3), (1, 9, 4), (7, 1, 1), (64, 64, 3), (300, 10, 3), (10, 400, 1)]


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def drawn(count, height, width, most=1.0):
    """Matrices of every kind of transform, flips included."""
    rng = np.random.default_rng(1)
    names = {"theta": 90, "tx": height / 2, "ty": width / 2, "shear": 30}
    columns = {name: rng.uniform(-most, most, count) * limit for name, limit in names.items()}
    columns |= {name: rng.uniform(1 - most / 2, 1 + most / 2, count) for name in ("zx", "zy")}
    columns |= {name: rng.random(count) < 0.5 for name in ("flip_horizontal", "flip_vertical")}
    return affine_matrices(columns, height, width)


def exact(image, matrix):
    """Linear interpolation in double precision, with the edge's pixels beyond the edge."""
    height, width = image.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    x, y = (matrix @ np.stack([columns, rows, np.ones_like(rows)]).reshape(3, -1)).reshape(2, height, width)
    x, y = x.clip(0, width - 1), y.clip(0, height - 1)
    left, top = x.astype(int), y.astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = image[top, left] * (1 - across) + image[top, right] * across
    lower = image[bottom, left] * (1 - across) + image[bottom, right] * across
    return upper * (1 - down) + lower * down


@pytest.mark.parametrize("shape", SHAPES)
def test_each_image_is_interpolated_exactly_up_to_rounding(shape):
    images, matrices = noise(20, *shape), drawn(20, *shape[:2])
    out = np.empty_like(images)
    warp_small(images, matrices, out)
    for image, matrix, result in zip(images, matrices, out, strict=True):
        assert np.abs(result - exact(image, matrix)).max() <= 0.51
        alone = warp(image, matrix, "nearest")
        assert np.abs(result.astype(int) - alone).max() <= 1
    assert (out != images).any() or shape == (1, 1, 3)


@pytest.mark.parametrize("side", [32, 64])
def test_extreme_transforms_are_as_exact(side):
    generator = ImageDataGenerator(rotation_range=180, shear_range=60, zoom_range=(0.05, 9), width_shift_range=2.0)
    images = noise(400, side, side, 1) // 128 * 255  # black and white: where a wrong coordinate costs most
    out = np.empty_like(images)
    plan = generator.plan_transforms(images.shape[1:], 0, 0, np.arange(len(images)))
    assert 0 < sum(plan.direct) < len(images)
    generator.apply_planned(images, plan, out)
    for image, matrix, result in zip(images, plan.matrices, out, strict=True):
        assert np.abs(result - exact(image, matrix)).max() <= 0.51


@given(st.permutations(range(23)), st.integers(1, 23))
@settings(max_examples=20, deadline=None)
def test_a_result_depends_on_its_own_image_alone(order, count):
    images, matrices = noise(23, 32, 32, 3), drawn(23, 32, 32)
    everything, some = np.empty_like(images), np.empty((count, 32, 32, 3), np.uint8)
    warp_small(images, matrices, everything)
    chosen = order[:count]
    warp_small([images[place] for place in chosen], matrices[chosen], some)
    np.testing.assert_array_equal(some, everything[chosen])


def test_without_images_there_is_nothing_to_do():
    warp_small([], np.empty((0, 2, 3)), np.empty((0, 8, 8, 3), np.uint8))


@pytest.mark.parametrize("options", [{"height_shift_range": 900.0}, {"rotation_range": 90, "fill_mode": "reflect"}])
def test_what_it_cannot_do_is_done_one_by_one(options):
    generator, images = ImageDataGenerator(**options), noise(8, 32, 32, 3)
    out = np.empty_like(images)
    plan = generator.plan_transforms((32, 32, 3), 0, 0, np.arange(8))
    generator.apply_planned(images, plan, out)
    alone = [not (plan.images_are_small and direct) for direct in plan.direct]
    assert any(alone)
    for image, matrix, result in zip(images[alone], plan.matrices[alone], out[alone], strict=True):
        np.testing.assert_array_equal(result, warp(image, matrix, generator.fill_mode))
