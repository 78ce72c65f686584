"""What runs a backbone: LiteRT, or Keras for the layers that the kit's writer for LiteRT does not know."""

import numpy as np
import pytest

from image_kit.features.runners import KerasRunner, LiteRunner, running
from image_kit.photos import Preprocessing
from image_kit.weights import build_with_weights
from tests.fixtures.head_runs import SIDE, tiny_backbone

PREPROCESSING = Preprocessing((SIDE, SIDE, 3))


@pytest.mark.parametrize(("activation", "kind"), [("relu6", LiteRunner), ("gelu", KerasRunner)])
def test_features_are_those_of_keras(activation, kind, capfd):
    backbone = tiny_backbone(activation)
    images = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)
    model = build_with_weights(backbone.network, backbone.weights, PREPROCESSING.image_shape)
    with running(backbone, PREPROCESSING) as runner:
        assert isinstance(runner, kind)
        np.testing.assert_allclose(runner.run(images), model(PREPROCESSING.batch(images)), atol=1e-5)
    said = "with activation 'gelu'; TensorFlow computes the features" in capfd.readouterr().err
    assert said == (kind is KerasRunner)
