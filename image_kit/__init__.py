"""Train, score and use small image classifiers: the library behind the commands.

    from image_kit import ImageDataGenerator, load

Importing it changes nothing in the program: no environment variable, no random seed, no setting of Keras or OpenCV.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from image_kit.errors import UserError as UserError, naming_missing_packages
from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.answering import Classifier
    from image_kit.generator import ImageDataGenerator as ImageDataGenerator


def load(weights: Path | str) -> "Classifier":
    """The classifier of a trained network, through LiteRT where that is possible, else through TensorFlow.

        classifier = image_kit.load("runs/quick")
        image = classifier.preprocessing.photo("new.jpg")  # uint8 (height, width, channels)
        probabilities = classifier.probabilities(image[None])  # float32 (1, classes)
        print(classifier.class_names[probabilities[0].argmax()])

    Args:
        weights: a run folder, which means its best weights; a .weights.h5 file; or a model.tflite file, which needs
            no TensorFlow.

    Raises:
        UserError: the file does not exist, is broken or does not describe its network, or a package that it needs is
            not installed.
    """
    # Inside the function: h5py and the rest take 0.1 s that the other names do not need.
    from image_kit.answering import load_classifier
    from image_kit.weights import find_weights

    with naming_missing_packages(str(weights)):
        return load_classifier(find_weights(Path(weights)))


__getattr__ = lazy_names(__name__, {"generator": "ImageDataGenerator"})
