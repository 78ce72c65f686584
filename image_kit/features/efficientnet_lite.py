"""EfficientNet-Lite as plain data: the network without its 1,000-class head, and its weights from PyTorch's names.

Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019; the Lite networks
(no squeeze-and-excitation, relu6 instead of swish, stem and head not scaled) are from TensorFlow's tpu repository.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Entry = dict[str, Any]
State = dict[str, np.ndarray]

# Repeats, kernel side, stride of the first block, expansion, channels that come out.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280
EPSILON = 1e-3  # of the batch normalization, as in TensorFlow
SCALE, OFFSET = 255 / 128, -127 / 128  # (pixel - 127) / 128 of a pixel on 0..255, for images on 0..1


@dataclass(frozen=True)
class Variant:
    """Factors for the width (channels) and depth (repeats) of Lite0, and the side of the images in pixels.

    The sides are 8/7 of those that the networks were trained at, since objects in random training crops look larger
    than in whole photos (Touvron, Vedaldi, Douze, Jegou, "Fixing the train-test resolution discrepancy", 2019). That
    adds .8 points on clothing by other senders (docs/results.md).
    """

    width: float
    depth: float
    side: int


VARIANTS = {"lite0": Variant(1.0, 1.0, 256), "lite1": Variant(1.0, 1.1, 272), "lite2": Variant(1.1, 1.2, 296)}


@dataclass(frozen=True)
class LiteNetwork:
    """A network as plain data.

    Attributes:
        entries: one for each layer, for float32 images (n, side, side, 3) on 0..1; outputs (n, 1280).
        weights: of each entry, float32, in the order of Keras's variables.
        stages: the indices of the last entries of the stem, the seven stages, and the head before its pooling.
        classifier: kernel (1280, 1000) and bias (1000,) of the ImageNet head; its logits are features @ kernel + bias.
    """

    entries: list[Entry]
    weights: list[list[np.ndarray]]
    stages: tuple[int, ...]
    classifier: list[np.ndarray]


def convert(state: State, variant: Variant) -> LiteNetwork:
    """The network of a variant with the weights of a state dict, as `read_torch_file` returns it.

    Raises:
        ValueError: a tensor of the network is missing or has another shape.
    """
    builder = _Builder(state)
    builder.add({"class": "Rescaling", "scale": SCALE, "offset": OFFSET})
    builder.convolve("_conv_stem", "_bn0", STEM_CHANNELS, kernel=3, stride=2, relu6=True)
    stages, channels, block = [builder.last], STEM_CHANNELS, 0
    for repeats, kernel, stride, expansion, base in STAGES:
        # Scaling leaves the first and last stage at one block.
        repeats = math.ceil(repeats * variant.depth) if base not in (STAGES[0][-1], STAGES[-1][-1]) else repeats
        for repeat in range(repeats):
            after = _scaled(base, variant.width)
            builder.add_block(block, kernel, 1 if repeat else stride, expansion, channels, after)
            block, channels = block + 1, after
        stages.append(builder.last)
    builder.convolve("_conv_head", "_bn1", HEAD_CHANNELS, relu6=True)
    stages.append(builder.last)
    builder.add({"class": "GlobalAveragePooling2D", "data_format": "channels_last", "keepdims": False})
    classifier = [builder.take("_fc.weight", (1000, HEAD_CHANNELS)).T.copy(), builder.take("_fc.bias", (1000,))]
    return LiteNetwork(builder.entries, builder.weights, tuple(stages), classifier)


def _scaled(channels: int, width: float) -> int:
    """Channels times width, as the nearest multiple of 8 that is not more than a tenth too small."""
    nearest = int(channels * width + 4) // 8 * 8
    return nearest + 8 if nearest < 0.9 * channels * width else nearest


class _Builder:
    """Collects the entries and weights of a network, one layer after another."""

    def __init__(self, state: State):
        self.state = state
        self.entries: list[Entry] = []
        self.weights: list[list[np.ndarray]] = []
        self.channels = 3  # that come out of the last entry

    @property
    def last(self) -> int:
        return len(self.entries) - 1

    def add(self, entry: Entry, *weights: np.ndarray) -> None:
        self.entries.append(entry)
        self.weights.append(list(weights))

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        tensor = self.state.get(name)
        if tensor is None or tensor.shape != shape or tensor.dtype != np.float32:
            found = "is missing" if tensor is None else f"is {tensor.dtype} {tensor.shape}"
            raise ValueError(f"its tensor {name} {found}; the network needs float32 {shape}")
        return np.array(tensor)

    def add_block(self, number: int, kernel: int, stride: int, expansion: int, before: int, after: int) -> None:
        """An inverted residual block: expand, filter each channel, project; plus its input if that has its shape."""
        name, start = f"_blocks.{number}", self.last
        if expansion > 1:
            self.convolve(f"{name}._expand_conv", f"{name}._bn0", before * expansion, relu6=True)
        self.filter_channels(f"{name}._depthwise_conv", f"{name}._bn1", kernel, stride)
        self.convolve(f"{name}._project_conv", f"{name}._bn2", after)
        if stride == 1 and before == after:
            self.add({"class": "Add", "inputs": [start, self.last]})

    def convolve(
        self, name: str, norm: str, filters: int, kernel: int = 1, stride: int = 1, relu6: bool = False
    ) -> None:
        weights = self.take(f"{name}.weight", (filters, self.channels, kernel, kernel))  # out, in, height, width
        settings = {"filters": filters, "groups": 1, **_convolution(kernel, stride)}
        self.add({"class": "Conv2D", **settings}, np.ascontiguousarray(weights.transpose(2, 3, 1, 0)))
        self.channels = filters
        self.normalize(norm, relu6)

    def filter_channels(self, name: str, norm: str, kernel: int, stride: int) -> None:
        weights = self.take(f"{name}.weight", (self.channels, 1, kernel, kernel))  # channel, 1, height, width
        settings = {"depth_multiplier": 1, **_convolution(kernel, stride)}
        self.add({"class": "DepthwiseConv2D", **settings}, np.ascontiguousarray(weights.transpose(2, 3, 0, 1)))
        self.normalize(norm, relu6=True)

    def normalize(self, name: str, relu6: bool) -> None:
        # Keras's gamma, beta, moving mean, moving variance.
        names = ("weight", "bias", "running_mean", "running_var")
        weights = [self.take(f"{name}.{each}", (self.channels,)) for each in names]
        settings = {"axis": -1, "momentum": 0.99, "epsilon": EPSILON, "center": True, "scale": True}
        self.add({"class": "BatchNormalization", **settings}, *weights)
        if relu6:
            self.add({"class": "Activation", "activation": "relu6"})


def _convolution(kernel: int, stride: int) -> Entry:
    """The settings that both kinds of convolution have."""
    return {
        "kernel_size": [kernel, kernel],
        "strides": [stride, stride],
        "padding": "same",  # as TensorFlow pads; PyTorch's symmetric padding gives other features
        "data_format": "channels_last",
        "dilation_rate": [1, 1],
        "activation": "linear",
        "use_bias": False,
    }
