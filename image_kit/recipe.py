"""What decides a training: a recipe. Its fields are also the options of train.py."""

from argparse import ArgumentTypeError
from dataclasses import asdict, dataclass, field
from typing import Any

FILL_MODES = ("nearest", "constant", "reflect", "wrap")
OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
AUTO = -1  # of fine_tune: as many epochs as there is gain, and time
SCHEDULES = ("constant", "cosine")
MAX_SIDE = 2048  # pixels: far more than these networks can use, and the largest that a weights file may claim
MAX_RANGE = 1e6  # degrees, pixels or factors: beyond any use, and far from overflow
LARGEST_SEED = 2**32 - 1  # NumPy's and Keras's limit
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
BACKBONE_FILES = (".keras", ".h5")  # suffixes of files that --backbone takes
# Fields that describe a preset. A run does not record them, because it may differ from the preset.
DESCRIPTIVE = ("source", "parameters", "class_names_of_old_weights", "measured", "minutes")


def option(default: Any, help: str, **parser: Any) -> Any:
    """A dataclass field that is also a command-line option.

    Args:
        default: of the field.
        help: the option's line in --help.
        parser: other arguments for `argparse.ArgumentParser.add_argument`; and the bounds "at_least", "at_most",
            "above" and "below", for a number or for each of several.
    """
    return field(default=default, metadata={"help": help, **parser})


def size(text: str) -> tuple[int, int]:
    """Parse "300" or "200x300" to (height, width) in pixels. Raises ArgumentTypeError on anything else."""
    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise ArgumentTypeError(f"must be a whole number of pixels or HEIGHTxWIDTH, received {text!r}")
    return int(sides[0]), int(sides[-1])


def fine_tune_epochs(text: str) -> int:
    """Parse a number of epochs, or "auto" to AUTO. Raises ArgumentTypeError on anything else."""
    if text == "auto":
        return AUTO
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        raise ArgumentTypeError(f"must be a number of epochs or auto, received {text!r}")
    return int(text)


@dataclass(frozen=True)
class Augmentation:
    """Random transforms of training images. Names, units and defaults are those of Keras's ImageDataGenerator.

    `random_resized_crop` is our own.
    """

    rotation_range: float = option(0.0, "rotate by up to this many degrees, either way", at_least=0, at_most=MAX_RANGE)
    # Keras 3 moves rows for width_shift_range and columns for height_shift_range. We do the same.
    width_shift_range: float = option(
        0.0,
        "shift up or down (Keras 3 swaps the axes) by up to this fraction of the width; from 1 on: pixels",
        at_least=0,
        at_most=MAX_RANGE,
    )
    height_shift_range: float = option(
        0.0,
        "shift sideways (Keras 3 swaps the axes) by up to this fraction of the height; from 1 on: pixels",
        at_least=0,
        at_most=MAX_RANGE,
    )
    shear_range: float = option(0.0, "shear by up to this many degrees", at_least=0, at_most=MAX_RANGE)
    zoom_range: float = option(0.0, "zoom each side by a factor from 1 - this to 1 + this", at_least=0, below=1)
    channel_shift_range: float = option(
        0.0, "add a number from -this to this to each channel, on the 0-255 scale", at_least=0, at_most=MAX_RANGE
    )
    brightness_range: tuple[float, float] | None = option(
        None,
        "multiply the brightness by a factor between these two",
        nargs=2,
        metavar=("LOW", "HIGH"),
        at_least=0,
        at_most=MAX_RANGE,
    )
    fill_mode: str = option("nearest", "how to fill pixels that come from outside the image", choices=FILL_MODES)
    cval: float = option(0.0, "the value that --fill-mode constant fills with, on the 0-255 scale")
    horizontal_flip: bool = option(False, "mirror left to right with probability 1/2")
    vertical_flip: bool = option(False, "mirror top to bottom with probability 1/2")
    random_resized_crop: tuple[float, float] | None = option(
        None,
        "enlarge a random part of the image, between these two fractions of its area (not Keras's)",
        nargs=2,
        metavar=("LOW", "HIGH"),
        above=0,
        at_most=1,
    )

    @property
    def keras_arguments(self) -> dict[str, Any]:
        """Those fields that Keras's ImageDataGenerator takes, as its keyword arguments."""
        return {name: value for name, value in asdict(self).items() if name != "random_resized_crop"}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training.

    Attributes:
        dataset: "photos", or the name of an array data set.
        augment: whether `augmentation` is applied. A preset may have one that only --augment switches on.
        source: the tutorial that the recipe is from.
        parameters: of the network at this image size; photo presets: with two classes.
        class_names_of_old_weights: for weights files that store no names, in index order. Empty: those of the array
            data set. A training takes its names from the folders.
        measured: test accuracy of exactly this recipe, with spread and number of seeds.
        minutes: of a whole run on 2 cores.
    """

    dataset: str = "photos"
    model: str = option("elephants_cars", "network: a function in models.py")
    backbone: str = option(
        "",
        "frozen network that computes a photo's features: lite0, lite1, lite2, a .keras or .h5 file, or a name in "
        "keras.applications",
        metavar="NAME|FILE",
    )
    image_size: tuple[int, int] = option(
        (300, 300), "pixels: a number, or HEIGHTxWIDTH", type=size, metavar="SIZE", at_least=8, at_most=MAX_SIDE
    )
    sample_bits: int = option(
        16,
        "bits that samples of 16 use, where a file does not say: 12 for many scientific cameras",
        metavar="N",
        at_least=9,
        at_most=16,
    )
    grayscale: bool = option(False, "train on one gray channel instead of RGB")
    optimizer: str = option("adam", "how the weights are updated", choices=OPTIMIZERS)
    learning_rate: float | None = option(None, "step size (default: the optimizer's own, .001; .01 for sgd)", above=0)
    learning_rate_schedule: str = option(
        "constant", "'cosine' lowers the learning rate to 0 along half a cosine", choices=SCHEDULES
    )
    warmup_epochs: float = option(
        0.0, "raise the learning rate from 0 during this many epochs, or a part of one", at_least=0, at_most=MAX_RANGE
    )
    weight_decay: float | None = option(
        None,
        "shrink kernels by this fraction, times the learning rate, in each step (default: the optimizer's, .004 for "
        "adamw)",
        at_least=0,
        below=1,
    )
    label_smoothing: float = option(
        0.0, "learn this much of an equal share for all classes instead of the label alone", at_least=0, below=1
    )
    frozen_layers: int = option(0, "leave the network's first N layers as they are", at_least=0)
    frozen_statistics: bool = option(
        False, "batch normalization uses its stored mean and variance in training too, and keeps them"
    )
    ema_momentum: float = option(
        0.0, "validate and keep a moving average of the weights with this momentum (0: off)", at_least=0, below=1
    )
    batch_size: int = option(32, "images in one update of the weights", at_least=1)
    epochs: int = option(10, "passes over the training images", at_least=1)
    augment: bool = option(False, "apply the preset's random transforms to the training images")
    early_stopping: int | None = option(
        None, "stop when the validation loss has not improved for this many epochs", at_least=1
    )
    max_minutes: float | None = option(
        None, "stop after the epoch in which the training has taken this many minutes", above=0
    )
    fine_tune: int = option(
        0,
        "after the head is fitted, train the backbone too, for N epochs or as long as there is gain (auto); 0: do not",
        type=fine_tune_epochs,
        metavar="N|auto",
    )
    class_weights: str = option(
        "none", "'balanced' makes rare classes count as much as frequent ones", choices=("none", "balanced")
    )
    seed: int = option(
        0,
        "for first weights, order, dropout and augmentation; the splits never depend on it",
        at_least=0,
        at_most=LARGEST_SEED,
    )
    precision: str = option("auto", "of the computation; the weights are always stored in float32", choices=PRECISIONS)
    plain_keras: bool = option(
        False, "train in float32 with Keras's own layers, optimizer and steps, to see what the faster ones gain"
    )
    augmentation: Augmentation = Augmentation()
    source: str = ""
    parameters: int = 0
    class_names_of_old_weights: tuple[str, ...] = ()
    measured: str = ""
    minutes: str = ""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) that the network is built for."""
        return (*self.image_size, 1 if self.grayscale else 3)
