"""A classifier in two steps: photos to features, which are kept and looked up, and features to probabilities."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from image_kit.answering import Classifier, refuse_not_finite
from image_kit.datasets import UnseenPhotos, list_labelled_photos, select_unseen
from image_kit.errors import UserError
from image_kit.features.backbone import Backbone
from image_kit.features.extraction import BackboneRunner, photo_features
from image_kit.features.feature_rows import unit_length
from image_kit.features.head import Head
from image_kit.features.head_files import backbone_length, split_network
from image_kit.features.runners import LiteRunner, start_litert
from image_kit.features.store import open_store
from image_kit.photos import PhotoStore
from image_kit.trust import to_probabilities, with_temperature
from image_kit.weights import Description, read_network_weights, read_trust

ROWS = 4_096  # photos at once: all steps together take 2 GB for 100,000 photos of 1,000 classes


class HeadClassifier(Classifier):
    """A `Classifier` of a network that `split_network` can split.

    Attributes:
        backbone: computes the features.
        runner: the backbone, ready to compute.
        length: values of one feature vector.
    """

    def __init__(self, description: Description, backbone: Backbone, head: Head, runner: BackboneRunner):
        super().__init__(description, "softmax")
        self.backbone, self.runner, self._head = backbone, runner, head
        self.length = len(head.kernel)

    def outputs_and_features(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Classifier.outputs_and_features`."""
        features = self.runner.run(images)
        return self._outputs(features), unit_length(self.backbone.bound(features))

    def probabilities_of(self, features: np.ndarray) -> np.ndarray:
        """Class probabilities, as `probabilities`, of the backbone's features, float (n, length)."""
        found = np.empty((len(features), len(self.class_names)), np.float32)
        for start in range(0, len(features), ROWS):
            outputs = self._outputs(np.asarray(features[start : start + ROWS], np.float32))
            if self.trust:
                outputs = with_temperature(outputs, self.trust.calibration.temperature)
            found[start : start + ROWS] = outputs
        return found

    def _outputs(self, features: np.ndarray) -> np.ndarray:
        outputs = to_probabilities(self._head.logits(self.backbone.bound(features)), "logits")
        refuse_not_finite(outputs)
        return outputs


@contextlib.contextmanager
def open_head_classifier(path: Path, description: Description) -> Iterator[HeadClassifier | None]:
    """The classifier of a weights file, without Keras; its memory is freed at the end.

    Args:
        path: the file.
        description: of the file.

    Yields:
        None if its network is not one of a backbone and a head of ours, or if LiteRT cannot run the backbone.

    Raises:
        UserError: the file is damaged, its network cannot be run, or its answers have changed since its training.
    """
    parts = _read_parts(path, description)
    if parts is None:
        yield None
        return
    backbone, head = parts
    network = start_litert(backbone, description.preprocessing)
    if isinstance(network, str):  # not `running`: Keras would build a forged network without asking for its memory
        yield None
        return
    with network:
        classifier = HeadClassifier(description, backbone, head, LiteRunner(network))
        _refuse_misfit(classifier, path)
        classifier.trust = read_trust(path, description)
        if classifier.trust:
            classifier.trust.golden.refuse_changed_answers(classifier, path)
        yield classifier


def _read_parts(path: Path, description: Description) -> tuple[Backbone, Head] | None:
    network, (height, width, channels) = description.network, description.preprocessing.image_shape
    # The weights are read only where they are needed.
    if network is None or channels != 3 or backbone_length(network) is None:
        return None
    if network[-1]["units"] != len(description.class_names):  # Keras's loader tells what is wrong
        return None
    return split_network(network, read_network_weights(path, description), (height, width), str(path))


def _refuse_misfit(classifier: HeadClassifier, path: Path) -> None:
    shape = classifier.runner.run(np.zeros((1, *classifier.preprocessing.image_shape), np.uint8)).shape
    if shape != (1, classifier.length):
        raise UserError(
            f"{path}: its head takes {classifier.length} features, its backbone gives {shape[1:]}; use another file"
        )


def load_unseen_features(
    folder: Path,
    classifier: HeadClassifier,
    trained_on: np.ndarray,
    keeps: bool,
    show_progress: Callable[[Iterable], Iterable] = iter,
    by: str = "the network",
) -> tuple[UnseenPhotos, np.ndarray]:
    """As `load_unseen_photos`, with the features of the photos, float16 (n, d), known or computed now.

    Args:
        folder, trained_on, show_progress, by: see `load_unseen_photos`.
        classifier: whose backbone computes the features.
        keeps: whether features are kept in the cache folder, and looked up there.
    """
    photos, preprocessing = list_labelled_photos(folder, classifier.class_names), classifier.preprocessing
    store = open_store(classifier.backbone, preprocessing, classifier.length, keeps)
    found = photo_features(photos.paths, classifier.runner, preprocessing, store, show_progress)
    pixels = PhotoStore(photos.paths, preprocessing, budget=0)  # only pictures need them
    unseen, chosen = select_unseen(photos, pixels, found.hashes, found.errors, trained_on, by)
    unseen.notes.append(f"features: {found.computed:,} photos computed, {found.known:,} known")
    return unseen, found.values[chosen]
