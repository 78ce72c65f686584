"""image_kit.generator.image_generator against Keras's own class."""

import inspect
import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats
from tensorflow.keras.preprocessing.image import ImageDataGenerator as KerasGenerator

from image_kit.generator.image_generator import ImageDataGenerator, ImageDraws
from image_kit.generator.warp import affine_matrix

# Grey levels of 255 between ours and Keras's float32 result: uint8 is rounded, float32 is not.
TOLERANCE = {"uint8": 0.51, "float32": 0.01}
RECIPE = {"rotation_range": 20, "width_shift_range": 0.1, "shear_range": 10, "zoom_range": 0.2, "horizontal_flip": True}

shifts = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 3, 4.5, [-2, 0, 3]]))
arguments = st.fixed_dictionaries(
    {
        "rotation_range": st.sampled_from([0, 0, 15, 180]),
        "width_shift_range": shifts,
        "height_shift_range": shifts,
        "shear_range": st.sampled_from([0, 0, 0.2, 30]),
        "zoom_range": st.sampled_from([0, 0.2, [0.6, 1.6]]),
        "channel_shift_range": st.sampled_from([0, 0, 40]),
        "brightness_range": st.sampled_from([None, None, (0.5, 1.5)]),
        "horizontal_flip": st.booleans(),
        "vertical_flip": st.booleans(),
        "fill_mode": st.sampled_from(["nearest", "reflect", "constant", "wrap"]),
        "cval": st.sampled_from([0, 99.0]),
    }
)
shapes = st.tuples(st.integers(1, 90), st.integers(1, 90), st.sampled_from([1, 3, 4]))


@pytest.fixture(autouse=True)
def _quiet_scipy():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*scipy.ndimage", category=DeprecationWarning)
        yield


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def difference(image, parameters, **kwargs):
    """The largest difference to Keras's result for the same image as float32."""
    expected = KerasGenerator(**kwargs).apply_transform(image.astype(np.float32), parameters)
    got = ImageDataGenerator(**kwargs).apply_transform(image, parameters)
    assert got.dtype == image.dtype
    assert got.shape == expected.shape
    differences = np.abs(got.astype(np.float64) - expected)
    if kwargs.get("fill_mode") == "constant":
        differences[on_the_edge(parameters, *image.shape[:2])] = 0
    return differences.max()


def on_the_edge(parameters, height, width):
    """Where the source is an outermost row or column up to rounding, which decides in scipy what is outside."""
    matrix = affine_matrix(parameters, height, width)
    if matrix is None:
        return np.zeros((height, width), bool)
    rows, columns = np.mgrid[:height, :width]
    sources = np.einsum("ij,jrc->irc", matrix, np.stack([columns, rows, np.ones_like(rows)]))
    edges = np.array([[[width - 1]], [[height - 1]]])
    return (np.minimum(abs(sources), abs(sources - edges)) < 1e-9).any(axis=0)


def test_constructor_is_keras():
    assert inspect.signature(ImageDataGenerator) == inspect.signature(KerasGenerator)
    assert issubclass(ImageDataGenerator, KerasGenerator)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@settings(max_examples=200, deadline=None)
@given(kwargs=arguments, shape=shapes, seed=st.integers(0, 2**32 - 1))
def test_pixels_are_keras(dtype, kwargs, shape, seed):
    image = noise(shape, seed).astype(dtype)
    parameters = KerasGenerator(**kwargs).get_random_transform(shape, seed)
    assert difference(image, parameters, **kwargs) <= TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("fill_mode", ["nearest", "reflect", "constant"])
@pytest.mark.parametrize("shape", [(300, 300, 3), (500, 420, 3), (20, 700, 1)])
def test_pixels_of_large_images_are_keras(shape, fill_mode, dtype):
    kwargs = {**RECIPE, "zoom_range": [0.5, 1.5], "fill_mode": fill_mode}
    for seed in range(3):
        parameters = KerasGenerator(**kwargs).get_random_transform(shape, seed)
        assert difference(noise(shape, seed).astype(dtype), parameters, **kwargs) <= TOLERANCE[dtype]


@pytest.mark.parametrize(
    ("kwargs", "dtype"),
    [
        ({"data_format": "channels_first"}, "float32"),
        ({"interpolation_order": 3}, "float32"),
        ({"fill_mode": "wrap"}, "float32"),
        ({}, "float64"),
        ({}, "int32"),
    ],
)
def test_everything_else_is_keras_code(kwargs, dtype):
    kwargs, shape = {**RECIPE, **kwargs}, (20, 20, 20)
    image = noise(shape).astype(dtype)
    if "data_format" in kwargs:
        image = image[:3]
    parameters = KerasGenerator(**kwargs).get_random_transform(image.shape, 1)
    expected = KerasGenerator(**kwargs).apply_transform(image, parameters)
    np.testing.assert_array_equal(ImageDataGenerator(**kwargs).apply_transform(image, parameters), expected)


@pytest.mark.parametrize("extra", [{}, {"channel_shift_range": 30}, {"brightness_range": (0.5, 1.5)}])
def test_out_receives_the_result_and_the_input_stays(extra):
    generator, image = ImageDataGenerator(**RECIPE, **extra), noise((50, 40, 3))
    before, out = image.copy(), np.zeros_like(image)
    parameters = generator.draw_transforms(image.shape, 0, 0, [0])[0]
    assert generator.apply_transform(image, parameters, out) is out
    np.testing.assert_array_equal(out, generator.apply_transform(image, parameters))
    np.testing.assert_array_equal(image, before)


def test_cubic_overshoot_does_not_wrap_around_in_uint8():
    image = np.zeros((20, 20, 3), np.uint8)
    image[:, 10:] = 255
    got = ImageDataGenerator(interpolation_order=3).apply_transform(image, {"tx": 0.3})
    assert difference(image, {"tx": 0.3}, interpolation_order=3) > 1  # Keras's floats leave 0..255
    assert got[:, 2].max() < 10


@settings(max_examples=100, deadline=None)
@given(kwargs=arguments, seed=st.integers(0, 2**32 - 1))
def test_get_random_transform_draws_what_keras_draws(kwargs, seed):
    shape = (30, 20, 3)
    expected = KerasGenerator(**kwargs).get_random_transform(shape, seed)
    following = np.random.random()
    assert ImageDataGenerator(**kwargs).get_random_transform(shape, seed) == expected
    assert np.random.random() == following


def test_an_image_has_its_draws_whatever_the_batch():
    generator = ImageDataGenerator(**RECIPE, brightness_range=(0.5, 1), height_shift_range=[1, 2])
    together = generator.draw_transforms((30, 20, 3), 5, 2, np.arange(40))
    assert [together[i] for i in (7, 3, 39)] == generator.draw_transforms((30, 20, 3), 5, 2, [7, 3, 39])
    assert len({parameters["theta"] for parameters in together}) == 40
    for seed, epoch in ((5, 3), (6, 2), (2, 5)):
        assert generator.draw_transforms((30, 20, 3), seed, epoch, [7]) != [together[7]]


def test_the_global_generator_is_left_alone():
    generator = ImageDataGenerator(**RECIPE)
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    generator.draw_transforms((30, 20, 3), 0, 0, np.arange(10))
    assert np.random.random() == expected


def test_draws_are_distributed_as_keras():
    kwargs = {
        **RECIPE,
        "height_shift_range": 5,
        "zoom_range": [0.5, 1.1],
        "channel_shift_range": 9.0,
        "brightness_range": (0.2, 1.5),
        "vertical_flip": True,
    }
    shape, count = (30, 20, 3), 4000
    keras = KerasGenerator(**kwargs)
    np.random.seed(0)
    expected = [keras.get_random_transform(shape) for _ in range(count)]
    ours = ImageDataGenerator(**kwargs).draw_transforms(shape, 1, 0, np.arange(count))
    assert [list(drawn) for drawn in ours[:1]] == [list(expected[0])]
    for name in expected[0]:
        a, b = [drawn[name] for drawn in ours], [drawn[name] for drawn in expected]
        if name in ("tx", "flip_horizontal", "flip_vertical"):
            values = sorted(set(b))
            assert sorted(set(a)) == values
            p = stats.chi2_contingency([[column.count(value) for value in values] for column in (a, b)]).pvalue
        else:
            p = stats.ks_2samp(a, b).pvalue
        assert p > 0.001, name  # fixed seeds: this cannot fail by chance later


def test_streams_are_uniform_and_uncorrelated():
    draws = ImageDraws(0, 0, np.arange(20_000))
    first, second = draws.random(), draws.random()
    assert len(np.unique([first, second])) == 40_000  # no stream is a piece of another
    assert stats.kstest(first, "uniform").pvalue > 0.001
    # 4 standard errors of a correlation of 20,000 pairs
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.028
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.028


@pytest.mark.parametrize("options", [0.5, -1, [[1, 2]], 0])
def test_choice_refuses_what_numpy_refuses(options):
    for random in (np.random, ImageDraws(0, 0, [0])):
        with pytest.raises(ValueError):  # noqa: PT011 - Keras looks at nothing but the type
            random.choice(options)


def test_nothing_random_draws_nothing():
    assert ImageDataGenerator(rescale=1 / 255).draw_transforms((30, 20, 3), 0, 0, [4, 5]) == [{}, {}]
    assert not ImageDataGenerator(rescale=1 / 255).is_random
    for name in ("rotation_range", "width_shift_range", "shear_range", "zoom_range", "channel_shift_range"):
        assert ImageDataGenerator(**{name: 0.5}).is_random
    assert ImageDataGenerator(brightness_range=(1, 1)).is_random


@pytest.mark.parametrize(
    "kwargs",
    [
        RECIPE,
        {"height_shift_range": 3, "vertical_flip": True},
        {"horizontal_flip": True},
        {"zoom_range": 0.3, "brightness_range": (0.5, 1)},
        {"zoom_range": 0.3, "fill_mode": "wrap"},
        {"rescale": 2.0},
    ],
)
def test_a_plan_does_what_the_draws_say(kwargs):
    generator, images, out = ImageDataGenerator(**kwargs), noise((8, 40, 30, 3)), np.empty((8, 40, 30, 3), np.uint8)
    plan = generator.plan_transforms(images.shape[1:], 1, 2, np.arange(8))
    draws = generator.draw_transforms(images.shape[1:], 1, 2, np.arange(8))
    generator.apply_planned(images, plan, out)
    for image, parameters, result in zip(images, draws, out, strict=True):
        expected = generator.apply_transform(image, parameters)
        # The two cosines may differ in the last bit, and a grey level at n + 0.5 round either way.
        assert np.abs(result.astype(int) - expected).max() <= 1
        assert (result != expected).mean() < 0.01


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"rescale": 1 / 255},
        {"rescale": 1 / 255, "samplewise_center": True, "samplewise_std_normalization": True},
        {"preprocessing_function": lambda x: x - 100.0},
        {"featurewise_center": True, "featurewise_std_normalization": True},
    ],
)
def test_standardize_into_is_keras_standardize(kwargs):
    images, out = noise((4, 10, 12, 3)), np.empty((4, 10, 12, 3), np.float32)
    before, generator = images.copy(), ImageDataGenerator(**kwargs)
    generator.fit(images)
    generator.standardize_into(images, out)
    for image, result in zip(images, out, strict=True):
        np.testing.assert_array_equal(result, generator.standardize(image.astype(np.float32)))
    np.testing.assert_array_equal(images, before)
