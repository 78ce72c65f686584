"""A network as plain data, so that a weights file can contain it and reading the file runs no code.

A network is a list with one entry for each layer: its class in keras.layers and the few settings that decide what it
computes. Only layers of ALLOWED_LAYERS are written and read. To allow another layer, add a line there and a test.
"""

import json
import math
from typing import TYPE_CHECKING, Any

from image_kit.errors import UserError

if TYPE_CHECKING:
    import keras

ImageShape = tuple[int, int, int]
Network = list[dict[str, Any]]

_CONVOLUTION = "kernel_size strides padding data_format dilation_rate activation use_bias"
_POOLING = "pool_size strides padding data_format"
# Class in keras.layers -> the settings that decide what the layer computes after training. Initializers, regularizers
# and seeds decide nothing then.
ALLOWED_LAYERS = {
    "Conv2D": f"filters groups {_CONVOLUTION}",
    "Conv2DTranspose": f"filters output_padding {_CONVOLUTION}",
    "DepthwiseConv2D": f"depth_multiplier {_CONVOLUTION}",
    "SeparableConv2D": f"filters depth_multiplier {_CONVOLUTION}",
    "Dense": "units activation use_bias",
    "MaxPooling2D": _POOLING,
    "AveragePooling2D": _POOLING,
    "GlobalMaxPooling2D": "data_format keepdims",
    "GlobalAveragePooling2D": "data_format keepdims",
    "BatchNormalization": "axis momentum epsilon center scale",
    "LayerNormalization": "axis epsilon center scale",
    "GroupNormalization": "groups axis epsilon center scale",
    "UnitNormalization": "axis",
    "Activation": "activation",
    "ReLU": "max_value negative_slope threshold",
    "LeakyReLU": "negative_slope",
    "PReLU": "shared_axes",
    "ELU": "alpha",
    "Softmax": "axis",
    "Dropout": "rate noise_shape",
    "SpatialDropout2D": "rate data_format",
    "AlphaDropout": "rate noise_shape",
    "GaussianDropout": "rate",
    "GaussianNoise": "stddev",
    "Flatten": "data_format",
    "Reshape": "target_shape",
    "Permute": "dims",
    "ZeroPadding2D": "padding data_format",
    "Cropping2D": "cropping data_format",
    "UpSampling2D": "size data_format interpolation",
    "Rescaling": "scale offset",
}
ACTIVATIONS = (
    *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "softsign"),
    *("sigmoid", "hard_sigmoid", "hard_silu", "tanh", "exponential", "softmax", "log_softmax"),
)
MAX_LAYERS = 1_000
MAX_VALUES = 2**28  # numbers that one layer may output for one image: 1 GB. A tutorial's largest has 3 million.


class UnknownLayer(ValueError):
    """A layer or a setting that ALLOWED_LAYERS does not contain."""


def network_of(model: "keras.Sequential") -> Network:
    """The network of a Sequential model. Raises UnknownLayer if a layer is not allowed."""
    network = [{"class": type(layer).__name__, **_settings(layer)} for layer in model.layers]
    return check_network(json.loads(json.dumps(network, default=lambda number: number.item())))  # of NumPy's numbers


def _settings(layer: "keras.Layer") -> dict[str, Any]:
    name, config = type(layer).__name__, layer.get_config()
    if name not in ALLOWED_LAYERS or not type(layer).__module__.startswith("keras."):
        allowed = ", ".join(ALLOWED_LAYERS)
        raise UnknownLayer(f"the layer {layer.name!r} ({name}) is not one that a weights file may carry; use {allowed}")
    settings = {key: config[key] for key in ALLOWED_LAYERS[name].split()}
    if "activation" in settings and not isinstance(settings["activation"], str):  # a user's own function
        raise UnknownLayer(f"the activation of the layer {layer.name!r} is not one of Keras's own")
    return settings


def check_network(network: Any) -> Network:
    """Return the network if it contains only allowed layers and plain settings. It needs no Keras.

    Raises:
        UnknownLayer: it contains a layer, a setting or an activation that is not allowed.
        ValueError: it is not a list of layers.
    """
    if not (isinstance(network, list) and 0 < len(network) <= MAX_LAYERS):
        raise ValueError("a network must be a list of layers")
    for layer in network:
        if not (isinstance(layer, dict) and isinstance(layer.get("class"), str)):
            raise ValueError("each layer must name its class")
        settings = {key: value for key, value in layer.items() if key != "class"}
        if settings.keys() != set(ALLOWED_LAYERS.get(layer["class"], "?").split()):
            raise UnknownLayer(f"it contains the layer {layer['class']} with {', '.join(settings) or 'no settings'}")
        for key, value in settings.items():
            if not _is_plain(value) or (key == "activation" and value not in ACTIVATIONS):
                raise UnknownLayer(f"it contains a layer {layer['class']} with {key} {str(value)[:80]!r}")
    return network


def _is_plain(value: Any, depth: int = 2) -> bool:
    """Whether a value is None, text, a finite number or a short list of them, nested at most twice."""
    if isinstance(value, list):
        return depth > 0 and len(value) <= 8 and all(_is_plain(item, depth - 1) for item in value)
    if isinstance(value, bool | str) or value is None:
        return True
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) < 2**31


def build_network(network: Network, image_shape: ImageShape) -> "keras.Sequential":
    """The Keras model of a network, float32, with new weights.

    Args:
        network: as `check_network` returns it.
        image_shape: (height, width, channels).

    Raises:
        ValueError: Keras cannot build it, or a layer outputs more than MAX_VALUES for one image.
    """
    import keras  # 3 s that reading a description need not wait for

    try:
        layers = [_build_layer(getattr(keras.layers, layer["class"]), layer) for layer in network]
        model = keras.Sequential([keras.Input(image_shape), *layers])
    except Exception as error:  # Keras raises many kinds of exception on settings that do not fit
        raise ValueError(f"its layers cannot be built ({error})") from None
    for layer in model.layers:
        if math.prod(layer.output.shape[1:]) > MAX_VALUES:
            raise ValueError(f"its layer {layer.name} outputs more than {MAX_VALUES:,} numbers for one image")
    return model


def _build_layer(kind: type, layer: dict[str, Any]) -> "keras.Layer":
    return kind(**{key: _tuples(value) for key, value in layer.items() if key != "class"}, dtype="float32")


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples that Keras's layers expect."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def check_supported(model: Any, name: str, image_shape: ImageShape, n_classes: int) -> None:
    """Raise UserError if the kit cannot train and save a model that a user's function built.

    Args:
        model: what the function returned.
        name: of the function, for the message.
        image_shape: (height, width, channels), which the function was given.
        n_classes: at least 2, likewise.
    """
    import keras  # see build_network

    if not isinstance(model, keras.Sequential):
        raise UserError(f"--model {name}: must return a keras.Sequential, received {type(model).__name__}")
    if not model.built or not model.layers:
        raise UserError(f"--model {name}: must begin with keras.Input(image_shape) and have layers after it")
    if tuple(model.input_shape[1:]) != tuple(image_shape):
        raise UserError(f"--model {name}: must take images of {image_shape}, its Input takes {model.input_shape[1:]}")
    try:
        network_of(model)
        check_head(model, n_classes)
    except ValueError as error:
        raise UserError(f"--model {name}: {error}") from None


def check_head(model: "keras.Sequential", n_classes: int) -> None:
    """Raise ValueError unless the last layer is one that answers can be read from: `head_of` says which these are."""
    import keras  # see build_network

    last, shape = model.layers[-1], model.output_shape[1:]
    units = {"sigmoid": 1, "softmax": n_classes, "linear": n_classes}.get(last.get_config().get("activation"))
    if not isinstance(last, keras.layers.Dense) or shape != (units,):
        raise ValueError(
            f"must end in Dense(1, activation='sigmoid'), for two classes, or in Dense({n_classes}) with softmax or no "
            f"activation, after a Flatten; received {type(last).__name__} {shape}"
        )
    if units == 1 and n_classes != 2:
        raise ValueError(f"ends in one sigmoid unit, which tells 2 classes apart, not {n_classes}")


def head_of(model: "keras.Model") -> str:
    """What the last layer outputs: "sigmoid" (one unit), "softmax" or "logits" (one unit for each class)."""
    activation = model.layers[-1].get_config()["activation"]
    return "logits" if activation == "linear" else activation


def is_binary(model: "keras.Model") -> bool:
    """Whether the head is one sigmoid unit. Its labels are 0.0 and 1.0, float32 (n, 1)."""
    return model.output_shape[-1] == 1
