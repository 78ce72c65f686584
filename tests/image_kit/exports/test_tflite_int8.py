"""The export in 8-bit integers: the harshest form that keeps its accuracy on held images."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from image_kit.answering import load_classifier
from image_kit.datasets import ImageSet
from image_kit.errors import UserError
from image_kit.exports import Facts, RunPhotos, read_source, tflite, tflite_int8
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


def facts(calibration, held, labels, is_labelled=True):
    """The run's photos as the export is given them."""
    names = [str(number) for number in range(len(labels))]
    return Facts(Path(), RunPhotos(ImageSet(held, labels, names), calibration, "photos of a test", is_labelled))


def test_the_harshest_form_is_written_and_answers_alike(tmp_path):
    source = save(tmp_path / "best.weights.h5")
    exact, (held, labels) = load_classifier(source.path), images(60, 1)
    notes = tflite_int8.write(source, tmp_path / "a.tflite", facts(images(16, 0)[0], held, labels))
    assert notes == ["tflite-int8: weights and layers' outputs as 8-bit integers"]
    answers = tflite_int8.answer(tmp_path / "a.tflite", held)
    assert np.abs(answers - exact.probabilities(held)).max() < 0.02
    assert (answers.argmax(1) == labels).all()
    tflite.write(source, tmp_path / "b.tflite")
    assert (tmp_path / "a.tflite").stat().st_size != (tmp_path / "b.tflite").stat().st_size
    with zipfile.ZipFile(tmp_path / "a.tflite") as archive:
        assert archive.read("labels.txt") == b"red\nblue\n"


def test_a_form_that_loses_accuracy_is_told_and_a_milder_one_is_written(tmp_path):
    source = save(tmp_path / "best.weights.h5")
    held, labels = images(60, 1)
    dark = np.ones((1, *SHAPE), np.uint8)  # all that is brighter is cut off
    lost, taken = tflite_int8.write(source, tmp_path / "a.tflite", facts(dark, held, labels))
    assert re.match(r"tflite-int8: weights and layers' outputs as .* points less are right, so a milder form is", lost)
    assert taken == "tflite-int8: weights as 8-bit integers, layers' outputs as float32"


def test_without_photos_nothing_can_be_calibrated(tmp_path):
    source = save(tmp_path / "best.weights.h5")
    with pytest.raises(UserError, match="needs the run's photos to calibrate on; photos of a test; give --data FOLDER"):
        tflite_int8.write(source, tmp_path / "a.tflite", facts(*images(4, 0)[:1], *images(4, 1), is_labelled=False))
    assert not (tmp_path / "a.tflite").exists()
