"""The forms in which a run can be exported. To add one, add an entry to FORMATS and a module that it names.

The module has these functions:

    write(source: Source, path: Path, facts: Facts) -> list[str]     writes it; returns notes for the user
    answer(path: Path, images: np.ndarray) -> np.ndarray             asks it, by its own runtime

A format that checks itself whenever it is used may lack its runtime here: `answer` then raises RuntimeMissing.

`images` are uint8 (n, height, width, channels), n at least 1; the answer is float32 (n, classes).
"""

import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from image_kit.errors import UserError

if TYPE_CHECKING:  # export.py --help needs the formats' names only
    import numpy as np

    from image_kit.exports.held_photos import RunPhotos
    from image_kit.exports.source import Source


class RuntimeMissing(UserError):
    """A format cannot be asked here; the message says what that needs."""


@dataclass(frozen=True)
class Facts:
    """What a format may need beside the network.

    Attributes:
        run: the folder of the weights.
        photos: to calibrate with, and to prove on.
    """

    run: Path
    photos: "RunPhotos"


@dataclass(frozen=True)
class Format:
    """One form of export.

    Attributes:
        name: as given to --to.
        suffix: of its file or folder.
        is_exact: whether it computes in float32, so that its answers must be those of the run.
        extra: what to give pip if a package is missing.
        packages: that it needs, by the names that Python imports.
        module: in image_kit/exports/, which writes it and answers with it.
        reader: the template of a program that asks it; "" for none.
        is_calibrated: whether `answer` gives probabilities after temperature scaling, or before.
        is_described: whether classes.json and the examples are written beside it.
    """

    name: str
    suffix: str
    is_exact: bool
    extra: str
    packages: tuple[str, ...]
    module: str
    reader: str = ""
    is_calibrated: bool = True
    is_described: bool = True

    def write(self, source: "Source", path: Path, facts: Facts) -> list[str]:
        """Write it; returns notes for the user. Raises UserError and OSError."""
        return self._module().write(source, path, facts)

    def answer(self, path: Path, images: "np.ndarray", source: "Source") -> "np.ndarray":
        """Calibrated probabilities by the format's own runtime, float32 (n, classes), of uint8 images (n, ...)."""
        from image_kit.trust import with_temperature  # as above

        answers = self._module().answer(path, images)
        if self.is_calibrated or source.trust is None:
            return answers
        return with_temperature(answers, source.trust.calibration.temperature)

    def _module(self) -> Any:
        # By its name: each imports a runtime that the others do not need, such as TensorFlow, which takes 3 s.
        return importlib.import_module(f"image_kit.exports.{self.module}")

    def refuse_missing_packages(self) -> None:
        """Raise UserError, with what to install, unless all packages are there."""
        for package in self.packages:
            try:
                found = importlib.util.find_spec(package)
            except ModuleNotFoundError:
                found = None
            if not found:
                raise UserError(
                    f"--to {self.name}: needs the package {package}, which is not installed; "
                    f"run: pip install {self.extra}"
                )


FORMATS = {
    each.name: each
    for each in (
        Format(
            name="tflite",
            suffix=".tflite",
            is_exact=True,
            extra="ai-edge-litert",
            packages=("ai_edge_litert",),
            module="tflite",
            reader="reader_tflite.txt",
        ),
        Format(
            name="tflite-int8",
            suffix="-int8.tflite",
            is_exact=False,
            extra="ai-edge-litert",
            packages=("ai_edge_litert",),
            module="tflite_int8",
            reader="reader_tflite.txt",
        ),
        Format(
            name="onnx",
            suffix=".onnx",
            is_exact=True,
            extra='".[onnx]"',
            packages=("onnx", "onnxruntime"),
            module="onnx",
            reader="reader_onnx.txt",
        ),
        Format(
            name="saved_model",
            suffix="-saved_model",
            is_exact=True,
            extra="tensorflow",
            packages=("tensorflow",),
            module="saved_model",
        ),
        Format(
            name="html",
            suffix=".html",
            is_exact=False,  # its weights are rounded, to be small
            extra="",
            packages=(),
            module="html",
            is_calibrated=False,
            is_described=False,
        ),
    )
}


def file_name(source: "Source", chosen: Format) -> str:
    """The name of an export: that of the run, or of a weights file outside one."""
    path = source.path.resolve()
    stem = path.parent.name if path.name == "best.weights.h5" else path.name.partition(".")[0]
    return f"{stem}{chosen.suffix}"
