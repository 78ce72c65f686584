"""Where Keras stores the weights of a network in a .weights.h5 file, and their shapes. It needs no Keras.

Keras writes a group for each layer: layers/conv2d, layers/conv2d_1, ..., numbered by class in the order of
`model.layers`. The layer's variables are the data sets vars/0, vars/1, ... in it.
"""

import re
from collections import Counter
from typing import Any

import numpy as np

from image_kit.weights.network import IMAGE, Network, has_branches, inputs_of

Weights = list[list[np.ndarray]]  # for each entry of a network its arrays, in the order of Keras's layer variables
INPUT_GROUP = "input_layer"  # of functional models; a Sequential writes none


def layer_groups(network: Network) -> list[str]:
    """For each entry of a network, the name of its group below "layers". Keras names the layers alike."""
    counts: Counter[str] = Counter()
    names = {}
    for index in keras_order(network):
        name = snake_case(network[index]["class"])
        names[index] = f"{name}_{counts[name]}" if counts[name] else name
        counts[name] += 1
    return [names[index] for index in range(len(network))]


def keras_order(network: Network) -> list[int]:
    """The entries in the order of `model.layers`, which for a network with branches may differ from its own.

    Keras 3 sorts layers by the longest way to the output, longest first, then by when a search from the output that
    goes deep first and takes inputs in their order meets them.
    """
    if not has_branches(network):
        return list(range(len(network)))
    inputs = inputs_of(network)
    distance = dict.fromkeys(range(IMAGE, len(network)), 0)
    for index in reversed(range(len(network))):
        for each in inputs[index]:
            distance[each] = max(distance[each], distance[index] + 1)
    met: dict[int, int] = {}
    waiting = [len(network) - 1]
    while waiting:
        index = waiting.pop()
        if index not in met and index != IMAGE:
            met[index] = len(met)
            waiting.extend(reversed(inputs[index]))
    return sorted(range(len(network)), key=lambda index: (-distance[index], met[index]))


def check_weights(network: Network, weights: Weights) -> None:
    """Raise ValueError unless each entry has the arrays that its layer needs, of float32 and of the right shapes.

    Sizes that follow from the layer's input, such as channels, are not known here and may be any.
    """
    if len(weights) != len(network):
        raise ValueError(f"{len(network)} layers need as many lists of weights, received {len(weights)}")
    for name, layer, arrays in zip(layer_groups(network), network, weights, strict=True):
        shapes = _shapes(layer)
        if len(arrays) != len(shapes):
            raise ValueError(f"the layer {name} needs {len(shapes)} arrays of weights, received {len(arrays)}")
        for number, (array, shape) in enumerate(zip(arrays, shapes, strict=True)):
            if array.dtype != np.float32:
                raise ValueError(f"the weights {number} of the layer {name} must be float32, received {array.dtype}")
            if not _fits(array.shape, shape):
                wanted = "x".join("any" if size is None else str(size) for size in shape or ())
                received = "x".join(map(str, array.shape))
                raise ValueError(f"the weights {number} of the layer {name} must be {wanted}, received {received}")
        if layer["class"].endswith("Normalization") and len({array.shape for array in arrays}) > 1:
            raise ValueError(f"the weights of the layer {name} must all have one shape")


def _shapes(layer: dict[str, Any]) -> list[tuple[Any, ...] | None]:
    """The shape of each array of a layer; None: any size, or any shape."""
    kernel_size = layer.get("kernel_size")
    kernel = tuple(kernel_size) if isinstance(kernel_size, list) else (kernel_size, kernel_size)
    filters, multiplier = layer.get("filters"), layer.get("depth_multiplier")
    bias = [(filters,)] if layer.get("use_bias") else []
    match layer["class"]:
        case "Conv2D":
            return [(*kernel, None, filters), *bias]
        case "Conv2DTranspose":
            return [(*kernel, filters, None), *bias]
        case "DepthwiseConv2D":
            return [(*kernel, None, multiplier), *bias]
        case "SeparableConv2D":
            return [(*kernel, None, multiplier), (1, 1, None, filters), *bias]
        case "Dense":
            return [(None, layer["units"]), *([(layer["units"],)] if bias else [])]
        case "BatchNormalization":
            return [(None,)] * (bool(layer["scale"]) + bool(layer["center"]) + 2)
        case "GroupNormalization":
            return [(None,)] * (bool(layer["scale"]) + bool(layer["center"]))
        case "LayerNormalization":
            return [None] * (bool(layer["scale"]) + bool(layer["center"]))
        case "PReLU":
            return [None]
        case _:
            return []


def _fits(shape: tuple[int, ...], wanted: tuple[Any, ...] | None) -> bool:
    if wanted is None:
        return True
    return len(shape) == len(wanted) and all(size in (None, got) for got, size in zip(shape, wanted, strict=True))


def snake_case(name: str) -> str:
    """The name of a class as Keras writes it: MaxPooling2D becomes max_pooling2d, PReLU p_re_lu."""
    return re.sub(r"(?<!^)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", name).lower()
