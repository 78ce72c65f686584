"""A preset or a folder to train, validation and test images: the one way to data for all commands."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from image_kit.datasets import array_datasets
from image_kit.errors import UserError
from image_kit.photos import (
    PARTS,
    PhotoStore,
    Preprocessing,
    Signatures,
    Subset,
    assign_parts,
    look_alikes_across_parts,
    passed_over,
    scan_folder,
)
from image_kit.recipe import Augmentation, Recipe

# Of an array data set's training images, cut off for validation: 6,000 of 60,000, as many a class.
VALIDATION_SHARE = 0.1
# The split is part of the data, so it does not move with --seed.
SPLIT_SEED = 0
LISTED = 10  # classes that a message names; more would hide the rest of it


@dataclass(frozen=True)
class ImageSet:
    """The images of one part.

    Attributes:
        images: uint8 array (n, height, width, channels), or an object with `take(indices)` that returns one.
        labels: int32 (n,).
        names: what to call each image: a path, or its number in the data set.
        fingerprints: uint64 (n,) of the photos' content, see `fingerprints`; None for arrays.
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
    """All that a training needs to know of its images.

    Attributes:
        parts: "train" and "validation", and "test" where there is one.
        notes: sentences for the user: where the data came from, what was left out.
        unreadable: photos that could not be decoded, by path, with the reason.
        look_alikes: by part, photos that look like one of an earlier part, and that one.
    """

    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    parts: dict[str, ImageSet]
    notes: list[str]
    unreadable: dict[str, str] = field(default_factory=dict)
    look_alikes: dict[str, dict[str, str]] = field(default_factory=dict)


def load_arrays(preset: Recipe, data_dir: str | None = None) -> Data:
    """An array data set, with a validation part cut from its training images (stratified).

    Raises UserError if the data set is nowhere, or if the preset asks for another image shape.
    """
    arrays = array_datasets.load_array_dataset(preset.dataset, data_dir)
    shape = arrays.x_train.shape[1:]
    if shape != preset.image_shape:
        raise UserError(
            f"--image-size, --grayscale: {preset.dataset} has images of {shape}, received {preset.image_shape}; "
            "these options are for photos"
        )
    is_validation = _stratified(arrays.y_train, VALIDATION_SHARE)
    numbers = np.arange(len(arrays.y_train))
    parts = {
        part: ImageSet(arrays.x_train[chosen], arrays.y_train[chosen], [f"train {i}" for i in numbers[chosen]])
        for part, chosen in (("train", ~is_validation), ("validation", is_validation))
    }
    parts["test"] = ImageSet(arrays.x_test, arrays.y_test, [f"test {i}" for i in range(len(arrays.y_test))])
    notes = [f"{preset.dataset} from {arrays.origin}"]
    return Data(arrays.class_names, Preprocessing(shape), parts, notes)


def _stratified(labels: np.ndarray, share: float) -> np.ndarray:
    """A bool mask (n,) that picks the same share, at least 1, of every class at random."""
    rng = np.random.default_rng(SPLIT_SEED)
    mask = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        mask[members[: max(1, round(share * len(members)))]] = True
    return mask


def load_photos(
    folder: Path, preset: Recipe, progress: Callable[[Iterable], Iterable] = iter, budget: int | None = None
) -> Data:
    """A folder of photos, all decoded once, split as it says or by content.

    Args:
        folder: in one of the layouts of `photo_folders`.
        preset: gives image size and colour mode.
        progress: wraps the iterable of decoded photos, to show a bar.
        budget: bytes of memory for decoded photos, see `PhotoStore`.

    Raises:
        UserError: see `scan_folder` and `assign_parts`.
    """
    photos = scan_folder(folder)
    preprocessing = Preprocessing(preset.image_shape)
    store = PhotoStore(photos.paths, preprocessing, budget)
    signatures = Signatures(len(photos.paths), preset.image_shape[2])
    hashes, errors = store.load(progress, signatures.see)
    assigned, left_out = assign_parts(photos, hashes)
    labels, assigned = np.asarray(photos.labels, np.int32), np.asarray(assigned, object)
    parts = {}
    for part in PARTS:
        indices = np.flatnonzero(assigned == part)
        if len(indices):
            parts[part] = photo_set(store, indices, labels, hashes)
    alike, alike_notes = look_alikes_across_parts(signatures, photos.paths, assigned)
    notes = [
        f"{folder}: {photos.layout}",
        *passed_over(folder, photos.paths),
        *unreadable_notes(errors),
        *left_out,
        *alike_notes,
    ]
    unreadable = {str(path): why for path, why in errors.items()}
    return Data(photos.class_names, preprocessing, parts, notes, unreadable, alike)


def fingerprints(hashes: list[str | None]) -> np.ndarray:
    """uint64 (n,): the first 8 bytes of each content hash, 0 for None. Two of a million photos collide at 3e-8."""
    return np.array([int(digest[:16], 16) if digest else 0 for digest in hashes], np.uint64)


def photo_set(store: PhotoStore, indices: np.ndarray, labels: np.ndarray, hashes: list[str | None]) -> ImageSet:
    """The photos of a store at `indices`; `labels` and `hashes` are of the whole store."""
    names = [str(store.paths[i]) for i in indices]
    return ImageSet(Subset(store, indices), labels[indices], names, fingerprints([hashes[i] for i in indices]))


def shift_images(images: np.ndarray, pixels: int) -> np.ndarray:
    """Move images off centre: the first one left, the next one right, up, down, left, ...

    Args:
        images: uint8 (n, height, width, channels).
        pixels: how far, at least 0 and less than a side; the border that this uncovers repeats the image's edge.

    Raises UserError if `pixels` is out of that range.
    """
    if not 0 <= pixels < min(images.shape[1:3]):
        raise UserError(f"--shift: must be from 0 to {min(images.shape[1:3]) - 1} for these images, received {pixels}")
    shifted = np.empty_like(images)
    for number, (axis, sign) in enumerate(((2, 1), (2, -1), (1, 1), (1, -1))):
        length = images.shape[axis]
        sources = np.clip(np.arange(length) + sign * pixels, 0, length - 1)
        shifted[number::4] = np.take(images[number::4], sources, axis=axis)
    return shifted


def shifted(images: ImageSet, pixels: int) -> ImageSet:
    """The same images off centre, see `shift_images`; all are in memory at once."""
    moved = shift_images(images.take(np.arange(len(images.labels))), pixels)
    return ImageSet(moved, images.labels, images.names)


def unreadable_notes(errors: dict[Path, str]) -> list[str]:
    """A sentence for each photo that cannot be decoded, and their number."""
    notes = [f"left out, cannot be read: {path} ({reason})" for path, reason in errors.items()]
    return [*notes, f"{len(errors)} unreadable photos left out"] if errors else []


def describe_data(data: Data) -> list[str]:
    """Lines for the user: the notes, then how many images, and of each class if the classes are few, each part has."""
    lines = [*data.notes, f"{len(data.class_names)} classes: {_listed(data.class_names)}"]
    for part, images in data.parts.items():
        counts = np.bincount(images.labels, minlength=len(data.class_names))
        each = [f"{count:,} {name}" for count, name in zip(counts, data.class_names, strict=True)]
        lines.append(f"{part}: {len(images.labels):,} images ({_listed(each)})")
    return lines


def _listed(items: Sequence[str]) -> str:
    return ", ".join(items[:LISTED]) + (", ..." if len(items) > LISTED else "")


def trained_on(data: Data) -> np.ndarray:
    """uint64 fingerprints of the photos that decide the weights: train and validation; empty for arrays."""
    seen = [data.parts[part].fingerprints for part in ("train", "validation")]
    return np.concatenate(seen) if seen[0] is not None else np.empty(0, np.uint64)


def make_batches(
    data: Data,
    part: str,
    batch_size: int,
    binary: bool,
    seed: int = 0,
    augmentation: Augmentation | None = None,
    shuffle: bool = False,
    share: tuple[int, int] = (0, 1),
):
    """The `image_kit.datasets.batches.Batches` of one part for `fit`, augmented if an `Augmentation` is given."""
    from image_kit.datasets.batches import Batches  # imports TensorFlow

    generator = image_generator(augmentation or Augmentation(), data.preprocessing.rescale)
    images = data.parts[part]
    return Batches(
        images.images, images.labels, generator, batch_size, seed=seed, shuffle=shuffle, binary=binary, share=share
    )


def image_generator(augmentation: Augmentation, rescale: float | None = None):
    """The `ImageDataGenerator` that applies an `Augmentation`."""
    from image_kit.generator import ImageDataGenerator  # imports TensorFlow

    return ImageDataGenerator(rescale=rescale, **asdict(augmentation))
