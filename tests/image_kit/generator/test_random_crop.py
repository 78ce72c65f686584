"""A random part of each image, enlarged: drawn from the seed, cut where the parameters say, in one warp."""

import cv2
import numpy as np
import pytest

from image_kit.datasets.batches import build_image_generator
from image_kit.generator.random_crop import CROP, NARROWEST, WIDEST, RandomCropGenerator
from image_kit.generator.transform import transform_batch
from image_kit.recipe import Augmentation

SHAPE = (40, 60, 3)
PART = dict(zip(CROP, (0.25, 0.5, 0.5, 0.25), strict=True))  # 30 x 10 pixels from column 15, row 20


def noise(shape=SHAPE):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def generator(low=0.2, high=0.9, **keras):
    return RandomCropGenerator(random_resized_crop=(low, high), **keras)


def enlarged(image):
    """PART of the image at the image's size, with the image's pixels around the part, which are interpolated too."""
    rows, columns = (20 + (np.arange(40) + 0.5) * 0.25 - 0.5), (15 + (np.arange(60) + 0.5) * 0.5 - 0.5)
    maps = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    return cv2.remap(image, *maps, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_part_becomes_the_image(dtype):
    image = noise().astype(dtype)
    got = generator().apply_transform(image, PART)
    assert np.abs(got.astype(float) - enlarged(image)).max() <= (1 if dtype == np.uint8 else 0.01)


def test_a_flip_mirrors_the_part():
    flipped = generator().apply_transform(noise(), {**PART, "flip_horizontal": True})
    assert np.abs(flipped[:, ::-1].astype(int) - enlarged(noise())).max() <= 1


def test_a_brightness_change_and_keras_own_code_see_the_part():
    """They take another path. The cut is the same."""
    brighter = generator(brightness_range=(1, 1)).apply_transform(noise(), {**PART, "brightness": 1.0})
    wrapped = generator(fill_mode="wrap").apply_transform(noise(), {**PART, "flip_vertical": True})
    assert np.abs(brighter.astype(int) - enlarged(noise())).max() <= 1
    assert np.abs(wrapped[::-1].astype(int) - enlarged(noise())).max() <= 1


def test_parts_lie_in_the_image_and_have_the_areas_and_shapes_that_were_asked_for():
    drawn = generator().draw_transforms(SHAPE, 0, 0, np.arange(4000))
    x, y, width, height = (np.array([each[name] for each in drawn]) for name in CROP)
    assert min(x.min(), y.min()) >= 0
    assert max((x + width).max(), (y + height).max()) <= 1 + 1e-12
    free = (width < 1) & (height < 1)  # otherwise a side was shortened
    area, aspect = (width * height)[free], (width / height)[free]
    assert 0.2 <= area.min() < 0.21
    assert 0.8 < area.max() <= 0.9
    assert NARROWEST <= aspect.min() < NARROWEST + 0.01
    assert WIDEST - 0.01 < aspect.max() <= WIDEST
    assert abs(np.mean(x[free] / (1 - width[free])) - 0.5) < 0.02  # 4 standard errors


def test_other_draws_stay_as_they_are():
    keras = {"rotation_range": 20, "horizontal_flip": True, "channel_shift_range": 9.0}
    cut = generator(**keras).draw_transforms(SHAPE, 3, 1, [5, 6])
    plain = build_image_generator(Augmentation(**keras)).draw_transforms(SHAPE, 3, 1, [5, 6])
    assert [{name: value for name, value in each.items() if name not in CROP} for each in cut] == plain


@pytest.mark.parametrize("shape", [SHAPE, (130, 140, 3)])  # small images are warped together, large ones in threads
def test_a_batch_is_its_images_and_repeats(shape):
    images = np.stack([noise(shape)] * 5)
    augmentation = Augmentation(random_resized_crop=(0.3, 1.0), horizontal_flip=True, rotation_range=10.0)
    ours = build_image_generator(augmentation)
    batches = np.zeros((2, *images.shape), np.uint8)
    for batch in batches:
        transform_batch(ours, images, np.arange(7, 12), 4, 2, batch)
    np.testing.assert_array_equal(*batches)
    drawn = ours.draw_transforms(shape, 4, 2, np.arange(7, 12))
    single = [ours.apply_transform(image, each) for image, each in zip(images, drawn, strict=True)]
    assert np.abs(batches[0].astype(int) - single).max() <= 1  # a half may be rounded either way
    assert len({batch.tobytes() for batch in batches[0]}) == 5


def test_without_the_field_nothing_changes():
    assert type(build_image_generator(Augmentation())) is not RandomCropGenerator
    assert "random_resized_crop" not in Augmentation(random_resized_crop=(0.1, 1.0)).keras_arguments
