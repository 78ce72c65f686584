"""What decides a training run: a recipe, whose fields are also the options of train.py."""

from argparse import ArgumentTypeError
from dataclasses import dataclass, field
from typing import Any

FILL_MODES = ("nearest", "constant", "reflect", "wrap")
OPTIMIZERS = ("adam", "rmsprop", "sgd")
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")


def option(default: Any, help: str, **parser: Any) -> Any:
    """A dataclass field that is also a command-line option: `help` and `parser` go to argparse."""
    return field(default=default, metadata={"help": help, **parser})


def size(text: str) -> tuple[int, int]:
    """Parse "300" or "200x300" to (height, width); argparse's error on anything else."""
    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise ArgumentTypeError(f"must be a whole number of pixels or HEIGHTxWIDTH, received {text!r}")
    return int(sides[0]), int(sides[-1])


@dataclass(frozen=True)
class Augmentation:
    """Random transforms of training images, under the names, units and defaults of Keras's ImageDataGenerator."""

    rotation_range: float = option(0.0, "rotate by up to this many degrees, either way")
    # Keras 3 moves rows for width_shift_range and columns for height_shift_range; the same pixels, so so do we.
    width_shift_range: float = option(0.0, "shift, as Keras 3 does UP OR DOWN, by this share of the width (1: pixels)")
    height_shift_range: float = option(0.0, "shift, as Keras 3 does SIDEWAYS, by this share of the height (1: pixels)")
    shear_range: float = option(0.0, "shear by up to this many degrees")
    zoom_range: float = option(0.0, "zoom each side by a factor from 1 - this to 1 + this")
    channel_shift_range: float = option(0.0, "add up to this much to all channels, on the 0-255 scale")
    brightness_range: tuple[float, float] | None = option(
        None, "multiply the brightness by a factor between these two", nargs=2, metavar=("LOW", "HIGH")
    )
    fill_mode: str = option("nearest", "what fills pixels from outside the image", choices=FILL_MODES)
    cval: float = option(0.0, "the value that --fill-mode constant fills with, on the 0-255 scale")
    horizontal_flip: bool = option(False, "mirror every other image left to right")
    vertical_flip: bool = option(False, "mirror every other image top to bottom")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run, and where it comes from.

    Attributes:
        source: the tutorial that the recipe is from.
        dataset: "photos", or the name of an array data set.
        parameters: of the network at the preset's own image size, with two classes of photos.
        augment: whether `augmentation` is applied; a preset may hold one that only --augment switches on.
        measured: test accuracy of this very recipe, with n and spread; the README's table says more.
        minutes: of a whole run on the 2-core machine of the README's table.
    """

    source: str
    dataset: str
    parameters: int
    model: str = option("elephants_cars", "network, a function of models.py")
    image_size: tuple[int, int] = option((300, 300), "pixels: a number, or HEIGHTxWIDTH", type=size, metavar="SIZE")
    grayscale: bool = option(False, "train on one gray channel instead of RGB")
    optimizer: str = option("adam", "how the weights are updated", choices=OPTIMIZERS)
    learning_rate: float | None = option(None, "step size (default: the optimizer's own, .001; .01 for sgd)")
    ema_momentum: float = option(0.0, "of a moving average of the weights, which is validated and kept (0: none)")
    batch_size: int = option(32, "images in one update of the weights")
    epochs: int = option(10, "passes over the training images")
    augment: bool = option(False, "apply the preset's random transforms to the training images")
    early_stopping: int | None = option(None, "stop when the validation loss has not improved for this many epochs")
    class_weights: str = option(
        "none", "'balanced' makes rare classes count as much as frequent ones", choices=("none", "balanced")
    )
    seed: int = option(0, "of first weights, order, dropout and augmentation; never of the splits")
    precision: str = option("auto", "of the arithmetic; the weights are always float32", choices=PRECISIONS)
    augmentation: Augmentation = Augmentation()
    measured: str = ""
    minutes: str = ""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) that the network is asked for."""
        return (*self.image_size, 1 if self.grayscale else 3)
