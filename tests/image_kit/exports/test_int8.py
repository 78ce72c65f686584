"""The export in 8-bit integers: the harshest form that keeps its accuracy on held images."""

import json

import numpy as np
import pytest

from image_kit.answering import FORMS, load_classifier, read
from image_kit.errors import UserError
from image_kit.exports import int8, read_source
from image_kit.photos import Preprocessing
from image_kit.weights import Description, save_network
from tests.fixtures.networks import entry

SHAPE = (8, 8, 3)


def save(path, layers=None):
    """Weights of a small network that tells red from blue, as train.py would write them; returns its source."""
    layers = layers or [
        entry("Conv2D", filters=4, activation="relu"),
        entry("Flatten"),
        entry("Dense", units=2, activation="softmax"),
    ]
    layers = json.loads(json.dumps(layers))  # as a file has them: lists, no tuples
    rng = np.random.default_rng(0)
    kernel = np.zeros((3, 3, 3, 4), np.float32)
    kernel[:, :, 0, 0] = kernel[:, :, 2, 1] = 1
    dense = np.tile([[3.0, -3], [-3, 3], [0, 0], [0, 0]], (36, 1)) * rng.uniform(0.9, 1.1, (144, 1)) / 36
    weights = [[kernel, np.zeros(4)], [], [dense, np.zeros(2)]]
    weights = [[each.astype(np.float32) for each in layer] for layer in weights]
    description = Description("own", ("red", "blue"), Preprocessing(SHAPE), network=layers)
    save_network(path, description, weights, np.empty(0, np.uint64))
    return read_source(path)


def images(count, seed):
    """Images of which every other one is bluish, and their labels."""
    rng, labels = np.random.default_rng(seed), np.arange(count) % 2
    pixels = rng.integers(0, 200, (count, *SHAPE))
    pixels[labels == 0, ..., 0] += 50
    pixels[labels == 1, ..., 2] += 50
    return pixels.astype(np.uint8), labels


def test_the_harshest_form_is_written_with_its_proof(tmp_path):
    source = save(tmp_path / "best.weights.h5")
    exact, (held, labels) = load_classifier(source.path), images(60, 1)
    proof, notes = int8.write(source, tmp_path / "out.tflite", exact, images(16, 0)[0], held, labels)
    assert (proof.form, proof.images, proof.changed) == ("int8", 60, 0)
    assert len(notes) == 1
    model = read(tmp_path / "out.tflite")
    assert model.notes["proof"] == proof.to_dict()
    ours = load_classifier(tmp_path / "out.tflite").uncalibrated(held)
    assert np.abs(ours - exact.uncalibrated(held)).max() == pytest.approx(proof.largest_difference, abs=1e-6)


def test_a_form_that_loses_accuracy_is_told_and_a_milder_one_is_written(tmp_path):
    source = save(tmp_path / "best.weights.h5")
    held, labels = images(60, 1)
    dark = np.ones((1, *SHAPE), np.uint8)  # all that is brighter is cut off
    proof, notes = int8.write(source, tmp_path / "out.tflite", load_classifier(source.path), dark, held, labels)
    assert proof.form == FORMS[1]
    assert "this is more than 1%, so a milder form is tried" in notes[0]
    assert notes[1].startswith("weights as 8-bit integers")


def test_nothing_to_calibrate_on(tmp_path):
    source = save(tmp_path / "best.weights.h5")
    held, labels = images(4, 1)
    with pytest.raises(UserError, match="there are none"):
        int8.write(source, tmp_path / "out.tflite", load_classifier(source.path), held[:0], held, labels)
    assert not (tmp_path / "out.tflite").exists()
