"""Copies of functional models compute, train and are saved as the originals."""

import keras
import numpy as np
import pytest

from image_kit.fast_keras import accelerate, choose_slices, copied
from image_kit.weights import network_of
from tests.fixtures.networks import randomized, residual_model

SHAPE = (10, 10, 3)
IMAGES = np.random.default_rng(1).random((6, *SHAPE), np.float32)


@pytest.fixture
def model():
    return randomized(residual_model(SHAPE, 3))


@pytest.mark.parametrize("copy", [copied, accelerate])
def test_a_copy_computes_and_saves_the_same_and_is_one_of_its_own(model, copy, tmp_path):
    twin = copy(model)
    outputs = np.asarray(model(IMAGES))
    np.testing.assert_array_equal(twin(IMAGES), outputs)
    twin.save_weights(tmp_path / "twin.weights.h5")
    twin.set_weights([weights + 1 for weights in twin.get_weights()])
    np.testing.assert_array_equal(model(IMAGES), outputs)
    model.set_weights([weights + 2 for weights in model.get_weights()])
    model.load_weights(tmp_path / "twin.weights.h5")
    np.testing.assert_array_equal(model(IMAGES), outputs)


def test_a_copy_trains_like_the_original(model):
    twins = [copied(model), accelerate(model)]
    for each in twins:
        each.layers[-2].rate = 0.0  # each draws its own dropout
        each.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
        each.fit(IMAGES, np.arange(6) % 3, batch_size=3, epochs=2, shuffle=False, verbose=0)
    for ours, theirs in zip(*(each.get_weights() for each in twins), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert not np.array_equal(twins[0].layers[1].kernel, model.layers[1].kernel)  # the gradient reaches the first layer


def test_layers_compute_in_the_given_precision_and_the_head_in_float32(model):
    fast = accelerate(model, "mixed_bfloat16")
    assert fast.layers[-1].compute_dtype == "float32"
    assert {layer.compute_dtype for layer in fast.layers[1:-1]} == {"bfloat16"}
    assert {weight.dtype for weight in fast.weights} == {"float32"}
    np.testing.assert_allclose(fast(IMAGES), model(IMAGES), atol=0.05)


def test_lists_of_one_input_and_one_output_become_plain():
    image = keras.Input(SHAPE)
    model = keras.Model([image], [keras.layers.Dense(2)(keras.layers.Flatten()(image))])
    for copy in (copied(model), accelerate(model)):
        assert (copy.input_shape, copy.output_shape) == ((None, *SHAPE), (None, 2))
        assert network_of(copy) == network_of(model)


def test_a_batch_is_never_sliced(model):
    assert choose_slices(model, 64, 2) == 1
