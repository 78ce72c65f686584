"""Fewer layers that compute the same: what a network needs in training only, or what the layer before can do as well.

Dropout goes; batch normalization goes into the weights before it; an activation goes into the layer before it.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Weights = Sequence[Sequence[np.ndarray]]

IMAGE = -1  # the number of the network's input, where others are numbers of layers
ONLY_IN_TRAINING = {"Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise"}
WITH_KERNEL = {"Conv2D", "DepthwiseConv2D", "Dense"}
TAKE_ACTIVATIONS = {*WITH_KERNEL, "Add", "Multiply", "Average", "BatchNormalization", "Rescaling"}


class Unsupported(ValueError):
    """A layer or a setting that the flatbuffer writer does not know; the message names it."""


@dataclass
class Layer:
    """One layer that is left.

    Attributes:
        kind: its class in keras.layers; "Activation" for all layers that are an activation.
        settings: as in the network.
        weights: as in the network; folding replaces them.
        inputs: numbers of layers, or IMAGE.
        activation: one of ACTIVATIONS (image_kit/weights/network.py), applied last.
    """

    kind: str
    settings: dict[str, Any]
    weights: Sequence[np.ndarray]
    inputs: list[int]
    activation: str


@dataclass
class Folded:
    """A network after folding.

    Attributes:
        layers: by their number in the network, in its order.
        output: the number of the layer that gives the network's output.
        features: likewise for the second output; None if there is none.
    """

    layers: dict[int, Layer]
    output: int
    features: int | None


def fold(network: Sequence[dict[str, Any]], weights: Weights, features_of: int | None) -> Folded:
    """Arguments and errors as `lite_writer.write_flatbuffer`."""
    layers = {number: _read(entry, number, weights[number]) for number, entry in enumerate(network)}
    last = len(network) - 1
    features = None if features_of is None else layers[range(len(network))[features_of]].inputs[0]
    uses: Counter[int | None] = Counter([last, features, *(each for layer in layers.values() for each in layer.inputs)])
    given = {number: number for number in (IMAGE, *layers)}  # the layer that computes it in the end
    for number, layer in list(layers.items()):
        layer.inputs = [given[each] for each in layer.inputs]
        source = layer.inputs[0]
        is_nothing = layer.kind in ONLY_IN_TRAINING or (layer.kind == "Activation" and layer.activation == "linear")
        # An output that others need as well must stay as it is.
        if is_nothing or (source != IMAGE and uses[source] == 1 and _fold_into(layers[source], layer)):
            given[number] = source
            uses[source] += uses[number] - 1
            del layers[number]
    return Folded(layers, given[last], None if features is None else given[features])


def _read(entry: dict[str, Any], number: int, weights: Sequence[np.ndarray]) -> Layer:
    kind, inputs = entry["class"], list(entry.get("inputs", [number - 1]))
    if not inputs or not all(IMAGE <= each < number for each in inputs):
        raise ValueError(f"layer {number}, {kind}, has the inputs {inputs}; they must stand before it")
    activation = entry.get("activation", "linear")
    if kind == "Softmax":
        require(entry, "axis", -1)
        kind, activation = "Activation", "softmax"
    if kind == "ReLU":
        require(entry, "negative_slope", 0)
        require(entry, "threshold", 0)
        require(entry, "max_value", None, 6)
        kind, activation = "Activation", "relu" if entry["max_value"] is None else "relu6"
    return Layer(kind, entry, weights, inputs, activation)


def require(settings: dict[str, Any], name: str, *values: Any) -> None:
    """Raise Unsupported unless a setting has one of the values."""
    if settings[name] not in values:
        raise Unsupported(f"{settings['class']} with {name} {settings[name]!r}")


def _fold_into(source: Layer, layer: Layer) -> bool:
    """Let `source` compute `layer` as well; returns False if it cannot."""
    if source.activation != "linear":
        return False
    if layer.kind == "Activation" and source.kind in TAKE_ACTIVATIONS:
        source.activation = layer.activation
        return True
    if layer.kind == "BatchNormalization" and source.kind in WITH_KERNEL:
        scale, offset = normalization(layer)
        kernel, *biases = (weight.astype(np.float64) for weight in source.weights)
        channels = math.prod(kernel.shape[2:]) if source.kind == "DepthwiseConv2D" else kernel.shape[-1]
        if scale.shape != (
            channels,
        ):  # NumPy would repeat one of them, and fill the memory if a forged file asks for it
            raise ValueError(f"a BatchNormalization of {len(scale):,} channels after a {source.kind} of {channels:,}")
        # The channels that come out are a depthwise kernel's last two dimensions, and the last one of all others.
        by_channel = scale.reshape(kernel.shape[2:]) if source.kind == "DepthwiseConv2D" else scale
        bias = offset + scale * biases[0] if biases else offset
        source.weights = [(kernel * by_channel).astype(np.float32), bias.astype(np.float32)]
        return True
    return False


def normalization(layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """A BatchNormalization's scale and offset after training, float64 (channels,)."""
    require(layer.settings, "axis", -1, 3, [3], [-1])
    weights = iter(weight.astype(np.float64) for weight in layer.weights)
    gamma = next(weights) if layer.settings["scale"] else 1.0
    beta = next(weights) if layer.settings["center"] else 0.0
    mean, variance = weights
    # A forged file's values may overflow; answers that are not finite are refused.
    with np.errstate(all="ignore"):
        scale = gamma / np.sqrt(variance + layer.settings["epsilon"])
        return scale, beta - mean * scale
