"""Labelled photos that a trained network has never seen: the only ones whose score says something."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from image_kit.datasets.data import ImageSet, fingerprints, photo_set, unreadable_notes
from image_kit.errors import UserError
from image_kit.photos import PhotoStore, Preprocessing, find_test_folder, list_classes, passed_over


@dataclass(frozen=True)
class UnseenPhotos:
    """What there is to score.

    Attributes:
        images: the photos with their labels.
        notes: sentences for the user, on what was left out too.
        unreadable: photos that cannot be decoded, by path, with the reason.
    """

    images: ImageSet
    notes: list[str]
    unreadable: dict[str, str]


def load_unseen_photos(
    folder: Path,
    class_names: tuple[str, ...],
    preprocessing: Preprocessing,
    trained_on: np.ndarray,
    progress: Callable[[Iterable], Iterable] = iter,
) -> UnseenPhotos:
    """The photos of a folder's test part, or of all its class folders, without those seen in training and copies.

    Args:
        folder: with a test part, or with class folders; a class may be missing.
        class_names, preprocessing: the network's.
        trained_on: uint64 fingerprints of the photos that the network was trained or validated on.
        progress: wraps the iterable of decoded photos, to show a bar.

    Raises:
        UserError: a class that the network does not know, or no photo left to score.
    """
    folder = find_test_folder(folder)
    paths, labels = _labelled_photos(folder, class_names)
    store = PhotoStore(paths, preprocessing)
    hashes, errors = store.load(progress)
    marks = fingerprints(hashes)
    readable = np.array([digest is not None for digest in hashes])
    seen = readable & np.isin(marks, trained_on)
    first = np.zeros(len(marks), bool)
    first[np.unique(marks, return_index=True)[1]] = True
    copies = readable & ~seen & ~first  # a copy scored twice would make the interval narrower than it is
    chosen = np.flatnonzero(readable & ~seen & ~copies)
    if not len(chosen):
        left_out = f"{len(errors)} unreadable, {seen.sum()} seen in training"
        raise UserError(f"{folder}: no photo to score ({left_out}); give new ones")
    notes = [f"scoring the photos of {folder}", *unreadable_notes(errors), *passed_over(folder, paths)]
    if seen.any():
        notes.append(f"{seen.sum()} photos left out: the network was trained or validated on them")
    if copies.any():
        notes.append(f"{copies.sum()} copies of other photos left out")
    images = photo_set(store, chosen, np.asarray(labels, np.int32), hashes)
    return UnseenPhotos(images, notes, {str(path): why for path, why in errors.items()})


def _labelled_photos(folder: Path, class_names: tuple[str, ...]) -> tuple[list[Path], list[int]]:
    listed = list_classes(folder)
    unknown = [name for name, photos in listed.items() if photos and name not in class_names]
    if unknown:
        raise UserError(f"{folder}: has a class {unknown[0]!r}; the network knows {', '.join(class_names)}")
    pairs = [(path, class_names.index(name)) for name, photos in listed.items() for path in photos]
    if not pairs:
        raise UserError(f"{folder}: has no photo in a folder named {' or '.join(class_names)}; nothing to score")
    paths, labels = zip(*pairs, strict=True)
    return list(paths), list(labels)
