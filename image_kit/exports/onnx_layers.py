"""Each kind of layer as ONNX operators. Images are (n, channels, height, width) there, all else is (n, values).

Shapes are those of one example, without n, as the operators have them.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from image_kit.answering import Layer, Unsupported, normalization, require

Shape = tuple[int, ...]
ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "exponential": ("Exp", {}),
    "elu": ("Elu", {"alpha": 1.0}),
    "selu": ("Selu", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),  # Keras's own slope
}


class OnnxGraph:
    """Operators in the order in which they run, and their constants.

    Attributes:
        shapes: of each tensor, by its name.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.shapes: dict[str, Shape] = {}

    def add(self, kind: str, inputs: Sequence[str], shape: Shape, **attributes: Any) -> str:
        """Append an operator; returns the name of its output."""
        from onnx import helper  # an extra, which other formats do not need

        name = f"{len(self.nodes)}_{kind}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        self.shapes[name] = shape
        return name

    def constant(self, values: Any, dtype: type = np.float32) -> str:
        """The name of a new constant tensor."""
        from onnx import numpy_helper  # as above

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype), name))
        return name


def write_layer(graph: OnnxGraph, layer: Layer, inputs: list[str]) -> str:
    """Append a layer's operators and return the name of its output.

    Raises:
        Unsupported: a layer or a setting that this writer does not know.
        ValueError: it does not fit its input.
    """
    if layer.kind not in WRITERS:
        raise Unsupported(f"the layer {layer.kind}")
    output = WRITERS[layer.kind](graph, layer, inputs)
    return _activate(graph, output, layer)


def _activate(graph: OnnxGraph, output: str, layer: Layer) -> str:
    shape, activation = graph.shapes[output], layer.activation
    if activation == "linear":
        return output
    if activation == "relu6":
        return graph.add("Clip", [output, graph.constant(0.0), graph.constant(6.0)], shape)
    if activation == "silu":
        return graph.add("Mul", [output, graph.add("Sigmoid", [output], shape)], shape)
    if activation == "softmax" and len(shape) == 1:
        return graph.add("Softmax", [output], shape, axis=1)
    if activation not in ACTIVATIONS:
        raise Unsupported(f"{layer.kind} with activation {activation!r}")
    kind, attributes = ACTIVATIONS[activation]
    return graph.add(kind, [output], shape, **attributes)


def _image_shape(graph: OnnxGraph, layer: Layer, name: str) -> tuple[int, int, int]:
    """(channels, height, width) of the input, which must be images."""
    shape = graph.shapes[name]
    if len(shape) != 3:
        raise Unsupported(f"{layer.kind} of {len(shape)} dimensions")
    if "data_format" in layer.settings:
        require(layer.settings, "data_format", "channels_last")
    return shape  # type: ignore[return-value]


def _pair(value: Any) -> list[int]:
    return list(value) if isinstance(value, list | tuple) else [value, value]


def _sliding(graph: OnnxGraph, layer: Layer, name: str, size: Any, strides: Any, dilation: Any) -> tuple[Shape, dict]:
    """Height and width of the output of a window that slides over images, and the operator's attributes."""
    kernel, strides, dilation = _pair(size), _pair(strides), _pair(dilation)
    sides, before, after, steps = _image_shape(graph, layer, name)[1:], [], [], []
    for side, width, stride, spread in zip(sides, kernel, strides, dilation, strict=True):
        window = (width - 1) * spread + 1
        count = -(-side // stride) if layer.settings["padding"] == "same" else (side - window) // stride + 1
        total = max(0, (count - 1) * stride + window - side) if layer.settings["padding"] == "same" else 0
        before.append(total // 2)  # as TensorFlow does: an odd pixel comes after the image
        after.append(total - total // 2)
        steps.append(count)
    if min(steps) < 1:
        raise ValueError(f"{layer.kind}: its window is larger than its input {sides}")
    return tuple(steps), {"kernel_shape": kernel, "strides": strides, "pads": before + after}


def _convolution(graph: OnnxGraph, layer: Layer, inputs: list[str]) -> str:
    settings, kernel = layer.settings, layer.weights[0]
    dilation = settings["dilation_rate"]
    steps, attributes = _sliding(graph, layer, inputs[0], settings["kernel_size"], settings["strides"], dilation)
    channels = graph.shapes[inputs[0]][0]
    groups = channels if layer.kind == "DepthwiseConv2D" else settings["groups"]
    if kernel.shape[2] * (1 if layer.kind == "DepthwiseConv2D" else groups) != channels:
        raise ValueError(f"{layer.kind} of {kernel.shape[2]:,} channels gets {channels:,}")
    if layer.kind == "DepthwiseConv2D":  # (high, wide, channels, multiplier), whose channels come out in this order
        kernel = kernel.reshape(*kernel.shape[:2], 1, -1)
    attributes |= {"group": groups, "dilations": _pair(dilation)}
    arrays = [kernel.transpose(3, 2, 0, 1), *layer.weights[1:]]
    return graph.add("Conv", [*inputs, *map(graph.constant, arrays)], (kernel.shape[3], *steps), **attributes)


def _dense(graph: OnnxGraph, layer: Layer, inputs: list[str]) -> str:
    shape, kernel = graph.shapes[inputs[0]], layer.weights[0]
    if len(shape) != 1:
        raise Unsupported(f"Dense of {len(shape)} dimensions")
    if shape[0] != kernel.shape[0]:
        raise ValueError(f"Dense of {kernel.shape[0]:,} values gets {shape[0]:,}")
    return graph.add("Gemm", [*inputs, *map(graph.constant, layer.weights)], (kernel.shape[1],))


def _pooling(graph: OnnxGraph, layer: Layer, inputs: list[str]) -> str:
    size = layer.settings["pool_size"]
    steps, attributes = _sliding(graph, layer, inputs[0], size, layer.settings["strides"] or size, 1)
    kind = {"MaxPooling2D": "MaxPool", "AveragePooling2D": "AveragePool"}[layer.kind]
    return graph.add(kind, inputs, (graph.shapes[inputs[0]][0], *steps), **attributes)


def _global_pooling(graph: OnnxGraph, layer: Layer, inputs: list[str]) -> str:
    channels = _image_shape(graph, layer, inputs[0])[0]
    kind = {"GlobalMaxPooling2D": "GlobalMaxPool", "GlobalAveragePooling2D": "GlobalAveragePool"}[layer.kind]
    pooled = graph.add(kind, inputs, (channels, 1, 1))
    return pooled if layer.settings["keepdims"] else graph.add("Flatten", [pooled], (channels,), axis=1)


def _flatten(graph: OnnxGraph, layer: Layer, inputs: list[str]) -> str:
    shape = graph.shapes[inputs[0]]
    if len(shape) == 1:
        return inputs[0]
    channels, height, width = _image_shape(graph, layer, inputs[0])
    # Keras's order of values has the channels last.
    last = graph.add("Transpose", inputs, (height, width, channels), perm=[0, 2, 3, 1])
    return graph.add("Flatten", [last], (math.prod(shape),), axis=1)


def _zero_padding(graph: OnnxGraph, layer: Layer, inputs: list[str]) -> str:
    channels, height, width = _image_shape(graph, layer, inputs[0])
    (above, below), (left, right) = map(_pair, _pair(layer.settings["padding"]))
    pads = graph.constant([0, 0, above, left, 0, 0, below, right], np.int64)
    return graph.add("Pad", [*inputs, pads], (channels, height + above + below, width + left + right))


def _affine(graph: OnnxGraph, name: str, scale: np.ndarray, offset: np.ndarray) -> str:
    """scale * x + offset, each one number or one for each channel."""
    shape = graph.shapes[name]
    ones = (-1, *(1,) * (len(shape) - 1))
    scaled = graph.add("Mul", [name, graph.constant(scale.reshape(ones))], shape)
    return graph.add("Add", [scaled, graph.constant(offset.reshape(ones))], shape) if offset.any() else scaled


def _rescaling(graph: OnnxGraph, layer: Layer, inputs: list[str]) -> str:
    return _affine(graph, inputs[0], *(np.atleast_1d(layer.settings[name]) for name in ("scale", "offset")))


def _batch_normalization(graph: OnnxGraph, layer: Layer, inputs: list[str]) -> str:
    scale, offset = normalization(layer)
    if len(scale) != graph.shapes[inputs[0]][0]:
        raise ValueError(f"BatchNormalization of {len(scale):,} channels gets {graph.shapes[inputs[0]][0]:,}")
    return _affine(graph, inputs[0], scale, offset)


def _merge(graph: OnnxGraph, layer: Layer, inputs: list[str]) -> str:
    """Add, Multiply or Average of any number of tensors of as many dimensions."""
    shapes = [graph.shapes[each] for each in inputs]
    if len(set(map(len, shapes))) > 1 or len(inputs) < 2:
        raise Unsupported(f"{layer.kind} of tensors with different numbers of dimensions")
    kind = "Mul" if layer.kind == "Multiply" else "Add"
    combined, shape = inputs[0], shapes[0]
    for name in inputs[1:]:
        shape = np.broadcast_shapes(shape, graph.shapes[name])
        combined = graph.add(kind, [combined, name], shape)
    if layer.kind == "Average":
        combined = graph.add("Mul", [combined, graph.constant([1 / len(inputs)])], shape)
    return combined


def _concatenate(graph: OnnxGraph, layer: Layer, inputs: list[str]) -> str:
    shapes = [graph.shapes[each] for each in inputs]
    dimensions = len(shapes[0]) + 1
    axis = range(dimensions)[layer.settings["axis"]]
    if axis == 0:
        raise Unsupported("Concatenate of batches")
    place = [0, 2, 3, 1][axis] if dimensions == 4 else axis  # where ONNX has what Keras has at `axis`
    shape = list(shapes[0])
    shape[place - 1] = sum(each[place - 1] for each in shapes)
    return graph.add("Concat", inputs, tuple(shape), axis=place)


def _unit_normalization(graph: OnnxGraph, layer: Layer, inputs: list[str]) -> str:
    """x / max(|x|, 1e-12), as Keras; the channels are always at 1."""
    shape = graph.shapes[inputs[0]]
    last = len(shape)
    require(layer.settings, "axis", -1, last, [-1], [last])
    one = (1, *shape[1:])
    length = graph.add("ReduceL2", inputs, one, axes=[1], keepdims=1)
    length = graph.add("Max", [length, graph.constant(1e-12)], one)
    return graph.add("Div", [*inputs, length], shape)


def _leaky_relu(graph: OnnxGraph, layer: Layer, inputs: list[str]) -> str:
    return graph.add("LeakyRelu", inputs, graph.shapes[inputs[0]], alpha=float(layer.settings["negative_slope"]))


def _elu(graph: OnnxGraph, layer: Layer, inputs: list[str]) -> str:
    return graph.add("Elu", inputs, graph.shapes[inputs[0]], alpha=float(layer.settings["alpha"]))


WRITERS: dict[str, Callable[[OnnxGraph, Layer, list[str]], str]] = {
    "Conv2D": _convolution,
    "DepthwiseConv2D": _convolution,
    "Dense": _dense,
    "MaxPooling2D": _pooling,
    "AveragePooling2D": _pooling,
    "GlobalMaxPooling2D": _global_pooling,
    "GlobalAveragePooling2D": _global_pooling,
    "Flatten": _flatten,
    "ZeroPadding2D": _zero_padding,
    "Rescaling": _rescaling,
    "BatchNormalization": _batch_normalization,
    "Add": _merge,
    "Multiply": _merge,
    "Average": _merge,
    "Concatenate": _concatenate,
    "UnitNormalization": _unit_normalization,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "Activation": lambda graph, layer, inputs: inputs[0],
}
