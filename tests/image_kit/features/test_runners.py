"""A backbone computes the same through LiteRT and through Keras, and says nothing of its own."""

from dataclasses import replace

import numpy as np
import pytest

from image_kit.features import load_backbone
from image_kit.features.runners import KerasRunner, LiteRunner, running
from image_kit.photos import Preprocessing
from image_kit.weights import build_with_weights


@pytest.fixture(scope="module")
def lite0():
    return load_backbone("lite0")


@pytest.fixture(scope="module")
def images():
    """Eight of noise and colours, uint8 (8, 256, 256, 3)."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (8, 8, 8, 3), np.uint8)
    return small.repeat(32, axis=1).repeat(32, axis=2)


def test_both_libraries_compute_the_same_features(lite0, images):
    preprocessing = Preprocessing((256, 256, 3))
    with running(lite0, preprocessing) as lite:
        assert type(lite) is LiteRunner
        ours = lite.run(images)
        np.testing.assert_array_equal(ours[:1], lite.run(images[:1]))  # alone or with others
    model = build_with_weights(lite0.network, lite0.weights, (256, 256, 3))
    theirs = KerasRunner(model, preprocessing).run(images)
    assert ours.shape == theirs.shape == (8, 1280)
    assert ours.dtype == theirs.dtype == np.float32
    # float32 in another order of additions: 1e-5 of the largest feature, which is about 5.
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


def test_a_network_that_our_writer_does_not_know_runs_in_keras(lite0, capsys, images):
    network = [{"class": "UpSampling2D", "size": 1}, {"class": "GlobalAveragePooling2D"}]
    backbone = replace(lite0, network=network, weights=[[], []], image_size=(16, 16))
    with running(backbone, Preprocessing((16, 16, 3))) as runner:
        assert type(runner) is KerasRunner
        features = runner.run(images[:, :16, :16])
    np.testing.assert_allclose(
        features, images[:, :16, :16].mean(axis=(1, 2)) / 255, atol=1e-5
    )  # means of 256 numbers in float32
    assert "UpSampling2D; TensorFlow computes the features instead" in capsys.readouterr().err


QUIET = """
from dataclasses import replace

import numpy as np
from image_kit.features import load_backbone
from image_kit.features.runners import running
from image_kit.photos import Preprocessing
backbone = load_backbone("lite0")
with running(backbone, Preprocessing((256, 256, 3))) as runner:
    print(runner.run(np.zeros((9, 256, 256, 3), np.uint8)).shape)
"""


def test_litert_prints_nothing(run_python):
    process = run_python("-c", QUIET)
    assert (process.stdout, process.stderr) == ("(9, 1280)\n", "")
