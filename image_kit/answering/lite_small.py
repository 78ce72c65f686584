"""From a network as plain data to a smaller flatbuffer, calibrated on photos such as it was trained on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from image_kit.answering.lite_folding import Weights
from image_kit.answering.lite_graph import Graph
from image_kit.answering.lite_quantizer import HalfWriter, IntegerWriter, MixedWriter, Rewriter, WeightsWriter
from image_kit.answering.lite_writer import INPUT, build_graph
from image_kit.compute import native_stderr_held_back
from image_kit.machine import cpu_cores

Ranges = dict[int, tuple[float, float]]
# From harsh to mild. "int8": weights and layers' outputs; "int8-weights": weights alone, outputs float32;
# "float16": weights alone, in half of float32's bytes.
FORMS = ("int8", "int8-weights", "float16")
FASTEST = "int8-mixed"  # as "int8", but the first convolution stays float32

INTEGER_WRITERS = {"int8": IntegerWriter, FASTEST: MixedWriter}


def quantized_flatbuffer(
    network: Sequence[dict[str, Any]],
    weights: Weights,
    image_shape: tuple[int, int, int],
    form: str,
    images: np.ndarray,
    rescale: float,
) -> memoryview:
    """A network with smaller numbers, otherwise as `lite_writer.flatbuffer` writes it, with float32 in and out.

    Args:
        network, weights, image_shape: as there.
        form: one of FORMS, or FASTEST.
        images: for "int8" and FASTEST, uint8 (n, height, width, channels), n at least 1; 64 photos are enough.
        rescale: as in `Preprocessing`.

    Raises:
        Unsupported, ValueError: as `flatbuffer`.
    """
    graph, image, outputs = build_graph(network, weights, image_shape)
    small, small_image, small_outputs = quantize_graph(graph, image, outputs, form, images, rescale)
    return small.to_bytes({INPUT: small_image}, small_outputs)


def quantize_graph(
    graph: Graph, image: int, outputs: Mapping[str, int], form: str, images: np.ndarray, rescale: float
) -> tuple[Graph, int, dict[str, int]]:
    """A graph with smaller numbers, its input, and its outputs by name.

    Args:
        graph, image, outputs: float32; the first output is the answer.
        form, images, rescale: see `quantized_flatbuffer`.

    Raises:
        ValueError: "int8" is asked for, and there is no image.
    """
    writer: Rewriter
    if form in INTEGER_WRITERS:
        if not len(images):
            raise ValueError("no image to calibrate on")
        ranges, answer = find_ranges(graph, image, images, rescale), next(iter(outputs.values()))
        writer = INTEGER_WRITERS[form](graph, image, ranges, answer)
    else:
        writer = {"int8-weights": WeightsWriter, "float16": HalfWriter}[form](graph, image)
    small, small_outputs = writer.write(outputs)
    return small, writer.tensors[image], small_outputs


def find_ranges(graph: Graph, image: int, images: np.ndarray, rescale: float) -> Ranges:
    """The least and greatest value of each tensor that is not constant.

    Args:
        graph: float32.
        image: its input.
        images: uint8 (n, height, width, channels), n at least 1.
        rescale: as in `Preprocessing`.
    """
    computed = sorted({operator.output for operator in graph.operators})
    # As outputs of the graph, LiteRT's fast kernels keep them; what else it computes, it overwrites.
    flatbuffer = graph.to_bytes({INPUT: image}, {str(tensor): tensor for tensor in computed})
    with native_stderr_held_back():  # LiteRT prints which kernels it uses
        interpreter = Interpreter(model_content=bytes(flatbuffer), num_threads=cpu_cores())
        run = interpreter.get_signature_runner()
    ranges: Ranges = {image: (0.0, 255 * rescale)}
    for each in images:
        outputs = run(**{INPUT: np.multiply(each[None], np.float32(rescale), dtype=np.float32)})
        for tensor in computed:
            values = outputs[str(tensor)]
            low, high = ranges.get(tensor, (np.inf, -np.inf))
            ranges[tensor] = min(low, float(values.min())), max(high, float(values.max()))
    return ranges
