"""Networks of keras.applications as backbones: the same features as Keras computes after its own preprocessing."""

import keras
import numpy as np
import pytest

from image_kit.features.applications import APPLICATIONS, as_backbone
from image_kit.weights import build_with_weights

# One of each preprocessing and kind of layer that is quick to build; the others differ in size.
QUICK = {
    "MobileNet": keras.applications.mobilenet,
    "VGG16": keras.applications.vgg16,
    "EfficientNetV2B0": keras.applications.efficientnet_v2,
}
MODULES = {
    "DenseNet121": keras.applications.densenet,
    "EfficientNetB0": keras.applications.efficientnet,
    "InceptionV3": keras.applications.inception_v3,
    "MobileNetV2": keras.applications.mobilenet_v2,
    "NASNetMobile": keras.applications.nasnet,
    "ResNet50": keras.applications.resnet,
    "ResNet50V2": keras.applications.resnet_v2,
    "VGG19": keras.applications.vgg19,
    "Xception": keras.applications.xception,
    **QUICK,
}
SIDE = 32
IMAGES = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.float32)

# Puts weights where a download would put them, and then has no connection.
WITHOUT_NETWORK = """
import os
import h5py, keras
from keras.src.legacy.saving import legacy_h5_format
from image_kit.errors import UserError
from image_kit.features import load_backbone

model = keras.applications.MobileNet(weights=None, include_top=False, input_shape=(224, 224, 3))
folder = os.environ["KERAS_HOME"] + "/models"
os.makedirs(folder)
with h5py.File(folder + "/mobilenet_1_0_224_tf_no_top.h5", "w") as file:
    legacy_h5_format.save_weights_to_hdf5_group(file, model)
backbone = load_backbone("mobilenet")
same = [(a == b).all() for a, b in zip(model.get_weights(), [x for each in backbone.weights for x in each])]
print(backbone.name, backbone.image_size, backbone.network[-1]["class"], len(same), all(same))
with open(folder + "/mobilenet_1_0_224_tf_no_top.h5", "wb") as file:
    file.write(b"damaged")
for name in ("MobileNet", "VGG16"):
    try:
        load_backbone(name)
    except UserError as error:
        print(error)
"""


@pytest.mark.parametrize("name", MODULES)
def test_the_preprocessing_is_that_of_its_module(name):
    _, preprocessing = APPLICATIONS[name]
    mine = IMAGES / 255 * np.float32(preprocessing.scale) + np.float32(preprocessing.offset)
    if preprocessing.bgr:
        mine = mine[..., ::-1]
    np.testing.assert_allclose(mine, MODULES[name].preprocess_input(IMAGES.copy()), atol=1e-4)


@pytest.mark.parametrize("name", QUICK)
def test_features_are_those_of_keras(name):
    keras.utils.set_random_seed(0)
    build = getattr(keras.applications, name)
    model = build(weights=None, include_top=False, pooling="avg", input_shape=(SIDE, SIDE, 3))
    expected = model(QUICK[name].preprocess_input(IMAGES.copy()), training=False).numpy()
    backbone = as_backbone(model, name, SIDE, APPLICATIONS[name][1])
    features = build_with_weights(backbone.network, backbone.weights, (*backbone.image_size, 3))(
        IMAGES / 255, training=False
    )
    assert expected.std() > 0
    np.testing.assert_allclose(features, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_name_is_one_of_keras(name):
    assert callable(getattr(keras.applications, name))


@pytest.mark.slow
def test_weights_are_taken_from_keras_home_and_a_failed_download_is_one_line(run_python, tmp_path):
    nowhere = "http://127.0.0.1:9"  # a port where nobody listens
    process = run_python("-c", WITHOUT_NETWORK, KERAS_HOME=str(tmp_path), https_proxy=nowhere, no_proxy=None)
    found, damaged, failed = process.stdout.strip().splitlines()[-3:]
    assert found == "MobileNet (224, 224) GlobalAveragePooling2D 135 True"
    assert damaged.startswith("--backbone MobileNet: Keras cannot load its weights (")
    assert failed.startswith("--backbone VGG16: Keras cannot load its weights (URL fetch failure on https://")
    assert failed.endswith(f"or delete a damaged file in {tmp_path}/models")
