"""A network as plain data, so that a weights file can contain it and reading the file runs no code.

A network is a list with one entry for each layer: its class in keras.layers and the few settings that decide what it
computes. Only layers of ALLOWED_LAYERS are written and read. To allow another layer, add a line there and a test.

A layer takes the output of the entry before, the first one the image. In a network with branches, "inputs" lists the
entries that a layer takes instead, by index; IMAGE is the image. The last entry's output is the network's.
"""

import math
from typing import Any

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
    "Add": "",
    "Multiply": "",
    "Average": "",
    "Concatenate": "axis",
}
MERGING_LAYERS = ("Add", "Multiply", "Average", "Concatenate")  # they take two or more inputs, all others one
ACTIVATIONS = (
    *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "softsign"),
    *("sigmoid", "hard_sigmoid", "hard_silu", "tanh", "exponential", "softmax", "log_softmax"),
)
MAX_LAYERS = 1_000
MAX_INPUTS = 4_000  # of all layers together
MAX_VALUES = 2**28  # numbers that one layer may output for one image: 1 GB. A tutorial's largest has 3 million.
MAX_SUM = 2**30  # numbers that all layers may output for one image: 4 GB. Keras keeps them all until the last is done.
IMAGE = -1


class UnknownLayer(ValueError):
    """A layer or a setting that ALLOWED_LAYERS does not contain."""


def check_network(network: Any) -> Network:
    """Return the network if it contains only allowed layers and plain settings. It needs no Keras.

    Raises:
        UnknownLayer: it contains a layer, a setting or an activation that is not allowed.
        ValueError: it is not a list of layers, or a layer's inputs are not earlier layers.
    """
    if not (isinstance(network, list) and 0 < len(network) <= MAX_LAYERS):
        raise ValueError("a network must be a list of layers")
    for layer in network:
        if not (isinstance(layer, dict) and isinstance(layer.get("class"), str)):
            raise ValueError("each layer must name its class")
        settings = {key: value for key, value in layer.items() if key not in ("class", "inputs")}
        if settings.keys() != set(ALLOWED_LAYERS.get(layer["class"], "?").split()):
            raise UnknownLayer(f"it contains the layer {layer['class']} with {', '.join(settings) or 'no settings'}")
        for key, value in settings.items():
            if not _is_plain(value) or (key == "activation" and value not in ACTIVATIONS):
                raise UnknownLayer(f"it contains a layer {layer['class']} with {key} {str(value)[:80]!r}")
    _check_inputs(network)
    return network


def head_of_network(network: Network) -> str:
    """What the last layer outputs, as `head_of` says of a Keras model; raises ValueError if no answer can be read."""
    last = network[-1]
    heads = {"sigmoid": "sigmoid", "softmax": "softmax", "linear": "logits"}
    if last["class"] != "Dense" or last["activation"] not in heads:
        raise ValueError(f"it ends in {last['class']}, not in a Dense with sigmoid, softmax or no activation")
    return heads[last["activation"]]


def inputs_of(network: Network) -> list[list[int]]:
    """For each entry, the indices of the entries whose outputs it takes; IMAGE is the image."""
    return [layer.get("inputs", [index - 1]) for index, layer in enumerate(network)]


def has_branches(network: Network) -> bool:
    """Whether an entry names its inputs. Such a network becomes a functional keras.Model, others a Sequential."""
    return any("inputs" in layer for layer in network)


def _check_inputs(network: Network) -> None:
    """Raise ValueError unless each layer takes earlier ones, as many as it can, and each but the last is taken."""
    used, count = {len(network) - 1}, 0
    for index, inputs in enumerate(inputs_of(network)):
        name = network[index]["class"]
        count += len(inputs) if isinstance(inputs, list) else MAX_INPUTS + 1
        if count > MAX_INPUTS:
            raise ValueError(f"its layers must take a list of inputs each, and at most {MAX_INPUTS:,} together")
        if not all(type(each) is int and IMAGE <= each < index for each in inputs):
            raise ValueError(f"its layer {index} ({name}) takes inputs other than the image and earlier layers")
        if len(inputs) < 2 if name in MERGING_LAYERS else len(inputs) != 1:
            raise ValueError(f"its layer {index} ({name}) takes {len(inputs)} inputs")
        used.update(inputs)
    if unused := set(range(len(network))) - used:
        raise ValueError(f"nothing takes the output of its layer {min(unused)}")


def _is_plain(value: Any, depth: int = 2) -> bool:
    """Whether a value is None, text, a finite number or a short list of them, nested at most twice."""
    if isinstance(value, list):
        return depth > 0 and len(value) <= 8 and all(_is_plain(item, depth - 1) for item in value)
    if isinstance(value, bool | str) or value is None:
        return True
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) < 2**31
