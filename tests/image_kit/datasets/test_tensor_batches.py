"""image_kit.datasets.tensor_batches: the batches of Batches, bit for bit, for every epoch."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from image_kit.datasets import tensor_batches
from image_kit.datasets.batches import Batches
from image_kit.datasets.tensor_batches import TensorBatches, fits_in_tensors
from image_kit.generator.image_generator import ImageDataGenerator

SHAPE = (6, 5, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (23, *SHAPE), np.uint8)
LABELS = np.arange(23) % 4


def make(batch_size=5, shuffle=True, n=23, seed=1, rescale=1 / 255, binary=False, **recipe):
    generator = ImageDataGenerator(rescale=rescale, **recipe)
    return Batches(
        IMAGES[:n], LABELS[:n] % 2 if binary else LABELS[:n], generator, batch_size, seed, shuffle, True, binary
    )


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 23),
    batch_size=st.integers(1, 30),
    epochs=st.lists(st.integers(0, 9), min_size=1, max_size=3),
    shuffle=st.booleans(),
    binary=st.booleans(),
    recipe=st.sampled_from(
        [
            {},
            {"rescale": None},
            {"rescale": 0.3, "zoom_range": 0.3},
            {"brightness_range": (0.2, 2), "rotation_range": 9},
            {"samplewise_center": True, "rotation_range": 9},  # which Python makes
        ]
    ),
    together=st.sampled_from([1, 7, 1024]),
)
def test_they_are_the_batches_of_batches(n, batch_size, epochs, shuffle, binary, recipe, together):
    expected = make(batch_size, shuffle, n, binary=binary, **recipe)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tensor_batches, "AUGMENTED_AT_ONCE", together)
        got = TensorBatches(make(batch_size, shuffle, n, binary=binary, **recipe))
    for epoch in epochs:
        expected.epoch = epoch
        got.on_epoch_begin(epoch)
        assert len(got.dataset) == len(expected)
        for i, (images, labels) in enumerate(got.dataset):
            np.testing.assert_array_equal(images, expected[i][0], strict=True)
            np.testing.assert_array_equal(labels, expected[i][1], strict=True)


def small_model(outputs=4):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(outputs)])
    loss = keras.losses.SparseCategoricalCrossentropy if outputs > 1 else keras.losses.BinaryCrossentropy
    model.compile("sgd", loss(from_logits=True), steps_per_execution=2)
    return model


def losses(data, callbacks=(), binary=False, **options):
    model = small_model(1 if binary else 4)
    return model.fit(data, callbacks=list(callbacks), shuffle=False, verbose=0, **options).history["loss"]


@pytest.mark.parametrize("recipe", [{}, {"zoom_range": 0.3, "horizontal_flip": True}])
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("class_weight", [None, {0: 3.0, 1: 0.2, 2: 1.0, 3: 1.0}])
def test_a_fit_learns_the_same_from_both_and_resumes(binary, class_weight, recipe):
    def fed():
        return TensorBatches(make(binary=binary, **recipe))

    expected = losses(make(binary=binary, **recipe), binary=binary, class_weight=class_weight, epochs=4)
    one = fed()
    assert losses(one.dataset, [one], binary, class_weight=class_weight, epochs=4) == pytest.approx(expected, rel=1e-6)
    model = small_model(1 if binary else 4)
    first, second = fed(), fed()
    options = {"shuffle": False, "verbose": 0, "class_weight": class_weight}
    got = model.fit(first.dataset, callbacks=[first], epochs=1, **options).history["loss"]
    got += model.fit(second.dataset, callbacks=[second], initial_epoch=1, epochs=4, **options).history["loss"]
    assert got == pytest.approx(expected, rel=1e-6)


class Own(ImageDataGenerator):
    """A user's transform."""

    def apply_transform(self, x, transform_parameters, out=None):
        return 255 - x


class Source:
    """Images that are not an array."""

    image_shape = SHAPE

    def __len__(self):
        return 23


def test_what_stays_in_python(monkeypatch):
    generator = ImageDataGenerator(rescale=1 / 255)
    assert fits_in_tensors(make())
    assert fits_in_tensors(make(zoom_range=0.2))
    assert not fits_in_tensors(make(samplewise_center=True))
    assert not fits_in_tensors(Batches(IMAGES, LABELS, Own(zoom_range=0.2), 5))
    assert not fits_in_tensors(Batches(Source(), LABELS, generator, 5))
    monkeypatch.setattr(tensor_batches, "free_memory", lambda: 4 * IMAGES.nbytes - 4)
    assert not fits_in_tensors(make())


@pytest.mark.parametrize("recipe", [{}, {"zoom_range": 0.3}, {"samplewise_center": True}])
def test_no_thread_tunes_what_would_delay_the_next_epoch(recipe):
    assert TensorBatches(make(**recipe)).dataset.options().autotune.enabled is False
