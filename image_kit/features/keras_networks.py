"""From a whole Keras network, as plain data, to one that outputs features: its head off, its preprocessing in."""

import math
from typing import Any

import numpy as np

from image_kit.compute import shapes_only
from image_kit.weights import Network, build_network, check_network, keras_order

Weights = list[list[np.ndarray]]
SMALLEST_SIDE = 32  # pixels: what backbones are made for shrinks images by 32
DROPOUTS = ("Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise")  # nothing in prediction
POOLING = {"class": "GlobalAveragePooling2D", "data_format": "channels_last", "keepdims": False}
EPSILON = 1e-7  # Keras's own, below which Normalization's standard deviation does not go


def check_image_shape(shape: tuple[int | None, ...]) -> tuple[int, int]:
    """(height, width) of a backbone's images. Raises ValueError unless they are RGB, fixed and not too small."""
    sides = [side for side in shape[:2] if type(side) is int and side >= SMALLEST_SIDE]
    if len(sides) != 2 or shape[2:] != (3,):
        raise ValueError(
            f"it takes images of {shape}; a backbone must take RGB images of one size, at least {SMALLEST_SIDE} pixels "
            "high and wide: (height, width, 3)"
        )
    return sides[0], sides[1]


def cut_head(network: Network) -> Network:
    """The network without its last Dense and what follows that, and without dropout before it.

    A network that does not end in Dense, save for activations and dropout, has no head: only its dropout is cut.
    Raises ValueError if nothing remains.
    """
    end = len(network)
    while end and network[end - 1]["class"] in (*DROPOUTS, "Activation", "Softmax"):
        end -= 1
    if not end or network[end - 1]["class"] != "Dense" or "inputs" in network[end - 1]:
        end = len(network) + 1  # no head
    end -= 1
    while end and network[end - 1]["class"] in DROPOUTS:
        end -= 1
    if not end:
        raise ValueError("it has no layers below its head")
    return network[:end]


def fold_normalization(network: Network, weights: Weights) -> None:
    """Replace each layer Normalization, which has constants as weights, by an equal Rescaling."""
    for index, (entry, arrays) in enumerate(zip(network, weights, strict=True)):
        if entry["class"] != "Normalization":
            continue
        constants = arrays[:2] if entry["mean"] is None else [entry["mean"], entry["variance"]]
        mean, variance = (np.asarray(each, np.float64).ravel() for each in constants)
        if entry["axis"] not in (-1, 3) or entry["invert"] or mean.size != 3 or variance.size != 3:
            raise ValueError("its layer Normalization must have a mean and a variance for red, green and blue")
        scale = 1 / np.maximum(np.sqrt(variance), EPSILON)
        inputs = {"inputs": entry["inputs"]} if "inputs" in entry else {}
        network[index] = {
            "class": "Rescaling",
            "scale": scale.tolist(),
            "offset": (-mean * scale).tolist(),
            **inputs,
        }
        weights[index] = []


def rescale_input(
    network: Network, weights: Weights, scale: float | list[float], offset: float | list[float]
) -> tuple[Network, Weights]:
    """The network with a Rescaling before its first layer: images on 0..1 -> what the network was trained on."""
    moved = [
        {**entry, "inputs": [each + 1 for each in entry["inputs"]]} if "inputs" in entry else entry for entry in network
    ]
    return [{"class": "Rescaling", "scale": scale, "offset": offset}, *moved], [[], *weights]


def complete(network: Network, weights: Weights, image_size: tuple[int, int]) -> tuple[Network, Weights]:
    """Check that the weights fit the network, and pool its output where that is not yet one vector for each image.

    It imports Keras, which alone knows the shapes of all layers. No memory is taken for weights.

    Raises ValueError if a layer is not allowed, or the weights do not fit.
    """
    import keras  # 3 s that the kit's own backbones do not need

    with shapes_only():
        model = build_network(check_network(network), (*image_size, 3))
        layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
        for index, layer in zip(keras_order(network), layers, strict=True):
            wanted = [tuple(variable.shape) for variable in layer.weights]
            received = [array.shape for array in weights[index]]
            if wanted != received:
                raise ValueError(f"the weights of its layer {layer.name!r} have shapes {received}, not {wanted}")
        shape = model.output_shape[1:]
    if len(shape) == 3:
        network, weights = [*network, POOLING], [*weights, []]
    elif len(shape) != 1 or math.prod(shape) < 1:
        raise ValueError(f"it outputs {shape}, neither a feature map nor a vector of features")
    return network, weights


def as_float32(arrays: list[Any]) -> list[np.ndarray]:
    """Raises ValueError unless all are arrays of floating-point numbers, or whole ones of no dimension (counts)."""
    for array in arrays:
        if array.dtype.kind != "f" and array.ndim:
            raise ValueError(f"it contains weights of type {array.dtype}, not float32")
    return [np.asarray(array, np.float32) for array in arrays]
