"""A classifier that runs in LiteRT: it starts in a tenth of a second, without TensorFlow."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from image_kit.answering import lite_model, lite_trial
from image_kit.answering.classifier import Classifier
from image_kit.answering.lite_model import LiteModel
from image_kit.compute import native_stderr_held_back
from image_kit.errors import UserError, first_line
from image_kit.machine import cpu_cores
from image_kit.retries import read_again

OUTPUTS, FEATURES = "output_0", "output_1"  # Keras's names for a model's two outputs
MAX_BYTES = 4 * 2**30  # a flatbuffer has at most 2 GiB of weights; as much again for the layers' outputs
# A small file must not take that much: 128 MiB, four times the file (its weights, from 8 bits), and 2,000 images. All
# layers of Keras's ResNet50 together have 247 times the values of an image, those of its EfficientNetB7 969 times.
LEAST_BYTES, FILE_TIMES, IMAGE_TIMES = 2**27, 4, 2_000


class LiteClassifier(Classifier):
    """A `Classifier` that runs in LiteRT on all cores."""

    # LiteRT is as fast with 1 image as with 32, and its memory grows with each: by 17 MB for an image of 300x300.
    max_batch_values = 1_000_000
    max_batch_size = 256

    def __init__(self, model: LiteModel, is_trial: bool = False):
        """Load the network.

        Args:
            model: what `lite_model.read` returned.
            is_trial: whether this is the separate process of lite_trial.py, which runs the golden self-test.

        Raises:
            UserError: the network is not the one that the file describes, or its answers have changed.
        """
        super().__init__(model.description, model.head)
        self._path, self._is_small = model.path, bool(model.notes)
        if not is_trial:
            lite_trial.refuse_unsafe(model.path, model.flatbuffer_sha256)
        with native_stderr_held_back():  # LiteRT prints which kernels it uses, and warnings
            try:
                source = source_of(model.path)
                interpreter = Interpreter(**source, num_threads=cpu_cores())
                refuse_large_tensors(interpreter, len(source["model_content"]))
                interpreter.allocate_tensors()
                self._runner = interpreter.get_signature_runner()
                self._input = _find_input(self._runner, model)
            except (ValueError, RuntimeError, KeyError, IndexError, TypeError) as error:
                raise UserError(
                    f"{model.path}: contains no network that LiteRT can run ({first_line(error)})"
                ) from None
        self.trust = model.trust
        if self.trust and is_trial:
            self.trust.golden.refuse_changed_answers(self, model.path)

    @classmethod
    def load(cls, path: Path) -> "LiteClassifier":
        """Load a model.tflite; raises UserError as `lite_model.read` and `__init__` do."""
        return cls(lite_model.read(path))

    def for_many(self) -> Classifier:
        """See `Classifier.for_many`.

        With float32 an interpreter for each core takes as long as one for all (1,198 photos: 16 s of the cores either
        way) and twice the memory. With 8-bit integers, layers are so short that threads wait for each other.
        """
        if not self._is_small:
            return self
        from image_kit.answering.flatbuffer_classifier import FlatbufferClassifier  # imports threads: 0.02 s

        return FlatbufferClassifier(self._path, (self.description, self.head, self.trust))

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Classifier.run`."""
        try:
            outputs = self._runner(**{self._input: batch})
        except (ValueError, RuntimeError) as error:  # a forged network may load and still fail to run
            raise UserError(
                f"{self._path}: its network cannot be run ({first_line(error)}); use another file"
            ) from None
        return outputs[OUTPUTS], outputs[FEATURES]


def source_of(path: Path) -> dict[str, Any]:
    """A file's content for the interpreter, which would map the file: one that is cut then ends the process."""
    return {"model_content": read_again(Path.read_bytes)(path)}


def refuse_large_tensors(interpreter: Interpreter, file_bytes: int) -> None:
    """Raise ValueError if the network's tensors for one image would need too much for a file and images of this size.

    Args:
        interpreter: before `allocate_tensors`.
        file_bytes: of the flatbuffer and what follows it.
    """
    most = LEAST_BYTES + FILE_TIMES * file_bytes + IMAGE_TIMES * sum(map(_size, interpreter.get_input_details()))
    most = min(most, MAX_BYTES)
    total = sum(map(_size, interpreter.get_tensor_details()))
    if total > most:
        raise ValueError(f"its tensors would need {total:,} bytes, more than {most:,}")


def _size(tensor: dict[str, Any]) -> int:
    """Bytes of a tensor."""
    return np.dtype(tensor["dtype"]).itemsize * math.prod(map(int, tensor["shape"]))


def _find_input(runner, model: LiteModel) -> str:
    """The name of the network's only input; raises ValueError if its inputs or outputs are not those described."""
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    ((name, tensor),) = inputs.items()
    classes = len(model.description.class_names)
    units = 1 if (model.head, classes) == ("sigmoid", 2) else classes
    shapes = [tuple(map(int, each["shape"][1:])) for each in (tensor, outputs[OUTPUTS])]
    described = [model.description.preprocessing.image_shape, (units,)]
    kinds = {each["dtype"] for each in (tensor, *outputs.values())}
    if shapes != described or outputs.keys() != {OUTPUTS, FEATURES} or kinds != {np.float32}:
        raise ValueError(f"it maps {shapes[0]} to {shapes[1]}, its description {described[0]} to {described[1]}")
    return name
