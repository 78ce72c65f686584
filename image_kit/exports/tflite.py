"""A run as one .tflite file for phones, browsers and small computers: float32, pixels in, probabilities out."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from image_kit.answering import Graph, Unsupported, fold, refuse_unsafe_network, write_layers
from image_kit.compute import native_stderr_held_back
from image_kit.errors import UserError, first_line
from image_kit.exports.classes_file import CLASSES, class_texts, describe_classes
from image_kit.exports.source import Source
from image_kit.exports.tflite_metadata import LABELS, NAME, tflite_metadata
from image_kit.exports.whole_network import INPUT, OUTPUT, SMALLEST, temperature_of, with_rescaling
from image_kit.machine import cpu_cores

BATCH = 16  # images at once, after the first, which is alone: so both kinds of batches are proven


def write(source: Source, path: Path, facts: object = None) -> list[str]:
    """Write the file.

    The file's shapes are those of one image, which runtimes that compile it need. Interpreters take any number of
    images once they are told so (`resize_tensor_input`).

    Raises:
        UserError: LiteRT has no operator for a layer, or the weights do not fit into the format.
        OSError: the file cannot be written.
    """
    write_graph(source, path, *graph_of(source))
    return []


def write_graph(source: Source, path: Path, graph: Graph, image: int, outputs: Mapping[str, int]) -> None:
    """Write a graph of a run to a file, with what belongs to it. Errors as `write`."""
    about = f"{len(source.description.class_names)} classes; {CLASSES} in this file's archive says more"
    graph.metadata[NAME] = tflite_metadata(
        source.description.model, about, source.description.preprocessing.image_shape
    )
    try:
        content = graph.to_bytes({INPUT: image}, outputs)
    except ValueError as error:
        raise UserError(f"{source.path}: {first_line(error)}") from None
    refuse_unsafe_network(content, str(source.path))
    path.write_bytes(content)
    with zipfile.ZipFile(path, "a") as archive:  # ZipInfo has a fixed date, so that equal runs end in equal files
        names = (name.replace("\n", " ") for name in class_texts(source))
        archive.writestr(zipfile.ZipInfo(LABELS), "\n".join(names) + "\n")
        archive.writestr(zipfile.ZipInfo(CLASSES), json.dumps(describe_classes(source), ensure_ascii=False, indent=2))


def graph_of(source: Source, name: str = "tflite") -> tuple[Graph, int, dict[str, int]]:
    """The whole network from pixels to probabilities, its input, and its output by name.

    Args:
        name: the format's, for messages.

    Raises:
        UserError: see `write`.
    """
    try:
        return _build(source)
    except Unsupported as error:
        raise UserError(f"--to {name}: {error} cannot be expressed by the kit's writer; try saved_model") from None
    except ValueError as error:
        raise UserError(f"--to {name}: {source.path}: {first_line(error)}") from None


def _build(source: Source) -> tuple[Graph, int, dict[str, int]]:
    graph = Graph(is_fixed=True)
    shape = source.description.preprocessing.image_shape
    image = graph.tensor((1, *shape), INPUT)
    network, weights = with_rescaling(source)
    folded = fold(network, weights, None)
    output = _write_head(graph, source, write_layers(graph, folded, image)[folded.output])
    return graph, image, {OUTPUT: output}


def _write_head(graph: Graph, source: Source, output: int) -> int:
    """From the network's outputs to calibrated probabilities, as `to_probabilities` and `with_temperature`."""
    count = len(source.description.class_names)
    added = _Operators(graph, count)
    if source.head == "sigmoid":
        negative = added.combine("MUL", output, -1.0, 1)
        other = added.combine("ADD", negative, 1.0, 1)
        output = graph.operator("CONCATENATION", [other, output], added.tensor(), "ConcatenationOptions", axis=-1)
    elif source.head == "logits":
        output = added.softmax(output)
    if (temperature := temperature_of(source)) != 1:
        smallest = graph.constant(np.array([SMALLEST], np.float32), "smallest")
        output = graph.operator("MAXIMUM", [output, smallest], added.tensor(), "MaximumMinimumOptions")
        logarithm = graph.operator("LOG", [output], added.tensor())
        output = added.softmax(added.combine("MUL", logarithm, 1 / temperature, count))
    return output


class _Operators:
    """Appends operators on (1, count) tensors to a graph."""

    def __init__(self, graph: Graph, count: int):
        self.graph, self.count = graph, count

    def tensor(self, count: int | None = None) -> int:
        return self.graph.tensor((1, count or self.count), OUTPUT)

    def combine(self, code: str, tensor: int, number: float, count: int) -> int:
        constant = self.graph.constant(np.array([number], np.float32), code)
        return self.graph.operator(code, [tensor, constant], self.tensor(count), f"{code.capitalize()}Options")

    def softmax(self, tensor: int) -> int:
        return self.graph.operator("SOFTMAX", [tensor], self.tensor(), "SoftmaxOptions", beta=1.0)


def answer(path: Path, images: np.ndarray) -> np.ndarray:
    """Probabilities by LiteRT, float32 (n, classes), of uint8 images (n, height, width, channels), at least 1."""
    from ai_edge_litert.interpreter import Interpreter  # may be missing, and takes .1 s

    with native_stderr_held_back():  # LiteRT prints which kernels it uses
        interpreter = Interpreter(model_content=path.read_bytes(), num_threads=cpu_cores())
        (given,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.allocate_tensors()
    answers, count = [], 1
    for start in (0, *range(1, len(images), BATCH)):
        batch = images[start : start + (BATCH if start else 1)].astype(np.float32)
        if len(batch) != count:
            count = len(batch)
            interpreter.resize_tensor_input(given["index"], batch.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], batch)
        interpreter.invoke()
        answers.append(interpreter.get_tensor(output["index"]))
    return np.concatenate(answers)
