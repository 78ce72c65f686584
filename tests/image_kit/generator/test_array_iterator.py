"""image_kit.generator.array_iterator beyond Keras: no copies, weights that follow their images, shuffled splits."""

import numpy as np
import pytest
from tensorflow.keras.preprocessing.image import NumpyArrayIterator as KerasIterator

from image_kit.generator.image_generator import ImageDataGenerator

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 6, 5, 3), np.uint8)
LABELS = np.repeat([0, 1], 10)
GENERATOR = ImageDataGenerator(validation_split=0.3)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"subset": "training"}, {"subset": "training", "shuffled_split": True}])
def test_the_array_is_not_copied(dtype, options):
    images = IMAGES.astype(dtype)
    iterator = GENERATOR.flow(images, seed=1, **options)
    assert np.shares_memory(iterator.x, images)
    assert iterator.x.dtype == dtype
    assert isinstance(iterator, KerasIterator)
    before = images.copy()
    ImageDataGenerator(rescale=2, samplewise_center=True, channel_shift_range=9).flow(images)[0]
    np.testing.assert_array_equal(images, before)


def test_weights_belong_to_the_images_of_a_subset():
    weights = np.arange(20) / 10
    options = {"y": np.arange(20), "sample_weight": weights, "ignore_class_split": True, "seed": 1, "batch_size": 20}
    for subset in ("training", "validation"):
        for shuffled in (False, True):
            _, labels, got = GENERATOR.flow(IMAGES, subset=subset, shuffled_split=shuffled, **options)[0]
            np.testing.assert_array_equal(got, weights[labels])


def test_a_shuffled_split_needs_no_shuffled_arrays():
    labels = [np.eye(2)[LABELS], LABELS][0]
    parts = {
        subset: GENERATOR.flow(IMAGES, labels, 20, False, seed=1, subset=subset, shuffled_split=True)
        for subset in ("training", "validation")
    }
    assert {subset: part.n for subset, part in parts.items()} == {"training": 14, "validation": 6}
    assert parts["validation"][0][1].sum(axis=0).tolist() == [3, 3]
    seen = np.concatenate([part[0][0] for part in parts.values()]).astype(np.uint8)
    assert sorted(image.tobytes() for image in seen) == sorted(image.tobytes() for image in IMAGES)


def test_a_shuffled_split_without_labels():
    assert GENERATOR.flow(IMAGES, seed=1, subset="validation", shuffled_split=True).n == 6


def test_wrong_rank():
    with pytest.raises(ValueError, match="rank 4"):
        GENERATOR.flow(IMAGES[0])
