"""A model.tflite answered by LiteRT: no TensorFlow, a tenth of a second to start."""

import math
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from image_kit.answering import lite_model, lite_trial
from image_kit.answering.classifier import Classifier
from image_kit.answering.lite_model import LiteModel
from image_kit.compute import native_stderr_held_back
from image_kit.errors import UserError, first_line
from image_kit.machine import cpu_cores

OUTPUTS, FEATURES = "output_0", "output_1"  # Keras's names for the outputs in their order

MAX_BYTES = 4 * 2**30  # a flatbuffer holds 2 GiB of weights at most; as much again for one image on its way through


class LiteClassifier(Classifier):
    """A `Classifier` that computes with LiteRT on all cores.

    Raises UserError if the file's network is not what its description says, or answers otherwise than after training.
    """

    # LiteRT is as fast with 1 photo as with 32, and its memory grows with each: 17 MB for one of 300x300.
    chunk_values = 1_000_000
    max_chunk = 256

    def __init__(self, model: LiteModel, is_trial: bool = False):
        super().__init__(model.description, model.head)
        self._path = model.path
        if not is_trial:
            lite_trial.check(model.path, model.flatbuffer_sha256)
        with native_stderr_held_back():  # LiteRT says which kernels it takes, and what it dislikes
            try:
                interpreter = Interpreter(str(model.path), num_threads=cpu_cores())
                _check_sizes(interpreter)
                interpreter.allocate_tensors()
                self._runner = interpreter.get_signature_runner()
                self._input = _checked_input(self._runner, model)
            except (ValueError, RuntimeError, KeyError, IndexError) as error:
                raise UserError(f"{model.path}: holds no network that LiteRT can run ({first_line(error)})") from None
        self.trust = model.trust
        if self.trust and is_trial:
            self.trust.golden.check(self, model.path)

    @classmethod
    def load(cls, path: Path) -> "LiteClassifier":
        """From a model.tflite; raises UserError as `lite_model.read` too."""
        return cls(lite_model.read(path))

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Classifier.run`."""
        try:
            outputs = self._runner(**{self._input: batch})
        except (ValueError, RuntimeError) as error:  # a forged network may load and yet not run
            raise UserError(f"{self._path}: its network cannot be run ({first_line(error)}); take another") from None
        return outputs[OUTPUTS], outputs[FEATURES]


def _check_sizes(interpreter: Interpreter) -> None:
    """Raise ValueError if the network's tensors, for one image, would take more than MAX_BYTES."""
    tensors = interpreter.get_tensor_details()
    total = sum(np.dtype(each["dtype"]).itemsize * math.prod(map(int, each["shape"])) for each in tensors)
    if total > MAX_BYTES:
        raise ValueError(f"its tensors would take {total:,} bytes, more than {MAX_BYTES:,}")


def _checked_input(runner, model: LiteModel) -> str:
    """The name of the network's one input; raises ValueError unless inputs and outputs are as described."""
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    ((name, tensor),) = inputs.items()
    classes = len(model.description.class_names)
    units = 1 if (model.head, classes) == ("sigmoid", 2) else classes
    shapes = [tuple(map(int, each["shape"][1:])) for each in (tensor, outputs[OUTPUTS])]
    wanted = [model.description.preprocessing.image_shape, (units,)]
    kinds = {each["dtype"] for each in (tensor, *outputs.values())}
    if shapes != wanted or outputs.keys() != {OUTPUTS, FEATURES} or kinds != {np.float32}:
        raise ValueError(f"it maps {shapes[0]} to {shapes[1]}, its description {wanted[0]} to {wanted[1]}")
    return name
