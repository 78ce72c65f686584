"""Train, score and use small image classifiers: the library behind the commands.

    from image_kit import ImageDataGenerator, load

Importing it changes nothing in the program: no environment variable, no random seed, no setting of Keras or OpenCV.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if sys.version_info < (3, 11):  # noqa: UP036  macOS's own Python; the modules below would end in a traceback
    print(
        f"the kit needs Python 3.11 to 3.13, and {sys.executable} is {sys.version_info[0]}.{sys.version_info[1]}; "
        "call the Python of the kit's environment, such as .venv/bin/python",
        file=sys.stderr,
    )
    sys.exit(2)

from image_kit.errors import UserError as UserError, naming_missing_packages
from image_kit.lazy import lazy_names
from image_kit.starting import end_without_traceback

end_without_traceback()
if TYPE_CHECKING:
    from image_kit.answering import Answer as Answer
    from image_kit.generator import ImageDataGenerator as ImageDataGenerator
    from image_kit.programs import Photo as Photo, PhotoClassifier as PhotoClassifier


def load(weights: Path | str) -> "PhotoClassifier":
    """The classifier of a trained network, through LiteRT where that is possible, else through TensorFlow.

        classifier = image_kit.load("runs/quick")
        print(classifier.predict("new.jpg").label)
        for answer in classifier.predict(Path("photos").glob("*.jpg")):
            print(answer.path, answer.label, answer.probability)

    Args:
        weights: a run folder, which means its best weights; a .weights.h5 file; or a model.tflite file, which needs
            no TensorFlow.

    Raises:
        UserError: the file does not exist, is broken or does not describe its network, or a package that it needs is
            not installed.
    """
    # Inside the function: h5py and the rest take 0.1 s that the other names do not need.
    from image_kit.programs import PhotoClassifier
    from image_kit.weights import find_weights

    with naming_missing_packages(str(weights)):
        return PhotoClassifier(find_weights(Path(weights)))


__getattr__ = lazy_names(
    __name__, {"answering": "Answer", "generator": "ImageDataGenerator", "programs": "Photo PhotoClassifier"}
)
