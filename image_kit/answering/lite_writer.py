"""Write a network for LiteRT from plain data and weights, without TensorFlow: in tenths of a second."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from image_kit.answering.lite_folding import IMAGE, Folded, Unsupported as Unsupported, Weights, fold
from image_kit.answering.lite_graph import Graph
from image_kit.answering.lite_layers import LayerWriter
from image_kit.errors import first_line

INPUT = "images"  # the input's name in the signature
OUTPUTS, FEATURES = "output_0", "output_1"  # the outputs' names there, which are those of Keras's own export


def write_flatbuffer(
    path: Path,
    network: Sequence[dict[str, Any]],
    weights: Weights,
    image_shape: tuple[int, int, int],
    features_of: int | None = -1,
) -> None:
    """Write `flatbuffer` to a file. Arguments and errors as there, and OSError."""
    path.write_bytes(flatbuffer(network, weights, image_shape, features_of))


def flatbuffer(
    network: Sequence[dict[str, Any]],
    weights: Weights,
    image_shape: tuple[int, int, int],
    features_of: int | None = -1,
) -> memoryview:
    """A network as a TFLite flatbuffer with the signature "serving_default", for batches of any size.

    Args:
        network: see image_kit/weights/network.py.
        weights: float32, one list for each layer, in the order of Keras's variables.
        image_shape: (height, width, channels) of the input, float32.
        features_of: the number of the layer, from the end if negative, whose (first) input is FEATURES, the second
            output; None for no second output.

    Raises:
        Unsupported: a layer or a setting that this writer does not know.
        ValueError: the layers do not fit each other or their weights, or a flatbuffer cannot hold so many weights.
    """
    try:
        return _write(network, weights, image_shape, features_of)
    # A forged file may have any settings, such as strides of 0, texts as sizes, or an axis that is not there.
    except (ArithmeticError, AttributeError, LookupError, TypeError, struct.error) as error:
        raise ValueError(f"its layers have settings that no layer takes ({first_line(error)})") from None


def _write(
    network: Sequence[dict[str, Any]], weights: Weights, image_shape: tuple[int, int, int], features_of: int | None
) -> memoryview:
    graph, image, outputs = build_graph(network, weights, image_shape, features_of)
    return graph.to_bytes({INPUT: image}, outputs)


def build_graph(
    network: Sequence[dict[str, Any]], weights: Weights, image_shape: tuple[int, int, int], features_of: int | None = -1
) -> tuple[Graph, int, dict[str, int]]:
    """The graph of a network, its input, and its outputs by name. Arguments and errors as `flatbuffer`."""
    folded, graph = fold(network, weights, features_of), Graph()
    image = graph.tensor((1, *image_shape), INPUT)
    tensors = write_layers(graph, folded, image)
    outputs = {OUTPUTS: tensors[folded.output]}
    if folded.features is not None:
        outputs[FEATURES] = tensors[folded.features]
    return graph, image, outputs


def write_layers(graph: Graph, folded: Folded, image: int) -> dict[int, int]:
    """Append a network's layers to a graph, whose tensor `image` they take; returns the tensor of each layer."""
    tensors = {IMAGE: image}
    for number, layer in folded.layers.items():
        inputs = [tensors[each] for each in layer.inputs]
        tensors[number] = LayerWriter(graph, layer, inputs, f"{number}_{layer.kind}").write()
    return tensors
