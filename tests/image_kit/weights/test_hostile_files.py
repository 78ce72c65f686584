"""Files from strangers: whatever bytes they contain, a prediction loads them or gives one line."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import models
from image_kit.answering import lite_export
from image_kit.answering.keras_classifier import KerasClassifier
from image_kit.answering.lite_classifier import LiteClassifier
from image_kit.datasets import ImageSet
from image_kit.errors import UserError
from image_kit.photos import Preprocessing
from image_kit.trust import measure as trust_measure
from image_kit.weights import saving
from image_kit.weights.building import network_of
from image_kit.weights.description import Description

ROOT = Path(__file__).resolve().parents[3]
CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())  # what once ended in anything else
SHAPE = (4, 4, 1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with best.weights.h5 and model.tflite of the smallest network, as a training leaves them."""
    folder = tmp_path_factory.mktemp("whole")
    pixels = np.random.default_rng(0).integers(0, 256, (40, *SHAPE)).astype(np.uint8)
    images = ImageSet(pixels, np.arange(40, dtype=np.int32) % 2, [str(number) for number in range(40)])
    path = folder / "best.weights.h5"
    model = models.one_conv(SHAPE, 2)
    description = Description("one_conv", ("a", "b"), Preprocessing(SHAPE), network=network_of(model))
    classifier = KerasClassifier(model, description)
    saving.save_weights(classifier.model, path, description, np.arange(4, dtype=np.uint64))
    classifier.trust, _ = trust_measure.measure_trust(classifier, images, images)
    saving.add_trust(path, classifier.trust)
    lite_export.write_lite_model(classifier, path, folder / "model.tflite")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "cases"),
    [("best.weights.h5", [], 100), ("model.tflite", [], 300), ("model.tflite", ["--network"], 300)],
)
def test_damaged_files_load_or_give_one_line(whole, name, options, cases):
    command = [sys.executable, ROOT / "tests/fuzz_files.py", whole / name, "--cases", str(cases), *options]
    process = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    outcomes = {outcome: int(count) for count, outcome in map(str.split, process.stdout.splitlines())}
    assert outcomes.keys() == {"loads", "UserError"}
    assert outcomes["UserError"] > cases / 4
    assert sum(outcomes.values()) == cases


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_what_once_failed_gives_one_line(path):
    load = LiteClassifier.load if path.suffix == ".tflite" else KerasClassifier.load
    with pytest.raises(UserError) as caught:
        load(path)
    assert len(str(caught.value).splitlines()) == 1
