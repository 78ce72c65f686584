"""A preset or a folder to train, validation and test images: the one way to data for all commands."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from errors import UserError
from pipeline import array_datasets, photo_folders
from pipeline.photo_store import PhotoStore, Subset
from pipeline.photos import Preprocessing
from presets import Augmentation, Preset

# Of an array data set's training images, cut off for validation: 6,000 of 60,000, as many a class.
VALIDATION_SHARE = 0.1
# The split is part of the data, so it does not move with --seed.
SPLIT_SEED = 0


@dataclass(frozen=True)
class ImageSet:
    """The images of one part.

    Attributes:
        images: uint8 array (n, height, width, channels), or an object with `take(indices)` that returns one.
        labels: int32 (n,).
        names: what to call each image: a path, or its number in the data set.
    """

    images: np.ndarray | Subset
    labels: np.ndarray
    names: list[str]

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
    """

    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    parts: dict[str, ImageSet]
    notes: list[str]
    unreadable: dict[str, str] = field(default_factory=dict)


def image_shape(preset: Preset) -> tuple[int, int, int]:
    """(height, width, channels) that the preset asks for."""
    return (*preset.image_size, 1 if preset.grayscale else 3)


def load_arrays(preset: Preset, data_dir: str | None = None) -> Data:
    """An array data set, with a validation part cut from its training images (stratified).

    Raises UserError if the data set is nowhere, or if the preset asks for another image shape.
    """
    arrays = array_datasets.load(preset.dataset, data_dir)
    shape = arrays.x_train.shape[1:]
    if shape != image_shape(preset):
        raise UserError(
            f"--image-size, --grayscale: {preset.dataset} has images of {shape}, received {image_shape(preset)}; "
            "these options are for photos"
        )
    is_validation = _stratified(arrays.y_train, VALIDATION_SHARE)
    numbers = np.arange(len(arrays.y_train))
    parts = {
        part: ImageSet(arrays.x_train[chosen], arrays.y_train[chosen], [f"train {i}" for i in numbers[chosen]])
        for part, chosen in (("train", ~is_validation), ("validation", is_validation))
    }
    parts["test"] = ImageSet(arrays.x_test, arrays.y_test, [f"test {i}" for i in range(len(arrays.y_test))])
    notes = [f"{preset.dataset} from {arrays.origin}; {VALIDATION_SHARE:.0%} of its training images are for validation"]
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
    folder: Path, preset: Preset, progress: Callable[[Iterable], Iterable] = iter, budget: int | None = None
) -> Data:
    """A folder of photos, all decoded once, split as it says or by content.

    Args:
        folder: in one of the layouts of `photo_folders`.
        preset: gives image size and colour mode.
        progress: wraps the iterable of decoded photos, to show a bar.
        budget: bytes of memory for decoded photos, see `PhotoStore`.

    Raises:
        UserError: see `photo_folders.scan` and `assign_parts`.
    """
    photos = photo_folders.scan(folder)
    preprocessing = Preprocessing(image_shape(preset))
    store = PhotoStore(photos.paths, preprocessing, budget)
    hashes, errors = store.load(progress)
    assigned, left_out = photo_folders.assign_parts(photos, hashes)
    labels, assigned = np.asarray(photos.labels, np.int32), np.asarray(assigned, object)
    parts = {}
    for part in photo_folders.PARTS:
        indices = np.flatnonzero(assigned == part)
        if len(indices):
            names = [str(photos.paths[i]) for i in indices]
            parts[part] = ImageSet(Subset(store, indices), labels[indices], names)
    notes = [f"{folder}: {photos.layout}", *_unreadable_notes(errors), *left_out]
    return Data(photos.class_names, preprocessing, parts, notes, {str(path): why for path, why in errors.items()})


def _unreadable_notes(errors: dict[Path, str]) -> list[str]:
    notes = [f"left out, cannot be read: {path} ({reason})" for path, reason in errors.items()]
    return [*notes, f"{len(errors)} unreadable photos left out"] if errors else []


def describe(data: Data) -> list[str]:
    """Lines for the user: the notes, then how many images of each class are in each part."""
    sizes = [f"{len(images.labels):,} {part}" for part, images in data.parts.items()]
    classes = ", ".join(data.class_names[:10]) + (", ..." if len(data.class_names) > 10 else "")
    return [*data.notes, f"{' + '.join(sizes)} images of {len(data.class_names)} classes: {classes}"]


def batches(data: Data, part: str, batch_size: int, binary: bool, seed: int = 0, augmentation=None, shuffle=False):
    """The batches of one part for `fit` and `evaluate`, augmented if an `Augmentation` is given."""
    from pipeline.batches import Batches  # imports TensorFlow
    from pipeline.image_generator import ImageDataGenerator

    settings = asdict(augmentation or Augmentation())
    generator = ImageDataGenerator(rescale=data.preprocessing.rescale, **settings)
    images = data.parts[part]
    return Batches(images.images, images.labels, generator, batch_size, seed=seed, shuffle=shuffle, binary=binary)
