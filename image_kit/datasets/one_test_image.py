"""One image of an array data set's test set, as a photo to answer."""

from pathlib import Path

from image_kit.datasets import array_datasets
from image_kit.errors import UserError
from image_kit.photos import PhotoSource


def image_of_test_set(
    dataset: str | None, number: int, data_dir: Path | str | None, image_shape: tuple[int, int, int]
) -> PhotoSource:
    """One image of an array data set's test set, ready for the network; its label stands in its name.

    Raises UserError: no array data set, images of another shape than the network's, no such number, or as
    `array_datasets.load_array_dataset`.
    """
    if dataset not in array_datasets.CLASS_NAMES:
        known = ", ".join(array_datasets.CLASS_NAMES)
        raise UserError(f"--test-image: is for networks trained on {known}; give photos, or other --weights")
    if image_shape != (shape := array_datasets.IMAGE_SHAPES[dataset]):
        raise UserError(f"--test-image: {dataset} has images of {shape}, the network takes {image_shape}; give photos")
    arrays = array_datasets.load_array_dataset(dataset, data_dir)
    if not 0 <= number < len(arrays.x_test):
        raise UserError(f"--test-image: must be from 0 to {len(arrays.x_test) - 1}, received {number}")
    label = arrays.class_names[arrays.y_test[number]]
    return PhotoSource(f"{dataset} test {number} ({label})", arrays.x_test[number])
