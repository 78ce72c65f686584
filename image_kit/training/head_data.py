"""The photos of a run that fits a head: their features, labels, groups and parts."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from image_kit.datasets import ImageSet, describe_counts, describe_unreadable, select_photos, with_unreadable
from image_kit.errors import UserError
from image_kit.features import (
    Backbone,
    PhotoFeatures,
    classes_in_one_group,
    find_features,
    kept_features_folder,
    merge_groups,
    read_groups,
    select_part,
)
from image_kit.photos import (
    FULL_BITS,
    PARTS,
    PhotoFolder,
    PhotoStore,
    Preprocessing,
    assign_cross_validated_parts,
    find_look_alikes,
    note_other_files,
    note_samples,
    scan_folder,
)
from image_kit.terminal import first_lines, say


@dataclass(frozen=True, eq=False)
class HeadData:
    """All that a head needs to know about its photos.

    Attributes:
        class_names: a label is an index into it.
        preprocessing: how the backbone gets its images.
        features: float16 (n, d), of all photos of the folder, as the head gets them but for their length.
        labels: int32 (n,).
        groups: int (n,); photos of one group stay together, in the parts and in the folds.
        groups_digest: of the groups that a file gives to photos, whatever their names and order; None without a file.
        parts: "train" and, if there is one, "test": indices of photos.
        images: the same parts as photos, for pictures and lists.
        notes: for the user: where the data came from, and what was left out.
        unreadable: {path: reason} of photos that could not be decoded.
        look_alikes: {photo: the training photo that it looks like} for the test part.
        computed, known: photos that went through the backbone, and photos whose features were kept from earlier.
    """

    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    features: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    parts: dict[str, np.ndarray]
    images: dict[str, ImageSet]
    notes: list[str]
    unreadable: dict[str, str]
    look_alikes: dict[str, dict[str, str]]
    computed: int
    known: int
    groups_digest: str | None = None

    @property
    def trained_on(self) -> np.ndarray:
        """uint64 (n,) fingerprints of the photos that the head is fitted to."""
        return np.asarray(self.images["train"].fingerprints, np.uint64)

    @property
    def trained_names(self) -> list[str]:
        """The names of these photos."""
        return list(self.images["train"].names)

    def describe(self) -> list[str]:
        """Lines for the user: the notes, the classes, and how many photos each part has."""
        counts = {part: images.labels for part, images in self.images.items()}
        return [*self.notes, *describe_counts(self.class_names, counts)]


def keep_features(
    folder: Path,
    backbone: Backbone,
    part: str | None,
    show_progress: Callable[[Iterable], Iterable] = iter,
    sample_bits: int = FULL_BITS,
) -> str:
    """Compute the features of a folder's photos and keep them in the cache folder. Names photos that cannot be read.

    Args:
        part: of the photos only, see `select_part`; None for all of them.
        show_progress, sample_bits: see `find_features`.

    Returns:
        How many were computed, in one sentence.

    Raises:
        UserError: they cannot be kept; or see `scan_folder` and `select_part`.
    """
    paths = scan_folder(folder).paths
    chosen = select_part(paths, part) if part else paths
    _, found = find_features(chosen, backbone, True, show_progress, sample_bits=sample_bits)
    for line in describe_unreadable(found.errors):
        say(line)
    if not found.is_kept:
        raise UserError(f"--features-only: the features could not be kept in {kept_features_folder()}")
    return f"{_describe_features(found)}, in {kept_features_folder()}"


def _describe_features(found: PhotoFeatures) -> str:
    return f"features: {found.computed:,} photos computed, {found.known:,} known"


def load_head_data(
    folder: Path,
    backbone: Backbone,
    groups_file: Path | None,
    keeps: bool,
    show_progress: Callable[[Iterable], Iterable] = iter,
    sample_bits: int = FULL_BITS,
) -> HeadData:
    """Find the features of a folder's photos, and divide the photos into parts.

    Args:
        folder: in one of the layouts of `scan_folder`.
        backbone: computes the features.
        groups_file: a CSV file of `read_groups`; None: each photo on its own, but for near copies.
        keeps, show_progress, sample_bits: see `find_features`.

    Raises:
        UserError: all photos to train on are in one group; or see `scan_folder`, `read_groups` and
            `assign_cross_validated_parts`.
    """
    photos = scan_folder(folder)
    names = read_groups(groups_file, folder, photos.paths) if groups_file else None
    preprocessing, found = find_features(photos.paths, backbone, keeps, show_progress, sample_bits=sample_bits)
    labels, groups = np.asarray(photos.labels, np.int32), _find_groups(found, names)
    part_of, left_out = _divide(photos, found, groups, names)
    parts: dict[str, np.ndarray] = {part: np.flatnonzero(part_of == part) for part in PARTS if part in part_of}
    store = PhotoStore(photos.paths, preprocessing, budget=0)  # only pictures need pixels
    look_alikes, look_alike_notes = find_look_alikes(found.signatures, photos.paths, part_of)
    train = parts["train"]
    return HeadData(
        class_names=photos.class_names,
        preprocessing=preprocessing,
        features=backbone.bound(found.values),
        labels=labels,
        groups=groups,
        parts=parts,
        images={part: select_photos(store, chosen, labels, found.hashes) for part, chosen in parts.items()},
        notes=[
            *_describe_photos(folder, photos, found, parts),
            *left_out,
            *note_samples(photos.paths, sample_bits),
            *_describe_groups(groups[train], labels[train], photos.class_names, groups_file),
            *look_alike_notes,
            _describe_features(found),
        ],
        unreadable={str(path): reason for path, reason in found.errors.items()},
        look_alikes={"test": look_alikes["test"]} if "test" in look_alikes else {},
        computed=found.computed,
        known=found.known,
        groups_digest=_digest_of(names, found.hashes) if names else None,
    )


def _digest_of(names: Sequence[str], hashes: Sequence[str | None]) -> str:
    pairs = sorted([photo_hash or "", name] for photo_hash, name in zip(hashes, names, strict=True))
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()


def _divide(
    photos: PhotoFolder, found: PhotoFeatures, groups: np.ndarray, names: Sequence[str] | None
) -> tuple[np.ndarray, list[str]]:
    """The part of each photo, object (n,), and notes on what is left out."""
    keys = _keys(groups, names, found.hashes)
    with with_unreadable(found.errors):
        parts, notes = assign_cross_validated_parts(photos, found.hashes, keys)
    return np.asarray(parts, object), notes


def _describe_photos(
    folder: Path, photos: PhotoFolder, found: PhotoFeatures, parts: dict[str, np.ndarray]
) -> list[str]:
    return [
        f"{folder}: {describe_layout(photos, parts)}",
        *note_other_files(folder, photos.paths, photos.empty),
        *describe_unreadable(found.errors),
    ]


def describe_layout(photos: PhotoFolder, parts: dict[str, np.ndarray]) -> str:
    """How the photos are used, for the user."""
    if None not in photos.parts:
        found = photos.layout.partition(", with ")[0]  # a head needs no validation part, so none is cut off
        return f"{found}; all but the test photos are cross-validated"
    if "test" in parts:
        return "a folder for each class, split 85/15 into train and test by content"
    return "a folder for each class; too few photos for a test part, so all are cross-validated"


def _find_groups(found: PhotoFeatures, names: Sequence[str] | None) -> np.ndarray:
    """The group of each photo, int (n,): near copies belong together, and photos whose groups have the same name."""
    readable = np.flatnonzero([digest is not None for digest in found.hashes])
    return merge_groups(names, found.signatures.find_all_pairs(readable), len(found.hashes))


def _keys(groups: np.ndarray, names: Sequence[str] | None, hashes: Sequence[str | None]) -> list[str | None]:
    """For each photo the hash that decides its part: of its group's name, or the smallest of its group's photos.

    So a group stays in its part when photos are added, unless they are near copies of it.
    """
    own = list(hashes)
    if names is not None:  # which a table of another encoding has as bytes
        own = [hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest() for name in names]
    smallest: dict[int, str] = {}
    for group, key, digest in zip(groups.tolist(), own, hashes, strict=True):
        if digest is not None and key is not None:
            smallest[group] = min(smallest.get(group, key), key)
    return [None if digest is None else smallest[group] for group, digest in zip(groups.tolist(), hashes, strict=True)]


def _describe_groups(
    groups: np.ndarray, labels: np.ndarray, class_names: Sequence[str], groups_file: Path | None
) -> list[str]:
    """Notes on the groups of the training photos. Raises UserError if there is one group only."""
    sizes = np.unique(groups, return_counts=True)[1]
    together = int(sizes[sizes > 1].sum())
    if len(sizes) == 1:
        if groups_file:
            raise UserError(f"{groups_file}: puts all photos to train on into one group; cross-validation needs two")
        raise UserError("all photos to train on look alike, so none can be held out as new; add photos that differ")
    notes = [f"{together:,} photos look like another one; such photos stay together in the folds"] if together else []
    if groups_file:
        notes = [f"groups: {len(sizes):,}; the photos of a group stay together"]
    in_one = [
        f"class {class_names[label]!r}: all photos are in one group, so cross-validation asks about them without "
        "having learned the class; add photos of other groups"
        for label in classes_in_one_group(labels, groups)
    ]
    return [*notes, *first_lines(in_one, "more classes have all their photos in one group")]
