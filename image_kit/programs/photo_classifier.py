"""A trained network for programs: photos in any form to answers, from any thread and in forked processes."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from image_kit.answering import Answer, Classifier, answer_photos
from image_kit.errors import UserError
from image_kit.photos import PhotoSource
from image_kit.programs.engine import Engine
from image_kit.programs.inputs import Photo, is_one_photo, to_source
from image_kit.trust import COVERAGE, MAX_COVERAGE, MIN_COVERAGE
from image_kit.weights import Fallback


class PhotoClassifier(Classifier):
    """A `Classifier` that answers photos; made by `image_kit.load`.

    Any number of threads may use it at once. A forked process loads the network again when it first uses it, from the
    same files; so does a pickled classifier. Close it, or use it in a `with` statement, to free its memory.

    Args:
        weights: a weights file, see `image_kit.load`.
        fallback: what the caller knows about a file that does not contain its network.
    """

    def __init__(self, weights: Path, fallback: Fallback | None = None):
        self._fallback = fallback
        engine = Engine(weights, fallback)
        with engine.network() as network:
            super().__init__(network.description, network.head)
            self.trust = network.trust
            self._batch_size = network.batch_size
            # Not isinstance, which would import TensorFlow.
            self._is_in_tensorflow = type(network).__name__ == "KerasClassifier"
        self._weights = weights.absolute()  # a forked process may run in another folder
        self._engines = {os.getpid(): engine}
        self._is_closed = False

    # Text, bytes and arrays are iterable, too; for a type checker the first signature that fits counts.
    @overload
    def predict(  # type: ignore[overload-overlap]
        self, photos: Photo, *, coverage: float = ..., batch_size: int | None = ...
    ) -> Answer: ...

    @overload
    def predict(
        self, photos: Iterable[Photo], *, coverage: float = ..., batch_size: int | None = ...
    ) -> Iterator[Answer]: ...

    def predict(
        self, photos: Photo | Iterable[Photo], *, coverage: float = COVERAGE, batch_size: int | None = None
    ) -> Answer | Iterator[Answer]:
        """Answer one photo, or several in their order.

        Args:
            photos: one photo, or an iterable of them, of any kinds: a path; the bytes of a file; a NumPy array, uint8
                (height, width), (height, width, 1), (height, width, 3) in RGB or (height, width, 4) in RGBA, of any
                size; or a Pillow image. The photos of an iterable are decoded ahead in threads, three batches at most,
                so it may have any length.
            coverage: how often the right class must be in the prediction set, 0.5 to 0.999.
            batch_size: how many photos are answered together; None for the network's own number.

        Returns:
            The answer to one photo; for an iterable an iterator of answers. Whatever is wrong with one photo of an
            iterable is the `error` of its answer, and the others are answered.

        Raises:
            UserError: one photo was given, and it cannot be read.
            TypeError: something is given that is neither a photo nor an iterable.
            ValueError: one array was given that is not uint8 or not of such a shape; `coverage` or `batch_size` is out
                of range; or the classifier is closed.
        """
        if not MIN_COVERAGE <= coverage <= MAX_COVERAGE:
            raise ValueError(f"coverage must be from {MIN_COVERAGE} to {MAX_COVERAGE}, received {coverage!r}")
        if batch_size is not None and not (isinstance(batch_size, int | np.integer) and batch_size >= 1):
            raise ValueError(f"batch_size must be a whole number, 1 or more, received {batch_size!r}")
        if self._is_closed:
            raise ValueError("the classifier is closed")
        if not is_one_photo(photos):
            return self._predict_all(iter(photos), coverage, batch_size)  # type: ignore[arg-type]
        source = to_source(photos, "photo", self.preprocessing)
        ((answer, _),) = answer_photos(self, [source], coverage=coverage)
        if answer.error is not None:
            raise UserError(f"{answer.path}: cannot be read: {answer.error}")
        return answer

    def _predict_all(self, photos: Iterator[Any], coverage: float, batch_size: int | None) -> Iterator[Answer]:
        failures: list[Exception] = []

        def sources() -> Iterator[PhotoSource]:
            """The photos; if the iterator fails, those before are answered first."""
            number = 0
            while True:
                try:
                    photo = next(photos)
                except StopIteration:
                    return
                except Exception as error:
                    failures.append(error)
                    return
                name = f"photos[{number}]"
                try:
                    source = to_source(photo, name, self.preprocessing)
                except (TypeError, ValueError) as error:
                    source = PhotoSource(name, error=str(error))
                yield source
                number += 1

        for answer, _ in answer_photos(self, sources(), coverage=coverage, batch_size=batch_size):
            yield answer
        if failures:
            raise failures[0]

    def features(self, photos: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> np.ndarray:
        """What the run's backbone computes of photos: known from the cache folder, or computed now and kept there.

        Args:
            photos: paths.

        Returns:
            float32 (n, d), the same values on every call; 1,280 for each photo with the preset pretrained.

        Raises:
            UserError: the network has no backbone, or a photo cannot be read.
            TypeError: something else than paths.
        """
        paths = _paths_of([photos] if isinstance(photos, str | os.PathLike) else list(photos))
        backbone = self._engine().backbone()
        # Reads and writes the folder of kept features, which answers do not need.
        from image_kit.features import open_store, photo_features

        store = open_store(backbone.backbone, self.preprocessing, backbone.length, keeps=True)
        found = photo_features(paths, backbone.runner, self.preprocessing, store)
        for path, reason in found.errors.items():
            raise UserError(f"{path}: cannot be read: {reason}")
        return found.values.astype(np.float32)

    @property
    def batch_size(self) -> int:
        """See `Classifier.batch_size`."""
        return self._batch_size

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Classifier.run`."""
        with self._engine().network() as network:
            return network.run(batch)

    def outputs_and_features(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Classifier.outputs_and_features`."""
        with self._engine().network() as network:
            return network.outputs_and_features(self._checked(images))

    def answers(
        self, images: np.ndarray, coverage: float = COVERAGE
    ) -> tuple[np.ndarray, list[tuple[int, ...]] | None]:
        """See `Classifier.answers`."""
        with self._engine().network() as network:
            return network.answers(self._checked(images), coverage)

    def uncalibrated(self, images: np.ndarray) -> np.ndarray:
        """See `Classifier.uncalibrated`."""
        with self._engine().network() as network:
            return network.uncalibrated(self._checked(images))

    def _checked(self, images: np.ndarray) -> np.ndarray:
        """The images; ValueError if they are no uint8 of the network's size, whose answers would be wrong."""
        shape, images = self.preprocessing.image_shape, np.asarray(images)  # a list of equal images is one array
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != shape:
            raise ValueError(
                f"images must be uint8 of shape (n, {', '.join(map(str, shape))}), as classifier.preprocessing.photo "
                f"makes them, received {images.dtype} of shape {images.shape}"
            )
        return images

    def _engine(self) -> Engine:
        """The engine of this process. Its parent's is kept: to free it could wait for threads that are not here."""
        engine = self._engines.get(os.getpid())
        if engine is None:
            if self._is_closed:
                raise ValueError("the classifier is closed")
            if self._is_in_tensorflow and "tensorflow" in sys.modules:
                raise UserError(
                    f"{self._weights}: answered by TensorFlow, which does not work in a forked process; "
                    'use multiprocessing.get_context("spawn")'
                )
            mine = Engine(self._weights, self._fallback, self.description)
            engine = self._engines.setdefault(os.getpid(), mine)
        return engine

    def close(self) -> None:
        """Free the network's memory, after running predictions have ended; then the classifier answers no more."""
        self._is_closed = True
        if engine := self._engines.get(os.getpid()):
            engine.close()

    def __enter__(self) -> "PhotoClassifier":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple:
        return PhotoClassifier, (self._weights, self._fallback)


def _paths_of(photos: Sequence[Any]) -> list[Path]:
    for photo in photos:
        if not isinstance(photo, str | os.PathLike):
            raise TypeError(f"features are computed of files: give paths; received {type(photo).__name__}")
    return [Path(photo) for photo in photos]
