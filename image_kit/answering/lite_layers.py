"""Each kind of layer as TFLite operators. All take and return float32 (batch, height, width, channels) or (batch, n).

XNNPACK, LiteRT's fast kernels, takes each of the operators used here; a single one that it does not take would cut the
graph in two and cost time.
"""

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from image_kit.answering.lite_folding import Layer, Unsupported, normalization, require
from image_kit.answering.lite_graph import Graph, Shape

FUSED = {"linear": 0, "relu": 1, "relu6": 3}  # schema.ActivationFunctionType: an operator applies these itself
ACTIVATIONS = {
    "relu": ("RELU", {}),
    "relu6": ("RELU6", {}),
    "sigmoid": ("LOGISTIC", {}),
    "tanh": ("TANH", {}),
    "softmax": ("SOFTMAX", {"options": "SoftmaxOptions", "beta": 1.0}),
}
PADDINGS = {"same": 0, "valid": 1}  # schema.Padding


class LayerWriter:
    """Writes one layer into a graph.

    Args:
        graph: takes the operators.
        layer: as `lite_folding.fold` left it.
        inputs: its input tensors.
        name: for the new tensors.
    """

    def __init__(self, graph: Graph, layer: Layer, inputs: list[int], name: str):
        self.graph, self.layer, self.inputs, self.name = graph, layer, inputs, name
        self.settings, self.input, self.shape = layer.settings, inputs[0], graph.shapes[inputs[0]]
        self.fused = FUSED.get(layer.activation, 0)

    def write(self) -> int:
        """Append the layer's operators and return the tensor that holds its output; raises Unsupported."""
        kind, activation = self.layer.kind, self.layer.activation
        if kind not in WRITERS:
            raise Unsupported(f"the layer {kind}")
        if activation not in FUSED and activation not in ACTIVATIONS:
            raise Unsupported(f"{kind} with activation {activation!r}")
        output = WRITERS[kind](self)
        if kind == "Activation" or activation not in FUSED:
            code, options = ACTIVATIONS[activation]
            output = self.operator(code, [output], self.graph.shapes[output], **options)
        return output

    def operator(self, code: str, inputs: list[int], shape: Shape, *args: Any, **settings: Any) -> int:
        output = self.graph.tensor(shape, self.name)
        return self.graph.operator(code, inputs, output, *args, **settings)

    def constant(self, values: Any, dtype: type = np.float32) -> int:
        return self.graph.constant(np.asarray(values, dtype), f"{self.name}/constant")

    def image_shape(self) -> Shape:
        """The input's shape, which must be that of images."""
        if len(self.shape) != 4:
            raise Unsupported(f"{self.layer.kind} of {len(self.shape) - 1} dimensions")
        if "data_format" in self.settings:
            require(self.settings, "data_format", "channels_last")
        return self.shape

    def combine(self, code: str, left: int, right: int, fused: int = 0) -> int:
        """ADD or MUL of two tensors; the smaller one is repeated."""
        shapes = self.graph.shapes[left], self.graph.shapes[right]
        options = f"{code.capitalize()}Options"
        return self.operator(code, [left, right], np.broadcast_shapes(*shapes), options, fusedActivationFunction=fused)


def _pair(value: Any) -> tuple[Any, Any]:
    """Keras's sizes: one number for both sides, or two."""
    return tuple(value) if isinstance(value, list | tuple) else (value, value)  # type: ignore[return-value]


def _steps(padding: str, sizes: Shape, window: tuple, strides: tuple) -> Shape:
    """How often a window fits into height and width."""
    if padding == "same":
        return tuple(-(-size // stride) for size, stride in zip(sizes, strides, strict=True))
    return tuple((size - side) // stride + 1 for size, side, stride in zip(sizes, window, strides, strict=True))


def _sliding(writer: LayerWriter, size: Any, strides: Any, dilation: Any = 1) -> tuple[Shape, dict[str, int]]:
    """Height and width of the output of a window that slides over images, and the operator's settings."""
    (high, wide), (down, right) = _pair(size), _pair(strides)
    (dilation_down, dilation_right) = _pair(dilation)
    window = (high - 1) * dilation_down + 1, (wide - 1) * dilation_right + 1
    padding = writer.settings["padding"]
    steps = _steps(padding, writer.image_shape()[1:3], window, (down, right))
    if min(steps) < 1:
        raise ValueError(f"{writer.layer.kind}: its window {window} is larger than its input {writer.shape[1:3]}")
    settings = {"padding": PADDINGS[padding], "strideH": down, "strideW": right}
    return steps, settings | {"fusedActivationFunction": writer.fused}


def _convolution(writer: LayerWriter) -> int:
    settings, layer = writer.settings, writer.layer
    kernel = layer.weights[0]
    steps, options = _sliding(writer, settings["kernel_size"], settings["strides"], settings["dilation_rate"])
    dilation_down, dilation_right = _pair(settings["dilation_rate"])
    options |= {"dilationHFactor": dilation_down, "dilationWFactor": dilation_right}
    if layer.kind == "Conv2D":
        require(settings, "groups", 1)
        code, kernel = "CONV_2D", kernel.transpose(3, 0, 1, 2)
    else:
        # The operator multiplies channels in the order in which Keras does.
        code, kernel = "DEPTHWISE_CONV_2D", kernel.reshape(1, *kernel.shape[:2], -1)
        options |= {"depthMultiplier": settings["depth_multiplier"]}
        options |= {"version": 1 if dilation_down == dilation_right == 1 else 2}
    _refuse_misfit(writer, layer.weights[0].shape[2])
    channels = kernel.shape[0] if layer.kind == "Conv2D" else kernel.shape[3]
    inputs = [writer.input, writer.constant(kernel), _bias(writer, channels)]
    table = "Conv2DOptions" if layer.kind == "Conv2D" else "DepthwiseConv2DOptions"
    return writer.operator(code, inputs, (1, *steps, channels), table, **options)


def _refuse_misfit(writer: LayerWriter, channels: int) -> None:
    """Raise ValueError unless the input has these channels. LiteRT may compute something else from others."""
    if writer.shape[-1] != channels:
        raise ValueError(f"{writer.layer.kind} of {channels:,} channels gets {writer.shape[-1]:,}")


def _bias(writer: LayerWriter, units: int) -> int:
    weights = writer.layer.weights
    return writer.constant(weights[1] if len(weights) > 1 else np.zeros(units))


def _dense(writer: LayerWriter) -> int:
    if len(writer.shape) != 2:
        raise Unsupported(f"Dense of {len(writer.shape) - 1} dimensions")
    kernel = writer.layer.weights[0].T
    _refuse_misfit(writer, kernel.shape[1])
    inputs = [writer.input, writer.constant(kernel), _bias(writer, len(kernel))]
    options = {"fusedActivationFunction": writer.fused}
    return writer.operator("FULLY_CONNECTED", inputs, (1, len(kernel)), "FullyConnectedOptions", **options)


def _pooling(writer: LayerWriter) -> int:
    size = writer.settings["pool_size"]
    steps, options = _sliding(writer, size, writer.settings["strides"] or size)
    high, wide = _pair(size)
    code = {"MaxPooling2D": "MAX_POOL_2D", "AveragePooling2D": "AVERAGE_POOL_2D"}[writer.layer.kind]
    options |= {"filterHeight": high, "filterWidth": wide}
    return writer.operator(code, [writer.input], (1, *steps, writer.shape[3]), "Pool2DOptions", **options)


def _global_pooling(writer: LayerWriter) -> int:
    channels, keep = writer.image_shape()[3], bool(writer.settings["keepdims"])
    code = {"GlobalMaxPooling2D": "REDUCE_MAX", "GlobalAveragePooling2D": "MEAN"}[writer.layer.kind]
    inputs = [writer.input, writer.constant([1, 2], np.int32)]
    return writer.operator(
        code, inputs, (1, 1, 1, channels) if keep else (1, channels), "ReducerOptions", keepDims=keep
    )


def _flatten(writer: LayerWriter) -> int:
    if len(writer.shape) == 2:
        return writer.input
    shape = [-1, math.prod(writer.image_shape())]
    inputs = [writer.input, writer.constant(shape, np.int32)]
    return writer.operator("RESHAPE", inputs, (1, shape[1]), "ReshapeOptions", newShape=shape)


def _zero_padding(writer: LayerWriter) -> int:
    _, height, width, channels = writer.image_shape()
    (above, below), (left, right) = map(_pair, _pair(writer.settings["padding"]))
    inputs = [writer.input, writer.constant([[0, 0], [above, below], [left, right], [0, 0]], np.int32)]
    return writer.operator("PAD", inputs, (1, height + above + below, width + left + right, channels), "PadOptions")


def _affine(writer: LayerWriter, scale: Any, offset: Any) -> int:
    scaled = writer.combine("MUL", writer.input, writer.constant(np.atleast_1d(scale)))
    return writer.combine("ADD", scaled, writer.constant(np.atleast_1d(offset)), writer.fused)


def _rescaling(writer: LayerWriter) -> int:
    return _affine(writer, writer.settings["scale"], writer.settings["offset"])


def _batch_normalization(writer: LayerWriter) -> int:
    scale, offset = normalization(writer.layer)
    _refuse_misfit(writer, len(scale))
    return _affine(writer, scale, offset)


def _merge(writer: LayerWriter) -> int:
    """Add, Multiply or Average of any number of tensors of as many dimensions."""
    if len({len(writer.graph.shapes[each]) for each in writer.inputs}) > 1 or len(writer.inputs) < 2:
        raise Unsupported(f"{writer.layer.kind} of tensors with different numbers of dimensions")
    code = "MUL" if writer.layer.kind == "Multiply" else "ADD"
    *others, last = writer.inputs
    combined = reduce(lambda left, right: writer.combine(code, left, right), others)
    if writer.layer.kind != "Average":
        return writer.combine(code, combined, last, writer.fused)
    total = writer.combine(code, combined, last)
    return writer.combine("MUL", total, writer.constant([1 / len(writer.inputs)]), writer.fused)


def _concatenate(writer: LayerWriter) -> int:
    shapes = [writer.graph.shapes[each] for each in writer.inputs]
    axis = range(len(shapes[0]))[writer.settings["axis"]]
    shape = tuple(sum(sizes) if place == axis else sizes[0] for place, sizes in enumerate(zip(*shapes, strict=True)))
    if axis == 0:
        raise Unsupported("Concatenate of batches")
    return writer.operator("CONCATENATION", writer.inputs, shape, "ConcatenationOptions", axis=axis)


def _unit_normalization(writer: LayerWriter) -> int:
    """x / max(|x|, 1e-12), as Keras; L2_NORMALIZATION has another smallest length, and XNNPACK does not take it."""
    last = len(writer.shape) - 1
    require(writer.settings, "axis", -1, last, [-1], [last])
    one = (*writer.shape[:-1], 1)
    squares = writer.combine("MUL", writer.input, writer.input)
    axis = writer.constant([last], np.int32)
    total = writer.operator("SUM", [squares, axis], one, "ReducerOptions", keepDims=True)
    total = writer.operator("MAXIMUM", [total, writer.constant([1e-24])], one, "MaximumMinimumOptions")
    return writer.combine("MUL", writer.input, writer.operator("RSQRT", [total], one))


WRITERS: dict[str, Callable[[LayerWriter], int]] = {
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
    "Activation": lambda writer: writer.input,
}
