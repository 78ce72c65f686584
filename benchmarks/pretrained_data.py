"""The photos that benchmarks/pretrained.py measures on, and their features."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import common  # noqa: F401  puts the project on the path
import numpy as np

from image_kit.features import find_features, load_backbone, read_groups
from image_kit.photos import is_photo_name

CROP = 0.5  # as train.py


@dataclass(frozen=True, eq=False)
class Photos:
    """Photos of one source.

    Attributes:
        name: of the source.
        paths, labels, class_names: of the photos; a label is an index into the names.
        groups: int (n,), the sender of each photo; None: not known.
    """

    name: str
    paths: list[Path]
    labels: np.ndarray
    class_names: list[str]
    groups: np.ndarray | None = None

    def take(self, chosen: np.ndarray) -> "Photos":
        """Some of the photos."""
        groups = None if self.groups is None else self.groups[chosen]
        return Photos(self.name, [self.paths[i] for i in chosen], self.labels[chosen], self.class_names, groups)


def find_photos_of(folder: Path, senders: Path | None = None, class_names: Sequence[str] | None = None) -> Photos:
    """All photos of a folder that has a sub-folder for each class."""
    names = list(class_names or sorted(path.name for path in folder.iterdir() if path.is_dir()))
    found = [(path, label) for label, name in enumerate(names) for path in sorted((folder / name).glob("*"))]
    found = [(path, label) for path, label in found if is_photo_name(path)]
    paths, labels = [path for path, _ in found], np.array([label for _, label in found])
    groups = None
    if senders:
        groups = np.unique(read_groups(senders, folder, paths), return_inverse=True)[1]
    return Photos(folder.name, paths, labels, names, groups)


def find_clothing(data: Path) -> Photos:
    """The photos of clothing, by sender."""
    return find_photos_of(data / "clothing", data / "clothing_senders.csv")


@cache
def backbone_of(name: str):
    """The backbone, loaded once."""
    return load_backbone(name)


def features_of(paths: Sequence[Path], backbone: str = "lite0", crop: float = CROP, bounds: bool = True) -> np.ndarray:
    """The features of photos as a head gets them, float16 (n, d); kept in the cache folder as those of train.py.

    Args:
        paths: photos; each must be readable.
        backbone: see `load_backbone`.
        crop: see `Preprocessing`.
        bounds: whether tanh bounds them.
    """
    found = find_features(paths, backbone_of(backbone), keeps=True, crop=crop)[1]
    if found.errors:
        raise ValueError(f"cannot be read: {found.errors}")
    return np.tanh(found.values) if bounds else found.values
