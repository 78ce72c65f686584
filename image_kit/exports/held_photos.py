"""The photos that an export is proven on, and those that int8 is calibrated on: a run's own, found again.

The weights file has fingerprints of the photos behind the weights. So photos that the network has not seen are told
from those that it has, wherever the folder is now, without the split being made again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from image_kit.datasets import ImageSet, load_arrays, to_fingerprints
from image_kit.errors import UserError
from image_kit.files import shortened
from image_kit.photo_sets import SUBJECTS, draw_scene
from image_kit.photos import (
    PhotoError,
    PhotoFolder,
    Preprocessing,
    class_spelling,
    content_hash,
    quote_unknown,
    read_file,
    scan_folder,
)
from image_kit.terminal import name_some, progress
from image_kit.threads import threads
from image_kit.training import RunFolder, Settings
from image_kit.weights import read_trained_on

MOST_HELD = 300  # photos, which take 3 s; one of them is a third of a point of accuracy
MOST_FOR_CALIBRATION = 200  # photos
FEWEST_UNSEEN = 30  # with fewer, photos that the network has seen are added
MOST_READ = 3_000  # photos are read and hashed, 1 ms each, to find enough that the network has not seen
DRAWN = 20  # pictures where there are no photos, 30 ms each
BLOCK = 100  # photos that are read at once


@dataclass(frozen=True)
class RunPhotos:
    """Images to prove an export on, and images to calibrate it with.

    Attributes:
        held: up to MOST_HELD images, names and, if `is_labelled`, labels in the order of the network's classes.
        calibration: uint8 (n, height, width, channels), up to MOST_FOR_CALIBRATION images that the network was trained
            on, or if there are none, of `held`.
        words: which images are held, for the user: "51 photos of my_photos that it was not trained on".
        is_labelled: False for pictures that show no class; `held.labels` are then 0.
    """

    held: ImageSet
    calibration: np.ndarray
    words: str
    is_labelled: bool


def find_run_photos(
    weights: Path, class_names: Sequence[str], preprocessing: Preprocessing, data: Path | None = None
) -> RunPhotos:
    """The photos of the run that a weights file belongs to; pictures that the kit draws, if they cannot be found.

    Args:
        weights: the file; settings.json beside it names the folder or the data set.
        class_names, preprocessing: the network's.
        data: the folder where the photos are now, or the one that contains NAME.npz; None: where they were.

    Raises:
        UserError: `data` is not such a folder.
    """
    try:
        settings = RunFolder(weights.parent).read_settings()
    except (OSError, UserError, ValueError):
        settings = None
    try:
        if settings and settings.recipe.dataset != "photos":
            return _of_arrays(settings, str(data) if data else None, preprocessing)
        folder = data or (Path(settings.folder) if settings and settings.folder else None)
        if folder is None:
            return _draw("no settings.json beside the weights says where its photos are", preprocessing)
        return _of_folder(shortened(folder), read_trained_on(weights), tuple(class_names), preprocessing)
    except UserError as error:
        if data:
            raise
        return _draw(f"its photos were not found: {str(error).splitlines()[0]}", preprocessing)


def _of_arrays(settings: Settings, data_dir: str | None, preprocessing: Preprocessing) -> RunPhotos:
    loaded = load_arrays(settings.recipe, data_dir or settings.data_dir)
    if loaded.preprocessing != preprocessing:
        raise UserError(f"{settings.recipe.dataset}: has images of {loaded.preprocessing.image_shape}")
    test, train = loaded.parts["test"], loaded.parts["train"]
    chosen = _spread(len(test.labels), MOST_HELD)
    held = ImageSet(test.take(chosen), test.labels[chosen], [test.names[index] for index in chosen])
    calibration = train.take(_spread(len(train.labels), MOST_FOR_CALIBRATION))
    return RunPhotos(held, calibration, f"{len(chosen)} test images of {settings.recipe.dataset}", True)


def _spread(count: int, most: int) -> np.ndarray:
    """Up to `most` of `count` indices, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def _of_folder(
    folder: Path, trained_on: np.ndarray, class_names: tuple[str, ...], preprocessing: Preprocessing
) -> RunPhotos:
    photos = scan_folder(folder)
    spelled = [class_spelling(name) for name in class_names]
    if unknown := [name for name in photos.class_names if name not in spelled]:
        raise UserError(
            f"{folder}: has a class {quote_unknown(unknown[0], class_names)}; the network knows "
            f"{name_some(class_names)}; name its folder as one of these, or move it away"
        )
    unseen, seen = _read_until_enough(photos, preprocessing, trained_on)
    added = seen[-(MOST_HELD - len(unseen)) :] if len(unseen) < FEWEST_UNSEEN else []
    if not unseen and not added:
        raise UserError(f"{folder}: has no photo that can be read")
    indices = [index for index, _ in unseen + added]
    labels = np.array([spelled.index(photos.class_names[photos.labels[index]]) for index in indices], np.int32)
    held = ImageSet(np.stack([image for _, image in unseen + added]), labels, [str(photos.paths[i]) for i in indices])
    calibration = [image for _, image in (seen or unseen)[:MOST_FOR_CALIBRATION]]
    return RunPhotos(held, np.stack(calibration), _describe(folder, len(unseen), len(added)), True)


def _describe(folder: Path, unseen: int, added: int) -> str:
    new = f"{unseen} photos of {folder} that it was not trained on"
    known = f"{added} photos of {folder} that it was trained or validated on"
    return f"{new}, and {known}" if unseen and added else known if added else new


def _read_until_enough(photos: PhotoFolder, preprocessing: Preprocessing, trained_on: np.ndarray) -> tuple[list, list]:
    """(index, image) of photos that the network has not seen, and of photos that it has; of each as many as needed.

    Photos are taken in an order that is random but always the same, those of a test part first.
    """
    order = np.random.default_rng(0).permutation(len(photos.paths)).tolist()
    order.sort(key=lambda index: photos.parts[index] != "test")  # which keeps the order of equal ones
    known = set(map(int, trained_on))
    unseen: list[tuple[int, np.ndarray]] = []
    seen: list[tuple[int, np.ndarray]] = []
    starts = progress(range(0, min(len(order), MOST_READ), BLOCK), label="reading")
    for start in starts:
        block = order[start : start + BLOCK]
        read = threads().map(lambda index: _read_photo(photos.paths[index], preprocessing), block)
        for index, found in zip(block, read, strict=True):
            if found is not None:
                image, fingerprint = found
                (seen if fingerprint in known else unseen).append((index, image))
        if len(unseen) >= MOST_HELD and len(seen) >= MOST_FOR_CALIBRATION:
            break
    return unseen[:MOST_HELD], seen[:MOST_HELD]


def _read_photo(path: Path, preprocessing: Preprocessing) -> tuple[np.ndarray, int] | None:
    """A photo's image and fingerprint; None if it cannot be read, which train.py has told."""
    try:
        data = read_file(path)
        return preprocessing.photo(data), int(to_fingerprints([content_hash(data)])[0])
    except PhotoError:
        return None


def _draw(why: str, preprocessing: Preprocessing) -> RunPhotos:
    """Drawings of the demonstration set, which are no photos of the network's classes."""
    names = [name for name in SUBJECTS for _ in range(DRAWN // len(SUBJECTS))]
    drawn = [preprocessing.resize(draw_scene(name, np.random.default_rng(seed))) for seed, name in enumerate(names)]
    images = np.stack(drawn)
    held = ImageSet(images, np.zeros(len(images), np.int32), [f"drawing {number}" for number in range(len(images))])
    return RunPhotos(held, images, f"{len(images)} drawings that the kit made, since {why}", False)
