"""Weights of other programs: loaded right, or refused with what does not fit; never answers of another network."""

import json

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import models
from image_kit.errors import UserError
from image_kit.weights import load_weights
from tests.fixtures.networks import fallback, randomized

SHAPE = (28, 28, 1)
IMAGES = np.random.default_rng(2).random((4, *SHAPE), np.float32)
ROWS = (5, 5, 64, 64)  # behind the Flatten: height, width, channels, units


@pytest.fixture(scope="module")
def original():
    model = randomized(models.fashion_mnist(SHAPE, 10))
    # Small enough for answers that differ.
    model.set_weights([(weight - 0.5) / np.sqrt(np.prod(weight.shape[:-1]) or 1) * 4 for weight in model.get_weights()])
    return model


def chain(*begin, activation="relu", pooling=layers.MaxPooling2D, last="softmax", middle=()):
    """The tutorial's network, or one with other layers."""
    convolutions = [layers.Conv2D(64, 3, activation=activation), pooling(2)]
    convolutions += [layers.Conv2D(64, 3, activation=activation), pooling(2)]
    end = [*middle, layers.Flatten(), layers.Dense(64), layers.Dense(10, activation=last)]
    return keras.Sequential([keras.Input(SHAPE), *begin, *convolutions, *end])


def separate():
    """The same with layers of their own for what others have as a setting, and names of another program."""
    first, second = layers.Conv2D(64, 3, name="a"), layers.Conv2D(64, 3, name="b")
    begin = [first, layers.Activation("relu"), layers.MaxPooling2D(2), second, layers.ReLU(), layers.MaxPooling2D(2)]
    end = [layers.Flatten(), layers.Dropout(0.3), layers.Dense(64), layers.Dense(10), layers.Softmax()]
    return keras.Sequential([keras.Input(SHAPE), *begin, *end])


def config(data_format, flatten):
    """As Keras 2.1 wrote it."""
    names = {"data_format": data_format}
    convolution = {
        "class_name": "Conv2D",
        "config": {"filters": 64, "kernel_size": [3, 3], "activation": "relu", **names},
    }
    pooling = {"class_name": "MaxPooling2D", "config": {"pool_size": [2, 2], "strides": None, **names}}
    dense = [{"units": 64, "activation": "linear"}, {"units": 10, "activation": "softmax"}]
    end = [{"class_name": "Flatten", "config": flatten}, *({"class_name": "Dense", "config": each} for each in dense)]
    return {"class_name": "Sequential", "config": [convolution, pooling, convolution, pooling, *end]}


def write_keras_2(path, model, backend="tensorflow", kernels=lambda kernel: kernel, rows=lambda rows: rows, whole=None):
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        root.attrs["backend"] = backend.encode()
        if whole:
            file.attrs["model_config"] = json.dumps(whole).encode()
        root.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            arrays = layer.get_weights()
            names = [f"{layer.name}/{name}:0" for name in ("kernel", "bias")[: len(arrays)]]
            root.create_group(layer.name).attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, arrays, strict=True):
                changed = kernels(array) if array.ndim == 4 else rows(array) if array.shape[:1] == (1600,) else array
                root[f"{layer.name}/{name}"] = changed


def turned(kernel):
    return kernel[::-1, ::-1]


def channels_first(rows):
    return rows.reshape(ROWS).transpose(2, 0, 1, 3).reshape(rows.shape)


def check_alike(path, original):
    loaded = load_weights(path, fallback("fashion_mnist"))[0]
    np.testing.assert_allclose(loaded(IMAGES), original(IMAGES), atol=1e-6)


def refusal(path):
    with pytest.raises(UserError) as caught:
        load_weights(path, fallback("fashion_mnist"))
    message = str(caught.value)
    assert message.startswith(f"{path}: does not fit the network fashion_mnist (")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"whole": config("channels_last", {})},
        {"backend": "theano", "kernels": turned},
        {"backend": "theano", "kernels": turned, "whole": config("channels_last", {})},
        {"rows": channels_first, "whole": config("channels_first", {})},
        {"whole": config("channels_first", {"data_format": "channels_first"})},  # such a Flatten sorts by itself
        {"backend": "theano", "kernels": turned, "rows": channels_first, "whole": config("channels_first", {})},
    ],
    ids=range(7),
)
def test_another_backend_and_another_order_of_the_image_answer_alike(tmp_path, original, changes):
    write_keras_2(tmp_path / "a.h5", original, **changes)
    check_alike(tmp_path / "a.h5", original)


def test_of_weights_alone_by_theano_the_order_is_said(tmp_path, original, capsys):
    write_keras_2(tmp_path / "a.h5", original, "theano", turned)
    check_alike(tmp_path / "a.h5", original)
    said = capsys.readouterr().err
    assert (
        f"{tmp_path / 'a.h5'}: was written by Theano, so its kernels are turned; it is taken for images whose " in said
    )


def test_kernels_of_keras_1_are_named(tmp_path, original):
    write_keras_2(tmp_path / "a.h5", original, "theano", lambda kernel: turned(kernel).transpose(3, 2, 0, 1))
    assert "is in the order of Keras 1 with Theano; load the whole model in Keras 2" in refusal(tmp_path / "a.h5")


@pytest.mark.parametrize("name", ["whole.h5", "alone.weights.h5"])
@pytest.mark.parametrize("build", [separate, lambda: chain(last="linear")])
def test_the_same_network_written_differently_answers_alike(tmp_path, original, name, build):
    model = build()
    model.set_weights(original.get_weights())
    (model.save_weights if "weights" in name else model.save)(tmp_path / name)
    check_alike(tmp_path / name, original)


def test_a_whole_model_that_makes_0_to_1_of_pixels_itself_answers_alike(tmp_path, original):
    """As the tutorials of Keras; the kit has done so before."""
    model = chain(layers.Rescaling(1 / 255))
    model.set_weights(original.get_weights())
    model.save(tmp_path / "a.h5")
    check_alike(tmp_path / "a.h5", original)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: chain(activation="tanh"), "which has the activation relu where the file has the activation tanh"),
        (
            lambda: chain(pooling=layers.AveragePooling2D),
            "a MaxPooling2D where the file has an AveragePooling2D",
        ),
        (lambda: chain(layers.Rescaling(1 / 127.5)), "which has a Conv2D where the file has a Rescaling"),
        (lambda: chain(layers.Rescaling(1 / 255, 0.5)), "which has a Conv2D where the file has a Rescaling"),
        (lambda: chain(last="sigmoid"), "which ends where the file has the activation sigmoid"),
        (
            lambda: chain(middle=[layers.UnitNormalization()]),
            "has a Flatten where the file has a UnitNormalization",
        ),
        (lambda: chain(layers.ZeroPadding2D(0)), "which has a Conv2D where the file has a ZeroPadding2D"),
    ],
)
def test_a_whole_model_of_another_network_with_the_same_arrays_is_refused(tmp_path, original, build, said):
    model = build()
    model.set_weights(original.get_weights())
    model.save(tmp_path / "a.h5")
    assert said in refusal(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (
            lambda: chain(layers.Rescaling(1 / 255)),
            "which has no layer like rescaling of the file; the whole model says",
        ),
        (lambda: chain(layers.BatchNormalization()), "which has no layer like batch_normalization of the file"),
        (lambda: chain(middle=[layers.Conv2D(64, 3, padding="same")]), "which has fewer layers of the kind conv2d"),
        (lambda: chain(pooling=layers.AveragePooling2D), "which has no layer like average_pooling2d of the file"),
    ],
)
def test_weights_alone_of_another_network_are_refused_by_the_names_in_them(tmp_path, build, said):
    build().save_weights(tmp_path / "a.weights.h5")
    assert said in refusal(tmp_path / "a.weights.h5")


def test_a_whole_model_of_others_is_called_what_it_is(tmp_path, original):
    original.save(tmp_path / "keras_model.h5")
    with pytest.raises(UserError, match=r"is a whole model of Keras without the names of its classes; .* --backbone"):
        load_weights(tmp_path / "keras_model.h5", fallback())


@pytest.mark.parametrize("text", ["{", "[]", "7", '{"config": {"layers": [{"class_name": "Dense"}]}}', "[" * 100_000])
def test_a_damaged_configuration_gives_one_line(tmp_path, original, text):
    write_keras_2(tmp_path / "a.h5", original, whole={"config": []})
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file.attrs["model_config"]
        file.attrs["model_config"] = text[:60_000]
    refusal(tmp_path / "a.h5")
