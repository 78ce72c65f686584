"""A run as one .onnx file, written from plain data without TensorFlow: pixels in, probabilities out."""

import json
import os
from pathlib import Path

import numpy as np

from image_kit.answering import IMAGE, Unsupported, fold
from image_kit.errors import UserError, first_line
from image_kit.exports.classes_file import CLASSES, describe_classes
from image_kit.exports.onnx_layers import OnnxGraph, write_layer
from image_kit.exports.source import Source
from image_kit.exports.whole_network import INPUT, OUTPUT, SMALLEST, temperature_of, with_rescaling
from image_kit.machine import cpu_cores

OPSET, IR_VERSION = 17, 8  # of 2022: onnxruntime takes them from 1.12 on
MAX_BYTES = 2**31 - 2**20  # of weights: the format is one message of Protocol Buffers, which has at most 2 GiB
BATCH = 16  # images at once, after the first, which is alone: so both kinds of batches are proven


def write(source: Source, path: Path, facts: object = None) -> list[str]:
    """Write the file. Batches have any number of images.

    Raises:
        UserError: the writer knows no ONNX operator for a layer, or the weights do not fit into the format.
        OSError: the file cannot be written.
    """
    import onnx  # an extra, which other formats do not need

    if sum(array.nbytes for layer in source.weights for array in layer) > MAX_BYTES:
        raise UserError(f"--to onnx: {source.path}: has more weights than the 2 GiB that the format holds")
    try:
        graph = _write_graph(source)
    except Unsupported as error:
        raise UserError(f"--to onnx: {error} cannot be expressed by the kit's writer; try saved_model") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:  # of a forged file
        raise UserError(f"--to onnx: {source.path}: its layers do not fit each other ({first_line(error)})") from None
    model = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="image-classification-kit",
    )
    described = json.dumps(describe_classes(source), ensure_ascii=False)
    onnx.helper.set_model_props(model, {CLASSES: described})
    path.write_bytes(model.SerializeToString())
    return []


def _write_graph(source: Source):
    from onnx import TensorProto, helper  # as above

    graph = OnnxGraph()
    height, width, channels = source.description.preprocessing.image_shape
    network, weights = with_rescaling(source)
    folded = fold(network, weights, None)
    # Images are (n, height, width, channels) outside and (n, channels, height, width) inside.
    image = graph.add("Transpose", [INPUT], (channels, height, width), perm=[0, 3, 1, 2])
    names = {IMAGE: image}
    for number, layer in folded.layers.items():
        names[number] = write_layer(graph, layer, [names[each] for each in layer.inputs])
    output = _write_head(graph, source, names[folded.output])
    graph.nodes[-1].output[0] = output = OUTPUT if graph.nodes[-1].output[0] == output else output
    classes = len(source.description.class_names)
    return helper.make_graph(
        graph.nodes,
        "image_classifier",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", height, width, channels])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", classes])],
        graph.constants,
    )


def _write_head(graph: OnnxGraph, source: Source, output: str) -> str:
    """From the network's outputs to calibrated probabilities, as `to_probabilities` and `with_temperature`."""
    shape = (len(source.description.class_names),)
    if source.head == "sigmoid":
        other = graph.add("Sub", [graph.constant([1.0]), output], (1,))
        output = graph.add("Concat", [other, output], shape, axis=1)
    elif source.head == "logits":
        output = graph.add("Softmax", [output], shape, axis=1)
    if (temperature := temperature_of(source)) != 1:
        output = graph.add("Max", [output, graph.constant([SMALLEST])], shape)
        output = graph.add("Log", [output], shape)
        output = graph.add("Mul", [output, graph.constant([1 / temperature])], shape)
        output = graph.add("Softmax", [output], shape, axis=1)
    return output


def answer(path: Path, images: np.ndarray) -> np.ndarray:
    """Probabilities by onnxruntime, float32 (n, classes), of uint8 images (n, height, width, channels), at least 1."""
    # It would send figures about its use to its makers, and leave a file .ses among the temporary ones.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # an extra, as above

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cpu_cores()
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    starts = (0, *range(1, len(images), BATCH))
    batches = [images[start : start + (BATCH if start else 1)].astype(np.float32) for start in starts]
    return np.concatenate([session.run([OUTPUT], {INPUT: batch})[0] for batch in batches])
