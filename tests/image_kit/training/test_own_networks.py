"""A user's own network: trained, kept, resumed and refused like a tutorial's."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from image_kit.answering import KerasClassifier, load_classifier
from image_kit.answering.lite_classifier import LiteClassifier
from image_kit.datasets import load_photos
from image_kit.errors import UserError
from image_kit.named_networks import NamedNetworks
from image_kit.training import RunFolder, set_up_training
from image_kit.weights import BEST
from tests.fixtures.runs import RECIPE, build, new_run, run_it

OWN_NETWORK = """
import keras
import numpy as np

def mine(image_shape, n_classes):
    layers = keras.layers
    return keras.Sequential([keras.Input(image_shape), *BODY, layers.Dense(n_classes, activation="softmax")])
"""
BODY = (
    "layers.Conv2D(4, 3, activation='relu'), layers.MaxPooling2D(2), layers.BatchNormalization(), "
    "layers.GaussianNoise(0.1), layers.GlobalAveragePooling2D()"
)


@pytest.fixture
def own_networks(tmp_path, monkeypatch):
    """`own_networks(body)` writes a module with the network `mine`; returns its `NamedNetworks`."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(body, name="own_networks"):
        (tmp_path / f"{name}.py").write_text(OWN_NETWORK.replace("*BODY", body))
        monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()
        return NamedNetworks(name)

    return write


def test_a_users_own_network_resumes_bit_for_bit_and_answers_without_its_function(photos, own_networks):
    recipe, networks = replace(RECIPE, model="mine", epochs=3), own_networks(BODY)
    whole, halves = new_run("whole"), new_run("halves")
    run_it(whole, photos, recipe, networks)
    run_it(halves, photos, replace(recipe, epochs=1), networks)
    run_it(RunFolder.open(halves.path), photos, recipe, networks)
    changed = own_networks("layers.Flatten()")
    ours, theirs = (KerasClassifier.load(folder.file(BEST)).model for folder in (halves, whole))
    assert [type(layer).__name__ for layer in ours.layers][2] == "BatchNormalization"
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(UserError, match="--resume: the network mine has changed since runs/halves began"):
        run_it(RunFolder.open(halves.path), photos, replace(recipe, epochs=4), changed)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "layers.Lambda(lambda x: x), layers.Flatten()",
            r"--model mine: the layer 'lambda\w*' \(Lambda\) is not one that",
        ),
        ("layers.Flatten(), layers.Dense(3, activation=keras.ops.abs)", "--model mine: the activation of the layer"),
        ("layers.Conv2D(4, 99), layers.Flatten()", "--image-size: 24 x 24 pixels are too few for the network mine"),
        ("layers.Flatten(), layers.Dense(3, activation='hard_tanh')", "--model mine: it contains a layer Dense with"),
        ("layers.Conv2D(4, 3)", r"--model mine: must end in Dense\(1, activation='sigmoid'\)"),
    ],
)
def test_a_network_that_cannot_be_kept_is_refused_before_a_run_exists(photos, own_networks, body, message):
    recipe = replace(RECIPE, model="mine")
    with pytest.raises(UserError, match=message):
        build(None, recipe, load_photos(photos, recipe), own_networks(body))
    assert not Path("runs").exists()


RETURNED = {
    "nothing": ("return None", r"must return a keras\.Sequential or a functional keras\.Model, received NoneType"),
    "no input": ("return keras.Sequential([keras.layers.Dense(2)])", r"must begin with keras\.Input\(image_shape\)"),
    "a subclass": (
        "return type('Mine', (keras.Model,), {})()",
        r"must return a keras\.Sequential or a functional keras\.Model, received Mine",
    ),
    "two outputs": (
        "i = keras.Input(image_shape); return keras.Model(i, [keras.layers.Flatten()(i), keras.layers.ReLU()(i)])",
        "it has 1 inputs and 2 outputs, not one of each",
    ),
    "an operator": (
        "i = keras.Input(image_shape); return keras.Model(i, keras.layers.Flatten()(i) * 2)",
        r"the layer 'multiply\w*' \(Multiply\) is not one that a weights file may carry",
    ),
    "no head": (
        "i = keras.Input(image_shape); return keras.Model(i, keras.layers.Add()([i, i]))",
        r"must end in Dense\(1, activation='sigmoid'\)",
    ),
    "another input": (
        "return keras.Sequential([keras.Input((20, 20, 3)), keras.layers.Flatten(), keras.layers.Dense(n_classes)])",
        r"must take images of \(24, 24, 3\), its Input takes \(20, 20, 3\)",
    ),
}


@pytest.mark.parametrize(("code", "message"), RETURNED.values(), ids=RETURNED)
def test_what_a_function_may_return(photos, tmp_path, monkeypatch, code, message):
    (tmp_path / "returning.py").write_text(f"import keras\ndef mine(image_shape, n_classes):\n    {code}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "returning", raising=False)
    importlib.invalidate_caches()
    recipe = replace(RECIPE, model="mine")
    networks = NamedNetworks("returning")
    assert set_up_training(recipe, networks).policy == "float32"
    with pytest.raises(UserError, match=message):
        build(None, recipe, load_photos(photos, recipe), networks)
    assert not Path("runs").exists()


def test_a_functional_model_is_trained_resumed_and_answers_without_its_function(photos):
    """`residual_model` has branches of different depth, every merging layer, and dropout."""
    recipe, folder = replace(RECIPE, model="residual_model"), new_run()
    run_it(folder, photos, replace(recipe, epochs=1), NamedNetworks("tests.fixtures.networks"))
    scores = run_it(RunFolder.open(folder.path), photos, recipe, NamedNetworks("tests.fixtures.networks"))
    assert scores["test"].total == 6
    images = np.random.default_rng(0).integers(0, 256, (3, 24, 24, 3), np.uint8)
    engines = [load(folder.file(BEST)) for load in (KerasClassifier.load, load_classifier)]
    assert type(engines[0].model).__name__ == "Functional"
    assert isinstance(engines[1], LiteClassifier)
    np.testing.assert_allclose(*(engine.probabilities(images) for engine in engines), atol=1e-4)


def test_settings_may_be_numpys_numbers(photos, own_networks):
    recipe = replace(RECIPE, model="mine", epochs=1)
    networks = own_networks("layers.Conv2D(np.int64(4), 3), layers.Dropout(np.float32(0.5)), layers.Flatten()")
    folder = new_run()
    run_it(folder, photos, recipe, networks)
    assert KerasClassifier.load(folder.file(BEST)).model.layers[0].filters == 4


def test_a_layer_that_litert_lacks_costs_quick_answers_only(photos, own_networks, capsys):
    recipe = replace(RECIPE, model="mine", epochs=1)
    folder = new_run()
    body = "layers.UpSampling2D(2, interpolation='lanczos5'), layers.Flatten()"
    scores = run_it(folder, photos, recipe, own_networks(body))
    assert "LiteRT cannot run this network" in capsys.readouterr().err
    assert scores["test"].total == 6
    assert folder.file("metrics.json").is_file()
    assert not folder.file("model.tflite").exists()
    classifier = load_classifier(folder.file(BEST))
    assert isinstance(classifier, KerasClassifier)
    assert "TensorFlow answers instead" in capsys.readouterr().err


def test_batch_statistics_are_never_sliced(photos, own_networks, monkeypatch):
    """Also in a process that was set up for slices by another network."""
    monkeypatch.setattr("image_kit.training.network.slices_in_use", lambda: 2)
    for body, kind in ((BODY, "Sequential"), ("layers.Flatten()", "SideBySide")):
        recipe = replace(RECIPE, model="mine", batch_size=64)
        run = build(new_run(kind), recipe, load_photos(photos, recipe), own_networks(body))
        assert type(run.model).__name__ == kind
