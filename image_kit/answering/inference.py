"""A weights file to the classifier that answers fastest on this machine; photos to answers."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from image_kit.answering import lite_cache, lite_model
from image_kit.answering.answers import Answer, answer
from image_kit.answering.classifier import Classifier
from image_kit.errors import UserError
from image_kit.machine import cpu_cores
from image_kit.photos import PhotoError, PhotoSource
from image_kit.terminal import say
from image_kit.trust import COVERAGE
from image_kit.weights import Fallback, read_description

INSTALL = "pip install ai-edge-litert"


def load_classifier(weights: Path, fallback: Fallback | None = None) -> Classifier:
    """The classifier of a weights file, through LiteRT wherever that is possible.

    Tried in this order: the file is a model.tflite; a model.tflite next to it, or in the user's cache, was made from
    exactly these weights; or one is made now, with TensorFlow, in the cache. Without LiteRT, or if the cache cannot be
    written, TensorFlow answers.

    Args:
        weights: a .tflite file, or a weights file as for `load_weights`.
        fallback: what the caller knows of weights files that do not hold their network.

    Raises:
        UserError: as `load_weights` and `LiteClassifier.load`.
    """
    fallback = fallback or Fallback()
    try:
        from image_kit.answering.lite_classifier import LiteClassifier
    except ImportError:  # not installed, or not for this machine
        if weights.suffix == ".tflite":
            raise UserError(f"{weights}: needs LiteRT ({INSTALL}); or give the .weights.h5 file") from None
        say(f"LiteRT is not installed, so TensorFlow answers and takes seconds to start: {INSTALL}")
        return load_through_tensorflow(weights, fallback)
    if weights.suffix == ".tflite":
        classifier = LiteClassifier.load(weights)
    elif not weights.is_file():
        read_description(weights)  # raises
    else:
        classifier = _made_from(weights, fallback)
    fallback.refuse_contradiction(weights, classifier.description)
    return classifier


def _made_from(weights: Path, fallback: Fallback) -> Classifier:
    """Through the model.tflite that was made from a weights file, or is made now."""
    from image_kit.answering.lite_classifier import LiteClassifier

    digest = lite_model.sha256(weights)
    cached = lite_cache.path_for(digest, fallback.preset, fallback.class_names)
    for path in (weights.with_name(lite_model.LITE), cached):
        try:
            # Not pathlib's is_file: it raises in a folder that may not be read.
            model = lite_model.read(path) if os.path.isfile(path) else None
            if model and model.weights_sha256 == digest:
                lite_cache.mark_used(path)
                return LiteClassifier(model)
        except UserError as error:
            say(str(error))
    classifier = load_through_tensorflow(weights, fallback)
    from image_kit.answering import lite_export

    say(f"{weights}: made ready for quick answers, which takes some seconds the first time")
    try:
        lite_export.write_lite_model(classifier, weights, cached)
    except OSError as error:
        say(f"{cached.parent}: cannot be written ({error.strerror}), so the next time takes as long")
        return classifier
    lite_cache.trim(cached)
    return LiteClassifier.load(cached)


def load_through_tensorflow(weights: Path, fallback: Fallback | None = None) -> Classifier:
    """The classifier of a weights file through TensorFlow: it can be differentiated; takes seconds to load."""
    (fallback or Fallback()).describe(weights)  # reports errors before TensorFlow takes its seconds
    from image_kit.compute import set_up

    set_up("float32")
    from image_kit.answering.keras_classifier import KerasClassifier

    return KerasClassifier.load(weights, fallback)


def answer_photos(
    classifier: Classifier, sources: Sequence[PhotoSource], top: int | None = None, coverage: float = COVERAGE
) -> Iterator[tuple[Answer, np.ndarray | None]]:
    """Answer photos in their order, each with the image that the network saw: uint8 of `image_shape`, None if unread.

    Threads decode ahead of the network, by a few batches at most: memory does not grow with the photos.

    Args:
        sources: see `find_photos`.
        top: how many classes an answer names; all if None.
        coverage: see `Calibration.prediction_sets`.
    """
    decoded = _ahead(partial(_decoded, classifier), sources, 2 * classifier.chunk_size + cpu_cores())
    while batch := list(islice(decoded, classifier.chunk_size)):
        images = [image for _, image in batch if isinstance(image, np.ndarray)]
        probabilities, sets = classifier.answers(np.stack(images), coverage) if images else ((), None)
        rows = zip(probabilities, sets or [None] * len(probabilities), strict=True)
        for source, image in batch:
            if isinstance(image, np.ndarray):
                row, prediction_set = next(rows)
                yield answer(source.name, row, classifier.class_names, top, prediction_set), image
            else:
                yield Answer(source.name, error=image), None


def _decoded(classifier: Classifier, source: PhotoSource) -> tuple[PhotoSource, np.ndarray | str]:
    """A photo as the network wants it, or why there is none."""
    if source.error or isinstance(source.content, np.ndarray):
        return source, source.error or source.content
    try:
        return source, classifier.preprocessing.photo(source.content)
    except PhotoError as error:
        return source, str(error)


def _ahead(function: Callable, items: Sequence, count: int) -> Iterator:
    """`map` in threads that run ahead of their reader by `count` items."""
    if len(items) == 1:  # the answer to one photo waits for no threads, nor for the 0.02 s that their import takes
        yield function(items[0])
        return
    from image_kit.threads import threads

    waiting = deque()
    for item in items:
        waiting.append(threads().submit(function, item))
        if len(waiting) > count:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
