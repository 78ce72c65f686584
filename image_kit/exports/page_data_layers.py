"""A folded network in the few kinds of layers that engine_network.js computes, with each output's shape."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from image_kit.answering import IMAGE, Folded, Graph, Layer, LayerWriter, normalization
from image_kit.exports.page_data_weights import Block

SAME = {
    **{"Add": "add", "Multiply": "multiply", "Average": "average", "Concatenate": "concatenate"},
    **{"UnitNormalization": "unit", "Flatten": "same", "Activation": "same"},
}
POOLING = {
    **{"MaxPooling2D": "max_pool", "GlobalMaxPooling2D": "max_pool"},
    **{"AveragePooling2D": "mean_pool", "GlobalAveragePooling2D": "mean_pool"},
}
VECTOR = 4  # channels that kernels.c computes at once in depthwise convolutions


def write_graph(folded: Folded, image_shape: Sequence[int]) -> tuple[Graph, dict[int, int]]:
    """The network for LiteRT, and the tensor of each layer and of the image, by number.

    Raises:
        Unsupported: a layer or a setting that the flatbuffer writer does not know; engine_network.js knows the same.
        ValueError: as `flatbuffer`.
    """
    graph = Graph()
    tensors = {IMAGE: graph.tensor((1, *image_shape), "image")}
    for number, layer in folded.layers.items():
        inputs = [tensors[each] for each in layer.inputs]
        tensors[number] = LayerWriter(graph, layer, inputs, str(number)).write()
    return graph, tensors


def write_layers(folded: Folded, image_shape: Sequence[int], block: Block) -> tuple[list[dict[str, Any]], list[int]]:
    """Append the weights to the block; those of `folded` become the ones that the block stands for.

    Returns:
        The layers' entries, and the numbers of the outputs: the network's and the features. Number 0 is the image,
        number i the output of entry i - 1.
    """
    graph, tensors = write_graph(folded, image_shape)
    shapes = {number: tuple(map(int, graph.shapes[tensor][1:])) for number, tensor in tensors.items()}
    places = {number: place for place, number in enumerate([IMAGE, *folded.layers])}
    entries = []
    for number, layer in folded.layers.items():
        entry, weights = _lower(layer, shapes[layer.inputs[0]], shapes[number])
        written = []
        for array in weights:
            stored, values = block.add_weights(array)
            written.append(stored)
            if values is not array and array.size == layer.weights[0].size:  # the kernel; all others stay as they are
                layer.weights = [values.reshape(layer.weights[0].shape), *layer.weights[1:]]
        entry |= {"activation": layer.activation, "inputs": [places[each] for each in layer.inputs]}
        entries.append(entry | {"shape": shapes[number], "weights": written})
    return entries, [places[each] for each in (folded.output, folded.features) if each is not None]


def _lower(layer: Layer, image: tuple[int, ...], out: tuple[int, ...]) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The entry of a layer without what all entries have, and its weights."""
    kind, settings = layer.kind, layer.settings
    if kind == "DepthwiseConv2D":
        return _lower_depthwise(layer, image, out)
    if kind == "Conv2D":
        kernel = layer.weights[0]
        window = _window(settings, settings["kernel_size"], settings["strides"], image, out)
        return {"kind": "convolution", "window": window}, [kernel.reshape(-1, kernel.shape[-1]), _bias(layer, out[-1])]
    if kind == "Dense":
        return {"kind": "dense"}, [layer.weights[0], _bias(layer, out[-1])]
    if kind in POOLING:
        size = image[:2] if kind.startswith("Global") else settings["pool_size"]
        strides = (1, 1) if kind.startswith("Global") else settings["strides"] or size
        steps = (1, 1) if kind.startswith("Global") else out
        return {"kind": POOLING[kind], "window": _window(settings, size, strides, image, steps)}, []
    if kind == "ZeroPadding2D":
        (above, _), (left, _) = (_pair(each) for each in _pair(settings["padding"]))
        return {"kind": "pad", "padding": [above, left]}, []
    if kind in ("BatchNormalization", "Rescaling"):
        scale, offset = (
            normalization(layer) if kind == "BatchNormalization" else (settings["scale"], settings["offset"])
        )
        both = np.broadcast_arrays(np.atleast_1d(scale), np.atleast_1d(offset))
        return {"kind": "affine"}, [each.astype(np.float32) for each in both]
    entry = {"kind": SAME[kind]}
    if kind == "Concatenate":  # the batch is one of Keras's dimensions
        entry["axis"] = range(len(out) + 1)[settings["axis"]] - 1
    return entry, []


def _lower_depthwise(
    layer: Layer, image: tuple[int, ...], out: tuple[int, ...]
) -> tuple[dict[str, Any], list[np.ndarray]]:
    kernel, settings = layer.weights[0], layer.settings
    high, wide, channels, multiplier = kernel.shape
    window = _window(settings, (high, wide), settings["strides"], image, out)
    if multiplier == 1 and channels % VECTOR == 0:
        return {"kind": "depthwise", "window": window}, [kernel.reshape(-1, channels), _bias(layer, out[-1])]
    # Rare, so an ordinary convolution with zeros for all other channels will do.
    full = np.zeros((high, wide, channels, channels, multiplier), np.float32)
    full[:, :, np.arange(channels), np.arange(channels)] = kernel
    weights = [full.reshape(-1, channels * multiplier), _bias(layer, out[-1])]
    return {"kind": "convolution", "window": window}, weights


def _bias(layer: Layer, units: int) -> np.ndarray:
    return layer.weights[1] if len(layer.weights) > 1 else np.zeros(units, np.float32)


def _window(settings: dict[str, Any], size: Any, strides: Any, image: tuple[int, ...], out: Sequence[int]) -> list[int]:
    """How a window slides, the `Window` of kernels.c after the image's shape."""
    size, strides, dilation = _pair(size), _pair(strides), _pair(settings.get("dilation_rate", 1))
    before = []
    for axis in range(2):
        reach = (size[axis] - 1) * dilation[axis] + 1
        missing = (out[axis] - 1) * strides[axis] + reach - image[axis]
        before.append(max(0, missing) // 2 if settings.get("padding") == "same" else 0)
    return [*size, *strides, *dilation, *before, *out[:2]]


def _pair(value: Any) -> tuple[int, int]:
    """Keras's sizes: one number for both sides, or two."""
    return tuple(value) if isinstance(value, list | tuple) else (value, value)  # type: ignore[return-value]
