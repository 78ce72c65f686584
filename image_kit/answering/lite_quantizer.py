"""Write a network for LiteRT in small numbers: 8-bit integers for weights and layers' outputs, or for weights alone.

The scheme is TensorFlow Lite's (https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec):
weights from -127 to 127 with a scale for each channel that comes out, outputs from -128 to 127 with one scale and one
zero point, biases as 32-bit integers. What averages or ends the network stays float32: an average of a few of 256
steps would lose most of its digits, and the last layer's outputs are the answer.
"""

from collections.abc import Mapping

import numpy as np

from image_kit.answering.lite_graph import Graph, Operator, Quantized

Ranges = Mapping[int, tuple[float, float]]  # the least and greatest value that a tensor takes

WITH_WEIGHTS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4}  # operator -> the version that takes int8
# Those that move or compare numbers: what comes out must have the scale of what goes in.
SAME_SCALE = {"MAX_POOL_2D": 2, "PAD": 2, "RESHAPE": 1, "REDUCE_MAX": 2, "CONCATENATION": 2, "RELU": 2, "RELU6": 2}
INTEGER = {**WITH_WEIGHTS, **SAME_SCALE, "ADD": 2}
HYBRID = {"CONV_2D": 5, "FULLY_CONNECTED": 9}  # float32 in and out, int8 weights with a scale for each channel
CHANNELS = {"DEPTHWISE_CONV_2D": 3}  # the weights' dimension of the channels that come out; 0 of all others
FEW_CHANNELS = 4  # of an image; see `MixedWriter`
MANY = 1_024  # weights of a constant; a smaller one stays float32 where only weights are made smaller


def quantize_weights(weights: np.ndarray, axis: int) -> tuple[np.ndarray, Quantized]:
    """Weights as int8 with a scale for each channel of the dimension `axis`."""
    others = tuple(each for each in range(weights.ndim) if each != axis)
    greatest = np.abs(weights).max(others)
    scale = np.where(greatest > 0, greatest / 127, 1).astype(np.float32)
    shape = [-1 if each == axis else 1 for each in range(weights.ndim)]
    return np.rint(weights / scale.reshape(shape)).astype(np.int8), Quantized(scale, 0, axis)


def scale_for(lowest: float, highest: float) -> Quantized:
    """The scale of a tensor with values of this range, which 0 is made a part of and is exact."""
    lowest, highest = min(lowest, 0.0), max(highest, 0.0)
    scale = np.float32((highest - lowest) / 255)
    if scale < np.finfo(np.float32).tiny:  # all values are 0, or cannot be told from it
        scale = np.float32(1)
    return Quantized(np.array([scale]), int(np.clip(np.rint(-128 - lowest / scale), -128, 127)))


class Rewriter:
    """Copies a float32 graph operator by operator; subclasses say how.

    Attributes:
        graph: the copy.
        tensors: the copy's float32 tensor of each tensor of the original.
    """

    def __init__(self, source: Graph, image: int):
        self.source, self.graph = source, Graph(source.is_fixed)
        self.tensors = {image: self.graph.tensor(source.shapes[image], source.names[image])}

    def write(self, outputs: Mapping[str, int]) -> tuple[Graph, dict[str, int]]:
        """The copy, and its outputs by name."""
        for operator in self.source.operators:
            self.copy(operator)
        return self.graph, {name: self.as_float(tensor) for name, tensor in outputs.items()}

    def copy(self, operator: Operator) -> None:
        """Append one operator as it is, in float32."""
        inputs = [self.as_float(each) for each in operator.inputs]
        self.append(operator, inputs, self.new_tensor(operator.output), operator.version)

    def append(self, operator: Operator, inputs: list[int], output: int, version: int) -> None:
        self.graph.operator(operator.code, inputs, output, operator.options, version, **operator.settings)

    def new_tensor(self, original: int) -> int:
        self.tensors[original] = self.graph.tensor(self.source.shapes[original], self.source.names[original])
        return self.tensors[original]

    def as_float(self, original: int) -> int:
        """The copy's tensor with the original's values."""
        if original not in self.tensors:
            self.tensors[original] = self.constant(original)
        return self.tensors[original]

    def constant(self, original: int) -> int:
        return self.graph.constant(self.source.constants[original], self.source.names[original])

    def dequantized(self, tensor: int, original: int) -> int:
        """A float32 tensor with the values of a smaller one."""
        name, shape = self.source.names[original], self.source.shapes[original]
        return self.graph.operator("DEQUANTIZE", [tensor], self.graph.tensor(shape, name), version=2)


class HalfWriter(Rewriter):
    """Weights are float16, and become float32 when the network is loaded."""

    def constant(self, original: int) -> int:
        values = self.source.constants[original]
        if values.dtype != np.float32 or values.size < MANY or np.abs(values).max() > np.finfo(np.float16).max:
            return super().constant(original)
        half = self.graph.constant(values.astype(np.float16), self.source.names[original])
        output = self.graph.tensor(values.shape, self.source.names[original], has_batch=False)
        return self.graph.operator("DEQUANTIZE", [half], output, version=3)


class WeightsWriter(Rewriter):
    """Weights of dense layers and convolutions are int8; each image's own range makes its inputs int8 as it runs."""

    def copy(self, operator: Operator) -> None:
        """See `Rewriter.copy`."""
        if operator.code not in HYBRID or self.source.constants[operator.inputs[1]].size < MANY:
            super().copy(operator)
            return
        image, weights, bias = operator.inputs
        values, quantized = quantize_weights(self.source.constants[weights], 0)
        small = self.graph.constant(values, self.source.names[weights], quantized)
        inputs = [self.as_float(image), small, self.as_float(bias)]
        self.append(operator, inputs, self.new_tensor(operator.output), HYBRID[operator.code])


class IntegerWriter(Rewriter):
    """Weights and outputs are int8, wherever LiteRT computes with them and the answer bears it.

    Args:
        ranges: of every tensor that is not constant.
        answer: the tensor of the answer; the last operator with weights before it stays float32.
    """

    def __init__(self, source: Graph, image: int, ranges: Ranges, answer: int):
        super().__init__(source, image)
        self._integers: dict[int, int] = {}
        self._last = _last_with_weights(source, answer)
        self._scales = self._find_scales(ranges)

    def _is_integer(self, operator: Operator) -> bool:
        if operator.code not in INTEGER or operator.output == self._last:
            return False
        # A constant that is added would need a scale as well, and a RESHAPE after an average is better in float32.
        values = [each for each in operator.inputs if each not in self.source.constants]
        if operator.code == "ADD":
            return len(values) == 2 and all(
                self.source.shapes[each] == self.source.shapes[values[0]] for each in values
            )
        return operator.code in WITH_WEIGHTS or all(each in self._made_integer for each in values)

    def _find_scales(self, ranges: Ranges) -> dict[int, Quantized]:
        """Decide which operators are integer, and the scale of each tensor that they read or write."""
        self._made_integer: set[int] = set()
        self._chosen: set[int] = set()
        group = {tensor: tensor for tensor in ranges}

        def find(tensor: int) -> int:
            while group[tensor] != tensor:
                tensor = group[tensor]
            return tensor

        feeds = {
            each for operator in self.source.operators if operator.code in WITH_WEIGHTS for each in operator.inputs
        }
        for operator in self.source.operators:
            if operator.code == "PAD" and operator.output in feeds:  # of the image or of what was computed in float32
                self._made_integer.update(each for each in operator.inputs if each in ranges)
            if not self._is_integer(operator):
                continue
            self._chosen.add(operator.output)
            self._made_integer.add(operator.output)
            if operator.code in SAME_SCALE:
                for each in operator.inputs:
                    if each in ranges:
                        group[find(each)] = find(operator.output)
        united: dict[int, tuple[float, float]] = {}
        for tensor, (low, high) in ranges.items():
            known = united.get(find(tensor), (low, high))
            united[find(tensor)] = min(known[0], low), max(known[1], high)
        return {tensor: scale_for(*united[find(tensor)]) for tensor in ranges}

    def copy(self, operator: Operator) -> None:
        """See `Rewriter.copy`."""
        if operator.output not in self._chosen:
            super().copy(operator)
            return
        if operator.code in WITH_WEIGHTS:
            image, weights, bias = operator.inputs
            inputs = [self._as_integer(image), *self._weights(operator, image, weights, bias)]
        else:
            inputs = [
                self.as_float(each) if each in self.source.constants else self._as_integer(each)
                for each in operator.inputs
            ]
        shape, name = self.source.shapes[operator.output], self.source.names[operator.output]
        output = self.graph.tensor(shape, name, self._scales[operator.output])
        self._integers[operator.output] = output
        self.append(operator, inputs, output, max(operator.version, INTEGER[operator.code]))

    def _weights(self, operator: Operator, image: int, weights: int, bias: int) -> list[int]:
        names, constants = self.source.names, self.source.constants
        values, quantized = quantize_weights(constants[weights], CHANNELS.get(operator.code, 0))
        steps = quantized.scale.astype(np.float64) * self._scales[image].scale[0]
        limit = 2**30  # the sum of products is added, and must not leave 32 bits
        numbers = np.clip(np.rint(constants[bias] / steps), -limit, limit).astype(np.int32)
        small = self.graph.constant(values, names[weights], quantized)
        return [small, self.graph.constant(numbers, names[bias], Quantized(steps.astype(np.float32)))]

    def _as_integer(self, original: int) -> int:
        if original not in self._integers:
            shape, name = self.source.shapes[original], self.source.names[original]
            output = self.graph.tensor(shape, f"{name}/int8", self._scales[original])
            self._integers[original] = self.graph.operator("QUANTIZE", [self.as_float(original)], output)
        return self._integers[original]

    def as_float(self, original: int) -> int:
        """See `Rewriter.as_float`."""
        if original not in self.tensors and original in self._integers:
            self.tensors[original] = self.dequantized(self._integers[original], original)
        return super().as_float(original)


class MixedWriter(IntegerWriter):
    """As `IntegerWriter`, but convolutions of an image stay float32, which is faster on Intel's processors.

    Integer kernels fill up 3 channels to as many as a register holds. Of elephants_cars's 4.6 ms an image the first
    convolution took 3.6 as integers and takes 1.4 in float32; it has 896 of 5 million weights.
    """

    def _is_integer(self, operator: Operator) -> bool:
        of_image = operator.code == "CONV_2D" and self.source.shapes[operator.inputs[0]][3] <= FEW_CHANNELS
        return not of_image and super()._is_integer(operator)


def _last_with_weights(graph: Graph, answer: int) -> int:
    """The output of the last layer with weights, which the answer is computed from."""
    operators = [operator for operator in graph.operators if operator.code in WITH_WEIGHTS]
    return operators[-1].output if operators else answer
