"""From photos to features: each photo is read once; the ones that are not known are decoded and computed."""

import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from image_kit.errors import UserError
from image_kit.features.store import FeatureStore
from image_kit.photos import PhotoError, Signatures, content_hash, may_have_unset_alpha, read_deep_header, read_file
from image_kit.terminal import Counted
from image_kit.threads import threads

LARGEST = float(np.finfo(np.float16).max)
BLOCK = 1024  # photos handed to the threads at once: what waits in a queue takes memory
Item = TypeVar("Item")


class BackboneRunner(Protocol):
    """A backbone that is ready to compute."""

    def run(self, images: np.ndarray) -> np.ndarray:
        """uint8 (b, height, width, 3) -> features, float32 (b, d).

        Several threads call it at once with one image each. It must compute in the calling thread: one that waits for a
        task in the pool of image_kit.threads might wait for ever.
        """


class Decoding(Protocol):
    """What `Preprocessing` does; a view may crop, too."""

    def photo(self, source: bytes) -> np.ndarray:
        """A file's bytes -> uint8 (height, width, 3); raises PhotoError."""


@dataclass
class PhotoFeatures:
    """The features of n photos, in the order in which these were given.

    Attributes:
        hashes: `content_hash` of each photo; None for one that cannot be read.
        errors: for these, {path: reason}.
        values: features, float16 (n, length); zeros where there is no hash.
        signatures: of all photos, for `find_look_alikes`; zeros where there is no hash.
        computed, known: how many different photos went through the backbone, and how many were kept from earlier.
        is_kept: whether the store has kept the computed ones.
    """

    hashes: list[str | None]
    errors: dict[Path | str, str]
    values: np.ndarray
    signatures: Signatures
    computed: int = 0
    known: int = 0
    is_kept: bool = True


def photo_features(
    paths: Sequence[Path | str],
    runner: BackboneRunner,
    decoding: Decoding,
    store: FeatureStore,
    show_progress: Callable[[Iterable], Iterable] = iter,
) -> PhotoFeatures:
    """Read photos and find their features: those that `store` keeps, and the others through the backbone.

    Files of the same content are computed once. Every thread takes one photo from its file to its features, so memory
    holds as many decoded photos as there are threads; what is returned takes 3.4 KB for each photo of 1,280 features.
    After an interruption, what has been computed is kept.

    Args:
        paths: the photos.
        runner: the backbone.
        decoding: makes the backbone's image of a file; the store's view names it.
        store: where features are kept.
        show_progress: wraps the iterable of finished photos, to show a progress bar.

    Returns:
        See `PhotoFeatures`. Features are rounded to float16 whether they are known or new, so both are the same.
    """
    extraction = _Extraction(paths, runner, decoding, store)
    try:
        with closing(_finished(extraction.take, len(paths))) as finished:
            for _ in show_progress(Counted(finished, len(paths))):
                pass
    finally:
        store.flush()
    store.tidy()
    return extraction.result()


def select_part(items: Iterable[Item], part: str) -> list[Item]:
    """The share of one of several machines or processes, which together take every item once.

    Args:
        items: the same on all machines, in any order.
        part: "2/8" is the second of eight.

    Raises:
        UserError: `part` is not K/N with 1 <= K <= N.
    """
    k, slash, n = part.partition("/")
    if not (slash and _is_number(k) and _is_number(n) and 1 <= int(k) <= int(n)):
        raise UserError(f"--part: must be K/N with 1 <= K <= N, received {part!r}; for example 2/8")
    return sorted(items)[int(k) - 1 :: int(n)]  # type: ignore[type-var]  # paths and text can be sorted


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _finished(work: Callable[[int], None], count: int) -> Generator[None, None, None]:
    """Do `work` for 0, 1, ..., count - 1 in threads; closing the iterator cancels what has not begun."""
    for start in range(0, count, BLOCK):
        with closing(threads().map(work, range(start, min(start + BLOCK, count)))) as done:  # type: ignore[type-var]
            yield from done


def kept_name(photo_hash: str, data: bytes) -> str:
    """The name under which a photo's features are kept: its hash, or another where older versions read other pixels.

    Those are photos of more than 8 bits a sample, and BMP and TGA with alpha.
    """
    kind = "deep 2" if read_deep_header(data) else "alpha" if may_have_unset_alpha(data) else None
    return content_hash(f"{kind} {photo_hash}".encode()) if kind else photo_hash


class _Extraction:
    """What the threads share."""

    def __init__(self, paths: Sequence[Path | str], runner: BackboneRunner, decoding: Decoding, store: FeatureStore):
        self._paths, self._runner, self._decoding, self._store = paths, runner, decoding, store
        self._hashes: list[str | None] = [None] * len(paths)
        self._reasons: dict[int, str] = {}  # photo -> why it has no features
        self._first: dict[str, int] = {}  # hash -> the photo that was the first to be read with it
        self._values = np.zeros((len(paths), store.length), np.float16)
        self._signatures = Signatures(len(paths), 3)
        self._known = 0
        self._lock = threading.Lock()

    def take(self, index: int) -> None:
        """Find the features of one photo, in any thread."""
        try:
            data = read_file(self._paths[index])
            photo_hash = content_hash(data)
            self._hashes[index] = photo_hash
            with self._lock:
                is_first = self._first.setdefault(photo_hash, index) == index
            kept_as = kept_name(photo_hash, data)
            if is_first and not self._recall(index, kept_as):
                self._compute(index, kept_as, data)
        except PhotoError as error:
            self._reasons[index] = str(error)

    def _recall(self, index: int, kept_as: str) -> bool:
        """Take a photo's features from the store; returns whether they are there."""
        kept = self._store.read(kept_as)
        if kept is None:
            return False
        self._values[index], self._signatures.rows[index] = kept
        with self._lock:
            self._known += 1
        return True

    def _compute(self, index: int, kept_as: str, data: bytes) -> None:
        image = self._decoding.photo(data)
        values = self._runner.run(image[None])[0]
        if not np.isfinite(values).all():
            raise PhotoError("the backbone's features of it are not finite")
        self._values[index] = np.clip(values, -LARGEST, LARGEST)
        self._signatures.add(index, image)
        self._store.append(kept_as, self._values[index], self._signatures.rows[index])

    def result(self) -> PhotoFeatures:
        """Everything, once all photos have been taken."""
        for index, photo_hash in enumerate(self._hashes):
            first = self._first[photo_hash] if photo_hash else index
            if first in self._reasons:
                self._reasons[index] = self._reasons[first]
                self._hashes[index] = None
            elif first != index:
                self._values[index], self._signatures.rows[index] = self._values[first], self._signatures.rows[first]
        errors = {self._paths[index]: reason for index, reason in sorted(self._reasons.items())}
        computed = sum(self._hashes[index] is not None for index in self._first.values()) - self._known
        return PhotoFeatures(
            self._hashes, errors, self._values, self._signatures, computed, self._known, self._store.can_write
        )
