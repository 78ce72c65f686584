"""Which of the two writers makes a model.tflite, and that the kit's own needs no TensorFlow."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

from image_kit.answering import lite_export, lite_model, lite_trial
from image_kit.answering.keras_classifier import KerasClassifier
from image_kit.answering.lite_classifier import LiteClassifier
from image_kit.photos import Preprocessing
from image_kit.weights import Description, saving
from presets import PRESETS
from tests.fixtures.networks import NETWORKS

SHAPE = (32, 32, 3)
OURS, KERAS = b"image-classification-kit", b"MLIR Converted."  # each writer's name in its files
WITHOUT_TENSORFLOW = """
import sys
from pathlib import Path
import numpy as np
from image_kit.answering.lite_classifier import LiteClassifier
from image_kit.answering.lite_export import write_lite_network
from image_kit.photos import Preprocessing
from image_kit.weights import Description

folder = Path(sys.argv[1])
network = [
    {"class": "Flatten", "data_format": "channels_last"},
    {"class": "Dense", "units": 2, "activation": "softmax", "use_bias": True},
]
kernel = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
description = Description("mine", ("a", "b"), Preprocessing((2, 2, 1)), network=network)
described = description, "softmax", None
weights = [[], [kernel, np.zeros(2, np.float32)]]
write_lite_network(folder / "model.tflite", network, weights, described, folder / "best.weights.h5")
images = np.arange(8, dtype=np.uint8).reshape(2, 2, 2, 1) * 30
logits = images.reshape(2, 4) / 255 @ kernel
expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
np.testing.assert_allclose(LiteClassifier.load(folder / "model.tflite").probabilities(images), expected, atol=1e-6)
assert not {"tensorflow", "keras", "h5py"} & set(sys.modules)
"""


def write(model, folder):
    description = Description("mine", ("a", "b"), Preprocessing(model.input_shape[1:]))
    classifier = KerasClassifier(model, description)
    saving.save_weights(model, folder / "best.weights.h5", description, np.empty(0, np.uint64))
    lite_export.write_lite_model(classifier, folder / "best.weights.h5", folder / "model.tflite")
    return (folder / "model.tflite").read_bytes()


@pytest.mark.parametrize("name", sorted({preset.model for preset in PRESETS.values() if not preset.backbone}))
def test_the_tutorials_networks_need_no_converter(name, tmp_path):
    content = write(NETWORKS.build(name, SHAPE, 2), tmp_path)
    assert (OURS in content, KERAS in content) == (True, False)


@pytest.mark.parametrize("body", [[layers.UpSampling2D()], [layers.Conv2D(2, 3, activation="gelu")]])
def test_layers_that_our_writer_does_not_know_are_converted(body, tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 3)), *body, layers.Flatten(), layers.Dense(2, activation="softmax")])
    content = write(model, tmp_path)
    assert (OURS in content, KERAS in content) == (False, True)
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    probabilities = LiteClassifier.load(tmp_path / "model.tflite").probabilities(images)
    expected = model(images / np.float32(255), training=False)
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_what_the_kit_wrote_is_not_tried_in_a_separate_process(tmp_path, monkeypatch):
    monkeypatch.setattr(lite_trial, "CODE", "raise SystemExit(1)")
    write(NETWORKS.build("mnist_dense", SHAPE, 2), tmp_path)
    LiteClassifier.load(tmp_path / "model.tflite")


def test_a_network_as_plain_data_needs_no_tensorflow(tmp_path):
    (tmp_path / "best.weights.h5").write_bytes(b"weights")
    made = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, tmp_path], capture_output=True, text=True, check=False
    )
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    assert lite_model.read(tmp_path / "model.tflite").weights_sha256 == lite_model.sha256(tmp_path / "best.weights.h5")
