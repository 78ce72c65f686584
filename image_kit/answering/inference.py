"""From a weights file to the fastest classifier on this machine, and from photos to answers."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from functools import partial
from itertools import chain, islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from image_kit import cache_folder
from image_kit.answering import lite_cache, lite_model
from image_kit.answering.answers import Answer, make_answer
from image_kit.answering.classifier import Classifier
from image_kit.errors import UserError
from image_kit.machine import cpu_cores
from image_kit.photos import PhotoError, PhotoSource
from image_kit.retries import is_file
from image_kit.terminal import say
from image_kit.trust import COVERAGE
from image_kit.weights import Fallback, head_of_network, read_description

if TYPE_CHECKING:
    from concurrent.futures import Future  # takes 0.02 s, which the answer to one photo does not need

    from image_kit.answering.keras_classifier import KerasClassifier  # imports keras

MANY = 32  # photos: from there on, one more loading of the network, .05 s, pays
INSTALL = "pip install ai-edge-litert"
Item = TypeVar("Item")
Result = TypeVar("Result")


def load_classifier(weights: Path, fallback: Fallback | None = None) -> Classifier:
    """The classifier of a weights file, through LiteRT wherever that is possible.

    Tried in this order: the file is a model.tflite; a model.tflite next to it, or in the user's cache, was made from
    exactly these weights; or one is made now, in the cache. That needs TensorFlow if the file does not contain its
    network or if the kit's own writer does not know a layer. Without LiteRT, or if the cache cannot be written,
    TensorFlow answers.

    Args:
        weights: a .tflite file, or a weights file as for `load_weights`.
        fallback: what the caller knows about weights files that do not contain their network.

    Raises:
        UserError: as `load_weights` and `LiteClassifier.load`.
    """
    fallback = fallback or Fallback()
    try:
        from image_kit.answering.lite_classifier import LiteClassifier  # imports LiteRT, which may be missing
    except ImportError:  # not installed, or not for this machine
        if weights.suffix == ".tflite":
            raise UserError(f"{weights}: needs LiteRT ({INSTALL}); or give the .weights.h5 file") from None
        say(f"LiteRT is not installed, so TensorFlow answers and takes seconds to start: {INSTALL}")
        return load_through_tensorflow(weights, fallback)
    classifier: Classifier
    if weights.suffix == ".tflite":
        classifier = LiteClassifier.load(weights)
    elif not is_file(weights):
        read_description(weights)  # raises
    else:
        classifier = _made_from(weights, fallback)
    fallback.refuse_contradiction(weights, classifier.description)
    return classifier


def _made_from(weights: Path, fallback: Fallback) -> Classifier:
    """Through the model.tflite that was made from a weights file, or is made now."""
    from image_kit.answering.lite_classifier import LiteClassifier  # imports LiteRT, which may be missing

    digest = lite_model.sha256(weights)
    cached = lite_cache.path_for(digest, fallback.preset, fallback.class_names)
    for path in (weights.with_name(lite_model.LITE), cached):
        try:
            # Not pathlib's is_file: it raises in a folder that may not be read.
            model = lite_model.read(path) if os.path.isfile(path) else None
            if model and model.weights_sha256 == digest:
                cache_folder.mark_used(path)
                return LiteClassifier(model)
        except UserError as error:
            say(str(error))
    return _made_at_once(weights, fallback, cached) or _made_with_tensorflow(weights, fallback, cached)


def _made_at_once(weights: Path, fallback: Fallback, cached: Path) -> Classifier | None:
    """Through a model.tflite made without TensorFlow; None if that fails. The way with TensorFlow tells why."""
    from image_kit.answering.lite_classifier import LiteClassifier  # as above

    description = fallback.describe(weights)
    if description.network is None:
        return None
    # They import h5py, and the writer LiteRT's schema: .1 s that a known model.tflite does not need.
    from image_kit.answering.lite_export import write_lite_network
    from image_kit.weights import read_network_weights, read_trust

    try:
        arrays = read_network_weights(weights, description)
        described = description, head_of_network(description.network), read_trust(weights, description)
        write_lite_network(cached, description.network, arrays, described, weights, is_own=False)
        lite_cache.trim(cached)
        return LiteClassifier.load(cached)
    except (OSError, ValueError, UserError):
        with contextlib.suppress(OSError):
            cached.unlink(missing_ok=True)
        return None


def _made_with_tensorflow(weights: Path, fallback: Fallback, cached: Path) -> Classifier:
    from image_kit.answering.lite_classifier import LiteClassifier  # as above

    classifier = load_through_tensorflow(weights, fallback)
    from image_kit.answering import lite_export  # imports TensorFlow, as the classifier above did

    say(f"{weights}: made ready for quick answers, which takes some seconds the first time")
    try:
        lite_export.write_lite_model(classifier, weights, cached, is_own=False)
        lite_cache.trim(cached)
        return LiteClassifier.load(cached)
    except OSError as error:
        say(f"{cached.parent}: cannot be written ({error.strerror}), so the next time takes as long")
    except UserError as error:
        say(f"{error}; TensorFlow answers instead")
        with contextlib.suppress(OSError):
            cached.unlink(missing_ok=True)
    return classifier


def load_through_tensorflow(weights: Path, fallback: Fallback | None = None) -> "KerasClassifier":
    """The classifier of a weights file through TensorFlow: it can be differentiated; takes seconds to load."""
    (fallback or Fallback()).describe(weights)  # reports errors before TensorFlow takes its seconds
    from image_kit.compute import set_up  # TensorFlow's three seconds, which LiteRT's answers do not take

    set_up("float32")
    from image_kit.answering.keras_classifier import KerasClassifier  # imports keras, after set_up

    return KerasClassifier.load(weights, fallback)


def answer_photos(
    classifier: Classifier,
    sources: Iterable[PhotoSource],
    top: int | None = None,
    coverage: float = COVERAGE,
    batch_size: int | None = None,
) -> Iterator[tuple[Answer, np.ndarray | None]]:
    """Answer photos in their order.

    Threads decode photos ahead of the network, a few batches at most, so the memory does not grow with their number.

    Args:
        classifier: the network.
        sources: from `find_photos`.
        top: how many classes an answer names; None for all.
        coverage: see `Calibration.prediction_sets`.
        batch_size: how many photos are answered together; None for the classifier's own number.

    Yields:
        For each photo its answer and the image that the network saw: uint8 of `image_shape`, or None if the photo could
        not be read.
    """
    if isinstance(sources, Sized) and len(sources) >= MANY:
        classifier = classifier.for_many()
    batch_size = batch_size or classifier.batch_size
    decoded = _map_ahead(partial(_decode, classifier), sources, 2 * batch_size + cpu_cores())
    while batch := list(islice(decoded, batch_size)):
        images = [image for _, image in batch if isinstance(image, np.ndarray)]
        answers = iter(_answer_images(classifier, images, coverage) if images else ())
        for source, image in batch:
            if isinstance(image, np.ndarray):
                probabilities, prediction_set = next(answers)
                yield make_answer(source.name, probabilities, classifier.class_names, top, prediction_set), image
            else:
                yield Answer(source.name, error=image), None


def _answer_images(
    classifier: Classifier, images: list[np.ndarray], coverage: float
) -> Iterator[tuple[np.ndarray, tuple[int, ...] | None]]:
    """The probabilities and the prediction set of each image."""
    probabilities, sets = classifier.answers(np.stack(images), coverage)
    return zip(probabilities, sets or repeat(None, len(images)), strict=True)


def _decode(classifier: Classifier, source: PhotoSource) -> tuple[PhotoSource, np.ndarray | str]:
    """A photo as the network needs it, or why there is none."""
    if source.error or source.content is None:
        return source, source.error or "no content"
    if isinstance(source.content, np.ndarray):
        return source, source.content
    try:
        return source, classifier.preprocessing.photo(source.content)
    except PhotoError as error:
        return source, str(error)


def _map_ahead(function: Callable[[Item], Result], items: Iterable[Item], count: int) -> Iterator[Result]:
    """`map` in threads that are ahead of the reader by up to `count` items."""
    items = iter(items)
    first = list(islice(items, 2))
    if len(first) < 2:  # no threads for one photo: importing them takes 0.02 s
        yield from map(function, first)
        return
    from image_kit.threads import threads  # imports concurrent.futures, see above

    waiting: deque[Future[Result]] = deque()
    try:
        for item in chain(first, items):
            waiting.append(threads().submit(function, item))
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # a reader that stops early
        for task in waiting:
            task.cancel()
