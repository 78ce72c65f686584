"""What every iterator of ImageDataGenerator does: order, epochs, determinism, and going into fit."""

import itertools
import zlib
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from tensorflow.keras.preprocessing.image import ImageDataGenerator as KerasGenerator

from image_kit.generator import transform
from image_kit.generator.flow_iterator import split_places
from image_kit.generator.image_generator import ImageDataGenerator

RECIPE = {"shear_range": 20, "zoom_range": 0.2, "rotation_range": 30, "horizontal_flip": True, "rescale": 1 / 255}
SHAPE = (12, 10, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (23, *SHAPE), np.uint8)
LABELS = np.arange(23) % 4
OUT_OF_TUNE = [
    {},
    {"channel_shift_range": 30},
    {"brightness_range": (0.5, 1.5)},
    {"fill_mode": "constant", "cval": -3.5},
    {"fill_mode": "wrap"},
    {"interpolation_order": 0},
    {"samplewise_center": True},
    {"preprocessing_function": lambda image: image - 7},
]


def make(images=IMAGES, labels=LABELS, batch_size=5, seed=1, recipe=RECIPE, **kwargs):
    return ImageDataGenerator(**recipe).flow(images, labels, batch_size, seed=seed, **kwargs)


def epoch_of(iterator):
    """All batches of the present epoch."""
    return [iterator[i] for i in range(len(iterator))]


def equal(ones, others):
    return all(
        np.array_equal(a, b) for one, other in zip(ones, others, strict=True) for a, b in zip(one, other, strict=True)
    )


@pytest.mark.filterwarnings("ignore:.*scipy.ndimage:DeprecationWarning")
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("more", OUT_OF_TUNE)
def test_augmented_pixels_are_keras(more, dtype):
    recipe = {**RECIPE, **more, "rescale": None}
    ours, keras_class = ImageDataGenerator(**recipe), KerasGenerator(**recipe)
    images = IMAGES.astype(dtype)
    batch = ours.flow(images, batch_size=23, shuffle=False, seed=4)[0]
    parameters = ours.draw_transforms(SHAPE, 4, 0, np.arange(23))
    for image, drawn, got in zip(images.astype(np.float32), parameters, batch, strict=True):
        expected = keras_class.standardize(keras_class.apply_transform(image, drawn))
        # The mean that is subtracted differs by a little of the rounding. One pixel in hundreds may lie on the edge
        # of a constant border, where the last bit decides what is outside.
        close = np.abs(got - expected) <= (0.55 if dtype == np.uint8 else 0.02)
        assert close.mean() > 0.995


class Extended(ImageDataGenerator):
    """What scripts make of Keras's class."""

    def get_random_transform(self, img_shape, seed=None):
        return {"tx": np.random.randint(-3, 4)}

    def standardize(self, x):
        return super().standardize(x) + 1


def test_the_methods_of_a_subclass_are_called():
    np.random.seed(0)
    expected = np.random.random()
    np.random.seed(0)
    ours = Extended(rescale=0.5)
    images = ours.flow(IMAGES, batch_size=23, shuffle=False, seed=4)[0]
    assert np.random.random() == expected
    np.testing.assert_array_equal(images, Extended(rescale=0.5).flow(IMAGES, batch_size=23, shuffle=False, seed=4)[0])
    drawn = ours.draw_transforms(SHAPE, 4, 0, np.arange(23))
    assert {each["tx"] for each in drawn} == set(range(-3, 4))
    for image, parameters, got in zip(IMAGES.astype(np.float32), drawn, images, strict=True):
        np.testing.assert_allclose(got, ours.apply_transform(image, parameters) * 0.5 + 1, atol=0.01)


def test_batches_depend_on_seed_epoch_and_index_only():
    one, other = make(), make()
    backwards = [other[i] for i in reversed(range(5))][::-1]
    assert equal(epoch_of(one), backwards)
    assert equal(epoch_of(one), epoch_of(one))
    np.testing.assert_array_equal(one.index_array, other.index_array)
    assert not equal(epoch_of(one), epoch_of(make(seed=2)))
    first = epoch_of(one)
    one.epoch = 1
    assert not equal(epoch_of(one), first)
    one.epoch = 0
    assert equal(epoch_of(one), first)
    assert equal([one[-1]], first[-1:])


def test_augmentation_does_not_depend_on_threads(monkeypatch):
    alone = epoch_of(make())
    monkeypatch.setattr(transform, "_THREADS_FROM_PIXELS", 0)
    monkeypatch.setattr(transform, "cpu_cores", lambda: 3)
    assert equal(epoch_of(make()), alone)
    iterator = make()
    with ThreadPoolExecutor(4) as pool:
        assert equal(list(pool.map(iterator.__getitem__, list(range(5)) * 3)), alone * 3)
        together = list(pool.map(lambda _: next(iterator), range(10)))
    assert iterator.total_batches_seen == 25
    iterator = make()
    assert sorted(map(digest, together)) == sorted(digest(next(iterator)) for _ in range(10))


def digest(batch) -> int:
    return zlib.crc32(batch[0].tobytes())


def test_the_global_generator_gives_a_seed_and_is_left_alone():
    np.random.seed(3)
    iterator = make(seed=None)
    state = np.random.get_state()[1:3]
    epoch_of(iterator), next(iterator), iterator.on_epoch_end()
    make(seed=5, recipe={**RECIPE, "featurewise_center": False})[0]
    assert all(np.array_equal(a, b) for a, b in zip(state, np.random.get_state()[1:3], strict=True))
    np.random.seed(3)
    assert make(seed=None).seed == iterator.seed
    assert equal(epoch_of(make(seed=iterator.seed)), epoch_of(iterator))


def test_next_goes_through_epochs_that_differ():
    iterator, reference = make(), make()
    expected = []
    for reference.epoch in (0, 1, 2):
        expected += epoch_of(reference)
    assert equal(list(itertools.islice(iterator, 15)), expected)
    assert iterator.next()[0].shape == (5, *SHAPE)
    assert iter(iterator) is iterator


def test_reset_begins_a_new_epoch():
    iterator, reference = make(), make()
    iterator.reset()
    next(iterator), next(iterator)
    iterator.reset()
    assert iterator.batch_index == 0
    reference.epoch = 1
    assert equal([next(iterator), next(iterator)], [reference[0], reference[1]])


def test_two_iterators_with_one_seed_stay_in_step():
    """Images and their masks are zipped like this."""
    images, masks = make(labels=None, seed=7), make(labels=None, seed=7, batch_size=5)
    for image, mask in itertools.islice(zip(images, masks, strict=True), 8):
        np.testing.assert_array_equal(image, mask)


def test_nothing_to_iterate_over():
    with pytest.raises(ValueError, match="no images"):
        next(make(IMAGES[:0], LABELS[:0]))
    assert len(make(IMAGES[:0], LABELS[:0])) == 0


def test_options_of_pydataset():
    iterator = make(workers=3, max_queue_size=4)
    assert isinstance(iterator, keras.utils.PyDataset)
    assert (iterator.workers, iterator.use_multiprocessing, iterator.max_queue_size) == (3, False, 4)
    iterator.workers = 2
    assert iterator.workers == 2


def small_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(4)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def recorder(**kwargs):
    """An iterator that notes which batch of which epoch is drawn."""
    iterator = make(**kwargs)
    iterator.drawn = []
    original = iterator._batch
    iterator._batch = lambda number, epoch: iterator.drawn.append((epoch, number)) or original(number, epoch)
    return iterator


@pytest.mark.parametrize("workers", [1, 3])
def test_fit_evaluate_and_predict(workers):
    iterator, model = recorder(workers=workers), small_model()
    validation = make(shuffle=False)
    losses = model.fit(iterator, validation_data=validation, epochs=3, shuffle=False, verbose=0).history["loss"]
    assert iterator.epoch == 3
    assert [call for call in sorted(iterator.drawn) if call[0] in (1, 2)] == [(e, i) for e in (1, 2) for i in range(5)]
    again = small_model().fit(make(), validation_data=make(shuffle=False), epochs=3, shuffle=False, verbose=0)
    np.testing.assert_allclose(losses, again.history["loss"], rtol=1e-5)
    assert np.isfinite(model.evaluate(make(), verbose=0))
    assert model.predict(make(labels=None, shuffle=False), verbose=0).shape == (23, 4)


@pytest.mark.filterwarnings("ignore:.*ran out of data")
def test_a_pass_that_steps_per_epoch_spreads_is_drawn_once():
    iterator = recorder()
    small_model().fit(iterator, steps_per_epoch=2, epochs=6, shuffle=False, verbose=0)
    passes = [[call for call in iterator.drawn if call[0] == epoch] for epoch in (0, 1)]
    assert {number for _, number in passes[0]} == {number for _, number in passes[1]} == set(range(5))
    assert passes[1] == [(1, i) for i in range(5)]


def test_epochs_go_on_when_other_processes_draw():
    iterator = make(use_multiprocessing=True)
    for epoch in (1, 2):
        iterator.on_epoch_begin()
        iterator.on_epoch_end()
        assert iterator.epoch == epoch


def test_an_abandoned_pass_is_not_continued():
    iterator = make()
    iterator.on_epoch_begin()
    iterator[0]
    iterator.on_epoch_end()
    assert iterator.epoch == 0
    iterator.on_epoch_end()  # of the next fit or evaluate, before it begins
    assert iterator.epoch == 1
    iterator.on_epoch_end()
    assert iterator.epoch == 1


@pytest.mark.parametrize("subset", ["validation", "training"])
def test_shuffled_split_is_stratified_and_whole(subset):
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    chosen = {s: split_places(labels, 0.2, 3, s) for s in ("training", "validation")}
    assert sorted(np.concatenate(list(chosen.values()))) == list(range(100))
    assert list(np.bincount(labels[chosen["validation"]])) == [10, 6, 4]
    assert not np.array_equal(chosen[subset], split_places(labels, 0.2, 4, subset))
    np.testing.assert_array_equal(chosen[subset], split_places(labels, 0.2, 3, subset))
    with pytest.raises(ValueError, match="needs a seed"):
        split_places(labels, 0.2, None, subset)
    with pytest.raises(ValueError, match="Invalid subset name"):
        split_places(labels, 0.2, 0, "test")


@pytest.mark.parametrize("count", [1, 7, 10, 99])
@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.9])
def test_shuffled_split_takes_as_many_as_keras(count, fraction):
    taken = split_places(np.arange(count) % 3, fraction, 0, "validation")
    assert len(taken) == int(np.floor(count * fraction + 1e-9))
