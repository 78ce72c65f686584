"""Labelled photos that a trained network has never seen, to score it on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from image_kit.datasets.image_sets import ImageSet, describe_unreadable, select_photos, to_fingerprints
from image_kit.errors import UserError
from image_kit.photos import (
    FULL_BITS,
    IN_TWO_CLASSES,
    PhotoStore,
    Preprocessing,
    class_spelling,
    find_test_folder,
    list_classes,
    note_other_files,
    note_samples,
    quote_unknown,
)
from image_kit.terminal import first_lines, name_some

BY = "the network"
MOST_NAMED = 5  # classes in a message


@dataclass(frozen=True)
class LabelledPhotos:
    """The photos of a folder with one folder for each class.

    Attributes:
        folder: that folder.
        paths: the photos.
        labels: of each photo, an index into the class names.
    """

    folder: Path
    paths: list[Path]
    labels: list[int]


@dataclass(frozen=True)
class UnseenPhotos:
    """Photos to score.

    Attributes:
        images: the photos with their labels.
        notes: for the user: which folder is scored, and what was left out.
        unreadable: {path: reason} of photos that cannot be decoded.
        seen: how many were left out because of `trained_on`.
    """

    images: ImageSet
    notes: list[str]
    unreadable: dict[str, str]
    seen: int = 0


def load_unseen_photos(
    folder: Path,
    class_names: tuple[str, ...],
    preprocessing: Preprocessing,
    trained_on: np.ndarray,
    show_progress: Callable[[Iterable], Iterable] = iter,
    by: str = BY,
) -> UnseenPhotos:
    """The photos of a folder's test part, or of its class folders; without copies and photos seen in training.

    Args:
        folder: has a test part, or class folders; a class may be missing.
        class_names: the network's, in label order.
        preprocessing: the network's.
        trained_on: uint64 (n,) fingerprints of the photos that the network was trained or validated on.
        show_progress: wraps the iterable of decoded photos, to show a progress bar.
        by: who has seen them, for a note.

    Raises:
        UserError: the network does not know a class, or there is no photo to score.
    """
    photos = list_labelled_photos(folder, class_names)
    store = PhotoStore(photos.paths, preprocessing)
    hashes, errors = store.decode_all(show_progress)
    return select_unseen(photos, store, hashes, errors, trained_on, by)[0]


def select_unseen(
    photos: LabelledPhotos,
    store: PhotoStore,
    hashes: Sequence[str | None],
    errors: Mapping[Path | str, str],
    trained_on: np.ndarray,
    by: str = BY,
) -> tuple[UnseenPhotos, np.ndarray]:
    """Leave out unreadable photos, photos seen in training, photos in two classes, and copies of others.

    Args:
        photos: from `list_labelled_photos`.
        store: of the same photos; the result's images come from it.
        hashes, errors: what `PhotoStore.decode_all` returns about them.
        trained_on, by: see `load_unseen_photos`.

    Returns:
        The photos that are left; and their indices among all, int (n,).

    Raises:
        UserError: there is no photo to score.
    """
    folder, paths, labels = photos.folder, photos.paths, np.asarray(photos.labels, np.int32)
    fingerprints = to_fingerprints(hashes)
    readable = np.array([digest is not None for digest in hashes])
    # By sorting: with a table, NumPy 2.0.0 computes in int64, which the upper half of the fingerprints does not fit.
    seen = readable & np.isin(fingerprints, trained_on, kind="sort")
    in_two_classes, first = _compare_equal_photos(fingerprints, labels)
    in_two_classes &= readable & ~seen
    usable = readable & ~seen & ~in_two_classes
    is_first = first == np.arange(len(first))
    copies = usable & ~is_first  # to score a photo twice would make the confidence interval too narrow
    chosen = np.flatnonzero(usable & is_first)
    if not len(chosen):
        in_two = f", {in_two_classes.sum()} in two classes" if in_two_classes.any() else ""
        left_out = f"{len(errors)} unreadable, {seen.sum()} seen in training{in_two}"
        raise UserError(f"{folder}: no photo to score ({left_out}); give new ones")
    notes = [f"scoring the photos of {folder}", *describe_unreadable(errors), *note_other_files(folder, paths)]
    bits = getattr(store.preprocessing, "sample_bits", FULL_BITS)
    notes += note_samples(paths, bits, has_option=False)
    if seen.any():
        notes.append(f"{seen.sum()} photos left out: {by} was trained or validated on them")
    if copies.any():
        notes.append(f"{copies.sum()} copies of other photos left out")
    pairs = np.flatnonzero(in_two_classes & (labels != labels[first]))
    told = [f"{IN_TWO_CLASSES}{paths[first[index]]} = {paths[index]}" for index in pairs]
    notes += first_lines(told, "more photos are in two classes; check.py lists them all")
    images = select_photos(store, chosen, labels, hashes)
    unreadable = {str(path): reason for path, reason in errors.items()}
    return UnseenPhotos(images, notes, unreadable, int(seen.sum())), chosen


def _compare_equal_photos(fingerprints: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each photo: whether an equal one is in another class, bool (n,); the first that is equal to it, int (n,)."""
    _, index, inverse = np.unique(fingerprints, return_index=True, return_inverse=True)
    first = index[inverse]
    in_two_classes = np.zeros(len(first), bool)
    in_two_classes[first[labels != labels[first]]] = True
    return in_two_classes[first], first


def list_labelled_photos(folder: Path, class_names: tuple[str, ...]) -> LabelledPhotos:
    """The photos of a folder's test part, or of its class folders. Arguments and errors as `load_unseen_photos`."""
    folder = find_test_folder(folder)
    listed = list_classes(folder)
    spelled = [class_spelling(name) for name in class_names]  # those of a run made on macOS may have accents apart
    unknown = [name for name, photos in listed.items() if photos and name not in spelled]
    if unknown:
        raise UserError(
            f"{folder}: has a class {quote_unknown(unknown[0], class_names)}; the network knows "
            f"{name_some(class_names)}; name its folder as one of these, or move it away"
        )
    label_of = {name: label for label, name in reversed(list(enumerate(spelled)))}
    pairs = [(path, label_of[name]) for name, photos in listed.items() for path in photos]
    if not pairs:
        left = len(class_names) - MOST_NAMED
        named = " or ".join([*class_names[:MOST_NAMED], *([f"one of {left:,} more"] if left > 0 else [])])
        raise UserError(f"{folder}: has no photo in a folder named {named}; nothing to score")
    paths, labels = zip(*pairs, strict=True)
    return LabelledPhotos(folder, list(paths), list(labels))
