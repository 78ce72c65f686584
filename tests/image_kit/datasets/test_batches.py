"""image_kit.datasets.batches: order, determinism, shapes, and a fit."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from image_kit.datasets.batches import Batches, build_batches
from image_kit.datasets.loading import load_arrays
from image_kit.generator import transform
from image_kit.generator.image_generator import ImageDataGenerator
from presets import PRESETS

RECIPE = {"shear_range": 0.2, "zoom_range": 0.2, "horizontal_flip": True, "rescale": 1 / 255}
SHAPE = (12, 10, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (23, *SHAPE), np.uint8)
LABELS = np.arange(23) % 4


class Source:
    """Images that are not an array."""

    image_shape = SHAPE

    def __len__(self):
        return len(IMAGES)

    def take(self, indices):
        return IMAGES[indices]


def make(images=IMAGES, labels=LABELS, batch_size=5, seed=1, shuffle=True, recipe=RECIPE, **kwargs):
    return Batches(images, labels, ImageDataGenerator(**recipe), batch_size, seed, shuffle, **kwargs)


def whole_epoch(batches):
    """All images of an epoch in the order of the data set."""
    images = np.concatenate([batches[i][0] for i in range(len(batches))])
    order = np.concatenate([batches.indices(i) for i in range(len(batches))])
    return images[np.argsort(order)]


def test_shapes_and_dtypes():
    batches = make()
    assert len(batches) == 5
    images, labels = batches[0]
    assert (images.dtype, images.shape) == (np.float32, (5, *SHAPE))
    assert (labels.dtype, labels.shape) == (np.int32, (5,))
    assert 0 <= images.min() < images.max() <= 1
    images, labels = make(binary=True, labels=LABELS % 2)[4]
    assert images.shape == (3, *SHAPE)
    assert (labels.dtype, labels.shape) == (np.float32, (3, 1))
    for i in (-1, 5):
        with pytest.raises(IndexError):
            batches[i]


def test_every_image_comes_once_with_its_label():
    batches = make(augment=False)
    order = np.concatenate([batches.indices(i) for i in range(len(batches))])
    assert sorted(order) == list(range(23))
    assert list(order) != list(range(23))
    for i in range(len(batches)):
        images, labels = batches[i]
        np.testing.assert_array_equal(images, IMAGES[batches.indices(i)] * np.float32(1 / 255))
        np.testing.assert_array_equal(labels, LABELS[batches.indices(i)])
    np.testing.assert_array_equal(np.concatenate([b for _, b in make(shuffle=False)]), LABELS)


@pytest.mark.parametrize("machines", [1, 2, 3, 7])
def test_each_machine_has_a_shard_of_each_batch(machines):
    """Together they are the batch of a single machine, pixel for pixel, in parts that differ by at most 1."""
    whole, shards = make(binary=True), [make(binary=True, shard=(place, machines)) for place in range(machines)]
    for batches in (whole, *shards):
        batches.epoch = 2
    for i in range(len(whole)):
        parts = [shard[i] for shard in shards]
        for ours, wanted in zip(zip(*parts, strict=True), whole[i], strict=True):
            np.testing.assert_array_equal(np.concatenate(ours), wanted)
        sizes = [len(labels) for _, labels in parts]
        assert max(sizes) - min(sizes) <= 1


def test_the_same_batch_twice_is_equal_and_epochs_differ():
    batches = make()
    first = batches[2][0]
    np.testing.assert_array_equal(batches[2][0], first)
    np.testing.assert_array_equal(make()[2][0], first)
    before = whole_epoch(batches), batches.indices(0)
    batches.epoch = 1
    assert not np.array_equal(whole_epoch(batches), before[0])
    assert not np.array_equal(batches.indices(0), before[1])
    batches.epoch = 0
    np.testing.assert_array_equal(whole_epoch(batches), before[0])
    assert not np.array_equal(whole_epoch(make(seed=2)), before[0])


@pytest.mark.parametrize("batch_size", [1, 8, 23, 100])
def test_augmentation_does_not_depend_on_the_batch_size(batch_size):
    np.testing.assert_array_equal(whole_epoch(make(batch_size=batch_size)), whole_epoch(make()))


def test_augmentation_does_not_depend_on_threads(monkeypatch):
    alone = whole_epoch(make())
    monkeypatch.setattr(transform, "_THREADS_FROM_PIXELS", 0)
    monkeypatch.setattr(transform, "cpu_cores", lambda: 3)
    np.testing.assert_array_equal(whole_epoch(make()), alone)
    batches = make()
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(batches.__getitem__, [0, 1, 2, 3, 4] * 4))
    for i, (images, _) in enumerate(got):
        np.testing.assert_array_equal(images, batches[i % 5][0])


def test_the_global_generator_is_left_alone():
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    whole_epoch(make())
    assert np.random.random() == expected


@pytest.mark.parametrize("augment", [True, False])
def test_a_source_with_take_gives_what_the_array_gives(augment):
    for i in range(5):
        for got, expected in zip(make(Source(), augment=augment)[i], make(augment=augment)[i], strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("augment", [True, False])
def test_uint8_batch_is_the_batch_before_rescaling(augment):
    batches = make(augment=augment)
    images, labels = batches.uint8_batch(4)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images * np.float32(1 / 255), batches[4][0])
    np.testing.assert_array_equal(labels, batches[4][1])
    assert np.array_equal(images, IMAGES[batches.indices(4)]) != augment


def test_standardisation_is_keras():
    recipe = {"samplewise_center": True, "samplewise_std_normalization": True, "zoom_range": 0.1}
    images = make(recipe=recipe)[0][0]
    np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(images.std(axis=(1, 2, 3)), 1, atol=1e-4)


def test_images_stay_as_they_are():
    before = IMAGES.copy()
    whole_epoch(make(recipe={**RECIPE, "channel_shift_range": 20, "samplewise_center": True}))
    np.testing.assert_array_equal(IMAGES, before)


def test_wrong_arrays_are_refused():
    with pytest.raises(ValueError, match="expected uint8"):
        make(IMAGES.astype(np.float32))
    with pytest.raises(ValueError, match="expected uint8"):
        make(IMAGES[0])
    with pytest.raises(ValueError, match="23 images but 5 labels"):
        make(labels=LABELS[:5])


def small_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(4)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


class Recorder(Batches):
    """Notes which epoch each batch is drawn for."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.drawn = []

    def __getitem__(self, i):
        self.drawn.append((self.epoch, i))
        return super().__getitem__(i)


def test_fit_trains_on_epochs_from_0_and_resumes_where_it_is_set():
    def train(model, batches, **epochs):
        validation = make(shuffle=False, augment=False)
        return model.fit(batches, validation_data=validation, shuffle=False, verbose=0, **epochs).history["loss"]

    def recorder():
        return Recorder(IMAGES, LABELS, ImageDataGenerator(**RECIPE), 5, 1, True)

    whole, model = recorder(), small_model()
    losses = train(model, whole, epochs=4)
    assert whole.epoch == 4
    # Before the first epoch, Keras draws two batches to learn their shapes.
    assert [call for call in whole.drawn if call[0] > 0] == [(epoch, i) for epoch in (1, 2, 3) for i in range(5)]

    halved, model = recorder(), small_model()
    first = train(model, halved, epochs=2)
    resumed = recorder()
    resumed.epoch = 2
    np.testing.assert_allclose(first + train(model, resumed, initial_epoch=2, epochs=4), losses, rtol=1e-5)
    assert resumed.epoch == 4


def test_evaluate_and_predict():
    batches = make(shuffle=False, augment=False)
    model = small_model()
    assert np.isfinite(model.evaluate(batches, verbose=0))
    assert model.predict(batches, verbose=0).shape == (23, 4)


def test_a_subclass_transforms_in_its_own_way():
    class Negative(ImageDataGenerator):
        def apply_transform(self, x, transform_parameters):
            return 255 - x

    batches = Batches(IMAGES, LABELS, Negative(rotation_range=10, rescale=0.5), 4)
    np.testing.assert_array_equal(batches[0][0], (255 - IMAGES[:4]) * np.float32(0.5))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_large_batch_is_warped_a_few_images_at_a_time(monkeypatch, dtype):
    warped, original = [], ImageDataGenerator.apply_planned
    monkeypatch.setattr(transform, "_SCRATCH_BYTES", 5 * IMAGES[0].size)
    monkeypatch.setattr(
        ImageDataGenerator, "apply_planned", lambda self, *args: warped.append(len(args[2])) or original(self, *args)
    )
    batches = Batches(IMAGES, LABELS, ImageDataGenerator(zoom_range=0.3), 23)
    images, _ = batches.uint8_batch(0) if dtype == np.uint8 else batches[0]
    assert warped == [5, 5, 5, 5, 3]
    assert images.dtype == dtype


def test_batches_are_the_parts_images_rescaled(mnist):
    data = load_arrays(PRESETS["mnist_dense"], str(mnist))
    images, labels = build_batches(data, "test", batch_size=7, binary=False)[0]
    assert (images == data.parts["test"].images * np.float32(1 / 255)).all()
    assert labels.tolist() == data.parts["test"].labels.tolist()
