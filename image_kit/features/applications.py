"""Networks of keras.applications as backbones. Keras downloads their weights and keeps them in KERAS_HOME."""

import contextlib
import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from image_kit.errors import UserError, first_line, naming_missing_packages
from image_kit.features.backbone import Backbone, identify
from image_kit.features.keras_networks import as_float32, complete, fold_normalization, rescale_input
from image_kit.features.model_config import read_config

if TYPE_CHECKING:
    import keras

Numbers = float | list[float]


@dataclass(frozen=True)
class Preprocessing:
    """What a network was trained on: image on 0..1 * scale + offset, with red and blue exchanged if `bgr`."""

    scale: Numbers
    offset: Numbers
    bgr: bool = False


# Source: keras.applications.imagenet_utils, whose modes these are; its numbers are for pixels on 0..255.
TF = Preprocessing(2.0, -1.0)
TORCH_MEAN, TORCH_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TORCH = Preprocessing(
    [1 / each for each in TORCH_DEVIATION],
    [-mean / each for mean, each in zip(TORCH_MEAN, TORCH_DEVIATION, strict=True)],
)
CAFFE = Preprocessing(255.0, [-123.68, -116.779, -103.939], bgr=True)  # red, green, blue
INSIDE = Preprocessing(255.0, 0.0)  # the network begins with its own preprocessing of pixels

# Name -> side of its images in pixels, and preprocessing. The others have layers or sizes that the kit does not allow.
APPLICATIONS: dict[str, tuple[int, Preprocessing]] = {
    "MobileNet": (224, TF),
    "MobileNetV2": (224, TF),
    "EfficientNetB0": (224, INSIDE),
    "EfficientNetB1": (240, INSIDE),
    "EfficientNetB2": (260, INSIDE),
    "EfficientNetB3": (300, INSIDE),
    "EfficientNetV2B0": (224, INSIDE),
    "EfficientNetV2B1": (240, INSIDE),
    "EfficientNetV2B2": (260, INSIDE),
    "EfficientNetV2B3": (300, INSIDE),
    "EfficientNetV2S": (384, INSIDE),
    "NASNetMobile": (224, TF),
    "DenseNet121": (224, TORCH),
    "DenseNet169": (224, TORCH),
    "DenseNet201": (224, TORCH),
    "ResNet50": (224, CAFFE),
    "ResNet101": (224, CAFFE),
    "ResNet152": (224, CAFFE),
    "ResNet50V2": (224, TF),
    "ResNet101V2": (224, TF),
    "ResNet152V2": (224, TF),
    "InceptionV3": (299, TF),
    "Xception": (299, TF),
    "VGG16": (224, CAFFE),
    "VGG19": (224, CAFFE),
}


def load_application(name: str) -> Backbone:
    """A network of keras.applications with its ImageNet weights, which Keras downloads at first use.

    Args:
        name: one of APPLICATIONS.

    Raises:
        UserError: Keras is not installed, or its weights cannot be downloaded or are damaged.
    """
    with naming_missing_packages(f"--backbone {name}"):
        import keras  # 3 s that the kit's own backbones do not need

    side, preprocessing = APPLICATIONS[name]
    try:
        build = getattr(keras.applications, name)
        with contextlib.redirect_stdout(sys.stderr):  # for Keras's own progress of the download
            model = build(weights="imagenet", include_top=False, pooling="avg", input_shape=(side, side, 3))
    except Exception as error:  # Keras raises plain Exceptions where a download fails, h5py's where a file is damaged
        raise UserError(
            f"--backbone {name}: Keras cannot load its weights ({first_line(error)}); check the connection, or delete "
            f"a damaged file in {os.environ.get('KERAS_HOME', '~/.keras')}/models"
        ) from None
    return as_backbone(model, name, side, preprocessing)


def as_backbone(model: "keras.Model", name: str, side: int, preprocessing: Preprocessing) -> Backbone:
    """The backbone of a pooled Keras model without a head; its preprocessing becomes the network's first layer."""
    import keras  # see load_application

    text = json.dumps(keras.saving.serialize_keras_object(model), default=lambda number: number.item())
    config = read_config(text)
    weights = [as_float32(model.get_layer(place.name).get_weights()) for place in config.places]
    fold_normalization(config.network, weights)
    if preprocessing.bgr:
        first = next(index for index, entry in enumerate(config.network) if entry["class"] == "Conv2D")
        weights[first][0] = weights[first][0][:, :, ::-1]
    network, weights = rescale_input(config.network, weights, preprocessing.scale, preprocessing.offset)
    network, weights = complete(network, weights, (side, side))
    source = f"keras.applications.{name}, trained on ImageNet"
    return Backbone(name, (side, side), network, weights, identify(network, weights), source=source)
