"""Writes many small photos whose features are known, for large_folders.py --commands."""

from pathlib import Path

import cv2
import numpy as np

from image_kit.features import find_features, load_backbone, open_store, photo_features
from image_kit.photos import scan_folder

BACKBONE = "lite0"
LENGTH, USED = 1_280, 16  # its features, and those of them that are not zero
SIDE, NOISE_SIDE = 32, 12  # pixels: of a photo, and of the noise that is enlarged to it


def write_known_photos(folder: Path, count: int, classes: int, seed: int) -> None:
    """Photos, a folder for each class, whose made-up features are kept in the cache folder."""
    for label in range(classes):
        (folder / f"class_{label:04}").mkdir(parents=True)
    for number in range(count):
        label = number % classes
        path = folder / f"class_{label:04}" / f"{number:06}.jpg"
        path.write_bytes(cv2.imencode(".jpg", draw(label, seed, number))[1].tobytes())
    backbone = load_backbone(BACKBONE)
    paths = scan_folder(folder).paths
    preprocessing, _ = find_features(paths[:1], backbone, keeps=False)
    store = open_store(backbone, preprocessing, LENGTH, keeps=True)
    photo_features(paths, MadeUpFeatures(), SmallPhotos(), store)


def draw(label: int, seed: int, number: int) -> np.ndarray:
    """A photo of a class, uint8 (32, 32, 3)."""
    shape = (NOISE_SIDE, NOISE_SIDE, 3)
    shared, own = (np.random.default_rng(key).random(shape, np.float32) for key in ([label], [seed, number, 1]))
    return (cv2.resize((shared + own) / 2, (SIDE, SIDE)) * 255).astype(np.uint8)


class SmallPhotos:
    """Decodes the photos without enlarging them; a `Decoding`."""

    def photo(self, source: bytes) -> np.ndarray:
        """A JPEG -> uint8 (32, 32, 3)."""
        return cv2.imdecode(np.frombuffer(source, np.uint8), cv2.IMREAD_COLOR)


class MadeUpFeatures:
    """Mixes pixels instead of asking a backbone; a `BackboneRunner`."""

    def __init__(self):
        self._mixture = np.random.default_rng(0).normal(0, 1 / SIDE, (SIDE * SIDE * 3, USED)).astype(np.float32)

    def run(self, images: np.ndarray) -> np.ndarray:
        """uint8 (b, 32, 32, 3) -> float32 (b, LENGTH)."""
        features = np.zeros((len(images), LENGTH), np.float32)
        features[:, :USED] = (images.reshape(len(images), -1).astype(np.float32) / 255 - 0.5) @ self._mixture
        return features
