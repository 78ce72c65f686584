"""The images of a data set, divided into parts: what all commands train on and score."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from image_kit.errors import UserError
from image_kit.photos import PhotoStore, Preprocessing, Subset, class_spelling
from image_kit.terminal import first_lines

LISTED = 10  # classes that a message names; more would hide the rest of it
LONGEST_LISTED = 60  # letters of such a name; a file system allows 255


@dataclass(frozen=True)
class ImageSet:
    """The images of one part.

    Attributes:
        images: uint8 array (n, height, width, channels), 0..255, or the photos of a store.
        labels: int32 (n,), indices into the class names.
        names: for the user: the path of each photo, or the number of each image in the data set.
        fingerprints: uint64 (n,) of the photos' content, see `to_fingerprints`; None for arrays.
    """

    images: np.ndarray | Subset
    labels: np.ndarray
    names: list[str]
    fingerprints: np.ndarray | None = None

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Images by index, uint8 (n, height, width, channels)."""
        return self.images[indices] if isinstance(self.images, np.ndarray) else self.images.take(indices)


@dataclass(frozen=True)
class Data:
    """All that a training needs to know about its images.

    Attributes:
        class_names: a label is an index into it.
        preprocessing: how the network gets its images.
        parts: "train" and "validation", and "test" if there is one.
        notes: for the user: where the data came from, and what was left out.
        unreadable: {path: reason} of photos that could not be decoded.
        look_alikes: for each part, {photo: the photo of an earlier part that it looks like}.
    """

    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    parts: dict[str, ImageSet]
    notes: list[str]
    unreadable: dict[str, str] = field(default_factory=dict)
    look_alikes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def trained_on(self) -> np.ndarray:
        """uint64 fingerprints of the photos that determine the weights: train and validation; empty for arrays."""
        seen = [self.parts[part].fingerprints for part in ("train", "validation")]
        return np.concatenate([each for each in seen if each is not None] or [np.empty(0, np.uint64)])

    def with_class_names(self, names: tuple[str, ...]) -> "Data":
        """The same images, their labels indices into `names`, if these are the class names in another spelling.

        Runs of older versions have the spelling of the folders, in which accents may stand apart, and so another order.
        """
        spelled = [class_spelling(name) for name in names]
        if names == self.class_names or sorted(spelled) != sorted(self.class_names):
            return self
        new_labels = np.array([spelled.index(name) for name in self.class_names], np.int32)
        parts = {part: replace(images, labels=new_labels[images.labels]) for part, images in self.parts.items()}
        return replace(self, class_names=names, parts=parts)

    @property
    def trained_names(self) -> list[str]:
        """The names of these photos."""
        sets = [self.parts[part] for part in ("train", "validation")]
        return [name for images in sets if images.fingerprints is not None for name in images.names]

    def describe(self) -> list[str]:
        """Lines for the user: the notes, the classes, and how many images each part has, for up to LISTED classes."""
        labels = {part: images.labels for part, images in self.parts.items()}
        return [*self.notes, *describe_counts(self.class_names, labels)]


def describe_counts(class_names: Sequence[str], labels: Mapping[str, np.ndarray]) -> list[str]:
    """Lines for the user: the classes, and how many images each part has; `labels` are int (n,) for each part."""
    lines = [f"{len(class_names)} classes: {_list_some(class_names)}"]
    for part, of_part in labels.items():
        counts = np.bincount(of_part, minlength=len(class_names))
        each = [f"{count:,} {name}" for count, name in zip(counts, class_names, strict=True)]
        lines.append(f"{part}: {len(of_part):,} images ({_list_some(each)})")
    return lines


def _list_some(items: Sequence[str]) -> str:
    shown = [item if len(item) <= LONGEST_LISTED else f"{item[: LONGEST_LISTED - 1]}…" for item in items[:LISTED]]
    return ", ".join(shown) + (", ..." if len(items) > LISTED else "")


def to_fingerprints(hashes: Sequence[str | None]) -> np.ndarray:
    """uint64 (n,): the first 8 bytes of each content hash, 0 for None.

    The probability that any two of a million photos have the same one is 3e-8.
    """
    return np.array([int(digest[:16], 16) if digest else 0 for digest in hashes], np.uint64)


def select_photos(store: PhotoStore, indices: np.ndarray, labels: np.ndarray, hashes: Sequence[str | None]) -> ImageSet:
    """The photos of a store at `indices`, int (n,); `labels` and `hashes` belong to all photos of the store."""
    names = [str(store.paths[i]) for i in indices]
    return ImageSet(Subset(store, indices), labels[indices], names, to_fingerprints([hashes[i] for i in indices]))


def describe_unreadable(errors: Mapping[Path | str, str]) -> list[str]:
    """A note for each of the first photos that cannot be decoded, and one with their number; none if there are none."""
    lines = [f"left out, cannot be read: {path} ({reason})" for path, reason in errors.items()]
    notes = first_lines(lines, "more that cannot be read; check.py lists them all")
    return [*notes, f"{len(errors)} unreadable photos left out"] if errors else []


@contextlib.contextmanager
def with_unreadable(errors: Mapping[Path | str, str]) -> Iterator[None]:
    """Add to a UserError, as of too few readable photos, how many cannot be read, and one of them with the reason."""
    try:
        yield
    except UserError as error:
        if not errors:
            raise
        path, reason = next(iter(errors.items()))
        raise UserError(f"{error} ({len(errors):,} cannot be read, such as {path}: {reason})") from None
