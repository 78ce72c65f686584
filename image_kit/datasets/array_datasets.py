"""Fashion-MNIST, CIFAR-10 and MNIST as uint8 arrays, from wherever this machine has them."""

import contextlib
import gzip
import math
import os
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from image_kit.errors import UserError, first_line, name_disk_failure
from image_kit.photos import PhotoSource
from image_kit.retries import FileForZip, is_folder, is_there, read_again

CLASS_NAMES = {
    "fashion_mnist": (
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat") + ("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
    ),
    "cifar10": (("airplane", "automobile", "bird", "cat", "deer") + ("dog", "frog", "horse", "ship", "truck")),
    "mnist": tuple("0123456789"),
}
IMAGE_SHAPES = {"fashion_mnist": (28, 28, 1), "cifar10": (32, 32, 3), "mnist": (28, 28, 1)}
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
# These show light things on a black background. If the median of an image's border is above INVERTED_BORDER (0..255),
# it is probably a photo of a dark thing on white.
LIGHT_ON_BLACK = ("fashion_mnist", "mnist")
INVERTED_BORDER = 127
MAX_BYTES = 2**30  # of one array; the largest, CIFAR-10's training images, has 1.5e8
# The folder of Debian's package dataset-fashion-mnist, with its four files.
DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class ArrayDataset:
    """A data set that fits in memory.

    Attributes:
        x_train, x_test: uint8 images (n, height, width, channels), 0..255.
        y_train, y_test: int32 labels (n,), indices into `class_names`.
        class_names: in label order.
        origin: where the arrays were found, for the user.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]
    origin: str

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        height, width, channels = self.x_train.shape[1:]
        return height, width, channels


def load_array_dataset(
    name: str, data_dir: Path | str | None = None, debian: Path = DEBIAN_FASHION_MNIST
) -> ArrayDataset:
    """Load "fashion_mnist", "cifar10" or "mnist" from the first place that has it.

    The places, in this order: NAME.npz (x_train, y_train, x_test and y_test as Keras's own loaders return them) in
    `data_dir`, or in the environment variable DATASETS_DIR if that is None; for Fashion-MNIST, Debian's package;
    Keras's own loader with its cache and its download.

    Raises:
        UserError: no place has it (the message lists all of them), or a file there is damaged.
    """
    folder = data_dir or os.environ.get("DATASETS_DIR")
    if folder and is_there(file := Path(folder) / f"{name}.npz"):
        return _check_dataset(name, _read_npz(file), str(file))
    if name == "fashion_mnist" and is_folder(debian):
        return _check_dataset(name, _read_debian(debian), str(debian))
    return _check_dataset(name, _load_with_keras(name, folder, debian), f"keras.datasets.{name}")


def load_test_image(
    dataset: str | None, number: int, data_dir: Path | str | None, image_shape: tuple[int, int, int]
) -> PhotoSource:
    """One image of an array data set's test set, ready for a network; its label is part of its name.

    Args:
        dataset: that the network was trained on.
        number: of the image, from 0.
        data_dir: see `load_array_dataset`.
        image_shape: of the network's input.

    Raises:
        UserError: it is not an array data set, its images do not have the network's shape, there is no such number,
            or see `load_array_dataset`.
    """
    if dataset not in CLASS_NAMES:
        known = ", ".join(CLASS_NAMES)
        raise UserError(f"--test-image: is for networks trained on {known}; give photos, or other --weights")
    if image_shape != (shape := IMAGE_SHAPES[dataset]):
        raise UserError(f"--test-image: {dataset} has images of {shape}, the network takes {image_shape}; give photos")
    arrays = load_array_dataset(dataset, data_dir)
    if not 0 <= number < len(arrays.x_test):
        raise UserError(f"--test-image: must be from 0 to {len(arrays.x_test) - 1}, received {number}")
    label = arrays.class_names[arrays.y_test[number]]
    return PhotoSource(f"{dataset} test {number} ({label})", arrays.x_test[number])


def looks_inverted(image: np.ndarray, name: str | None) -> bool:
    """Whether a uint8 image (height, width, channels) has a bright border, unlike those of this data set."""
    if name not in LIGHT_ON_BLACK:
        return False
    border = np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])
    return bool(np.median(border) > INVERTED_BORDER)


@read_again
def _read_npz(file: Path) -> dict[str, np.ndarray]:
    opened = None
    try:
        with FileForZip(file) as opened, zipfile.ZipFile(opened) as archive:
            members = set(archive.namelist())
            if missing := [key for key in ARRAYS if f"{key}.npy" not in members]:
                raise UserError(f"{file}: has no array {missing[0]!r}; it must contain {', '.join(ARRAYS)}")
            return {key: _read_array(archive, f"{key}.npy") for key in ARRAYS}
    except UserError:
        raise
    # On damaged files zipfile, zlib and NumPy raise over ten kinds, RuntimeError and SyntaxError among them.
    except Exception as error:
        cause = (opened and opened.failure) or error
        if failure := name_disk_failure(cause):
            raise UserError(f"{file}: cannot be read ({failure})") from cause
        raise UserError(
            f"{file}: is not a readable .npz file ({first_line(error)}); write it again with numpy.savez"
        ) from None


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """An array. Raises ValueError, before it takes memory, for one of Python objects or larger than MAX_BYTES."""
    with archive.open(name) as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read(member)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise ValueError(f"{name} is a pickle of Python objects, not one array of numbers")
        if size > MAX_BYTES:
            raise ValueError(f"{name} has {size:,} bytes; at most {MAX_BYTES:,} are read")
        data = member.read(size)
    return np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")


def _read_debian(folder: Path) -> dict[str, np.ndarray]:
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return {key: _read_idx(folder / f"{name}-ubyte.gz") for key, name in zip(ARRAYS, names, strict=True)}


def _read_idx(file: Path) -> np.ndarray:
    """Read a gzipped IDX file of bytes (format: http://yann.lecun.com/exdb/mnist/)."""
    try:
        with gzip.open(file) as packed:
            raw = packed.read(MAX_BYTES)
        rank = raw[3]  # bytes 0 to 2 mean "unsigned bytes"; after byte 3, each axis has a big-endian length
        shape = [int.from_bytes(raw[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(rank)]
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, IndexError, ValueError, zlib.error) as error:
        raise UserError(f"{file}: damaged or missing ({error}); install dataset-fashion-mnist again") from None


def _load_with_keras(name: str, folder: str | Path | None, debian: Path) -> dict[str, np.ndarray]:
    import keras  # 3 s, and the other places do not need it

    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras prints its download's progress
            (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # no network, no such host, a changed file: Keras raises many kinds
        places = [f"{name}.npz in --data-dir or DATASETS_DIR ({folder or 'not given'}): not there"]
        if name == "fashion_mnist":
            places.append(f"Debian's dataset-fashion-mnist ({debian}): not installed")
        places.append(f"Keras's cache and download: {first_line(error)}")
        raise UserError(f"{name}: not found on this machine. Looked in " + "; ".join(places)) from None
    return dict(zip(ARRAYS, (x_train, y_train, x_test, y_test), strict=True))


def _check_dataset(name: str, arrays: dict[str, np.ndarray], origin: str) -> ArrayDataset:
    checked = {}
    for part in ("train", "test"):
        images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"].reshape(-1)
        checked[f"x_{part}"] = _check_images(images, IMAGE_SHAPES[name], f"{origin}: x_{part}")
        checked[f"y_{part}"] = _check_labels(labels, len(images), len(CLASS_NAMES[name]), f"{origin}: y_{part}")
    return ArrayDataset(**checked, class_names=CLASS_NAMES[name], origin=origin)


def _check_images(images: np.ndarray, shape: tuple[int, int, int], where: str) -> np.ndarray:
    """The images as uint8 (n, *shape); the axis of a single channel may be missing, as it is from Keras."""
    shapes = (shape, shape[:2]) if shape[2] == 1 else (shape,)
    if images.dtype != np.uint8 or images.shape[1:] not in shapes or not len(images):
        wanted = ", ".join(map(str, shape))
        raise UserError(f"{where} must be uint8 (n, {wanted}), received {images.dtype} {images.shape}")
    return images.reshape(-1, *shape)


def _check_labels(labels: np.ndarray, count: int, n_classes: int, where: str) -> np.ndarray:
    rule = f"{where} must be {count} integers from 0 to {n_classes - 1}, received"
    if len(labels) != count or labels.dtype.kind not in "iu":
        raise UserError(f"{rule} {len(labels)} {labels.dtype}")
    if labels.min() < 0 or labels.max() >= n_classes:
        raise UserError(f"{rule} {labels.min()} to {labels.max()}")
    return labels.astype(np.int32)
