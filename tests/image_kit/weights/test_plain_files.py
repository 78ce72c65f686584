"""Weights files written without Keras are the files that Keras writes, and are read without it."""

import re

import h5py
import keras
import numpy as np
import pytest

import models
from image_kit.answering import KerasClassifier
from image_kit.datasets import ImageSet
from image_kit.errors import UserError
from image_kit.photos import Preprocessing
from image_kit.trust import measure_trust
from image_kit.weights import (
    Description,
    add_trust,
    load_weights,
    network_of,
    read_description,
    read_network_weights,
    read_trained_on,
    read_trust,
    save_network,
    save_weights,
    verify_checksum,
)
from image_kit.weights.building import build_network
from image_kit.weights.layout import layer_groups
from image_kit.weights.network import ALLOWED_LAYERS
from tests.fixtures.networks import randomized, residual_model

SHAPE = (12, 12, 3)
MARKS = np.array([7, 2**64 - 1], np.uint64)
MODELS = {
    "Sequential": lambda: models.cifar10_small((20, 20, 3), 3),
    "functional": lambda: residual_model(SHAPE, 3),
}


def described(model):
    preprocessing = Preprocessing(tuple(model.input_shape[1:]))
    return Description("mine", ("a", "b", "c"), preprocessing, network=network_of(model))


def weights_of(model):
    """For each layer its arrays, as `save_network` takes them."""
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    return [[variable.numpy() for variable in layer.weights] for layer in layers]


def tree(path):
    """Everything in an HDF5 file but checksums: name -> attributes and, of a data set, its type and values."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item}))
        return {
            name: (dict(item.attrs), *((item.dtype, item[()].tolist()) if isinstance(item, h5py.Dataset) else ()))
            for name, item in found.items()
        } | {"/": {name: value for name, value in file.attrs.items() if name != "crc32"}}


@pytest.fixture(params=MODELS)
def model(request):
    keras.backend.clear_session(free_memory=False)  # names are counted from the beginning, as in a new process
    built = build_network(network_of(MODELS[request.param]()), SHAPE if request.param == "functional" else (20, 20, 3))
    keras.backend.clear_session(free_memory=False)
    return randomized(build_network(network_of(built), built.input_shape[1:]))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plain.weights.h5"


def test_the_file_is_the_one_that_keras_writes(model, path, tmp_path):
    save_weights(model, tmp_path / "keras.weights.h5", described(model), MARKS)
    save_network(path, described(model), weights_of(model), MARKS)
    assert tree(path) == tree(tmp_path / "keras.weights.h5")
    assert len(tree(path)) > 20
    verify_checksum(path)


def test_keras_and_the_kit_load_the_same_model(model, path):
    save_network(path, described(model), weights_of(model), MARKS)
    ours, description = load_weights(path)
    theirs = build_network(network_of(model), model.input_shape[1:])
    theirs.load_weights(path)
    assert (type(ours), description) == (type(model), described(model))
    assert read_trained_on(path).tolist() == MARKS.tolist()
    images = np.random.default_rng(1).random((3, *model.input_shape[1:]), np.float32)
    for loaded in (ours, theirs):
        np.testing.assert_array_equal(loaded(images), model(images))


@pytest.mark.parametrize("with_optimizer", [False, True])
def test_what_keras_wrote_is_read_without_it(model, path, with_optimizer):
    if with_optimizer:
        model.compile("adam", "sparse_categorical_crossentropy")
        model.optimizer.build(model.trainable_variables)
    save_weights(model, path, described(model), MARKS)
    read = read_network_weights(path, read_description(path))
    for ours, theirs in zip(read, weights_of(model), strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_entries_in_another_order_than_kerass_fit_too(path):
    """Keras computes the branch of two layers first; the network as data has it last."""
    dense = {"class": "Dense", "units": 3, "activation": "linear", "use_bias": True}
    pool = {"class": "GlobalAveragePooling2D", "data_format": "channels_last", "keepdims": False}
    merged = [{"class": "Add", "inputs": [1, 3]}, dense]
    network = [{**pool}, dense, {**dense, "inputs": [0]}, {**dense, "inputs": [2]}, *merged]
    assert layer_groups(network)[1:4] == ["dense_1", "dense", "dense_2"]
    rng = np.random.default_rng(0)
    arrays = [
        [rng.random((3, 3), np.float32), rng.random(3, np.float32)] if "units" in each else [] for each in network
    ]
    description = Description("mine", ("a", "b", "c"), Preprocessing(SHAPE), network=network)
    save_network(path, description, arrays, MARKS)
    images = rng.random((2, *SHAPE), np.float32)
    pooled = images.mean(axis=(1, 2))
    one, two, three, head = (lambda x, pair=pair: x @ pair[0] + pair[1] for pair in arrays if pair)
    np.testing.assert_allclose(load_weights(path)[0](images), head(one(pooled) + three(two(pooled))), rtol=1e-5)
    for ours, theirs in zip(read_network_weights(path, description), arrays, strict=True):
        np.testing.assert_array_equal(ours[:1], theirs[:1])


def test_a_functional_model_without_branches_fits_its_sequential(tmp_path):
    image = keras.Input(SHAPE)
    model = randomized(keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(image))))
    save_weights(model, tmp_path / "a.weights.h5", described(model), MARKS)
    loaded, _ = load_weights(tmp_path / "a.weights.h5")
    images = np.random.default_rng(1).random((3, *SHAPE), np.float32)
    np.testing.assert_array_equal(loaded(images), model(images))


def test_trust_is_written_as_add_trust_does(model, path, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (30, *model.input_shape[1:])).astype(np.uint8)
    images = ImageSet(pixels, np.arange(30, dtype=np.int32) % 3, [str(number) for number in range(30)])
    trust, _ = measure_trust(KerasClassifier(model, described(model)), images, images)
    save_network(path, described(model), weights_of(model), MARKS, trust)
    save_network(tmp_path / "later.weights.h5", described(model), weights_of(model), MARKS)
    add_trust(tmp_path / "later.weights.h5", trust)
    assert tree(path) == tree(tmp_path / "later.weights.h5")
    assert read_trust(path, described(model)).to_bytes() == trust.to_bytes()


def test_groups_are_named_as_keras_names_classes():
    for name in ALLOWED_LAYERS:
        assert layer_groups([{"class": name}] * 2) == [
            keras.src.utils.naming.to_snake_case(name) + suffix for suffix in ("", "_1")
        ]


def test_it_imports_no_keras(tmp_path, run_script):
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from image_kit.photos import Preprocessing\n"
        "from image_kit.weights import Description, read_network_weights, save_network\n"
        "dense = {'class': 'Dense', 'units': 2, 'activation': 'linear', 'use_bias': False}\n"
        "description = Description('mine', ('a', 'b'), Preprocessing((8, 8, 3)), network=[dense])\n"
        "path, weights = Path('a.weights.h5'), [[np.ones((3, 2), np.float32)]]\n"
        "save_network(path, description, weights, np.empty(0, np.uint64))\n"
        "assert (read_network_weights(path, description)[0][0] == 1).all()\n"
        "print(sorted({'keras', 'tensorflow', 'cv2', 'scipy', 'matplotlib'} & set(sys.modules)))\n"
    )
    done = run_script(tmp_path, code)
    assert (done.stdout, done.stderr) == ("[]\n", "")


WRONG = {
    "a layer too few": (lambda weights: weights[:-1], "7 layers need as many lists of weights, received 6"),
    "no bias": (lambda weights: [weights[0][:1], *weights[1:]], "conv2d needs 2 arrays of weights, received 1"),
    "too many": (lambda weights: [weights[0], weights[0], *weights[2:]], "needs 0 arrays of weights, received 2"),
    "float64": (
        lambda weights: [[each.astype(float) for each in arrays] for arrays in weights],
        "weights 0 of the layer conv2d must be float32, received float64",
    ),
    "PyTorch's order": (
        lambda weights: [[weights[0][0].transpose(3, 2, 0, 1), weights[0][1]], *weights[1:]],
        "weights 0 of the layer conv2d must be 3x3xanyx32, received 32x3x3x3",
    ),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_weights_that_do_not_fit_are_not_written(path, change, message):
    model = models.fashion_mnist((12, 12, 3), 3)
    weights = weights_of(model)
    weights[0] = [np.zeros((3, 3, 3, 32), np.float32), np.zeros(32, np.float32)]
    network = network_of(model)
    network[0]["filters"] = 32
    description = Description("mine", ("a", "b", "c"), Preprocessing(SHAPE), network=network)
    save_network(path, description, weights, MARKS)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=re.escape(message)):
        save_network(path, description, change(weights), MARKS)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def damaged_group(file):
    del file["layers/conv2d/vars"]
    file["layers/conv2d/vars"] = np.zeros(3)


def damaged_shape(file):
    del file["layers/dense/vars/1"]
    file["layers/dense/vars/1"] = np.zeros(999, np.float32)


def text(file):
    del file["layers/dense/vars/1"]
    file["layers/dense/vars/1"] = np.array(["text"], object)


def missing(file):
    del file["layers/dense/vars/0"]


def link(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = h5py.ExternalLink("/etc/passwd", "/")


def never_written(file):
    del file["layers/dense/vars/1"]
    file.create_dataset("layers/dense/vars/1", (2**40,), "f4")


def flipped_bit(file):
    file["layers/dense/vars/1"][:] = 1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damaged_group, "does not fit the network mine"),
        (damaged_shape, "does not fit the network mine .*dense must be 64, received 999"),
        (text, "does not fit the network mine .*must be float32"),
        (missing, "does not fit the network mine"),
        (link, "is not a plain weights file"),
        (never_written, "is not a plain weights file"),
        (flipped_bit, "is damaged: its content does not match its checksum"),
    ],
)
def test_damaged_files_give_one_line(path, damage, message):
    model = models.cifar10_small((20, 20, 3), 3)
    save_network(path, described(model), weights_of(model), MARKS)
    with h5py.File(path, "r+") as file:
        damage(file)
    with pytest.raises(UserError, match=rf"plain\.weights\.h5: {message}") as caught:
        read_network_weights(path, described(model))
    assert len(str(caught.value).splitlines()) == 1


def test_other_names_are_refused(tmp_path):
    model = models.mnist_dense((8, 8, 1), 3)
    with pytest.raises(ValueError, match=r"a\.h5: must end in \.weights\.h5"):
        save_network(tmp_path / "a.h5", described(model), weights_of(model), MARKS)
