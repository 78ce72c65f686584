"""Loads an array data set or a folder of photos, divided into train, validation and test."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from image_kit.datasets.array_datasets import load_array_dataset
from image_kit.datasets.image_sets import Data, ImageSet, describe_unreadable, select_photos, with_unreadable
from image_kit.errors import UserError
from image_kit.photos import (
    PARTS,
    PhotoStore,
    Preprocessing,
    Signatures,
    assign_parts,
    find_look_alikes,
    note_other_files,
    note_samples,
    scan_folder,
)
from image_kit.recipe import Recipe

# Of an array data set's training images, used for validation: 6,000 of 60,000, the same fraction of each class.
VALIDATION_FRACTION = 0.1
SPLIT_SEED = 0  # the split belongs to the data, so --seed does not change it


def load_arrays(recipe: Recipe, data_dir: str | None = None) -> Data:
    """An array data set, with a validation part cut from its training images (stratified).

    Args:
        recipe: its dataset, image size and colour mode are used.
        data_dir: see `load_array_dataset`.

    Raises:
        UserError: the data set is not found, or the recipe has another image shape.
    """
    arrays = load_array_dataset(recipe.dataset, data_dir)
    shape = arrays.image_shape
    if shape != recipe.image_shape:
        raise UserError(
            f"--image-size, --grayscale: {recipe.dataset} has images of {shape}, received {recipe.image_shape}; "
            "these options are for photos"
        )
    is_validation = _choose_of_each_class(arrays.y_train, VALIDATION_FRACTION)
    numbers = np.arange(len(arrays.y_train))
    parts = {
        part: ImageSet(arrays.x_train[chosen], arrays.y_train[chosen], [f"train {i}" for i in numbers[chosen]])
        for part, chosen in (("train", ~is_validation), ("validation", is_validation))
    }
    parts["test"] = ImageSet(arrays.x_test, arrays.y_test, [f"test {i}" for i in range(len(arrays.y_test))])
    notes = [f"{recipe.dataset} from {arrays.origin}"]
    return Data(arrays.class_names, Preprocessing(shape), parts, notes)


def _choose_of_each_class(labels: np.ndarray, fraction: float) -> np.ndarray:
    """A bool mask (n,) of randomly chosen images: the same fraction of each class, but at least 1 image."""
    rng = np.random.default_rng(SPLIT_SEED)
    mask = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        mask[members[: max(1, round(fraction * len(members)))]] = True
    return mask


def load_photos(
    folder: Path, recipe: Recipe, show_progress: Callable[[Iterable], Iterable] = iter, budget: int | None = None
) -> Data:
    """A folder of photos, each decoded once; split as the folder is, or by content.

    Args:
        folder: in one of the layouts of `scan_folder`.
        recipe: its image size and colour mode are used.
        show_progress: wraps the iterable of decoded photos, to show a progress bar.
        budget: bytes of memory for decoded photos, see `PhotoStore`.

    Raises:
        UserError: see `scan_folder` and `assign_parts`.
    """
    photos = scan_folder(folder)
    preprocessing = Preprocessing(recipe.image_shape, sample_bits=recipe.sample_bits)
    store = PhotoStore(photos.paths, preprocessing, budget)
    signatures = Signatures(len(photos.paths), recipe.image_shape[2])
    hashes, errors = store.decode_all(show_progress, signatures.add)
    with with_unreadable(errors):
        assigned, left_out = assign_parts(photos, hashes)
    part_of, labels = np.asarray(assigned, object), np.asarray(photos.labels, np.int32)
    indices = {part: np.flatnonzero(part_of == part) for part in PARTS}
    parts = {part: select_photos(store, chosen, labels, hashes) for part, chosen in indices.items() if len(chosen)}
    look_alikes, look_alike_notes = find_look_alikes(signatures, photos.paths, part_of)
    notes = [
        f"{folder}: {photos.layout}",
        *note_other_files(folder, photos.paths, photos.empty),
        *describe_unreadable(errors),
        *left_out,
        *note_samples(photos.paths, recipe.sample_bits),
        *look_alike_notes,
    ]
    unreadable = {str(path): reason for path, reason in errors.items()}
    return Data(photos.class_names, preprocessing, parts, notes, unreadable, look_alikes)
