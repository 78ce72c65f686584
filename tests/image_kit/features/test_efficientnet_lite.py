"""The Lite networks as plain data: their sizes, and the features that others computed with the same weights."""

import numpy as np
import pytest

from image_kit.errors import UserError
from image_kit.features import check_golden, golden_image, load_backbone
from image_kit.features.efficientnet_lite import VARIANTS, convert
from image_kit.weights import build_with_weights, check_network

LITE = ("lite0", "lite1", "lite2")
# Parameters without the head of 1,281,000; Keras counts moving means and variances too.
SIZES = {"lite0": (142, 3_413_024), "lite1": (187, 4_189_344), "lite2": (187, 4_869_168)}


@pytest.fixture(scope="module", params=LITE)
def backbone(request):
    return load_backbone(request.param)


def test_layers_parameters_and_stages(backbone):
    check_network(backbone.network)
    parameters = sum(array.size for arrays in backbone.weights for array in arrays)
    assert (len(backbone.network), parameters) == SIZES[backbone.name]
    assert {array.dtype for arrays in backbone.weights for array in arrays} == {np.dtype("float32")}
    assert backbone.network[0] == {"class": "Rescaling", "scale": 255 / 128, "offset": -127 / 128}
    assert len(backbone.stages) == 9
    assert [backbone.network[index]["class"] for index in (0, *backbone.stages[-1:], -1)] == [
        *("Rescaling", "Activation", "GlobalAveragePooling2D")
    ]
    # A block ends in its addition, or in the batch normalization of its projection where nothing is added.
    assert {backbone.network[index]["class"] for index in backbone.stages[1:-1]} == {"Add", "BatchNormalization"}


def test_keras_computes_the_golden_features(backbone):
    model = build_with_weights(backbone.network, backbone.weights, (*backbone.image_size, 3))
    image = golden_image(backbone).astype(np.float32) / 255
    features = model.predict(image, verbose=0)
    assert features.shape == (1, 1280)
    check_golden(backbone, features)
    for wrong in (image[..., ::-1], image[:, :, ::-1], image * 255):
        with pytest.raises(UserError, match=f"--backbone {backbone.name}: feature [0-9]+ of the golden image is"):
            check_golden(backbone, model.predict(wrong.copy(), verbose=0))
    features[0, 5] = np.nan
    with pytest.raises(UserError, match="not finite"):
        check_golden(backbone, features)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("_bn0.bias"), r"_bn0.bias is missing; the network needs float32 \(32,\)"),
        (lambda state: state.update({"_bn0.bias": np.zeros(31, np.float32)}), r"_bn0.bias is float32 \(31,\)"),
        (lambda state: state.update({"_bn0.bias": np.zeros(32)}), r"_bn0.bias is float64 \(32,\)"),
    ],
)
def test_a_state_dict_of_another_network_is_refused(change, message):
    state = {"_conv_stem.weight": np.zeros((32, 3, 3, 3), np.float32)}
    state |= {f"_bn0.{name}": np.zeros(32, np.float32) for name in ("weight", "bias", "running_mean", "running_var")}
    change(state)
    with pytest.raises(ValueError, match=message):
        convert(state, VARIANTS["lite0"])
